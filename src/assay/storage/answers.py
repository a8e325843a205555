"""Kept answers in SQL."""

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Connection, delete, select

from assay.core.answers import KeptAnswer
from assay.storage.answer_tables import kept_answers
from assay.storage.upserts import write_rows

a = kept_answers.c


class SqlAnswers:
    """Implements ``core.ports.Answers``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def get(self, once_id: str) -> KeptAnswer | None:
        """Return one."""
        row = self._connection.execute(select(kept_answers).where(a.id == once_id)).mappings().first()
        return None if row is None else KeptAnswer(**row)

    def keep(self, answer: KeptAnswer) -> None:
        """Store it, in place of one with the same id."""
        write_rows(self._connection, kept_answers, [asdict(answer)])

    def forget(self, before: datetime, limit: int) -> int:
        """Remove what was made before an instant, oldest first, at most ``limit``; return how many."""
        oldest = select(a.id).where(a.made_at < before).order_by(a.made_at).limit(limit)
        done = self._connection.execute(delete(kept_answers).where(a.id.in_(oldest)))
        return int(done.rowcount)
