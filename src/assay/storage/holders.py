"""Who holds which stored bytes, in SQL."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Connection, and_, or_, select

from assay.core.digests import Digest
from assay.storage import tables as t
from assay.storage.upserts import insert_missing

h = t.blob_holders.c
_BATCH: Final = 500
# Behind every letter that a name has.
_LAST: Final = "\x7f"


class SqlBlobHolders:
    """Implements ``core.ports.BlobHolders``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def note(self, digests: Iterable[Digest], holder: str) -> None:
        """Note that ``holder`` has these bytes."""
        rows = [{"digest": digest, "holder": holder} for digest in sorted(set(digests))]
        insert_missing(self._connection, t.blob_holders, rows)

    def held(self, digests: Collection[Digest], holders: Sequence[str]) -> frozenset[Digest]:
        """Return those of the digests that one of the holders has."""
        found: set[Digest] = set()
        allowed = or_(*(_matches(each) for each in holders))
        wanted = sorted(digests)
        for start in range(0, len(wanted), _BATCH):
            batch = wanted[start : start + _BATCH]
            query = select(h.digest).where(h.digest.in_(batch), allowed).distinct()
            found |= {Digest(each) for each in self._connection.execute(query).scalars()}
        return frozenset(found)


def _matches(holder: str) -> Any:
    if not holder.endswith("*"):
        return h.holder == holder
    return and_(h.holder >= holder[:-1], h.holder < holder[:-1] + _LAST)
