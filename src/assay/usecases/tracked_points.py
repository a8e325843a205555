"""Which of the points that were logged of a model speak of it, on its held-out data. Pure.

A point that names a data set speaks of that one; one that names none, of the evaluation data that its
run declares. Of each metric the last word counts, whatever it is: where it is no number, or nothing
tells what data it is about, the metric has no value, and no older point steps in.
"""

import json
import math
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Final

from assay.core.canonical import canonical_digest
from assay.core.digests import Digest
from assay.core.provenance import MAX_ITEMS, DataRole, together
from assay.core.tracking.datasets import DatasetInput
from assay.core.tracking.logged_models import LoggedModel
from assay.core.tracking.metrics import Point, newest, rank
from assay.core.tracking.runs import LoggedRun
from assay.usecases.tracked_provenance import fits, reference_of, role_of

_MANY: Final = 2**53  # beyond, a number of JSON is not exact
_VAGUE: Final = (
    "the last point names no data set, and its run not this evaluation data alone: "
    "log it again with the data set that it was computed on"
)


@dataclass(frozen=True, slots=True)
class Logged:
    """What was logged about the model of a version.

    Attributes:
        run: that made the model.
        model: the logged model that it is, with what any run logged about it.
        siblings: other logged models that the run knows; what was logged of them is not of this one.
        others: further runs that logged about the model.
    """

    run: LoggedRun | None = None
    model: LoggedModel | None = None
    siblings: tuple[LoggedModel, ...] = ()
    others: tuple[LoggedRun, ...] = ()

    def without(self, run_ids: Collection[str]) -> "Logged":
        """Return the same without a word that was said in one of these runs."""
        run = None if self.run is None or self.run.run.id in run_ids else self.run
        others = tuple(each for each in self.others if each.run.id not in run_ids)
        if self.model is None:
            return Logged(run, None, self.siblings, others)
        metrics = tuple(each for each in self.model.metrics if each.run_id not in run_ids)
        return Logged(run, replace(self.model, metrics=metrics), self.siblings, others)


@dataclass(frozen=True, slots=True)
class Told:
    """What that says.

    Attributes:
        points: of each metric that has a value, the point that counts.
        undefined: of each that has none, why.
        rows: on how many rows the model was evaluated; 0 where nobody said.
        runs: metric -> the run that said it, also of those without a value.
    """

    points: Mapping[str, Point] = field(default_factory=dict)
    undefined: Mapping[str, str] = field(default_factory=dict)
    rows: int = 0
    runs: Mapping[str, str] = field(default_factory=dict)

    @property
    def facts(self) -> dict[str, Any]:
        """The facts of evidence that say the same; when each was logged is left out."""
        found: dict[str, Any] = {"metrics": {key: point.value for key, point in self.points.items()}}
        if self.undefined:
            found["undefined"] = dict(self.undefined)
        return {**found, "rows": self.rows} if self.rows else found

    def beside(self, earlier: "Told") -> "Told":
        """Return this and what was said earlier, of each metric the later word; this one's where equal."""
        points, undefined = dict(self.points), dict(self.undefined)
        runs, rows = dict(self.runs), self.rows or earlier.rows
        for key, point in earlier.points.items():
            said = self.points.get(key)
            if key not in undefined and (said is None or said.timestamp_ms < point.timestamp_ms):
                points[key], runs[key] = point, earlier.runs[key]
        for key in earlier.undefined.keys() - self.points.keys() - self.undefined.keys():
            undefined[key], runs[key] = earlier.undefined[key], earlier.runs[key]
        kept = {key: points[key] for key in islice(sorted(points), MAX_ITEMS)}
        return Told(kept, dict(islice(sorted(undefined.items()), MAX_ITEMS)), rows, runs)


def told_by(logged: Logged, held_out: Digest | None) -> Told:
    """Return what was said of the model on ``held_out``; of any data where that is None.

    Evidence without data is bound to none, and passes no gate.
    """
    spoken: dict[str, list[Point]] = defaultdict(list)
    vague: dict[str, list[Point]] = defaultdict(list)
    data = _Data(logged, held_out)
    for point, run_id in _points(logged):
        if not fits(point.key, 250):
            continue
        about = held_out if held_out is None else data.of(point, run_id)
        if about == held_out:
            spoken[run_id].append(point)
        elif about is None:
            vague[run_id].append(point)
    last, doubtful = _last(spoken), _last(vague)
    points, undefined, runs = {}, {}, {}
    for key in sorted({*last, *doubtful}):
        said, said_in = last.get(key, (None, ""))
        doubt, doubted_in = doubtful.get(key, (None, ""))
        runs[key] = said_in or doubted_in
        if said is None or (doubt is not None and _contradicts(doubt, said)):
            undefined[key], runs[key] = _VAGUE, doubted_in
        elif not math.isfinite(said.value):
            undefined[key] = f"the last point is {said.value}"
        else:
            points[key] = said
    kept = dict(islice(points.items(), MAX_ITEMS))
    rows = _rows(logged.run, kept, held_out)
    return Told(kept, dict(islice(undefined.items(), MAX_ITEMS)), rows, runs)


class _Data:
    """What data points speak of."""

    def __init__(self, logged: Logged, held_out: Digest | None) -> None:
        """Read what the runs declare."""
        runs = [each for each in (logged.run, *logged.others) if each is not None]
        self._own = logged.run.run.id if logged.run else ""
        self._held_out = held_out
        self._declared = {each.run.id: _evaluated_on(each) for each in runs}
        self._named: dict[tuple[str, str], Digest] = {}
        for each in (each for run in runs for each in run.datasets):
            self._named.setdefault((each.dataset.name, each.dataset.digest), reference_of(each).digest)

    def of(self, point: Point, run_id: str) -> Digest | None:
        """Return the digest of the data that a point speaks of, None where nothing tells."""
        if point.dataset_name or point.dataset_digest:
            said = (point.dataset_name, point.dataset_digest)
            return self._named.get(said) or canonical_digest(said)
        declared = self._declared.get(run_id, ())
        every = together(declared)
        if every == self._held_out:
            return every
        # Said where other data was declared, and not this: it is about that.
        return every if declared and run_id != self._own and self._held_out not in declared else None


def _points(logged: Logged) -> list[tuple[Point, str]]:
    """Return every point that may count, with its run.

    A run keeps of each metric the last point alone, without what it is about; where the same one was
    logged of a model, that says more.
    """
    found = [(each.point, each.run_id) for each in (logged.model.metrics if logged.model else ())]
    if logged.run is None:
        return found
    run_id = logged.run.run.id
    models = (*logged.siblings, *((logged.model,) if logged.model else ()))
    of_models = {_place(m.point) for each in models for m in each.metrics if m.run_id == run_id}
    return found + [(point, run_id) for point in logged.run.metrics if _place(point) not in of_models]


def _place(point: Point) -> tuple[Any, ...]:
    return point.key, *rank(point)


def _last(by_run: Mapping[str, list[Point]]) -> dict[str, tuple[Point, str]]:
    """Return the last point of each metric with its run: within a run as runs have it, else by time."""
    found: dict[str, tuple[Point, str]] = {}
    for run_id, points in by_run.items():
        for key, point in newest(points).items():
            other = found[key][0] if key in found else None
            if other is None or (point.timestamp_ms, rank(point)) > (other.timestamp_ms, rank(other)):
                found[key] = point, run_id
    return found


def _contradicts(doubt: Point, said: Point) -> bool:
    return doubt.timestamp_ms > said.timestamp_ms and doubt.value != said.value


def _evaluated_on(run: LoggedRun) -> tuple[Digest, ...]:
    return tuple(reference_of(each).digest for each in _evaluations(run))


def _evaluations(run: LoggedRun) -> tuple[DatasetInput, ...]:
    return tuple(each for each in run.datasets if role_of(each) is DataRole.EVALUATION)


def _rows(run: LoggedRun | None, points: Mapping[str, Point], held_out: Digest | None) -> int:
    """Return on how many rows a model was evaluated; 0 where nobody said.

    MLflow's evaluator counts them; else the profile of the evaluation data says how long it is.
    """
    counted = points["example_count"].value if "example_count" in points else 0.0
    if 0 < counted < _MANY:
        return int(counted)
    declared = _evaluations(run) if run else ()
    one = [each for each in declared if reference_of(each).digest == held_out]
    rows = sum(_length(each.dataset.profile) for each in one or declared)
    return rows if points and rows < _MANY else 0


def _length(profile: str) -> int:
    try:
        told = json.loads(profile or "{}")
    except (ValueError, RecursionError):
        return 0
    rows = told.get("num_rows") if isinstance(told, dict) else None
    return rows if isinstance(rows, int) and not isinstance(rows, bool) and rows > 0 else 0
