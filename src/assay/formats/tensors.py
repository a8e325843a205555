"""Formats that hold arrays and nothing else: safetensors, npy, npz."""

import ast
import json
import math
import re
from typing import Any, Final

from assay.formats.recognition import Recognition, Risk, Sample, critical
from assay.formats.zip_files import open_zip

MAX_HEADER_BYTES: Final = 100_000_000
_BITS: Final = {
    "BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8,
    "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32,
    "F32": 32, "C64": 64, "F64": 64, "I64": 64, "U64": 64,
}  # fmt: skip


def recognise_safetensors(sample: Sample) -> Recognition | None:
    """Recognise safetensors and check its header as the library does (safetensors ``tensor.rs``)."""
    length = int.from_bytes(sample.head[:8], "little")
    if len(sample.head) < 10 or sample.head[8:9] != b"{":
        return None
    if length > min(MAX_HEADER_BYTES, sample.size - 8):
        problem = f"the header claims {length} bytes"
    else:
        problem = _header_problem(sample.read_at(8, length), sample.size - 8 - length)
    if problem:
        return Recognition("safetensors", Risk.UNCLASSIFIED, problem, (critical("invalid_header", problem),))
    return Recognition("safetensors", Risk.DATA, "arrays only")


def _header_problem(header: bytes, buffer_bytes: int) -> str:
    try:
        entries = json.loads(header, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        return f"the header is no JSON object: {error}"
    ranges = []
    for name, entry in entries.items():
        if name == "__metadata__":
            continue
        try:
            begin, end = entry["data_offsets"]
            bits = math.prod(entry["shape"]) * _BITS[entry["dtype"]]
        except (KeyError, TypeError, ValueError):
            return f"the entry of tensor {name[:100]!r} is malformed"
        if bits % 8 or end - begin != bits // 8:
            return f"tensor {name[:100]!r} does not fill its range"
        ranges.append((begin, end))
    at = 0
    for begin, end in sorted(ranges):
        if begin != at:
            return "ranges overlap or leave holes"
        at = end
    return "" if at == buffer_bytes else "the file is longer or shorter than its tensors"


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a key occurs twice")
    return dict(pairs)


def recognise_npy(sample: Sample) -> Recognition | None:
    """Recognise a NumPy array; one of objects is a pickle inside."""
    if not sample.head.startswith(b"\x93NUMPY"):
        return None
    if _holds_objects(sample.head):
        found = critical("foreign_globals", "an array of objects is a pickle")
        return Recognition("npy", Risk.CODE, "an array of objects executes code on load", (found,))
    return Recognition("npy", Risk.DATA, "an array")


def recognise_npz(sample: Sample) -> Recognition | None:
    """Recognise a zip in which every member is a NumPy array."""
    archive = open_zip(sample)
    if archive is None or not archive.names or not all(name.endswith(".npy") for name in archive.names):
        return None
    for name in archive.names:
        content = archive.read(name)
        if content is None or not content.startswith(b"\x93NUMPY") or _holds_objects(content[:65536]):
            found = critical("foreign_globals", f"member {name[:200]!r} is no plain array")
            return Recognition("npz", Risk.CODE, "an array of objects executes code on load", (found,))
    risk = Risk.CODE if archive.dangers else Risk.DATA
    return Recognition("npz", risk, "arrays", archive.dangers)


def _holds_objects(head: bytes) -> bool:
    """Whether the dtype in a npy header has objects; a header that cannot be read counts as such."""
    start = 12 if head[6:7] in (b"\x02", b"\x03") else 10
    length = int.from_bytes(head[8:start], "little")
    try:
        header = ast.literal_eval(head[start : start + length].decode("latin1").strip())
        kind = repr(header["descr"])
    except (ValueError, SyntaxError, KeyError, TypeError, MemoryError, RecursionError):
        return True
    return bool(re.search(r"['\"][<>|=]?O", kind))
