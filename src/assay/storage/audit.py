"""The audit log in SQL: each event chained to the one before, in the transaction of its change."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, insert, or_, select

from assay.core.audit import GENESIS, AuditEvent, chain
from assay.core.digests import Digest
from assay.storage import tables as t
from assay.storage.rows import like_prefix
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
        query = select(a.document).where(a.seq > after_seq).order_by(a.seq).limit(limit)
        if subject:
            under = [a.subject.like(like_prefix(subject + mark), escape="!") for mark in ("/", "@")]
            query = query.where(or_(a.subject == subject, *under))
        return tuple(decode(document, AuditEvent) for document in self._connection.execute(query).scalars())
