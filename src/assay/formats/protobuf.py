"""A reader of Protocol Buffers messages (protobuf.dev, "Encoding") that holds no more than it is asked for.

It gives the fields of a message where they lie in the file; long values are passed over, not read.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from assay.formats.sample import Sample, UnparseableError

VARINT: Final = 0
FIXED64: Final = 1
BYTES: Final = 2
FIXED32: Final = 5
_WINDOW: Final = 4096


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its ``number``, wire type, its value if it is a number, and where its bytes lie."""

    number: int
    wire: int
    value: int
    start: int
    end: int


class Messages:
    """Reads messages of one file."""

    def __init__(self, sample: Sample) -> None:
        """Keep the file."""
        self._sample = sample
        self._window = b""
        self._window_start = 0

    def fields(self, start: int, end: int) -> Iterator[Field]:
        """Give the fields of the message that lies from ``start`` to ``end``.

        Raises:
            UnparseableError: it is no message.
        """
        position = start
        while position < end:
            self._sample.meter.work(1)
            key, position = self._varint(position, end)
            number, wire = key >> 3, key & 7
            if number == 0 or number > 0x1FFFFFFF:
                raise UnparseableError("a field has no number")
            value = 0
            if wire == VARINT:
                value, following = self._varint(position, end)
            elif wire == BYTES:
                length, position = self._varint(position, end)
                following = position + length
            elif wire in (FIXED64, FIXED32):
                following = position + (8 if wire == FIXED64 else 4)
            else:
                raise UnparseableError("a field has no known type")
            if following > end:
                raise UnparseableError("a field reaches beyond its message", "truncated")
            yield Field(number, wire, value, position, following)
            position = following

    def content(self, field: Field, limit_bytes: int) -> bytes:
        """Return a field's bytes.

        Raises:
            UnparseableError: it is a number, or longer than ``limit_bytes``.
        """
        if field.wire != BYTES or field.end - field.start > limit_bytes:
            raise UnparseableError("a field is too long or no text")
        return self._sample.read_at(field.start, field.end - field.start)

    def text(self, field: Field, limit_bytes: int = 4096) -> str:
        """Return a field's text; bytes that are no UTF-8 are replaced.

        Raises:
            UnparseableError: it is a number, or longer than ``limit_bytes``.
        """
        return self.content(field, limit_bytes).decode("utf-8", "replace")

    def _varint(self, position: int, end: int) -> tuple[int, int]:
        value, shift = 0, 0
        while position < end and shift < 70:
            byte = self._byte(position)
            position += 1
            value |= (byte & 0x7F) << shift
            if not byte & 0x80:
                return value & 0xFFFFFFFFFFFFFFFF, position
            shift += 7
        raise UnparseableError("a number does not end", "truncated")

    def _byte(self, position: int) -> int:
        place = position - self._window_start
        if not 0 <= place < len(self._window):
            self._sample.source.seek(position)
            self._window = self._sample.source.read(_WINDOW)
            self._window_start, place = position, 0
            if not self._window:
                raise UnparseableError("the file ends early", "truncated")
        return self._window[place]
