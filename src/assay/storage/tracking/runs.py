"""Runs in SQL, and everything they logged, gathered in a few questions however many runs are asked for."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, Table, insert, select, update
from sqlalchemy.exc import IntegrityError

from assay.core.errors import ConflictError
from assay.core.search import Page
from assay.core.tracking.datasets import Dataset, DatasetInput, DatasetSummary
from assay.core.tracking.metrics import Point
from assay.core.tracking.runs import LoggedRun, ModelOutput, Run, RunStatus
from assay.core.tracking.searches import Search
from assay.storage import tracking_tables as t
from assay.storage.tracking.numbers import shown
from assay.storage.tracking.searching import search_runs
from assay.storage.upserts import write_rows
from assay.wire.codec import decode

r = t.runs.c
_COLUMNS: Final = (
    r.id,
    r.experiment.label("experiment_id"),
    r.name,
    r.user_name.label("user"),
    r.status,
    r.started_at_ms,
    r.artifact_root,
    r.ended_at_ms,
    r.deleted_at_ms,
)
# Far below what either database takes as parameters of one statement.
_PORTION: Final = 5000


class SqlRuns:
    """Implements ``core.ports.tracking.Runs``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def add(self, run: Run, tags: Mapping[str, str]) -> None:
        """Store a new run.

        Raises:
            ConflictError: the id is taken.
        """
        values = {**_values(run), "id": run.id, "experiment": run.experiment_id, "user_name": run.user}
        try:
            seq = self._connection.execute(insert(t.runs).returning(r.seq), values).scalar_one()
        except IntegrityError as error:
            raise ConflictError(f"there is a run {run.id} already") from error
        rows = [{"run": seq, "key": key, "value": value} for key, value in tags.items()]
        write_rows(self._connection, t.run_tags, rows)

    def find(self, run_id: str) -> Run | None:
        """Return the run without what it logged, deleted or not."""
        row = self._connection.execute(select(*_COLUMNS).where(r.id == run_id)).mappings().first()
        return None if row is None else _run(row)

    def save(self, run: Run) -> None:
        """Replace name, status, times and whether it is deleted."""
        self._connection.execute(update(t.runs).where(r.id == run.id), _values(run))

    def logged(self, run_ids: Sequence[str]) -> tuple[LoggedRun, ...]:
        """Return runs with all they logged, in the order asked; unknown ids are left out."""
        found: dict[str, LoggedRun] = {}
        for start in range(0, len(run_ids), _PORTION):
            portion = list(run_ids[start : start + _PORTION])
            rows = self._connection.execute(select(r.seq, *_COLUMNS).where(r.id.in_(portion))).mappings()
            found |= {each.run.id: each for each in self._gather(rows.all())}
        return tuple(found[each] for each in run_ids if each in found)

    def search(self, experiment_ids: Sequence[int], search: Search) -> Page[LoggedRun]:
        """Return a page of runs; newest start first, then by id, unless ordered otherwise.

        Raises:
            BadInputError: the cursor is not one of ours.
        """
        found = search_runs(self._connection, experiment_ids, search)
        return Page(self.logged(found.items), found.next_cursor)

    def dataset_summaries(self, experiment_ids: Sequence[int], limit: int) -> tuple[DatasetSummary, ...]:
        """Return which data sets the runs of these experiments used, each once."""
        d, used = t.datasets.c, t.run_datasets.c
        query = (
            select(d.experiment, d.name, d.digest, used.context)
            .join(t.run_datasets, used.dataset == d.id)
            .join(t.runs, r.seq == used.run)
            .where(d.experiment.in_(list(experiment_ids)), r.deleted_at_ms.is_(None))
            .distinct()
            .order_by(d.experiment, d.name, d.digest, used.context)
            .limit(limit)
        )
        return tuple(DatasetSummary(*row) for row in self._connection.execute(query))

    def _gather(self, rows: Sequence[RowMapping]) -> list[LoggedRun]:
        seqs = [row["seq"] for row in rows]
        metrics, params, tags = (
            self._metrics(seqs),
            self._words(t.run_params, seqs),
            self._words(t.run_tags, seqs),
        )
        datasets, models = self._datasets(seqs), self._models(seqs)
        return [
            LoggedRun(
                _run(row),
                tuple(metrics[seq]),
                params[seq],
                tags[seq],
                tuple(datasets[seq]),
                tuple(model.model_id for output, model in models[seq] if not output),
                tuple(model for output, model in models[seq] if output),
            )
            for seq, row in zip(seqs, rows, strict=True)
        ]

    def _metrics(self, seqs: list[int]) -> dict[int, list[Point]]:
        s = t.series.c
        query = select(s.run, s.key, s.value, s.is_nan, s.timestamp_ms, s.step)
        found: dict[int, list[Point]] = defaultdict(list)
        ordered = query.where(s.run.in_(seqs)).order_by(s.run, s.key)
        for run, key, value, is_nan, at_ms, step in self._connection.execute(ordered):
            found[run].append(Point(key, shown(value, is_nan), at_ms, step))
        return found

    def _words(self, table: Table, seqs: list[int]) -> dict[int, dict[str, str]]:
        c = table.c
        query = select(c.run, c.key, c.value).where(c.run.in_(seqs)).order_by(c.run, c.key)
        found: dict[int, dict[str, str]] = defaultdict(dict)
        for run, key, value in self._connection.execute(query):
            found[run][key] = value
        return found

    def _datasets(self, seqs: list[int]) -> dict[int, list[DatasetInput]]:
        d, used = t.datasets.c, t.run_datasets.c
        columns = (d.name, d.digest, d.source_type, d.source, d.schema, d.profile)
        query = select(used.run, used.tags, *columns).join(t.datasets, d.id == used.dataset)
        found: dict[int, list[DatasetInput]] = defaultdict(list)
        for run, tags, *rest in self._connection.execute(query.where(used.run.in_(seqs)).order_by(d.id)):
            found[run].append(DatasetInput(Dataset(*rest), decode(tags, dict[str, str])))
        return found

    def _models(self, seqs: list[int]) -> dict[int, list[tuple[bool, ModelOutput]]]:
        c = t.run_models.c
        query = select(c.run, c.output, c.model_id, c.step).where(c.run.in_(seqs))
        found: dict[int, list[tuple[bool, ModelOutput]]] = defaultdict(list)
        for run, output, model_id, step in self._connection.execute(query.order_by(c.step, c.model_id)):
            found[run].append((output, ModelOutput(model_id, step)))
        return found


def _values(run: Run) -> dict[str, Any]:
    names = ("name", "started_at_ms", "ended_at_ms", "deleted_at_ms", "artifact_root")
    return {"status": run.status.value, **{name: getattr(run, name) for name in names}}


def _run(row: RowMapping) -> Run:
    values = {name: value for name, value in row.items() if name != "seq"}
    return Run(**values | {"status": RunStatus(row["status"])})
