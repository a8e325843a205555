"""Ports of traces: what was traced, its spans, and what was thought of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from assay.core.search import Page
from assay.core.tracking.assessments import Assessment
from assay.core.tracking.searches import Search
from assay.core.tracking.spans import Span, Spent
from assay.core.tracking.traces import Trace


@dataclass(frozen=True, slots=True)
class Doomed:
    """Which traces of an experiment are to go: those named, or the oldest up to an instant.

    Attributes:
        trace_ids: by name; None when they are chosen by time.
        until_ms: requested then or before; None for any time.
        limit: at most so many, oldest first; None for all.
    """

    experiment_id: int
    trace_ids: tuple[str, ...] | None = None
    until_ms: int | None = None
    limit: int | None = None


class Traces(Protocol):
    """Traces by id; looking for them."""

    def get(self, trace_ids: Sequence[str]) -> Mapping[str, Trace]:
        """Return those of the ids that there are, with tags, metadata and assessments."""
        ...

    def save(self, trace: Trace) -> None:
        """Store a trace, or replace one with its tags and metadata; its assessments stay as they are."""
        ...

    def search(self, experiment_ids: Sequence[int], search: Search) -> Page[Trace]:
        """Return a page of traces; newest request first, then by id, unless ordered otherwise.

        Raises:
            BadInputError: the cursor is not one of ours.
        """
        ...

    def delete(self, doomed: Doomed) -> int:
        """Remove traces with all that belongs to them; return how many."""
        ...

    def link(self, trace_ids: Sequence[str], kind: str, targets: Sequence[str]) -> None:
        """Note that traces belong to things (``run``, ``prompt``); unknown traces are passed over."""
        ...


class Spans(Protocol):
    """Spans of traces that are there."""

    def put(self, spans: Sequence[Span]) -> None:
        """Store spans; one that is there already is replaced."""
        ...

    def of(self, trace_ids: Sequence[str]) -> Mapping[str, tuple[Span, ...]]:
        """Return the spans of each trace that has some: roots first, then by start."""
        ...

    def spent(self, trace_id: str) -> tuple[Spent, ...]:
        """Return what the spans of a trace used up; nothing when none has said so."""
        ...


class Assessments(Protocol):
    """Assessments of traces that are there."""

    def put(self, assessment: Assessment) -> None:
        """Store one, or replace the one of that id."""
        ...

    def get(self, trace_id: str, assessment_id: str) -> Assessment | None:
        """Return one."""
        ...

    def remove(self, trace_id: str, assessment_id: str) -> None:
        """Take one away, if it is there."""
        ...
