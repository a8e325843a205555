"""Port of the searches over models and versions in the filter language."""

from typing import Protocol

from assay.core.search import Page, VersionSummary
from assay.core.tracking.searches import Search
from assay.core.versions import Model


class RegistrySearch(Protocol):
    """``visible`` are the patterns (``*``, ``team/*``, ``team/task``) the asker may see."""

    def models(self, search: Search, visible: tuple[str, ...]) -> Page[Model]:
        """Return a page of models, by the name they are known as unless ordered otherwise.

        Raises:
            BadInputError: the cursor is not one of ours.
        """
        ...

    def versions(self, search: Search, visible: tuple[str, ...]) -> Page[tuple[str, VersionSummary]]:
        """Return a page of versions, last changed first, each with the name its model is known as.

        Raises:
            BadInputError: the cursor is not one of ours.
        """
        ...
