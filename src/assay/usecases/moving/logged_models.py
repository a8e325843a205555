"""Logged models move in: first what they are and their files, later what was measured about them."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from assay.core.errors import BadInputError, ConflictError
from assay.core.moving import Finding, ForeignLoggedModel, ForeignPlace, mark_of
from assay.core.ports import Records
from assay.core.ports.moving import Place
from assay.core.tracking.experiments import Experiment
from assay.core.tracking.files import experiment_root, model_root, path_of
from assay.core.tracking.logged_models import LoggedModel, ModelPoint, check_logged_model_name
from assay.core.tracking.metrics import Point, check_point
from assay.core.tracking.runs import Batch, check_params, check_run_id
from assay.usecases.moving.comparing import compare
from assay.usecases.moving.experiments import kept_elsewhere
from assay.usecases.moving.files import FilesIn
from assay.usecases.moving.ledger import ONLY_HERE, Move, portions, sifted
from assay.usecases.tracking.logged_models import check_words

KIND: Final = "logged_model"
METRICS: Final = "model_metrics"


def move_logged_model(
    move: Move, files: FilesIn, experiment: Experiment, foreign: ForeignLoggedModel
) -> bool:
    """Bring one in, or up to date, with its files; tell whether it was not here before.

    Raises:
        UnavailableError: the source, the database or the disk does not answer any more.
    """
    theirs = foreign.model
    move.ledger.found(KIND, f"{experiment.name}/{theirs.name}")
    try:
        check_run_id(theirs.id)
        check_logged_model_name(theirs.name)
    except BadInputError as error:
        move.ledger.differs(KIND, theirs.id[:300], error.message, explained=False)
        return False
    place = ForeignPlace(theirs.artifact_root, model_id=theirs.id)
    elsewhere = kept_elsewhere(move, theirs.artifact_root, place)
    own = experiment.artifact_root
    root = model_root(own if path_of(own) is not None else experiment_root(experiment.id), theirs.id)
    ours = replace(
        theirs,
        experiment_id=experiment.id,
        artifact_root=theirs.artifact_root if elsewhere else root,
        tags=sifted(move.ledger, KIND, theirs.id, theirs.tags, lambda *pair: check_words(dict([pair]))),
        params=sifted(move.ledger, KIND, theirs.id, theirs.params, lambda *pair: check_params(dict([pair]))),
        metrics=(),
    )
    added = _write(move, foreign, ours)
    problem = move.source.files.reach(place)
    folder = path_of(ours.artifact_root)
    if folder is None:
        what = f"stay in their object store: {theirs.artifact_root.partition('?')[0][:300]}"
        move.ledger.note(Finding("file", theirs.id, what, explained=True))
    elif problem:
        advice = "name the folder they lie in: --artifacts PLACE=DIR"
        move.ledger.note(Finding("file", theirs.id, problem, explained=False, advice=advice))
    else:
        files.copy(place, folder)
    return added


def move_model_metrics(move: Move, foreign: ForeignLoggedModel, *, added: bool) -> None:
    """Bring in what was measured about a logged model, now that the runs that measured it are here.

    Args:
        move: the import.
        foreign: the model as it is there.
        added: whether this import has brought it.
    """
    theirs = foreign.model
    mark, own_mark = mark_of(theirs.metrics), _own_mark(theirs)
    with move.means.database.read() as records:
        known, moved = move.known(records, METRICS, theirs.id), move.known(records, KIND, theirs.id)
    if moved is None:
        return
    fresh = known is None or known.mark != mark
    usable = _usable_points(move, theirs)
    with move.means.database.read() as records:
        measured = _as_measured(records, usable)
    whole = len(measured) == len(usable)
    if not whole:
        what = f"{len(usable) - len(measured)} metrics are left out: the runs named have no such points here"
        move.ledger.note(Finding(KIND, theirs.id, what, explained=True))
    if fresh:
        with move.means.database.write() as records:
            for portion in portions(measured, 1000):
                _write_metrics(records, portion)
            move.record(records, METRICS, theirs.id, theirs.id)
    fresh = fresh or moved.mark != own_mark
    if _verify(move, foreign, measured, fresh=fresh, added=added) and fresh and whole:
        move.confirm(KIND, {theirs.id: own_mark})
        move.confirm(METRICS, {theirs.id: mark})


def _usable_points(move: Move, theirs: LoggedModel) -> list[ModelPoint]:
    usable = []
    for each in theirs.metrics:
        try:
            check_point(each.point)
        except BadInputError as error:
            what = f"a metric is left out: {error.message}"
            move.ledger.note(Finding(KIND, theirs.id, what, explained=True))
        else:
            usable.append(each)
    return usable


def _as_measured(records: Records, metrics: Sequence[ModelPoint]) -> list[ModelPoint]:
    """Return the metrics as their runs have logged them, without those that no run has.

    MLflow keeps a NaN of a logged model as 0, and does not keep that it was one; of the run it does.
    What is said of a model is a point of its run, and never makes the run a new one.
    """
    by_run: dict[str, list[Place]] = defaultdict(list)
    for each in metrics:
        by_run[each.run_id].append(_place(each))
    logged = {run_id: records.moved_things.values_at(run_id, places) for run_id, places in by_run.items()}
    found = []
    for each in metrics:
        values, value = logged[each.run_id].get(_place(each), ()), each.point.value
        nan = any(map(math.isnan, values))
        if value in values or (nan and math.isnan(value)):
            found.append(each)
        elif nan and value == 0:
            found.append(replace(each, point=each.point._replace(value=math.nan)))
    return found


def _write_metrics(records: Records, metrics: Sequence[ModelPoint]) -> None:
    by_run: dict[str, list[Point]] = defaultdict(list)
    for each in metrics:
        by_run[each.run_id].append(each.point)
    for run_id, points in by_run.items():
        records.run_logs.log(run_id, Batch(metrics=tuple(points)))


def _place(metric: ModelPoint) -> Place:
    return metric.point.key, metric.point.timestamp_ms, metric.point.step


def _own_mark(theirs: LoggedModel) -> str:
    return mark_of(replace(theirs, metrics=()))


def _write(move: Move, foreign: ForeignLoggedModel, ours: LoggedModel) -> bool:
    """Write a model that is new or has changed; tell whether it is new."""
    mark = _own_mark(foreign.model)
    with move.means.database.write() as records:
        known = move.known(records, KIND, ours.id)
        if known is not None and known.mark == mark:
            return False
        added = known is None and _add(records, ours)
        if added:
            move.ledger.added(KIND)
        else:
            records.logged_models.annotate(ours.id, ours.tags, ours.params)
            at_ms = ours.updated_at_ms
            records.logged_models.finish(ours.id, ours.status, ours.status_message, at_ms)
            move.ledger.changed(KIND)
        if ours.deleted_at_ms is not None:
            records.logged_models.delete(ours.id, ours.deleted_at_ms)
        move.record(records, KIND, ours.id, ours.id)
    return added


def _add(records: Records, ours: LoggedModel) -> bool:
    if records.logged_models.get([ours.id]):
        return False
    try:
        records.logged_models.add(ours)
    except ConflictError:
        return False  # it is here, and deleted
    return True


def _verify(
    move: Move, foreign: ForeignLoggedModel, measured: Sequence[ModelPoint], *, fresh: bool, added: bool
) -> bool:
    theirs = foreign.model
    with move.means.database.read() as records:
        ours = next(iter(records.logged_models.get([theirs.id])), None)
    if ours is None and theirs.deleted_at_ms is not None:
        move.ledger.here(KIND)
        return True
    if ours is None:
        move.ledger.differs(KIND, theirs.id, "was deleted here since it moved in", explained=not fresh)
        return False
    names = (
        "name",
        "created_at_ms",
        "updated_at_ms",
        "status",
        "status_message",
        "model_type",
        "source_run_id",
    )
    said: dict[str, tuple[object, object]] = {
        name: (getattr(theirs, name), getattr(ours, name)) for name in names
    }
    for words in ("tags", "params"):
        here = getattr(ours, words)
        said |= {
            f"{words}.{key}": (value, here[key])
            for key, value in getattr(theirs, words).items()
            if key in here
        }
    there, here = _by_place(measured), _by_place(ours.metrics)
    said |= {f"metric {at[0]} at step {at[2]}": (value, here.get(at)) for at, value in there.items()}
    more = len(here.keys() - there.keys())
    if more:
        what = f"{more} metrics of it are only here"
        move.ledger.note(Finding(KIND, theirs.id, what + ("" if added else ONLY_HERE), explained=not added))
    return compare(move, KIND, theirs.id, said, fresh=fresh)


def _by_place(metrics: Sequence[ModelPoint]) -> dict[tuple[str, int, int, str], float]:
    return {(*_place(each), each.run_id): each.point.value + 0.0 for each in metrics}  # minus zero is zero
