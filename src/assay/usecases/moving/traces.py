"""Traces move in: with spans, assessments and the runs they belong to."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from assay.core.errors import BadInputError
from assay.core.moving import Finding, ForeignPlace, ForeignTrace, mark_of
from assay.core.tracking.assessments import check_assessment
from assay.core.tracking.experiments import Experiment
from assay.core.tracking.files import experiment_root, path_of
from assay.core.tracking.traces import FILES_TAG, FIXED_TAGS, SPANS_HERE, SPANS_TAG, Trace, check_trace
from assay.usecases.moving.comparing import compare
from assay.usecases.moving.files import FilesIn
from assay.usecases.moving.ledger import Move
from assay.usecases.tracking.traces import RUN

KIND: Final = "trace"


def move_traces(move: Move, files: FilesIn, experiment: Experiment, portion: Sequence[ForeignTrace]) -> None:
    """Bring some traces in, or up to date, in one transaction, and then their files.

    Raises:
        UnavailableError: the source, the database or the disk does not answer any more.
    """
    usable = []
    for foreign in portion:
        move.ledger.found(KIND, f"{experiment.name}/{foreign.trace.id}")
        ours = _ours(move, experiment, foreign)
        if ours is not None:
            usable.append((foreign, ours))
    fresh, gone = _write(move, usable)
    equal = {}
    for foreign, ours in usable:
        if ours.id in gone:
            move.ledger.differs(KIND, ours.id, "was deleted here since it moved in", explained=True)
            continue
        _copy_files(move, files, foreign, ours)
        if _verify(move, foreign, ours, fresh=ours.id in fresh) and ours.id in fresh:
            equal[ours.id] = _mark(foreign)
    move.confirm(KIND, equal)


def _mark(foreign: ForeignTrace) -> str:
    return mark_of((foreign.trace, foreign.spans, foreign.run_ids))


def _ours(move: Move, experiment: Experiment, foreign: ForeignTrace) -> Trace | None:
    """Return the trace as it is kept here; what it says of places becomes our own."""
    theirs = foreign.trace
    own = experiment.artifact_root
    root = own if path_of(own) is not None else experiment_root(experiment.id)
    tags = {key: value for key, value in theirs.tags.items() if key not in FIXED_TAGS}
    tags[FILES_TAG] = f"{root}/traces/{theirs.id}/artifacts"
    if foreign.spans:
        tags[SPANS_TAG] = SPANS_HERE
    try:
        for each in theirs.assessments:
            check_assessment(each)
        _check_unicode(theirs, foreign)
        return check_trace(replace(theirs, experiment_id=experiment.id, tags=tags))
    except BadInputError as error:
        move.ledger.differs(KIND, theirs.id[:300], f"is left out: {error.message}", explained=True)
        return None


def _check_unicode(theirs: Trace, foreign: ForeignTrace) -> None:
    said = [theirs.request, theirs.response, [each.value for each in theirs.assessments]]
    said += [[span.attributes, span.events, span.links] for span in foreign.spans]
    try:
        json.dumps(said, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError as error:
        raise BadInputError.of("trace", "must not contain lone surrogates") from error


def _write(move: Move, usable: Sequence[tuple[ForeignTrace, Trace]]) -> tuple[set[str], set[str]]:
    """Write those that are new or have changed; return their ids, and those of what was deleted here."""
    fresh, gone = set[str](), set[str]()
    with move.means.database.write() as records:
        there = records.traces.get([ours.id for _, ours in usable])
        for foreign, ours in usable:
            known, before = move.known(records, KIND, ours.id), there.get(ours.id)
            if known is not None and before is None:
                gone.add(ours.id)
                continue
            if known is not None and known.mark == _mark(foreign):
                continue
            if before is not None and before.experiment_id != ours.experiment_id:
                continue
            records.traces.save(ours)
            records.spans.put([span for span in foreign.spans if span.trace_id == ours.id])
            for each in ours.assessments:
                records.assessments.put(each)
            for run_id in foreign.run_ids:
                records.traces.link([ours.id], RUN, [run_id])
            move.record(records, KIND, ours.id, ours.id)
            note = move.ledger.added if before is None else move.ledger.changed
            note(KIND)
            fresh.add(ours.id)
    return fresh, gone


def _copy_files(move: Move, files: FilesIn, foreign: ForeignTrace, ours: Trace) -> None:
    place = ForeignPlace(foreign.trace.tags.get(FILES_TAG, ""))
    folder = path_of(ours.tags[FILES_TAG])
    if place.root and folder is not None and not move.source.files.reach(place):
        files.copy(place, folder)


def _verify(move: Move, foreign: ForeignTrace, ours: Trace, *, fresh: bool) -> bool:
    with move.means.database.read() as records:
        here = records.traces.get([ours.id]).get(ours.id)
        spans = records.spans.of([ours.id]).get(ours.id, ())
    if here is None or here.experiment_id != ours.experiment_id:
        move.ledger.differs(KIND, ours.id, "is not in its experiment here", explained=False)
        return False
    if foreign.problem:
        what = f"came without spans: {foreign.problem}"
        move.ledger.note(Finding(KIND, ours.id, what, explained=_is_empty(foreign)))
    names = ("requested_at_ms", "state", "duration_ms", "client_request_id", "request", "response")
    said: dict[str, tuple[object, object]] = {
        name: (getattr(ours, name), getattr(here, name)) for name in names
    }
    said |= {f"tag {key}": (value, here.tags.get(key)) for key, value in ours.tags.items()}
    said |= {f"metadata {key}": (value, here.metadata.get(key)) for key, value in ours.metadata.items()}
    said["spans"] = (len({each.span_id for each in foreign.spans}), len(spans))
    there = {each.id for each in ours.assessments}
    said["assessments"] = (len(there), len(there & {each.id for each in here.assessments}))
    return compare(move, KIND, ours.id, said, fresh=fresh)


def _is_empty(foreign: ForeignTrace) -> bool:
    """Tell whether a trace has no spans because nobody ever sent any."""
    return not foreign.trace.tags.get(FILES_TAG)
