"""The mark of a bucket, or of what begins with one prefix in it: an object that no blob is taken for."""

from contextlib import suppress

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError

from assay.storage.marks import LONGEST_MARK, MARK, read_mark, write_mark
from assay.storage.objects.answers import status_of, translated
from assay.storage.objects.opening import Store


class ObjectMark:
    """Implements ``core.ports.blobs.StoreMark`` over a bucket."""

    def __init__(self, store: Store, root: str) -> None:
        """Keep the store, and what every name begins with."""
        self._store = store
        self._root = root

    def read(self) -> str | None:
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

    def put(self, name: str) -> str:
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
                if self.read() is None:
                    obstore.put(self._store, key, content, use_multipart=False)
        return self.read() or ""
