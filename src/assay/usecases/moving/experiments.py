"""Experiments move in: with their id where it is free here, with a recorded other one where it is not."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from assay.core.errors import BadInputError
from assay.core.moving import Finding, ForeignExperiment, ForeignPlace, mark_of
from assay.core.ports import Records
from assay.core.search import Page
from assay.core.tracking.experiments import Experiment, View, check_experiment_name
from assay.core.tracking.files import experiment_root
from assay.core.tracking.runs import LoggedRun
from assay.core.tracking.searches import Search
from assay.usecases.moving.comparing import compare
from assay.usecases.moving.ledger import Move, sifted
from assay.usecases.tracking.experiments import EXTERNAL, check_experiment_tags

KIND: Final = "experiment"
# Recorded of those that were here already: their own times and tags stay.
JOINED: Final = "joined"
_MAX_ID: Final = 10**18


def move_experiment(move: Move, foreign: ForeignExperiment) -> Experiment | None:
    """Bring one experiment in, or up to date; return what it is here, None when it cannot be.

    One of the same name in the team is taken to be the same: the runs of a project that tracks here
    already and moves its past in come together. Its own name, times, tags and state stay, unless it is
    empty. No experiment is deleted over there in which somebody has worked here.
    """
    move.ledger.found(KIND, foreign.name)
    try:
        check_experiment_name(foreign.name)
    except BadInputError as error:
        move.ledger.differs(KIND, foreign.name, error.message, explained=False, advice="rename it there")
        return None
    tags = sifted(move.ledger, KIND, foreign.name, foreign.tags, _check)
    mark = mark_of(foreign)
    with move.means.database.write() as records:
        known = move.known(records, KIND, foreign.id)
        ours = records.experiments.get(int(known.here)) if known else None
        fresh = known is None or known.mark != mark
        if ours is None:
            ours = _enter(move, records, foreign, tags)
            move.ledger.added(KIND)
            about = {"from": move.source.name, "id": foreign.id}
            move.act(records).note("import.experiment", f"experiment:{ours.id}", after=about)
        elif fresh and not _is_joined(move, records, foreign, ours.id):
            ours = _renew(move, records, ours, foreign, tags)
        if fresh:
            move.record(records, KIND, foreign.id, str(ours.id))
    if _verify(move, foreign, ours.id, tags, fresh=fresh):
        move.confirm(KIND, {foreign.id: mark})
    return ours


def kept_elsewhere(move: Move, root: str, place: ForeignPlace) -> bool:
    """Tell whether files stay in an object store that clients reach and this import does not."""
    scheme = root.partition(":")[0]
    return scheme in EXTERNAL and bool(move.source.files.reach(place))


def _enter(move: Move, records: Records, foreign: ForeignExperiment, tags: Mapping[str, str]) -> Experiment:
    same = records.experiments.named(move.team, foreign.name)
    if same is not None:
        return _join(move, records, same, foreign, tags)
    number = int(foreign.id) if foreign.id.isascii() and foreign.id.isdigit() else -1
    if not 0 <= number < _MAX_ID or records.experiments.get(number) is not None:
        number = -1
    wanted = Experiment(
        number,
        move.team,
        foreign.name,
        "",
        foreign.created_at_ms,
        foreign.updated_at_ms,
        deleted=foreign.deleted,
    )
    made = records.experiments.add(wanted)
    if str(made.id) != foreign.id:
        what = f"has the id {made.id} here, {foreign.id} there"
        move.ledger.note(Finding(KIND, foreign.name, what, explained=True))
    made = replace(made, artifact_root=_root(move, foreign, made.id))
    records.experiments.save(made)
    records.experiments.set_tags(made.id, tags)
    return made


def _is_joined(move: Move, records: Records, foreign: ForeignExperiment, number: int) -> bool:
    joined = move.known(records, JOINED, foreign.id)
    return joined is not None and joined.here == str(number)


def _join(
    move: Move, records: Records, ours: Experiment, foreign: ForeignExperiment, tags: Mapping[str, str]
) -> Experiment:
    runs: Page[LoggedRun] = records.runs.search((ours.id,), Search(view=View.ALL, limit=1))
    if not runs.items and not ours.tags and records.moved_things.are_all(ours.id):
        joined = replace(
            ours,
            created_at_ms=foreign.created_at_ms,
            updated_at_ms=foreign.updated_at_ms,
            deleted=foreign.deleted,
            artifact_root=_root(move, foreign, ours.id),
        )
        records.experiments.save(joined)
        records.experiments.set_tags(joined.id, tags)
        return joined
    what = f"was here already, with the id {ours.id}: its runs are added to it"
    move.ledger.note(Finding(KIND, foreign.name, what, explained=True))
    move.record(records, JOINED, foreign.id, str(ours.id))
    return ours


def _renew(
    move: Move, records: Records, ours: Experiment, foreign: ForeignExperiment, tags: Mapping[str, str]
) -> Experiment:
    name = foreign.name
    if name != ours.name and records.experiments.named(move.team, name) is not None:
        what = f"is called {name!r} there now, which another one is called here"
        move.ledger.note(Finding(KIND, ours.name, what, explained=False, advice="rename one of them"))
        name = ours.name
    renewed = replace(
        ours,
        name=name,
        updated_at_ms=max(ours.updated_at_ms, foreign.updated_at_ms),
        deleted=foreign.deleted and (ours.deleted or records.moved_things.are_all(ours.id)),
    )
    if renewed != ours or any(ours.tags.get(key) != value for key, value in tags.items()):
        records.experiments.save(renewed)
        records.experiments.set_tags(ours.id, tags)
        move.ledger.changed(KIND)
    return renewed


def _root(move: Move, foreign: ForeignExperiment, number: int) -> str:
    root = foreign.artifact_root.rstrip("/")
    # A server gives the files of its runs whatever store they are in; a place alone it does not.
    if kept_elsewhere(move, root, ForeignPlace(root, run_id="any")):
        return root
    return experiment_root(number)


def _check(key: str, value: str) -> None:
    check_experiment_tags({key: value})


def _verify(
    move: Move, foreign: ForeignExperiment, number: int, tags: Mapping[str, str], *, fresh: bool
) -> bool:
    """Compare; tell whether all is equal, or is never to be."""
    with move.means.database.read() as records:
        ours = records.experiments.get(number)
        joined = _is_joined(move, records, foreign, number)
        worked_in = foreign.deleted and not records.moved_things.are_all(number)
    if ours is None:
        move.ledger.differs(KIND, foreign.name, "is not here", explained=False)
        return False
    kept = worked_in and not ours.deleted
    if kept or (joined and foreign.deleted and not ours.deleted):
        why = "others have worked in it here" if kept else "it was here before the import"
        what = f"is deleted there, and stays: {why}"
        advice = "delete it here, if nobody needs it"
        move.ledger.note(Finding(KIND, foreign.name, what, explained=True, advice=advice))
    if joined:
        if ours.name != foreign.name:
            what = f"is called {foreign.name!r} there now, and keeps its name here"
            move.ledger.note(Finding(KIND, ours.name, what, explained=True))
        move.ledger.here(KIND)
        return True
    said: dict[str, tuple[object, object]] = {
        "name": (foreign.name, ours.name),
        "created": (foreign.created_at_ms, ours.created_at_ms),
        **{f"tag {key}": (value, ours.tags.get(key)) for key, value in tags.items()},
    }
    if not kept:
        said["deleted"] = (foreign.deleted, ours.deleted)
    # A deletion that is kept back is asked for again by the next import.
    return compare(move, KIND, foreign.name, said, fresh=fresh) and not kept
