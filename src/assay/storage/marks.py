"""The mark of a blob store: a small file at its root, of a name that no blob has, for people to read too."""

from contextlib import suppress
from pathlib import Path
from typing import Final

from assay.core.errors import UnavailableError
from assay.storage.durable import new_file, sync_folder, write_to

MARK: Final = "assay-registry"
LONGEST_MARK: Final = 1000


def write_mark(name: str) -> bytes:
    """Return what is written for the registry of that name."""
    return f"{name}\n".encode()


def read_mark(content: bytes) -> str:
    """Return the name that was written; whatever else stands there is no name of a registry."""
    return content.decode("ascii", "replace").strip()


class LocalMark:
    """Implements ``core.ports.blobs.StoreMark`` for a folder."""

    def __init__(self, root: Path) -> None:
        """Keep the place."""
        self._root = root

    def read(self) -> str | None:
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

    def put(self, name: str) -> str:
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
        return self.read() or ""
