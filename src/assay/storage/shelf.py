"""What lies in the blob store on the local disk: listed, looked at, read anew, removed."""

import fcntl
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from assay.core.digests import Digest
from assay.core.errors import NotFoundError, UnavailableError
from assay.core.ports.blobs import Lying
from assay.storage.durable import sync_folder

CHUNK_BYTES: Final = 1 << 20
_FOLDER: Final = re.compile(r"[0-9a-f]{2}")
_FILE: Final = re.compile(r"[0-9a-f]{64}")


class LocalShelf:
    """Implements ``core.ports.Shelf`` on one file system."""

    def __init__(self, root: Path, forget: Callable[[Digest], None]) -> None:
        """Keep the place, and whom to tell that what was known of a blob's file does not hold any more."""
        self._root = root
        self._forget = forget

    def all(self) -> Iterator[Lying]:
        """Yield everything that lies there, in the order of digests; one folder is in memory at a time.

        Raises:
            UnavailableError: the folders cannot be read.
        """
        for folder in self._names(self._root, _FOLDER):
            for name in self._names(self._root / folder, _FILE):
                found = self.find(Digest(f"sha256:{name}")) if name.startswith(folder) else None
                if found is not None:
                    yield found

    def find(self, digest: Digest) -> Lying | None:
        """Return what lies under a digest, None when nothing does.

        Raises:
            UnavailableError: the whole store is not there, or the disk failed.
        """
        with readable(digest):
            try:
                status = self._path(digest).stat()
            except FileNotFoundError:
                require_store(self._root)
                return None
        return Lying(digest, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))

    @contextmanager
    def going(self, digest: Digest) -> Iterator[bool]:
        """Announce to everybody that bytes may be removed at any moment while the block lasts.

        It is a lock, which goes with its holder and stays as long as that only pauses.

        Yields:
            False when somebody else announced it and is not done.

        Raises:
            UnavailableError: it cannot be announced now.
        """
        path = self._announcement(digest)
        try:
            descriptor = _alone(path)
        except OSError as error:
            raise UnavailableError(f"{digest} cannot be removed: {error.strerror}") from error
        if descriptor is None:
            yield False
            return
        try:
            yield True
        finally:
            with suppress(OSError):
                path.unlink()
            os.close(descriptor)

    def is_going(self, digest: Digest) -> bool:
        """Tell whether somebody announced that bytes may be removed at any moment, and is not done.

        Raises:
            UnavailableError: the disk failed.
        """
        try:
            with self._announcement(digest).open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except FileNotFoundError:
            return False
        except OSError as error:
            raise UnavailableError(f"{digest} cannot be looked for: {error.strerror}") from error
        return False  # whoever announced it is dead

    def remove(self, digest: Digest) -> None:
        """Remove the bytes, durably; nothing happens when they are not there.

        Raises:
            UnavailableError: they cannot be removed now.
        """
        path = self._path(digest)
        self._forget(digest)
        try:
            with suppress(FileNotFoundError):
                path.unlink()
            # Somebody may have removed the name before and died before that was durable.
            with suppress(FileNotFoundError):
                sync_folder(path.parent)
        except OSError as error:
            raise UnavailableError(f"{digest} cannot be removed: {error.strerror}") from error

    def check(self, digest: Digest) -> bool:
        """Read the bytes at rest anew: from the disk, where the system lets go of what it has in memory.

        Returns:
            False when they are not those of the digest.

        Raises:
            NotFoundError: there are none.
            UnavailableError: they cannot be read now.
        """
        hasher = hashlib.sha256()
        with readable(digest):
            try:
                with self._path(digest).open("rb", buffering=0) as file:
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                    while chunk := file.read(CHUNK_BYTES):
                        hasher.update(chunk)
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            except FileNotFoundError:
                require_store(self._root)
                raise NotFoundError(f"there is no blob {digest}") from None
        if hasher.hexdigest() == digest.hex:
            return True
        self._forget(digest)
        return False

    def _path(self, digest: Digest) -> Path:
        name = Digest(digest).hex
        return self._root / name[:2] / name

    def _announcement(self, digest: Digest) -> Path:
        return self._root / ".removing" / Digest(digest).hex

    def _names(self, folder: Path, wanted: re.Pattern[str]) -> list[str]:
        try:
            return sorted(each.name for each in folder.iterdir() if wanted.fullmatch(each.name))
        except OSError as error:
            raise UnavailableError(f"the blob store {folder} cannot be read: {error.strerror}") from error


@contextmanager
def readable(digest: Digest) -> Iterator[None]:
    """Say in the registry's words that the disk does not read a blob: nobody knows whether it is damaged.

    Raises:
        UnavailableError: the disk failed, or this process may not read it, or has too many files open.
    """
    try:
        yield
    except OSError as error:
        raise UnavailableError(f"{digest} cannot be read: {error.strerror or error}") from error


def require_store(root: Path) -> None:
    """Let nobody take a blob for gone because the whole store is.

    Raises:
        UnavailableError: the folder is not there, or is not one of a blob store: it may not be mounted.
    """
    if not (root / ".tmp").is_dir():
        raise UnavailableError(f"the blob store {root.name} is not there")


def _alone(path: Path) -> int | None:
    """Return a descriptor of a file that nobody else holds until it is closed, or None.

    Raises:
        OSError: the disk failed.
    """
    path.parent.mkdir(mode=0o700, exist_ok=True)
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_nlink:
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)  # whoever held it removed it just now
