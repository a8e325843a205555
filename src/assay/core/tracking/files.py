"""Files of runs and logged models: one tree of names over content-addressed bytes."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from assay.core.digests import Digest
from assay.core.errors import BadInputError, Reason

SCHEME: Final = "mlflow-artifacts:/"
REGISTRY: Final = "registry"
MAX_PATH_LENGTH: Final = 4096
_DRIVE: Final = re.compile(r"[A-Za-z]:")
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


def check_path(path: str, *, empty: bool = False) -> str:
    """Return ``path`` when it names one place below the root, whatever it is decoded to.

    A name of a file never becomes a path on a disk here; it is still refused when it could be one
    somewhere else: where the files are downloaded to.

    Raises:
        BadInputError: absolute, with ``..``, empty parts, backslashes, control characters, a drive
            letter, or any of these when it is decoded once or twice more.
    """
    seen = path
    for _ in range(3):
        if _is_bad(seen, empty=empty):
            raise BadInputError("Invalid path", [Reason("path", "must be a relative path without '..'")])
        further = unquote(seen)
        if further == seen:
            break
        seen = further
    if len(path) > MAX_PATH_LENGTH:
        raise BadInputError.of("path", f"must be at most {MAX_PATH_LENGTH} characters", f"{len(path)}")
    return path


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
        or bool(_DRIVE.match(path))
        or any(unicodedata.category(letter) in ("Cc", "Cs") for letter in path)
    )
