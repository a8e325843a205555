"""Whole files that come in parts, for any store that can join parts: see ``core.ports.uploads.Parts``."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping

from assay.core.digests import Digest
from assay.core.errors import BadInputError
from assay.core.ports.uploads import Parts
from assay.core.tracking.uploads import Part
from assay.core.transfers import Transfer


class PartArrivals:
    """Implements ``core.ports.Arrivals`` over the parts of a store, which joins them when all are there."""

    def __init__(self, parts: Parts) -> None:
        """Keep the parts."""
        self._parts = parts

    def begin(self, transfer: Transfer) -> None:
        """Do nothing: room is made as parts come."""

    def put(self, transfer: Transfer, number: int, chunks: Iterable[bytes]) -> Digest:
        """Store the bytes of a part.

        Raises:
            BadInputError: other than so many bytes came.
            UnavailableError: no space, or the store failed.
        """
        if not transfer.size_bytes:
            return _nothing(chunks)
        digest, _ = self._parts.put(transfer.id, number, _exactly(chunks, transfer.length(number)))
        return digest

    def digest(self, transfer: Transfer, parts: Mapping[int, Digest]) -> Digest:
        """Join the parts and return the digest of the whole; each is compared with its own meanwhile.

        Raises:
            BadInputError: a part is not there, or is damaged; or the whole is not what was announced, and
                no blob then.
            UnavailableError: no space, or the store failed.
        """
        digest, _ = self._parts.join(transfer.id, _listed(transfer, parts), transfer.expected)
        return digest

    def bad_parts(self, transfer: Transfer, parts: Mapping[int, Digest]) -> tuple[int, ...]:
        """Return the parts that are gone, or hold other bytes than those of their digests.

        Two servers may have been sent the same part, one of them damaged on the way.

        Raises:
            UnavailableError: the store failed.
        """
        return self._parts.bad(transfer.id, _listed(transfer, parts))

    def publish(self, transfer: Transfer, digest: Digest, parts: Mapping[int, Digest]) -> None:
        """Do nothing: that the parts were joined has made a blob of them.

        They stay until they are dropped: as long as it is not noted that the blob is there, it is made again.
        """

    def drop(self, transfer_id: str) -> None:
        """Remove what has come; nothing happens when there is nothing.

        Raises:
            BadInputError: the id is none that can be given.
            UnavailableError: the store failed.
        """
        self._parts.drop(transfer_id)

    def waiting(self) -> Iterator[str]:
        """Yield nothing: which parts wait is told by the parts themselves."""
        yield from ()


def _listed(transfer: Transfer, parts: Mapping[int, Digest]) -> list[Part]:
    if not transfer.size_bytes:
        return []
    return [Part(number, digest, transfer.length(number)) for number, digest in sorted(parts.items())]


def _exactly(chunks: Iterable[bytes], wanted: int) -> Iterator[bytes]:
    written = 0
    for chunk in chunks:
        written += len(chunk)
        if written > wanted:
            raise BadInputError.of("body", f"must have {wanted} bytes; more came")
        yield chunk
    if written != wanted:
        raise BadInputError.of("body", f"must have {wanted} bytes", str(written))


def _nothing(chunks: Iterable[bytes]) -> Digest:
    for _ in _exactly(chunks, 0):
        pass
    return Digest(f"sha256:{hashlib.sha256().hexdigest()}")
