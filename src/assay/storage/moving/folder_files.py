"""The files of another registry in folders of this machine, which an operator has named.

Nothing outside of the named folders is ever opened: a place is mapped into one of them or is out of
reach, every step of a path is opened without following links, and what is no plain file is passed over
with its reason. The source's own words about where files lie are never taken as paths of this machine.
"""

import errno
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from assay.core.errors import BadInputError, NotFoundError, Reason, UnavailableError
from assay.core.moving import ForeignFile, ForeignPlace
from assay.core.tracking.files import path_of

CHUNK_BYTES: Final = 1 << 20
MAX_DEPTH: Final = 64
# The disk, or this process, is at its end: nothing more can be read. All else is about one folder.
_SERIOUS: Final = (errno.EIO, errno.ENOSPC, errno.EMFILE, errno.ENFILE, errno.ENOMEM)
_STEP: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class FolderFiles:
    """Implements ``core.ports.moving.ForeignFiles`` over folders."""

    def __init__(
        self, root: Path | None, mapped: Mapping[str, Path], experiment_roots: Mapping[str, str]
    ) -> None:
        """Keep what the operator has named.

        Args:
            root: the artifact root of the server; None when none was named.
            mapped: further folders, by the beginning of the places that lie in them.
            experiment_roots: id -> place of each experiment, in the source's words.

        Raises:
            BadInputError: a folder is not there.
        """
        for folder in (root, *mapped.values()):
            if folder is not None and not folder.is_dir():
                raise BadInputError.of("artifacts", "must be a folder that is there", str(folder)[:300])
        self._root = None if root is None else root.resolve()
        self._mapped = {_bare(prefix): folder.resolve() for prefix, folder in mapped.items()}
        self._experiments = {_bare(place): number for number, place in experiment_roots.items() if place}

    def reach(self, place: ForeignPlace) -> str:
        """Return "" when the place lies in one of the folders, else why not."""
        try:
            self._find(place.root)
        except NotFoundError as error:
            return error.message
        return ""

    def files(self, place: ForeignPlace) -> Iterator[ForeignFile]:
        """Yield every file below a place, by path; nothing when there is none.

        A folder below it that cannot be opened or has gone meanwhile comes with its problem.

        Raises:
            NotFoundError: the place is out of reach, lies behind a link, or may not be read.
            UnavailableError: the disk does not answer.
        """
        folder, parts = self._find(place.root)
        try:
            with _opened(folder, parts) as descriptor:
                yield from _walk(descriptor, _names(descriptor), "", 0)
        except FileNotFoundError:
            return
        except NotADirectoryError:
            yield from self._lone(folder, parts)
        except OSError as error:
            message = f"{place.root[:300]} cannot be read: {error.strerror}"
            if error.errno in _SERIOUS:
                raise UnavailableError(message) from error
            raise NotFoundError(message) from error

    def read(self, place: ForeignPlace, path: str) -> Iterator[bytes]:
        """Yield the bytes of a file.

        Raises:
            NotFoundError: there is no such plain file, or the way to it leads over a link.
            UnavailableError: the disk does not answer.
        """
        folder, parts = self._find(place.root)
        below = [each for each in path.split("/") if each]
        if not below or any(each in (".", "..") for each in below):
            raise NotFoundError(f"there is no file {path[:300]!r}")
        if parts and path == parts[-1]:
            parts, below = self._whole(folder, parts, below)
        try:
            with _opened(folder, [*parts, *below[:-1]]) as descriptor:
                file = os.open(below[-1], _FILE, dir_fd=descriptor)
                with os.fdopen(file, "rb", buffering=0) as opened:
                    if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                        raise NotFoundError(f"{path[:300]!r} is no plain file")
                    while chunk := opened.read(CHUNK_BYTES):
                        yield chunk
        except OSError as error:
            raise NotFoundError(f"{path[:300]!r} cannot be read: {error.strerror}") from error

    def _whole(self, folder: Path, parts: list[str], below: list[str]) -> tuple[list[str], list[str]]:
        """Where the place itself is a file, read that one."""
        try:
            with _opened(folder, parts):
                return parts, below
        except OSError:
            return parts[:-1], below

    def _lone(self, folder: Path, parts: list[str]) -> Iterator[ForeignFile]:
        """Yield the one file that a place itself is."""
        try:
            with _opened(folder, parts[:-1]) as descriptor:
                status = os.stat(parts[-1], dir_fd=descriptor, follow_symlinks=False)
                yield _described(parts[-1], status)
        except OSError:
            yield ForeignFile(parts[-1], problem="lies behind a link, which is not followed")

    def _find(self, root: str) -> tuple[Path, list[str]]:
        """Return the folder in which a place lies, and the way from there.

        Raises:
            NotFoundError: in none of them.
        """
        bare = _bare(root)
        for prefix, folder in sorted(self._mapped.items(), key=lambda each: -len(each[0])):
            if bare == prefix or bare.startswith(prefix + "/"):
                return folder, _steps(bare[len(prefix) :], root)
        if self._root is None:
            reason = "no folder was named for it"
        else:
            inside = path_of(root)
            if inside is not None:
                return self._root, _steps(inside, root)
            if bare.startswith(f"{self._root}/"):
                return self._root, _steps(bare[len(str(self._root)) :], root)
            moved = self._below_experiment(bare)
            if moved is not None:
                return self._root, _steps(moved, root)
            reason = f"it does not lie in {self._root}"
        shown = root.partition("?")[0][:300]
        raise NotFoundError(f"{shown or 'a place without a name'} is out of reach: {reason}")

    def _below_experiment(self, bare: str) -> str | None:
        """Return the way of a place in an artifact root that was moved to another folder.

        An experiment's place is ``<root>/<id>`` unless somebody chose another one: what follows the
        root is the same in the folder that the root was moved to.
        """
        if "://" in bare:
            return None
        for place, number in self._experiments.items():
            if (bare == place or bare.startswith(place + "/")) and place.rpartition("/")[2] == number:
                return f"{number}{bare[len(place) :]}"
        return None


def _bare(place: str) -> str:
    """Return a place without its end slash; of ``file:`` its path."""
    if place.startswith("file:"):
        place = unquote(urlsplit(place).path)
    return place.rstrip("/")


def _steps(path: str, root: str) -> list[str]:
    parts = [each for each in path.split("/") if each]
    if any(each in (".", "..") or "\0" in each for each in parts):
        message = f"{root[:300]} is no place: it leads out of its folder"
        raise NotFoundError(message, [Reason("artifact_uri", "must not contain '..'")])
    return parts


@contextmanager
def _opened(folder: Path, parts: list[str]) -> Iterator[int]:
    """Open a folder step by step, so that no link is followed on the way."""
    with ExitStack() as stack:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        stack.callback(os.close, descriptor)
        for each in parts:
            descriptor = os.open(each, _STEP, dir_fd=descriptor)
            stack.callback(os.close, descriptor)
        yield descriptor


def _names(descriptor: int) -> list[str]:
    with os.scandir(descriptor) as found:
        return sorted(each.name for each in found)


def _walk(descriptor: int, names: list[str], before: str, depth: int) -> Iterator[ForeignFile]:
    for name in names:
        path = f"{before}{name}"
        try:
            status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
        except FileNotFoundError:
            continue  # it went away meanwhile
        if not stat.S_ISDIR(status.st_mode):
            yield _described(path, status)
        elif depth == MAX_DEPTH:
            yield ForeignFile(path, problem=f"lies deeper than {MAX_DEPTH} folders")
        else:
            yield from _folder(descriptor, name, path, depth + 1)


def _folder(descriptor: int, name: str, path: str, depth: int) -> Iterator[ForeignFile]:
    """Walk a folder below the place; one that cannot be opened stops nothing but itself."""
    with ExitStack() as stack:
        try:
            inner = os.open(name, _STEP, dir_fd=descriptor)
            stack.callback(os.close, inner)
            names = _names(inner)
        except OSError as error:
            if error.errno in _SERIOUS:
                raise
            problem = f"is a folder that cannot be read: {error.strerror}"
            yield ForeignFile(path, problem=problem, curable=True)
            return
        yield from _walk(inner, names, f"{path}/", depth)


def _described(path: str, status: os.stat_result) -> ForeignFile:
    if stat.S_ISLNK(status.st_mode):
        return ForeignFile(path, problem="is a link, which is not followed")
    if not stat.S_ISREG(status.st_mode):
        return ForeignFile(path, problem="is no plain file")
    return ForeignFile(path, status.st_size, status.st_mtime_ns // 1_000_000)
