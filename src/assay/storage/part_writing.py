"""Writing one part of a file to its place in it, for as long as nobody else writes the same part."""

import os
import threading
from contextlib import suppress
from pathlib import Path

from assay.core.errors import ConflictError


class PartWriter:
    """Writes one part; once it is closed, which others may do, it never writes again."""

    def __init__(self, path: Path) -> None:
        """Open the file, which is there.

        Raises:
            OSError: the disk failed.
        """
        self._descriptor = os.open(path, os.O_WRONLY)
        self._lock = threading.Lock()
        self.is_closed = False

    def write(self, chunk: bytes, offset: int) -> None:
        """Write bytes to their place.

        Raises:
            ConflictError: somebody else writes this part since.
            OSError: no space, or the disk failed.
        """
        with self._lock:
            self._check_open()
            view = memoryview(chunk)
            while view:
                written = os.pwrite(self._descriptor, view, offset)
                view, offset = view[written:], offset + written

    def sync(self) -> None:
        """Make what was written durable; an error may have lost it, so that it is not tried again.

        Raises:
            ConflictError: somebody else writes this part since.
            OSError: the disk failed.
        """
        with self._lock:
            self._check_open()
            os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Write nothing any more; returns when whoever is in the middle of it has ended."""
        with self._lock, suppress(OSError):
            if not self.is_closed:
                self.is_closed = True
                os.close(self._descriptor)

    def _check_open(self) -> None:
        if self.is_closed:
            raise ConflictError("this part is sent by another connection since", hint="look at what is there")
