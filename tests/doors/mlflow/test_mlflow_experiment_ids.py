"""The id of an experiment reads the same on every route that takes one."""

from contextlib import closing

import pytest

from doors.mlflow.mlflow_world import MlflowWorld

GONE = (404, "RESOURCE_DOES_NOT_EXIST")
BAD = (400, "INVALID_PARAMETER_VALUE")
MISSING = {"9" * 19: GONE, "9" * 4000: GONE, "-7": GONE, "x": BAD, "1.0": BAD, "²": BAD, "9" * 4001: BAD}


@pytest.fixture
def world(tmp_path):
    with closing(MlflowWorld(tmp_path)) as one:
        yield one


def asked(world, text):
    """What each route answers that names one experiment in its body."""
    trace = {
        "trace_id": "tr-" + "1" * 32,
        "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": text}},
        "request_time": "2026-01-01T00:00:00Z",
        "state": "OK",
    }
    yield world.send("POST", "2.0/mlflow/runs/create", {"experiment_id": text})
    yield world.send("POST", "2.0/mlflow/experiments/set-experiment-tag", {**TAG, "experiment_id": text})
    yield world.send("POST", "3.0/mlflow/traces", {"trace": {"trace_info": trace}})
    yield world.send("POST", "2.0/mlflow/traces", {"experiment_id": text, "timestamp_ms": 1})


TAG = {"key": "k", "value": "v"}


@pytest.mark.parametrize("text", ["1", "+1", "01"])
def test_an_id_may_be_written_as_whole_numbers_are(world, text):
    assert world.experiment() == "1"
    assert [each.status for each in asked(world, text)] == [200] * 4


@pytest.mark.parametrize(("text", "answer"), MISSING.items(), ids=lambda each: str(each)[:20])
def test_an_id_of_nothing_is_answered_alike(world, text, answer):
    answers = [(each.status, each.json["error_code"]) for each in asked(world, text)]
    assert answers == [answer] * 4
