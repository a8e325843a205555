"""A good request on each route of the MLflow door, with every field that may be given."""

import json

from doors.mlflow.rights_table import (
    ASKS,
    CONTENT,
    EXPERIMENTS,
    FILES,
    HOOKS,
    LOGGED,
    MODELS,
    OTLP_TRACE,
    ROLES,
    RUNS,
    SCORERS,
    SETS,
    SPACES,
    TRACES,
    TRACES2,
    USERS,
    VERSIONS,
)

_TAGS = [{"key": "k", "value": "v"}]
_POINT = {
    "key": "loss",
    "value": 1.5,
    "timestamp": 1,
    "step": 0,
    "model_id": "{model_id}",
    "dataset_name": "d",
    "dataset_digest": "1",
}
_DATASET = {"name": "d", "digest": "1", "source_type": "local", "source": "{}", "schema": '{"a": [1]}'}
_PAGE = {"max_results": 5, "page_token": ""}
_FOUND = {**_PAGE, "filter": "name = 'x'", "order_by": ["name"]}
_ASSESSMENT = {
    "assessment_id": "a-" + "1" * 32,
    "assessment_name": "mine",
    "trace_id": "{trace}",
    "create_time": "2026-01-01T00:00:00Z",
    "last_update_time": "2026-01-01T00:00:00Z",
    "feedback": {"value": True, "error": {"error_code": "c", "error_message": "m", "stack_trace": "t"}},
    "metadata": {"k": "v"},
    "overrides": "{assessment}",
    "rationale": "r",
    "source": {"source_type": "HUMAN", "source_id": "x"},
    "span_id": "a" * 16,
    "valid": True,
}
_EXPECTATION = {
    "assessment_name": "mine",
    "expectation": {"serialized_value": {"serialization_format": "JSON_FORMAT", "value": '{"a": [1]}'}},
    "source": {"source_type": "HUMAN", "source_id": "x"},
}
_TRACE = {
    "trace_id": "{trace}",
    "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "{experiment}"}},
    "request_time": "2026-01-01T00:00:00Z",
    "execution_duration": "1.5s",
    "state": "OK",
    "client_request_id": "c",
    "request_preview": "p",
    "response_preview": "p",
    "request": "r",
    "response": "r",
    "tags": {"mlflow.traceName": "n", "k": "v"},
    "trace_metadata": {
        "mlflow.trace.sizeStats": '{"total_size_bytes": 5, "num_spans": 1, "max": 1, "p25": 1}',
        "mlflow.trace.tokenUsage": '{"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}',
        "mlflow.trace.cost": '{"input_cost": 1.5, "output_cost": 1, "total_cost": 2.5}',
        "mlflow.trace.session": "s",
        "mlflow.sourceRun": "{run}",
    },
    "assessments": [{**_ASSESSMENT, "overrides": ""}],
}
_RECORD = {
    "inputs": {"q": 9},
    "outputs": {"a": 1},
    "expectations": {"a": 1},
    "tags": {"mlflow.user": "ada"},
    "source": {"source_type": "HUMAN", "source_data": {"trace_id": "tr-1", "source_id": "x"}},
}
_SPAN = {
    "traceId": OTLP_TRACE,
    "spanId": "a" * 16,
    "parentSpanId": "b" * 16,
    "name": "x",
    "kind": 1,
    "startTimeUnixNano": "1",
    "endTimeUnixNano": "2",
    "attributes": [
        {"key": "mlflow.spanInputs", "value": {"stringValue": '{"a": [1]}'}},
        {"key": "mlflow.spanOutputs", "value": {"stringValue": '{"a": [1]}'}},
        {"key": "mlflow.spanType", "value": {"stringValue": '"LLM"'}},
        {"key": "mlflow.chat.tokenUsage", "value": {"stringValue": '{"input_tokens": 1}'}},
        {"key": "mlflow.llm.cost", "value": {"stringValue": '{"input_cost": 1}'}},
        {"key": "i", "value": {"intValue": "5"}},
        {"key": "d", "value": {"doubleValue": 1.5}},
        {"key": "b", "value": {"boolValue": True}},
        {"key": "y", "value": {"bytesValue": "AAAA"}},
        {"key": "l", "value": {"arrayValue": {"values": [{"stringValue": "x"}]}}},
        {"key": "m", "value": {"kvlistValue": {"values": [{"key": "x", "value": {"intValue": "1"}}]}}},
    ],
    "events": [
        {"name": "e", "timeUnixNano": "1", "attributes": [{"key": "k", "value": {"stringValue": "v"}}]}
    ],
    "links": [{"traceId": "f" * 32, "spanId": "a" * 16, "attributes": []}],
    "status": {"code": 1, "message": "m"},
}
_HOOK = {
    "name": "mine",
    "url": "https://hooks.example.org/y",
    "description": "d",
    "events": [{"entity": "REGISTERED_MODEL", "action": "CREATED"}],
    "secret": "s",
    "status": "ACTIVE",
}
_MODEL_JSON = {
    "artifact_path": "x",
    "run_id": "{run}",
    "flavors": {"python_function": {"loader_module": "m", "python_version": "3"}},
    "utc_time_created": "2026",
    "model_uuid": "u",
    "signature": {"inputs": '[{"type": "double", "name": "a"}]', "outputs": None},
    "metadata": {"a": 1},
}

# Fields that a request need not have, by route; a list has an item so that what is in it is looked at.
MORE = {
    ("POST", RUNS + "create"): {"run_name": "n", "start_time": 1, "user_id": "u", "tags": _TAGS},
    ("POST", RUNS + "update"): {"end_time": 1, "run_name": "n", "run_uuid": "{run}"},
    ("POST", RUNS + "search"): {
        **_PAGE,
        "filter": "metrics.loss < 5 AND tags.a = 'b'",
        "order_by": ["metrics.loss DESC"],
        "run_view_type": "ALL",
    },
    ("POST", RUNS + "log-metric"): {
        "step": 1,
        **{k: v for k, v in _POINT.items() if k not in ("key", "value")},
    },
    ("POST", RUNS + "log-batch"): {"metrics": [_POINT], "tags": _TAGS},
    ("POST", RUNS + "log-inputs"): {"datasets": [{"dataset": _DATASET, "tags": _TAGS}]},
    ("POST", RUNS + "log-model"): {"model_json": json.dumps(_MODEL_JSON)},
    ("POST", MODELS + "create"): {"name": "mine", "description": "d", "tags": _TAGS},
    ("GET", MODELS + "search"): _FOUND,
    ("POST", MODELS + "search"): _FOUND,
    ("POST", MODELS + "get-latest-versions"): {"stages": ["None"]},
    ("GET", MODELS + "get-latest-versions"): {"stages": ["None"]},
    ("POST", VERSIONS + "create"): {
        "description": "d",
        "model_id": "{model_id}",
        "run_link": "l",
        "tags": _TAGS,
    },
    ("GET", VERSIONS + "search"): _FOUND,
    ("POST", VERSIONS + "search"): _FOUND,
    ("POST", VERSIONS + "transition-stage"): {"archive_existing_versions": False},
    ("GET", "2.0/mlflow/metrics/get-history"): _PAGE,
    ("GET", "2.0/mlflow/metrics/get-history-bulk"): {"max_results": 5},
    ("GET", "2.0/mlflow/metrics/get-history-bulk-interval"): {
        "start_step": 0,
        "end_step": 5,
        "max_results": 5,
    },
    ("POST", LOGGED): {
        "model_type": "t",
        "params": _TAGS,
        "source_run_id": "{run}",
        "tags": _TAGS,
    },
    ("POST", LOGGED + "/search"): {
        **_PAGE,
        "datasets": [{"dataset_name": "d", "dataset_digest": "1"}],
        "filter": "metrics.loss < 5",
        "order_by": [
            {"field_name": "metrics.loss", "ascending": True, "dataset_name": "d", "dataset_digest": "1"}
        ],
    },
    ("PATCH", LOGGED + "/{model_id}"): {"status_message": "m"},
    ("POST", EXPERIMENTS + "create"): {"tags": _TAGS},
    ("POST", EXPERIMENTS + "search"): {**_FOUND, "view_type": "ALL"},
    ("GET", EXPERIMENTS + "search"): {**_FOUND, "view_type": "ALL"},
    ("GET", "2.0/mlflow/artifacts/list"): {"path": "model", "page_token": ""},
    ("POST", FILES + "mpu/create/{folder:path}"): {"num_parts": 2},
    ("POST", FILES + "mpu/complete/{folder:path}"): {"parts": [{"part_number": 1, "etag": "x", "url": "u"}]},
    ("PUT", FILES + "parts/{upload_id}/{number}"): {"expires": 1, "key": "k", "signature": "s"},
    ("GET", FILES + "signed/{path:path}"): {"expires": 1, "key": "k", "signature": "s"},
    ("POST", TRACES): {"trace": {"trace_info": _TRACE}},
    ("POST", TRACES + "/search"): {**_PAGE, "filter": "name = 'x'", "order_by": ["timestamp_ms"]},
    ("GET", TRACES + "/batchGet"): {"experiment_ids": ["{experiment}"]},
    ("POST", TRACES + "/batchGetInfos"): {"experiment_ids": ["{experiment}"]},
    ("POST", TRACES2): {"request_metadata": _TAGS, "tags": _TAGS},
    ("GET", TRACES2): {**_PAGE, "filter": "name = 'x'", "order_by": ["timestamp_ms"]},
    ("PATCH", TRACES2 + "/{trace_id}"): {"request_metadata": _TAGS, "tags": _TAGS},
    ("POST", TRACES + "/{trace_id}/assessments"): {"assessment": _ASSESSMENT},
    ("PATCH", TRACES + "/{trace_id}/assessments/{assessment_id}"): {
        "assessment": _ASSESSMENT,
        "update_mask": "feedback,assessment_name,rationale,metadata",
    },
    ("POST", SETS + "/create"): {"tags": '{"mlflow.user": "ada"}'},
    ("POST", SETS + "/search"): {
        **_PAGE,
        "experiment_ids": ["{experiment}"],
        "filter_string": "name = 'x'",
        "order_by": ["name"],
    },
    ("GET", SETS + "/search"): {
        **_PAGE,
        "experiment_ids": ["{experiment}"],
        "filter_string": "name = 'x'",
        "order_by": ["name"],
    },
    ("POST", SETS + "/{dataset_id}/records"): {"records": json.dumps([_RECORD])},
    ("GET", SETS + "/{dataset_id}/records"): _PAGE,
    ("POST", SCORERS + "register"): {"serialized_scorer": '{"name": "x", "version": 1}'},
    ("GET", SCORERS + "get"): {"version": 1},
    ("DELETE", SCORERS + "delete"): {"version": 1},
    ("PATCH", USERS + "update-password"): {"current_password": "x"},
    ("POST", ROLES + "create"): {"description": "d"},
    ("PATCH", ROLES + "update"): {"name": "n"},
    ("POST", SPACES): {"description": "d", "default_artifact_root": "", "trace_archival_config": {}},
    ("PATCH", SPACES + "/{workspace}"): {"default_artifact_root": "", "trace_archival_config": {}},
    ("DELETE", SPACES + "/{workspace}"): {"mode": "x"},
    ("POST", HOOKS): _HOOK,
    ("GET", HOOKS): _PAGE,
    ("PATCH", HOOKS + "/{webhook_id}"): _HOOK,
    ("POST", HOOKS + "/{webhook_id}/test"): {"event": {"entity": "REGISTERED_MODEL", "action": "CREATED"}},
    ("GET", "/graphql"): {"operationName": "runs"},
    ("POST", "/graphql"): {
        "operationName": "runs",
        "variables": {
            "i": {
                "experimentIds": ["{experiment}"],
                "filter": "metrics.loss < 5",
                "runViewType": "ALL",
                "maxResults": 5,
                "orderBy": ["metrics.loss DESC"],
                "pageToken": "",
            }
        },
    },
    ("POST", "/v1/traces"): {
        "resourceSpans": [
            {
                "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "s"}}]},
                "scopeSpans": [{"scope": {"name": "n", "version": "1"}, "spans": [_SPAN]}],
            }
        ]
    },
}
# Where a field is one of several of which only one may be given, the request with the other one.
OTHERS = (
    ("POST", TRACES + "/{trace_id}/assessments", {"assessment": _EXPECTATION}),
    (
        "POST",
        TRACES + "/{trace_id}/assessments",
        {"assessment": {"assessment_name": "mine", "issue": {"issue_name": "i"}, "source": {}}},
    ),
    (
        "POST",
        SETS + "/{dataset_id}/records",
        {"records": json.dumps([{**_RECORD, "inputs": {"q": CONTENT}}])},  # merged with one that is there
    ),
    (
        "POST",
        TRACES + "/delete-traces",
        {"experiment_id": "{experiment}", "max_timestamp_millis": 1, "max_traces": 1},
    ),
    ("GET", SCORERS + "list", {"experiment_ids": ["{experiment}"]}),
)
WANTED = [(*place, {**ASKS[place].fields, **MORE.get(place, {})}) for place in ASKS] + list(OTHERS)
