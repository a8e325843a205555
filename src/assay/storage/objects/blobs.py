"""Blobs in an object store: ``<prefix>/<first two hex digits>/<64 hex digits>``.

What lies under the name of a digest was hashed on its way there and found right (see ``sending``), and is
hashed again when it is read. Beside it lie ``.tmp/`` (streams whose digest was not announced, until it is
known), ``.parts/`` (blobs that come in parts), ``.damaged/`` (the names of blobs that were found damaged:
to send such a blob again repairs it), ``.removing/`` (the names of blobs that may be removed at any moment)
and ``assay-registry`` (which registry the store belongs to).
"""

import hashlib
import logging
import re
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import obstore
from obstore.exceptions import BaseError, PreconditionError

from assay.core.digests import Digest
from assay.core.errors import NotFoundError, UnavailableError
from assay.core.object_places import ObjectPlace
from assay.storage.objects.answers import status_of, translated, unavailable
from assay.storage.objects.copies import LocalCopies
from assay.storage.objects.marks import ObjectMark
from assay.storage.objects.opening import Patience, open_store
from assay.storage.objects.parts import ObjectParts
from assay.storage.objects.reading import Found, look, pieces
from assay.storage.objects.sending import PART_BYTES, Passing, send_small, send_stream
from assay.storage.objects.shelf import ObjectShelf
from assay.storage.part_arrivals import PartArrivals

LONGEST_ADDRESS_S: Final = 900
LEFTOVER_AGE: Final = timedelta(hours=24)
_REMEMBERED: Final = 4096
# One request of S3 copies no more than this; more is read and sent again.
_COPIED_AT_ONCE: Final = 5 << 30
_LEFTOVER: Final = "a leftover cannot be removed"
_DAY_S: Final = 86_400.0
_COPY_WAIT_S: Final = 60.0
_MD5: Final = re.compile(r'"?([0-9a-f]{32})"?')
log = logging.getLogger("assay.storage")


class ObjectBlobs:
    """Implements ``core.ports.Blobs`` over a bucket; any number of processes and machines may share it."""

    def __init__(
        self,
        place: ObjectPlace,
        copies: Path,
        patience: Patience = Patience(),  # noqa: B008 - frozen
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Open the store, see that the bucket is there, and clear away what dead writers left behind.

        Args:
            place: bucket and prefix.
            copies: folder for local copies, on this machine alone.
            patience: with the store.
            now: the present instant, aware.

        Raises:
            BadInputError: the provider's environment variables do not say how to reach it.
            UnavailableError: there is no such bucket, it may not be used, or nothing answers.
        """
        self._place = place
        self._store = open_store(place, patience)
        # A stream lasts as long as its reader takes; only silence ends it.
        slow = Patience(patience.connect_s, patience.silence_s, _DAY_S, patience.retries, patience.retry_s)
        self._streams = open_store(place, slow)
        self._root = f"{place.prefix}/" if place.prefix else ""
        self._verified = _Recent()
        self._copies = LocalCopies(copies)
        self.parts = ObjectParts(self._store, self._streams, f"{self._root}.parts/", self.put)
        self.arrivals = PartArrivals(self.parts)
        self.shelf = ObjectShelf(self._store, self._root, self._is_right, now)
        self.mark = ObjectMark(self._store, self._root)
        self._clear_leftovers(now() - LEFTOVER_AGE)

    def put(
        self, chunks: Iterable[bytes], expected: Digest | None = None, size_bytes: int | None = None
    ) -> tuple[Digest, int]:
        """Store a stream; returns only when the store has it (see the port).

        A blob that is there already is not sent again; the bytes that came are compared all the same.

        Raises:
            BadInputError: digest or size is not what was announced; nothing is kept.
            UnavailableError: the store did not take it; nothing is kept.
        """
        passing = Passing(chunks, expected, size_bytes)
        before = None if expected is None else look(self._store, self._key(expected))
        if expected is not None and size_bytes is not None and self._holds(before, expected, size_bytes):
            passing.drain()
            return expected, size_bytes
        content = passing.gather(PART_BYTES)
        if content is not None:
            before = look(self._store, self._key(passing.digest)) if expected is None else before
            self._put_small(passing.digest, content, before)
        elif expected is not None:
            self._put_large(expected, passing, size_bytes, before)
        else:
            self._put_unannounced(passing, size_bytes)
        return passing.digest, passing.size_bytes

    def size(self, digest: Digest) -> int | None:
        """Return the size in bytes of a stored blob, None when it is not there.

        Raises:
            UnavailableError: the store does not answer.
        """
        found = look(self._store, self._key(digest))
        return None if found is None else found.size_bytes

    def read(self, digest: Digest, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield the bytes [start, stop), verified.

        A whole blob is hashed while it is read and its last piece held back until the digest is
        right. For a part the whole is verified first, once for each state of the object.

        Raises:
            NotFoundError: no such blob.
            UnavailableError: the stored bytes do not match their digest any more (``damaged``), or the store
                does not answer.
        """
        found = self._find(digest)
        end = found.size_bytes if stop is None else min(stop, found.size_bytes)
        if start == 0 and end == found.size_bytes:
            yield from self._read_whole(digest, found)
        elif start < end:
            self._verify(digest, found)
            yield from self._pieces(digest, found, start, end)

    def open_path(self, digest: Digest) -> Path:
        """Return the path of a verified local copy; it stays for some hours after it was last asked for.

        Raises:
            NotFoundError: no such blob.
            UnavailableError: the stored bytes do not match their digest any more (``damaged``), the store
                does not answer, or no space is left for the copy.
        """
        found = self._find(digest)
        return self._copies.path(digest, found.size_bytes, lambda: self._read_whole(digest, found))

    def address(self, digest: Digest, name: str, seconds: int) -> str | None:  # noqa: ARG002 - see below
        """Return a presigned address of the whole blob, for at most fifteen minutes.

        The store answers ``Content-Disposition: attachment`` with it; which name is saved is up to whoever
        fetches it, because the provider library signs no further parameters. None where the registry's
        credentials cannot sign.
        """
        span = timedelta(seconds=max(1, min(seconds, LONGEST_ADDRESS_S)))
        try:
            with translated("no address can be signed"):
                return obstore.sign(self._store, "GET", self._key(digest), span)
        except UnavailableError:
            return None

    def _key(self, digest: Digest) -> str:
        name = Digest(digest).hex
        return f"{self._root}{name[:2]}/{name}"

    def _mark(self, digest: Digest) -> str:
        return f"{self._root}.damaged/{Digest(digest).hex}"

    def _find(self, digest: Digest) -> Found:
        found = look(self._store, self._key(digest))
        if found is None:
            raise NotFoundError(f"there is no blob {digest}")
        return found

    def _holds(self, found: Found | None, digest: Digest, size_bytes: int) -> bool:
        """Tell whether a blob need not be sent: it has its size and nobody found it damaged."""
        if found is None or found.size_bytes != size_bytes:
            return False
        return look(self._store, self._mark(digest)) is None

    def _put_small(self, digest: Digest, content: bytes, before: Found | None) -> None:
        if self._holds(before, digest, len(content)):
            return
        key = self._key(digest)
        tag = send_small(self._store, key, content)
        match = _MD5.fullmatch(tag or "")
        if match is None:
            self._check_size(key, len(content))
        # The MD5 of what arrived, unless the store encrypts by a key of the customer's: then we look.
        elif match[1] != hashlib.md5(content, usedforsecurity=False).hexdigest() and not self._is_right(
            digest
        ):
            raise UnavailableError("the object store damaged the bytes on their way; send them again")
        self._mended(digest, before)

    def _put_large(
        self, digest: Digest, passing: Passing, size_bytes: int | None, before: Found | None
    ) -> None:
        self._send(self._key(digest), passing, size_bytes, before)
        self._mended(digest, before)

    def _send(self, key: str, passing: Passing, size_bytes: int | None, before: Found | None) -> None:
        """Send a stream in parts, and see that it lies there."""
        try:
            send_stream(self._store, key, passing, size_bytes)
        except UnavailableError:
            # The store's last word may have been lost, or somebody who sent the same bytes was quicker.
            found = look(self._store, key) if passing.ended else None
            if found is None or found.size_bytes != passing.size_bytes or found == before:
                raise
        self._check_size(key, passing.size_bytes)

    def _put_unannounced(self, passing: Passing, size_bytes: int | None) -> None:
        """Send under a name of its own; the store itself copies it to its final name once that is known."""
        temporary = f"{self._root}.tmp/{uuid.uuid4().hex}"
        try:
            self._send(temporary, passing, size_bytes, None)
            self._name(temporary, passing.digest, passing.size_bytes)
        finally:
            with suppress(UnavailableError, FileNotFoundError), translated(_LEFTOVER, absent=True):
                obstore.delete(self._store, temporary)

    def _name(self, temporary: str, digest: Digest, size: int) -> None:
        """Give what was sent under a name of its own its final one."""
        key = self._key(digest)
        before = look(self._store, key)
        if self._holds(before, digest, size):
            return
        if self._place.kind == "s3" and size > _COPIED_AT_ONCE:
            found = look(self._store, temporary)
            again = pieces(self._streams, temporary, found, 0, size) if found else iter(())
            self._put_large(digest, Passing(again, digest, size), size, before)
            return
        with translated("the bytes cannot be stored"):
            obstore.copy(self._store, temporary, key, overwrite=True)
        self._check_size(key, size)
        self._mended(digest, before)

    def _check_size(self, key: str, size_bytes: int) -> None:
        """See that what was sent lies there; a copy may take the store a moment."""
        end = time.monotonic() + _COPY_WAIT_S
        pause = 0.05
        while True:
            found = look(self._store, key)
            if found is not None and found.size_bytes == size_bytes:
                return
            if time.monotonic() + pause > end:
                raise UnavailableError("the object store does not show what was sent to it; send it again")
            time.sleep(pause)
            pause = min(2 * pause, 2.0)

    def _pieces(self, digest: Digest, found: Found, start: int, stop: int) -> Iterator[bytes]:
        try:
            yield from pieces(self._streams, self._key(digest), found, start, stop)
        except FileNotFoundError:
            raise NotFoundError(f"there is no blob {digest} any more") from None
        except PreconditionError:
            raise UnavailableError(f"{digest} was stored anew while it was read; try again") from None

    def _read_whole(self, digest: Digest, found: Found) -> Iterator[bytes]:
        hasher = hashlib.sha256()
        held = b""
        for piece in self._pieces(digest, found, 0, found.size_bytes):
            hasher.update(piece)
            if held:
                yield held
            held = piece
        if hasher.hexdigest() != digest.hex:
            raise self._damaged(digest)
        self._verified.put(digest, found.state)
        if held:
            yield held

    def _verify(self, digest: Digest, found: Found) -> None:
        """Read the whole once, whoever waits for it; what was found right is remembered by its state."""
        with self._verified.turn(digest):
            if self._verified.get(digest) != found.state:
                for _ in self._read_whole(digest, found):
                    pass

    def _is_right(self, digest: Digest) -> bool:
        """Read a blob anew, and tell whether its bytes are those of its digest."""
        found = self._find(digest)
        hasher = hashlib.sha256()
        for piece in self._pieces(digest, found, 0, found.size_bytes):
            hasher.update(piece)
        if hasher.hexdigest() != digest.hex:
            self._damaged(digest)
            return False
        self._verified.put(digest, found.state)
        return True

    def _damaged(self, digest: Digest) -> UnavailableError:
        """Note that a blob is damaged, so that it is taken when somebody sends it again."""
        self._verified.forget(digest)
        with suppress(UnavailableError):
            send_small(self._store, self._mark(digest), b"")
        return UnavailableError(
            f"the stored bytes of {digest} are damaged",
            hint="send them again, or restore them from a backup",
            damaged=True,
        )

    def _mended(self, digest: Digest, before: Found | None) -> None:
        """Forget that a blob was damaged, now that it was sent anew."""
        if before is not None:
            with translated("the bytes cannot be stored"), suppress(FileNotFoundError):
                obstore.delete(self._store, self._mark(digest))

    def _clear_leftovers(self, before: datetime) -> None:
        """Remove streams that broke off with their writer; asking for them shows that the bucket is there."""
        doing = f"the blobs in {self._place} cannot be reached"
        try:
            for listed in obstore.list(self._store, prefix=f"{self._root}.tmp"):
                for each in listed:
                    if each["last_modified"] < before:
                        with suppress(FileNotFoundError):
                            obstore.delete(self._store, each["path"])
        except (BaseError, OSError, ValueError) as error:
            if status_of(error) == 404:
                words = f"there is no bucket or container for {self._place}"
                raise UnavailableError(words, hint="create it, or mend the setting blobs") from None
            raise unavailable(doing, error) from None


class _Recent:
    """Which states of blobs were found right last, and who is at it; any number of threads may share it."""

    def __init__(self) -> None:
        self._states: OrderedDict[Digest, tuple[str, int, datetime]] = OrderedDict()
        self._lock = threading.Lock()
        self._turns = [threading.Lock() for _ in range(64)]

    def turn(self, digest: Digest) -> threading.Lock:
        """Return what the threads that want to verify one blob wait for; a few blobs share one."""
        return self._turns[int(digest.hex[:8], 16) % len(self._turns)]

    def get(self, digest: Digest) -> tuple[str, int, datetime] | None:
        with self._lock:
            return self._states.get(digest)

    def put(self, digest: Digest, state: tuple[str, int, datetime]) -> None:
        with self._lock:
            self._states[digest] = state
            self._states.move_to_end(digest)
            if len(self._states) > _REMEMBERED:
                self._states.popitem(last=False)

    def forget(self, digest: Digest) -> None:
        with self._lock:
            self._states.pop(digest, None)
