"""Traces: declare, get, search, tag, link, delete (``handlers.py``, "MLflow Tracing APIs").

Version 3 says a trace once, at its end, and sends spans as OTLP; clients of version 2 say its start and
its end, and keep its spans in a file.
"""

from collections.abc import Sequence
from typing import Any, Final

from assay.core.errors import BadInputError, NotFoundError, Reason
from assay.core.ports.traces import Doomed
from assay.core.tracking.searches import Search
from assay.core.tracking.spans import Span
from assay.core.tracking.trace_filters import read_trace_filter, read_trace_order
from assay.core.tracking.traces import SPANS_HERE, SPANS_TAG, Trace, TraceState
from assay.doors.mlflow.experiments import experiment_number
from assay.doors.mlflow.fields import Fields
from assay.doors.mlflow.otlp import span_document
from assay.doors.mlflow.route import Answer, Call, Route, Waiting
from assay.doors.mlflow.trace_documents import read_trace, trace_info, trace_info_v2
from assay.http.threads import Work

PAGE: Final = 100
MAX_PAGE: Final = 500
MAX_IDS: Final = 1000
SPANS_WAIT_S: Final = 3.0


def declare(call: Call) -> dict[str, Any]:
    """Take in the summary of a trace.

    Raises:
        BadInputError: a field is missing or of the wrong kind.
    """
    if not call.fields.has("trace"):
        raise call.fields.missing("trace")
    said = read_trace(call.fields.object("trace").object("trace_info"))
    return {"trace": {"trace_info": trace_info(call.use.tracing.declare(call.caller, said))}}


def get_info(call: Call) -> dict[str, Any]:
    """Return a trace without its spans."""
    trace = call.use.tracing.one(call.caller, call.path["trace_id"])
    return {"trace": {"trace_info": trace_info(trace)}}


def get(call: Call) -> Answer:
    """Return a trace with its spans; waits a little for those that are still on their way.

    Raises:
        BadInputError: a field is missing or of the wrong kind.
        NotFoundError: there is no such trace, or its spans are not here.
    """
    trace_id = call.fields.needed("trace_id")
    partial = call.fields.flag("allow_partial")

    def look() -> dict[str, Any] | None:
        found = call.use.tracing.with_spans(call.caller, [trace_id])
        if not found:
            raise NotFoundError(f"Trace with ID {trace_id} is not found.")
        trace, spans = found[0]
        if trace.tags.get(SPANS_TAG) != SPANS_HERE:
            raise NotFoundError("Trace data not stored in tracking store")
        return {"trace": _whole(trace, spans)} if partial or _complete(trace, spans) else None

    def at_last() -> dict[str, Any]:
        message = f"Trace with ID {trace_id} is not fully exported yet, please try again later."
        raise NotFoundError(message)

    return look() or Waiting(look, at_last, SPANS_WAIT_S)


def batch_get(call: Call) -> dict[str, Any]:
    """Return traces with their spans, in the order asked; incomplete ones are left out.

    Raises:
        BadInputError: a field is missing or of the wrong kind.
    """
    found = call.use.tracing.with_spans(call.caller, _ids(call.fields), _places(call.fields))
    return _filled("traces", [_whole(trace, spans) for trace, spans in found if _complete(trace, spans)])


def batch_get_infos(call: Call) -> dict[str, Any]:
    """Return traces without their spans, in the order asked.

    Raises:
        BadInputError: a field is missing or of the wrong kind.
    """
    found = call.use.tracing.get(call.caller, _ids(call.fields), _places(call.fields))
    return _filled("trace_infos", [trace_info(trace) for trace in found])


def search(call: Call) -> dict[str, Any]:
    """Find traces of experiments; other places hold none.

    Raises:
        BadInputError: a field is missing or of the wrong kind, or the filter is not readable.
    """
    places = call.fields.objects("locations")
    if not places:
        raise call.fields.missing("locations")
    experiments = [place.object("mlflow_experiment").text("experiment_id") for place in places]
    page = call.use.tracing.search(
        call.caller, [experiment_number(each) for each in experiments if each], _search(call.fields)
    )
    return _page([trace_info(trace) for trace in page.items], page.next_cursor)


def search_v2(call: Call) -> dict[str, Any]:
    """Find traces of experiments, as version 2 asks.

    Raises:
        BadInputError: a field is missing or of the wrong kind, or the filter is not readable.
    """
    experiments = call.fields.texts("experiment_ids")
    if not experiments:
        raise call.fields.missing("experiment_ids")
    page = call.use.tracing.search(
        call.caller, [experiment_number(each) for each in experiments], _search(call.fields)
    )
    return _page([trace_info_v2(trace) for trace in page.items], page.next_cursor)


def set_tag(call: Call) -> dict[str, Any]:
    """Set a tag.

    Raises:
        BadInputError: a field is missing or of the wrong kind.
    """
    key, value = call.fields.needed("key"), call.fields.text("value")
    call.use.tracing.set_tag(call.caller, call.path["trace_id"], key, value)
    return {}


def delete_tag(call: Call) -> dict[str, Any]:
    """Take a tag away.

    Raises:
        BadInputError: a field is missing or of the wrong kind.
    """
    call.use.tracing.remove_tag(call.caller, call.path["trace_id"], call.fields.needed("key"))
    return {}


def delete(call: Call) -> dict[str, Any]:
    """Delete traces by id or by age.

    Raises:
        BadInputError: a field is missing or of the wrong kind.
    """
    doomed = Doomed(
        experiment_id=experiment_number(call.fields.needed("experiment_id")),
        trace_ids=call.fields.texts("request_ids") or None,
        until_ms=call.fields.whole("max_timestamp_millis"),
        limit=call.fields.whole("max_traces"),
    )
    return {"traces_deleted": call.use.tracing.delete(call.caller, doomed)}


def link_run(call: Call) -> dict[str, Any]:
    """Note that traces belong to a run.

    Raises:
        BadInputError: a field is missing or of the wrong kind.
    """
    call.use.tracing.link_run(call.caller, _ids(call.fields), call.fields.needed("run_id"))
    return {}


def link_prompts(call: Call) -> dict[str, Any]:
    """Note that a trace used prompts.

    Raises:
        BadInputError: a field is missing or of the wrong kind.
    """
    versions = call.fields.objects("prompt_versions")
    if not versions:
        raise call.fields.missing("prompt_versions")
    prompts = [f"{each.needed('name')}/{each.needed('version')}" for each in versions]
    call.use.tracing.link_prompts(call.caller, call.fields.needed("trace_id"), prompts)
    return {}


def begin_v2(call: Call) -> dict[str, Any]:
    """Start a trace; the registry gives its id.

    Raises:
        BadInputError: a field is missing or of the wrong kind.
    """
    said = Trace(
        id="",
        experiment_id=experiment_number(call.fields.needed("experiment_id")),
        requested_at_ms=call.fields.whole("timestamp_ms") or 0,
        tags=call.fields.pairs("tags"),
        metadata=call.fields.pairs("request_metadata"),
    )
    return {"trace_info": trace_info_v2(call.use.tracing.begin(call.caller, said))}


def end_v2(call: Call) -> dict[str, Any]:
    """Tell the end of a trace.

    Raises:
        BadInputError: a field is missing or of the wrong kind.
    """
    said = Trace(
        id=call.path["trace_id"],
        experiment_id=0,
        requested_at_ms=0,
        state=TraceState.parse(call.fields.text("status")),
        tags=call.fields.pairs("tags"),
        metadata=call.fields.pairs("request_metadata"),
    )
    ended_at_ms = call.fields.whole("timestamp_ms") or 0
    return {"trace_info": trace_info_v2(call.use.tracing.end(call.caller, said, ended_at_ms))}


def get_info_v2(call: Call) -> dict[str, Any]:
    """Return a trace without its spans, as version 2 writes it."""
    return {"trace_info": trace_info_v2(call.use.tracing.one(call.caller, call.path["trace_id"]))}


def _search(fields: Fields) -> Search:
    limit = fields.whole("max_results", PAGE) or 0
    if limit > MAX_PAGE:
        raise fields.wrong("max_results")
    if limit < 1:
        message = f"Invalid value {limit} for parameter 'max_results' supplied. It must be a positive integer"
        raise BadInputError(message, [Reason("max_results", "must be a positive integer")])
    return Search(
        condition=read_trace_filter(fields.text("filter")),
        order=read_trace_order(fields.texts("order_by")),
        limit=limit,
        cursor=fields.text("page_token"),
    )


def _ids(fields: Fields) -> tuple[str, ...]:
    found = fields.texts("trace_ids")
    if not found:
        raise fields.missing("trace_ids")
    if len(found) > MAX_IDS:
        raise BadInputError.of("trace_ids", f"must be at most {MAX_IDS}")
    return found


def _places(fields: Fields) -> list[int] | None:
    if not fields.has("experiment_ids"):
        return None
    return [experiment_number(each) for each in fields.texts("experiment_ids")]


def _complete(trace: Trace, spans: Sequence[Span]) -> bool:
    return len(spans) >= max(1, trace.span_count)


def _whole(trace: Trace, spans: Sequence[Span]) -> dict[str, Any]:
    return {"trace_info": trace_info(trace), **_filled("spans", [span_document(each) for each in spans])}


def _page(traces: list[dict[str, Any]], cursor: str) -> dict[str, Any]:
    return {**_filled("traces", traces), **({"next_page_token": cursor} if cursor else {})}


def _filled(name: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    """An empty list is left out, as protobuf does."""
    return {name: items} if items else {}


_V2: Final = "2.0/mlflow/traces"
_V3: Final = "3.0/mlflow/traces"

ROUTES = (
    Route("POST", _V3, declare),
    Route("POST", f"{_V3}/search", search, does=Work.SEARCH),
    Route("GET", f"{_V3}/get", get),
    Route("GET", f"{_V3}/batchGet", batch_get),
    Route("POST", f"{_V3}/batchGetInfos", batch_get_infos),
    Route("GET", f"{_V3}/{{trace_id}}", get_info),
    Route("POST", _V2, begin_v2),
    Route("GET", _V2, search_v2, does=Work.SEARCH),
    Route("PATCH", f"{_V2}/{{trace_id}}", end_v2),
    Route("GET", f"{_V2}/{{trace_id}}/info", get_info_v2),
    *(
        route
        for version in (_V2, _V3)
        for route in (
            Route("PATCH", f"{version}/{{trace_id}}/tags", set_tag),
            Route("DELETE", f"{version}/{{trace_id}}/tags", delete_tag),
            Route("POST", f"{version}/delete-traces", delete),
            Route("POST", f"{version}/link-to-run", link_run),
            Route("POST", f"{version}/link-prompts", link_prompts),
        )
    ),
)
