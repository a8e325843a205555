"""Time and chance of this machine, behind ``core.ports``."""

import secrets
import string
import time
from datetime import UTC, datetime
from typing import Final

_ALPHABET: Final = string.digits + string.ascii_lowercase
_LETTERS: Final = string.ascii_letters + string.digits


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present instant, aware, UTC."""
        return datetime.now(UTC)


class SystemChance:
    """The machine's randomness."""

    def identifier(self, prefix: str) -> str:
        """Return a fresh id; ids sort by the millisecond they were made in."""
        number = time.time_ns() // 1_000_000
        digits = ""
        for _ in range(9):
            number, rest = divmod(number, 36)
            digits = _ALPHABET[rest] + digits
        return f"{prefix}_{digits}{''.join(secrets.choice(_ALPHABET) for _ in range(11))}"

    def token_parts(self) -> tuple[str, str]:
        """Return (16 hex digits, 43 unguessable letters and digits)."""
        return secrets.token_hex(8), "".join(secrets.choice(_LETTERS) for _ in range(43))
