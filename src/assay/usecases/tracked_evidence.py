"""What runs logged about the model of a version, filed as reported evidence."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from assay.core.canonical import plain
from assay.core.evidence import LOGGED_AT, Evidence, Measurement, Origin, logged_at
from assay.core.ports import Chance, Records
from assay.core.provenance import DataRole
from assay.core.versions import Source, Version
from assay.usecases.judging import advance_open
from assay.usecases.means import Act
from assay.usecases.reporting import file_evidence
from assay.usecases.tracked_points import Logged, Told, told_by

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)


def report_logged(act: Act, chance: Chance, version: Version) -> None:
    """File what was logged of a version's model, unless the last filing of it says just that.

    It may be logged after the version was made: whoever asks to move it has it filed again, also where
    it says less than before. When each metric was logged is a part of it, so that what was measured
    anew counts as new, and what was not stays as old as it is.
    """
    read_from = _settings(version.source)
    held_out = version.provenance.data_digest(DataRole.EVALUATION)
    told = told_by(_logged(act.records, version.source), held_out)
    before = _last_filed(act.records, version, read_from)
    if before is None and not told.points:
        return
    times = _times(told, before, act.at)
    facts = told.facts | {LOGGED_AT: {key: at.isoformat() for key, at in times.items()}}
    data = {} if held_out is None else {"evaluation": held_out}
    if before is not None and plain(before.measurement) == plain(Measurement(facts=facts, data=data)):
        return
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


def _settings(source: Source) -> dict[str, Any]:
    """Return what tells these filings from others: people report metrics too, and file their own."""
    return {"logged": {"run": source.run_id, "model": source.logged_model_id}}


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
