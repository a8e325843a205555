"""Runs in SQL, and everything they logged, gathered in a few questions however many runs are asked for."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Select, Table, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from assay.core.errors import ConflictError
from assay.core.search import Page
from assay.core.tracking.datasets import Dataset, DatasetInput, DatasetSummary
from assay.core.tracking.metrics import Point
from assay.core.tracking.runs import LoggedRun, ModelOutput, Run, RunStatus
from assay.core.tracking.searches import Search
from assay.storage import tracking_tables as t
from assay.storage.engines import by_itself
from assay.storage.prepared import Prepared
from assay.storage.tracking.numbers import shown
from assay.storage.tracking.searching import search_runs
from assay.storage.upserts import writing_rows
from assay.wire.codec import decode

r, s, e = t.runs.c, t.series.c, t.experiments.c
d, used, m = t.datasets.c, t.run_datasets.c, t.run_models.c
_COLUMNS: Final = (
    r.id,
    r.experiment,
    r.name,
    r.user_name,
    r.status,
    r.started_at_ms,
    r.artifact_root,
    r.ended_at_ms,
    r.deleted_at_ms,
)
# Far below what either database takes as parameters of one statement.
_PORTION: Final = 5000

_IDS: Final[Any] = bindparam("ids", expanding=True)
_ADD: Final = Prepared(
    insert(t.runs).values({each.name: bindparam(each.name) for each in _COLUMNS}).returning(r.seq)
)
_FIND: Final = Prepared(select(*_COLUMNS).where(r.id == bindparam("run_id")))
_FIND_IN_TEAM: Final = Prepared(
    select(e.team, *_COLUMNS).join(t.experiments, e.id == r.experiment).where(r.id == bindparam("run_id"))
)
_SET_TAGS: Final = writing_rows(t.run_tags)
_SAVE: Final = update(t.runs).where(r.id == bindparam("run_id"))
# Series lie in the index by value as soon as their run does not go on.
_SET_LIVE: Final = update(t.series).where(
    s.run == select(r.seq).where(r.id == bindparam("run_id")).scalar_subquery(),
    s.live != bindparam("now_live"),
)
_LOGGED: Final = select(r.seq, *_COLUMNS).where(r.id.in_(_IDS))


class _OfRuns:
    """A question about what runs logged; about one run, which is asked most, without a detour."""

    def __init__(self, query: Select[Any]) -> None:
        """Keep a question whose first column is the run."""
        run = query.selected_columns[0]
        self._one = Prepared(query.where(run == bindparam("seq")))
        self._many = query.where(run.in_(bindparam("seqs", expanding=True)))

    def rows(self, connection: Connection, seqs: list[int]) -> Sequence[Any]:
        """Return the rows of these runs."""
        if len(seqs) == 1:
            return self._one.all(connection, seq=seqs[0])
        return connection.execute(self._many, {"seqs": seqs}).all()


def _words_of(table: Table) -> _OfRuns:
    c = table.c
    return _OfRuns(select(c.run, c.key, c.value).order_by(c.run, c.key))


_METRICS: Final = _OfRuns(
    select(s.run, s.key, s.value, s.is_nan, s.timestamp_ms, s.step).order_by(s.run, s.key)
)
_DATASETS: Final = _OfRuns(
    select(used.run, used.tags, d.name, d.digest, d.source_type, d.source, d.schema, d.profile)
    .join(t.datasets, d.id == used.dataset)
    .order_by(d.id)
)
_MODELS: Final = _OfRuns(select(m.run, m.output, m.model_id, m.step).order_by(m.step, m.model_id))
_PARAMS: Final = _words_of(t.run_params)
_TAGS: Final = _words_of(t.run_tags)


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
            with by_itself(self._connection):
                [given] = _ADD.all(self._connection, **values)
        except IntegrityError as error:
            raise ConflictError(f"there is a run {run.id} already") from error
        rows = [{"run": given[0], "key": key, "value": value} for key, value in tags.items()]
        _SET_TAGS.run_for(self._connection, rows)

    def find(self, run_id: str) -> Run | None:
        """Return the run without what it logged, deleted or not."""
        row = _FIND.first(self._connection, run_id=run_id)
        return None if row is None else _run(*row)

    def find_in_team(self, run_id: str) -> tuple[Run, str] | None:
        """Return the run without what it logged, deleted or not, and the team of its experiment."""
        row = _FIND_IN_TEAM.first(self._connection, run_id=run_id)
        return None if row is None else (_run(*row[1:]), row[0])

    def save(self, run: Run) -> None:
        """Replace name, status, times and whether it is deleted."""
        self._connection.execute(_SAVE, {"run_id": run.id, **_values(run)})
        live = run.status is RunStatus.RUNNING
        self._connection.execute(_SET_LIVE, {"run_id": run.id, "now_live": live, "live": live})

    def logged(self, run_ids: Sequence[str]) -> tuple[LoggedRun, ...]:
        """Return runs with all they logged, in the order asked; unknown ids are left out."""
        found: dict[str, LoggedRun] = {}
        for start in range(0, len(run_ids), _PORTION):
            portion = list(run_ids[start : start + _PORTION])
            rows = self._connection.execute(_LOGGED, {"ids": portion}).all()
            found |= {each.run.id: each for each in self._gather(rows)}
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

    def _gather(self, rows: Sequence[Any]) -> list[LoggedRun]:
        seqs = [row[0] for row in rows]
        metrics, params, tags = self._metrics(seqs), self._words(_PARAMS, seqs), self._words(_TAGS, seqs)
        datasets, models = self._datasets(seqs), self._models(seqs)
        return [
            LoggedRun(
                _run(*row[1:]),
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
        found: dict[int, list[Point]] = defaultdict(list)
        for run, key, value, is_nan, at_ms, step in _METRICS.rows(self._connection, seqs):
            found[run].append(Point(key, shown(value, is_nan), at_ms, step))
        return found

    def _words(self, query: _OfRuns, seqs: list[int]) -> dict[int, dict[str, str]]:
        found: dict[int, dict[str, str]] = defaultdict(dict)
        for run, key, value in query.rows(self._connection, seqs):
            found[run][key] = value
        return found

    def _datasets(self, seqs: list[int]) -> dict[int, list[DatasetInput]]:
        found: dict[int, list[DatasetInput]] = defaultdict(list)
        for run, tags, *rest in _DATASETS.rows(self._connection, seqs):
            found[run].append(DatasetInput(Dataset(*rest), decode(tags, dict[str, str])))
        return found

    def _models(self, seqs: list[int]) -> dict[int, list[tuple[bool, ModelOutput]]]:
        found: dict[int, list[tuple[bool, ModelOutput]]] = defaultdict(list)
        for run, output, model_id, step in _MODELS.rows(self._connection, seqs):
            found[run].append((output, ModelOutput(model_id, step)))
        return found


def _values(run: Run) -> dict[str, Any]:
    names = ("name", "started_at_ms", "ended_at_ms", "deleted_at_ms", "artifact_root")
    return {"status": run.status.value, **{name: getattr(run, name) for name in names}}


def _run(run_id: str, experiment: int, name: str, user: str, status: str, *rest: Any) -> Run:
    return Run(run_id, experiment, name, user, RunStatus(status), *rest)
