"""Writing to the local disk so that it survives: files, folders, and what is said when it fails."""

import errno
import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from assay.core.digests import Digest
from assay.core.errors import AssayError, BadInputError, UnavailableError


def write_file(path: Path, chunks: Iterable[bytes], size_bytes: int | None = None) -> tuple[Digest, int]:
    """Write a new file and make its bytes durable; its name is not yet (see :func:`sync_folder`).

    Args:
        path: of a file that must not be there.
        chunks: the bytes.
        size_bytes: how many were announced.

    Returns:
        Digest and size in bytes.

    Raises:
        BadInputError: other than the announced number of bytes came.
        OSError: the disk failed.
    """
    hasher = hashlib.sha256()
    written = 0
    with path.open("xb", buffering=0) as file:
        for chunk in chunks:
            written += len(chunk)
            if size_bytes is not None and written > size_bytes:
                raise BadInputError.of(
                    "size_bytes", f"must be that of the bytes sent: more than {size_bytes}"
                )
            hasher.update(chunk)
            view = memoryview(chunk)
            while view:
                view = view[file.write(view) :]
        if size_bytes is not None and written != size_bytes:
            raise BadInputError.of(
                "size_bytes", f"must be that of the bytes sent: {written}", str(size_bytes)
            )
        # An fsync that fails may have lost the pages: the upload fails, it is not tried again.
        os.fsync(file.fileno())
    return Digest("sha256:" + hasher.hexdigest()), written


def make_folder(path: Path) -> None:
    """Create a folder and make its name durable, up to the first that existed before."""
    if path.is_dir():
        return
    make_folder(path.parent)
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def unavailable(error: OSError) -> AssayError:
    """Return the error that says that bytes could not be stored."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return UnavailableError("no space is left for blobs; nothing was kept")
    return UnavailableError(f"the blob could not be stored: {error.strerror}")
