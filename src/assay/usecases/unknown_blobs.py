"""What lies in the store and nobody knows of, as a collection would find it; nothing is noted."""

from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

from assay.usecases.means import Means
from assay.usecases.storing import is_named

_LOOKED_AT: Final = 2000


@dataclass(frozen=True, slots=True)
class Unknown:
    """How much of it there is.

    Attributes:
        count: blobs.
        ripe, ripe_bytes: those among them that came long enough ago and that nothing names.
    """

    count: int = 0
    ripe: int = 0
    ripe_bytes: int = 0


def count_unknown(means: Means, before: datetime) -> Unknown:
    """Return how much lies in the store that the records do not know; nothing is noted of it.

    Args:
        means: of the registry.
        before: what came until then would be condemned, unless something names it.

    Raises:
        UnavailableError: the store cannot be read.
    """
    lying, found = means.blobs.shelf.all(), Unknown()
    while batch := list(islice(lying, _LOOKED_AT)):
        with means.database.read() as records:
            names = records.known_blobs.unknown([each.digest for each in batch])
            unknown = [each for each in batch if each.digest in names]
            ripe = [
                each for each in unknown if each.stored_at <= before and not is_named(records, each.digest)
            ]
        ripe_bytes = sum(each.size_bytes for each in ripe)
        found = Unknown(found.count + len(unknown), found.ripe + len(ripe), found.ripe_bytes + ripe_bytes)
    return found
