"""Pickle and joblib: files that are programs. Loading one runs it.

Pickle has no reliable magic: protocols 0 and 1 are plain opcodes, some of them text. So the inert
machine is tried on everything that nothing else recognised, and its answer decides.
"""

import bz2
import gzip
import io
import lzma
import zlib
from typing import BinaryIO, Final

from assay.formats.interim import Trace, follow
from assay.formats.recognition import Danger, Recognition, Risk, Sample, critical
from assay.formats.reviewed_names import REVIEWED

MAX_INFLATED_BYTES: Final = 1 << 30
MAX_LAYERS: Final = 4
GLANCE_OPCODES: Final = 200_000
GLANCE_BYTES: Final = 8 << 20
_ADVICE: Final = "executes code on load"
_TORCH_MAGIC: Final = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"
_Source = tuple[BinaryIO, int]


def recognise(sample: Sample) -> Recognition | None:
    """Recognise a pickle or joblib file, compressed or not, and list what it would import."""
    compressed = _is_compressed(sample.head)
    sample.source.seek(0)
    source: _Source | None = (sample.source, sample.size)
    if compressed:
        source = _inflate(sample)
        if source is None:
            return Recognition(
                "compressed", Risk.UNCLASSIFIED, "compressed, and not readable within the limits"
            )
    if source is None:
        return None
    magic = _starts_like_pickle(source)
    if not sample.deep and not magic and sample.size > GLANCE_BYTES:
        return None
    source[0].seek(0)
    trace = follow(source[0], source[1], opcodes=20_000_000 if sample.deep else GLANCE_OPCODES)
    if not _is_pickle(trace, magic=magic):
        return (
            Recognition("compressed", Risk.UNCLASSIFIED, "compressed, content not recognised")
            if compressed
            else None
        )
    return _described(trace, _name(sample, trace), deep=sample.deep)


def inspect_names(content: bytes) -> Trace:
    """Follow a pickle that lies inside another file."""
    return follow(io.BytesIO(content), len(content))


def dangers(trace: Trace) -> tuple[Danger, ...]:
    """Return what stands against a followed pickle: foreign names, or that it could not be followed."""
    found = []
    foreign = sorted(f"{module}.{name}" for module, name in trace.names if not _reviewed(module, name))
    if foreign:
        called = ", and calls it" if len(foreign) == 1 and foreign[0] in trace.calls else ""
        found.append(critical("foreign_globals", f"imports {', '.join(foreign[:50])}{called}"))
    if trace.problem:
        found.append(critical("unparseable", trace.problem))
    return tuple(found)


def _reviewed(module: str, name: str) -> bool:
    # A dotted name walks from object to object: nobody reviewed where it ends.
    return "." not in name and (module, name) in REVIEWED


def _described(trace: Trace, name: str, *, deep: bool) -> Recognition:
    names = tuple(sorted(f"{module}.{each}" for module, each in trace.names))
    found = dangers(trace) if deep else ()
    family = "is pickle and " if name != "pickle" else ""
    return Recognition(name, Risk.CODE, f"{name} {family}{_ADVICE}", found, names)


def _name(sample: Sample, trace: Trace) -> str:
    if sample.head[2:14].startswith(_TORCH_MAGIC[:8]) or _TORCH_MAGIC in sample.head[:32]:
        return "torch-legacy"
    return "joblib" if ("joblib.numpy_pickle", "NumpyArrayWrapper") in trace.names else "pickle"


def _is_pickle(trace: Trace, *, magic: bool) -> bool:
    """A file that names something to import is one, whatever else it is; so is one that parses whole."""
    return magic or bool(trace.names) or (trace.stream_count > 0 and not trace.problem)


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
