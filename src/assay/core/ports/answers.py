"""Port of kept answers."""

from datetime import datetime
from typing import Protocol

from assay.core.answers import KeptAnswer


class Answers(Protocol):
    """Answers by the id of what was to take effect once."""

    def get(self, once_id: str) -> KeptAnswer | None:
        """Return one."""
        ...

    def keep(self, answer: KeptAnswer) -> None:
        """Store it, in place of one with the same id."""
        ...

    def forget(self, before: datetime, limit: int) -> int:
        """Remove what was made before an instant, oldest first, at most ``limit``; return how many."""
        ...
