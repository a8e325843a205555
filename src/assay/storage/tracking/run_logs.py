"""What runs log, in SQL; of each metric the point that counts lies beside its points."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, func, select, true

from assay.core.search import Page
from assay.core.tracking.datasets import DatasetInput
from assay.core.tracking.metrics import Point, newest
from assay.core.tracking.runs import Batch, ModelOutput, RunStatus
from assay.core.tracking.sampling import even_places
from assay.storage import tracking_tables as t
from assay.storage.cursors import read_cursor, write_cursor
from assay.storage.prepared import Prepared
from assay.storage.tracking.numbers import kept, shown
from assay.storage.tracking.points import GATHERED_COUNT, POINT_ORDER, add_points, points_of
from assay.storage.tracking.series import renew_series
from assay.storage.upserts import insert_missing, inserting_missing, writing_rows
from assay.wire.codec import encode

s, r, w = t.series.c, t.runs.c, t.run_params.c
_RUN_ID: Final[Any] = bindparam("run_id")
_RUN: Final = Prepared(select(r.seq, r.status, GATHERED_COUNT).where(r.id == _RUN_ID))
_SERIES: Final = select(s.run, s.id).join(t.runs, r.seq == s.run)
_ONE_SERIES: Final = Prepared(_SERIES.where(r.id == _RUN_ID, s.key == bindparam("key")))
_PARAMS: Final = Prepared(select(w.key, w.value).join(t.runs, r.seq == w.run).where(r.id == _RUN_ID))
_ADD_PARAMS: Final = inserting_missing(t.run_params)
_SET_TAGS: Final = writing_rows(t.run_tags)


class SqlRunLogs:
    """Implements ``core.ports.tracking.RunLogs``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def log(self, run_id: str, batch: Batch) -> None:
        """Store points, parameters and tags; a point that is there already is kept once."""
        row = _RUN.first(self._connection, run_id=run_id)
        if row is None:
            return
        run, status, gathered = row
        if batch.metrics:
            live = status == RunStatus.RUNNING.value
            series = renew_series(self._connection, run, newest(batch.metrics), live=live)
            add_points(self._connection, run, gathered, series, batch.metrics)
            self._log_model_points(run_id, [point for point in batch.metrics if point.model_id])
        params = [{"run": run, "key": key, "value": value} for key, value in batch.params.items()]
        _ADD_PARAMS.run_for(self._connection, params)
        tags = [{"run": run, "key": key, "value": value} for key, value in batch.tags.items()]
        _SET_TAGS.run_for(self._connection, tags)

    def params(self, run_id: str) -> Mapping[str, str]:
        """Return the parameters of a run."""
        return dict(_PARAMS.all(self._connection, run_id=run_id))

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
        place, after = self._series(run_id, key), _place(cursor) if cursor else ()
        if place is None:
            return Page(())
        found = points_of(*place, after=after)
        rows = self._connection.execute(found.order_by(*POINT_ORDER).limit(limit + 1)).all()
        items = tuple(_point(key, row) for row in rows[:limit])
        return Page(items, write_cursor(list(rows[limit - 1])) if len(rows) > limit else "")

    def sampled(
        self, run_ids: Sequence[str], key: str, limit: int, span: tuple[int, int] | None = None
    ) -> Mapping[str, tuple[Point, ...]]:
        """Return of each run at most ``limit`` points of a metric by step and time, evenly chosen."""
        return {run_id: self._sampled(run_id, key, limit, span) for run_id in run_ids}

    def _sampled(self, run_id: str, key: str, limit: int, span: tuple[int, int] | None) -> tuple[Point, ...]:
        place = self._series(run_id, key)
        if place is None:
            return ()
        every = points_of(*place).subquery()
        c = every.c
        condition = true() if span is None else c.step.between(*span)
        counted = select(func.count()).select_from(every).where(condition)
        places = even_places(self._connection.execute(counted).scalar_one(), limit)
        row_number = func.row_number().over(order_by=(c.step, c.timestamp_ms, c.value, c.is_nan))
        ranked = select(*c, (row_number - 1).label("place")).where(condition).subquery()
        n = ranked.c
        query = select(n.timestamp_ms, n.step, n.value, n.is_nan).where(n.place.in_(places))
        rows = self._connection.execute(query.order_by(n.place)).all()
        return tuple(_point(key, row) for row in rows)

    def add_inputs(self, run_id: str, datasets: Sequence[DatasetInput], model_ids: Sequence[str]) -> int:
        """Note data sets and models that the run used; return how many the run has noted now."""
        row = self._connection.execute(
            select(t.runs.c.seq, t.runs.c.experiment).where(t.runs.c.id == run_id)
        ).first()
        if row is None:
            return 0
        run, experiment = row
        for each in datasets:
            self._add_dataset(run, experiment, each)
        rows = [{"run": run, "output": False, "model_id": each, "step": 0} for each in model_ids]
        insert_missing(self._connection, t.run_models, rows)
        return self._links(run)

    def add_outputs(self, run_id: str, models: Sequence[ModelOutput]) -> int:
        """Note models that the run produced; return how many the run has noted now, with data sets."""
        run = self._seq(run_id)
        rows = [
            {"run": run, "output": True, "model_id": each.model_id, "step": each.step}
            for each in models
            if run is not None
        ]
        insert_missing(self._connection, t.run_models, rows)
        return self._links(run)

    def _links(self, run: int | None) -> int:
        tables = (t.run_datasets, t.run_models)
        counts = [select(func.count()).select_from(each).where(each.c.run == run) for each in tables]
        return sum(self._connection.execute(count).scalar_one() for count in counts)

    def _log_model_points(self, run_id: str, points: Sequence[Point]) -> None:
        if not points:
            return
        m = t.logged_models.c
        ids = {point.model_id for point in points}
        query = select(m.id, m.seq).where(m.id.in_(ids))
        numbers: dict[str, int] = dict(self._connection.execute(query).all())
        rows = [
            _row(
                point,
                model=numbers[point.model_id],
                run_id=run_id,
                dataset_name=point.dataset_name,
                dataset_digest=point.dataset_digest,
            )
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

    def _series(self, run_id: str, key: str) -> tuple[int, int] | None:
        """Return the numbers of the run and of the series."""
        row = _ONE_SERIES.first(self._connection, run_id=run_id, key=key)
        return None if row is None else (row[0], row[1])


def _row(point: Point, **place: Any) -> dict[str, Any]:
    value, is_nan = kept(point.value)
    return {
        **place,
        "key": point.key,
        "timestamp_ms": point.timestamp_ms,
        "step": point.step,
        "value": value,
        "is_nan": is_nan,
    }


def _point(key: str, row: Any) -> Point:
    at_ms, step, value, is_nan = row
    return Point(key, shown(value, is_nan), at_ms, step)


def _place(cursor: str) -> list[Any]:
    return read_cursor(cursor, (int, int, float, bool))
