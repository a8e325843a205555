"""Port of quotas: what teams and models use is counted where versions and tracked files are written."""

from typing import Protocol

from assay.core.quotas import Quota


class Quotas(Protocol):
    """Quotas, and what is used of them.

    Use changes by itself, in the transaction that stores or takes away a version or the name of a tracked
    file; those ports refuse what would be more than a quota allows.
    """

    def get(self, owner: str) -> Quota:
        """Return what a team or model uses and may use; one that nobody spoke of uses nothing."""
        ...

    def set(self, owner: str, limit_bytes: int | None) -> None:
        """Set a quota, or take it away with None; what is used stays, even where it is more."""
        ...

    def teams(self) -> tuple[Quota, ...]:
        """Return every team that uses something, and whatever has a quota, by name."""
        ...

    def of_team(self, team: str) -> tuple[Quota, ...]:
        """Return a team and its models that use something or have a quota, by name."""
        ...

    def recount(self) -> tuple[tuple[str, int, int], ...]:
        """Count anew what everybody uses.

        Returns:
            Where something else was kept before: owner, bytes before, bytes now; by name.
        """
        ...
