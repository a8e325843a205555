"""Metrics that move in: what a run has logged, never more, whatever the source says of a logged model."""

import math
from dataclasses import replace

import pytest

from assay.core.tracking.logged_models import ModelPoint
from assay.core.tracking.metrics import Point, newest
from assay.core.tracking.runs import Batch
from assay.usecases.moving import runs
from assay.usecases.moving.importing import MoveOptions, MovingIn
from usecases.elsewhere import MODEL_ID, RUN, Elsewhere, logged_model, run

NAN_FIRST = [Point("m", math.nan, 1000, 0), Point("m", 2.0, 1001, 1), Point("m", math.nan, 1002, 2)]
# As MLflow keeps them of a logged model: without the word that a 0 was a NaN.
AS_KEPT = [each._replace(value=0.0 if math.isnan(each.value) else each.value) for each in NAN_FIRST]


@pytest.fixture
def there():
    return Elsewhere()


def move(world, there, **options):
    return MovingIn(world.means).move(world.local, there.source(), MoveOptions(**options))


def logged(there, points, of_model):
    """Let the run have these points, and the logged model these metrics."""
    there.points_kept[RUN] = points
    there.runs_kept["7"][0] = run(RUN, latest=newest(points))
    metrics = tuple(ModelPoint(each._replace(model_id=MODEL_ID), RUN) for each in of_model)
    there.logged["7"] = [logged_model(metrics=metrics)]


def shown(points):
    return [(each.step, each.timestamp_ms, repr(each.value)) for each in points]


def history(world, key="m"):
    with world.means.database.read() as records:
        return shown(records.run_logs.history(RUN, key, 1000).items)


def of_the_model(world):
    with world.means.database.read() as records:
        (found,) = records.logged_models.get([MODEL_ID])
    return shown(each.point for each in found.metrics)


def told(report, words, *, explained):
    return [each for each in report.findings if words in each.what and each.explained is explained]


def test_a_nan_of_a_logged_model_stays_one(world, there):
    logged(there, NAN_FIRST, AS_KEPT)
    for _ in range(2):
        report = move(world, there)
        assert report.complete, report.findings
        assert not report.findings[1:], report.findings
        assert history(world) == of_the_model(world) == shown(NAN_FIRST)
    with world.means.database.read() as records:
        (found,) = records.runs.logged([RUN])
    assert [math.isnan(each.value) for each in found.metrics] == [True]


def test_a_nought_of_a_logged_model_stays_one_beside_a_nan(world, there):
    points = [Point("m", 0.0, 1000, 0), Point("m", math.nan, 1000, 0), Point("m", 0.0, 1001, 1)]
    logged(there, points, [points[0], points[2]])
    assert move(world, there).complete
    assert sorted(history(world)) == sorted(shown(points))
    assert of_the_model(world) == shown([points[0], points[2]])


def test_no_point_of_a_run_is_invented_for_a_logged_model(world, there):
    points = [Point("m", 1.0, 1000, 0)]
    said = [points[0], Point("m", 0.0, 1001, 1), Point("m", 5.0, 1000, 0), Point("other", 1.0, 1000, 0)]
    logged(there, points, said[1:])
    report = move(world, there)
    assert report.complete, report.findings
    assert told(report, "3 metrics are left out", explained=True)
    assert history(world) == shown(points)
    assert history(world, "other") == of_the_model(world) == []
    # What comes to the run later comes to the model too.
    logged(there, [*points, said[1]], said[1:])
    report = move(world, there)
    assert told(report, "2 metrics are left out", explained=True)
    assert history(world) == shown([points[0], said[1]])
    assert of_the_model(world) == shown([said[1]])


def test_points_that_are_only_here_are_told(world, there):
    logged(there, NAN_FIRST, AS_KEPT)
    move(world, there)
    ours = Point("m", 7.0, 2000, 9, MODEL_ID)
    with world.means.database.write() as records:
        records.run_logs.log(RUN, Batch(metrics=(ours, Point("own", 1.0, 1, 1))))
    report = move(world, there)
    assert report.complete
    assert [each.name for each in told(report, "2 points are only here: they were", explained=True)] == [RUN]
    assert [each.name for each in told(report, "1 metrics of it are only here", explained=True)] == [MODEL_ID]


def test_points_that_an_import_invents_are_a_fault(world, there, monkeypatch):
    """The report finds them by itself, whatever wrote them."""
    logged(there, NAN_FIRST, AS_KEPT)
    real = runs.RunsIn._write_run

    def written(self, records, foreign):
        real(self, records, foreign)
        if foreign.id == RUN:
            records.run_logs.log(RUN, Batch(metrics=(Point("m", 0.0, 1000, 0, MODEL_ID),)))

    monkeypatch.setattr(runs.RunsIn, "_write_run", written)
    report = move(world, there)
    assert not report.complete
    assert told(report, "1 points are only here", explained=False)


def test_metrics_of_a_logged_model_that_the_source_has_no_more_are_told(world, there):
    logged(there, NAN_FIRST, AS_KEPT)
    move(world, there)
    there.logged["7"] = [
        replace(each, model=replace(each.model, metrics=each.model.metrics[:1])) for each in there.logged["7"]
    ]
    report = move(world, there)
    assert told(report, "2 metrics of it are only here", explained=True)
