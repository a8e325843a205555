"""The database's own clock: the one by which leases are judged, whatever its users' clocks say."""

from datetime import UTC, datetime

from sqlalchemy import Connection, func, select


class SqlClock:
    """Implements ``core.ports.Clock``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def now(self) -> datetime:
        """Return the present instant of the machine on which the database is.

        A file is opened by processes of one machine, so its clock is theirs. PostgreSQL is asked for the
        instant itself: ``now()`` is when the transaction began, which may have waited for others.
        """
        if self._connection.dialect.name == "sqlite":
            return datetime.now(UTC)
        found: datetime = self._connection.execute(select(func.clock_timestamp())).scalar_one()
        return found.astimezone(UTC)
