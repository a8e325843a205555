"""What runs log, in SQL: points of a series side by side, and beside them the one that counts."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, and_, delete, func, insert, select, tuple_, update

from assay.core.search import Page
from assay.core.tracking.datasets import DatasetInput
from assay.core.tracking.metrics import Point, newest, rank
from assay.core.tracking.runs import Batch, ModelOutput
from assay.storage import tracking_tables as t
from assay.storage.cursors import read_cursor, write_cursor
from assay.storage.tracking.numbers import kept, shown
from assay.storage.upserts import insert_missing, write_rows
from assay.wire.codec import encode

p, s = t.points.c, t.series.c
_PLACE: Final = (p.timestamp_ms, p.step, p.value, p.is_nan)


class SqlRunLogs:
    """Implements ``core.ports.tracking.RunLogs``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def log(self, run_id: str, batch: Batch) -> None:
        """Store points, parameters and tags; a point that is there already is kept once."""
        run = self._seq(run_id)
        if run is None:
            return
        if batch.metrics:
            self._log_points(run, batch.metrics)
            self._log_model_points(run_id, [point for point in batch.metrics if point.model_id])
        params = [{"run": run, "key": key, "value": value} for key, value in batch.params.items()]
        insert_missing(self._connection, t.run_params, params)
        tags = [{"run": run, "key": key, "value": value} for key, value in batch.tags.items()]
        write_rows(self._connection, t.run_tags, tags)

    def params(self, run_id: str) -> Mapping[str, str]:
        """Return the parameters of a run."""
        c = t.run_params.c
        query = select(c.key, c.value).join(t.runs, t.runs.c.seq == c.run).where(t.runs.c.id == run_id)
        return dict(self._connection.execute(query).all())

    def remove_tag(self, run_id: str, key: str) -> bool:
        """Take a tag away; tell whether it was there."""
        c = t.run_tags.c
        gone = delete(t.run_tags).where(c.run == self._seq(run_id), c.key == key)
        return self._connection.execute(gone).rowcount > 0

    def history(self, run_id: str, key: str, limit: int, cursor: str = "") -> Page[Point]:
        """Return a page of a metric's points by time, step and value.

        Raises:
            BadInputError: the cursor is not one of ours.
        """
        number = self._series(run_id, key)
        query = select(*_PLACE).where(p.series == number).order_by(*_PLACE).limit(limit + 1)
        if cursor:
            query = query.where(tuple_(*_PLACE) > tuple_(*_place(cursor)))
        rows = self._connection.execute(query).all() if number is not None else []
        items = tuple(_point(key, row) for row in rows[:limit])
        more = write_cursor(list(rows[limit - 1])) if len(rows) > limit else ""
        return Page(items, more)

    def sampled(
        self, run_id: str, key: str, limit: int, steps: tuple[int, int] | None = None
    ) -> tuple[Point, ...]:
        """Return at most ``limit`` points by step, evenly chosen; the first and the last are kept."""
        number = self._series(run_id, key)
        if number is None:
            return ()
        condition = p.series == number
        if steps is not None:
            condition = and_(condition, p.step.between(*steps))
        order = (p.step, p.timestamp_ms, p.value, p.is_nan)
        row_number = func.row_number().over(order_by=order)
        count = self._connection.execute(select(func.count()).where(condition)).scalar_one()
        if count <= limit:
            rows = self._connection.execute(select(*_PLACE).where(condition).order_by(*order)).all()
            return tuple(_point(key, row) for row in rows)
        ranked = select(*_PLACE, (row_number - 1).label("place")).where(condition).subquery()
        wanted = {index * (count - 1) // (limit - 1) for index in range(limit)}
        c = ranked.c
        query = select(c.timestamp_ms, c.step, c.value, c.is_nan).where(c.place.in_(wanted))
        rows = self._connection.execute(query.order_by(c.place)).all()
        return tuple(_point(key, row) for row in rows)

    def add_inputs(self, run_id: str, datasets: Sequence[DatasetInput], model_ids: Sequence[str]) -> None:
        """Note data sets and models that the run used; those noted already are kept once."""
        row = self._connection.execute(
            select(t.runs.c.seq, t.runs.c.experiment).where(t.runs.c.id == run_id)
        ).first()
        if row is None:
            return
        run, experiment = row
        for each in datasets:
            self._add_dataset(run, experiment, each)
        rows = [{"run": run, "output": False, "model_id": each, "step": 0} for each in model_ids]
        insert_missing(self._connection, t.run_models, rows)

    def add_outputs(self, run_id: str, models: Sequence[ModelOutput]) -> None:
        """Note models that the run produced; those noted already are kept once."""
        run = self._seq(run_id)
        rows = [
            {"run": run, "output": True, "model_id": each.model_id, "step": each.step}
            for each in models
            if run is not None
        ]
        insert_missing(self._connection, t.run_models, rows)

    def _log_points(self, run: int, points: Sequence[Point]) -> None:
        latest = newest(points)
        numbers = self._renew_series(run, latest)
        rows = [
            {
                "series": numbers[point.key],
                "timestamp_ms": point.timestamp_ms,
                "step": point.step,
                **dict(zip(("value", "is_nan"), kept(point.value), strict=True)),
            }
            for point in points
        ]
        insert_missing(self._connection, t.points, rows)

    def _renew_series(self, run: int, latest: Mapping[str, Point]) -> dict[str, int]:
        """Bring each metric's point that counts up to date; return the numbers of the series."""
        query = select(s.id, s.key, s.value, s.is_nan, s.timestamp_ms, s.step)
        query = query.where(s.run == run, s.key.in_(list(latest)))
        numbers: dict[str, int] = {}
        for number, key, value, is_nan, at_ms, step in self._connection.execute(query):
            numbers[key] = number
            if rank(latest[key]) > rank(Point(key, shown(value, is_nan), at_ms, step)):
                self._connection.execute(update(t.series).where(s.id == number), _latest(latest[key]))
        fresh = [point for key, point in latest.items() if key not in numbers]
        if fresh:
            rows = [{"run": run, "key": point.key, **_latest(point)} for point in fresh]
            self._connection.execute(insert(t.series), rows)
            keys = [point.key for point in fresh]
            added = select(s.key, s.id).where(s.run == run, s.key.in_(keys))
            numbers |= dict(self._connection.execute(added).all())
        return numbers

    def _log_model_points(self, run_id: str, points: Sequence[Point]) -> None:
        m = t.logged_models.c
        ids = {point.model_id for point in points}
        query = select(m.id, m.seq).where(m.id.in_(ids))
        numbers: dict[str, int] = dict(self._connection.execute(query).all()) if ids else {}
        rows = [
            {
                "model": numbers[point.model_id],
                "key": point.key,
                "timestamp_ms": point.timestamp_ms,
                "step": point.step,
                "run_id": run_id,
                "dataset_name": point.dataset_name,
                "dataset_digest": point.dataset_digest,
                **dict(zip(("value", "is_nan"), kept(point.value), strict=True)),
            }
            for point in points
            if point.model_id in numbers
        ]
        insert_missing(self._connection, t.logged_model_metrics, rows)

    def _add_dataset(self, run: int, experiment: int, each: DatasetInput) -> None:
        d, data = t.datasets.c, each.dataset
        names = ("name", "digest", "source_type", "source", "schema", "profile")
        values = {name: getattr(data, name) for name in names}
        insert_missing(self._connection, t.datasets, [{"experiment": experiment, **values}])
        same = (d.experiment == experiment, d.name == data.name, d.digest == data.digest)
        number = self._connection.execute(select(d.id).where(*same)).scalar_one()
        used = {"run": run, "dataset": number, "context": each.context}
        insert_missing(self._connection, t.run_datasets, [{**used, "tags": encode(dict(each.tags)).decode()}])

    def _seq(self, run_id: str) -> int | None:
        return self._connection.execute(select(t.runs.c.seq).where(t.runs.c.id == run_id)).scalar()

    def _series(self, run_id: str, key: str) -> int | None:
        query = select(s.id).join(t.runs, t.runs.c.seq == s.run)
        return self._connection.execute(query.where(t.runs.c.id == run_id, s.key == key)).scalar()


def _latest(point: Point) -> dict[str, Any]:
    value, is_nan = kept(point.value)
    return {"value": value, "is_nan": is_nan, "step": point.step, "timestamp_ms": point.timestamp_ms}


def _point(key: str, row: Any) -> Point:
    at_ms, step, value, is_nan = row
    return Point(key, shown(value, is_nan), at_ms, step)


def _place(cursor: str) -> list[Any]:
    return read_cursor(cursor, (int, int, float, bool))
