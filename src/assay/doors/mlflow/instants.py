"""Instants and lengths of time as protobuf writes them in JSON (protobuf.dev, "ProtoJSON Format")."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from assay.core.errors import BadInputError, Reason

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)
_LENGTH: Final = re.compile(r"(-?)(\d{1,12})(?:\.(\d{1,9}))?s")


def instant_text(at_ms: int) -> str:
    """Return milliseconds since 1970 (years 1 to 9999) as ``2026-11-24T15:54:32.918Z``."""
    at = _EPOCH + timedelta(milliseconds=at_ms)
    text = f"{at.year:04d}-{at:%m-%dT%H:%M:%S}"
    return f"{text}.{at_ms % 1000:03d}Z" if at_ms % 1000 else f"{text}Z"


def read_instant(text: str, field: str) -> int:
    """Return an instant as whole milliseconds since 1970; an empty text is 0.

    Raises:
        BadInputError: it is no instant.
    """
    if not text:
        return 0
    try:
        at = datetime.fromisoformat(text)
        return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH) // _MS
    except (ValueError, OverflowError) as error:
        rule = "must be an instant such as 2026-11-24T15:54:32.918Z"
        raise BadInputError(f"Invalid value {text[:60]!r} for '{field}'", [Reason(field, rule)]) from error


def length_text(length_ms: int) -> str:
    """Return a length in milliseconds as ``0.068s``."""
    whole, rest = divmod(abs(length_ms), 1000)
    sign = "-" if length_ms < 0 else ""
    return f"{sign}{whole}.{rest:03d}s" if rest else f"{sign}{whole}s"


def read_length(text: str, field: str) -> int:
    """Return a length as whole milliseconds.

    Raises:
        BadInputError: it is no length.
    """
    match = _LENGTH.fullmatch(text)
    if not match:
        rule = "must be seconds such as 0.068s"
        raise BadInputError(f"Invalid value {text[:60]!r} for '{field}'", [Reason(field, rule)])
    length = int(match[2]) * 1000 + int((match[3] or "").ljust(3, "0")[:3])
    return -length if match[1] else length
