"""Logged models move in: first what they are and their files, later what was measured about them."""

from collections import defaultdict
from dataclasses import replace
from typing import Final

from assay.core.errors import BadInputError, ConflictError
from assay.core.moving import Finding, ForeignLoggedModel, ForeignPlace, mark_of
from assay.core.ports import Records
from assay.core.tracking.experiments import Experiment
from assay.core.tracking.files import experiment_root, model_root, path_of
from assay.core.tracking.logged_models import LoggedModel, check_logged_model_name
from assay.core.tracking.metrics import Point, check_point
from assay.core.tracking.runs import Batch, check_params, check_run_id
from assay.usecases.moving.comparing import compare
from assay.usecases.moving.experiments import kept_elsewhere
from assay.usecases.moving.files import FilesIn
from assay.usecases.moving.ledger import Move, portions, sifted
from assay.usecases.tracking.logged_models import check_words

KIND: Final = "logged_model"
METRICS: Final = "model_metrics"


def move_logged_model(
    move: Move, files: FilesIn, experiment: Experiment, foreign: ForeignLoggedModel
) -> None:
    """Bring one in, or up to date, with its files.

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
        return
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
    _write(move, foreign, ours)
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


def move_model_metrics(move: Move, foreign: ForeignLoggedModel) -> None:
    """Bring in what was measured about a logged model, now that the runs that measured it are here."""
    theirs = foreign.model
    mark, own_mark = mark_of(theirs.metrics), _own_mark(theirs)
    with move.means.database.read() as records:
        known, moved = move.known(records, METRICS, theirs.id), move.known(records, KIND, theirs.id)
    if moved is None:
        return
    fresh = known is None or known.mark != mark
    by_run: dict[str, list[Point]] = defaultdict(list)
    for each in theirs.metrics:
        try:
            by_run[each.run_id].append(check_point(each.point))
        except BadInputError as error:
            move.ledger.note(
                Finding(KIND, theirs.id, f"a metric is left out: {error.message}", explained=True)
            )
    if fresh:
        with move.means.database.write() as records:
            for run_id, points in by_run.items():
                for portion in portions(points, 1000):
                    records.run_logs.log(run_id, Batch(metrics=tuple(portion)))
            move.record(records, METRICS, theirs.id, theirs.id)
    fresh = fresh or moved.mark != own_mark
    if _verify(move, foreign, sum(map(len, by_run.values())), fresh=fresh) and fresh:
        move.confirm(KIND, {theirs.id: own_mark})
        move.confirm(METRICS, {theirs.id: mark})


def _own_mark(theirs: LoggedModel) -> str:
    return mark_of(replace(theirs, metrics=()))


def _write(move: Move, foreign: ForeignLoggedModel, ours: LoggedModel) -> None:
    mark = _own_mark(foreign.model)
    with move.means.database.write() as records:
        known = move.known(records, KIND, ours.id)
        if known is not None and known.mark == mark:
            return
        if known is None and _add(records, ours):
            move.ledger.added(KIND)
        else:
            records.logged_models.annotate(ours.id, ours.tags, ours.params)
            at_ms = ours.updated_at_ms
            records.logged_models.finish(ours.id, ours.status, ours.status_message, at_ms)
            move.ledger.changed(KIND)
        if ours.deleted_at_ms is not None:
            records.logged_models.delete(ours.id, ours.deleted_at_ms)
        move.record(records, KIND, ours.id, ours.id)


def _add(records: Records, ours: LoggedModel) -> bool:
    if records.logged_models.get([ours.id]):
        return False
    try:
        records.logged_models.add(ours)
    except ConflictError:
        return False  # it is here, and deleted
    return True


def _verify(move: Move, foreign: ForeignLoggedModel, metric_count: int, *, fresh: bool) -> bool:
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
    said["metrics"] = (metric_count, min(metric_count, len(ours.metrics)))
    return compare(move, KIND, theirs.id, said, fresh=fresh)
