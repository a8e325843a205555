"""What runs logged about the model of a version, filed as reported evidence."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from assay.core.access import Action, Caller, may, may_in_team, require
from assay.core.canonical import plain
from assay.core.digests import Digest
from assay.core.evidence import (
    LOGGED,
    LOGGED_AT,
    LOGGED_BY,
    LOGGED_IN,
    Evidence,
    Measurement,
    Origin,
    logged_at,
)
from assay.core.ports import Chance, Records
from assay.core.provenance import DataRole
from assay.core.tracking.metrics import Point
from assay.core.versions import Source, Version
from assay.usecases.judging import advance_open
from assay.usecases.means import Act
from assay.usecases.reporting import file_evidence
from assay.usecases.tracked_points import Logged, Told, told_by

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)


def report_logged(
    act: Act, chance: Chance, caller: Caller, version: Version, *, registered: bool = False
) -> None:
    """File what was logged of a version's model, unless the last filing of it says just that.

    To file it is to report evidence: for a caller who may not do that, nothing is filed, and the gates
    say that nobody reported it; where other words are filed already, nothing is judged by them either.

    It may be logged after the version was made: whoever asks to move it has it filed again, also where
    it says less than before. When each metric was logged is a part of it, so that what was measured
    anew counts as new, and what was not stays as old as it is. Only of what runs of other teams say in
    which the caller could not log, the word that was filed before stays the last: nobody makes a model
    pass on which neither they nor the caller have a say.

    Args:
        act: the transaction.
        chance: for the ids of what follows.
        caller: who asks.
        version: whose model it is.
        registered: whether the version is being made, so that other teams' runs are heard.

    Raises:
        DeniedError: the caller may not report, and what is filed is out of date.
    """
    read_from = _settings(version.source)
    held_out = version.provenance.data_digest(DataRole.EVALUATION)
    before = _last_filed(act.records, version, read_from)
    heard = None if registered else caller
    told, users = _told(act.records, version, before, held_out, heard)
    if before is None and not (told.points and may(caller, Action.REPORT, version.model)):
        return
    times = _times(told, before, act.at)
    facts = told.facts | {LOGGED_AT: {key: at.isoformat() for key, at in times.items()}}
    data = {} if held_out is None else {"evaluation": held_out}
    if before is not None and _says(before, facts, data):
        return
    require(caller, Action.REPORT, version.model)
    facts |= {LOGGED_IN: _runs_of(told), LOGGED_BY: users}
    evidence = Evidence(
        model=version.model,
        number=version.number,
        subject=version.digest,
        check="metrics",
        origin=Origin.REPORTED,
        reporter=act.actor,
        measured_at=max(times.values(), default=act.at),
        recorded_at=act.at,
        measurement=Measurement(facts=facts, data=data),
        settings=read_from,
    )
    file_evidence(act, version, evidence)
    advance_open(act, chance, version)


def _told(
    records: Records,
    version: Version,
    before: Evidence | None,
    held_out: Digest | None,
    caller: Caller | None,
) -> tuple[Told, Mapping[str, str]]:
    """Return what is said of the model now, and of each run that says a part of it, whose it is.

    Without a caller every run is heard.
    """
    logged = _logged(records, version.source)
    foreign = frozenset[str]() if caller is None else _foreign(records, version, logged, caller)
    told = told_by(logged.without(foreign), held_out)
    if foreign and before is not None:
        told = told.beside(_filed_of(before, foreign, logged))
    known = {each.run.id: each.run for each in (logged.run, *logged.others) if each is not None}
    users = {}
    for run_id in sorted(set(_runs_of(told).values())):
        run = known.get(run_id) or records.runs.find(run_id)
        users[run_id] = run.user if run else ""
    return told, users


def _runs_of(told: Told) -> dict[str, str]:
    return {key: told.runs[key] for key in (*told.points, *told.undefined)}


def _says(before: Evidence, facts: Mapping[str, Any], data: Mapping[str, Digest]) -> bool:
    """Tell whether evidence says just this; who said it goes with it."""
    filed = {key: each for key, each in before.measurement.facts.items() if key not in (LOGGED_IN, LOGGED_BY)}
    return bool(plain(replace(before.measurement, facts=filed)) == plain(Measurement(facts=facts, data=data)))


def _foreign(records: Records, version: Version, logged: Logged, caller: Caller) -> frozenset[str]:
    """Return the runs that say something of the model, and neither are of its team nor can the caller log in.

    Of a logged model that is in such a place, only what its own run says for itself is heard.
    """

    def is_near(team: str) -> bool:
        return team == version.model.team or may_in_team(caller, Action.TRACK, team)

    own = logged.run.run.id if logged.run else ""
    speaking = {own, *(each.run_id for each in (logged.model.metrics if logged.model else ()))} - {""}
    found = {each: records.runs.find_in_team(each) for each in speaking}
    foreign = {each for each, run in found.items() if run is None or not is_near(run[1])}
    experiment = records.experiments.get(logged.model.experiment_id) if logged.model else None
    if experiment is not None and not is_near(experiment.team):
        foreign |= speaking - {own}
    return frozenset(foreign)


def _filed_of(before: Evidence, foreign: Collection[str], logged: Logged) -> Told:
    """Return the part of the last filing that runs of other teams said; it is not asked of them again.

    Filings say in which run each metric was logged; where one does not, it was the run of the model.
    """
    facts = before.measurement.facts
    own = logged.run.run.id if logged.run else ""
    values, undefined, runs = (_mapping(facts, each) for each in ("metrics", "undefined", LOGGED_IN))
    of = {key: str(runs.get(key, own)) for key in (*values, *undefined)}
    of = {key: run_id for key, run_id in of.items() if run_id in foreign}
    points = {}
    for key, value in values.items():
        at = logged_at(facts, key)
        if key in of and at is not None and isinstance(value, int | float):
            points[key] = Point(key, float(value), (at - _EPOCH) // _MS)
    rows = facts.get("rows") if own in foreign else 0
    said = {key: str(why) for key, why in undefined.items() if key in of}
    return Told(points, said, rows if isinstance(rows, int) else 0, of)


def _mapping(facts: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = facts.get(name)
    return found if isinstance(found, Mapping) else {}


def _settings(source: Source) -> dict[str, Any]:
    """Return what tells these filings from others: people report metrics too, and file their own."""
    return {LOGGED: {"run": source.run_id, "model": source.logged_model_id}}


def _last_filed(records: Records, version: Version, read_from: Mapping[str, Any]) -> Evidence | None:
    filed = [
        each
        for each in records.evidence.of_version(version.model, version.number)
        if (each.origin, each.check) == (Origin.REPORTED, "metrics") and each.settings == read_from
    ]
    return filed[-1] if filed else None


def _logged(records: Records, source: Source) -> Logged:
    run = next(iter(records.runs.logged([source.run_id])), None) if source.run_id else None
    made = [each.model_id for each in run.model_outputs] if run else []
    ids = dict.fromkeys(each for each in (source.logged_model_id, *made) if each)
    # A deleted model is still what the version is: that it was deleted hides no bad result.
    models = {each.id: each for each in records.logged_models.get(list(ids), deleted=True)}
    model = models.pop(source.logged_model_id, None)
    others = {each.run_id for each in model.metrics if not each.point.dataset_name} if model else set()
    others -= {source.run_id}
    return Logged(run, model, tuple(models.values()), records.runs.logged(sorted(others)))


def _times(told: Told, before: Evidence | None, now: datetime) -> dict[str, datetime]:
    """Return when the point that counts of each metric was logged; nothing was after ``now``.

    What says of itself that it is from the future was logged when it was first filed, at the latest.
    """
    last_ms = (now - _EPOCH) // _MS
    at = {key: _EPOCH + min(point.timestamp_ms, last_ms) * _MS for key, point in told.points.items()}
    filed: Mapping[str, Any] = before.measurement.facts if before else {}
    values = filed.get("metrics")
    for key, point in told.points.items():
        if point.timestamp_ms > last_ms and isinstance(values, Mapping) and values.get(key) == point.value:
            at[key] = logged_at(filed, key) or at[key]
    return at
