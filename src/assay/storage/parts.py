"""Parts of blobs on the local disk: ``<root>/<upload id>/<number>`` until they are whole or given up.

They never mix with the blobs: nothing finds them by digest, and dropping them can take no blob away.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from assay.core.digests import Digest
from assay.core.errors import BadInputError
from assay.core.tracking.uploads import Part
from assay.storage.durable import make_folder, new_file, sync_folder, unavailable, write_to

CHUNK_BYTES: Final = 1 << 20
_ID: Final = re.compile(r"[a-z0-9_]{1,64}")


class LocalParts:
    """Implements ``core.ports.uploads.Parts`` on one file system; any number of processes may share it."""

    def __init__(
        self, root: Path, put: Callable[[Iterable[bytes], Digest | None, int | None], tuple[Digest, int]]
    ) -> None:
        """Keep the place of the parts and what stores a whole blob."""
        self._root = root
        self._put = put
        self._known: set[Path] = set()

    def put(self, upload_id: str, number: int, chunks: Iterable[bytes]) -> tuple[Digest, int]:
        """Store the bytes of a part durably, in place of what came under that number before.

        Raises:
            BadInputError: the id is none that can be given.
            UnavailableError: no space, or the disk failed; nothing is kept.
        """
        folder = self._folder(upload_id)
        try:
            if self._root not in self._known:
                make_folder(self._root)
                self._known.add(self._root)
            # Folders of uploads come and go, by other processes too: the name of each is made sure of.
            make_folder(folder, self._known)
            with new_file(folder) as (path, file):
                written = write_to(file, chunks)
                path.replace(folder / str(int(number)))
                sync_folder(folder)
        except OSError as error:
            raise unavailable(error) from error
        return written

    def join(
        self, upload_id: str, parts: Sequence[Part], expected: Digest | None = None
    ) -> tuple[Digest, int]:
        """Make one blob of the parts; each is compared with its digest while it is read.

        Raises:
            BadInputError: a part is not there, or is damaged; the whole is not what was announced; or the
                id is none that can be given.
            UnavailableError: no space, or the disk failed; nothing is kept.
        """
        whole = _joined(self._folder(upload_id), parts)
        return self._put(whole, expected, sum(each.size_bytes for each in parts))

    def bad(self, upload_id: str, parts: Sequence[Part]) -> tuple[int, ...]:
        """Return the numbers of those that are not there, or have not the bytes of their digests.

        Raises:
            BadInputError: the id is none that can be given.
            UnavailableError: the parts cannot be read.
        """
        folder = self._folder(upload_id)
        return tuple(each.number for each in parts if not self._is_good(folder, each))

    def drop(self, upload_id: str) -> None:
        """Remove all parts of an upload.

        Raises:
            BadInputError: the id is none that can be given.
            UnavailableError: the disk failed.
        """
        try:
            shutil.rmtree(self._folder(upload_id))
        except FileNotFoundError:
            return
        except OSError as error:
            raise unavailable(error) from error

    def waiting(self) -> Iterator[str]:
        """Yield the ids of all uploads of which there are parts.

        Raises:
            UnavailableError: the folder cannot be read.
        """
        try:
            names = sorted(each.name for each in self._root.iterdir())
        except FileNotFoundError:
            return
        except OSError as error:
            raise unavailable(error) from error
        yield from (name for name in names if _ID.fullmatch(name))

    def _is_good(self, folder: Path, part: Part) -> bool:
        try:
            for _ in _joined(folder, [part]):
                pass
        except BadInputError:
            return False
        except OSError as error:
            raise unavailable(error) from error
        return True

    def _folder(self, upload_id: str) -> Path:
        if not _ID.fullmatch(upload_id):
            raise BadInputError.of("upload_id", "must be one that the registry gave")
        return self._root / upload_id


def _joined(folder: Path, parts: Sequence[Part]) -> Iterator[bytes]:
    for part in parts:
        hasher = hashlib.sha256()
        try:
            with (folder / str(part.number)).open("rb") as file:
                if os.fstat(file.fileno()).st_size != part.size_bytes:
                    raise _other(part, "does not hold the bytes that were sent")
                while chunk := file.read(CHUNK_BYTES):
                    hasher.update(chunk)
                    yield chunk
        except FileNotFoundError:
            raise _other(part, "is not there any more") from None
        if hasher.hexdigest() != part.digest.hex:
            raise _other(part, "does not hold the bytes that were sent")


def _other(part: Part, words: str) -> BadInputError:
    return BadInputError.of(f"part {part.number}", f"{words}; send it again")
