"""Writing to the local disk so that it survives: files, folders, and what is said when it fails."""

import errno
import fcntl
import hashlib
import os
import uuid
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import Final

from assay.core.digests import Digest
from assay.core.errors import AssayError, BadInputError, UnavailableError

RESERVED_BYTES: Final = 512 << 20
_READ_ONLY: Final = 0o444


@contextmanager
def new_file(folder: Path) -> Iterator[tuple[Path, FileIO]]:
    """Open a new file under a name of its own; at the end it is removed, unless it was renamed.

    It is locked for as long as it is open. The lock goes with its holder, wherever that lived and
    whatever its number was: so :func:`remove_leftovers` can tell the files of the dead.

    Yields:
        Its path, and the file to write to; others may only read it.

    Raises:
        OSError: the disk failed.
    """
    while True:
        path = folder / f".{uuid.uuid4().hex}"
        file = FileIO(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _READ_ONLY), "wb")
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file.fileno()).st_nlink == 0:
                continue  # taken for a leftover before it was locked
            try:
                yield path, file
            finally:
                with suppress(FileNotFoundError):
                    path.unlink()
            return


def remove_leftovers(folder: Path) -> None:
    """Remove the files in a folder that nobody holds (see :func:`new_file`).

    Raises:
        OSError: the folder cannot be read.
    """
    for path in folder.iterdir():
        with suppress(OSError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def write_to(file: FileIO, chunks: Iterable[bytes], size_bytes: int | None = None) -> tuple[Digest, int]:
    """Write a new file and make its bytes durable; its name is not yet (see :func:`sync_folder`).

    Args:
        file: opened for writing, empty.
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
    for chunk in chunks:
        written += len(chunk)
        if size_bytes is not None and written > size_bytes:
            raise BadInputError.of("size_bytes", f"must be that of the bytes sent: more than {size_bytes}")
        hasher.update(chunk)
        view = memoryview(chunk)
        while view:
            view = view[file.write(view) :]
    if size_bytes is not None and written != size_bytes:
        raise BadInputError.of("size_bytes", f"must be that of the bytes sent: {written}", str(size_bytes))
    # An fsync that fails may have lost the pages: the upload fails, it is not tried again.
    os.fsync(file.fileno())
    return Digest("sha256:" + hasher.hexdigest()), written


def make_folder(path: Path, known: Container[Path] = ()) -> None:
    """Create a folder and make its name durable, and the names of all those above it.

    One that is there already may have been made a moment ago by another process, which has not made
    its name durable yet; so that is done all the same.

    Args:
        path: of the folder.
        known: folders whose names this process knows to be durable: they, and what is above, are left.

    Raises:
        OSError: the disk failed.
    """
    is_there = path.is_dir()
    if is_there and (path in known or path.is_mount()):
        return
    make_folder(path.parent, known)
    if not is_there:
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
    try:
        sync_folder(path.parent)
    except PermissionError:
        if not is_there:  # what lies in a folder that is closed to us was not made by one of us
            raise


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


def check_room_in(folder: Path, size_bytes: int) -> None:
    """See that a file on its way may take so much of the disk.

    Some is left for everything else: whoever only says that much will come must not keep others, and the
    records beside it, from writing.

    Raises:
        OSError: there is not so much (ENOSPC), or the disk cannot be asked.
    """
    disk = os.statvfs(folder)
    reserve = min(RESERVED_BYTES, disk.f_blocks * disk.f_frsize // 10)
    if size_bytes > disk.f_bavail * disk.f_frsize - reserve:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
