"""Blobs on the local disk: content-addressed, written so that they survive.

The order of writing (reference page storage-and-durability, section 4): a temporary file created
exclusively; hashed while it is written; compared with what was announced; fsync; rename to the
name that the bytes give themselves; fsync of every directory that changed. Only then is it answered.

Layout: ``<root>/<first two hex digits>/<64 hex digits>``, files read-only; ``<root>/.tmp`` for what
is under way, each file locked by its writer so that leftovers of dead ones can be told;
``<root>/.removing`` for locks on what may be removed at any moment (see ``storage.shelf``);
``<root>/.parts`` and ``<root>/.arriving`` for blobs that come in parts (see ``storage.parts`` and
``storage.arrivals``); ``<root>/assay-registry`` says which registry the store belongs to.
"""

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from io import BufferedReader
from pathlib import Path
from typing import Final

from assay.core.digests import Digest
from assay.core.errors import BadInputError, NotFoundError, UnavailableError
from assay.storage.arrivals import LocalArrivals
from assay.storage.durable import (
    make_folder,
    new_file,
    remove_leftovers,
    sync_folder,
    unavailable,
    write_to,
)
from assay.storage.marks import LocalMark
from assay.storage.parts import LocalParts
from assay.storage.shelf import LocalShelf, readable, require_store

CHUNK_BYTES: Final = 1 << 20
_REMEMBERED: Final = 4096
_Identity = tuple[int, int, int]


class LocalBlobs:
    """Implements ``core.ports.Blobs`` on one file system; any number of processes may share it."""

    def __init__(self, root: Path) -> None:
        """Open or create the store, and clear away what dead writers left behind.

        Raises:
            UnavailableError: the folder cannot be created.
        """
        self._root = root
        self._temporary = root / ".tmp"
        self._verified = _Recent()
        self._durable = _Recent()
        self._folders = {root}
        self.parts = LocalParts(root / ".parts", self.put)
        self.shelf = LocalShelf(root, self._forget)
        self.mark = LocalMark(root)
        self.arrivals = LocalArrivals(root / ".arriving", self._adopt, self._tidy)
        try:
            make_folder(self._temporary)
            self._tidy()
        except OSError as error:
            raise UnavailableError(f"the blob store {root} cannot be opened: {error.strerror}") from error

    def put(
        self, chunks: Iterable[bytes], expected: Digest | None = None, size_bytes: int | None = None
    ) -> tuple[Digest, int]:
        """Store a stream; returns only when the bytes are durable (see the port).

        Raises:
            BadInputError: digest or size is not what was announced; nothing is kept.
            UnavailableError: no space, or the disk failed; nothing is kept.
        """
        try:
            with new_file(self._temporary) as (path, file):
                digest, written = write_to(file, chunks, size_bytes)
                if expected is not None and digest != expected:
                    raise BadInputError.of("digest", f"must be that of the bytes sent: {digest}", expected)
                self._publish(path, _identity(os.fstat(file.fileno())), digest)
        except OSError as error:
            raise unavailable(error) from error
        return digest, written

    def size(self, digest: Digest) -> int | None:
        """Return the size in bytes of a stored blob, None when it is not there.

        Raises:
            UnavailableError: the whole store is not there, or the disk failed.
        """
        found = self.shelf.find(digest)
        return None if found is None else found.size_bytes

    def read(self, digest: Digest, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield the bytes [start, stop), verified.

        A whole blob is hashed while it is read and its last piece held back until the digest is
        right. For a part the whole is verified first, once for each state of the file.

        Raises:
            NotFoundError: no such blob.
            UnavailableError: the stored bytes do not match their digest any more (``damaged``), or the disk
                failed.
        """
        with readable(digest), self._open(digest) as file:
            size = os.fstat(file.fileno()).st_size
            end = size if stop is None else min(stop, size)
            if start == 0 and end == size:
                yield from self._read_whole(digest, file)
                return
            self._verify(digest, file)
            file.seek(start)
            left = end - start
            while left > 0 and (chunk := file.read(min(CHUNK_BYTES, left))):
                left -= len(chunk)
                yield chunk

    def open_path(self, digest: Digest) -> Path:
        """Return a local read-only path of a verified blob.

        Raises:
            NotFoundError: no such blob.
            UnavailableError: the stored bytes do not match their digest any more (``damaged``), or the disk
                failed.
        """
        with readable(digest), self._open(digest) as file:
            self._verify(digest, file)
        return self._path(digest)

    def address(self, digest: Digest, name: str, seconds: int) -> str | None:  # noqa: ARG002
        """Return None: nobody reaches this disk but through the server."""
        return None

    def _tidy(self) -> None:
        remove_leftovers(self._temporary)

    def _forget(self, digest: Digest) -> None:
        self._verified.drop(digest)
        self._durable.drop(digest)

    def _adopt(self, path: Path, digest: Digest) -> None:
        """Make a blob of a file that was written and hashed in its place."""
        with path.open("rb") as file:
            os.fchmod(file.fileno(), 0o444)
            os.fsync(file.fileno())
            self._publish(path, _identity(os.fstat(file.fileno())), digest)

    def _path(self, digest: Digest) -> Path:
        name = Digest(digest).hex
        return self._root / name[:2] / name

    def _open(self, digest: Digest) -> BufferedReader:
        try:
            return self._path(digest).open("rb")
        except FileNotFoundError:
            require_store(self._root)
            raise NotFoundError(f"there is no blob {digest}") from None

    def _publish(self, path: Path, identity: _Identity, digest: Digest) -> None:
        """Give a file that was written and hashed here the name of its bytes, durably.

        Small bytes that are there already stay, once they were looked at; larger ones are replaced, which
        costs less than to look. Either way what is there afterwards is right: to send a blob again repairs
        it.
        """
        target = self._path(digest)
        if target.parent not in self._folders:
            make_folder(target.parent, self._folders)
            self._folders.add(target.parent)
        found = self._look_at(digest) if identity[1] <= CHUNK_BYTES else None
        if found is None:
            path.replace(target)
        # Another process may have put it there and not have made its name durable yet.
        if found is None or self._durable.get(digest) != found:
            sync_folder(target.parent)
        self._verified.put(digest, found or identity)
        self._durable.put(digest, found or identity)

    def _look_at(self, digest: Digest) -> _Identity | None:
        """Return which file holds the right bytes of a blob by now; None when none does."""
        try:
            with self._open(digest) as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != digest.hex:
                    return None
                return _identity(os.fstat(file.fileno()))
        except (NotFoundError, OSError):  # what cannot be read is replaced
            return None

    def _read_whole(self, digest: Digest, file: BufferedReader) -> Iterator[bytes]:
        hasher = hashlib.sha256()
        held = b""
        while chunk := file.read(CHUNK_BYTES):
            hasher.update(chunk)
            if held:
                yield held
            held = chunk
        if hasher.hexdigest() != digest.hex:
            raise _damaged(digest)
        self._verified.put(digest, _identity(os.fstat(file.fileno())))
        if held:
            yield held

    def _verify(self, digest: Digest, file: BufferedReader) -> None:
        identity = _identity(os.fstat(file.fileno()))
        if self._verified.get(digest) == identity:
            return
        if hashlib.file_digest(file, "sha256").hexdigest() != digest.hex:
            raise _damaged(digest)
        file.seek(0)
        self._verified.put(digest, identity)


class _Recent:
    """What is known of the files of the blobs that were met last; any number of threads may share it."""

    def __init__(self) -> None:
        self._files: OrderedDict[Digest, _Identity] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, digest: Digest) -> _Identity | None:
        with self._lock:
            return self._files.get(digest)

    def drop(self, digest: Digest) -> None:
        with self._lock:
            self._files.pop(digest, None)

    def put(self, digest: Digest, identity: _Identity) -> None:
        with self._lock:
            self._files[digest] = identity
            self._files.move_to_end(digest)
            if len(self._files) > _REMEMBERED:
                self._files.popitem(last=False)


def _identity(status: os.stat_result) -> _Identity:
    return status.st_ino, status.st_size, status.st_mtime_ns


def _damaged(digest: Digest) -> UnavailableError:
    words = f"the stored bytes of {digest} are damaged"
    return UnavailableError(words, hint="restore them from a backup", damaged=True)
