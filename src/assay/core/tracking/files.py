"""Files of runs and logged models: one tree of names over content-addressed bytes."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from assay.core.digests import Digest
from assay.core.digests import check_path as check_version_path
from assay.core.errors import BadInputError, Reason

SCHEME: Final = "mlflow-artifacts:/"
REGISTRY: Final = "registry"
MAX_PATH_LENGTH: Final = 4096
_DRIVE: Final = re.compile(r"[A-Za-z]:")
_BREAK: Final = re.compile(r"[/\\]")
# What follows is read as a path of the disk.
_FILE: Final = re.compile(r"\Afile:", re.IGNORECASE)
# So often is a name decoded; one in which there is something to decode even then is none.
_DECODINGS: Final = 10
# Stands for bytes that are not UTF-8: names that differ in such bytes alone would be one.
_NOT_READ: Final = "\ufffd"
_EXPERIMENT: Final = re.compile(r"0|[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in the tree.

    Attributes:
        path: from the root of the tree, ``/`` between folders.
        written_at_ms: when the bytes under this name were stored.
    """

    path: str
    digest: Digest
    size_bytes: int
    written_at_ms: int


@dataclass(frozen=True, slots=True)
class Entry:
    """What a listing of a folder shows; ``size_bytes`` is None for a folder."""

    path: str
    size_bytes: int | None = None

    @property
    def is_folder(self) -> bool:
        """Whether it holds other entries."""
        return self.size_bytes is None


def check_path(path: str, *, empty: bool = False, moved: bool = False) -> str:
    """Return ``path`` when it names one place below the root.

    A name of a file never becomes a path on a disk here; it is still refused when it could be one
    somewhere else: where the files are downloaded to. A name may hold ``%2f`` and the like, which stand
    for themselves; others decode them once more, so no way out may come of it.

    Args:
        path: of a file or folder.
        empty: the root itself may be meant.
        moved: it was named so elsewhere, where ``#`` may have come to be in a name.

    Raises:
        BadInputError: absolute, with ``..``, empty parts, backslashes, control characters or a drive
            letter; or absolute or with ``..`` when it is decoded once more, however often. With ``#``,
            as it is or decoded: MLflow's clients list no folder that has one in it.
    """
    if len(path) > MAX_PATH_LENGTH:
        raise BadInputError.of("path", f"must be at most {MAX_PATH_LENGTH} characters", f"{len(path)}")
    seen = _decoded(path)
    unlisted = not moved and any("#" in each for each in seen)
    if _is_bad(path, empty=empty) or unlisted or len(seen) > _DECODINGS or any(map(_leads_out, seen)):
        raise BadInputError("Invalid path", [Reason("path", "must be a relative path without '..' and '#'")])
    return path


def check_new_path(path: str) -> str:
    """Return ``path`` when a file may be stored under it: then a version can be made from any folder of it.

    Raises:
        BadInputError: see :func:`check_path`; or it is no name that a version's file can have, has a part
            that begins with a drive letter, is longer than 1024 bytes, or came in other bytes than UTF-8.
    """
    check_path(path)
    check_version_path(path)
    if any(_DRIVE.match(part) for part in path.split("/")):
        raise BadInputError.of("path", "must have no part that begins with a drive letter", repr(path)[:100])
    if _NOT_READ in path:
        raise BadInputError.of("path", "must be UTF-8", repr(path)[:100])
    return path


def as_clients_read(path: str) -> str:
    """Return what MLflow's clients make of a name in a listing, which they then ask for.

    They decode it until nothing is left to decode, and write control characters as ``%xx`` again.
    """
    read = _decoded(path)[-1]
    return read if read == path else "".join(map(_written, read))


def experiment_of(path: str) -> int | None:
    """Return the id of the experiment that a path belongs to: its first part, written in one way only."""
    first = path.partition("/")[0]
    return int(first) if _EXPERIMENT.fullmatch(first) else None


def folders_of(path: str) -> tuple[str, ...]:
    """Return the folders that a path lies in, the outermost first."""
    parts = path.split("/")
    return tuple("/".join(parts[:depth]) for depth in range(1, len(parts)))


def entries_in(folder: str, files: Mapping[str, int]) -> tuple[Entry, ...]:
    """Return what lies directly in a folder, by path.

    Args:
        folder: without a slash at its end.
        files: path -> size in bytes, of all there are below it.
    """
    found: dict[str, Entry] = {}
    for path, size_bytes in files.items():
        if path.startswith(f"{folder}/"):
            name, slash, _ = path[len(folder) + 1 :].partition("/")
            child = f"{folder}/{name}"
            found[child] = Entry(child, None if slash else size_bytes)
    return tuple(found[path] for path in sorted(found))


def path_of(root: str) -> str | None:
    """Return the path in the tree that an artifact root stands for; None when it is somewhere else."""
    if not root.startswith(SCHEME) or root.startswith(SCHEME + "/"):
        return None
    return root.removeprefix(SCHEME).strip("/")


def experiment_root(experiment_id: int) -> str:
    """Return the artifact root of an experiment that named none."""
    return f"{SCHEME}{experiment_id}"


def run_root(experiment_root: str, run_id: str) -> str:
    """Return the artifact root of a run."""
    return f"{experiment_root.rstrip('/')}/{run_id}/artifacts"


def model_root(experiment_root: str, model_id: str) -> str:
    """Return the artifact root of a logged model."""
    return f"{experiment_root.rstrip('/')}/models/{model_id}/artifacts"


def version_path(model: str, number: int) -> str:
    """Return the folder in the tree under which the files of a version are read."""
    return f"{REGISTRY}/{model}/{number}"


def _is_bad(path: str, *, empty: bool) -> bool:
    if not path:
        return not empty
    parts = path.split("/")
    return (
        any(part in ("", ".", "..") for part in parts)
        or "\\" in path
        or any(map(_is_control, path))
        or _leads_out(path)
    )


def _leads_out(path: str) -> bool:
    """Tell whether a path leads out of its folder, on whatever system."""
    place = _FILE.sub("", path)
    return ".." in _BREAK.split(place) or place[:1] in ("/", "\\") or bool(_DRIVE.match(place))


def _decoded(path: str) -> tuple[str, ...]:
    """Return a path as it reads after each further decoding, while there is something left to decode."""
    seen = [path]
    while "%" in seen[-1] and len(seen) <= _DECODINGS and (further := unquote(seen[-1])) != seen[-1]:
        seen.append(further)
    return tuple(seen)


def _written(letter: str) -> str:
    return "".join(f"%{byte:02x}" for byte in letter.encode()) if _is_control(letter) else letter


def _is_control(letter: str) -> bool:
    return unicodedata.category(letter) in ("Cc", "Cs")
