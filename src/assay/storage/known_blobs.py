"""What is known of stored bytes, what of it is collected, and the chores of the store, in SQL."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, delete, exists, func, not_, or_, select, update

from assay.core.digests import Digest
from assay.core.keeping import LEASE, PROMISED, BlobState, Chore, KnownBlob
from assay.core.ports.blobs import Lying
from assay.storage import blob_tables as t
from assay.storage import tracking_tables
from assay.storage.prepared import Prepared
from assay.storage.rows import begins
from assay.storage.tables import EPOCH, blob_holders
from assay.storage.upserts import insert_missing, write_rows, writing_rows

b = t.blobs.c
u = t.blob_uses.c
f = tracking_tables.files.c
_BATCH: Final = 500
_FEW: Final = 16
_TICK: Final = timedelta(microseconds=1)
_NAMES: Final = (b.digest, b.size_bytes, b.state, b.stored_at, b.leased_until, b.condemned_at, b.damaged_at)

# Asked and written with every file that comes.
_GET: Final = Prepared(select(*_NAMES).where(b.digest == bindparam("digest")))
_PUT: Final = writing_rows(t.blobs)


class SqlKnownBlobs:
    """Implements ``core.ports.KnownBlobs``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def get(self, digest: Digest) -> KnownBlob | None:
        """Return what is known, None for bytes nobody has spoken of yet."""
        row = _GET.first(self._connection, digest=digest)
        if row is None:
            return None
        name, size_bytes, state, at, until, *instants = row
        stored, leased = EPOCH + at * _TICK, EPOCH + until * _TICK
        condemned, damaged = (_instant(each) for each in instants)
        return KnownBlob(Digest(name), size_bytes, BlobState(state), stored, leased, condemned, damaged)

    def put(self, blob: KnownBlob) -> None:
        """Store, in place of what was known before."""
        _PUT.run(
            self._connection,
            digest=blob.digest,
            size_bytes=blob.size_bytes,
            state=blob.state.value,
            stored_at=_ticks(blob.stored_at),
            leased_until=_ticks(blob.leased_until),
            condemned_at=_ticks(blob.condemned_at),
            damaged_at=_ticks(blob.damaged_at),
        )

    def keep(self, digests: Collection[Digest], now: datetime) -> frozenset[Digest]:
        """Let bytes that count live on, with a lease, and return which they are."""
        if len(digests) <= _FEW:
            return frozenset(each for each in digests if self._keep_one(each, now))
        found: set[Digest] = set()
        wanted = sorted(digests)
        fresh = and_(b.state == BlobState.LIVE.value, b.leased_until > now + PROMISED)
        for start in range(0, len(wanted), _BATCH):
            batch = b.digest.in_(wanted[start : start + _BATCH])
            counts = and_(batch, b.state != BlobState.REMOVING.value, b.damaged_at.is_(None))
            rows = self._connection.execute(select(b.digest, fresh.label("fresh")).where(counts)).all()
            found |= {Digest(digest) for digest, _ in rows}
            stale = [digest for digest, is_fresh in rows if not is_fresh]
            if stale:
                change = {"state": BlobState.LIVE.value, "leased_until": now + LEASE, "condemned_at": None}
                self._connection.execute(update(t.blobs).where(b.digest.in_(stale)), change)
        return frozenset(found)

    def _keep_one(self, digest: Digest, now: datetime) -> bool:
        """Do the same for one; a few are done so in less time than a statement over all of them is made."""
        known = self.get(digest)
        if known is None or not known.counts:
            return False
        if not known.is_fresh(now):
            self.put(replace(known, state=BlobState.LIVE, leased_until=now + LEASE, condemned_at=None))
        return True

    def damaged(self, digest: Digest) -> bool:
        """Tell whether the bytes are known to be damaged."""
        row = _GET.first(self._connection, digest=digest)
        return row is not None and row[-1] is not None

    def unknown(self, digests: Collection[Digest]) -> frozenset[Digest]:
        """Return those of the digests that nobody has spoken of yet."""
        left, wanted = set(digests), sorted(digests)
        for start in range(0, len(wanted), _BATCH):
            batch = b.digest.in_(wanted[start : start + _BATCH])
            left.difference_update(self._connection.execute(select(b.digest).where(batch)).scalars())
        return frozenset(left)

    def adopt(self, lying: Sequence[Lying], leased_until: datetime) -> int:
        """Note what lies on the shelf and was not known; return how many that were."""
        unknown = self.unknown([each.digest for each in lying])
        rows = [
            {
                "digest": each.digest,
                "size_bytes": each.size_bytes,
                "state": BlobState.LIVE.value,
                "stored_at": each.stored_at,
                "leased_until": leased_until,
            }
            for each in lying
            if each.digest in unknown
        ]
        insert_missing(self._connection, t.blobs, rows)
        return len(rows)

    def named(self, after: str, limit: int) -> tuple[Digest, ...]:
        """Return the next digests in their order whose bytes must be there: something names them.

        Data that a version only declares must be there once it was stored.
        """
        stored = exists(select(b.digest).where(b.digest == u.digest))
        needed = or_(not_(begins(u.named_by, "data:")), stored)
        used = select(u.digest).where(u.digest > after, needed).distinct().order_by(u.digest).limit(limit)
        filed = select(f.digest).where(f.digest > after).distinct().order_by(f.digest).limit(limit)
        found = {each for query in (used, filed) for each in self._connection.execute(query).scalars()}
        return tuple(Digest(each) for each in sorted(found)[:limit])


class SqlCollecting:
    """Implements ``core.ports.Collecting``: sets are taken by the database, so that memory stays flat."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def condemn(self, before: datetime, now: datetime, after: str, limit: int) -> tuple[int, str]:
        """Condemn what nothing names and no lease keeps, among the next blobs in the order of digests."""
        step = select(b.digest).where(b.digest > after).order_by(b.digest).offset(limit - 1).limit(1)
        last = self._connection.execute(step).scalar()
        place = [b.digest > after] if last is None else [b.digest > after, b.digest <= last]
        change = {"state": BlobState.CONDEMNED.value, "condemned_at": now}
        done = self._connection.execute(
            update(t.blobs).where(*place, *_idle(now), *_living(before)).values(**change)
        )
        return done.rowcount, last or ""

    def doom(self, before: datetime, now: datetime, limit: int) -> int:
        """Mark as being removed what was condemned until ``before`` and still is kept by nothing."""
        ripe = select(b.digest).where(*_ripe(before), *_idle(now)).order_by(b.condemned_at).limit(limit)
        digests = list(self._connection.execute(ripe).scalars())
        if digests:
            change = {"state": BlobState.REMOVING.value}
            self._connection.execute(update(t.blobs).where(b.digest.in_(digests)), change)
        return len(digests)

    def doomed(self, limit: int, after: KnownBlob | None = None) -> tuple[KnownBlob, ...]:
        """Return the next that are marked as being removed, those first that were condemned first."""
        query = select(*_NAMES).where(b.condemned_at.is_not(None), b.state == BlobState.REMOVING.value)
        if after is not None:
            same = and_(b.condemned_at == after.condemned_at, b.digest > after.digest)
            query = query.where(or_(b.condemned_at > after.condemned_at, same))
        query = query.order_by(b.condemned_at, b.digest).limit(limit)
        rows = self._connection.execute(query).mappings()
        return tuple(
            KnownBlob(**{**row, "digest": Digest(row["digest"]), "state": BlobState(row["state"])})
            for row in rows
        )

    def forget(self, digest: Digest) -> bool:
        """Forget bytes that are marked as being removed, and who might name them; False for others."""
        marked = and_(b.digest == digest, b.state == BlobState.REMOVING.value)
        if not self._connection.execute(delete(t.blobs).where(marked)).rowcount:
            return False
        self._connection.execute(delete(blob_holders).where(blob_holders.c.digest == digest))
        return True

    def condemned(self, before: datetime, now: datetime) -> tuple[int, int]:
        """Return how many blobs, of how many bytes, would be marked as being removed."""
        return self._count(*_ripe(before), *_idle(now))

    def unnamed(self, before: datetime, now: datetime) -> tuple[int, int]:
        """Return how many live blobs, of how many bytes, would be condemned."""
        return self._count(*_living(before), *_idle(now))

    def _count(self, *conditions: Any) -> tuple[int, int]:
        query = select(func.count(), func.coalesce(func.sum(b.size_bytes), 0)).where(*conditions)
        count, size_bytes = self._connection.execute(query).one()
        return int(count), int(size_bytes)


class SqlChores:
    """Implements ``core.ports.Chores``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def get(self, name: str) -> Chore | None:
        """Return one."""
        row = self._connection.execute(select(t.chores).where(t.chores.c.name == name)).mappings().first()
        return None if row is None else Chore(**row)

    def begun(self, kind: str) -> tuple[Chore, ...]:
        """Return those whose names begin with ``kind``, in the order of their names."""
        query = select(t.chores).where(begins(t.chores.c.name, kind)).order_by(t.chores.c.name)
        return tuple(Chore(**row) for row in self._connection.execute(query).mappings())

    def put(self, chore: Chore) -> None:
        """Store, in place of the one of that name."""
        write_rows(self._connection, t.chores, [asdict(chore)])

    def remove(self, name: str) -> None:
        """Forget one."""
        self._connection.execute(delete(t.chores).where(t.chores.c.name == name))


def _idle(now: datetime) -> tuple[Any, ...]:
    """Return the conditions that nothing keeps a blob: no name, no lease."""
    return (
        b.leased_until <= now,
        not_(exists(select(u.digest).where(u.digest == b.digest))),
        not_(exists(select(f.digest).where(f.digest == b.digest))),
    )


def _living(before: datetime) -> tuple[Any, ...]:
    return b.state == BlobState.LIVE.value, b.stored_at <= before


def _ripe(before: datetime) -> tuple[Any, ...]:
    return b.state == BlobState.CONDEMNED.value, b.condemned_at <= before


def _ticks(instant: datetime | None) -> int | None:
    return None if instant is None else (instant - EPOCH) // _TICK


def _instant(ticks: int | None) -> datetime | None:
    return None if ticks is None else EPOCH + ticks * _TICK
