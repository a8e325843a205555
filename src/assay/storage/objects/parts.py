"""Parts of blobs in an object store: ``.parts/<upload id>/<number>`` until they are whole or given up.

They never mix with the blobs: nothing finds them by digest, and dropping them can take no blob away.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Final

import obstore
from obstore.exceptions import PreconditionError

from assay.core.digests import Digest
from assay.core.errors import BadInputError
from assay.core.tracking.uploads import Part
from assay.storage.objects.answers import translated
from assay.storage.objects.opening import Store
from assay.storage.objects.reading import look, pieces
from assay.storage.objects.sending import PART_BYTES, Passing, send_small, send_stream

_ID: Final = re.compile(r"[a-z0-9_]{1,64}")
_REMOVED_AT_ONCE: Final = 1000


class ObjectParts:
    """Implements ``core.ports.uploads.Parts`` over a bucket; any number of processes may share it."""

    def __init__(
        self,
        store: Store,
        streams: Store,
        root: str,
        put: Callable[[Iterable[bytes], Digest | None, int | None], tuple[Digest, int]],
    ) -> None:
        """Keep the place of the parts and what stores a whole blob.

        Args:
            store: for requests of a set size.
            streams: for reading.
            root: what the names of parts begin with.
            put: stores a whole blob: its bytes, and what digest and size it is known to have.
        """
        self._store = store
        self._streams = streams
        self._root = root
        self._put = put

    def put(self, upload_id: str, number: int, chunks: Iterable[bytes]) -> tuple[Digest, int]:
        """Store the bytes of a part, in place of what came under that number before.

        Raises:
            BadInputError: the id is none that can be given.
            UnavailableError: the store did not take them; nothing is kept.
        """
        key = f"{self._folder(upload_id)}/{int(number)}"
        passing = Passing(chunks, None, None)
        content = passing.gather(PART_BYTES)
        if content is not None:
            send_small(self._store, key, content)
        else:
            send_stream(self._store, key, passing, None)
        return passing.digest, passing.size_bytes

    def join(
        self, upload_id: str, parts: Sequence[Part], expected: Digest | None = None
    ) -> tuple[Digest, int]:
        """Make one blob of the parts; each is compared with its digest while it is read.

        It is known how large the whole will be, and so how large the pieces have to be in which it is sent.
        With its digest it goes to its name at once, and where the store has it already it is not sent.

        Raises:
            BadInputError: a part is not there, or is damaged; the whole is not what was announced; or the
                id is none that can be given.
            UnavailableError: the store does not answer; nothing is kept.
        """
        whole = self._joined(self._folder(upload_id), parts)
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
            UnavailableError: the store does not answer.
        """
        folder = self._folder(upload_id)
        with translated("the parts cannot be removed"):
            for listed in obstore.list(self._store, prefix=folder, chunk_size=_REMOVED_AT_ONCE):
                self._remove([each["path"] for each in listed])

    def waiting(self) -> Iterator[str]:
        """Yield the ids of all uploads of which there are parts.

        Raises:
            UnavailableError: the store does not answer.
        """
        with translated("the parts cannot be listed"):
            found = obstore.list_with_delimiter(self._store, prefix=self._root.removesuffix("/"))
        names = sorted(each.rstrip("/").rpartition("/")[2] for each in found["common_prefixes"])
        yield from (name for name in names if _ID.fullmatch(name))

    def _remove(self, keys: list[str]) -> None:
        """Remove objects in as few requests as the store allows, whoever else removes some of them."""
        try:
            obstore.delete(self._store, keys)
        except FileNotFoundError:  # it may have given up at the first that was gone
            for each in keys:
                with suppress(FileNotFoundError):
                    obstore.delete(self._store, each)

    def _folder(self, upload_id: str) -> str:
        if not _ID.fullmatch(upload_id):
            raise BadInputError.of("upload_id", "must be one that the registry gave")
        return self._root + upload_id

    def _is_good(self, folder: str, part: Part) -> bool:
        try:
            for _ in self._joined(folder, [part]):
                pass
        except BadInputError:
            return False
        return True

    def _joined(self, folder: str, parts: Sequence[Part]) -> Iterator[bytes]:
        for part in parts:
            key = f"{folder}/{part.number}"
            found = look(self._store, key)
            if found is None:
                raise _other(part, "is not there any more")
            if found.size_bytes != part.size_bytes:
                raise _other(part, "does not hold the bytes that were sent")
            hasher = hashlib.sha256()
            try:
                for piece in pieces(self._streams, key, found, 0, found.size_bytes):
                    hasher.update(piece)
                    yield piece
            except (FileNotFoundError, PreconditionError):
                raise _other(part, "is not there any more") from None
            if hasher.hexdigest() != part.digest.hex:
                raise _other(part, "does not hold the bytes that were sent")


def _other(part: Part, words: str) -> BadInputError:
    return BadInputError.of(f"part {part.number}", f"{words}; send it again")
