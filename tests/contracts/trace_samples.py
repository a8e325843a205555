"""Traces to put into stores."""

from assay.core.tracking.assessments import Assessment, AssessmentKind
from assay.core.tracking.searches import Comparison, Operator, Order
from assay.core.tracking.spans import Span
from assay.core.tracking.traces import NAME_TAG, Trace, TraceState


def trace(number, experiment=1, **more):
    more.setdefault("tags", {NAME_TAG: f"name{number % 2}", "team": "red" if number % 2 else "blue"})
    more.setdefault("metadata", {"mlflow.source.type": "LOCAL"})
    more.setdefault("state", TraceState.OK)
    return Trace(f"tr-{number:032x}", experiment, 1000 + number, duration_ms=number, **more)


def span(trace_number, number=1, parent="", **more):
    more.setdefault("attributes", {"color": "red", "count": number})
    more.setdefault("kind", "TOOL" if parent else "AGENT")
    start = (1000 + trace_number) * 1_000_000 + number
    return Span(
        f"tr-{trace_number:032x}",
        f"{number:016x}",
        more.pop("name", f"step{number}"),
        start,
        parent_id=parent,
        ended_ns=start + 500,
        **more,
    )


def assessment(trace_number, number=1, kind=AssessmentKind.FEEDBACK, **more):
    more.setdefault("name", "correct")
    return Assessment(
        id=f"a-{number:032x}",
        trace_id=f"tr-{trace_number:032x}",
        kind=kind,
        source_type="CODE",
        source_id="default",
        created_at_ms=number,
        updated_at_ms=number,
        **more,
    )


def asks(kind, key, operator, value=None):
    return Comparison(kind, key, Operator(operator), value)


def by(kind, key, *, descending=False):
    return Order(kind, key, descending)
