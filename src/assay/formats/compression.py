"""gzip, zlib, bzip2, xz and LZMA: opened with limits, and what is inside is recognised again.

Exactly one compressed stream to the last byte: readers differ in what they do with whatever follows.
"""

import bz2
import io
import lzma
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from assay.formats.feed import Reads, read_all
from assay.formats.sample import UNCLASSIFIED, Meter, Recognition, Sample, UnparseableError

MAX_CONTENT_BYTES: Final = 64 * 1024**2
_CHUNK: Final = 1 << 18
_LZMA_MEMORY_BYTES: Final = 256 * 1024**2
_MAGIC: Final = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"]\x00\x00", "lzma"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
)
_OPENERS: Final[dict[str, Callable[[], Any]]] = {
    "gzip": lambda: zlib.decompressobj(zlib.MAX_WBITS | 16),
    "zlib": zlib.decompressobj,
    "bzip2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_LZMA_MEMORY_BYTES),
    "lzma": lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_LZMA_MEMORY_BYTES),
}


def compression_of(head: bytes) -> str:
    """Name the compression by its first bytes; "" when there is none."""
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    # RFC 1950: deflate with a 32 KiB window, header divisible by 31.
    is_zlib = len(head) > 2 and head[0] == 0x78 and int.from_bytes(head[:2], "big") % 31 == 0
    return "zlib" if is_zlib else ""


class Inflated(io.RawIOBase):
    """The content of one compressed stream, read forward, counted on a meter."""

    def __init__(self, name: str, source: Reads, meter: Meter) -> None:
        """Open.

        Raises:
            UnparseableError: this compression cannot be opened here.
        """
        super().__init__()
        if name not in _OPENERS:
            raise UnparseableError(f"{name} compression cannot be looked into", "unsupported")
        self._source = source
        self._meter = meter
        self._machine = _OPENERS[name]()
        self._waiting = b""
        self._ready = b""
        self.depleted = False

    def readable(self) -> bool:
        """Only this."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Return up to ``size`` bytes, nothing only at the end of a whole stream.

        Raises:
            UnparseableError: broken or truncated, bytes behind its end, or the budget is used up.
        """
        while not self._ready and not self._at_end():
            self._ready = self._step()
            self._meter.inflate(len(self._ready))
        size = len(self._ready) if size < 0 else size
        found, self._ready = self._ready[:size], self._ready[size:]
        return found

    def _at_end(self) -> bool:
        if not self._machine.eof:
            return False
        if not self.depleted:
            self.depleted = True
            if self._machine.unused_data or self._source.read(1):
                raise UnparseableError("bytes follow the compressed stream", "trailing_data")
        return True

    def _step(self) -> bytes:
        """Feed the decompressor once."""
        try:
            if isinstance(self._machine, bz2.BZ2Decompressor | lzma.LZMADecompressor):
                fed = self._more() if self._machine.needs_input else b""
                return self._machine.decompress(fed, _CHUNK)
            self._waiting = self._machine.unconsumed_tail or self._more()
            return bytes(self._machine.decompress(self._waiting, _CHUNK))
        except (zlib.error, lzma.LZMAError, OSError, EOFError) as error:
            # bz2 reports broken data as OSError.
            raise UnparseableError(f"broken compression: {error}", "broken_compression") from error

    def _more(self) -> bytes:
        found = self._source.read(_CHUNK)
        if not found:
            raise UnparseableError("the compressed stream ends early", "truncated")
        return found


def look(sample: Sample) -> Recognition | None:
    """Recognise a compressed file by what is inside it (pickles are recognised before this)."""
    name = compression_of(sample.head)
    if not name:
        return None
    sample.source.seek(0)
    content = read_all(Inflated(name, sample.source, sample.meter), sample.meter, MAX_CONTENT_BYTES)
    inner = sample.look_inside(sample.path, io.BytesIO(content))
    if inner.risk == UNCLASSIFIED:
        return replace(inner, format=name, detail=f"{name} of something not recognised")
    # Another loader than the inner format's opens this file, so it does not carry its name.
    return replace(inner, format=name, detail=f"{name} of {inner.format}: {inner.detail}"[:500])
