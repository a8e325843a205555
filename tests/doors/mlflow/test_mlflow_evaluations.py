import json

import pytest

from assay.core.tracking.evaluations import EvaluationRecord
from doors.mlflow.trace_world import TraceWorld

BASE = "3.0/mlflow/datasets"


@pytest.fixture
def world(tmp_path):
    one = TraceWorld(tmp_path)
    yield one
    one.close()


@pytest.fixture
def dataset(world):
    said = {"name": "ds", "experiment_ids": [world.experiment], "tags": json.dumps({"a": "1", "n": 5})}
    return world.good("POST", f"{BASE}/create", said)["dataset"]


def test_a_dataset_is_made_read_and_deleted(world, dataset):
    path = f"{BASE}/{dataset['dataset_id']}"
    assert json.loads(dataset["tags"]) == {"a": "1", "n": "5"}
    assert dataset["experiment_ids"] == [world.experiment]
    assert world.good("GET", path) == {"dataset": dataset}
    assert world.good("GET", f"{path}/experiment-ids") == {"experiment_ids": [world.experiment]}
    assert world.good("DELETE", path, {}) == world.good("DELETE", path, {}) == {}
    assert world.bad("GET", path)[:2] == (404, "RESOURCE_DOES_NOT_EXIST")


def test_records_travel_as_json_texts(world, dataset):
    path = f"{BASE}/{dataset['dataset_id']}/records"
    records = [
        {"inputs": {"q": 1}, "expectations": {"a": [1]}, "tags": {"t": "1"}},
        {"inputs": {"q": 2}, "source": {"source_type": "trace", "source_data": {"trace_id": "tr-1"}}},
    ]
    assert world.good("POST", path, {"records": json.dumps(records)}) == {
        "inserted_count": 2,
        "updated_count": 0,
    }
    assert world.good("POST", path, {"records": json.dumps(records[:1])}) == {
        "inserted_count": 0,
        "updated_count": 1,
    }
    page = world.good("GET", f"{path}?max_results=1")
    rest = world.good("GET", f"{path}?max_results=5&page_token={page['next_page_token']}")
    kept = sorted(
        json.loads(page["records"]) + json.loads(rest["records"]), key=lambda each: each["inputs"]["q"]
    )
    assert "next_page_token" not in rest
    assert (kept[0]["expectations"], kept[0]["tags"], kept[0]["outputs"]) == ({"a": [1]}, {"t": "1"}, {})
    assert (kept[1]["source_id"], kept[1]["source_type"]) == ("tr-1", "TRACE")
    gone = world.good("DELETE", path, {"dataset_record_ids": [kept[0]["dataset_record_id"], "x"]})
    assert gone == {"deleted_count": 1}
    shown = world.good("GET", f"{BASE}/{dataset['dataset_id']}")["dataset"]
    assert json.loads(shown["profile"]) == {"num_records": 1}
    assert json.loads(shown["schema"])["inputs"] == {"q": "integer"}


@pytest.mark.parametrize(
    "records",
    [
        "",
        "{",
        "{}",
        "[1]",
        '[{"inputs": 5}]',
        '[{"inputs": []}]',
        '[{"expectations": []}]',
        '[{"expectations": 0}]',
        '[{"tags": {"a": 1}}]',
        '[{"source": 1}]',
        '[{"source": {"source_type": 1}}]',
        '[{"source": {"source_type": "HUMAN", "source_data": "x"}}]',
        '[{"source": {"source_type": "HUMAN", "source_data": []}}]',
        '[{"inputs": {"q": 1}}, {"inputs": {"q": 1}, "expectations": [1]}]',
    ],
)
def test_bad_records_are_refused(world, dataset, records):
    path = f"{BASE}/{dataset['dataset_id']}/records"
    assert world.bad("POST", path, {"records": records})[:2] == (400, "INVALID_PARAMETER_VALUE")
    assert world.good("GET", path) == {"records": "[]"}


def test_a_record_that_an_earlier_version_let_in_can_still_be_read(world, dataset):
    path = f"{BASE}/{dataset['dataset_id']}/records"
    poison = EvaluationRecord(
        "dr-1", dataset["dataset_id"], {"q": 1}, 0, 0, source={"source_type": "HUMAN", "source_data": "x"}
    )
    with world.means.database.write() as records:
        records.evaluation_records.put([poison])
    (kept,) = json.loads(world.good("GET", path)["records"])
    assert (kept["source_type"], kept["source"]["source_data"]) == ("HUMAN", "x")
    assert "source_id" not in kept


def test_tags_and_places_change(world, dataset):
    path = f"{BASE}/{dataset['dataset_id']}"
    world.good("PATCH", f"{path}/tags", {"tags": json.dumps({"b": "2"})})
    world.good("DELETE", f"{path}/tags/a", {})
    world.good("DELETE", f"{path}/tags/none", {})
    assert json.loads(world.good("GET", path)["dataset"]["tags"]) == {"b": "2", "n": "5"}
    other = world.make("other")
    added = world.good("POST", f"{path}/add-experiments", {"experiment_ids": [other]})["dataset"]
    assert added["experiment_ids"] == [world.experiment, other]
    left = world.good("POST", f"{path}/remove-experiments", {"experiment_ids": [other, world.experiment]})
    assert "experiment_ids" not in left["dataset"]
    assert world.good("GET", f"{path}/experiment-ids") == {}


def test_datasets_are_searched(world, dataset):
    world.good("POST", f"{BASE}/create", {"name": "other"})
    for body, names in (
        ({}, {"ds", "other"}),
        ({"filter_string": "name = 'ds'"}, {"ds"}),
        ({"filter_string": "tags.a = '1'"}, {"ds"}),
        ({"experiment_ids": [world.experiment]}, {"ds"}),
        ({"experiment_ids": ["77"]}, set()),
    ):
        found = world.good("POST", f"{BASE}/search", body).get("datasets", ())
        assert {each["name"] for each in found} == names
    page = world.good("GET", f"{BASE}/search?max_results=1&order_by=name+DESC")
    assert [each["name"] for each in page["datasets"]] == ["other"]
    assert page["next_page_token"]
    for wrong in (
        {"filter_string": "bogus = 'x'"},
        {"order_by": ["bogus"]},
        {"max_results": 0},
        {"page_token": "x"},
    ):
        assert world.bad("POST", f"{BASE}/search", wrong)[0] == 400


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "x", "tags": "{"},
        {"name": "x", "tags": "[]"},
        {"name": "x", "experiment_ids": ["y"]},
    ],
)
def test_bad_datasets_are_refused(world, body):
    assert world.bad("POST", f"{BASE}/create", body)[:2] == (400, "INVALID_PARAMETER_VALUE")
    assert world.good("POST", f"{BASE}/search", {}) == {}


def test_scorers_are_registered_listed_and_deleted(world):
    base, here = "3.0/mlflow/scorers", {"experiment_id": world.experiment, "name": "s"}
    for version in (1, 2):
        made = world.good("POST", f"{base}/register", {**here, "serialized_scorer": '{"a": 1}'})
        assert (made["version"], made["experiment_id"], made["name"]) == (version, world.experiment, "s")
    query = f"experiment_id={world.experiment}"
    newest = world.good("GET", f"{base}/list?{query}")["scorers"]
    assert [each["scorer_version"] for each in newest] == [2]
    assert newest == world.good("GET", f"{base}/list")["scorers"]
    assert newest == world.good("GET", f"{base}/list?experiment_ids={world.experiment}")["scorers"]
    assert len(world.good("GET", f"{base}/versions?{query}&name=s")["scorers"]) == 2
    assert world.good("GET", f"{base}/get?{query}&name=s&version=1")["scorer"]["scorer_version"] == 1
    assert world.good("GET", f"{base}/get?{query}&name=s")["scorer"] == newest[0]
    assert world.good("GET", f"{base}/online-configs?scorer_ids=x") == {"configs": []}
    world.good("DELETE", f"{base}/delete", {**here, "version": 1})
    world.good("DELETE", f"{base}/delete", here)
    assert world.good("GET", f"{base}/list?{query}") == {}
    assert world.bad("GET", f"{base}/get?{query}&name=s")[:2] == (404, "RESOURCE_DOES_NOT_EXIST")
    assert world.bad("GET", f"{base}/list?{query}&experiment_ids=1")[0] == 400
    assert world.bad("GET", f"{base}/list?experiment_id=4711")[0] == 404
    assert world.bad("POST", f"{base}/register", {**here, "serialized_scorer": "x"})[0] == 400
