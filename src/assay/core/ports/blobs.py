"""Ports of stored bytes: by digest, as they lie on their shelf, and while they come in."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from assay.core.digests import Digest
from assay.core.keeping import Chore, KnownBlob
from assay.core.ports.uploads import Parts
from assay.core.transfers import Transfer


@dataclass(frozen=True, slots=True)
class Lying:
    """One thing that lies in the store under the name of its bytes.

    Attributes:
        stored_at: aware, UTC, as the store tells it.
    """

    digest: Digest
    size_bytes: int
    stored_at: datetime


class Shelf(Protocol):
    """What lies in the store, for those who look after it."""

    def all(self) -> Iterator[Lying]:
        """Yield everything that lies there, in the order of digests; memory stays flat.

        Raises:
            UnavailableError: the store cannot be read.
        """
        ...

    def find(self, digest: Digest) -> Lying | None:
        """Return what lies under a digest, None when nothing does.

        Raises:
            UnavailableError: the store cannot be asked.
        """
        ...

    def going(self, digest: Digest) -> AbstractContextManager[bool]:
        """Announce to everybody that bytes may be removed at any moment while the block lasts.

        Yields:
            False when somebody else announced it and is not done: then they are not to be removed here.

        Raises:
            UnavailableError: it cannot be announced now.
        """
        ...

    def is_going(self, digest: Digest) -> bool:
        """Tell whether somebody announced that bytes may be removed at any moment, and is not done.

        Raises:
            UnavailableError: the store cannot be asked.
        """
        ...

    def remove(self, digest: Digest) -> None:
        """Remove the bytes, durably; nothing happens when they are not there.

        Raises:
            UnavailableError: they cannot be removed now.
        """
        ...

    def check(self, digest: Digest) -> bool:
        """Read the bytes at rest anew, past every memory of having verified them.

        Returns:
            False when they are not those of the digest.

        Raises:
            NotFoundError: there are none.
            UnavailableError: they cannot be read now.
        """
        ...


class StoreMark(Protocol):
    """By what a store says which registry its bytes belong to."""

    def read(self) -> str | None:
        """Return the name of the registry that the store says it belongs to; None where it says nothing.

        Raises:
            UnavailableError: the store cannot be read.
        """
        ...

    def put(self, name: str) -> str:
        """Let a store that has no mark say, durably, which registry it belongs to; return what it says then.

        A mark that is there stays: of several who mark it at once, one wins.

        Raises:
            UnavailableError: it cannot be written now.
        """
        ...


class Arrivals(Protocol):
    """The bytes of whole files that come in parts, each at its place, until they are whole."""

    def begin(self, transfer: Transfer) -> None:
        """Make room for a file; what is there already stays as it is.

        Raises:
            UnavailableError: there is not enough room, or the store failed; nothing is kept.
        """
        ...

    def put(self, transfer: Transfer, number: int, chunks: Iterable[bytes]) -> Digest:
        """Write the bytes of a part to their place; whoever still sends the same part is cut off.

        Returns:
            Their digest, once they are durable.

        Raises:
            BadInputError: other than so many bytes came.
            ConflictError: somebody else sends this part since.
            NotFoundError: there is no such file on its way.
            UnavailableError: no space, or the store failed.
        """
        ...

    def digest(self, transfer: Transfer, parts: Mapping[int, Digest]) -> Digest:
        """Return the digest of the whole as it lies there; all parts must have come.

        Raises:
            BadInputError: a part is not there, or has not the bytes of its digest; or the whole has another
                digest than was announced (field ``digest``), if that is found out here.
            NotFoundError: there is no such file on its way.
            UnavailableError: the store failed.
        """
        ...

    def bad_parts(self, transfer: Transfer, parts: Mapping[int, Digest]) -> tuple[int, ...]:
        """Return the parts whose bytes at rest are not those of their digests.

        Raises:
            NotFoundError: there is no such file on its way.
            UnavailableError: the store failed.
        """
        ...

    def publish(self, transfer: Transfer, digest: Digest, parts: Mapping[int, Digest]) -> None:
        """Make a blob of the file, durably; nothing happens when it was made one before.

        What it was made of may stay until it is dropped.

        Raises:
            ConflictError: bytes of it are still being written.
            UnavailableError: no space, or the store failed.
        """
        ...

    def drop(self, transfer_id: str) -> None:
        """Remove what has come; nothing happens when there is nothing.

        Raises:
            BadInputError: the id is none that can be given.
            UnavailableError: the store failed.
        """
        ...

    def waiting(self) -> Iterator[str]:
        """Yield the ids of all that waits to become whole, having cleared away what dead writers left.

        Raises:
            UnavailableError: the store cannot be read.
        """
        ...


class Blobs(Protocol):
    """Bytes by digest."""

    @property
    def parts(self) -> Parts:
        """The bytes of blobs that come in parts and are not whole yet."""
        ...

    @property
    def arrivals(self) -> Arrivals:
        """The bytes of whole files that come in parts and can be gone on with."""
        ...

    @property
    def shelf(self) -> Shelf:
        """What lies in the store, for those who look after it."""
        ...

    @property
    def mark(self) -> StoreMark:
        """By what the store says whose it is."""
        ...

    def put(
        self, chunks: Iterable[bytes], expected: Digest | None = None, size_bytes: int | None = None
    ) -> tuple[Digest, int]:
        """Store a stream; returns only when the bytes are durable.

        Args:
            chunks: the bytes, in pieces of any size; memory stays flat.
            expected: the digest announced; None takes what comes.
            size_bytes: the size announced.

        Returns:
            Digest and size. Storing the same bytes again keeps one copy.

        Raises:
            BadInputError: digest or size is not what was announced (nothing is kept).
            UnavailableError: no space, or the disk failed.
        """
        ...

    def size(self, digest: Digest) -> int | None:
        """Return the size in bytes of a stored blob, None when it is not there.

        Raises:
            UnavailableError: the store cannot be asked.
        """
        ...

    def read(self, digest: Digest, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield the bytes [start, stop), verified: nothing of a damaged blob is served as whole.

        Raises:
            NotFoundError: no such blob.
            UnavailableError: the stored bytes do not match their digest any more (``damaged``), or they
                cannot be read now.
        """
        ...

    def open_path(self, digest: Digest) -> Path:
        """Return a local read-only path of a verified blob, for inspection beside the store.

        Raises:
            NotFoundError: no such blob.
            UnavailableError: the stored bytes do not match their digest any more (``damaged``), or they
                cannot be read now.
        """
        ...

    def address(self, digest: Digest, name: str, seconds: int) -> str | None:
        """Return an address from which anybody can fetch the whole blob for so many seconds.

        Nothing of it goes through this server; None where the store has none to give. The answer names the
        file ``name`` (content-disposition).
        """
        ...


class KnownBlobs(Protocol):
    """What is known of stored bytes, and what may be told of them."""

    def get(self, digest: Digest) -> KnownBlob | None:
        """Return what is known, None for bytes nobody has spoken of yet."""
        ...

    def put(self, blob: KnownBlob) -> None:
        """Store, in place of what was known before."""
        ...

    def keep(self, digests: Collection[Digest], now: datetime) -> frozenset[Digest]:
        """Let bytes that count live on, with a lease, and return which they are."""
        ...

    def damaged(self, digest: Digest) -> bool:
        """Tell whether the bytes are known to be damaged."""
        ...

    def unknown(self, digests: Collection[Digest]) -> frozenset[Digest]:
        """Return those of the digests that nobody has spoken of yet."""
        ...

    def adopt(self, lying: Sequence[Lying], leased_until: datetime) -> int:
        """Note what lies on the shelf and was not known; return how many that were."""
        ...

    def named(self, after: str, limit: int) -> tuple[Digest, ...]:
        """Return the next digests in their order whose bytes must be there: something names them."""
        ...


class Collecting(Protocol):
    """Bytes that nothing names, on their way out; each method decides within one view."""

    def condemn(self, before: datetime, now: datetime, after: str, limit: int) -> tuple[int, str]:
        """Condemn what nothing names and no lease keeps, among the next blobs in the order of digests.

        Args:
            before: only what was stored until then.
            now: leases that end later keep.
            after: where to go on; "" begins.
            limit: how many blobs are looked at.

        Returns:
            How many were condemned, and where to go on; "" at the end.
        """
        ...

    def doom(self, before: datetime, now: datetime, limit: int) -> int:
        """Mark as being removed what was condemned until ``before`` and still is kept by nothing."""
        ...

    def doomed(self, limit: int, after: KnownBlob | None = None) -> tuple[KnownBlob, ...]:
        """Return the next that are marked as being removed, those first that were condemned first."""
        ...

    def forget(self, digest: Digest) -> bool:
        """Forget bytes that are marked as being removed, and who might name them; False for others."""
        ...

    def condemned(self, before: datetime, now: datetime) -> tuple[int, int]:
        """Return how many blobs, of how many bytes, would be marked as being removed."""
        ...

    def unnamed(self, before: datetime, now: datetime) -> tuple[int, int]:
        """Return how many live blobs, of how many bytes, would be condemned."""
        ...


class Chores(Protocol):
    """Long pieces of work on the store, by name."""

    def get(self, name: str) -> Chore | None:
        """Return one."""
        ...

    def begun(self, kind: str) -> tuple[Chore, ...]:
        """Return those whose names begin with ``kind``, in the order of their names."""
        ...

    def put(self, chore: Chore) -> None:
        """Store, in place of the one of that name."""
        ...

    def remove(self, name: str) -> None:
        """Forget one."""
        ...


class Transfers(Protocol):
    """Files on their way, and the parts of them that have come."""

    def add(self, transfer: Transfer) -> None:
        """Store a new one."""
        ...

    def get(self, transfer_id: str) -> Transfer | None:
        """Return one."""
        ...

    def save(self, transfer: Transfer) -> None:
        """Replace what changes: when it ends, the digest of the whole; a whole one has no parts any more."""
        ...

    def of(self, started_by: str) -> tuple[Transfer, ...]:
        """Return those of one principal that are not whole, the oldest first."""
        ...

    def remove(self, transfer_id: str) -> None:
        """Forget one with its parts."""
        ...

    def ended(self, now: datetime, limit: int) -> tuple[str, ...]:
        """Return the ids of those whose time is over, the longest first."""
        ...


class TransferParts(Protocol):
    """The parts of files on their way that have come."""

    def of(self, transfer_id: str) -> Mapping[int, Digest]:
        """Return number -> digest of the bytes."""
        ...

    def get(self, transfer_id: str, number: int) -> Digest | None:
        """Return the digest of one, None when it has not come."""
        ...

    def put(self, transfer_id: str, number: int, digest: Digest) -> None:
        """Note that one has come."""
        ...

    def forget(self, transfer_id: str, numbers: Collection[int]) -> None:
        """Forget some; they have to come again."""
        ...
