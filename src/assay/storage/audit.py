"""The audit log in SQL: each event chained to the one before, in the transaction of its change."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, Select, and_, bindparam, insert, select, union_all

from assay.core.audit import GENESIS, AuditEvent, chain
from assay.core.digests import Digest
from assay.storage import tables as t
from assay.storage.rows import after_all
from assay.wire.codec import decode, encode

a = t.audit_events.c


class SqlAuditLog:
    """Implements ``core.ports.AuditLog``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def append(self, entry: Mapping[str, Any]) -> AuditEvent:
        """Chain an entry behind the newest event."""
        query = select(a.seq, a.hash).order_by(a.seq.desc()).limit(1)
        newest = self._connection.execute(query).first()
        seq, head = (newest[0], Digest(newest[1])) if newest else (0, GENESIS)
        event = chain(entry, seq, head)
        row = {
            "seq": event.seq,
            "subject": event.subject[:300],
            "hash": event.hash,
            "document": encode(event).decode(),
        }
        self._connection.execute(insert(t.audit_events), row)
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


_ABOUT: Final = _about()
_ALL: Final = select(a.document).where(a.seq > bindparam("after")).order_by(a.seq).limit(bindparam("limit"))
