"""Port of the searches over models and versions in the filter language."""

from collections.abc import Sequence
from typing import Protocol

from assay.core.names import ModelName
from assay.core.search import ModelOverview, Page, VersionSummary
from assay.core.stages import Stage
from assay.core.tracking.searches import Search
from assay.core.versions import Model


class RegistrySearch(Protocol):
    """``visible`` are the patterns (``*``, ``team/*``, ``team/task``) the asker may see."""

    def models(self, search: Search, visible: tuple[str, ...]) -> Page[Model]:
        """Return a page of models, by the name they are known as unless ordered otherwise.

        Raises:
            BadInputError: the cursor is not one of ours, or another question's.
        """
        ...

    def versions(self, search: Search, visible: tuple[str, ...]) -> Page[tuple[str, VersionSummary]]:
        """Return a page of versions, each with the name its model is known as.

        Last changed first unless ordered otherwise; what an order leaves open goes by name, then by
        number, the greatest first.

        Raises:
            BadInputError: the cursor is not one of ours, or another question's.
        """
        ...

    def overviews(self, models: Sequence[Model]) -> tuple[ModelOverview, ...]:
        """Return these models, in this order, with their newest versions and aliases."""
        ...

    def latest(self, model: ModelName, stages: Sequence[Stage] = ()) -> tuple[VersionSummary, ...]:
        """Return of each stage, or of all in their order, the version with the greatest number."""
        ...
