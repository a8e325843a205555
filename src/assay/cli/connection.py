# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help is quick
"""Where the registry is: from the options before the command, or from the environment."""

from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assay.client import Client


@dataclass(frozen=True, slots=True)
class Connection:
    """``url`` empty means ``ASSAY_URL`` or the default; the token comes from ``ASSAY_TOKEN`` only."""

    url: str = ""
    timeout_s: float = 60.0


CONNECTION: ContextVar[Connection] = ContextVar("CONNECTION", default=Connection())  # noqa: B039 - it is frozen


def connect() -> "Client":
    """Return a client for the registry of this command; close it, or use it in a ``with`` statement.

    Raises:
        BadInputError: the address or the token cannot be used.
    """
    from assay.client import Client

    chosen = CONNECTION.get()
    return Client(chosen.url or None, timeout_s=chosen.timeout_s)
