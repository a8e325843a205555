"""Ports of backups: the records as portable lines, and the place that copies are kept in."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from assay.core.digests import Digest

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Written:
    """A file of a backup: its name, the digest of its bytes, how many lines it has."""

    name: str
    digest: Digest
    lines: int


@dataclass(frozen=True, slots=True)
class KeptKey:
    """A key of the registry in a backup: the name of its file there, and in a data folder."""

    name: str
    kept_as: str
    digest: Digest


@dataclass(frozen=True, slots=True)
class BackupManifest:
    """What a whole backup consists of; written last, so that one without it is none.

    Attributes:
        revision: schema of the records.
        records: every row, as lines.
        blobs: digest and size of every blob.
        size_bytes: of all blobs together.
        audit_seq, audit_head: the newest event of the audit log, and its hash: keep them elsewhere.
        secrets: whether the keys of the registry are in it.
        missing: blobs that are named and could not be copied, because they are gone or damaged.
        keys: of the registry, where they are in it.
        registry: the name of the registry's audit log; "" in backups of older programs.
    """

    format: int
    program: str
    revision: str
    created_at: datetime
    records: Written
    blobs: Written
    size_bytes: int
    audit_seq: int
    audit_head: Digest
    secrets: bool
    missing: tuple[Digest, ...] = field(default=())
    keys: tuple[KeptKey, ...] = field(default=())
    registry: str = ""


class RecordCopies(Protocol):
    """All rows of the database within one view, or one transaction."""

    @property
    def revision(self) -> str:
        """The schema that the rows have."""
        ...

    def dump(self, *, secrets: bool) -> Iterator[bytes]:
        """Yield every row as a line of JSON, each table after a line with its name and columns.

        Left out are files on their way, whose bytes are no blobs yet, what is known of blobs, and
        without ``secrets`` the keys that addresses are signed with.
        """
        ...

    def is_empty(self) -> bool:
        """Tell whether there is no row at all."""
        ...

    def load(self, lines: Iterable[bytes]) -> Mapping[str, int]:
        """Put rows back; return how many each table got.

        Raises:
            BadInputError: a line is not one that :meth:`dump` writes.
        """
        ...


class BackupPlace(Protocol):
    """A folder, or the like, that one backup after the other is kept in."""

    def holds(self, digest: Digest, size_bytes: int) -> bool:
        """Tell whether a blob of that size was copied before; :meth:`finish` makes sure that it stays.

        Raises:
            UnavailableError: it cannot be looked at.
        """
        ...

    def put(self, digest: Digest, chunks: Iterable[bytes]) -> int:
        """Copy a blob, durably; return its size.

        Raises:
            BadInputError: the bytes are not those of the digest; nothing is kept.
            UnavailableError: no space, or the disk failed.
        """
        ...

    def read(self, digest: Digest) -> Iterator[bytes]:
        """Yield the bytes of a copy.

        Raises:
            NotFoundError: there is none.
            UnavailableError: it cannot be read.
        """
        ...

    def write(self, kind: str, lines: Iterable[bytes]) -> Written:
        """Write a new file of lines, durably.

        Raises:
            UnavailableError: no space, or the disk failed.
        """
        ...

    def lines(self, written: Written) -> Iterator[bytes]:
        """Yield the lines of a file; at the end it is sure that they are those that were written.

        Raises:
            BadInputError: the file is not there, or was altered.
        """
        ...

    def finish(self, manifest: bytes, kept: Iterable[str]) -> None:
        """Write the manifest, and only then remove the files in whose place those come that are kept.

        Raises:
            UnavailableError: no space, or the disk failed.
        """
        ...

    def manifest(self) -> bytes | None:
        """Return the manifest; None where no backup was finished."""
        ...
