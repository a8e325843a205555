"""The id of the request under way: its log lines, its error documents and its answer all carry it.

It follows the work of a request into other threads, as far as they are given its context.
"""

import re
from contextvars import ContextVar
from typing import Final

_WELL_FORMED: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_current: ContextVar[str] = ContextVar("assay_request_id", default="")


def request_id() -> str:
    """Return the id of the request under way, "" outside of one."""
    return _current.get()


def begin_request(name: str) -> None:
    """Say that what is done in this context from now on belongs to the request ``name``."""
    _current.set(name)


def is_request_id(text: str) -> bool:
    """Tell whether a client's own id may be taken: short, and of characters that no log line splits at."""
    return _WELL_FORMED.fullmatch(text) is not None
