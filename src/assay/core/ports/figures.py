"""Port of what operators watch."""

from typing import Protocol

from assay.core.figures import Figures


class Tallies(Protocol):
    """Counts over everything, each answered out of an index."""

    def figures(self) -> Figures:
        """Return the counts of now."""
        ...

    def schema(self) -> str:
        """Return the revision of the schema that the database has."""
        ...
