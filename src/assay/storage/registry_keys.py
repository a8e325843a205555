"""Fingerprints of the registry's keys, in SQL."""

from datetime import datetime

from sqlalchemy import Connection, select

from assay.storage.answer_tables import kept_answers
from assay.storage.key_tables import registry_keys
from assay.storage.upserts import write_rows

k = registry_keys.c


class SqlRegistryKeys:
    """Implements ``core.ports.RegistryKeys``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def fingerprint(self, name: str) -> str | None:
        """Return the fingerprint of the key that the registry has; None when none was noted yet."""
        query = select(k.fingerprint).where(k.name == name)
        found: str | None = self._connection.execute(query).scalar()
        return found

    def note(self, name: str, fingerprint: str, at: datetime) -> None:
        """Store it, in place of what was noted before."""
        row = {"name": name, "fingerprint": fingerprint, "noted_at": at}
        write_rows(self._connection, registry_keys, [row])

    def sealed(self, limit: int) -> tuple[str, ...]:
        """Return answers that are kept sealed, the newest first."""
        a = kept_answers.c
        query = select(a.body).where(a.sealed, a.body.is_not(None)).order_by(a.made_at.desc()).limit(limit)
        return tuple(self._connection.execute(query).scalars())
