"""Whole files that come in parts, on the local disk: one file each, in which every part has its place.

``<root>/<id>`` has its full size from the beginning, so that want of space shows before the first byte, and
becomes the blob by being renamed: nothing is copied. ``<root>/<id>.turn`` is locked by the process that
writes to it, and says which that was.

The digest of the whole is taken as parts become contiguous, from what was written, not from what was sent.
How far that has got is only known to the process, and only as long as no other one had its turn: else it is
taken anew from what lies there.
"""

import fcntl
import hashlib
import os
import re
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from assay.core.digests import Digest
from assay.core.errors import BadInputError, ConflictError, NotFoundError, UnavailableError
from assay.core.transfers import Transfer
from assay.storage.durable import check_room_in, make_folder, sync_folder, unavailable
from assay.storage.part_writing import PartWriter

CHUNK_BYTES: Final = 1 << 20
_ID: Final = re.compile(r"[a-z0-9_]{1,64}")
_TURN: Final = ".turn"
_REMEMBERED: Final = 256
_BUSY: Final = "another process of the registry writes to this upload"


class LocalArrivals:
    """Implements ``core.ports.Arrivals`` on one file system; any number of processes may share it."""

    def __init__(self, root: Path, publish: Callable[[Path, Digest], None], tidy: Callable[[], None]) -> None:
        """Keep the place, what makes a blob of a durable file, and what clears away leftovers beside it."""
        self._root = root
        self._publish = publish
        self._tidy = tidy
        self._owner = uuid.uuid4().hex.encode()
        self._states: OrderedDict[str, _Arriving] = OrderedDict()
        self._known: set[Path] = set()
        self._lock = threading.Lock()

    def begin(self, transfer: Transfer) -> None:
        """Make room for a file; what is there already stays as it is.

        Raises:
            BadInputError: the id is none that can be given.
            UnavailableError: there is not enough room, or the disk failed; nothing is kept.
        """
        path = self._path(transfer.id)
        if path.exists():
            return
        try:
            make_folder(self._root, self._known)
            self._known.add(self._root)
            check_room_in(self._root, transfer.size_bytes)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                if transfer.size_bytes:
                    os.posix_fallocate(descriptor, 0, transfer.size_bytes)
            finally:
                os.close(descriptor)
            sync_folder(self._root)
        except OSError as error:
            self.drop(transfer.id)
            raise unavailable(error) from error

    def put(self, transfer: Transfer, number: int, chunks: Iterable[bytes]) -> Digest:
        """Write the bytes of a part to their place; whoever still sends the same part is cut off.

        Raises:
            BadInputError: other than so many bytes came.
            ConflictError: somebody else sends this part since, or the file is whole and becomes a blob.
            NotFoundError: there is no such file on its way.
            UnavailableError: no space, or the disk failed.
        """
        wanted, offset = transfer.length(number), transfer.offset(number)
        try:
            with self._turn(transfer.id) as state, state.writing(number) as writer:
                hasher, written = hashlib.sha256(), 0
                for chunk in chunks:
                    if written + len(chunk) > wanted:
                        raise BadInputError.of("body", f"must have {wanted} bytes; more came")
                    hasher.update(chunk)
                    writer.write(chunk, offset + written)
                    written += len(chunk)
                if written != wanted:
                    raise BadInputError.of("body", f"must have {wanted} bytes", str(written))
                writer.sync()
                digest = Digest(f"sha256:{hasher.hexdigest()}")
                state.arrived(number, digest)
            state.advance(transfer)
        except OSError as error:
            raise unavailable(error) from error
        return digest

    def digest(self, transfer: Transfer, parts: Mapping[int, Digest]) -> Digest:
        """Return the digest of the whole as it lies there; all parts must have come.

        Raises:
            BadInputError: no digest of the whole was announced, and a part has not the bytes of its own.
            NotFoundError: there is no such file on its way.
            UnavailableError: the disk failed, or another process writes to it.
        """
        try:
            with self._turn(transfer.id) as state:
                return state.whole(transfer, parts)
        except OSError as error:
            raise unavailable(error) from error

    def bad_parts(self, transfer: Transfer, parts: Mapping[int, Digest]) -> tuple[int, ...]:
        """Return the parts whose bytes at rest are not those of their digests.

        Raises:
            NotFoundError: there is no such file on its way.
            UnavailableError: the disk failed, or another process writes to it.
        """
        try:
            with self._turn(transfer.id) as state:
                return tuple(n for n, digest in parts.items() if state.lying(transfer, n) != digest)
        except OSError as error:
            raise unavailable(error) from error

    def publish(self, transfer: Transfer, digest: Digest, parts: Mapping[int, Digest]) -> None:
        """Make a blob of the file, durably, without copying a byte; whose turn it was stays to be dropped.

        Args:
            transfer: all of whose parts have come.
            digest: of the whole, as :meth:`digest` said.
            parts: from which it was taken.

        Raises:
            ConflictError: bytes of it are still being written, or were since the digest was taken.
            NotFoundError: there is no such file on its way.
            UnavailableError: no space, or the disk failed.
        """
        path = self._path(transfer.id)
        try:
            with self._turn(transfer.id) as state, state.sealed(transfer, parts, digest):
                self._publish(path, digest)
        except OSError as error:
            raise unavailable(error) from error

    def drop(self, transfer_id: str) -> None:
        """Remove what has come; nothing happens when there is nothing.

        Raises:
            BadInputError: the id is none that can be given.
            UnavailableError: the disk failed.
        """
        path = self._path(transfer_id)
        with self._lock:
            state = self._states.pop(transfer_id, None)
        if state is not None:
            state.close()
        try:
            for each in (path, path.with_name(path.name + _TURN)):
                each.unlink(missing_ok=True)
        except OSError as error:
            raise unavailable(error) from error

    def waiting(self) -> Iterator[str]:
        """Yield the ids of all that waits to become whole, having cleared away what dead writers left.

        Raises:
            UnavailableError: the folder cannot be read.
        """
        try:
            self._tidy()
            names = [each.name for each in self._root.iterdir()]
        except FileNotFoundError:
            return
        except OSError as error:
            raise unavailable(error) from error
        yield from sorted(
            {name.removesuffix(_TURN) for name in names if _ID.fullmatch(name.removesuffix(_TURN))}
        )

    def _path(self, transfer_id: str) -> Path:
        if not _ID.fullmatch(transfer_id):
            raise BadInputError.of("id", "must be one that the registry gave")
        return self._root / transfer_id

    @contextmanager
    def _turn(self, transfer_id: str) -> "Iterator[_Arriving]":
        """Have the file to this process for a while; threads of it share the turn."""
        path = self._path(transfer_id)
        with self._lock:
            state = self._states.get(transfer_id)
            if state is None:
                state = self._states[transfer_id] = _Arriving(path, self._owner)
            state.enter()
            self._states.move_to_end(transfer_id)
            self._forget_some()
        try:
            yield state
        finally:
            with self._lock:
                state.leave()

    def _forget_some(self) -> None:
        idle = [name for name, state in self._states.items() if not state.users]
        for name in idle[: max(0, len(self._states) - _REMEMBERED)]:
            del self._states[name]


class _Arriving:
    """What this process knows of one file on its way."""

    def __init__(self, path: Path, owner: bytes) -> None:
        self.users = 0
        self._path = path
        self._owner = owner
        self._turn = -1
        self._lock = threading.Lock()
        self._hashing = threading.Lock()
        self._writers: dict[int, PartWriter] = {}
        self._parts: dict[int, Digest] = {}
        self._sealed = False
        self._reset()

    def enter(self) -> None:
        """Take the process's turn, if it has not got it; under the lock of the registry of states."""
        if not self._path.exists():
            raise NotFoundError("there is no such upload", hint="begin it again")
        if not self.users:
            turn = os.open(self._path.with_name(self._path.name + _TURN), os.O_RDWR | os.O_CREAT, 0o600)
            try:
                self._take(turn)
            except (OSError, UnavailableError):
                os.close(turn)
                raise
            self._turn = turn
        self.users += 1

    def _take(self, turn: int) -> None:
        """Lock the file of turns; what is known here holds only if this process had the last one, too."""
        try:
            fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UnavailableError(_BUSY, hint="try again in a moment") from error
        if os.pread(turn, len(self._owner), 0) != self._owner:
            self._parts.clear()
            self._reset()
            os.pwrite(turn, self._owner, 0)

    def leave(self) -> None:
        """Give the turn back with the last user."""
        self.users -= 1
        if not self.users:
            os.close(self._turn)

    @contextmanager
    def writing(self, number: int) -> Iterator[PartWriter]:
        """Be the one who writes a part; what was known of it does not hold any more.

        Raises:
            ConflictError: the file is whole and becomes a blob.
        """
        with self._lock:
            if self._sealed:
                raise ConflictError("all of this upload is there, and becomes a blob")
            # Opened under the lock, so that none is open that sealing does not know of.
            former, writer = self._writers.get(number), PartWriter(self._path)
            self._writers[number] = writer
            self._parts.pop(number, None)
            if number < self._next:
                self._reset()
        if former is not None:
            former.close()
        try:
            yield writer
        finally:
            writer.close()
            with self._lock:
                if self._writers.get(number) is writer:
                    del self._writers[number]

    def arrived(self, number: int, digest: Digest) -> None:
        """Note what a part holds, unless somebody else writes it since."""
        with self._lock:
            if self._writers[number].is_closed:
                raise ConflictError("this part is sent by another connection since")
            self._parts[number] = digest

    def close(self) -> None:
        """Cut off everybody who still writes."""
        with self._lock:
            writers = list(self._writers.values())
        for writer in writers:
            writer.close()

    def advance(self, transfer: Transfer) -> None:
        """Take the digest of the whole further, over the parts that are there; one thread does.

        A part that is damaged is not got over; it is named when the whole is asked for.
        """
        if not self._hashing.acquire(blocking=False):
            return
        try:
            with suppress(BadInputError):
                while self._step(transfer):
                    pass
        finally:
            self._hashing.release()

    def whole(self, transfer: Transfer, parts: Mapping[int, Digest]) -> Digest:
        """Return the digest of everything, taken as far as need be.

        Raises:
            BadInputError: a part has not the bytes of its digest (see :meth:`_add`).
        """
        with self._lock:
            for number, digest in parts.items():
                if self._parts.get(number, digest) != digest:
                    self._reset()
                self._parts[number] = digest
        with self._hashing:
            while self._step(transfer):
                pass
            with self._lock:
                return Digest(f"sha256:{self._hasher.hexdigest()}")

    @contextmanager
    def sealed(self, transfer: Transfer, parts: Mapping[int, Digest], digest: Digest) -> Iterator[None]:
        """Let nobody write any more, for good when the block ends well: they would write into a blob.

        Raises:
            ConflictError: bytes of it are being written, or came since.
        """
        with self._lock:
            same = self._next == transfer.part_count + 1 and self._parts == parts
            if not same or self._writers or self._sealed or self._hasher.hexdigest() != digest.hex:
                rule = "bytes of this upload came after all of it was there"
                raise ConflictError(rule, hint="complete it again")
            self._sealed = True
        try:
            yield
        except BaseException:
            with self._lock:
                self._sealed = False
            raise

    def lying(self, transfer: Transfer, number: int) -> Digest:
        """Return the digest of a part as it lies there."""
        hasher = hashlib.sha256()
        self._read(transfer, number, hasher.update)
        return Digest(f"sha256:{hasher.hexdigest()}")

    def _reset(self) -> None:
        self._next = 1
        self._turns = getattr(self, "_turns", 0) + 1
        self._hasher = hashlib.sha256()

    def _step(self, transfer: Transfer) -> bool:
        """Add the next part to the digest of the whole, if it is there."""
        with self._lock:
            number, turns = self._next, self._turns
            if number > transfer.part_count or number not in self._parts:
                return False
            hasher, wanted = self._hasher.copy(), self._parts[number]
        is_right = self._add(transfer, number, hasher, wanted)
        with self._lock:
            if turns == self._turns and self._parts.get(number) == wanted:
                if not is_right:
                    raise BadInputError.of(f"part {number}", "does not hold the bytes that were sent")
                self._hasher, self._next = hasher, number + 1
            return True

    def _add(self, transfer: Transfer, number: int, hasher: "hashlib._Hash", wanted: Digest) -> bool:
        """Add a part to the digest of the whole; False when its bytes are not those that came.

        Where the digest of the whole was announced, that tells of any damage, and nothing is hashed twice.
        """
        if transfer.expected is not None:
            self._read(transfer, number, hasher.update)
            return True
        own = hashlib.sha256()

        def take(chunk: bytes) -> None:
            hasher.update(chunk)
            own.update(chunk)

        self._read(transfer, number, take)
        return own.hexdigest() == wanted.hex

    def _read(self, transfer: Transfer, number: int, take: Callable[[bytes], None]) -> None:
        with self._path.open("rb", buffering=0) as file:
            file.seek(transfer.offset(number))
            left = transfer.length(number)
            while left > 0 and (chunk := file.read(min(CHUNK_BYTES, left))):
                take(chunk)
                left -= len(chunk)
