"""The traces of a MLflow database: with spans in its tables, or in files where older versions put them."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import RowMapping

from assay.core.moving import ForeignTrace
from assay.core.ports.moving import ForeignFiles
from assay.core.tracking.assessments import Assessment, AssessmentKind
from assay.core.tracking.traces import COST, NAME_TAG, SESSION, TOKENS, Trace, TraceState
from assay.storage.moving.mlflow_tables import MlflowTables
from assay.storage.moving.mlflow_words import loads, read_spans, text, whole
from assay.storage.moving.trace_files import spans_in_file

PAGE: Final = 100
_TOKENS: Final = (
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "cache_creation_input_tokens_above_1hr",
)
_COSTS: Final = ("input_cost", "output_cost", "total_cost")
# What newer versions keep in columns, where older ones had it among the tags and metadata.
_PROMOTED: Final = ("trace_name", "session_id", *_TOKENS, *_COSTS)


class DatabaseTraces:
    """Reads traces."""

    def __init__(self, tables: MlflowTables, files: ForeignFiles) -> None:
        """Keep the tables, and where files are read."""
        self._tables = tables
        self._files = files

    def of(self, experiment_id: str) -> Iterator[ForeignTrace]:
        """Yield the traces of an experiment."""
        if not self._tables.has("trace_info"):
            return
        names = ("request_id", "timestamp_ms", "execution_time_ms", "status", "client_request_id")
        key = self._tables.column("trace_info", "request_id")
        query = self._tables.select("trace_info", *names, "request_preview", "response_preview", *_PROMOTED)
        query = query.where(self._tables.column("trace_info", "experiment_id") == int(experiment_id))
        last = ""
        while True:
            rows = self._tables.rows(query.order_by(key).limit(PAGE).where(key > last))
            if not rows:
                return
            last = rows[-1]["request_id"]
            yield from self._page(experiment_id, rows)

    def _page(self, experiment_id: str, rows: Sequence[RowMapping]) -> Iterator[ForeignTrace]:
        ids = [row["request_id"] for row in rows]
        tags, metadata = self._words("trace_tags", ids), self._words("trace_request_metadata", ids)
        spans, runs, assessments = self._spans(ids), self._runs(ids), self._assessments(ids)
        for row in rows:
            trace_id = row["request_id"]
            trace = Trace(
                id=trace_id,
                experiment_id=-1,
                requested_at_ms=whole(row["timestamp_ms"]),
                state=TraceState.parse(text(row["status"])),
                duration_ms=None if row["execution_time_ms"] is None else int(row["execution_time_ms"]),
                client_request_id=row["client_request_id"],
                request=row["request_preview"],
                response=row["response_preview"],
                tags=tags[trace_id] | ({NAME_TAG: row["trace_name"]} if row["trace_name"] else {}),
                metadata=metadata[trace_id] | _promoted(row),
                assessments=tuple(assessments[trace_id]),
            )
            if trace_id in spans:
                read, problem = read_spans(spans[trace_id], trace_id)
            else:
                read, problem = spans_in_file(self._files, trace)
            yield ForeignTrace(trace, experiment_id, read, tuple(runs[trace_id]), problem)

    def _words(self, table: str, ids: Sequence[str]) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = defaultdict(dict)
        query = self._tables.select(table, "request_id", "key", "value")
        for trace_id, key, value in self._tables.stream(self._of(query, table, "request_id", ids, "key")):
            found[trace_id][key] = text(value)
        return found

    def _spans(self, ids: Sequence[str]) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = defaultdict(list)
        if self._tables.has("spans"):
            query = self._tables.select("spans", "trace_id", "content")
            ordered = self._of(query, "spans", "trace_id", ids, "span_id")
            for trace_id, content in self._tables.stream(ordered):
                found[trace_id].append(loads(content))
        return found

    def _runs(self, ids: Sequence[str]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        if self._tables.has("entity_associations"):
            column = self._tables.column
            query = self._tables.select("entity_associations", "source_id", "destination_id")
            query = query.where(
                column("entity_associations", "source_type") == "trace",
                column("entity_associations", "destination_type") == "run",
            )
            ordered = self._of(query, "entity_associations", "source_id", ids, "destination_id")
            for trace_id, run_id in self._tables.stream(ordered):
                found[trace_id].append(run_id)
        return found

    def _assessments(self, ids: Sequence[str]) -> dict[str, list[Assessment]]:
        found: dict[str, list[Assessment]] = defaultdict(list)
        if not self._tables.has("assessments"):
            return found
        names = ("assessment_id", "trace_id", "name", "assessment_type", "value", "error", "rationale")
        further = ("created_timestamp", "last_updated_timestamp", "source_type", "source_id", "span_id")
        last = ("overrides", "valid", "assessment_metadata")
        query = self._tables.select("assessments", *names, *further, *last)
        for row in self._tables.rows(self._of(query, "assessments", "trace_id", ids, "created_timestamp")):
            found[row["trace_id"]].append(_assessment(row))
        return found

    def _of(self, query: Any, table: str, owner: str, ids: Sequence[str], order: str) -> Any:
        column = self._tables.column
        return query.where(column(table, owner).in_(ids)).order_by(column(table, order))


def _promoted(row: RowMapping) -> dict[str, str]:
    """Return the metadata that lie in columns of their own."""
    found = {SESSION: row["session_id"]} if row["session_id"] else {}
    for key, names in ((TOKENS, _TOKENS), (COST, _COSTS)):
        said = {name: row[name] for name in names if row[name] is not None}
        if said:
            found[key] = json.dumps(said)
    return found


def _assessment(row: RowMapping) -> Assessment:
    kinds = {each.value: each for each in AssessmentKind}
    kind, value = kinds.get(row["assessment_type"], AssessmentKind.FEEDBACK), loads(row["value"])
    if kind is AssessmentKind.ISSUE and isinstance(value, dict):
        value = value.get("issue_name")
    error, said = loads(row["error"]), loads(row["assessment_metadata"])
    return Assessment(
        id=row["assessment_id"],
        trace_id=row["trace_id"],
        name=text(row["name"]),
        kind=kind,
        source_type=text(row["source_type"]),
        source_id=text(row["source_id"]),
        created_at_ms=whole(row["created_timestamp"]),
        updated_at_ms=whole(row["last_updated_timestamp"]),
        value=value,
        error={key: text(each) for key, each in error.items() if each} if isinstance(error, dict) else None,
        rationale=row["rationale"],
        metadata={key: text(each) for key, each in said.items()} if isinstance(said, dict) else {},
        span_id=text(row["span_id"]),
        overrides=text(row["overrides"]),
        valid=bool(row["valid"]),
    )
