"""Counts over everything, in SQL; each but that of blobs is read out of an index alone."""

from datetime import datetime
from enum import Enum

from sqlalchemy import Column, Connection, Table, func, select

from assay.core.deliveries import DeliveryState
from assay.core.figures import Figures
from assay.core.jobs import JobState
from assay.core.promotions import PromotionState
from assay.storage import postgresql
from assay.storage import tables as t
from assay.storage.applied import Half, known_revisions, lacking, taken_away
from assay.storage.blob_tables import blobs
from assay.storage.history_tables import schema_history
from assay.storage.webhook_tables import webhook_deliveries

j, d = t.jobs.c, webhook_deliveries.c


class SqlTallies:
    """Implements ``core.ports.Tallies``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def figures(self) -> Figures:
        """Return the counts of now."""
        return Figures(
            jobs=self._by_state(t.jobs, JobState),
            oldest_job_at=self._oldest(j.created_at, j.state, JobState.QUEUED.value),
            promotions=self._by_state(t.promotions, PromotionState),
            deliveries=self._by_state(webhook_deliveries, DeliveryState),
            oldest_delivery_at=self._oldest(d.due_at, d.state, DeliveryState.WAITING.value),
        )

    def blobs(self) -> tuple[int, int]:
        """Return how many blobs are known, and their bytes; looks at each."""
        query = select(func.count(), func.coalesce(func.sum(blobs.c.size_bytes), 0))
        count, size_bytes = self._connection.execute(query.select_from(blobs)).one()
        return count, int(size_bytes)

    def misfit(self) -> str:
        """Return the newest revision of the schema where this program cannot work with it, else "".

        A server of before ``assay migrate --pre`` goes on working after it, and so it is ready.
        """
        known = known_revisions()
        query = select(schema_history.c.revision, schema_history.c.half)
        applied = {revision: Half(half) for revision, half in self._connection.execute(query)}
        shared = self._connection.dialect.name == postgresql.NAME
        fits = not lacking(applied, known, shared=shared) and not taken_away(applied, known)
        return "" if fits else max(applied, default="none")

    def _by_state(self, table: Table, states: type[Enum]) -> dict[str, int]:
        query = select(table.c.state, func.count()).group_by(table.c.state)
        found = {str(state): count for state, count in self._connection.execute(query)}
        return {str(each.value): 0 for each in states} | found

    def _oldest(self, at: "Column[datetime]", state: "Column[str]", wanted: str) -> datetime | None:
        query = select(at).where(state == wanted).order_by(at).limit(1)
        found: datetime | None = self._connection.execute(query).scalar()
        return found
