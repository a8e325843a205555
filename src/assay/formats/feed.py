"""A forward-only reader for streams that strangers wrote: every read is exact and bounded."""

from typing import BinaryIO, Final, Protocol

from assay.formats.limits import UnparseableError

_CHUNK: Final = 1 << 20
MAX_LINE_BYTES: Final = 1 << 20


class Reads(Protocol):
    """Something that gives bytes in order."""

    def read(self, size: int = -1, /) -> bytes:
        """Return at most ``size`` bytes; nothing only at the end."""
        ...


class Feed:
    """Gives bytes in order, exactly as many as asked for.

    Attributes:
        left: how many bytes are left; None when that is not known beforehand.
    """

    def __init__(self, source: Reads, left: int | None) -> None:
        """Read ``source`` from where it stands."""
        self._source = source
        self._pending = b""
        self.left = left

    def read(self, count: int) -> bytes:
        """Return exactly ``count`` bytes; the caller bounds ``count``.

        Raises:
            UnparseableError: the stream ends before.
        """
        found = self._take(count)
        while len(found) < count:
            more = self._take(count - len(found))
            if not more:
                raise UnparseableError("the stream ends early", "truncated")
            found += more
        return found

    def skip(self, count: int) -> None:
        """Pass over ``count`` bytes.

        Raises:
            UnparseableError: the stream ends before.
        """
        if self.left is not None and count > self.left:
            raise UnparseableError("a declared length goes beyond the end", "truncated")
        while count:
            found = self._take(min(count, _CHUNK))
            if not found:
                raise UnparseableError("the stream ends early", "truncated")
            count -= len(found)

    def readline(self) -> bytes:
        """Return bytes up to and with the next newline.

        Raises:
            UnparseableError: no newline comes, or only after a megabyte.
        """
        parts: list[bytes] = []
        length = 0
        while length <= MAX_LINE_BYTES:
            found = self._take(256)
            if not found:
                raise UnparseableError("the stream ends within a line", "truncated")
            end = found.find(b"\n") + 1
            if end:
                self._give_back(found[end:])
                return b"".join([*parts, found[:end]])
            parts.append(found)
            length += len(found)
        raise UnparseableError("a line is too long", "limit")

    def at_end(self) -> bool:
        """Whether nothing is left."""
        found = self._take(1)
        self._give_back(found)
        return not found

    def _take(self, count: int) -> bytes:
        if self._pending:
            found, self._pending = self._pending[:count], self._pending[count:]
        else:
            found = self._source.read(count)
        if self.left is not None:
            self.left -= len(found)
        return found

    def _give_back(self, found: bytes) -> None:
        self._pending = found + self._pending
        if self.left is not None:
            self.left += len(found)


class FileFeed(Feed):
    """A feed over a seekable file, which passes over bytes without reading them."""

    def __init__(self, source: BinaryIO, size_bytes: int) -> None:
        """Start at the first byte."""
        source.seek(0)
        super().__init__(source, size_bytes)
        self._file = source

    def skip(self, count: int) -> None:
        """Pass over ``count`` bytes.

        Raises:
            UnparseableError: the file ends before.
        """
        if self.left is None or count > self.left:
            raise UnparseableError("a declared length goes beyond the end", "truncated")
        passed = min(count, len(self._pending))
        self._pending = self._pending[passed:]
        self._file.seek(count - passed, 1)
        self.left -= count
