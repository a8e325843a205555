"""What lies in an object store under the names of its bytes."""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError

from assay.core.digests import Digest
from assay.core.ports import Lying
from assay.storage.marks import LONGEST_MARK, MARK, read_mark, write_mark
from assay.storage.objects.answers import status_of, translated
from assay.storage.objects.opening import Store
from assay.storage.objects.reading import look

_NAME: Final = re.compile(r"([0-9a-f]{2})/(\1[0-9a-f]{62})")
_LISTED_AT_ONCE: Final = 1000


class ObjectShelf:
    """Implements ``core.ports.Shelf`` over a bucket."""

    def __init__(self, store: Store, root: str, is_right: Callable[[Digest], bool]) -> None:
        """Keep the store, what every name begins with, and what reads a blob anew."""
        self._store = store
        self._root = root
        self._is_right = is_right

    def all(self) -> Iterator[Lying]:
        """Yield everything that lies there, in the order of digests, which is that of names in stores.

        Raises:
            UnavailableError: the store does not answer.
        """
        folder = self._root.removesuffix("/") or None
        with translated("the blobs cannot be listed"):
            for listed in obstore.list(self._store, prefix=folder, chunk_size=_LISTED_AT_ONCE):
                for each in listed:
                    match = _NAME.fullmatch(each["path"].removeprefix(self._root))
                    if match:
                        yield Lying(Digest(f"sha256:{match[2]}"), each["size"], each["last_modified"])

    def find(self, digest: Digest) -> Lying | None:
        """Return what lies there under a digest, None when nothing does.

        Raises:
            UnavailableError: the store does not answer.
        """
        found = look(self._store, self._key(digest))
        return None if found is None else Lying(digest, found.size_bytes, found.stored_at)

    def remove(self, digest: Digest) -> None:
        """Remove the bytes; nothing happens when they are not there.

        Raises:
            UnavailableError: the store does not answer.
        """
        with translated("the blob cannot be removed"), suppress(FileNotFoundError):
            obstore.delete(self._store, self._key(digest))

    def check(self, digest: Digest) -> bool:
        """Read the bytes at rest anew; False when they are not those of the digest.

        Raises:
            NotFoundError: no such blob.
            UnavailableError: the store does not answer.
        """
        return self._is_right(digest)

    def mark(self) -> str | None:
        """Return the name of the registry that the store says it belongs to; None where it says nothing.

        Raises:
            UnavailableError: the store does not answer.
        """
        try:
            with translated("the mark of the blob store cannot be read", absent=True):
                pieces = obstore.get(self._store, self._root + MARK).stream(LONGEST_MARK)
                return read_mark(bytes(next(iter(pieces), b""))[:LONGEST_MARK])
        except FileNotFoundError:
            return None

    def put_mark(self, name: str) -> str:
        """Write it into a store that has none; return what it says then.

        Raises:
            UnavailableError: the store does not answer.
        """
        key, content = self._root + MARK, write_mark(name)
        with translated("the blob store cannot be marked"), suppress(AlreadyExistsError):
            try:
                obstore.put(self._store, key, content, mode="create", use_multipart=False)
            except (BaseError, NotImplementedError) as error:
                if isinstance(error, AlreadyExistsError) or status_of(error) not in (None, 501):
                    raise
                # A store that knows no conditions; one that failed fails again.
                if self.mark() is None:
                    obstore.put(self._store, key, content, use_multipart=False)
        return self.mark() or ""

    def _key(self, digest: Digest) -> str:
        name = Digest(digest).hex
        return f"{self._root}{name[:2]}/{name}"
