"""Bytes kept on a node by their digest, so that a model comes there once.

Nothing in here is believed: bytes are hashed while they are copied to where they are used, and what does
not have its digest is thrown away and asked for again.
"""

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from assay.core.digests import Digest

CHUNK_BYTES: Final = 1 << 20
DEFAULT_LIMIT_BYTES: Final = 20 * 1024**3


class DamagedError(Exception):
    """Kept bytes do not have their digest; they are gone now."""

    def __init__(self, digest: Digest) -> None:
        """Name the digest."""
        super().__init__(f"the bytes kept for {digest.short} on this node were damaged")
        self.digest = digest


class NodeCache:
    """Files by digest in one folder, which any number of processes of the node share."""

    def __init__(self, root: Path, *, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> None:
        """Use ``root``, which is there; it keeps about ``limit_bytes``, the last used."""
        self._root = root
        self._limit_bytes = limit_bytes
        self._arriving: dict[Digest, Path] = {}

    def has(self, digest: Digest) -> bool:
        """Tell whether there are bytes for a digest; whether they are right is seen when they are used."""
        return self._path(digest).is_file()

    def add(self, digest: Digest, chunk: bytes) -> None:
        """Take the next piece of what arrives for a digest."""
        path = self._arriving.get(digest)
        if path is None:
            path = self._arriving[digest] = self._root / f"{digest.hex}.part-{secrets.token_hex(6)}"
        with path.open("ab") as file:
            file.write(chunk)

    def complete(self, digest: Digest) -> None:
        """Keep what arrived for a digest."""
        self.add(digest, b"")
        self._arriving.pop(digest).replace(self._path(digest))
        self._trim()

    def read(self, digest: Digest) -> Iterator[bytes]:
        """Yield the bytes of a digest; use nothing of them before the end has come without an error.

        Raises:
            DamagedError: they are not there any more, or do not have their digest.
        """
        path, seen = self._path(digest), hashlib.sha256()
        try:
            with path.open("rb") as file:
                os.utime(file.fileno())
                while chunk := file.read(CHUNK_BYTES):
                    seen.update(chunk)
                    yield chunk
        except FileNotFoundError as error:
            raise DamagedError(digest) from error
        if seen.hexdigest() != digest.hex:
            path.unlink(missing_ok=True)
            raise DamagedError(digest)

    def _path(self, digest: Digest) -> Path:
        return self._root / digest.hex

    def _trim(self) -> None:
        """Drop what was not used for the longest time; others may drop the same."""
        found = []
        for path in self._root.iterdir():
            with suppress(FileNotFoundError):
                facts = path.stat()
                found.append((facts.st_mtime, facts.st_size, path))
        excess = sum(size for _, size, _ in found) - self._limit_bytes
        for _, size, path in sorted(found):
            if excess <= 0:
                break
            path.unlink(missing_ok=True)
            excess -= size
