"""What a stock MLflow server accepts, cuts, rounds or answers with a failure, and this one does not.

Each test is one line of the list of holes (S1 to S15); S13, the footprint, is measured by the bench.
"""

import io
import json
import logging
import pickle
import re
from urllib.parse import parse_qsl, urlsplit

import pytest

from assay.doors.mlflow import mlflow_app
from assay.formats import SCANNING, recognise
from doors.mlflow.hole_world import CODES, MODEL_FILES, SECRET, HoleWorld, Request, ask_all

REGISTERED, VERSIONS = "2.0/mlflow/registered-models", "2.0/mlflow/model-versions"
EXPERIMENTS, RUNS = "2.0/mlflow/experiments", "2.0/mlflow/runs"
# Names as somebody would write them for a shell, a command line, a log, a terminal or a web page.
COMMANDS = (
    "$(touch canary)",
    "`touch canary`",
    "x; touch canary",
    "x | touch canary",
    "x\ntouch canary",
    "-rf",
    "--help",
    "&& touch canary",
    "%n%s",
    "{{7*7}}",
    "${jndi:ldap://x}",
    "\x1b[2Jx",
    "<script>alert(1)</script>",
    "' OR 1=1 --",
)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """One for all: what is refused leaves no trace, and everything else has a name of its own."""
    one = HoleWorld(tmp_path_factory.mktemp("safety"))
    one.version()
    yield one
    one.close()


@pytest.mark.parametrize(
    "location",
    [
        "file:///tmp/x",
        "file:/tmp/x",
        "file://localhost/tmp/x",
        "/tmp/x",
        "./x",
        "x",
        "C:/x",
        "C:\\x",
        "\\\\host\\x",
        "http://host/x",
        "ftp://u:p@host/x",
        "sftp://host/x",
        "mlflow-artifacts://host/x",
        "mlflow-artifacts:/../x",
        "mlflow-artifacts:/x/%2e%2e/y",
        "FILE:///tmp/x",
        " file:///tmp/x",
        "s3://",
        "s3:/x",
        "s3:///x",
        "dbfs:/../x",
    ],
)
def test_s1_no_place_on_the_servers_disk_or_another_host_is_taken(world, location):
    body = {"name": f"at {location}", "artifact_location": location}
    assert world.refused("POST", f"{EXPERIMENTS}/create", body)[:2] == (400, "INVALID_PARAMETER_VALUE")
    world.check_folder()


@pytest.mark.parametrize(
    "source", ["file:///etc", "/etc", "http://169.254.169.254/x", "file://host/x", "x", "s3://"]
)
def test_s2_a_source_on_disk_or_on_a_host_is_refused(world, source):
    status, code, _ = world.refused("POST", f"{VERSIONS}/create", {"name": "fraud", "source": source})
    assert (status, code) == (400, "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize("stage", ["Staging", "Production"])
def test_s2_what_nobody_has_read_never_leaves_development_even_where_gates_only_observe(world, stage):
    number = world.version("elsewhere", source="s3://bucket/model")
    for method, path, body in (
        ("POST", f"{VERSIONS}/transition-stage", {"stage": stage}),
        ("POST", f"{REGISTERED}/alias", {"alias": stage.lower()}),
    ):
        status, code, message = world.refused(method, path, {"name": "elsewhere", "version": number, **body})
        assert (status, code) == (400, "INVALID_STATE")
        assert "unverified" in message


@pytest.mark.parametrize("source", ["dummy-source", "prompt-template"])
def test_s3_a_models_tag_makes_no_placeholder_of_a_source(world, source):
    tag = {"name": "fraud", "key": "mlflow.prompt.is_prompt", "value": "TRUE"}
    assert world.refused("POST", f"{REGISTERED}/set-tag", tag)[0] == 400
    refused = world.refused("POST", f"{VERSIONS}/create", {"name": "fraud", "source": source})
    assert refused[0] == 400
    tags = [{"key": tag["key"], "value": "true"}, {"key": "mlflow.prompt.text", "value": "x"}]
    body = {"name": "fraud", "source": source, "tags": tags}
    assert world.refused("POST", f"{VERSIONS}/create", body)[0] == 400


@pytest.mark.parametrize(
    "inside", ["..", "%2e%2e", "%252e%252e", "x/../y", "..\\x", "x;../y", "x#/..", "x?/.."]
)
def test_s4_no_address_of_a_store_climbs(world, inside):
    body = {"name": f"up {inside}", "artifact_location": f"s3://bucket/{inside}/x"}
    assert world.refused("POST", f"{EXPERIMENTS}/create", body)[0] == 400
    body = {"name": "fraud", "source": f"s3://bucket/{inside}/x"}
    assert world.refused("POST", f"{VERSIONS}/create", body)[0] == 400


@pytest.mark.parametrize("value", ["Infinity", "-Infinity", "NaN", 1.7976931348623157e308, 5e-324])
def test_s5_a_number_comes_back_as_it_went_in(world, value):
    run = world.run(world.mine)
    world.good("POST", f"{RUNS}/log-metric", {"run_id": run, "key": "loss", "value": value, "timestamp": 1})
    (point,) = world.good("GET", f"{RUNS}/get?run_id={run}")["run"]["data"]["metrics"]
    assert point["value"] == value
    (point,) = world.good("GET", f"2.0/mlflow/metrics/get-history?run_id={run}&metric_key=loss")["metrics"]
    assert point["value"] == value


@pytest.mark.parametrize("length", [6001, 8001, 65_000])
def test_s6_long_values_are_kept_whole(world, length):
    run = world.run(world.mine)
    text = "ä" * length
    body = {"run_id": run, "params": [{"key": "p", "value": text}], "tags": [{"key": "t", "value": text}]}
    world.good("POST", f"{RUNS}/log-batch", body)
    data = world.good("GET", f"{RUNS}/get?run_id={run}")["run"]["data"]
    assert data["params"] == [{"key": "p", "value": text}]
    assert {"key": "t", "value": text} in data["tags"]


def test_s6_too_long_values_are_refused_and_nothing_is_cut(world):
    for field, value in (("params", "x" * 65_536), ("params", "a\0b"), ("tags", "a\0b")):
        body = {"run_id": world.run_id, field: [{"key": "ok", "value": "1"}, {"key": "long", "value": value}]}
        assert world.refused("POST", f"{RUNS}/log-batch", body)[0] == 400


@pytest.mark.parametrize("status", ["DONE", "running ", 99, 0.5, ["FINISHED"], "LOGGED_MODEL_READY"])
def test_s7_an_unknown_status_is_refused(world, status):
    for method, path, body in (
        ("POST", f"{RUNS}/update", {"run_id": world.run_id, "status": status}),
        ("PATCH", f"2.0/mlflow/logged-models/{world.model_id}", {"status": f"x{status}"}),
    ):
        assert world.refused(method, path, body)[:2] == (400, "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize(
    "path", [REGISTERED, VERSIONS, EXPERIMENTS, RUNS, "2.0/mlflow/logged-models", "3.0/mlflow/traces"]
)
@pytest.mark.parametrize("size", [0, -1])
def test_s8_a_page_of_no_size_is_refused(world, path, size):
    body = {"max_results": size, "experiment_ids": [world.mine]}
    body |= {"locations": [{"mlflow_experiment": {"experiment_id": world.mine}}]} if "traces" in path else {}
    assert world.refused("POST", f"{path}/search", body)[:2] == (400, "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize("stage", ["None", "Archived"])
def test_s9_archiving_what_else_is_in_no_active_stage_is_a_clear_error(world, stage):
    body = {"name": "fraud", "version": "1", "stage": stage, "archive_existing_versions": True}
    assert world.refused("POST", f"{VERSIONS}/transition-stage", body)[0] == 400


def test_s9_renaming_a_deleted_experiment_is_a_clear_error(world):
    gone = world.experiment("soon gone")
    world.good("POST", f"{EXPERIMENTS}/delete", {"experiment_id": gone})
    assert world.refused("POST", f"{EXPERIMENTS}/update", {"experiment_id": gone, "new_name": "x"})[0] == 400


@pytest.mark.parametrize("filter_text", ["nonsense.key = 'x'", "attributes.none = 1", "metrics.a = 'x'", "("])
def test_s9_a_filter_that_is_none_is_a_clear_error(world, filter_text):
    body = {"experiment_ids": [world.mine], "filter": filter_text}
    for place in ("logged-models/search", "runs/search"):
        assert world.refused("POST", f"2.0/mlflow/{place}", body)[0] == 400


def test_s10_no_conflict_tells_how_the_registry_stores_things(world):
    world.experiment("taken")
    other = world.experiment("not taken")
    world.version("scam")
    for path, body, status in (
        (f"{EXPERIMENTS}/create", {"name": "taken"}, 400),
        (f"{EXPERIMENTS}/update", {"experiment_id": other, "new_name": "taken"}, 400),
        (f"{EXPERIMENTS}/delete", {"experiment_id": "424242"}, 404),
        (f"{EXPERIMENTS}/set-experiment-tag", {"experiment_id": "9" * 18, "key": "a", "value": "b"}, 404),
        (f"{REGISTERED}/create", {"name": "fraud"}, 400),
        (f"{REGISTERED}/rename", {"name": "scam", "new_name": "fraud"}, 400),
        (f"{RUNS}/create", {"experiment_id": "424242"}, 404),
    ):
        request = Request("POST", path, body=body)
        before = world.tables()
        (reply,) = ask_all(world.app, [request])
        assert reply.status == status
        world.check_reply(reply, request)
        assert world.tables() == before


def test_s14_a_search_for_versions_shows_their_aliases(world):
    world.version("pointed")
    world.good("POST", f"{REGISTERED}/alias", {"name": "pointed", "alias": "best", "version": "1"})
    world.good("POST", f"{REGISTERED}/alias", {"name": "pointed", "alias": "production", "version": "1"})
    (found,) = world.good("GET", f"{VERSIONS}/search?filter=name%3D%27pointed%27")["model_versions"]
    assert found["aliases"] == ["best", "production"]


def test_s15_a_server_that_wants_tokens_answers_anonymous_writes_with_401_in_json(world):
    strict = mlflow_app(world.use, loopback=True, anonymous=False)
    before = world.tables()
    writes = [
        Request("POST", f"{EXPERIMENTS}/create", body={"name": "by nobody"}),
        Request("POST", f"{RUNS}/create", body={"experiment_id": "0"}),
        Request("PUT", f"2.0/mlflow-artifacts/artifacts/{world.base}/x", body=b"x"),
        Request("DELETE", f"2.0/mlflow-artifacts/artifacts/{world.base}"),
        Request("POST", f"{REGISTERED}/create", body={"name": "by-nobody"}),
        Request("POST", "/v1/traces", body=b"x"),
        Request("POST", f"{RUNS}/create", body={}, token="assay_0_wrong"),
        Request(
            "POST", f"{RUNS}/create", body={}, headers=(("authorization", "Basic YWRtaW46cGFzc3dvcmQxMjM0"),)
        ),
        Request("POST", f"{RUNS}/create", body={}, headers=(("authorization", "Basic ="),)),
        Request("POST", f"{RUNS}/create", body={}, headers=(("authorization", "Digest x"),)),
    ]
    for request, reply in zip(writes, ask_all(strict, writes), strict=True):
        assert (reply.status, reply.json["error_code"]) == (401, "UNAUTHENTICATED"), request
        assert {value.split()[0] for key, value in reply.headers if key == "www-authenticate"} == {
            "Basic",
            "Bearer",
        }
    assert world.tables() == before


class Planting:
    """A pickle that writes a file wherever it is loaded."""

    def __init__(self, target):
        self.target = str(target)

    def __reduce__(self):
        return exec, (f"open({self.target!r}, 'w').write('loaded')",)


def test_the_server_never_loads_a_model_and_the_scan_names_what_it_would_do(tmp_path):
    world = HoleWorld(tmp_path)
    canary = tmp_path.parent / f"{tmp_path.name}-canary"
    bad = pickle.dumps(Planting(canary))
    folder = f"{world.base}/bad"
    world.put(f"{folder}/MLmodel", MODEL_FILES["MLmodel"])
    for name in ("model.pkl", "model.joblib", "data.pkl"):
        world.put(f"{folder}/{name}", bad)
    number = world.version("bad", source=f"runs:/{world.run_id}/bad")
    world.good("POST", f"{REGISTERED}/alias", {"name": "bad", "alias": "production", "version": number})
    world.good("POST", f"{VERSIONS}/transition-stage", {"name": "bad", "version": number, "stage": "Staging"})
    world.good(
        "POST", f"{VERSIONS}/transition-stage", {"name": "bad", "version": number, "stage": "Production"}
    )
    for path in ("model.pkl", "model.joblib"):
        answer = world.send("GET", f"/model-versions/get-artifact?name=bad&version={number}&path={path}")
        assert answer.body == bad
    world.good("POST", f"{RUNS}/log-model", {"run_id": world.run_id, "model_json": json.dumps(LOGGED)})
    assert not canary.exists()
    assert any("exec" in each for each in recognise("model.pkl", io.BytesIO(bad), SCANNING).globals)
    assert not canary.exists()
    world.close()


LOGGED = {"artifact_path": "bad", "flavors": {"python_function": {}}, "utc_time_created": "x", "run_id": "x"}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_name_is_a_name_and_never_a_command(world, name):
    """It is kept and shown word for word, or refused; no shell, template or terminal ever reads it."""
    quoted = {"name": name, "source": f"runs:/{world.run_id}/model"}
    requests = [
        Request("POST", f"{EXPERIMENTS}/create", body={"name": name}),
        Request("GET", f"{EXPERIMENTS}/get-by-name", {"experiment_name": name}),
        Request("POST", f"{REGISTERED}/create", body={"name": name}),
        Request("POST", f"{VERSIONS}/create", body=quoted),
        Request("GET", f"{REGISTERED}/get", {"name": name}),
        Request("POST", f"{REGISTERED}/alias", body={"name": "fraud", "alias": name, "version": "1"}),
        Request(
            "POST", f"{RUNS}/create", body={"experiment_id": world.mine, "run_name": name, "user_id": name}
        ),
        Request("POST", f"{RUNS}/set-tag", body={"run_id": world.run_id, "key": name, "value": name}),
        Request("POST", f"{REGISTERED}/set-tag", body={"name": "fraud", "key": "said", "value": name}),
        Request("POST", "2.0/mlflow/logged-models", body={"experiment_id": world.mine, "name": name}),
        Request("PUT", f"2.0/mlflow-artifacts/artifacts/{world.base}/{name}", body=b"x"),
        Request("GET", f"2.0/mlflow-artifacts/artifacts/{world.base}/{name}"),
        Request("GET", "2.0/mlflow-artifacts/artifacts", {"path": world.base}),
    ]
    replies = ask_all(world.app, requests)
    for request, reply in zip(requests, replies, strict=True):
        world.check_reply(reply, request)
    if replies[0].status == 200:
        assert replies[1].json["experiment"]["name"] == name
    if replies[2].status == 200:
        assert replies[4].json["registered_model"]["name"] == name
    assert not list(world.root.rglob("canary"))
    world.check_folder()


def test_a_name_that_begins_like_an_option_is_only_a_name(world):
    for name in ("-rf", "--help"):
        assert world.send("GET", f"{REGISTERED}/get?name={name}").status == 200


def test_neither_tokens_nor_signatures_are_in_any_log_or_error(world, caplog):
    caplog.set_level(logging.DEBUG)
    token = world.token("carol", "reader", "default/*")
    address = world.good("GET", f"2.0/mlflow-artifacts/presigned/{world.base}/model/MLmodel")["url"]
    signed = urlsplit(address)
    right = dict(parse_qsl(signed.query))
    requests = [
        Request("POST", f"{EXPERIMENTS}/create", body={"name": "x" * 600}, token=token),
        Request("GET", f"{RUNS}/get", {"run_id": token}, token=token),
        Request("GET", "2.0/mlflow/none", token=token),
        Request("GET", f"{RUNS}/get", {"run_id": world.run_id}, token=token[:-1] + "x"),
        Request("GET", signed.path, {**right, "expires": "1"}),
        Request("GET", signed.path, {**right, "size": "x"}),
        Request("GET", signed.path.replace("MLmodel", "model.pkl"), right),
        Request("PUT", "2.0/mlflow-artifacts/parts/up_1/1", right, b"x"),
    ]
    replies = ask_all(world.app, requests)
    said = caplog.text + "".join(reply.body.decode() for at, reply in enumerate(replies) if at != 1)
    assert replies[4].status == 403
    assert token.rpartition("_")[2] not in said
    assert right["signature"] not in said
    assert "wrong" not in {reply.json["error_code"] for reply in replies if reply.status >= 400} - CODES
    keys = json.dumps(world.tables()["signing_keys"], default=str)
    for secret in re.findall(r"[0-9a-f]{32,}|[0-9]{40,}", keys):
        assert secret not in said


def test_no_token_is_kept_in_the_database_as_it_was_given(world):
    token = world.token("dave", "reader", "default/*")
    assert token.rpartition("_")[2] not in repr(world.tables())
    assert SECRET.decode() not in repr(world.tables())
