"""Capture: the training code as git knows it."""

import os
import subprocess
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from assay.client.uploading import collect_files
from assay.core.digests import Digest, Manifest
from assay.core.errors import BadInputError
from assay.core.provenance import Code

_TIMEOUT_S: Final = 20.0
_SOURCE_SUFFIXES: Final = (".py", ".ipynb")


def capture_code(notes: list[str], source: Path | None = None) -> Code | None:
    """Return commit, dirtiness and repository of the work tree that holds the training code.

    A tree is dirty when a tracked file differs from the commit, or a Python file or notebook in it
    is not tracked at all.

    Args:
        notes: what could not be told is added.
        source: the training source, file or folder; its bytes are digested. Without it the current
            folder is asked and ``source_digest`` stays absent.

    Raises:
        BadInputError: ``source`` cannot be read.
    """
    digest = source_digest(source) if source else None
    folder = source if source and source.is_dir() else source.parent if source else Path.cwd()
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    if not commit:
        notes.append(f"code: {folder} is in no git work tree with a commit; give the commit")
        return None
    status = _git(folder, "status", "--porcelain", "--untracked-files=all", "-z")
    if status is None:
        notes.append("code: git could not tell whether the work tree is clean; it is recorded as dirty")
    return Code(
        commit=commit.strip(),
        dirty=status is None or is_dirty(status),
        repository=without_login((_git(folder, "config", "--get", "remote.origin.url") or "").strip()),
        source_digest=digest,
    )


def source_digest(source: Path) -> Digest:
    """Name the bytes of the training source: one file's digest, or a folder's manifest digest.

    Raises:
        BadInputError: it cannot be read.
    """
    files = collect_files(source)
    return files[0].digest if source.is_file() else Manifest(file.entry for file in files).digest


def is_dirty(status: str) -> bool:
    """Judge the output of ``git status --porcelain -z``."""
    lines = [line for line in status.split("\0") if line]
    return any(not line.startswith("??") or line.endswith(_SOURCE_SUFFIXES) for line in lines)


def without_login(url: str) -> str:
    """Return ``url`` without user name, password, query: those are nobody else's business."""
    if "://" not in url:
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _git(folder: Path, *arguments: str) -> str | None:
    """Ask git; None when it is absent, refuses, or takes too long."""
    command = ["git", "-c", "core.fsmonitor=false", "-C", str(folder), *arguments]
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, timeout=_TIMEOUT_S, check=True, env=environment
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode("utf-8", "replace")


def given_code(commit: str, repository: str, source: Path | None) -> Code:
    """Return what the caller says of the code, for places without git.

    Raises:
        BadInputError: ``commit`` is no full commit hash, or ``source`` cannot be read.
    """
    if not commit:
        raise BadInputError.of("provenance.code.commit", "must be given together with the repository")
    return Code(commit, False, without_login(repository), source_digest(source) if source else None)
