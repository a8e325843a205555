"""What lies in the blob store on the local disk: listed, looked at, read anew, removed."""

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from assay.core.digests import Digest
from assay.core.errors import NotFoundError, UnavailableError
from assay.core.ports.blobs import Lying
from assay.storage.durable import new_file, sync_folder, write_to
from assay.storage.marks import LONGEST_MARK, MARK, read_mark, write_mark

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
        """Return what lies under a digest, None when nothing does."""
        try:
            status = self._path(digest).stat()
        except FileNotFoundError:
            return None
        return Lying(digest, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))

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
        try:
            with self._path(digest).open("rb", buffering=0) as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                while chunk := file.read(CHUNK_BYTES):
                    hasher.update(chunk)
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        except FileNotFoundError:
            raise NotFoundError(f"there is no blob {digest}") from None
        except OSError as error:
            raise UnavailableError(f"{digest} cannot be read: {error.strerror}") from error
        if hasher.hexdigest() == digest.hex:
            return True
        self._forget(digest)
        return False

    def mark(self) -> str | None:
        """Return the name of the registry that the folder says it belongs to; None where it says nothing.

        Raises:
            UnavailableError: it cannot be read.
        """
        try:
            with (self._root / MARK).open("rb") as file:
                return read_mark(file.read(LONGEST_MARK))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UnavailableError(f"the mark of the blob store cannot be read: {error.strerror}") from error

    def put_mark(self, name: str) -> str:
        """Write it into a folder that has none, durably; return what it says then.

        Raises:
            UnavailableError: it cannot be written now.
        """
        try:
            with new_file(self._root / ".tmp") as (path, file):
                write_to(file, [write_mark(name)])
                with suppress(FileExistsError):
                    (self._root / MARK).hardlink_to(path)
            sync_folder(self._root)
        except OSError as error:
            raise UnavailableError(f"the blob store cannot be marked: {error.strerror}") from error
        return self.mark() or ""

    def _path(self, digest: Digest) -> Path:
        name = Digest(digest).hex
        return self._root / name[:2] / name

    def _names(self, folder: Path, wanted: re.Pattern[str]) -> list[str]:
        try:
            return sorted(each.name for each in folder.iterdir() if wanted.fullmatch(each.name))
        except OSError as error:
            raise UnavailableError(f"the blob store {folder} cannot be read: {error.strerror}") from error
