"""A folder that backups are kept in: copies of blobs by digest, rows as lines, and a manifest written last.

``blobs/<aa>/<digest>``, ``records-<id>``, ``blobs-<id>``, ``seal.key-<digest>``, ``manifest.json``. A copy is
made once and shared by every later backup into the same folder; the manifest is replaced in one step, so
that the folder holds the former backup, whole, until it holds the new one.
"""

import fcntl
import hashlib
import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from assay.core.digests import Digest, digest_of
from assay.core.errors import BadInputError, ConflictError, NotFoundError, UnavailableError
from assay.core.ports.backups import KeptKey, Written
from assay.storage.durable import make_folder, new_file, remove_leftovers, sync_folder, unavailable, write_to
from assay.storage.secret_files import make_secret_file

_MANIFEST: Final = "manifest.json"
_LOCK: Final = ".lock"
CHUNK_BYTES: Final = 1 << 20


class BackupFolder:
    """Implements ``core.ports.backups.BackupPlace`` on a file system."""

    def __init__(self, root: Path) -> None:
        """Keep the place; nothing is made yet."""
        self._root = root
        self._blobs = root / "blobs"
        self._temporary = root / ".tmp"
        self._made: set[Path] = set()
        self._found: set[Path] = set()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Be the only one who writes to the folder for the length of a block.

        Raises:
            ConflictError: another backup is being written to it.
            UnavailableError: the folder cannot be used.
        """
        try:
            make_folder(self._temporary)
            lock = os.open(self._root / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise UnavailableError(f"{self._root} cannot be used: {error.strerror}") from error
        try:
            self._take(lock)
            yield
        finally:
            os.close(lock)

    def _take(self, lock: int) -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove_leftovers(self._temporary)
        except BlockingIOError as error:
            raise ConflictError(f"another backup is being written to {self._root}") from error
        except OSError as error:
            raise UnavailableError(f"{self._root} cannot be used: {error.strerror}") from error

    def holds(self, digest: Digest, size_bytes: int) -> bool:
        """Tell whether a blob of that size was copied before; :meth:`finish` makes its name durable.

        Who copied it may have been killed before that was done.

        Raises:
            UnavailableError: it cannot be looked at.
        """
        path = self._path(digest)
        try:
            holds = path.stat().st_size == size_bytes
        except FileNotFoundError:
            return False
        except OSError as error:
            raise UnavailableError(f"the copy of {digest} cannot be read: {error.strerror}") from error
        if holds:
            self._found.add(path.parent)
        return holds

    def put(self, digest: Digest, chunks: Iterable[bytes]) -> int:
        """Copy a blob, durably; return its size.

        Raises:
            BadInputError: the bytes are not those of the digest; nothing is kept.
            UnavailableError: no space, or the disk failed.
        """
        target = self._path(digest)
        try:
            make_folder(target.parent, self._made)
            self._made.add(target.parent)
            with new_file(self._temporary) as (path, file):
                found, size_bytes = write_to(file, chunks)
                if found != digest:
                    raise BadInputError.of("digest", f"must be that of the bytes: {found}", digest)
                path.replace(target)
                sync_folder(target.parent)
        except OSError as error:
            raise unavailable(error) from error
        return size_bytes

    def read(self, digest: Digest) -> Iterator[bytes]:
        """Yield the bytes of a copy.

        Raises:
            NotFoundError: there is none.
            UnavailableError: it cannot be read.
        """
        try:
            with self._path(digest).open("rb") as file:
                while chunk := file.read(CHUNK_BYTES):
                    yield chunk
        except FileNotFoundError:
            raise NotFoundError(f"the backup has no copy of {digest}") from None
        except OSError as error:
            raise UnavailableError(f"the copy of {digest} cannot be read: {error.strerror}") from error

    def write(self, kind: str, lines: Iterable[bytes]) -> Written:
        """Write a new file of lines, durably.

        Raises:
            UnavailableError: no space, or the disk failed.
        """
        name, count = f"{kind}-{uuid.uuid4().hex}", _Counted(lines)
        try:
            with new_file(self._temporary) as (path, file):
                digest, _ = write_to(file, count)
                path.replace(self._root / name)
                sync_folder(self._root)
        except OSError as error:
            raise unavailable(error) from error
        return Written(name, digest, count.count)

    def lines(self, written: Written) -> Iterator[bytes]:
        """Yield the lines of a file; at the end it is sure that they are those that were written.

        Raises:
            BadInputError: the file is not there, or was altered.
        """
        hasher = hashlib.sha256()
        if Path(written.name).name != written.name:
            raise BadInputError.of("manifest.json", "must name files of the backup", written.name[:200])
        try:
            with (self._root / written.name).open("rb") as file:
                for line in file:
                    hasher.update(line)
                    yield line
        except OSError as error:
            raise BadInputError.of(written.name, "must be there and readable", str(error.strerror)) from error
        if hasher.hexdigest() != written.digest.hex:
            raise BadInputError.of(written.name, f"must have the digest {written.digest}: it was altered")

    def finish(self, manifest: bytes, kept: Iterable[str]) -> None:
        """Write the manifest, and only then remove the files in whose place those come that are kept.

        Raises:
            UnavailableError: no space, or the disk failed.
        """
        try:
            self._settle()
            with new_file(self._temporary) as (path, file):
                write_to(file, [manifest])
                path.replace(self._root / _MANIFEST)
                sync_folder(self._root)
            names = frozenset(kept)
            kinds = {_kind(each) for each in names}
            for each in self._root.iterdir():
                if each.is_file() and each.name not in names and _kind(each.name) in kinds:
                    each.unlink()
        except OSError as error:
            raise unavailable(error) from error

    def manifest(self) -> bytes | None:
        """Return the manifest; None where no backup was finished.

        Raises:
            UnavailableError: it cannot be read.
        """
        try:
            return (self._root / _MANIFEST).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise UnavailableError(f"{self._root} cannot be read: {error.strerror}") from error

    def put_key(self, name: str, content: bytes) -> KeptKey:
        """Keep a key of the registry, durably, for the owner of the folder alone.

        Under a name of its content, so that the key of the former backup stays until :meth:`finish`.

        Raises:
            UnavailableError: no space, or the disk failed.
        """
        kept = KeptKey(name, f"{name}-{digest_of(content).hex}", digest_of(content))
        make_secret_file(self._root / kept.kept_as, content, replaces=True, drafts=self._temporary)
        return kept

    def key(self, kept: KeptKey) -> bytes:
        """Return a key that was kept.

        Raises:
            BadInputError: it is not there, or was altered.
        """
        if Path(kept.kept_as).name != kept.kept_as:
            raise BadInputError.of("manifest.json", "must name files of the backup", kept.kept_as[:200])
        try:
            content = (self._root / kept.kept_as).read_bytes()
        except OSError as error:
            raise BadInputError.of(kept.kept_as, "must be there and readable", str(error.strerror)) from error
        if digest_of(content) != kept.digest:
            raise BadInputError.of(kept.kept_as, f"must have the digest {kept.digest}: it was altered")
        return content

    def _settle(self) -> None:
        """Make the names of the copies durable that a former backup made."""
        for folder in sorted(self._found):
            make_folder(folder, self._made)
            sync_folder(folder)

    def _path(self, digest: Digest) -> Path:
        name = Digest(digest).hex
        return self._blobs / name[:2] / name


def _kind(name: str) -> str:
    """Return what a file is of which a backup has one: its name begins with that."""
    return name.partition("-")[0]


class _Counted:
    """Counts lines as they go by."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = lines
        self.count = 0

    def __iter__(self) -> Iterator[bytes]:
        for line in self._lines:
            self.count += 1
            yield line
