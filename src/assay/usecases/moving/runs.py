"""Runs move in, page by page: as they were, with every point of every metric."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from assay.core.errors import BadInputError
from assay.core.instants import milliseconds
from assay.core.moving import Finding, ForeignPlace, ForeignRun, mark_of
from assay.core.ports import Records
from assay.core.tracking.experiments import Experiment
from assay.core.tracking.files import path_of, run_root
from assay.core.tracking.metrics import Point, check_point
from assay.core.tracking.runs import Batch, LoggedRun, Run, check_params, check_run_id, check_run_tags
from assay.usecases.moving.comparing import compare
from assay.usecases.moving.experiments import kept_elsewhere
from assay.usecases.moving.files import FilesIn
from assay.usecases.moving.ledger import ONLY_HERE, Move, portions, sifted

KIND: Final = "run"
POINT: Final = "point"
# So many points are held in memory and written in one transaction.
_POINTS: Final = 10_000
_RUNS: Final = 100
_METRICS: Final = 1000
_WORDS: Final = 100


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some points of a run; with the last ones it is done.

    Attributes:
        opens: whether the run itself is to be written before them.
        count: of its points, up to here.
    """

    run: ForeignRun
    points: list[Point]
    opens: bool
    last: bool
    count: int


class RunsIn:
    """Moves the runs of one experiment."""

    def __init__(self, move: Move, files: FilesIn, experiment: Experiment) -> None:
        """Keep the import, its files, and where the runs go."""
        self._move = move
        self._files = files
        self._experiment = experiment
        self._lost: list[str] = []
        self._added: set[str] = set()

    def page(self, runs: Sequence[ForeignRun]) -> None:
        """Bring a page of runs in, or up to date, with points and files.

        Raises:
            UnavailableError: the source, the database or the disk does not answer any more.
        """
        usable, changed, read = [], set[str](), list[ForeignRun]()
        for run in runs:
            self._move.ledger.found(KIND, f"{self._experiment.name}/{run.name}")
            fits = self._fits(run)
            if fits is not None:
                usable.append(run)
                changed |= {run.id} if fits else set()
                read += [run] if fits or self._move.again else []
        waiting: list[_Piece] = []
        for piece in self._pieces(read, changed):
            waiting.append(piece)
            if (
                not piece.last
                or len(waiting) == _RUNS
                or sum(len(each.points) for each in waiting) >= _POINTS
            ):
                self._write(waiting)
                waiting = []
        self._write(waiting)
        for run in usable:
            self._copy_files(run)
        self._verify(usable, changed)

    def finish(self) -> None:
        """Say which files could not be had, once for the experiment."""
        if self._lost:
            what = f"the files of {len(self._lost)} runs are out of reach: {self._lost[0]}"
            advice = "name the folder they lie in: --artifacts PLACE=DIR"
            name = self._experiment.name
            self._move.ledger.note(Finding("file", name, what, explained=False, advice=advice))

    def _fits(self, run: ForeignRun) -> bool | None:
        """Tell whether a run is to be written; None when it cannot come here."""
        try:
            check_run_id(run.id)
        except BadInputError as error:
            self._move.ledger.differs(KIND, run.id[:300], error.message, explained=False)
            return None
        with self._move.means.database.read() as records:
            ours, known = records.runs.find(run.id), self._move.known(records, KIND, run.id)
        if ours is not None and ours.experiment_id != self._experiment.id:
            what = f"a run of that id is in the experiment {ours.experiment_id} here"
            self._move.ledger.differs(KIND, run.id, what, explained=False)
            return None
        return ours is None or known is None or known.mark != mark_of(run)

    def _pieces(self, runs: Iterable[ForeignRun], changed: set[str]) -> Iterator[_Piece]:
        for run in runs:
            count, held, opens = 0, list[Point](), run.id in changed
            for point in self._usable_points(run):
                if len(held) == _POINTS:
                    yield _Piece(run, held, opens, last=False, count=count)
                    held, opens = [], False
                held.append(point)
                count += 1
            yield _Piece(run, held, opens, last=True, count=count)

    def _usable_points(self, run: ForeignRun) -> Iterator[Point]:
        left_out = 0
        for point in self._move.source.tracking.points(run):
            try:
                check_point(point)
            except BadInputError as error:
                left_out += 1
                if left_out == 1:
                    what = f"points of {point.key[:100]!r} are left out: {error.message[:300]}"
                    self._move.ledger.note(Finding(POINT, run.id, what, explained=True))
            else:
                yield point

    def _write(self, pieces: Sequence[_Piece]) -> None:
        """Write what was gathered, in one transaction."""
        if not pieces:
            return
        with self._move.means.database.write() as records:
            for piece in pieces:
                if piece.opens:
                    self._write_run(records, piece.run)
                for points in portions(piece.points, _METRICS):
                    records.run_logs.log(piece.run.id, Batch(metrics=tuple(points)))
                if piece.last:
                    self._close(records, piece)

    def _close(self, records: Records, piece: _Piece) -> None:
        """Record a run that is written; one whose points alone were read again keeps its mark."""
        run_id = piece.run.id
        known = self._move.known(records, KIND, run_id)
        if known is not None and known.mark == mark_of(piece.run):
            records.moved_things.put(replace(known, point_count=piece.count))
            self._move.ledger.added(POINT, max(0, piece.count - known.point_count))
        else:
            self._move.record(records, KIND, run_id, run_id, piece.count)

    def _write_run(self, records: Records, run: ForeignRun) -> None:
        before = records.runs.find(run.id)
        tags = sifted(self._move.ledger, KIND, run.id, run.tags, lambda *pair: check_run_tags(dict([pair])))
        params = sifted(self._move.ledger, KIND, run.id, run.params, lambda *pair: check_params(dict([pair])))
        if before is None:
            records.runs.add(self._run(run), {})
            self._added.add(run.id)
            self._move.ledger.added(KIND)
        else:
            records.runs.save(replace(self._run(run, before), artifact_root=before.artifact_root))
            self._move.ledger.changed(KIND)
        for pairs in portions(tags.items(), _WORDS):
            records.run_logs.log(run.id, Batch(tags=dict(pairs)))
        for pairs in portions(params.items(), _WORDS):
            records.run_logs.log(run.id, Batch(params=dict(pairs)))
        records.run_logs.add_inputs(run.id, run.datasets, run.model_inputs)
        records.run_logs.add_outputs(run.id, run.model_outputs)

    def _run(self, run: ForeignRun, before: Run | None = None) -> Run:
        deleted_at_ms = None
        if run.deleted:
            # A source that does not tell when: the grace of what is deleted begins with the move.
            since = before.deleted_at_ms if before else None
            deleted_at_ms = run.deleted_at_ms or since or milliseconds(self._move.means.clock.now())
        return Run(
            id=run.id,
            experiment_id=self._experiment.id,
            name=run.name,
            user=run.user,
            status=run.status,
            started_at_ms=run.started_at_ms,
            artifact_root=self._root(run),
            ended_at_ms=run.ended_at_ms,
            deleted_at_ms=deleted_at_ms,
        )

    def _root(self, run: ForeignRun) -> str:
        if kept_elsewhere(self._move, run.artifact_root, _place(run)):
            return run.artifact_root
        return run_root(self._own_root(), run.id)

    def _own_root(self) -> str:
        """Where the experiment itself stays elsewhere, a run that does not still lies in our own tree."""
        own = self._experiment.artifact_root
        return own if path_of(own) is not None else f"mlflow-artifacts:/{self._experiment.id}"

    def _copy_files(self, run: ForeignRun) -> None:
        place = _place(run)
        with self._move.means.database.read() as records:
            ours = records.runs.find(run.id)
        folder = path_of(ours.artifact_root) if ours else None
        problem = self._move.source.files.reach(place)
        if folder is None:
            what = f"stay in their object store: {run.artifact_root.partition('?')[0][:300]}"
            self._move.ledger.note(Finding("file", run.id, what, explained=True))
        elif problem:
            self._lost.append(problem)
        else:
            self._files.copy(place, folder)

    def _verify(self, runs: Sequence[ForeignRun], changed: set[str]) -> None:
        ids = [run.id for run in runs]
        with self._move.means.database.read() as records:
            ours = {each.run.id: each for each in records.runs.logged(ids)}
            counts = records.moved_things.count_points(ids)
            known = {each: self._move.known(records, KIND, each) for each in ids}
        equal = {}
        for run in runs:
            moved, here = known[run.id], ours.get(run.id)
            if here is None or moved is None:
                self._move.ledger.differs(KIND, run.id, "is not here", explained=False)
                continue
            fresh = run.id in changed
            same = compare(self._move, KIND, run.id, _pairs(run, here), fresh=fresh)
            complete = self._verify_points(run, moved.point_count, counts.get(run.id, 0), fresh=fresh)
            if same and complete:
                equal[run.id] = mark_of(run)
        self._move.confirm(KIND, {each: mark for each, mark in equal.items() if each in changed})
        self._added.clear()

    def _verify_points(self, run: ForeignRun, there: int, here: int, *, fresh: bool) -> bool:
        self._move.ledger.found(POINT, run.id, there)
        self._move.ledger.here(POINT, min(there, here))
        if fresh:
            self._move.ledger.added(POINT, there)
        if here < there:
            what = f"{there} points there, {here} here"
            self._move.ledger.note(Finding(POINT, run.id, what, explained=False))
        if here > there:
            added = run.id in self._added
            what = f"{here - there} points are only here" + ("" if added else ONLY_HERE)
            self._move.ledger.note(Finding(POINT, run.id, what, explained=not added))
        return here >= there


def _place(run: ForeignRun) -> ForeignPlace:
    return ForeignPlace(run.artifact_root, run_id=run.id)


def _pairs(run: ForeignRun, ours: LoggedRun) -> dict[str, tuple[object, object]]:
    """Return what a run is compared by; words that broke a rule were left out, and are not compared."""
    latest = {point.key: point for point in ours.metrics}
    names = {(each.dataset.name, each.dataset.digest) for each in ours.datasets}
    used = {(each.dataset.name, each.dataset.digest) for each in run.datasets}
    return {
        "name": (run.name, ours.run.name),
        "user": (run.user, ours.run.user),
        "status": (run.status.value, ours.run.status.value),
        "started": (run.started_at_ms, ours.run.started_at_ms),
        "ended": (run.ended_at_ms, ours.run.ended_at_ms),
        "deleted": (run.deleted, ours.run.deleted_at_ms is not None),
        **{
            f"param {key}": (value, ours.params.get(key))
            for key, value in run.params.items()
            if _is_param(key, value)
        },
        **{
            f"tag {key}": (value, ours.tags.get(key))
            for key, value in run.tags.items()
            if _is_tag(key, value)
        },
        **{
            f"metric {key}": _told(point, latest.get(key))
            for key, point in run.latest.items()
            if _is_point(point)
        },
        "data sets": (sorted(used), sorted(used & names)),
        "models used": (sorted(run.model_inputs), sorted(set(run.model_inputs) & set(ours.model_inputs))),
        "models made": (
            sorted(each.model_id for each in run.model_outputs),
            sorted(
                {each.model_id for each in ours.model_outputs} & {each.model_id for each in run.model_outputs}
            ),
        ),
    }


def _told(there: Point, here: Point | None) -> tuple[object, object]:
    """Return what the points that count are compared by.

    Of points of one step and time the greatest value counts, and registries do not agree on whether a
    NaN is greater than a number: that is no difference.
    """
    if here is None:
        return there, None
    places = (there.step, there.timestamp_ms), (here.step, here.timestamp_ms)
    if places[0] == places[1] and (math.isnan(there.value) or math.isnan(here.value)):
        return places
    return (*places[0], there.value + 0.0), (*places[1], here.value + 0.0)  # minus zero is zero


def _is_param(key: str, value: str) -> bool:
    return _holds(lambda: check_params({key: value}))


def _is_tag(key: str, value: str) -> bool:
    return _holds(lambda: check_run_tags({key: value}))


def _is_point(point: Point) -> bool:
    return _holds(lambda: check_point(point))


def _holds(check: Callable[[], object]) -> bool:
    try:
        check()
    except BadInputError:
        return False
    return True
