"""Who holds which stored bytes, in SQL."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, count
from typing import Any, Final

from sqlalchemy import Connection, Select, String, and_, bindparam, literal_column, or_, select

from assay.core.digests import Digest
from assay.storage import tables as t
from assay.storage.prepared import Prepared
from assay.storage.upserts import inserting_missing

h = t.blob_holders.c
_NOTE: Final = inserting_missing(t.blob_holders)
_BATCH: Final = 500
# So few are looked up one by one, in words that are put together once.
_FEW: Final = 10
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
        if rows:
            _NOTE.run_for(self._connection, rows)

    def held(self, digests: Collection[Digest], holders: Sequence[str]) -> frozenset[Digest]:
        """Return those of the digests that one of the holders has."""
        wanted = sorted(digests)
        patterns = tuple(map(_is_pattern, holders))
        asked = dict(chain.from_iterable(map(_bounds, count(), holders)))
        if len(wanted) <= _FEW:
            one = _held_one(patterns)
            return frozenset(each for each in wanted if one.first(self._connection, digest=each, **asked))
        found: set[Digest] = set()
        allowed = _allowed(patterns)
        for start in range(0, len(wanted), _BATCH):
            query = select(h.digest).where(h.digest.in_(wanted[start : start + _BATCH]), allowed).distinct()
            found |= {Digest(each) for each in self._connection.execute(query, asked).scalars()}
        return frozenset(found)


@lru_cache(64)
def _held_one(patterns: tuple[bool, ...]) -> Prepared:
    """Return the question whether one of so many holders has the bytes of one digest."""
    query: Select[Any] = select(literal_column("1")).where(
        h.digest == bindparam("digest", type_=String()), _allowed(patterns)
    )
    return Prepared(query.limit(literal_column("1")).offset(literal_column("0")))


def _allowed(patterns: tuple[bool, ...]) -> Any:
    """Return what keeps the rows of the holders, of which some are patterns."""
    return or_(*(_matches(place, pattern) for place, pattern in enumerate(patterns)))


def _matches(place: int, pattern: bool) -> Any:
    first = bindparam(f"holder_{place}", type_=String())
    if not pattern:
        return h.holder == first
    return and_(h.holder >= first, h.holder < bindparam(f"holder_{place}_end", type_=String()))


def _bounds(place: int, holder: str) -> Iterator[tuple[str, str]]:
    yield f"holder_{place}", holder.removesuffix("*")
    if _is_pattern(holder):
        yield f"holder_{place}_end", holder[:-1] + _LAST


def _is_pattern(holder: str) -> bool:
    return holder.endswith("*")
