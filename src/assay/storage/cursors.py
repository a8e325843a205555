"""Cursors: the key of the last row of a page, as text that clients carry without looking inside."""

import base64
import binascii
from collections.abc import Sequence
from types import UnionType
from typing import Any, Final

from assay.core.errors import BadInputError, Reason
from assay.wire.codec import decode, encode

Part = str | int | float | bool | None
Kind = type | UnionType
_FLOATS: Final = (float, float | None)
_WHOLE: Final = 2**63


def write_cursor(key: Sequence[Part]) -> str:
    """Return the cursor for a key; every float comes back exactly, infinities too."""
    parts = [part.hex() if isinstance(part, float) else part for part in key]
    return base64.urlsafe_b64encode(encode(parts)).decode().rstrip("=")


def read_cursor(text: str, kinds: Sequence[Kind]) -> list[Any]:
    """Return the key of a cursor, of which each part is of its kind (``int``, ``float | None``).

    Raises:
        BadInputError: it is not one of ours.
    """
    try:
        raw = base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
        key = decode(raw, list[int | str | bool | None])
        if len(key) != len(kinds):
            raise foreign()
        return [_part(part, kind) for part, kind in zip(key, kinds, strict=True)]
    except (binascii.Error, UnicodeEncodeError, BadInputError, ValueError, OverflowError) as error:
        raise foreign() from error


def _part(part: Any, kind: Kind) -> Any:
    if kind in _FLOATS and isinstance(part, str):
        return float.fromhex(part)
    if not isinstance(part, kind) or (isinstance(part, int) and not -_WHOLE <= part < _WHOLE):
        raise foreign()
    return part


def foreign() -> BadInputError:
    """Return the error for a cursor that does not belong here."""
    rule = "must come from the page before"
    return BadInputError(f"Invalid page token, it {rule}", [Reason("cursor", rule)])
