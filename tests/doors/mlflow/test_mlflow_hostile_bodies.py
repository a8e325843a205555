"""Whatever comes in, what goes out is MLflow's JSON with a code that its clients know; never a failure."""

import asyncio
import json
import re
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.doors.mlflow import not_offered
from assay.doors.mlflow.door import MAX_JSON_BYTES, MAX_QUERY_FIELDS
from assay.doors.mlflow.fields import Fields
from assay.doors.mlflow.routes import ROUTES
from assay.doors.mlflow.table import served_paths
from doors.mlflow.hole_world import HoleWorld, Request, ask_all

JSON = (("content-type", "application/json"),)
DEEP = 20_000
# Each answers its own function once; what is not offered is answered by one function for all.
OFFERED = list({each.answer: each for each in ROUTES if each not in not_offered.ROUTES}.values())
BODIES = {
    "empty": b"",
    "not JSON": b"{{{",
    "half": b'{"name": "x',
    "array": b"[1, 2]",
    "text": b'"x"',
    "text in text": b'"{\\"name\\": 5}"',
    "number": b"5",
    "null": b"null",
    "deep": b'{"a": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "no UTF-8": b'{"name": "\xff\xfe", "run_id": "\xed\xa0\x80"}',
    "UTF-16": '{"name": "x"}'.encode("utf-16"),
    "NUL": b"\0" * 100,
    "twice": b'{"name": "a", "name": 5, "run_id": "a", "run_id": []}',
    "many": json.dumps({f"field{at}": at for at in range(5000)}).encode(),
    "a long number": b'{"value": ' + b"9" * 10_000 + b', "max_results": 1e999, "timestamp": -1e999}',
}
LONG = "x" * 10_000_000
# What each field is given in place of what it should hold; raw JSON.
VALUES = (
    "null",
    "true",
    "5",
    "-1",
    "1.5",
    "9223372036854775808",
    "-9223372036854775809",
    "1" + "0" * 400,
    "1e400",
    "NaN",
    "-Infinity",
    '""',
    '" "',
    '"\\ud800"',
    '"a\\u0000b"',
    '"9999999999999999999999999"',
    f'"{"9" * 5000}"',
    '"\u00b2"',
    '"\uff11"',
    '"\\u202e\\uffff"',
    '"\'; DROP TABLE runs; --"',
    '"%s%n{0}${x}$(id)"',
    '"../../etc/passwd"',
    "[]",
    "{}",
    "[[]]",
    "[null]",
    "[5]",
    '["x", "\\ud800"]',
    '[{"key": "k", "value": "v"}, {"key": "k"}]',
    '[{"key": 5, "value": []}]',
    '{"key": {"a": [1, NaN]}}',
    f'"{"y" * 3000}"',
)


def sent(route, world, query="", body=b"", headers=JSON):
    """Return a request to a route about what there is."""
    path = served_paths(route)[0]
    known = {"model_id": world.model_id, "path": f"{world.base}/model/MLmodel", "folder": world.base}
    path = re.sub(r"\{(\w+)(?::path)?\}", lambda match: known.get(match[1], "x"), path)
    body = b"" if route.stores or route.method == "GET" else body
    return Request(route.method, path, query, body, headers)


class HostileWorld(HoleWorld):
    """Adds what a good request would say in each field."""

    def __init__(self, root):
        super().__init__(root)
        self.version()
        self.said = {
            "run_id": self.run_id,
            "run_uuid": self.run_id,
            "run_ids": [self.run_id],
            "experiment_id": self.mine,
            "experiment_ids": [self.mine],
            "model_id": self.model_id,
            "name": "fraud",
            "new_name": "fraud",
            "version": "1",
            "source": f"runs:/{self.run_id}/model",
            "alias": "x",
            "stage": "None",
            "key": "k",
            "value": 1,
            "timestamp": 1,
            "metric_key": "k",
            "path": "model",
            "max_results": 5,
            "trace_ids": ["tr-1"],
            "locations": [{"mlflow_experiment": {"experiment_id": self.mine}}],
            "trace": {"trace_info": {"trace_id": "tr-1"}},
            "records": '[{"inputs": {"a": 1}}]',
            "tags": [],
            "model_json": '{"artifact_path": "m", "flavors": {}, "utc_time_created": "", "run_id": ""}',
            "models": [{"model_id": self.model_id}],
            "status": "FINISHED",
        }

    def check(self, requests):
        """Send, and check every answer; return the answers."""
        replies = ask_all(self.app, requests)
        for request, reply in zip(requests, replies, strict=True):
            self.check_reply(reply, request)
        return replies


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    one = HostileWorld(tmp_path_factory.mktemp("hostile"))
    yield one
    one.close()


@pytest.fixture(scope="module")
def fields(world):
    """The fields that each route asks for, found by listening: with good values it gets further each time."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        asked = set()
        original = Fields._raw

        def listening(self, name):
            if not self._path:
                asked.add(name)
            return original(self, name)

        patch.setattr(Fields, "_raw", listening)
        for route in OFFERED:
            asked.clear()
            for _ in range(3):
                said = {name: world.said.get(name, "x") for name in asked}
                query = {key: value for key, value in said.items() if isinstance(value, str | int)}
                ask_all(world.app, [sent(route, world, query, json.dumps(said).encode())])
            found[route.answer] = sorted(asked)
    return found


def with_field(world, names, name, value):
    """Return a body that is good but for one field, whose raw JSON is given."""
    good = {each: world.said.get(each, "x") for each in names if each != name}
    return (json.dumps(good)[:-1] + (", " if good else "") + f'"{name}": {value}}}').encode()


@pytest.mark.parametrize("body", BODIES)
def test_no_body_makes_any_route_fail(world, body):
    world.check([sent(route, world, body=BODIES[body]) for route in OFFERED])


@pytest.mark.parametrize("part", range(4))
def test_no_wrong_kind_of_value_makes_any_route_fail(world, fields, part):
    requests = [
        sent(route, world, {name: value.strip('"')}, with_field(world, fields[route.answer], name, value))
        for place, route in enumerate(OFFERED[part::4])
        for at, name in enumerate(fields[route.answer])
        for value in VALUES[(place + at) % 4 :: 12 if route.method == "GET" else 4]
    ]
    assert len(requests) > 200
    world.check(requests)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=5), inside, max_size=3),
    max_leaves=8,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_generated_body_makes_any_route_fail(world, fields, data):
    requests = []
    for route in data.draw(st.lists(st.sampled_from(OFFERED), min_size=5, max_size=10)):
        names = fields[route.answer]
        good = {name: world.said.get(name, "x") for name in names}
        wrong = data.draw(st.dictionaries(st.sampled_from(names), _JSON, max_size=3)) if names else {}
        raw = json.dumps({**good, **wrong}).encode()
        requests.append(sent(route, world, {key: str(value) for key, value in wrong.items()}, raw))
    world.check(requests)


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "TRACE", "PROPFIND", "get"])
def test_a_wrong_method_is_an_error_of_the_protocol_on_every_path(world, method):
    taken = {(each.method, path) for each in ROUTES for path in served_paths(each)}
    requests = [
        Request(method, path, headers=JSON)
        for path in sorted({path for route in ROUTES for path in served_paths(route) if "{" not in path})
        if (method, path) not in taken
    ]
    for request, reply in zip(requests, world.check(requests), strict=True):
        assert reply.status >= 400 or (method == "HEAD" and ("GET", request.path) in taken)
        assert method != "HEAD" or reply.body == b""


def test_what_nobody_answers_is_said_in_json(world):
    paths = (
        "/api/2.0/mlflow/none",
        "/ajax-api/2.0/mlflow/none",
        "/api/2.0/mlflow/runs/get/x",
        "/api/2.0/",
        "",
    )
    for reply in world.check([Request("GET", path or "/version/x") for path in paths]):
        assert (reply.status, reply.json["error_code"]) == (404, "ENDPOINT_NOT_FOUND")


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "x", "\xff"],
)
def test_a_body_of_another_kind_is_refused_and_changes_nothing(world, kind):
    body = json.dumps(
        {"experiment_id": "0", "name": f"by {kind!r}", "run_id": world.run_id, "key": "k"}
    ).encode()
    headers = (("content-type", kind),) if kind else ()
    routes = [each for each in OFFERED if each.method != "GET" and not each.stores and not each.raw]
    before = world.tables()
    for reply in world.check([sent(each, world, "", body, headers) for each in routes]):
        assert reply.status in (400, 501)
    assert world.tables() == before


def test_thousands_of_query_fields_are_refused(world):
    query = "&".join(f"a{at}=1" for at in range(MAX_QUERY_FIELDS + 1))
    reads = [sent(each, world, query) for each in OFFERED if each.method == "GET"]
    refused = [each for each in world.check(reads) if each.status == 400]
    assert len(refused) > len(reads) // 2
    repeated = "run_ids=x&" * 4000 + "metric_key=k"
    world.check([sent(each, world, repeated) for each in OFFERED if each.method == "GET"])


def test_texts_of_ten_megabytes_are_refused_or_kept_whole_and_never_echoed(world, fields):
    routes = [each for each in OFFERED if each.method in ("POST", "PATCH") and fields[each.answer]]
    for route in routes[::6]:
        name = next((each for each in fields[route.answer] if each in ("name", "key", "filter")), None)
        name = name or fields[route.answer][0]
        request = sent(route, world, "", with_field(world, fields[route.answer], name, f'"{LONG}"'))
        (reply,) = ask_all(world.app, [request])
        request.body = b"(long)"
        world.check_reply(reply, request)


def test_too_large_a_body_is_refused_after_its_limit_and_memory_stays_flat(world):
    """The sender goes on for ever; the door reads as much as it may and answers."""
    piece, taken, status = b"x" * (1 << 20), [], []

    async def receive():
        taken.append(1)
        return {"type": "http.request", "body": piece, "more_body": True}

    async def send(event):
        status.append(event.get("status"))

    scope, _ = Request("POST", "2.0/mlflow/runs/log-batch", headers=JSON).scope()
    asyncio.run(world.app(scope, receive, send))
    assert status[0] == 413
    assert len(taken) == MAX_JSON_BYTES // len(piece) + 1


def test_the_advertised_limit_of_a_batch_is_kept(world):
    tags = [{"key": f"k{at}", "value": "v" * 9000} for at in range(120)]
    status, code, message = world.refused(
        "POST", "2.0/mlflow/runs/log-batch", {"run_id": world.run_id, "tags": tags}
    )
    assert (status, code) == (400, "INVALID_PARAMETER_VALUE")
    assert "1000000 bytes" in message


def test_a_small_body_never_becomes_large_in_memory(world):
    """A megabyte of brackets, or of zeros packed a thousandfold, costs megabytes and not gigabytes."""
    body = b'{"filter": ' + b"[" * 500_000 + b"]" * 500_000 + b"}"
    tracemalloc.start()
    ask_all(world.app, [Request("POST", "2.0/mlflow/runs/search", body=body, headers=JSON)])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 << 20


@pytest.mark.parametrize("filter_text", ["(" * 5000, "NOT " * 5000, "a='" + "%" * 5000 + "'", "x" * 100_000])
@pytest.mark.parametrize("place", ["runs/search", "experiments/search", "registered-models/search"])
def test_no_filter_makes_the_server_work_for_long(world, filter_text, place):
    body = {"filter": filter_text, "experiment_ids": [world.mine], "max_results": 10}
    world.check([Request("POST", f"2.0/mlflow/{place}", body=body)])


@pytest.mark.parametrize("pattern", ["%a" * 2000, "_%" * 2000 + "b", "%" * 2000 + "b"])
def test_a_slow_pattern_ends_at_once(world, pattern):
    body = {
        "filter": f"tags.`mlflow.runName` LIKE '{pattern}'",
        "experiment_ids": [world.mine],
        "max_results": 10,
    }
    world.check([Request("POST", "2.0/mlflow/runs/search", body=body)])


def test_more_runs_than_a_page_may_hold_cannot_be_asked_for(world):
    for place, limit in (("runs/search", 50_001), ("model-versions/search", 200_001), ("runs/search", 0)):
        body = {"max_results": limit, "experiment_ids": [world.mine]}
        assert world.refused("POST", f"2.0/mlflow/{place}", body)[0] == 400


@pytest.mark.parametrize(
    "value", ["1e400", "9" * 400, "NaN", '"Infinity"', '"x"', "null", "[]", "true", '"\\ud800"']
)
@pytest.mark.parametrize("name", ["value", "timestamp", "step", "key", "model_id"])
def test_no_point_of_a_batch_makes_the_server_fail_or_is_half_written(world, name, value):
    good = {"key": f"k{name}", "value": 1, "timestamp": 1, "step": 0}
    points = [json.dumps(good)[:-1] + "}", json.dumps({**good, name: "?"}).replace('"?"', value)]
    body = f'{{"run_id": "{world.run_id}", "metrics": [{", ".join(points)}]}}'.encode()
    before = world.tables()
    (reply,) = world.check([Request("POST", "2.0/mlflow/runs/log-batch", body=body, headers=JSON)])
    assert reply.status == 200 or world.tables() == before
