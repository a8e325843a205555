"""A reader of protobuf's wire format: enough to walk a message without its schema.

See protobuf.dev, "Encoding". Total: broken input gives None, never an exception.
"""

from collections.abc import Iterator
from typing import Final

MAX_FIELDS: Final = 2_000_000
Field = tuple[int, int, int | bytes]


def fields(message: bytes | memoryview) -> list[Field] | None:
    """Return (number, wire type, value) of each field, None when the bytes are no message."""
    try:
        return list(_walk(memoryview(message)))
    except (IndexError, ValueError):
        return None


def _walk(view: memoryview) -> Iterator[Field]:
    at = count = 0
    while at < len(view):
        count += 1
        if count > MAX_FIELDS:
            raise ValueError("too many fields")
        key, at = _varint(view, at)
        number, kind = key >> 3, key & 7
        if number == 0:
            raise ValueError("field number 0")
        if kind == 0:
            value, at = _varint(view, at)
            yield number, kind, value
            continue
        length, at = (8, at) if kind == 1 else (4, at) if kind == 5 else _length(view, at, kind)
        if at + length > len(view):
            raise ValueError("field longer than the message")
        yield number, kind, bytes(view[at : at + length])
        at += length


def _length(view: memoryview, at: int, kind: int) -> tuple[int, int]:
    if kind != 2:
        raise ValueError(f"wire type {kind}")
    return _varint(view, at)


def _varint(view: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = view[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("varint too long")
