"""Traces, spans and assessments in SQL."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Table, and_, delete, insert, select, update

from assay.core.ports.traces import Doomed
from assay.core.search import Page
from assay.core.tracking.assessments import Assessment
from assay.core.tracking.searches import Search
from assay.core.tracking.spans import Span, Spent
from assay.core.tracking.traces import SESSION, Trace, TraceState
from assay.storage import trace_tables as t
from assay.storage.rows import chunks
from assay.storage.tracking.trace_search import find_traces
from assay.wire.codec import decode, encode

_PARTS: Final = (t.trace_tags, t.trace_metadata, t.trace_links, t.spans, t.assessments)


class SqlTraces:
    """Implements ``core.ports.Traces``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def get(self, trace_ids: Sequence[str]) -> dict[str, Trace]:
        """Return those of the ids that there are, with tags, metadata and assessments."""
        rows: list[Any] = []
        for chunk in chunks(dict.fromkeys(trace_ids)):
            query = select(t.traces).where(t.traces.c.id.in_(chunk))
            rows.extend(self._connection.execute(query).mappings())
        return {trace.id: trace for trace in _completed(self._connection, rows)}

    def save(self, trace: Trace) -> None:
        """Store a trace, or replace one with its tags and metadata; its assessments stay as they are."""
        values = {
            "id": trace.id,
            "experiment": trace.experiment_id,
            "requested_at_ms": trace.requested_at_ms,
            "duration_ms": trace.duration_ms,
            "state": trace.state.value,
            "name": trace.name,
            "client_request_id": trace.client_request_id,
            "request": trace.request,
            "response": trace.response,
        }
        c = t.traces.c
        seq = self._connection.execute(select(c.seq).where(c.id == trace.id)).scalar()
        if seq is None:
            self._connection.execute(insert(t.traces), values)
            seq = self._connection.execute(select(c.seq).where(c.id == trace.id)).scalar_one()
        else:
            self._connection.execute(update(t.traces).where(c.seq == seq), values)
        _write_words(self._connection, t.trace_tags, seq, trace.tags)
        _write_words(self._connection, t.trace_metadata, seq, trace.metadata)

    def search(self, experiment_ids: Sequence[int], search: Search) -> Page[Trace]:
        """Return a page of traces; newest request first, then by id, unless ordered otherwise.

        Raises:
            BadInputError: the cursor is not one of ours.
        """
        rows, cursor = find_traces(self._connection, experiment_ids, search)
        return Page(tuple(_completed(self._connection, rows)), cursor)

    def delete(self, doomed: Doomed) -> int:
        """Remove traces with all that belongs to them; return how many."""
        c = t.traces.c
        query = select(c.seq).where(c.experiment == doomed.experiment_id)
        if doomed.until_ms is not None:
            query = query.where(c.requested_at_ms <= doomed.until_ms)
        query = query.order_by(c.requested_at_ms, c.id)
        if doomed.trace_ids is None:
            found = list(self._connection.execute(query.limit(doomed.limit)).scalars())
        else:
            found = [
                seq
                for chunk in chunks(dict.fromkeys(doomed.trace_ids))
                for seq in self._connection.execute(query.where(c.id.in_(chunk))).scalars()
            ]
        for seqs in chunks(found):
            for table in _PARTS:
                self._connection.execute(delete(table).where(table.c.trace.in_(seqs)))
            self._connection.execute(delete(t.traces).where(c.seq.in_(seqs)))
        return len(found)

    def link(self, trace_ids: Sequence[str], kind: str, targets: Sequence[str]) -> None:
        """Note that traces belong to things (``run``, ``prompt``); unknown traces are passed over."""
        seqs = _seqs(self._connection, trace_ids).values()
        c = t.trace_links.c
        for target in dict.fromkeys(targets):
            place = and_(c.kind == kind, c.target == target, c.trace.in_(list(seqs)))
            known = set(self._connection.execute(select(c.trace).where(place)).scalars())
            rows = [{"trace": seq, "kind": kind, "target": target} for seq in seqs if seq not in known]
            if rows:
                self._connection.execute(insert(t.trace_links), rows)


class SqlSpans:
    """Implements ``core.ports.Spans``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def put(self, spans: Sequence[Span]) -> None:
        """Store spans; one that is there already is replaced."""
        seqs = _seqs(self._connection, [span.trace_id for span in spans])
        rows = {(seqs[span.trace_id], span.span_id): span for span in spans if span.trace_id in seqs}
        by_trace = defaultdict(list)
        for seq, span_id in rows:
            by_trace[seq].append(span_id)
        c = t.spans.c
        for seq, span_ids in by_trace.items():
            for chunk in chunks(span_ids):
                self._connection.execute(delete(t.spans).where(c.trace == seq, c.span_id.in_(chunk)))
        if rows:
            written = [_span_row(seq, span) for (seq, _), span in rows.items()]
            self._connection.execute(insert(t.spans), written)

    def of(self, trace_ids: Sequence[str]) -> dict[str, tuple[Span, ...]]:
        """Return the spans of each trace that has some: roots first, then by start."""
        found: dict[str, list[Span]] = defaultdict(list)
        c = t.spans.c
        for chunk in chunks(dict.fromkeys(trace_ids)):
            query = (
                select(t.spans, t.traces.c.id.label("trace_id"))
                .join(t.traces, t.traces.c.seq == c.trace)
                .where(t.traces.c.id.in_(chunk))
                .order_by(c.parent_id != "", c.started_ns, c.span_id)
            )
            for row in self._connection.execute(query).mappings():
                found[row["trace_id"]].append(_span(row))
        return {trace_id: tuple(spans) for trace_id, spans in found.items()}

    def spent(self, trace_id: str) -> tuple[Spent, ...]:
        """Return what the spans of a trace used up; nothing when none has said so."""
        seqs = _seqs(self._connection, [trace_id])
        c = t.spans.c
        if trace_id not in seqs:
            return ()
        here = c.trace == seqs[trace_id]
        said = select(c.span_id).where(here, c.spent.is_not(None)).limit(1)
        if self._connection.execute(said).first() is None:
            return ()
        query = select(c.span_id, c.parent_id, c.spent).where(here)
        return tuple(
            Spent(span_id, parent_id) if text is None else decode(text, Spent)
            for span_id, parent_id, text in self._connection.execute(query)
        )


class SqlAssessments:
    """Implements ``core.ports.Assessments``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def put(self, assessment: Assessment) -> None:
        """Store one, or replace the one of that id."""
        seqs = _seqs(self._connection, [assessment.trace_id])
        if assessment.trace_id not in seqs:
            return
        self.remove(assessment.trace_id, assessment.id)
        row = {
            "trace": seqs[assessment.trace_id],
            "id": assessment.id,
            "kind": assessment.kind.value,
            "name": assessment.name,
            "value": encode(assessment.value).decode(),
            "number": assessment.number,
            "valid": assessment.valid,
            "session": SESSION in assessment.metadata,
            "created_at_ms": assessment.created_at_ms,
            "document": encode(assessment).decode(),
        }
        self._connection.execute(insert(t.assessments), row)

    def get(self, trace_id: str, assessment_id: str) -> Assessment | None:
        """Return one."""
        c = t.assessments.c
        query = (
            select(c.document)
            .join(t.traces, t.traces.c.seq == c.trace)
            .where(t.traces.c.id == trace_id, c.id == assessment_id)
        )
        text = self._connection.execute(query).scalar()
        return None if text is None else decode(text, Assessment)

    def remove(self, trace_id: str, assessment_id: str) -> None:
        """Take one away, if it is there."""
        c = t.assessments.c
        seqs = list(_seqs(self._connection, [trace_id]).values())
        self._connection.execute(delete(t.assessments).where(c.trace.in_(seqs), c.id == assessment_id))


def _completed(connection: Connection, rows: Sequence[Any]) -> Iterable[Trace]:
    """Complete rows of ``traces`` with what lies in the other tables."""
    seqs = [row["seq"] for row in rows]
    tags = _words(connection, t.trace_tags, seqs)
    metadata = _words(connection, t.trace_metadata, seqs)
    judged = _assessments(connection, seqs)
    for row in rows:
        seq = row["seq"]
        yield Trace(
            id=row["id"],
            experiment_id=row["experiment"],
            requested_at_ms=row["requested_at_ms"],
            state=TraceState(row["state"]),
            duration_ms=row["duration_ms"],
            client_request_id=row["client_request_id"],
            request=row["request"],
            response=row["response"],
            tags=tags[seq],
            metadata=metadata[seq],
            assessments=tuple(judged[seq]),
        )


def _words(connection: Connection, table: Table, seqs: Sequence[int]) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = defaultdict(dict)
    c = table.c
    for chunk in chunks(seqs):
        query = select(c.trace, c.key, c.value).where(c.trace.in_(chunk)).order_by(c.key)
        for seq, key, value in connection.execute(query):
            found[seq][key] = value
    return found


def _assessments(connection: Connection, seqs: Sequence[int]) -> dict[int, list[Assessment]]:
    found: dict[int, list[Assessment]] = defaultdict(list)
    c = t.assessments.c
    for chunk in chunks(seqs):
        query = select(c.trace, c.document).where(c.trace.in_(chunk)).order_by(c.created_at_ms, c.id)
        for seq, document in connection.execute(query):
            found[seq].append(decode(document, Assessment))
    return found


def _write_words(connection: Connection, table: Table, seq: int, words: Mapping[str, str]) -> None:
    """Make the rows of a trace say ``words``; only what differs is written."""
    c = table.c
    before = dict(connection.execute(select(c.key, c.value).where(c.trace == seq)).all())
    gone = [key for key, value in before.items() if words.get(key) != value]
    new = [key for key, value in words.items() if before.get(key) != value]
    for chunk in chunks(gone):
        connection.execute(delete(table).where(c.trace == seq, c.key.in_(chunk)))
    if new:
        connection.execute(insert(table), [{"trace": seq, "key": key, "value": words[key]} for key in new])


def _span_row(seq: int, span: Span) -> dict[str, Any]:
    spent = span.spent
    rest = {
        "attributes": span.attributes,
        "events": span.events,
        "links": span.links,
        "message": span.state_message,
    }
    return {
        "trace": seq,
        "span_id": span.span_id,
        "parent_id": span.parent_id,
        "name": span.name,
        "kind": span.kind,
        "state": span.state,
        "started_ns": span.started_ns,
        "ended_ns": span.ended_ns,
        "spent": None if spent.tokens is None and spent.cost is None else encode(spent).decode(),
        "document": encode(rest).decode(),
    }


def _span(row: Any) -> Span:
    rest = msgspec.json.decode(row["document"])
    return Span(
        trace_id=row["trace_id"],
        span_id=row["span_id"],
        parent_id=row["parent_id"],
        name=row["name"],
        kind=row["kind"],
        state=row["state"],
        state_message=rest["message"],
        started_ns=row["started_ns"],
        ended_ns=row["ended_ns"],
        attributes=rest["attributes"],
        events=tuple(rest["events"]),
        links=tuple(rest["links"]),
    )


def _seqs(connection: Connection, trace_ids: Sequence[str]) -> dict[str, int]:
    c = t.traces.c
    found: dict[str, int] = {}
    for chunk in chunks(dict.fromkeys(trace_ids)):
        found.update(connection.execute(select(c.id, c.seq).where(c.id.in_(chunk))).all())
    return found
