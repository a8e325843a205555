"""Counts over everything, in SQL; each is read out of an index alone."""

from datetime import datetime

from sqlalchemy import Column, Connection, Table, func, select, text

from assay.core.deliveries import DeliveryState
from assay.core.figures import Figures
from assay.core.jobs import JobState
from assay.storage import tables as t
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
            jobs=self._by_state(t.jobs),
            oldest_job_at=self._oldest(j.created_at, j.state, JobState.QUEUED.value),
            promotions=self._by_state(t.promotions),
            deliveries=self._by_state(webhook_deliveries),
            oldest_delivery_at=self._oldest(d.due_at, d.state, DeliveryState.WAITING.value),
        )

    def schema(self) -> str:
        """Return the revision of the schema that the database has."""
        found = self._connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        return str(found or "")

    def _by_state(self, table: Table) -> dict[str, int]:
        query = select(table.c.state, func.count()).group_by(table.c.state)
        return {str(state): count for state, count in self._connection.execute(query)}

    def _oldest(self, at: "Column[datetime]", state: "Column[str]", wanted: str) -> datetime | None:
        query = select(at).where(state == wanted).order_by(at).limit(1)
        found: datetime | None = self._connection.execute(query).scalar()
        return found
