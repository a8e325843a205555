"""TensorFlow Lite (``schema.fbs``, a FlatBuffer): data, unless it asks for custom or Flex operators."""

import struct
from typing import Final

from assay.formats.sample import DATA, EFFECTS, Concern, Recognition, Sample, UnparseableError

_OPERATOR_CODES: Final = 1
_CUSTOM_CODE: Final = 1
_MAX_OPERATORS: Final = 10_000


def look(sample: Sample) -> Recognition | None:
    """Recognise a TFLite model and list its custom operators."""
    if sample.head[4:8] != b"TFL3":
        return None
    buffer = _Buffer(sample)
    vector = buffer.field(buffer.follow(0), _OPERATOR_CODES)
    custom = []
    if vector:
        start = buffer.follow(vector)
        count = buffer.number(start)
        if count > _MAX_OPERATORS:
            raise UnparseableError("too many operators", "limit")
        for index in range(count):
            place = buffer.field(buffer.follow(start + 4 + 4 * index), _CUSTOM_CODE)
            if place:
                custom.append(buffer.text(buffer.follow(place)))
    if custom:
        concern = Concern("custom_operator", "medium", f"custom operators: {', '.join(custom[:20])}"[:500])
        return Recognition("tflite", EFFECTS, concern.detail, (concern,))
    return Recognition("tflite", DATA, "built-in operators only")


class _Buffer:
    """Follows offsets of a FlatBuffer (flatbuffers.dev, "Internals"); every read is inside the file."""

    def __init__(self, sample: Sample) -> None:
        self._sample = sample

    def number(self, place: int) -> int:
        """Return the unsigned 32-bit number at ``place``."""
        return int(struct.unpack("<I", self._sample.read_at(place, 4))[0])

    def follow(self, place: int) -> int:
        """Return where the offset at ``place`` leads."""
        return place + self.number(place)

    def field(self, table: int, index: int) -> int:
        """Return where field ``index`` of a table lies, 0 when it is absent."""
        back = struct.unpack("<i", self._sample.read_at(table, 4))[0]
        vtable = table - back
        size = struct.unpack("<H", self._sample.read_at(vtable, 2))[0]
        slot = 4 + 2 * index
        if slot + 2 > size:
            return 0
        offset = struct.unpack("<H", self._sample.read_at(vtable + slot, 2))[0]
        return table + offset if offset else 0

    def text(self, place: int) -> str:
        """Return the text at ``place``."""
        length = self.number(place)
        if length > 1000:
            raise UnparseableError("a name is too long", "limit")
        return self._sample.read_at(place + 4, length).decode("utf-8", "replace")
