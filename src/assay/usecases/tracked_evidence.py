"""What runs logged about the model of a version, filed as reported evidence."""

from datetime import datetime

from assay.core.evidence import Evidence, Measurement, Origin
from assay.core.ports import Chance
from assay.core.provenance import DataRole
from assay.core.versions import Version
from assay.usecases.judging import advance_open
from assay.usecases.means import Act
from assay.usecases.reporting import file_evidence
from assay.usecases.tracked_provenance import reported_metrics


def report_logged(act: Act, chance: Chance, version: Version, measured_at: datetime) -> None:
    """File the metrics that were logged of a version's model, unless just these were filed before.

    They may be logged after the version was made: whoever moves it has them filed again.
    """
    records, source = act.records, version.source
    run = next(iter(records.runs.logged([source.run_id])), None) if source.run_id else None
    ids = [source.logged_model_id] if source.logged_model_id else []
    facts = reported_metrics(run, next(iter(records.logged_models.get(ids)), None))
    filed = [
        each.measurement.facts
        for each in records.evidence.of_version(version.model, version.number)
        if each.origin is Origin.REPORTED and each.check == "metrics"
    ]
    if not facts or facts in filed:
        return
    held_out = version.provenance.data_digest(DataRole.EVALUATION)  # which the run named beside its metrics
    evidence = Evidence(
        model=version.model,
        number=version.number,
        subject=version.digest,
        check="metrics",
        origin=Origin.REPORTED,
        reporter=act.actor,
        measured_at=measured_at,
        recorded_at=act.at,
        measurement=Measurement(facts=facts, data={} if held_out is None else {"evaluation": held_out}),
    )
    file_evidence(act, version, evidence)
    advance_open(act, chance, version)
