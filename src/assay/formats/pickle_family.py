"""Pickle and joblib: files that are programs. Loading one runs it.

Pickle has no reliable magic: protocols 0 and 1 are plain opcodes, some of them text. So the inert
machine is tried on everything that nothing else recognised, and its answer decides.
"""

import bz2
import gzip
import io
import lzma
import struct
import zlib
from typing import BinaryIO, Final

from assay.formats.feed import FileFeed
from assay.formats.limits import REGISTERING, SCANNING, Budget, Meter, UnparseableError
from assay.formats.pickle_arrays import WRAPPER
from assay.formats.pickle_machine import PickleMachine
from assay.formats.pickle_notes import Notes
from assay.formats.recognition import Recognition, Risk, Sample

MAX_INFLATED_BYTES: Final = 1 << 30
MAX_LAYERS: Final = 4
MAX_STREAMS: Final = 10_000
GLANCE_BYTES: Final = 64 << 20
_TORCH_MAGIC: Final = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"
_Source = tuple[BinaryIO, int]


def recognise(sample: Sample) -> Recognition | None:
    """Recognise a pickle or joblib file, compressed or not, and list what it would import."""
    compressed = _is_compressed(sample.head)
    source: _Source | None = _inflate(sample) if compressed else (sample.source, sample.size)
    if source is None:
        return Recognition("compressed", Risk.UNCLASSIFIED, "compressed, and not readable within the limits")
    magic = _starts_like_pickle(source)
    if not sample.deep and not magic and sample.size > GLANCE_BYTES:
        return None
    notes = follow(source[0], source[1], SCANNING if sample.deep else REGISTERING)
    if not (magic or notes.telling or (notes.streams and notes.problem is None)):
        return (
            Recognition("compressed", Risk.UNCLASSIFIED, "compressed, content not recognised")
            if compressed
            else None
        )
    name = _name(sample, notes)
    family = "is pickle and " if name != "pickle" else ""
    names = tuple(sorted(f"{module}.{each}" for module, each in notes.globals))
    dangers = notes.concerns() if sample.deep else ()
    return Recognition(name, Risk.CODE, f"{name} {family}executes code on load", dangers, names)


def follow(file: BinaryIO, size: int, budget: Budget = SCANNING) -> Notes:
    """Follow every pickle stream of a file to its last byte; nothing is imported or called."""
    notes, meter = Notes(), Meter(budget)
    feed = FileFeed(file, size)
    try:
        while not feed.at_end():
            PickleMachine(feed, meter, notes).run()
            notes.streams += 1
            if notes.streams > MAX_STREAMS:
                raise UnparseableError("too many streams", "limit")
    except UnparseableError as error:
        notes.problem = error
    except (ValueError, OverflowError, struct.error, TypeError, RecursionError, MemoryError) as error:
        notes.problem = UnparseableError(f"{type(error).__name__}: {str(error)[:200]}")
    return notes


def _name(sample: Sample, notes: Notes) -> str:
    if _TORCH_MAGIC in sample.head[:32]:
        return "torch-legacy"
    return "joblib" if WRAPPER in notes.globals else "pickle"


def _starts_like_pickle(source: _Source) -> bool:
    source[0].seek(0)
    head = source[0].read(2)
    return len(head) == 2 and head[0] == 0x80 and head[1] <= 5


def _is_compressed(head: bytes) -> bool:
    zlib_header = len(head) > 1 and head[0] == 0x78 and (head[0] * 256 + head[1]) % 31 == 0
    return zlib_header or head.startswith(
        (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"]\x00\x00", b"\x04\x22\x4d\x18")
    )


def _inflate(sample: Sample) -> _Source | None:
    """Undo up to four layers of compression within a bound; None when that is not possible."""
    sample.source.seek(0)
    bound = MAX_INFLATED_BYTES if sample.deep else GLANCE_BYTES
    source: _Source = (sample.source, sample.size)
    for _ in range(MAX_LAYERS):
        source[0].seek(0)
        if not _is_compressed(source[0].read(16)):
            return source
        source[0].seek(0)
        content = _one_layer(source[0], bound)
        if content is None:
            return None
        source = (io.BytesIO(content), len(content))
    return None


def _one_layer(file: BinaryIO, bound: int) -> bytes | None:
    head = file.read(6)
    file.seek(0)
    try:
        if head.startswith(b"\x1f\x8b"):
            with gzip.GzipFile(fileobj=file) as inflated:
                content = inflated.read(bound + 1)
        elif head.startswith(b"BZh"):
            with bz2.BZ2File(file) as inflated:
                content = inflated.read(bound + 1)
        elif head.startswith((b"\xfd7zXZ", b"]\x00\x00")):
            with lzma.LZMAFile(file) as inflated:
                content = inflated.read(bound + 1)
        elif head.startswith(b"\x78"):
            content = zlib.decompressobj().decompress(file.read(), bound + 1)
        else:
            return None
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, MemoryError):
        return None
    return content if len(content) <= bound else None
