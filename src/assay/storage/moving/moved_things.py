"""The record of what was moved in, in SQL."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, exists, select

from assay.core.moving import Moved
from assay.core.ports.moving import Place
from assay.storage.moving_tables import moved_things
from assay.storage.trace_tables import traces
from assay.storage.tracking.numbers import shown
from assay.storage.tracking.points import counted_points, points_at
from assay.storage.tracking_tables import logged_models, runs, series
from assay.storage.upserts import write_rows

m, s = moved_things.c, series.c
# So many metrics or places are asked for at once.
_AT_ONCE: Final = 100
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

    def values_at(self, run_id: str, places: Sequence[Place]) -> dict[Place, tuple[float, ...]]:
        """Return what a run has logged at each of these places, nothing for those without a point."""
        found: dict[Place, list[float]] = defaultdict(list)
        keys = sorted({key for key, _, _ in places})
        for start in range(0, len(keys), _AT_ONCE):
            query = select(s.key, s.id, s.run).join(runs, runs.c.seq == s.run)
            query = query.where(runs.c.id == run_id, s.key.in_(keys[start : start + _AT_ONCE]))
            own = {key: (number, run) for key, number, run in self._connection.execute(query)}
            names = {number: key for key, (number, _) in own.items()}
            asked = [(own[key][0], at_ms, step) for key, at_ms, step in places if key in own]
            for first in range(0, len(asked), _AT_ONCE):
                run = next(iter(own.values()))[1]
                points: Any = points_at(run, asked[first : first + _AT_ONCE])
                for number, at_ms, step, value, is_nan in self._connection.execute(points):
                    found[names[number], at_ms, step].append(shown(value, is_nan))
        return {place: tuple(values) for place, values in found.items()}

    def are_all(self, experiment_id: int) -> bool:
        """Tell whether imports brought every run, logged model and trace that an experiment has here."""
        for table, kind in ((runs, "run"), (logged_models, "logged_model"), (traces, "trace")):
            moved = select(m.here).where(m.kind == kind)
            native = select(table.c.id).where(table.c.experiment == experiment_id, table.c.id.not_in(moved))
            if self._connection.execute(select(exists(native))).scalar():
                return False
        return True
