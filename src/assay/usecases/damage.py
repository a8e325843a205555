"""Damage: stored bytes that are not what they were. Nobody is given them, and it is noted once."""

from collections.abc import Iterator

from assay.core.digests import Digest
from assay.core.errors import UnavailableError
from assay.usecases.founding import FOUNDER
from assay.usecases.means import Act, Means

VERB = "blob.damaged"
# How long an address at the store is good that is given to somebody who may read a file, in seconds.
ADDRESS_S = 900


def read_watched(means: Means, digest: Digest, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
    """Yield the bytes [start, stop) of a blob; damage leaves one audit event, however often it is met.

    Raises:
        NotFoundError: no such blob.
        UnavailableError: the stored bytes are damaged.
    """
    try:
        yield from means.blobs.read(digest, start, stop)
    except UnavailableError as error:
        subject = f"blob:{digest}"
        with means.database.write() as records:
            known = records.audit.read(limit=1, subject=subject)
            if not known:
                act = Act(records, FOUNDER, means.clock.now())
                act.note(VERB, subject, after={"problem": error.message})
        raise
