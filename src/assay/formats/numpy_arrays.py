"""NumPy's .npy and .npz (numpy.lib.format): data, unless an element is a Python object (then pickle)."""

import ast
import math
import re
import struct
from dataclasses import dataclass
from typing import Any, Final

from assay.formats.sample import CODE, DATA, Concern, Recognition, Sample, UnparseableError
from assay.formats.zips import Archive, archive_of

MAGIC: Final = b"\x93NUMPY"
# As NumPy: longer literals may be slow or crash their parser.
MAX_HEADER_BYTES: Final = 10_000
_SIMPLE: Final = re.compile(r"[<>|=]?([biufcmMSUVOa?])([0-9]{0,9})(\[[0-9a-zA-Z]{1,8}\])?")
_CODES: Final = {"i1": "b", "i2": "h", "i4": "i", "i8": "q", "u1": "B", "u2": "H", "u4": "I", "u8": "Q"}
_REALS: Final = {"f4": "f", "f8": "d", "b1": "?"}


@dataclass(frozen=True, slots=True)
class Layout:
    """What a header declares.

    Attributes:
        shape: of the array.
        item_bytes: of one element.
        objects: elements hold Python objects.
        fields: for a record of plain fields: name -> (offset, struct code).
        data_offset: where the elements begin.
    """

    shape: tuple[int, ...]
    item_bytes: int
    objects: bool
    fields: dict[str, tuple[int, str]]
    data_offset: int


def read_layout(head: bytes) -> Layout:
    """Read the header of a .npy file.

    Raises:
        UnparseableError: it is not exactly as NumPy writes it.
    """
    if len(head) < 12 or not head.startswith(MAGIC) or head[6] not in (1, 2, 3) or head[7] != 0:
        raise UnparseableError("not a NumPy array", "invalid_header")
    wide = head[6] > 1
    length = struct.unpack_from("<I" if wide else "<H", head, 8)[0]
    start = 12 if wide else 10
    if length > MAX_HEADER_BYTES or len(head) < start + length:
        raise UnparseableError("the header is too long", "invalid_header")
    try:
        header = ast.literal_eval(head[start : start + length].decode("utf-8"))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise UnparseableError("the header is no literal", "invalid_header") from error
    if not isinstance(header, dict) or set(header) != {"descr", "fortran_order", "shape"}:
        raise UnparseableError("the header is malformed", "invalid_header")
    shape = header["shape"]
    if type(shape) is not tuple or any(type(size) is not int or size < 0 for size in shape):
        raise UnparseableError("the shape is malformed", "invalid_header")
    item_bytes, objects, fields = _measure(header["descr"])
    return Layout(shape, item_bytes, objects, fields, start + length)


def _measure(descr: Any, depth: int = 0) -> tuple[int, bool, dict[str, tuple[int, str]]]:
    """Return size, whether there are objects, and the plain fields of an element type."""
    if isinstance(descr, str):
        size, objects, _ = _simple(descr)
        return size, objects, {}
    if not isinstance(descr, list) or depth > 8:
        raise UnparseableError("the element type is malformed", "invalid_header")
    offset, objects, fields = 0, False, {}
    for each in descr:
        if not isinstance(each, tuple) or len(each) not in (2, 3):
            raise UnparseableError("the element type is malformed", "invalid_header")
        size, inner, _ = _measure(each[1], depth + 1)
        if len(each) == 2 and isinstance(each[1], str) and isinstance(each[0], str):
            fields[each[0]] = (offset, _simple(each[1])[2])
        count = math.prod(each[2]) if len(each) == 3 else 1
        offset, objects = offset + size * count, objects or inner
    return offset, objects, fields


def _simple(text: str) -> tuple[int, bool, str]:
    """Return size in bytes, whether it is an object, and the struct code ("" when there is none)."""
    match = _SIMPLE.fullmatch(text)
    if not match:
        raise UnparseableError(f"element type {text[:30]!r} is not known", "invalid_header")
    kind, digits = match[1], match[2]
    if kind == "O":
        return 8, True, ""
    size = int(digits or 1)
    order = ">" if text.startswith(">") else "<"
    code = {**_CODES, **_REALS}.get(f"{kind}{size}", "")
    return size * 4 if kind == "U" else size, False, order + code if code else ""


def look(sample: Sample) -> Recognition | None:
    """Recognise a .npy file."""
    if not sample.head.startswith(MAGIC):
        return None
    layout = read_layout(sample.read_at(0, min(sample.size_bytes, MAX_HEADER_BYTES + 16)))
    if layout.objects:
        return Recognition("npy", CODE, "an array of Python objects is pickle: executes code on load")
    if layout.data_offset + layout.item_bytes * math.prod(layout.shape) != sample.size_bytes:
        raise UnparseableError("the array does not fill the file", "invalid_header")
    return Recognition("npy", DATA, f"array of shape {layout.shape}"[:200])


def layout_in(archive: Archive, name: str) -> Layout:
    """Read the header of an array in an archive, and check that it fills its entry.

    Raises:
        UnparseableError: it is no array, or its sizes do not agree.
    """
    entry = archive.entries.get(name)
    if entry is None:
        raise UnparseableError(f"there is no {name}")
    if entry.method == 0:
        head = archive.sample.read_at(archive.starts[name], min(entry.size_bytes, MAX_HEADER_BYTES + 16))
    else:
        head = archive.head(name, MAX_HEADER_BYTES + 16)
    layout = read_layout(head)
    filled = layout.data_offset + layout.item_bytes * math.prod(layout.shape) == entry.size_bytes
    if not filled and not layout.objects:
        raise UnparseableError(f"{name} does not fill its entry", "invalid_header")
    return layout


def look_npz(sample: Sample) -> Recognition | None:
    """Recognise a .npz file: a zip of arrays and nothing else."""
    archive = archive_of(sample)
    if archive is None or not archive.entries or not all(n.endswith(".npy") for n in archive.entries):
        return None
    objects = [name for name in archive.entries if layout_in(archive, name).objects]
    if objects:
        concern = Concern(
            "object_array", "high", f"{', '.join(objects[:10])}: Python objects, which are pickle"
        )
        return Recognition("npz", CODE, "holds arrays of Python objects: executes code on load", (concern,))
    return Recognition("npz", DATA, f"{len(archive.entries)} arrays")
