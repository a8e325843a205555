"""Port of what operators watch."""

from typing import Protocol

from assay.core.figures import Figures


class Tallies(Protocol):
    """Counts over everything, each but that of blobs answered out of an index."""

    def figures(self) -> Figures:
        """Return the counts of now."""
        ...

    def blobs(self) -> tuple[int, int]:
        """Return how many blobs are known, and their bytes; takes the longer the more there are."""
        ...

    def misfit(self) -> str:
        """Return the newest revision of the schema where this program cannot work with it, else ""."""
        ...
