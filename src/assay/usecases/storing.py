"""Storing: every way in which bytes come to be there, or are said to be there.

Whoever is told that bytes are there gets a lease on them, in the same transaction; whatever names bytes
looks in its own transaction whether they still count. Bytes are taken away only within a transaction too
(see ``usecases.collecting``), and writers take turns: so neither can happen in the middle of the other.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime

from assay.core.digests import Digest
from assay.core.errors import ConflictError, Reason, UnavailableError
from assay.core.keeping import LEASE, BlobState, KnownBlob
from assay.core.ports import Blobs, Records
from assay.usecases.means import Means


def store(
    means: Means, chunks: Iterable[bytes], expected: Digest | None = None, size_bytes: int | None = None
) -> tuple[Digest, int]:
    """Store bytes that something will name later; they stay for the length of a lease until then.

    Returns:
        Digest and size in bytes, once durable.

    Raises:
        BadInputError: digest or size is not what was announced; nothing is kept.
        UnavailableError: they cannot be stored now.
    """
    digest, size = means.blobs.put(chunks, expected, size_bytes)
    now = means.clock.now()
    with means.database.read() as records:
        known = records.known_blobs.get(digest)
    if known is None or not known.is_fresh(now):
        with means.database.write() as records:
            receive(records, means.blobs, digest, size, now)
    return digest, size


def receive(records: Records, blobs: Blobs, digest: Digest, size_bytes: int, now: datetime) -> None:
    """Note within a transaction that bytes have just come, with a lease. Costs nothing while one is fresh.

    Raises:
        UnavailableError: they were taken away since, by a collection that had begun before they came.
    """
    known = records.known_blobs.get(digest)
    if known is not None and known.is_fresh(now):
        return
    leased_until = now + LEASE
    if known is not None and known.counts:
        leased_until = max(leased_until, known.leased_until)
    elif _is_going(blobs, known) or blobs.size(digest) != size_bytes:
        # It is new, repaired, or called back from being removed; but whoever is at that may yet do it.
        raise UnavailableError(f"{digest} was being removed when it came", hint="send it again")
    records.known_blobs.put(KnownBlob(digest, size_bytes, BlobState.LIVE, now, leased_until))


def claim(records: Records, blobs: Blobs, digests: Collection[Digest], now: datetime) -> frozenset[Digest]:
    """Return those of the digests whose bytes are there, with a lease on each, within a transaction.

    Bytes that nobody has spoken of since the registry keeps a record of them are looked for in the store.
    """
    found = records.known_blobs.keep(digests, now)
    return found | {each for each in digests if each not in found and _adopted(records, blobs, each, now)}


def require_there(records: Records, blobs: Blobs, digests: Collection[Digest], now: datetime) -> None:
    """Let a transaction name bytes only if they are there.

    Raises:
        ConflictError: some are not there (any more), or are damaged; it names them.
    """
    missing = set(digests) - claim(records, blobs, digests, now)
    if missing:
        raise gone(missing)


def gone(digests: Collection[Digest]) -> ConflictError:
    """Return the error that says that bytes are not there any more; it names them."""
    rule = "must be sent again: the registry does not have these bytes any more"
    reasons = [Reason(each, rule, f"PUT /api/v1/blobs/{each}") for each in sorted(digests)[:100]]
    words = f"the bytes of {len(digests)} digests are gone, among them {min(digests)}"
    return ConflictError(words, reasons, hint="send them again")


def is_named(records: Records, digest: Digest) -> bool:
    """Tell whether something names a digest whose bytes must be there."""
    before = digest[:-1] + chr(ord(digest[-1]) - 1) + "~"  # right before it in the order of digests
    return digest in records.known_blobs.named(before, 1)


def found_damaged(records: Records, digest: Digest, now: datetime) -> None:
    """Note within a transaction that stored bytes are damaged: nobody is given them or told of them."""
    known = records.known_blobs.get(digest)
    if known is not None and known.damaged_at is None:
        records.known_blobs.put(replace(known, damaged_at=now))
    elif known is None:
        records.known_blobs.put(KnownBlob(digest, 0, BlobState.LIVE, now, now, damaged_at=now))


def _is_going(blobs: Blobs, known: KnownBlob | None) -> bool:
    return known is not None and known.state is BlobState.REMOVING and blobs.shelf.is_going(known.digest)


def _adopted(records: Records, blobs: Blobs, digest: Digest, now: datetime) -> bool:
    if records.known_blobs.get(digest) is not None:
        return False  # being removed, or damaged
    size_bytes = blobs.size(digest)
    if size_bytes is None:
        return False
    records.known_blobs.put(KnownBlob(digest, size_bytes, BlobState.LIVE, now, now + LEASE))
    return True
