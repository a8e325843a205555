"""What one request may ask for at most, and what a run may name in all: 400, in words, and nothing done."""

import pytest

from assay.core.tracking import runs
from assay.core.tracking.runs import MAX_LINKED
from assay.core.tracking.searches import MAX_DATASETS, MAX_ORDER, MAX_PLACES, MAX_TRACE_PLACES
from doors.mlflow.mlflow_world import MlflowWorld

BASE = "2.0/mlflow"
ORDERED = ["runs/search", "experiments/search", "registered-models/search", "model-versions/search"]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    one = MlflowWorld(tmp_path_factory.mktemp("limits"))
    yield one
    one.close()


def refused(world, path, body, field):
    status, code, message = world.bad("POST", path, body)
    assert (status, code) == (400, "INVALID_PARAMETER_VALUE")
    assert f"parameter '{field}'" in message
    assert "at most" in message


@pytest.mark.parametrize("path", ORDERED)
def test_a_search_has_so_many_keys_to_order_by(world, path):
    key = "tags.a{}" if path == "runs/search" else "name"
    body = {"experiment_ids": ["0"], "max_results": 5}
    body["order_by"] = [key.format(number) for number in range(MAX_ORDER + 1)]
    refused(world, f"{BASE}/{path}", body, "order_by")
    body["order_by"] = [*dict.fromkeys(body["order_by"][:-1])]
    world.good("POST", f"{BASE}/{path}", body)


def test_a_search_for_logged_models_has_so_many_keys_and_data_sets(world):
    path, body = f"{BASE}/logged-models/search", {"experiment_ids": ["0"]}
    keys = [{"field_name": f"metrics.m{number}"} for number in range(MAX_ORDER + 1)]
    refused(world, path, body | {"order_by": keys}, "order_by")
    datasets = [{"dataset_name": f"d{number}"} for number in range(MAX_DATASETS + 1)]
    refused(world, path, body | {"datasets": datasets}, "datasets")
    world.good("POST", path, body | {"order_by": keys[1:], "datasets": datasets[1:]})


def test_a_search_names_so_many_experiments(world):
    ids = [str(number) for number in range(MAX_PLACES + 1)]
    for path in ("runs/search", "logged-models/search"):
        refused(world, f"{BASE}/{path}", {"experiment_ids": ids}, "experiment_ids")
        world.good("POST", f"{BASE}/{path}", {"experiment_ids": ids[:-1]})
    refused(world, "3.0/mlflow/datasets/search", {"experiment_ids": ids}, "experiment_ids")
    places = [
        {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": each}}
        for each in ids[: MAX_TRACE_PLACES + 1]
    ]
    refused(world, "3.0/mlflow/traces/search", {"locations": places}, "locations")


def test_a_request_links_so_many_models_and_data_sets_and_a_run_so_many_in_all(world, monkeypatch):
    run = world.run()
    models = [{"model_id": f"m-{number}", "step": 0} for number in range(MAX_LINKED + 1)]
    data = [{"dataset": {"name": f"d{number}", "digest": "x"}} for number in range(MAX_LINKED + 1)]
    inputs, outputs = f"{BASE}/runs/log-inputs", f"{BASE}/runs/outputs"
    refused(world, outputs, {"run_id": run, "models": models}, "models")
    refused(world, inputs, {"run_id": run, "models": models}, "models")
    refused(world, inputs, {"run_id": run, "datasets": data}, "datasets")
    monkeypatch.setattr(runs, "MAX_LINKS", 5)
    world.good("POST", inputs, {"run_id": run, "models": models[:2], "datasets": data[:1]})
    for _ in range(2):
        world.good("POST", outputs, {"run_id": run, "models": models[:2]})
    for path, more in (
        (outputs, {"models": models[2:4]}),
        (inputs, {"models": models[:3]}),
        (inputs, {"datasets": data[:2]}),
    ):
        status, _, message = world.bad("POST", path, {"run_id": run, **more})
        assert (status, "at most 5 data sets and models" in message) == (400, True)
    shown = world.good("GET", f"{BASE}/runs/get?run_id={run}")["run"]
    assert len(shown["outputs"]["model_outputs"]) == len(shown["inputs"]["model_inputs"]) == 2
    assert len(shown["inputs"]["dataset_inputs"]) == 1
