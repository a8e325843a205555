import base64
import gzip
import json
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.errors import BadInputError
from assay.core.tracking.spans import Span
from assay.doors.mlflow.not_offered import NOT_OFFERED
from assay.doors.mlflow.otlp import span_document, span_of
from assay.doors.mlflow.otlp_reading import MAX_DEPTH, read_json, read_protobuf
from doors.mlflow.trace_world import (
    CHILD,
    ID,
    ROOT,
    TRACE,
    TraceWorld,
    any_value,
    field,
    fixed,
    key_value,
    otlp,
    otlp_span,
)

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",))),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3)
    ),
    max_leaves=10,
)


@pytest.fixture
def world(tmp_path):
    one = TraceWorld(tmp_path)
    yield one
    one.close()


@pytest.fixture
def traced(world):
    """A world with one whole trace."""
    root = otlp_span(attributes={"mlflow.spanInputs": {"q": 3}, "mlflow.spanType": "CHAIN"}, name="outer")
    child = otlp_span(CHILD, parent=ROOT, attributes={"a": [1, 2.5, True, None]}, name="inner")
    assert world.export(otlp(child, root, resource={"service.name": "web"})).status == 200
    world.good("POST", "3.0/mlflow/traces", world.declared())
    return world


def place(world):
    return {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": world.experiment}}


def search(world, **more):
    found = world.good("POST", "3.0/mlflow/traces/search", {"locations": [place(world)], **more})
    return [each["trace_id"] for each in found.get("traces", ())], found.get("next_page_token")


def test_a_declared_trace_comes_back_with_what_the_registry_adds(world):
    made = world.good("POST", "3.0/mlflow/traces", world.declared(request_preview="q"))["trace"]["trace_info"]
    said = world.declared(request_preview="q")["trace"]["trace_info"]
    assert made == {
        **said,
        "trace_metadata": {**said["trace_metadata"], "mlflow.trace.infoFinalized": "true"},
        "tags": {
            **said["tags"],
            "mlflow.artifactLocation": f"mlflow-artifacts:/x/traces/{ID}/artifacts",
        },
    }
    assert world.good("GET", f"3.0/mlflow/traces/{ID}?trace_id={ID}")["trace"]["trace_info"] == made


def test_a_trace_comes_back_with_its_spans_as_otlp(traced):
    trace = traced.good("GET", f"3.0/mlflow/traces/get?trace_id={ID}&allow_partial=False")["trace"]
    assert trace == traced.good("GET", f"3.0/mlflow/traces/batchGet?trace_ids={ID}")["traces"][0]
    root, child = trace["spans"]
    identifier = {"key": "mlflow.traceRequestId", "value": {"string_value": ID}}
    assert root == {
        "trace_id": base64.b64encode(bytes.fromhex(TRACE)).decode(),
        "span_id": base64.b64encode(bytes.fromhex(ROOT)).decode(),
        "name": "outer",
        "start_time_unix_nano": 1_795_535_672_918_000_001,
        "end_time_unix_nano": 1_795_535_672_986_000_002,
        "attributes": [
            {
                "key": "mlflow.spanInputs",
                "value": {"kvlist_value": {"values": [{"key": "q", "value": {"int_value": 3}}]}},
            },
            {"key": "mlflow.spanType", "value": {"string_value": "CHAIN"}},
            identifier,
        ],
        "status": {"code": "STATUS_CODE_OK"},
    }
    assert child["parent_span_id"] == root["span_id"]
    assert child["attributes"][0]["value"] == {
        "array_value": {"values": [{"int_value": 1}, {"double_value": 2.5}, {"bool_value": True}, {}]}
    }


def test_events_links_and_failures_of_spans_are_kept(world):
    event = fixed(1, 7) + field(2, "exception") + field(3, key_value("exception.type", "E"))
    link = field(1, bytes.fromhex(TRACE)) + field(2, bytes.fromhex(CHILD)) + field(4, key_value("k", "v"))
    span = otlp_span(events=[event], links=[link], code=2, message="no", end=0)
    assert world.export(otlp(span)).status == 200
    found = world.good("GET", f"3.0/mlflow/traces/get?trace_id={ID}&allow_partial=true")["trace"]
    kept = found["spans"][0]
    assert found["trace_info"]["state"] == "ERROR"
    assert kept["status"] == {"code": "STATUS_CODE_ERROR", "message": "no"}
    assert "end_time_unix_nano" not in kept
    assert kept["events"] == [
        {
            "name": "exception",
            "time_unix_nano": 7,
            "attributes": [{"key": "exception.type", "value": {"string_value": "E"}}],
        }
    ]
    assert kept["links"][0]["attributes"] == [{"key": "k", "value": {"string_value": "v"}}]
    assert base64.b64decode(kept["links"][0]["span_id"]).hex() == CHILD


@given(st.dictionaries(st.text("xyz", min_size=1), VALUES, max_size=4))
def test_attributes_survive_the_wire(attributes):
    span = span_of(read_protobuf(otlp(otlp_span(attributes=attributes)))[0]["spans"][0])
    assert {key: span.attributes[key] for key in attributes} == attributes
    written = span_document(span)
    listed = [{"key": each["key"], "value": camel(each["value"])} for each in written["attributes"]]
    request = {
        "resourceSpans": [
            {"scopeSpans": [{"spans": [{"traceId": TRACE, "spanId": ROOT, "attributes": listed}]}]}
        ]
    }
    again = read_json(json.dumps(request).encode())[0]["spans"][0]
    assert again["attributes"] == dict(span.attributes)


def camel(value):
    """An ``AnyValue`` as OTLP writes it in JSON."""
    if "array_value" in value:
        return {"arrayValue": {"values": [camel(each) for each in value["array_value"]["values"]]}}
    if "kvlist_value" in value:
        pairs = value["kvlist_value"]["values"]
        return {"kvlistValue": {"values": [{"key": p["key"], "value": camel(p["value"])} for p in pairs]}}
    names = {"int_value": "intValue", "double_value": "doubleValue", "bool_value": "boolValue"}
    return {names.get(key, "stringValue"): str(v) if key == "int_value" else v for key, v in value.items()}


def test_json_and_protobuf_say_the_same(world):
    request = {
        "resourceSpans": [
            {
                "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "web"}}]},
                "scopeSpans": [
                    {
                        "spans": [
                            {
                                "traceId": TRACE.upper(),
                                "spanId": CHILD,
                                "parentSpanId": ROOT,
                                "name": "step",
                                "startTimeUnixNano": "1795535672918000001",
                                "endTimeUnixNano": 1795535672986000002,
                                "attributes": [{"key": "n", "value": {"intValue": "-5"}}],
                                "status": {"code": "STATUS_CODE_OK"},
                                "events": [{"name": "e", "timeUnixNano": "7"}],
                                "links": [{"traceId": TRACE, "spanId": ROOT}],
                            }
                        ]
                    }
                ],
            }
        ]
    }
    event = fixed(1, 7) + field(2, "e")
    link = field(1, bytes.fromhex(TRACE)) + field(2, bytes.fromhex(ROOT))
    span = otlp_span(CHILD, parent=ROOT, attributes={"n": -5}, events=[event], links=[link])
    assert read_json(json.dumps(request).encode()) == read_protobuf(
        otlp(span, resource={"service.name": "web"})
    )
    answer = world.export(json.dumps(request).encode(), kind="application/json; charset=utf-8")
    assert (answer.status, answer.json) == (200, {})
    assert (
        world.good("GET", f"3.0/mlflow/traces/{ID}")["trace"]["trace_info"]["tags"]["service.name"] == "web"
    )


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda body: zlib.compress(body, wbits=-15)),
        ("identity", bytes),
    ],
)
def test_packed_bodies_are_read(world, encoding, pack):
    assert world.export(pack(otlp(otlp_span())), ("content-encoding", encoding)).status == 200
    assert world.good("GET", f"3.0/mlflow/traces/{ID}")


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (otlp(otlp_span()), [("x-mlflow-experiment-id", "")]),
        (otlp(otlp_span()), [("x-mlflow-experiment-id", "x")]),
        (otlp(otlp_span()), [("content-encoding", "br")]),
        (otlp(otlp_span()), [("content-encoding", "gzip")]),
        (b"\xff\xff", []),
        (b"", []),
        (field(1, b"\x12\x05abc"), []),
        (otlp(otlp_span(trace="ab" * 15)), []),
        (otlp(otlp_span(span_id="ab")), []),
        (otlp(otlp_span(name="x" * 5000)), []),
        (gzip.compress(bytes(70 * 1024 * 1024)), [("content-encoding", "gzip")]),
    ],
    ids=range(11),
)
def test_what_is_no_otlp_is_refused_and_leaves_nothing(world, body, headers):
    answer = world.export(body, *headers)
    assert (answer.status, answer.json["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert search(world) == ([], None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"resourceSpans": 5}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "zz"}]}]}]}',
        b'{"resourceSpans": [{"resource": {"attributes": [{"value": {}}]}}]}',
        b'{"resourceSpans": [{"resource": {"attributes": [{"key": 5}]}}]}',
        b'{"resourceSpans": ' + b"[" * 5000,
    ],
)
def test_what_is_no_otlp_in_json_is_refused(body):
    with pytest.raises(BadInputError, match="Invalid OpenTelemetry format"):
        read_json(body)


@given(st.binary(max_size=60), st.integers(0, 400))
def test_damaged_protobuf_never_does_more_than_fail(noise, at):
    whole = otlp(otlp_span(attributes={"a": {"b": [1]}}), resource={"r": "x"})
    with suppress(BadInputError):
        read_protobuf(whole[:at] + noise + whole[at:])


@pytest.mark.parametrize("depth", [MAX_DEPTH, MAX_DEPTH + 5])
def test_values_nested_too_deeply_are_refused(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    listed = {"key": "k", "value": json.loads('{"arrayValue": {"values": [' * depth + "{}" + "]}}" * depth)}
    request = json.dumps({"resourceSpans": [{"resource": {"attributes": [listed]}}]}).encode()
    body = otlp(otlp_span(attributes={"k": value}))
    if depth > MAX_DEPTH:
        for read, sent in ((read_protobuf, body), (read_json, request)):
            with pytest.raises(BadInputError):
                read(sent)
    else:
        assert read_protobuf(body)
        assert read_json(request)


def test_numbers_that_json_cannot_say_become_their_names():
    span = read_protobuf(
        otlp(otlp_span(attributes={"a": float("nan"), "b": float("-inf"), "c": b"\x00\xff"}))
    )
    assert span[0]["spans"][0]["attributes"] == {"a": "nan", "b": "-inf", "c": "AP8="}
    assert any_value(None) == b""


def test_an_incomplete_trace_is_not_served_as_whole(world):
    stats = json.dumps({"num_spans": 2})
    world.good("POST", "3.0/mlflow/traces", world.declared(trace_metadata={"mlflow.trace.sizeStats": stats}))
    world.export(otlp(otlp_span()))
    assert world.good("GET", f"3.0/mlflow/traces/batchGet?trace_ids={ID}") == {}
    partial = world.good("GET", f"3.0/mlflow/traces/get?trace_id={ID}&allow_partial=true")["trace"]
    assert len(partial["spans"]) == 1
    world.export(otlp(otlp_span(CHILD, parent=ROOT)))
    assert len(world.good("GET", f"3.0/mlflow/traces/get?trace_id={ID}")["trace"]["spans"]) == 2


def test_what_is_missing_is_named(world):
    for method, path, body, name in (
        ("POST", "3.0/mlflow/traces", {}, "trace"),
        ("POST", "3.0/mlflow/traces/search", {}, "locations"),
        ("GET", "2.0/mlflow/traces", None, "experiment_ids"),
        ("GET", "3.0/mlflow/traces/batchGet", None, "trace_ids"),
        ("POST", "3.0/mlflow/traces/batchGetInfos", {}, "trace_ids"),
        ("GET", "3.0/mlflow/traces/get", None, "trace_id"),
        ("PATCH", f"2.0/mlflow/traces/{ID}/tags", {"key": ""}, "key"),
        ("DELETE", f"3.0/mlflow/traces/{ID}/tags", {}, "key"),
        ("POST", "3.0/mlflow/traces/delete-traces", {}, "experiment_id"),
        ("POST", "2.0/mlflow/traces/link-to-run", {"trace_ids": [ID]}, "run_id"),
        ("POST", "2.0/mlflow/traces/link-prompts", {"trace_id": ID}, "prompt_versions"),
        ("POST", f"3.0/mlflow/traces/{ID}/assessments", {}, "assessment"),
        ("PATCH", f"3.0/mlflow/traces/{ID}/assessments/a", {"assessment": {}}, "update_mask"),
    ):
        message = f"Missing value for required parameter '{name}'."
        status, code, said = world.bad(method, path, body)
        assert (status, code) == (400, "INVALID_PARAMETER_VALUE"), path
        assert said.startswith(message), (path, said)


def test_what_is_not_there_is_404(world):
    for method, path, body in (
        ("GET", "3.0/mlflow/traces/tr-none", None),
        ("GET", "3.0/mlflow/traces/get?trace_id=tr-none", None),
        ("GET", "2.0/mlflow/traces/tr-none/info", None),
        ("PATCH", "2.0/mlflow/traces/tr-none", {"status": "OK"}),
        ("PATCH", "2.0/mlflow/traces/tr-none/tags", {"key": "k", "value": "v"}),
        ("DELETE", "2.0/mlflow/traces/tr-none/tags", {"key": "k"}),
        ("GET", "3.0/mlflow/traces/tr-none/assessments/a-1", None),
        ("DELETE", "3.0/mlflow/traces/tr-none/assessments/a-1", {}),
    ):
        assert world.bad(method, path, body)[:2] == (404, "RESOURCE_DOES_NOT_EXIST"), path


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"trace_id": "../x"}, 400),
        ({"trace_location": {"mlflow_experiment": {"experiment_id": "x"}}}, 400),
        ({"trace_location": {"mlflow_experiment": {"experiment_id": "4711"}}}, 404),
        ({"trace_location": {"inference_table": {"full_table_name": "a.b"}}}, 400),
        ({"request_time": "yesterday"}, 400),
        ({"execution_duration": "1m"}, 400),
        ({"tags": {"k": 5}}, 400),
        ({"tags": {"../k": "5"}}, 400),
    ],
    ids=str,
)
def test_a_bad_summary_is_refused(world, change, status):
    assert world.bad("POST", "3.0/mlflow/traces", world.declared(**change))[0] == status
    assert search(world) == ([], None)


def test_pages_of_a_search_follow_one_another(world):
    for number in range(5):
        at = f"2026-11-24T15:54:0{number}Z"
        world.good("POST", "3.0/mlflow/traces", world.declared(f"tr-{number}", request_time=at))
    first, token = search(world, max_results=2)
    second, token = search(world, max_results=2, page_token=token)
    third, token = search(world, max_results=2, page_token=token)
    assert (first, second, third, token) == (["tr-4", "tr-3"], ["tr-2", "tr-1"], ["tr-0"], None)
    assert search(world, order_by=["timestamp_ms ASC"])[0] == [*third, *second[::-1], *first[::-1]]
    assert search(world, filter="trace_id IN ('tr-1', 'tr-3')")[0] == ["tr-3", "tr-1"]
    older = world.good("GET", f"2.0/mlflow/traces?experiment_ids={world.experiment}&max_results=1")
    assert [each["request_id"] for each in older["traces"]] == ["tr-4"]
    assert older["next_page_token"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"max_results": 0}, "Invalid value 0 for parameter 'max_results' supplied. It must be a positive"),
        ({"max_results": 501}, "Invalid value 501 for parameter 'max_results' supplied"),
        ({"page_token": "abc"}, "Invalid page token"),
        ({"filter": "foo = 'x'"}, "Invalid attribute key 'foo' specified. Valid keys are"),
        ({"filter": "status > 'OK'"}, "Invalid comparator '>' not one of"),
        ({"filter": "nosuch.k = 'v'"}, "Invalid entity type 'nosuch'"),
        ({"filter": "span.x = 'v'"}, "Invalid span attribute 'x'"),
        ({"filter": "prompt = 'p'"}, "Invalid prompts filter value 'p'"),
        ({"filter": "name RLIKE '(a+)+'"}, "the pattern of RLIKE"),
        ({"order_by": ["bogus"]}, "Invalid attribute key 'bogus' specified"),
        ({"order_by": ["status SIDE"]}, "Invalid ordering key in order_by clause"),
        ({"order_by": ["name", "name DESC"]}, "`order_by` contains duplicate fields"),
        ({"order_by": ["feedback.x"]}, "Invalid identifier type 'feedback'"),
        ({"locations": [{"mlflow_experiment": {"experiment_id": "x"}}]}, "Invalid experiment ID 'x'"),
    ],
    ids=str,
)
def test_a_bad_search_says_what_is_wrong(world, change, message):
    body = {"locations": [place(world)], **change}
    status, code, said = world.bad("POST", "3.0/mlflow/traces/search", body)
    assert (status, code) == (400, "INVALID_PARAMETER_VALUE")
    assert said.startswith(message)


def test_several_traces_are_read_at_once(traced):
    traced.good("POST", "3.0/mlflow/traces", traced.declared("tr-2"))
    path, here = "3.0/mlflow/traces/batchGetInfos", [traced.experiment]
    found = traced.good("POST", path, {"trace_ids": ["tr-2", "tr-none", ID], "experiment_ids": here})
    assert [each["trace_id"] for each in found["trace_infos"]] == ["tr-2", ID]
    assert traced.good("POST", path, {"trace_ids": [ID], "experiment_ids": ["77"]}) == {}
    assert traced.bad("POST", path, {"trace_ids": [ID] * 1001})[0] == 400


def test_bodies_of_another_kind_are_refused(world):
    answer = world.export(otlp(otlp_span()), kind="text/plain")
    assert (answer.status, answer.json["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert answer.json["message"].startswith("Invalid Content-Type: text/plain")


def test_spans_of_a_run_that_is_not_there_are_refused(world):
    answer = world.export(otlp(otlp_span()), ("x-mlflow-run-id", "nope"))
    assert (answer.status, answer.json["message"]) == (404, "Run with id=nope not found")
    assert search(world) == ([], None)


def test_places_that_are_no_experiments_hold_no_traces(world):
    body = {"locations": [{"inference_table": {"full_table_name": "a.b"}}]}
    assert world.good("POST", "3.0/mlflow/traces/search", body) == {}


def test_tags_are_set_and_taken_away_by_both_versions(traced):
    for version in ("2.0", "3.0"):
        path = f"{version}/mlflow/traces/{ID}/tags"
        traced.good("PATCH", path, {"key": "k", "value": version})
        tags = traced.good("GET", f"3.0/mlflow/traces/{ID}")["trace"]["trace_info"]["tags"]
        assert tags["k"] == version
        traced.good("DELETE", path, {"key": "k"})
        assert traced.bad("DELETE", path, {"key": "k"})[0] == 404


def test_traces_are_deleted_by_id_and_by_age(traced):
    traced.good("POST", "3.0/mlflow/traces", traced.declared("tr-2"))
    path, here = "2.0/mlflow/traces/delete-traces", {"experiment_id": traced.experiment}
    assert traced.good("POST", path, {**here, "request_ids": [ID, "tr-none"]}) == {"traces_deleted": 1}
    assert traced.bad("POST", path, here)[0] == 400
    late = {"max_timestamp_millis": 2**50, "max_traces": 5}
    assert traced.good("POST", path, {**here, **late}) == {"traces_deleted": 1}
    assert traced.good("POST", path, {**here, **late}) == {"traces_deleted": 0}


def test_old_clients_tell_start_and_end(world):
    words = {"tags": [{"key": "t", "value": "1"}], "request_metadata": [{"key": "m", "value": "2"}]}
    begun = world.good(
        "POST", "2.0/mlflow/traces", {"experiment_id": world.experiment, "timestamp_ms": 1000, **words}
    )["trace_info"]
    assert begun["status"] == "IN_PROGRESS"
    assert {"key": "m", "value": "2"} in begun["request_metadata"]
    path = f"2.0/mlflow/traces/{begun['request_id']}"
    more = {"timestamp_ms": 1025, "status": "ERROR", "tags": [{"key": "u", "value": "3"}]}
    ended = world.good("PATCH", path, more)["trace_info"]
    assert ended == world.good("GET", f"{path}/info")["trace_info"]
    assert (ended["status"], ended["execution_time_ms"], ended["timestamp_ms"]) == ("ERROR", 25, 1000)
    assert {each["key"] for each in ended["tags"]} == {"t", "u", "mlflow.artifactLocation"}
    assert world.bad("GET", f"3.0/mlflow/traces/get?trace_id={begun['request_id']}")[0] == 404


def test_prompts_of_a_trace_are_linked_and_found(traced):
    versions = [{"name": "p", "version": "1"}, {"name": "q", "version": "2"}]
    traced.good("POST", "2.0/mlflow/traces/link-prompts", {"trace_id": ID, "prompt_versions": versions})
    assert search(traced, filter="prompt = 'q/2'")[0] == [ID]
    assert search(traced, filter="prompt = 'q/1'")[0] == []


def test_assessments_are_made_changed_and_taken_away(traced):
    base = f"3.0/mlflow/traces/{ID}/assessments"
    said = {
        "assessment_name": "correct",
        "trace_id": ID,
        "source": {"source_type": "CODE", "source_id": "default"},
        "create_time": "2026-11-24T15:54:38.496Z",
        "last_update_time": "2026-11-24T15:54:38.496Z",
        "feedback": {"value": True},
        "rationale": "r",
        "metadata": {"m": "1"},
        "valid": True,
    }
    made = traced.good("POST", base, {"assessment": said})["assessment"]
    assert made == {**said, "assessment_id": made["assessment_id"]}
    one = f"{base}/{made['assessment_id']}"
    assert traced.good("GET", one)["assessment"] == made
    mask = {"assessment": {"feedback": {"value": False}}, "update_mask": "feedback"}
    changed = traced.good("PATCH", one, mask)["assessment"]
    assert {**changed, "last_update_time": ""} == {
        **made,
        "feedback": {"value": False},
        "last_update_time": "",
    }
    renamed = {"assessment": {"assessment_name": "n"}, "update_mask": "assessmentName"}
    assert traced.good("PATCH", one, renamed)["assessment"]["assessment_name"] == "n"
    wrong = {"assessment": {"expectation": {"value": 1}}, "update_mask": "expectation"}
    assert traced.bad("PATCH", one, wrong)[0] == 400
    kept = traced.good("GET", f"3.0/mlflow/traces/{ID}")["trace"]["trace_info"]["assessments"]
    assert [each["assessment_id"] for each in kept] == [made["assessment_id"]]
    assert search(traced, filter="feedback.n = 'false'")[0] == [ID]
    traced.good("DELETE", one, {"trace_id": ID})
    traced.good("DELETE", one, {"trace_id": ID})
    assert traced.bad("GET", one)[0] == 404


@pytest.mark.parametrize(
    "value",
    [
        {"expectation": {"value": "x"}},
        {"expectation": {"serialized_value": {"serialization_format": "JSON_FORMAT", "value": '{"a": [1]}'}}},
        {"feedback": {"value": {"a": 1}}},
        {"feedback": {"value": None, "error": {"error_code": "E", "error_message": "m"}}},
        {"issue": {"issue_name": "slow"}},
    ],
    ids=str,
)
def test_every_kind_of_value_comes_back_as_it_was_said(traced, value):
    said = {"assessment_name": "a", "source": {"source_type": "HUMAN", "source_id": "ada"}, **value}
    made = traced.good("POST", f"3.0/mlflow/traces/{ID}/assessments", {"assessment": said})["assessment"]
    kind = next(iter(value))
    assert made[kind] == value[kind]


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"feedback": {"value": 1}, "expectation": {"value": 1}},
        {"expectation": {"value": None}},
        {"expectation": {"serialized_value": {"value": "{"}}},
        {"expectation": {"serialized_value": {"serialization_format": "XML", "value": "1"}}},
        {"feedback": {"value": 1}, "create_time": "x"},
        {"feedback": {"value": 1}, "assessment_name": ""},
    ],
    ids=str,
)
def test_bad_assessments_are_refused(traced, value):
    said = {"assessment_name": "a", "source": {"source_type": "HUMAN"}, **value}
    assert traced.bad("POST", f"3.0/mlflow/traces/{ID}/assessments", {"assessment": said})[0] == 400
    assert "assessments" not in traced.good("GET", f"3.0/mlflow/traces/{ID}")["trace"]["trace_info"]


@pytest.mark.parametrize(("where", "words"), NOT_OFFERED, ids=lambda value: value)
def test_what_is_not_offered_says_so(world, where, words):
    for method in ("GET", "POST", "PATCH", "PUT", "DELETE"):
        for path in (where, f"{where}/a/b"):
            status, code, message = world.bad(method, path, None if method == "GET" else {})
            assert (status, code) == (501, "NOT_IMPLEMENTED")
            assert words in message
            assert "docs/reference/mlflow-not-offered.md" in message


def test_a_span_needs_ids_of_the_right_length():
    with pytest.raises(BadInputError, match="Cannot convert"):
        span_of({"attributes": {}, "events": [], "links": []})
    lone = span_of(
        {
            "trace_id": TRACE,
            "span_id": ROOT,
            "parent_span_id": "0" * 16,
            "attributes": {},
            "events": [],
            "links": [],
        }
    )
    assert lone == Span(ID, ROOT, "", 0, attributes={"mlflow.traceRequestId": ID})
