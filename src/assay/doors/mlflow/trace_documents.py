"""Traces and assessments as this protocol writes them: version 3, and the version 2 of older clients.

Source: ``TraceInfoV3``, ``TraceInfo`` and ``Assessment`` in ``service.proto`` and ``assessments.proto``.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from assay.core.errors import BadInputError, Reason
from assay.core.tracking.assessments import Assessment, AssessmentKind
from assay.core.tracking.traces import Trace, TraceState
from assay.doors.mlflow.experiments import experiment_number
from assay.doors.mlflow.fields import Fields, json_inside
from assay.doors.mlflow.instants import instant_text, length_text, read_instant, read_length

_JSON: Final = "JSON_FORMAT"
_STATUS: Final = {TraceState.UNSPECIFIED: "TRACE_STATUS_UNSPECIFIED"}


def trace_info(trace: Trace) -> dict[str, Any]:
    """Return ``TraceInfoV3``; what is not known is left out."""
    document: dict[str, Any] = {
        "trace_id": trace.id,
        "trace_location": {
            "type": "MLFLOW_EXPERIMENT",
            "mlflow_experiment": {"experiment_id": str(trace.experiment_id)},
        },
        "request_time": instant_text(trace.requested_at_ms),
        "state": trace.state.value,
        "trace_metadata": trace.metadata,
        "tags": trace.tags,
    }
    optional = {
        "execution_duration": None if trace.duration_ms is None else length_text(trace.duration_ms),
        "client_request_id": trace.client_request_id,
        "request_preview": trace.request,
        "response_preview": trace.response,
        "assessments": [assessment_document(each) for each in trace.assessments] or None,
    }
    return {**document, **{key: value for key, value in optional.items() if value is not None}}


def trace_info_v2(trace: Trace) -> dict[str, Any]:
    """Return ``TraceInfo`` as version 2 has it."""
    document: dict[str, Any] = {
        "request_id": trace.id,
        "experiment_id": str(trace.experiment_id),
        "timestamp_ms": trace.requested_at_ms,
        "status": _STATUS.get(trace.state, trace.state.value),
        "request_metadata": _pairs(trace.metadata),
        "tags": _pairs(trace.tags),
    }
    if trace.duration_ms is not None:
        document["execution_time_ms"] = trace.duration_ms
    return document


def read_trace(info: Fields) -> Trace:
    """Read ``TraceInfoV3``.

    Raises:
        BadInputError: a field is missing or of the wrong kind.
    """
    place = info.object("trace_location").object("mlflow_experiment")
    trace_id = info.needed("trace_id")
    length = info.text("execution_duration")
    return Trace(
        id=trace_id,
        experiment_id=experiment_number(place.needed("experiment_id")),
        requested_at_ms=read_instant(info.text("request_time"), "request_time"),
        state=TraceState.parse(info.text("state")),
        duration_ms=read_length(length, "execution_duration") if length else None,
        client_request_id=info.text("client_request_id") or None,
        request=_optional(info, "request_preview") or _optional(info, "request"),
        response=_optional(info, "response_preview") or _optional(info, "response"),
        tags=info.mapping("tags"),
        metadata=info.mapping("trace_metadata"),
        assessments=tuple(read_assessment(each, trace_id) for each in info.objects("assessments")),
    )


def assessment_document(assessment: Assessment) -> dict[str, Any]:
    """Return ``Assessment``."""
    document: dict[str, Any] = {
        "assessment_id": assessment.id,
        "assessment_name": assessment.name,
        "trace_id": assessment.trace_id,
        "source": {"source_type": assessment.source_type, "source_id": assessment.source_id},
        "create_time": instant_text(assessment.created_at_ms),
        "last_update_time": instant_text(assessment.updated_at_ms),
        "valid": assessment.valid,
        assessment.kind.value: _value_document(assessment),
    }
    optional = {
        "span_id": assessment.span_id or None,
        "rationale": assessment.rationale,
        "metadata": assessment.metadata or None,
        "overrides": assessment.overrides or None,
    }
    return {**document, **{key: value for key, value in optional.items() if value is not None}}


def _value_document(assessment: Assessment) -> dict[str, Any]:
    value = assessment.value
    if assessment.kind is AssessmentKind.ISSUE:
        return {"issue_name": value}
    if assessment.kind is AssessmentKind.EXPECTATION and isinstance(value, list | dict):
        return {"serialized_value": {"serialization_format": _JSON, "value": json.dumps(value)}}
    return {"value": value, **({"error": assessment.error} if assessment.error else {})}


def read_assessment(said: Fields, trace_id: str) -> Assessment:
    """Read ``Assessment`` for a trace; an absent time is 0, an absent id "".

    Raises:
        BadInputError: a field is missing or of the wrong kind, or there is no value of any kind.
    """
    kind, value, error = read_value(said)
    source = said.object("source")
    rationale = said.text("rationale")
    return Assessment(
        id=said.text("assessment_id"),
        trace_id=trace_id,
        name=said.needed("assessment_name"),
        kind=kind,
        source_type=source.text("source_type", "SOURCE_TYPE_UNSPECIFIED"),
        source_id=source.text("source_id"),
        created_at_ms=read_instant(said.text("create_time"), "create_time"),
        updated_at_ms=read_instant(said.text("last_update_time"), "last_update_time"),
        value=value,
        error=error,
        rationale=rationale or None,
        metadata=said.mapping("metadata"),
        span_id=said.text("span_id"),
        overrides=said.text("overrides"),
        valid=said.flag("valid", default=True),
    )


def read_value(said: Fields) -> tuple[AssessmentKind, Any, dict[str, str] | None]:
    """Return kind, value and error of an assessment.

    Raises:
        BadInputError: not exactly one kind of value is given.
    """
    kinds = [kind for kind in AssessmentKind if said.has(kind.value)]
    if len(kinds) != 1:
        message = "Exactly one of `expectation`, `feedback`, or `issue` should be specified."
        raise BadInputError(message, [Reason("assessment", "must have exactly one value")])
    kind, given = kinds[0], said.object(kinds[0].value)
    if kind is AssessmentKind.ISSUE:
        return kind, given.needed("issue_name"), None
    if given.has("serialized_value"):
        return kind, _parsed(given.object("serialized_value")), None
    error = given.object("error")
    names = ("error_code", "error_message", "stack_trace")
    found = {name: error.text(name) for name in names if error.text(name)}
    return kind, given.raw("value"), found or None


def _parsed(serialized: Fields) -> Any:
    if serialized.text("serialization_format", _JSON) != _JSON:
        shown = serialized.text("serialization_format")[:60]
        message = f"Unknown serialization format: {shown}. Only {_JSON} is supported."
        raise BadInputError(message, [Reason("serialization_format", f"must be {_JSON}")])
    return json_inside(serialized, "value", "serialized_value.value")


def _optional(info: Fields, name: str) -> str | None:
    return info.text(name) if info.has(name) else None


def _pairs(words: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in words.items()]
