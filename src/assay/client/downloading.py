"""Downloading: streamed, resumed where it broke off, verified, and put in place in one step."""

import hashlib
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import httpx

from assay.client.optional import library
from assay.client.transport import Transport
from assay.client.uploading import CHUNK_BYTES, Progress, hash_file, no_progress
from assay.core.digests import Digest, check_path
from assay.core.errors import BadInputError, ConflictError, Reason, UnavailableError

ATTEMPTS: Final = 3


_Opened = Callable[[str, Mapping[str, str]], AbstractContextManager[httpx.Response]]


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


@dataclass(frozen=True, slots=True)
class _Partial:
    """The hidden file in which the bytes gather; ``kept`` for a later call if this one breaks off."""

    path: Path
    file: BinaryIO
    kept: bool

    def take_the_place(self, destination: Path) -> None:
        if not self.kept:
            self.file.close()  # where nothing can be locked, nothing that is open can be renamed either
        self.path.replace(destination)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to fetch: its route, the name shown with progress, its digest and size."""

    route: str
    name: str
    digest: Digest
    size_bytes: int


def download(
    transport: Transport,
    wanted: Wanted,
    destination: Path,
    *,
    overwrite: bool = False,
    progress: Progress = no_progress,
) -> bool:
    """Fetch one file to ``destination``.

    The bytes gather in a hidden file beside it, which a later call takes up where this one broke
    off; only when their digest is right do they get their name, in one step. Of several calls at once
    for one place each has a hidden file of its own, so that no other writes between its bytes.

    Returns:
        Whether anything had to be fetched; a file that is there already with that digest is left.

    Raises:
        BadInputError: the place cannot be written to.
        ConflictError: there is another file at ``destination`` and ``overwrite`` is false.
        UnavailableError: the registry broke off, or sent bytes of another digest, several times.
        AssayError: any other leaf, from the registry.
    """
    with writing(destination):
        if _is_there(wanted, destination, overwrite=overwrite):
            progress(wanted.size_bytes, wanted.size_bytes, wanted.name)
            return False
        destination.parent.mkdir(parents=True, exist_ok=True)
        with _gathering(wanted, destination) as partial:
            for left in reversed(range(ATTEMPTS)):
                try:
                    # The last try goes to the registry itself, whatever became of those at a store.
                    opened = transport.stream_from_anywhere if left else transport.stream
                    found = _take_up(transport, opened, wanted, partial.file, progress)
                except UnavailableError:
                    if not left:
                        raise
                    continue
                if found == wanted.digest:
                    partial.take_the_place(destination)
                    return True
                partial.file.truncate(0)
            partial.path.unlink()
    reason = Reason(wanted.name, f"must have digest {wanted.digest}", f"the bytes received have {found}")
    raise UnavailableError("the bytes arrived damaged", [reason], hint="nothing was kept; try again")


def place_inside(directory: Path, path: str) -> Path:
    """Return where the file ``path`` of a version goes below ``directory``, links followed.

    Raises:
        BadInputError: it would be outside.
    """
    check_path(path)
    root = directory.resolve()
    target = root / path
    if not target.parent.resolve().is_relative_to(root) or target.is_symlink():
        raise BadInputError.of("path", "must stay inside the directory", f"{path} in {directory}")
    return target


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Say clearly when a place cannot be written to.

    Raises:
        BadInputError: the operating system refused.
    """
    try:
        yield
    except OSError as error:
        rule = "must be a place that can be written to"
        raise BadInputError.of("destination", rule, f"{place}: {error.strerror or error}") from error


def _is_there(wanted: Wanted, destination: Path, *, overwrite: bool) -> bool:
    if not destination.exists():
        return False
    is_file = destination.is_file()
    same_size = is_file and destination.stat().st_size == wanted.size_bytes
    if same_size and hash_file(destination).digest == wanted.digest:
        return True
    if not overwrite or not is_file:
        reason = Reason("destination", "is taken by something else", str(destination))
        raise ConflictError(f"{destination} exists", [reason], hint="choose another place, or overwrite")
    return False


@contextmanager
def _gathering(wanted: Wanted, destination: Path) -> Iterator[_Partial]:
    """Open the hidden file that is kept, or one of one's own where another call has that one."""
    path = destination.with_name(f".{destination.name[:100]}.{wanted.digest.short}.partial")
    file = _locked(path)
    if file is not None:
        with file:
            yield _Partial(path, file, kept=True)
        return
    own = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    with _opened(own, os.O_EXCL) as opened:
        try:
            yield _Partial(own, opened, kept=False)
        finally:
            opened.close()
            own.unlink(missing_ok=True)


def _locked(path: Path) -> BinaryIO | None:
    """Open a file for this call alone; None where another one has it, or nothing can be locked."""
    fcntl = library("fcntl")
    if fcntl is None:
        return None
    file = _opened(path)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever had it may have given it its name meanwhile, or thrown it away.
        if os.path.samestat(os.fstat(file.fileno()), path.lstat()):
            return file
    except OSError:
        pass
    file.close()
    return None


def _opened(path: Path, further: int = 0) -> BinaryIO:
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | further
    return os.fdopen(os.open(path, flags, 0o666), "r+b")


def _take_up(
    transport: Transport, opened: _Opened, wanted: Wanted, file: BinaryIO, progress: Progress
) -> Digest:
    """Append what is missing to the file and return the digest of the whole."""
    hasher = hashlib.sha256()
    file.seek(0)
    done = _absorb(file, hasher)
    if done > wanted.size_bytes:
        done, hasher = 0, hashlib.sha256()
    if done < wanted.size_bytes or done == 0:
        headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
        if done:
            headers |= {"Range": f"bytes={done}-", "If-Range": f'"{wanted.digest}"'}
        with opened(wanted.route, headers) as response:
            if response.status_code == 416:
                file.truncate(0)
                raise UnavailableError("the registry cannot go on where the download broke off")
            if done and not _continues(response, done):
                done, hasher = 0, hashlib.sha256()
            file.seek(done)
            file.truncate()
            _receive(transport, response, file, hasher, (done, wanted, progress))
    file.flush()
    os.fsync(file.fileno())
    return Digest(f"sha256:{hasher.hexdigest()}")


def _absorb(file: BinaryIO, hasher: _Hash) -> int:
    size_bytes = 0
    while chunk := file.read(CHUNK_BYTES):
        hasher.update(chunk)
        size_bytes += len(chunk)
    return size_bytes


def _continues(response: httpx.Response, start: int) -> bool:
    """Tell whether the answer begins at byte ``start`` (RFC 9110, 14.4) and not at the beginning."""
    content_range: str = response.headers.get("content-range", "")
    return response.status_code == 206 and content_range.startswith(f"bytes {start}-")


def _receive(
    transport: Transport,
    response: httpx.Response,
    file: BinaryIO,
    hasher: _Hash,
    state: tuple[int, Wanted, Progress],
) -> None:
    done, wanted, progress = state
    progress(done, wanted.size_bytes, wanted.name)
    with transport.translated():
        # As they come: pieces of a set size would be lost when the connection breaks inside one.
        for chunk in response.iter_raw():
            done += len(chunk)
            if done > wanted.size_bytes:
                rule = f"must be {wanted.size_bytes} bytes"
                raise UnavailableError("more bytes arrived than there are", [Reason(wanted.name, rule)])
            file.write(chunk)
            hasher.update(chunk)
            progress(done, wanted.size_bytes, wanted.name)
    if done < wanted.size_bytes:
        rule = f"must be {wanted.size_bytes} bytes"
        reason = Reason(wanted.name, rule, f"{done} arrived")
        raise UnavailableError(
            "the download broke off", [reason], hint="try again; it goes on where it stopped"
        )
