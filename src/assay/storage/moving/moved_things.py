"""The record of what was moved in, in SQL."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, exists, select

from assay.core.moving import Moved
from assay.storage.moving_tables import moved_things
from assay.storage.trace_tables import traces
from assay.storage.tracking.points import counted_points
from assay.storage.tracking_tables import logged_models, runs
from assay.storage.upserts import write_rows

m = moved_things.c
_NAMES: Final = ("source", "kind", "id", "here", "mark", "point_count")


class SqlMovedThings:
    """Implements ``core.ports.moving.MovedThings``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def get(self, source: str, kind: str, id: str) -> Moved | None:  # noqa: A002 - as in the port
        """Return what is recorded of one thing."""
        place = (m.source == source, m.kind == kind, m.id == id)
        row = self._connection.execute(select(*(m[name] for name in _NAMES)).where(*place)).mappings().first()
        return None if row is None else Moved(**row)

    def put(self, moved: Moved) -> None:
        """Record, or replace what was recorded."""
        write_rows(self._connection, moved_things, [{name: getattr(moved, name) for name in _NAMES}])

    def count_points(self, run_ids: Sequence[str]) -> dict[str, int]:
        """Return how many points each of these runs has here."""
        found: Any = self._connection.execute(counted_points(run_ids))
        return {str(run_id): int(count) for run_id, count in found}

    def are_all(self, experiment_id: int) -> bool:
        """Tell whether imports brought every run, logged model and trace that an experiment has here."""
        for table, kind in ((runs, "run"), (logged_models, "logged_model"), (traces, "trace")):
            moved = select(m.here).where(m.kind == kind)
            native = select(table.c.id).where(table.c.experiment == experiment_id, table.c.id.not_in(moved))
            if self._connection.execute(select(exists(native))).scalar():
                return False
        return True
