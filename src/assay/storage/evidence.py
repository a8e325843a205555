"""Evidence in SQL: only ever added."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from assay.core.digests import Digest
from assay.core.evidence import Evidence, Origin
from assay.core.names import ModelName
from assay.storage import tables as t
from assay.storage.uses import name_evidence
from assay.wire.codec import decode, encode

e = t.evidence.c
m = t.metrics.c


class SqlEvidenceLog:
    """Implements ``core.ports.EvidenceLog``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def add(self, evidence: Evidence) -> None:
        """Store; storing the same statement again changes nothing."""
        digest = evidence.digest
        if self.get(digest) is not None:
            return
        values = {
            "digest": digest,
            "model": evidence.model,
            "number": evidence.number,
            "check_name": evidence.check,
            "origin": evidence.origin.value,
            "recorded_at": evidence.recorded_at,
            "document": encode(evidence).decode(),
        }
        self._connection.execute(insert(t.evidence), values)
        name_evidence(self._connection, evidence, digest)
        found = evidence.measurement.facts.get("metrics")
        if evidence.check == "metrics" and isinstance(found, Mapping):
            self._index(evidence, found)

    def of_version(self, model: ModelName, number: int) -> tuple[Evidence, ...]:
        """Return all evidence filed under a version, oldest first."""
        query = select(e.document).where(e.model == model, e.number == number).order_by(e.id)
        return tuple(decode(document, Evidence) for document in self._connection.execute(query).scalars())

    def get(self, digest: Digest) -> Evidence | None:
        """Return one statement by its digest."""
        document = self._connection.execute(select(e.document).where(e.digest == digest)).scalar()
        return None if document is None else decode(document, Evidence)

    def _index(self, evidence: Evidence, found: Mapping[str, Any]) -> None:
        """Make metrics searchable; a measured one is never replaced by a reported one."""
        measured = evidence.origin is Origin.MEASURED
        place = (m.model == evidence.model, m.number == evidence.number)
        kept: set[str] = set()
        if not measured:
            query = select(m.name).where(*place, m.measured.is_(True))
            kept = set(self._connection.execute(query).scalars())
        rows = [
            {
                "model": evidence.model,
                "number": evidence.number,
                "name": name,
                "value": float(value),
                "measured": measured,
            }
            for name, value in found.items()
            if name not in kept
            and len(name) <= 250
            and isinstance(value, int | float)
            and not isinstance(value, bool)
        ]
        for row in rows:
            self._connection.execute(delete(t.metrics).where(*place, m.name == row["name"]))
        if rows:
            self._connection.execute(insert(t.metrics), rows)
