"""The audit log in SQL: each event chained to the one before, in the transaction of its change.

With the event come the nodes of the Merkle tree that it makes complete: two rows on average, after one
look at a node to the left. So a root, or a proof, at any size takes as many looks as a number has digits.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Select, and_, bindparam, func, insert, select, union_all
from sqlalchemy.exc import IntegrityError

from assay.core.audit import GENESIS, AuditEvent, chain_leaf
from assay.core.checkpoints import Head, read_head
from assay.core.digests import Digest
from assay.core.errors import UnavailableError
from assay.core.merkle import completed
from assay.storage import audit_tables as at
from assay.storage import tables as t
from assay.storage.prepared import Prepared
from assay.storage.rows import after_all
from assay.storage.upserts import insert_missing
from assay.wire.codec import decode, encode

a = t.audit_events.c
n = at.audit_nodes.c
h = at.audit_heads.c
_ONE: Final = 1
_DAMAGED: Final = "the audit log and its tree do not belong together: they were changed from outside"
_HINT: Final = "restore a backup, then: assay audit verify"


class SqlAuditLog:
    """Implements ``core.ports.AuditLog``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def append(self, entry: Mapping[str, Any]) -> AuditEvent:
        """Chain an entry behind the newest event, and let the tree grow by it.

        Raises:
            UnavailableError: events were taken away from outside of this program.
        """
        newest = _NEWEST.first(self._connection)
        seq, head = (newest[0], Digest(newest[1])) if newest else (0, GENESIS)
        event, leaf = chain_leaf(entry, seq, head)
        _ADD.run(
            self._connection,
            seq=event.seq,
            subject=event.subject[:300],
            hash=str(event.hash),
            document=encode(event).decode(),
        )
        nodes = completed(seq, leaf, self._present)
        rows = [{"level": level, "place": place, "hash": found.hex()} for level, place, found in nodes]
        try:
            _ADD_NODE.run_for(self._connection, rows)
        except IntegrityError as error:
            raise UnavailableError(_DAMAGED, hint=_HINT) from error
        return event

    def read(self, after_seq: int = 0, limit: int = 1000, subject: str = "") -> tuple[AuditEvent, ...]:
        """Return events in order; ``subject`` keeps those whose subject is it or lies under it."""
        asked = {"after": after_seq, "limit": limit}
        if subject:
            starts = {"below": f"{subject}/", "at": f"{subject}@"}
            ends = {f"{name}_end": after_all(text) for name, text in starts.items()}
            found = self._connection.execute(_ABOUT, {"subject": subject, **asked, **starts, **ends})
        else:
            found = self._connection.execute(_ALL, asked)
        return tuple(decode(document, AuditEvent) for document in found.scalars())

    def size(self) -> int:
        """Return the seq of the newest event, 0 where there is none."""
        newest = _NEWEST.first(self._connection)
        return newest[0] if newest else 0

    def node(self, level: int, place: int) -> bytes | None:
        """Return the hash of a complete subtree; None when it is not complete yet, or was taken away."""
        found = _NODE.first(self._connection, level=level, place=place)
        return bytes.fromhex(found[0]) if found else None

    def _present(self, level: int, place: int) -> bytes:
        found = self.node(level, place)
        if found is None:
            raise UnavailableError(_DAMAGED, hint=_HINT)
        return found


class SqlAuditHeads:
    """Implements ``core.ports.AuditHeads``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def origin(self) -> str:
        """Return the name of the log, "" before it has one."""
        return self._connection.execute(select(at.audit_origin.c.origin)).scalar() or ""

    def name(self, origin: str) -> None:
        """Give the log its name, once and for all."""
        self._connection.execute(insert(at.audit_origin), {"id": _ONE, "origin": origin})

    def add(self, head: Head, signed_at: datetime) -> None:
        """Store a head; one of that size that is there stays."""
        row = {"size": head.size, "signed_at": signed_at, "note": head.note}
        insert_missing(self._connection, at.audit_heads, [row])

    def newest(self) -> Head | None:
        """Return the one over the most events."""
        found = _NEWEST_HEAD.first(self._connection)
        return read_head(found[0]) if found else None

    def page(self, after_size: int, limit: int) -> tuple[Head, ...]:
        """Return heads over more events than ``after_size``, the shortest first."""
        query = select(h.note).where(h.size > after_size).order_by(h.size).limit(limit)
        return tuple(read_head(note) for note in self._connection.execute(query).scalars())


def _about() -> Select[Any]:
    """Return the question for the events about a subject.

    Which they are the index by subject tells by itself; only they are looked up. They are ordered by a
    sum, because in the order of ``seq`` itself SQLite would rather walk the whole log.
    """
    places = (
        a.subject == bindparam("subject"),
        *(and_(a.subject >= bindparam(n), a.subject < bindparam(f"{n}_end")) for n in ("below", "at")),
    )
    meant = union_all(*(select(a.seq).where(each, a.seq > bindparam("after")) for each in places)).subquery()
    first = select(meant.c.seq).order_by(meant.c.seq + 0).limit(bindparam("limit"))
    return select(a.document).where(a.seq.in_(first)).order_by(a.seq)


_NEWEST: Final = Prepared(
    select(a.seq, a.hash).where(a.seq == select(func.max(a.seq)).scalar_subquery()),
)
_ADD: Final = Prepared(
    lambda insert_into: insert_into(t.audit_events).values(
        {name: bindparam(name) for name in ("seq", "subject", "hash", "document")}
    )
)
_ADD_NODE: Final = Prepared(
    lambda insert_into: insert_into(at.audit_nodes).values(
        {name: bindparam(name) for name in ("level", "place", "hash")}
    )
)
_NODE: Final = Prepared(select(n.hash).where(n.level == bindparam("level"), n.place == bindparam("place")))
_NEWEST_HEAD: Final = Prepared(
    select(h.note).where(h.size == select(func.max(h.size)).scalar_subquery()),
)
_ABOUT: Final = _about()
_ALL: Final = select(a.document).where(a.seq > bindparam("after")).order_by(a.seq).limit(bindparam("limit"))
