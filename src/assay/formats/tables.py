"""Tables in columns: Parquet and Arrow. Data, unless they carry Arrow's Python extension types.

PyArrow before 14.0.1 unpickled the description of such a type while reading (CVE-2023-47248).
"""

import base64
from typing import Final

from assay.formats.sample import CODE, DATA, Concern, Recognition, Sample, UnparseableError

_PARQUET: Final = b"PAR1"
_ARROW: Final = b"ARROW1"
_MAX_FOOTER_BYTES: Final = 64 * 1024**2
_EXTENSION: Final = b"arrow.py_extension_type"


def _encodings(word: bytes) -> tuple[bytes, ...]:
    """Return how a word can look inside Base64: it depends on where it begins."""
    found = []
    for shift in range(3):
        encoded = base64.b64encode(bytes(shift) + word)
        found.append(encoded[(shift * 8 + 5) // 6 : len(encoded) - 4])
    return (word, *found)


_WORDS: Final = _encodings(_EXTENSION)


def look(sample: Sample) -> Recognition | None:
    """Recognise a Parquet or Arrow file."""
    if sample.head.startswith(_PARQUET):
        return _judge("parquet", _footer(sample, _PARQUET))
    if sample.head.startswith(_ARROW):
        return _judge("arrow", sample.head + _footer(sample, _ARROW))
    return None


def _footer(sample: Sample, magic: bytes) -> bytes:
    ending = sample.tail(4 + len(magic))
    length = int.from_bytes(ending[:4], "little")
    if not ending.endswith(magic) or length > _MAX_FOOTER_BYTES:
        raise UnparseableError("the footer is missing", "truncated")
    return sample.read_at(sample.size_bytes - len(ending) - length, length)


def _judge(name: str, footer: bytes) -> Recognition:
    if any(word in footer for word in _WORDS):
        concern = Concern(
            "arrow_extension", "critical", "a Python extension type, which old readers unpickle"
        )
        return Recognition(name, CODE, concern.detail, (concern,))
    return Recognition(name, DATA, "a table")
