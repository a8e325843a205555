"""What lies in an object store under the names of its bytes."""

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Final

import obstore

from assay.core.digests import Digest
from assay.core.errors import UnavailableError
from assay.core.ports import Lying
from assay.storage.objects.answers import translated
from assay.storage.objects.opening import Store
from assay.storage.objects.reading import look
from assay.storage.objects.sending import send_small

_NAME: Final = re.compile(r"([0-9a-f]{2})/(\1[0-9a-f]{62})")
_LISTED_AT_ONCE: Final = 1000
_LEFTOVER: Final = "an announcement cannot be taken back"
# A store has no locks that go with their holder: who is dead after so long is told from who pauses by this.
GOING: Final = timedelta(hours=1)


class ObjectShelf:
    """Implements ``core.ports.Shelf`` over a bucket."""

    def __init__(
        self, store: Store, root: str, is_right: Callable[[Digest], bool], now: Callable[[], datetime]
    ) -> None:
        """Keep the store, what every name begins with, what reads a blob anew, and the clock."""
        self._store = store
        self._root = root
        self._is_right = is_right
        self._now = now
        self._unsure: set[Digest] = set()

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

    @contextmanager
    def going(self, digest: Digest) -> Iterator[bool]:
        """Announce to everybody that bytes may be removed at any moment while the block lasts.

        It is an object beside the blobs, which counts for an hour. It stays for as long where the store did
        not say whether it removed the bytes: it may do so yet.

        Yields:
            False when somebody else announced it and is not done.

        Raises:
            UnavailableError: the store does not answer.
        """
        mine = f"{self._announcements(digest)}/{uuid.uuid4().hex}"
        send_small(self._store, mine, b"")
        try:
            yield self._announced(digest) <= {mine}
        finally:
            if digest in self._unsure:
                self._unsure.discard(digest)
            else:
                with suppress(UnavailableError, FileNotFoundError), translated(_LEFTOVER, absent=True):
                    obstore.delete(self._store, mine)

    def is_going(self, digest: Digest) -> bool:
        """Tell whether somebody announced that bytes may be removed at any moment, and is not done.

        Raises:
            UnavailableError: the store does not answer.
        """
        return bool(self._announced(digest))

    def remove(self, digest: Digest) -> None:
        """Remove the bytes; nothing happens when they are not there.

        Raises:
            UnavailableError: the store does not answer.
        """
        self._unsure.add(digest)
        with translated("the blob cannot be removed"), suppress(FileNotFoundError):
            obstore.delete(self._store, self._key(digest))
        self._unsure.discard(digest)

    def check(self, digest: Digest) -> bool:
        """Read the bytes at rest anew; False when they are not those of the digest.

        Raises:
            NotFoundError: no such blob.
            UnavailableError: the store does not answer.
        """
        return self._is_right(digest)

    def _announcements(self, digest: Digest) -> str:
        return f"{self._root}.removing/{Digest(digest).hex}"

    def _announced(self, digest: Digest) -> set[str]:
        """Return the names of the announcements that count; older ones are cleared away."""
        found, oldest = set[str](), self._now() - GOING
        with translated("the store cannot be asked for what is being removed"):
            for listed in obstore.list(self._store, prefix=self._announcements(digest)):
                for each in listed:
                    if each["last_modified"] > oldest:
                        found.add(each["path"])
                        continue
                    with suppress(FileNotFoundError):
                        obstore.delete(self._store, each["path"])
        return found

    def _key(self, digest: Digest) -> str:
        name = Digest(digest).hex
        return f"{self._root}{name[:2]}/{name}"
