"""Digests and manifests: the names that bytes give themselves.

The version digest is the root digest of OpenSSF Model Signing 1.0: SHA-256 over the concatenated
raw SHA-256 digests of the files, the files sorted by name in Unicode code-point order.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from assay.core.errors import BadInputError, Reason

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
MAX_PATH_BYTES: Final = 1024
MAX_FILES: Final = 100_000


class Digest(str):
    """``sha256:`` followed by 64 lower-case hex digits."""

    __slots__ = ()

    def __new__(cls, text: str) -> "Digest":
        """Check the form.

        Raises:
            BadInputError: ``text`` is no such digest.
        """
        if not isinstance(text, str) or not _DIGEST.fullmatch(text):
            raise BadInputError.of("digest", "must be sha256: and 64 lower-case hex digits", repr(text)[:100])
        return super().__new__(cls, text)

    @property
    def hex(self) -> str:
        """The 64 hex digits."""
        return self[7:]

    @property
    def short(self) -> str:
        """The first 12 hex digits, for people."""
        return self[7:19]


def digest_of(content: bytes) -> Digest:
    """Return the digest of ``content``."""
    return Digest("sha256:" + hashlib.sha256(content).hexdigest())


def check_path(path: str, field: str = "path") -> str:
    """Return ``path`` when it is a safe relative file name inside a version.

    Raises:
        BadInputError: empty, absolute, with ``.`` or ``..`` or empty parts, backslashes, control
            characters, a drive letter, or longer than 1024 bytes.
    """
    rule = "must be a relative path of plain parts separated by /"
    if not isinstance(path, str) or not path or path.startswith("/") or "\\" in path:
        raise BadInputError.of(field, rule, repr(path)[:100])
    if any(part in ("", ".", "..") for part in path.split("/")) or re.match(r"[A-Za-z]:", path):
        raise BadInputError.of(field, rule, repr(path)[:100])
    if any(unicodedata.category(letter) in ("Cc", "Cs", "Cn") for letter in path):
        raise BadInputError.of(field, "must not contain control characters", repr(path)[:100])
    if len(path.encode()) > MAX_PATH_BYTES:
        raise BadInputError.of(
            field, f"must be at most {MAX_PATH_BYTES} bytes", f"{len(path.encode())} bytes"
        )
    return path


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of a version: relative ``path``, ``digest`` and size of its bytes."""

    path: str
    digest: Digest
    size_bytes: int

    def __post_init__(self) -> None:
        """Check path and size.

        Raises:
            BadInputError: the path is unsafe or the size negative.
        """
        check_path(self.path)
        if self.size_bytes < 0:
            raise BadInputError.of("size_bytes", "must not be negative", str(self.size_bytes))


class Manifest:
    """The files of a version, sorted by name; immutable, with their root digest."""

    __slots__ = ("digest", "entries", "size_bytes")

    def __init__(self, entries: Iterable[FileEntry]) -> None:
        """Sort, check, digest.

        Raises:
            BadInputError: no file, too many, two of one name, or a file that would be a folder of
                another; all of them are named.
        """
        self.entries = tuple(sorted(entries, key=lambda entry: entry.path))
        _check_entries(self.entries)
        self.size_bytes = sum(entry.size_bytes for entry in self.entries)
        raw = b"".join(bytes.fromhex(entry.digest.hex) for entry in self.entries)
        self.digest = digest_of(raw)

    def __iter__(self) -> Iterator[FileEntry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Manifest) and self.entries == other.entries

    def __hash__(self) -> int:
        return hash(self.digest)

    def find(self, path: str) -> FileEntry | None:
        """Return the entry of that name, if there is one."""
        return next((entry for entry in self.entries if entry.path == path), None)


def _check_entries(entries: tuple[FileEntry, ...]) -> None:
    if not entries:
        raise BadInputError.of("files", "a version needs at least one file")
    if len(entries) > MAX_FILES:
        raise BadInputError.of("files", f"must be at most {MAX_FILES}", str(len(entries)))
    # Names that differ in case or Unicode form alone are two, as in every store: a disk that takes them
    # for one refuses the second.
    paths = [entry.path for entry in entries]
    names = set(paths)
    reasons = [
        Reason("files", "every name must be there once", repr(path))
        for path, following in pairwise(paths)
        if path == following
    ]
    for path in paths:
        parts = path.split("/")
        parents = ("/".join(parts[:depth]) for depth in range(1, len(parts)))
        reasons += [
            Reason("files", "a file cannot also be a folder", f"{parent!r} and {path!r}")
            for parent in parents
            if parent in names
        ]
    if reasons:
        raise BadInputError("the file names collide", reasons[:20])
