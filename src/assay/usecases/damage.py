"""Damage: stored bytes that are not what they were. Nobody is given them, and it is noted once."""

from collections.abc import Iterator

from assay.core.digests import Digest
from assay.core.errors import UnavailableError
from assay.usecases.founding import FOUNDER
from assay.usecases.means import Act, Means
from assay.usecases.storing import found_damaged

VERB = "blob.damaged"
# How long an address at the store is good that is given to somebody who may read a file, in seconds.
ADDRESS_S = 900


def read_watched(means: Means, digest: Digest, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
    """Yield the bytes [start, stop) of a blob; damage leaves one audit event, however often it is met.

    Raises:
        NotFoundError: no such blob.
        UnavailableError: the stored bytes are damaged, or cannot be read now, of which nothing is noted.
    """
    with means.database.read() as records:
        if records.known_blobs.damaged(digest):
            raise _damaged(digest)
    try:
        yield from means.blobs.read(digest, start, stop)
    except UnavailableError as error:
        if error.damaged:
            note_damage(means, digest, error.message)
        raise


def note_damage(means: Means, digest: Digest, problem: str) -> None:
    """Mark stored bytes as damaged, with one audit event however often it is met."""
    now = means.clock.now()
    with means.database.write() as records:
        known = records.known_blobs.get(digest)
        if known is not None and known.damaged_at is not None:
            return
        found_damaged(records, digest, now)
        if known is not None or not records.audit.read(limit=1, subject=f"blob:{digest}"):
            Act(records, FOUNDER, now).note(VERB, f"blob:{digest}", after={"problem": problem})


def _damaged(digest: Digest) -> UnavailableError:
    return UnavailableError(
        f"the stored bytes of {digest} are damaged",
        hint="send the file again, or restore it from a backup",
        damaged=True,
    )
