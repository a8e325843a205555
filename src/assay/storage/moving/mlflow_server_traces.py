"""The traces of a MLflow server: of version 3 with spans from the server, before that from files."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from assay.core.errors import NotFoundError, UnavailableError
from assay.core.moving import ForeignTrace
from assay.core.ports.moving import ForeignFiles
from assay.core.tracking.assessments import Assessment, AssessmentKind
from assay.core.tracking.spans import Span
from assay.core.tracking.traces import RUN, SPANS_HERE, SPANS_TAG, Trace, TraceState
from assay.storage.moving.mlflow_calls import MlflowCalls, first_page
from assay.storage.moving.mlflow_words import loads, pairs, read_spans, text, whole
from assay.storage.moving.trace_files import spans_in_file

_PAGE: Final = 100
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LENGTH: Final = re.compile(r"(-?\d{1,12}(?:\.\d{1,9})?)s")


class ServerTraces:
    """Reads traces."""

    def __init__(self, calls: MlflowCalls, files: ForeignFiles) -> None:
        """Keep the way to the server, and where files are read."""
        self._calls = calls
        self._files = files

    def of(self, experiment_id: str) -> Iterator[ForeignTrace]:
        """Yield the traces of an experiment; of version 3 if the server speaks it, else of version 2."""
        places = [
            {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment_id}},
        ]
        asked = {"locations": places, "max_results": _PAGE, "order_by": ["timestamp_ms ASC"]}
        pages = first_page(self._calls.pages("POST", "api/3.0/mlflow/traces/search", "traces", **asked))
        if pages is None:
            yield from self._of_version_2(experiment_id)
            return
        for page in pages:
            yield from self._page(experiment_id, list(self._calls.each(page, _trace)))

    def _of_version_2(self, experiment_id: str) -> Iterator[ForeignTrace]:
        asked = {"experiment_ids": [experiment_id], "max_results": _PAGE, "order_by": ["timestamp_ms ASC"]}
        pages = first_page(self._calls.pages("GET", "api/2.0/mlflow/traces", "traces", **asked))
        for page in pages or ():
            yield from self._page(experiment_id, list(self._calls.each(page, _trace_v2)))

    def _page(self, experiment_id: str, traces: list[Trace]) -> Iterator[ForeignTrace]:
        here = [trace.id for trace in traces if trace.tags.get(SPANS_TAG) == SPANS_HERE]
        stored = self._stored(here) if here else {}
        for trace in traces:
            spans, problem = stored.get(trace.id) or spans_in_file(self._files, trace)
            run_id = trace.metadata.get(RUN, "")
            yield ForeignTrace(trace, experiment_id, spans, (run_id,) if run_id else (), problem)

    def _stored(self, ids: list[str]) -> dict[str, tuple[tuple[Span, ...], str]]:
        """Return the spans that the server itself keeps."""
        found = {}
        for start in range(0, len(ids), 10):
            said = self._batch(ids[start : start + 10])
            for each in said.get("traces") or ():
                trace_id = text((each.get("trace_info") or {}).get("trace_id"))
                found[trace_id] = read_spans(each.get("spans") or (), trace_id)
        return found

    def _batch(self, ids: list[str]) -> dict[str, Any]:
        try:
            return self._calls.get("api/3.0/mlflow/traces/batchGet", trace_ids=ids)
        except NotFoundError as error:
            # A server that says it keeps spans does know the question.
            raise UnavailableError(f"spans of traces cannot be read: {error.message}") from error


def _trace(said: Mapping[str, Any]) -> Trace:
    length = _LENGTH.fullmatch(text(said.get("execution_duration")))
    trace_id = text(said.get("trace_id"))
    return Trace(
        id=trace_id,
        experiment_id=-1,
        requested_at_ms=_instant(said.get("request_time")),
        state=TraceState.parse(text(said.get("state"))),
        duration_ms=round(float(length[1]) * 1000) if length else None,
        client_request_id=said.get("client_request_id"),
        request=said.get("request_preview"),
        response=said.get("response_preview"),
        tags=dict(said.get("tags") or {}),
        metadata=dict(said.get("trace_metadata") or {}),
        assessments=tuple(_assessment(each, trace_id) for each in said.get("assessments") or ()),
    )


def _trace_v2(said: Mapping[str, Any]) -> Trace:
    length = said.get("execution_time_ms")
    return Trace(
        id=text(said.get("request_id")),
        experiment_id=-1,
        requested_at_ms=whole(said.get("timestamp_ms")),
        state=TraceState.parse(text(said.get("status"))),
        duration_ms=None if length is None else int(length),
        tags=pairs(said.get("tags")),
        metadata=pairs(said.get("request_metadata")),
    )


def _assessment(said: Mapping[str, Any], trace_id: str) -> Assessment:
    kind = next((each for each in AssessmentKind if each.value in said), AssessmentKind.FEEDBACK)
    given, source = said.get(kind.value) or {}, said.get("source") or {}
    serialized = given.get("serialized_value")
    value = loads(serialized.get("value")) if serialized else given.get("value", given.get("issue_name"))
    error = {key: text(each) for key, each in (given.get("error") or {}).items() if each}
    return Assessment(
        id=text(said.get("assessment_id")),
        trace_id=trace_id,
        name=text(said.get("assessment_name")),
        kind=kind,
        source_type=text(source.get("source_type")),
        source_id=text(source.get("source_id")),
        created_at_ms=_instant(said.get("create_time")),
        updated_at_ms=_instant(said.get("last_update_time")),
        value=value,
        error=error or None,
        rationale=said.get("rationale") or None,
        metadata={key: text(each) for key, each in (said.get("metadata") or {}).items()},
        span_id=text(said.get("span_id")),
        overrides=text(said.get("overrides")),
        valid=bool(said.get("valid", True)),
    )


def _instant(said: Any) -> int:
    try:
        return (datetime.fromisoformat(text(said)) - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, TypeError) as error:
        raise UnavailableError(f"a time of a trace cannot be read: {text(said)[:60]!r}") from error
