"""Uploading: files are hashed as they are read, and only bytes the registry lacks are sent."""

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from assay.client.sending_parts import send_in_parts
from assay.client.transport import Transport
from assay.core.digests import Digest, FileEntry
from assay.core.errors import BadInputError, NotFoundError
from assay.core.names import ModelName
from assay.wire.upkeep import NewUpload

CHUNK_BYTES: Final = 1024 * 1024
# Below this one request is as quick, and less to send again than a break is likely.
IN_PARTS_BYTES: Final = 64 * 1024 * 1024
Progress = Callable[[int, int, str], None]
_LEFT_OUT: Final = frozenset({".git", ".hg", ".svn", "__pycache__", ".DS_Store"})


def no_progress(bytes_done: int, bytes_total: int, name: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file of this machine on its way to the registry.

    Attributes:
        path: where it lies.
        name: what it is called in the version, or for people.
        digest, size_bytes: of its bytes when it was hashed.
    """

    path: Path
    name: str
    digest: Digest
    size_bytes: int

    @property
    def entry(self) -> FileEntry:
        """The file as a manifest names it.

        Raises:
            BadInputError: the name is no safe relative path.
        """
        return FileEntry(self.name, self.digest, self.size_bytes)


def hash_file(path: Path, name: str = "") -> LocalFile:
    """Read a file once, in pieces, and return it with digest and size.

    Args:
        path: of the file.
        name: what to call it; its own name when empty.

    Raises:
        BadInputError: it cannot be read, or is no regular file.
    """
    hasher, size_bytes = hashlib.sha256(), 0
    if path.exists() and not path.is_file():
        raise BadInputError.of("path", "must be a regular file", str(path))
    for chunk in read_chunks(path):
        hasher.update(chunk)
        size_bytes += len(chunk)
    return LocalFile(path, name or path.name, Digest(f"sha256:{hasher.hexdigest()}"), size_bytes)


def read_chunks(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a file a piece at a time.

    Raises:
        BadInputError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
    except OSError as error:
        raise BadInputError.of(
            "path", "must be a readable file", f"{path}: {error.strerror or error}"
        ) from error


def collect_files(path: Path) -> tuple[LocalFile, ...]:
    """Hash the file, or every file below the directory, in the order of their names.

    Version control folders and caches are left out; links to files are read through.

    Raises:
        BadInputError: there is nothing there, a linked folder, or something that is no regular file.
    """
    if not path.exists():
        raise BadInputError.of("path", "must exist", str(path))
    if not path.is_dir():
        return (hash_file(path),)
    found = sorted(_below(path, ""), key=lambda each: each[1])
    if not found:
        raise BadInputError.of("path", "must hold at least one file", str(path))
    return tuple(hash_file(each, name) for each, name in found)


def _below(directory: Path, prefix: str) -> Iterator[tuple[Path, str]]:
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name in _LEFT_OUT:
                continue
            if entry.is_dir():
                if entry.is_symlink():
                    raise BadInputError.of("path", "must not hold links to folders", entry.path)
                yield from _below(Path(entry.path), f"{prefix}{entry.name}/")
            else:
                yield Path(entry.path), prefix + entry.name


def blob_size(transport: Transport, digest: Digest) -> int | None:
    """Return the size in bytes of a blob that the registry has, else None.

    Raises:
        AssayError: any leaf but NotFoundError.
    """
    try:
        response = transport.send("HEAD", f"/blobs/{quote(digest)}")
    except NotFoundError:
        return None
    return int(response.headers.get("content-length", "0"))


def upload(
    transport: Transport,
    file: LocalFile,
    progress: Progress = no_progress,
    model: ModelName | None = None,
) -> bool:
    """Send the bytes of ``file`` unless the registry has them; flat memory whatever the size.

    A large file goes in parts, and is gone on with where a broken connection, or a former process, stopped.

    Args:
        transport: to the registry.
        file: hashed before.
        progress: called with (bytes done, bytes in all, name) as bytes go out, and at the end.
        model: of which it becomes a version's file, so that a large one which its quota does not allow is
            refused before it is sent.

    Returns:
        Whether anything had to be sent.

    Raises:
        BadInputError: the file cannot be read, or changed since it was hashed.
        AssayError: any other leaf, from the registry.
    """
    if blob_size(transport, file.digest) == file.size_bytes:
        progress(file.size_bytes, file.size_bytes, file.name)
        return False

    if file.size_bytes >= IN_PARTS_BYTES and _in_parts(transport, file, progress, model):
        return True

    def chunks() -> Iterator[bytes]:
        done = 0
        progress(0, file.size_bytes, file.name)
        for chunk in read_chunks(file.path):
            done += len(chunk)
            if done > file.size_bytes:
                break
            yield chunk
            progress(done, file.size_bytes, file.name)
        if done != file.size_bytes:
            raise BadInputError.of("path", "must not change while it is sent", str(file.path))

    transport.send_raw(
        "PUT",
        f"/blobs/{quote(file.digest)}",
        content=chunks(),
        headers={"Content-Type": "application/octet-stream", "Content-Length": str(file.size_bytes)},
    )
    progress(file.size_bytes, file.size_bytes, file.name)
    return True


def _in_parts(transport: Transport, file: LocalFile, progress: Progress, model: ModelName | None) -> bool:
    """Send a file in parts; False when the registry is an older one, which takes none."""
    wanted = NewUpload(file.size_bytes, file.digest, model=model)
    try:
        send_in_parts(transport, file.path, wanted, lambda done: progress(done, file.size_bytes, file.name))
    except NotFoundError:
        return False
    return True
