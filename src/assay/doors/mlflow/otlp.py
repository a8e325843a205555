"""``POST /v1/traces``: spans as OpenTelemetry sends them; and spans as this protocol gives them back."""

import base64
from collections.abc import Iterable, Mapping
from typing import Any, Final

from assay.core.errors import BadInputError, Reason
from assay.core.tracking.spans import KIND, Span
from assay.core.tracking.traces import resource_tags
from assay.doors.mlflow.experiments import experiment_number
from assay.doors.mlflow.otlp_reading import read_json, read_protobuf, unpacked
from assay.doors.mlflow.route import Answer, Call, Plain, Route

PROTOBUF: Final = "application/x-protobuf"
REQUEST_ID: Final = "mlflow.traceRequestId"
MAX_SPANS: Final = 20_000
_STATES: Final = {1: "OK", 2: "ERROR"}
_CODES: Final = {"OK": "STATUS_CODE_OK", "ERROR": "STATUS_CODE_ERROR", "UNSET": "STATUS_CODE_UNSET"}


def export(call: Call) -> Answer:
    """Take spans in (opentelemetry.io/docs/specs/otlp, "OTLP/HTTP Request").

    Raises:
        BadInputError: no experiment is named, or the body is no OTLP.
    """
    experiment_id = call.headers.get("x-mlflow-experiment-id", "")
    if not experiment_id:
        rule = "must be given"
        raise BadInputError(
            "the header x-mlflow-experiment-id must name an experiment",
            [Reason("x-mlflow-experiment-id", rule)],
        )
    kind = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (PROTOBUF, "application/json"):
        message = f"Invalid Content-Type: {kind[:60]}. Expected: {PROTOBUF} or application/json"
        raise BadInputError(message, [Reason("Content-Type", f"must be {PROTOBUF} or application/json")])
    body = unpacked(call.body, call.headers.get("content-encoding", "").strip().lower())
    resources = read_json(body) if kind == "application/json" else read_protobuf(body)
    if not resources:
        message = "Invalid OpenTelemetry format - no spans found"
        raise BadInputError(message, [Reason("resourceSpans", "must not be empty")])
    spans, tags = taken_apart(resources)
    run_id = call.headers.get("x-mlflow-run-id", "")
    call.use.tracing.add_spans(call.caller, experiment_number(experiment_id), spans, tags, run_id)
    return Plain(b"" if kind == PROTOBUF else b"{}", kind)


def taken_apart(
    resources: Iterable[Mapping[str, Any]],
) -> tuple[tuple[Span, ...], dict[str, dict[str, str]]]:
    """Return the spans, and by trace the tags that their resources say.

    Raises:
        BadInputError: a span without ids, or too many spans.
    """
    spans: list[Span] = []
    tags: dict[str, dict[str, str]] = {}
    for each in resources:
        said = resource_tags(each["resource"])
        for document in each["spans"]:
            span = span_of(document)
            spans.append(span)
            tags.setdefault(span.trace_id, said)
    if len(spans) > MAX_SPANS:
        raise BadInputError.of("resourceSpans", f"must hold at most {MAX_SPANS} spans")
    return tuple(spans), tags


def span_of(document: Mapping[str, Any]) -> Span:
    """Return the span that a request describes; the trace's id follows from OpenTelemetry's.

    Raises:
        BadInputError: an id is missing or of the wrong length.
    """
    trace_id, span_id = document.get("trace_id", ""), document.get("span_id", "")
    parent_id = document.get("parent_span_id", "")
    if len(trace_id) != 32 or len(span_id) != 16 or len(parent_id) not in (0, 16):
        message = "Cannot convert OpenTelemetry span to MLflow span"
        rule = "trace_id must have 16 bytes, span_id and parent_span_id 8"
        raise BadInputError(message, [Reason("span", rule)])
    known_as = f"tr-{trace_id}"
    status = document.get("status") or {"code": 0, "message": ""}
    kind = document["attributes"].get(KIND)
    return Span(
        trace_id=known_as,
        span_id=span_id,
        parent_id="" if parent_id == "0" * 16 else parent_id,
        name=document.get("name", ""),
        kind=kind if isinstance(kind, str) else "",
        state=_STATES.get(status["code"], "UNSET"),
        state_message=status["message"],
        started_ns=document.get("start_time_unix_nano", 0),
        ended_ns=document.get("end_time_unix_nano", 0),
        attributes={**document["attributes"], REQUEST_ID: known_as},
        events=tuple(document["events"]),
        links=tuple(document["links"]),
    )


def span_document(span: Span) -> dict[str, Any]:
    """Return a span as the client reads it back: OTLP in the JSON of protobuf, ids in Base64."""
    document: dict[str, Any] = {
        "trace_id": _base64(span.trace_id.removeprefix("tr-")),
        "span_id": _base64(span.span_id),
        "name": span.name,
        "start_time_unix_nano": span.started_ns,
        "attributes": _key_values(span.attributes),
        "status": {"code": _CODES[span.state]},
    }
    if span.parent_id:
        document["parent_span_id"] = _base64(span.parent_id)
    if span.ended_ns:
        document["end_time_unix_nano"] = span.ended_ns
    if span.state_message:
        document["status"]["message"] = span.state_message
    if span.events:
        document["events"] = [{**each, "attributes": _key_values(each["attributes"])} for each in span.events]
    if span.links:
        document["links"] = [
            {
                "trace_id": _base64(each["trace_id"]),
                "span_id": _base64(each["span_id"]),
                "attributes": _key_values(each["attributes"]),
            }
            for each in span.links
        ]
    return document


def _key_values(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _any_value(value)} for key, value in attributes.items()]


def _any_value(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if isinstance(value, bool):
        return {"bool_value": value}
    if isinstance(value, str):
        return {"string_value": value}
    if isinstance(value, int):
        return {"int_value": value}
    if isinstance(value, float):
        return {"double_value": value}
    if isinstance(value, list):
        return {"array_value": {"values": [_any_value(each) for each in value]}}
    return {"kvlist_value": {"values": _key_values(value)}}


def _base64(hexed: str) -> str:
    return base64.b64encode(bytes.fromhex(hexed)).decode()


ROUTES = (Route("POST", "/v1/traces", export, ajax=False, raw=True),)
