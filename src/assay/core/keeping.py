"""How long stored bytes are kept: leases, and the two steps before bytes that nobody names are removed.

Whoever was told that bytes are there may count on them for a day, named or not: the lease that is written
then is twice as long, so that it need not be written anew each time. Bytes that nothing names and no lease
keeps are condemned; a grace period later, if that still holds, they are marked as being removed, and only
then taken away. Everything that speaks of them in between brings them back.

::

    live --(unnamed, lease over, older than the grace period)--> condemned --(a grace period)--> removing
      ^----------------- named, or said to be there --------------'            |
      ^----------------- the bytes were sent again ----------------------------'
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from assay.core.digests import Digest
from assay.core.errors import BadInputError

PROMISED: Final = timedelta(hours=24)
LEASE: Final = 2 * PROMISED
GRACE: Final = timedelta(hours=24)
MAX_GRACE: Final = timedelta(days=3650)


class BlobState(Enum):
    """What becomes of stored bytes."""

    LIVE = "live"
    CONDEMNED = "condemned"
    REMOVING = "removing"


@dataclass(frozen=True, slots=True)
class KnownBlob:
    """What is known of stored bytes.

    Attributes:
        stored_at: when they came, the last time.
        leased_until: until when they stay although nothing may name them.
        condemned_at: when it was first seen that nothing keeps them.
        damaged_at: when it was seen that what is stored is not what the digest says; None while it is.
    """

    digest: Digest
    size_bytes: int
    state: BlobState
    stored_at: datetime
    leased_until: datetime
    condemned_at: datetime | None = None
    damaged_at: datetime | None = None

    @property
    def counts(self) -> bool:
        """Whether somebody may be told that they are there."""
        return self.state is not BlobState.REMOVING and self.damaged_at is None

    def is_fresh(self, now: datetime) -> bool:
        """Tell whether they count, and for as long as is promised: then nothing need be written."""
        return self.state is BlobState.LIVE and self.counts and self.leased_until - now > PROMISED


@dataclass(frozen=True, slots=True)
class Chore:
    """A long piece of work on the store, as the processes tell each other of it.

    Attributes:
        name: which.
        owner: who is at it.
        until: it counts as given up afterwards.
        place: where it got to.
    """

    name: str
    owner: str
    until: datetime
    place: str = ""


def check_grace(grace: timedelta) -> timedelta:
    """Return a grace period that can be kept.

    Raises:
        BadInputError: it is negative or longer than ten years.
    """
    if not timedelta() <= grace <= MAX_GRACE:
        raise BadInputError.of("grace_s", f"must be from 0 to {MAX_GRACE.total_seconds():.0f}", str(grace))
    return grace
