"""Time and chance, which core has none of."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Time."""

    def now(self) -> datetime:
        """Return the present instant, aware, UTC."""
        ...


class Chance(Protocol):
    """Randomness."""

    def identifier(self, prefix: str) -> str:
        """Return a fresh id: the prefix, ``_`` and 20 letters and digits that sort by time of making."""
        ...

    def token_parts(self) -> tuple[str, str]:
        """Return (16 hex digits, 43 unguessable letters and digits)."""
        ...
