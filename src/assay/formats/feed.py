"""A forward-only reader for streams that strangers wrote: every read is exact and bounded."""

from typing import BinaryIO, Final, Protocol

from assay.formats.sample import Meter, Sample, UnparseableError

_CHUNK: Final = 1 << 16
MAX_LINE_BYTES: Final = 1 << 25


class Reads(Protocol):
    """Something that gives bytes in order."""

    def read(self, size: int = -1, /) -> bytes:
        """Return at most ``size`` bytes; nothing only at the end."""
        ...


class Feed:
    """Gives bytes in order, exactly as many as asked for."""

    def __init__(self, source: Reads) -> None:
        """Read ``source`` from where it stands."""
        self._source = source
        self._buffer = b""
        self._at = 0

    def read(self, count: int) -> bytes:
        """Return exactly ``count`` bytes; the caller bounds ``count``.

        Raises:
            UnparseableError: the stream ends before.
        """
        end = self._at + count
        while end > len(self._buffer):
            self._refill(end - len(self._buffer))
            end = self._at + count
        found = self._buffer[self._at : end]
        self._at = end
        return found

    def skip(self, count: int) -> None:
        """Pass over ``count`` bytes.

        Raises:
            UnparseableError: the stream ends before.
        """
        while count:
            passed = min(count, _CHUNK)
            self.read(passed)
            count -= passed

    def readline(self) -> bytes:
        """Return bytes up to and with the next newline.

        Raises:
            UnparseableError: no newline comes, or only after 32 MiB.
        """
        searched = self._at
        while (end := self._buffer.find(b"\n", searched)) < 0:
            length = len(self._buffer) - self._at
            if length > MAX_LINE_BYTES:
                raise UnparseableError("a line is too long", "limit")
            self._refill(max(_CHUNK, length))
            searched = self._at + length
        return self.read(end + 1 - self._at)

    def at_end(self) -> bool:
        """Whether nothing is left."""
        if self._at < len(self._buffer):
            return False
        self._buffer, self._at = self._source.read(_CHUNK), 0
        return not self._buffer

    def _refill(self, count: int) -> None:
        """Get at least one byte more; what was read is forgotten."""
        more = self._source.read(max(_CHUNK, count))
        if not more:
            raise UnparseableError("the stream ends early", "truncated")
        self._buffer, self._at = self._buffer[self._at :] + more, 0


class FileFeed(Feed):
    """A feed over a seekable file, which passes over bytes without reading them."""

    def __init__(self, source: BinaryIO, size_bytes: int) -> None:
        """Start at the first byte."""
        source.seek(0)
        super().__init__(source)
        self._file = source
        self._size_bytes = size_bytes

    def skip(self, count: int) -> None:
        """Pass over ``count`` bytes.

        Raises:
            UnparseableError: the file ends before.
        """
        held = len(self._buffer) - self._at
        if count <= held:
            self._at += count
            return
        position = self._file.tell() + count - held
        if position > self._size_bytes:
            raise UnparseableError("a declared length goes beyond the end", "truncated")
        self._buffer, self._at = b"", 0
        self._file.seek(position)


def feed_of(sample: Sample) -> Feed:
    """Read a file from its first byte."""
    return FileFeed(sample.source, sample.size_bytes)


def read_all(source: Reads, meter: Meter, limit_bytes: int) -> bytes:
    """Return everything that is left of a stream, held in memory.

    Raises:
        UnparseableError: it is more than ``limit_bytes``.
    """
    parts, length = [], 0
    while found := source.read(1 << 20):
        length += len(found)
        if length > limit_bytes:
            raise UnparseableError("too large to be looked into", "limit")
        meter.keep(len(found))
        parts.append(found)
    return b"".join(parts)
