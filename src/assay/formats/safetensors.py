"""safetensors (huggingface/safetensors, README and ``tensor.rs``): a JSON header and raw numbers.

Always data. Stricter than the library in one thing: a key that occurs twice is refused.
"""

import json
import math
from typing import Any, Final

from assay.formats.sample import DATA, Recognition, Sample, UnparseableError

# The library allows 100 MB; what is longer than this is not looked into and so not trusted.
MAX_HEADER_BYTES: Final = 32 * 1024**2
_BITS: Final = {
    **dict.fromkeys(("F4",), 4),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 16),
    **dict.fromkeys(("I32", "U32", "F32"), 32),
    **dict.fromkeys(("C64", "F64", "I64", "U64"), 64),
}
_RULE: Final = "invalid_header"


def look(sample: Sample) -> Recognition | None:
    """Recognise a safetensors file and check its header."""
    # Eight printable letters before a brace are text, and as a length beyond all reason.
    if (
        len(sample.head) < 9
        or sample.head[8:9] != b"{"
        or (min(sample.head[:8]) >= 0x09 and sample.head[7] >= 0x20)
    ):
        return None
    length = int.from_bytes(sample.head[:8], "little")
    if length > MAX_HEADER_BYTES or 8 + length > sample.size_bytes:
        raise UnparseableError(f"the header claims {length} bytes", _RULE)
    try:
        header = json.loads(sample.read_at(8, length).decode("utf-8"), object_pairs_hook=_unique)
    except UnparseableError:
        raise
    except (ValueError, RecursionError) as error:
        raise UnparseableError("the header is no JSON", _RULE) from error
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(type(value) is str for value in metadata.values()):
        raise UnparseableError("the metadata are not texts", _RULE)
    spans = sorted(_span(name, entry) for name, entry in header.items())
    position = 0
    for begin, end in spans:
        if begin != position:
            raise UnparseableError(f"a hole or an overlap at {position}", _RULE)
        position = end
    if 8 + length + position != sample.size_bytes:
        raise UnparseableError("the tensors do not fill the file", _RULE)
    return Recognition("safetensors", DATA, f"{len(spans)} tensors")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UnparseableError("a key occurs twice", _RULE)
    return found


def _span(name: str, entry: Any) -> tuple[int, int]:
    """Return begin and end of a tensor, checked against its type and shape."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise UnparseableError(f"tensor {name[:50]!r} is malformed", _RULE)
    shape, offsets = entry["shape"], entry["data_offsets"]
    numbers = [*shape, *offsets] if isinstance(shape, list) and isinstance(offsets, list) else [None]
    if any(type(number) is not int or not 0 <= number < 1 << 53 for number in numbers) or len(offsets) != 2:
        raise UnparseableError(f"tensor {name[:50]!r} is malformed", _RULE)
    bits = math.prod(shape) * _BITS.get(str(entry["dtype"]), -1)
    if bits < 0 or bits % 8 or (offsets[1] - offsets[0]) * 8 != bits:
        raise UnparseableError(f"tensor {name[:50]!r} is not of the size of its type and shape", _RULE)
    return offsets[0], offsets[1]
