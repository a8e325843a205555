"""Bringing bytes to an object store so that nothing half, false or doubtful ever has its final name.

A stream is hashed once, while it passes. What ends within one part is sent in one request, after its
digest was found right. What is larger is sent in parts, a few at a time; the store shows nothing until the
parts are declared whole, and they are not when the stream breaks off or turns out to be another one
(ADR 12).
"""

import hashlib
import threading
from collections.abc import Iterable, Iterator
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

import obstore
from obstore.exceptions import BaseError

from assay.core.digests import Digest
from assay.core.errors import BadInputError
from assay.storage.objects.answers import translated
from assay.storage.objects.opening import Store

if TYPE_CHECKING:
    from obstore import Attributes

_MIB: Final = 1 << 20
PART_BYTES: Final = 8 * _MIB
# Of a stream that does not say how long it is: stores take at most 10,000 parts.
UNSURE_PART_BYTES: Final = 16 * _MIB
_MOST_PARTS: Final = 9_000
PARALLEL: Final = 4
# The bucket's own address must never show a stored page in a browser.
_ATTRIBUTES: Final["Attributes"] = {
    "Content-Disposition": "attachment",
    "Content-Type": "application/octet-stream",
}


class Passing:
    """A stream that is hashed, counted and compared with what was announced while it passes."""

    def __init__(self, chunks: Iterable[bytes], expected: Digest | None, size_bytes: int | None) -> None:
        """Keep what was announced; nothing is read yet."""
        self._chunks = iter(chunks)
        self._expected = expected
        self._announced = size_bytes
        self._hasher = hashlib.sha256()
        self._kept: list[bytes] = []
        self._reading = self._read()  # one for all: what it has cut off from a large piece is not lost
        self.size_bytes = 0
        self.ended = False

    @property
    def digest(self) -> Digest:
        """The digest of what has passed."""
        return Digest("sha256:" + self._hasher.hexdigest())

    def gather(self, limit: int) -> bytes | None:
        """Read to the end and return all bytes; None when there are more than ``limit``.

        Raises:
            BadInputError: digest or size is not what was announced.
        """
        kept = 0
        for chunk in self._reading:
            self._kept.append(chunk)
            kept += len(chunk)
            if kept > limit:
                return None
        return b"".join(self._kept)

    def __iter__(self) -> Iterator[bytes]:
        """Yield what was gathered and the rest. It does not end well unless it was what was announced."""
        kept, self._kept = self._kept, []
        yield from kept
        yield from self._reading

    def drain(self) -> None:
        """Read to the end and keep nothing.

        Raises:
            BadInputError: digest or size is not what was announced.
        """
        for _ in self._reading:
            pass

    def _read(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.size_bytes += len(chunk)
            if self._announced is not None and self.size_bytes > self._announced:
                rule = f"must be that of the bytes sent: more than {self._announced}"
                raise BadInputError.of("size_bytes", rule)
            self._hasher.update(chunk)
            # Pieces no larger than a part, so that no more than a few parts are under way.
            for start in range(0, len(chunk), PART_BYTES):
                yield chunk[start : start + PART_BYTES] if len(chunk) > PART_BYTES else chunk
        if self._announced is not None and self.size_bytes != self._announced:
            rule = f"must be that of the bytes sent: {self.size_bytes}"
            raise BadInputError.of("size_bytes", rule, str(self._announced))
        if self._expected is not None and self.digest != self._expected:
            rule = f"must be that of the bytes sent: {self.digest}"
            raise BadInputError.of("digest", rule, self._expected)
        self.ended = True


def send_small(store: Store, key: str, content: bytes) -> str | None:
    """Store bytes in one request, and return the entity tag that the store gave.

    Raises:
        UnavailableError: the store did not take them.
    """
    with translated("the bytes cannot be stored"):
        return obstore.put(store, key, content, attributes=_ATTRIBUTES, use_multipart=False)["e_tag"]


def send_stream(store: Store, key: str, passing: Passing, size_bytes: int | None) -> None:
    """Store a stream in parts; the name is there when all are, and never when the stream broke off.

    Args:
        store: where to.
        key: the name.
        passing: what is sent.
        size_bytes: how much it will be, as far as is known.

    Raises:
        BadInputError: digest or size is not what was announced; there is no such name then.
        UnavailableError: the store did not take it.
        BaseException: whatever the stream broke off with.
    """
    feed = _Feed()

    def send() -> None:
        try:
            obstore.put(
                store,
                key,
                feed,
                attributes=_ATTRIBUTES,
                use_multipart=True,
                chunk_size=part_bytes(size_bytes),
                max_concurrency=PARALLEL,
            )
        except (BaseError, OSError, ValueError, _BrokenOffError) as error:
            feed.failure = error
        finally:
            feed.close()

    # In a thread of its own: what is sent may come from a store itself, which the library cannot read from
    # within its own sending.
    sender = threading.Thread(target=send, name="assay-sending")
    sender.start()
    try:
        for piece in passing:
            if not feed.give(piece):
                break
        else:
            feed.end()
    except BaseException:  # whatever it is, also the end of the process: nothing may look like the whole
        feed.break_off()
        sender.join()
        raise
    sender.join()
    if feed.failure is not None:
        with translated("the bytes cannot be stored"):
            raise feed.failure


class _BrokenOffError(Exception):
    """What is sent has no good end."""


class _Feed:
    """Pieces handed from the thread that reads to the one that sends, a few at a time."""

    def __init__(self) -> None:
        self._pieces: SimpleQueue[bytes | _BrokenOffError | None] = SimpleQueue()
        self._room = threading.Semaphore(PARALLEL)
        self._closed = False
        self.failure: Exception | None = None

    def give(self, piece: bytes) -> bool:
        """Hand a piece over when there is room; False when nobody takes it any more."""
        self._room.acquire()
        self._pieces.put(piece)
        return not self._closed

    def end(self) -> None:
        """Say that this was all."""
        self._pieces.put(None)

    def break_off(self) -> None:
        """Say that it will not end well; the sender then takes back what it has sent."""
        self._pieces.put(_BrokenOffError())

    def close(self) -> None:
        """Take nothing more, and let nobody wait."""
        self._closed = True
        self._room.release()

    def __iter__(self) -> Iterator[bytes]:
        while (piece := self._pieces.get()) is not None:
            if isinstance(piece, _BrokenOffError):
                raise piece
            yield piece
            self._room.release()


def part_bytes(size_bytes: int | None) -> int:
    """Return how large the parts of a stream are: whole MiB, at least eight."""
    if size_bytes is None:
        return UNSURE_PART_BYTES
    needed = -(-size_bytes // _MOST_PARTS)
    return max(PART_BYTES, -(-needed // _MIB) * _MIB)
