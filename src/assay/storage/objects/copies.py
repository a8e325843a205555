"""Local copies of blobs, for checks that need a path: verified, of bounded size, shared by processes.

A copy is written and verified as a blob on a local disk is. When there is too much, those that were not
asked for longest go first, but none that was asked for in the last hours: a check may be reading it, and
no check runs that long. So the bound gives way before a check does.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from assay.core.digests import Digest
from assay.core.errors import NotFoundError, UnavailableError
from assay.storage.blobs import LocalBlobs

MOST_BYTES: Final = 20 << 30
KEPT_S: Final = 2 * 3600.0


class LocalCopies:
    """A folder of copies."""

    def __init__(self, root: Path, most_bytes: int = MOST_BYTES, kept_s: float = KEPT_S) -> None:
        """Keep the place; it is made when the first copy is.

        Args:
            root: the folder.
            most_bytes: how much the copies may take together.
            kept_s: how long a copy stays at least after it was asked for, in seconds.
        """
        self._root = root
        self._most_bytes = most_bytes
        self._kept_s = kept_s
        self._opened: LocalBlobs | None = None

    def path(self, digest: Digest, size_bytes: int, fetch: Callable[[], Iterable[bytes]]) -> Path:
        """Return the path of a copy, which is fetched if there is none, or a damaged one.

        Raises:
            UnavailableError: it cannot be fetched or stored.
        """
        store = self._store()
        for _ in range(3):
            try:
                path = store.open_path(digest)
            except (NotFoundError, UnavailableError):
                self._make_room(size_bytes)
                store.put(fetch(), digest, size_bytes)
                continue
            with self._alone(), suppress(FileNotFoundError):
                modified = path.stat().st_mtime_ns
                os.utime(path, ns=(time.time_ns(), modified))
                return path
        raise UnavailableError("the local copy of a blob does not stay; is the disk shared or full?")

    def _store(self) -> LocalBlobs:
        if self._opened is None:
            self._opened = LocalBlobs(self._root)
        return self._opened

    def _make_room(self, wanted: int) -> None:
        """Remove copies, those first that were not asked for longest, until there is room."""
        with self._alone():
            found = sorted(self._copies(), key=lambda each: each[0])
            left = sum(size for _, size, _ in found) + wanted
            newest = time.time_ns() - int(self._kept_s * 1e9)
            for asked, size, path in found:
                if left <= self._most_bytes or asked > newest:
                    return
                path.unlink(missing_ok=True)
                left -= size

    def _copies(self) -> Iterator[tuple[int, int, Path]]:
        for path in self._root.glob("[0-9a-f][0-9a-f]/*"):
            with suppress(FileNotFoundError):
                status = path.stat()
                yield max(status.st_atime_ns, status.st_mtime_ns), status.st_size, path

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let no other process look or remove meanwhile."""
        with (self._root / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
