"""Traces: what one request to a model or agent did, step by step, and what was thought of it.

A trace is built from two sides that may come in any order: its spans, one batch after another, and
the tracing code's own summary (*declared*). What was declared wins over what spans let one guess.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final

from assay.core.errors import BadInputError, Reason
from assay.core.tracking.assessments import Assessment
from assay.core.tracking.keys import check_key, check_value
from assay.core.tracking.spans import Span, SpanFacts, Spent, facts, total_cost, total_tokens

NAME_TAG: Final = "mlflow.traceName"
SPANS_TAG: Final = "mlflow.trace.spansLocation"
SPANS_HERE: Final = "TRACKING_STORE"
FILES_TAG: Final = "mlflow.artifactLocation"
DECLARED: Final = "mlflow.trace.infoFinalized"
TOKENS: Final = "mlflow.trace.tokenUsage"
COST: Final = "mlflow.trace.cost"
SESSION: Final = "mlflow.trace.session"
USER: Final = "mlflow.trace.user"
RUN: Final = "mlflow.sourceRun"
SIZE: Final = "mlflow.trace.sizeStats"
FIXED_TAGS: Final = frozenset(
    {FILES_TAG, SPANS_TAG, "mlflow.trace.archiveLocation", "mlflow.trace.archivalFailure"}
)

MAX_TAG_LENGTH: Final = 100_000
MAX_NAME_LENGTH: Final = 4096
MAX_LINKS: Final = 100
MAX_CLIENT_ID_LENGTH: Final = 250
MAX_PREVIEW_LENGTH: Final = 10_000
EARLIEST_MS: Final = -62_135_596_800_000
LATEST_MS: Final = 253_402_300_799_999
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_FOREIGN: Final = ("telemetry.sdk.", "mlflow.")


class TraceState(Enum):
    """How the traced request stands."""

    UNSPECIFIED = "STATE_UNSPECIFIED"
    OK = "OK"
    ERROR = "ERROR"
    IN_PROGRESS = "IN_PROGRESS"

    @classmethod
    def parse(cls, text: str) -> "TraceState":
        """Read a state; an empty text and a word of another protocol version are ``UNSPECIFIED``."""
        return next((each for each in cls if each.value == text), cls.UNSPECIFIED)


@dataclass(frozen=True, slots=True)
class Trace:
    """One traced request.

    Attributes:
        id: ``tr-`` and 32 hex digits, or another short word of letters and digits.
        duration_ms: None while it is not known.
        client_request_id: the caller's own number for the request.
        request, response: what is shown of them in lists.
        tags: may change; ``metadata`` is said once by the tracing code.
        assessments: what people and judges thought of it, oldest first.
    """

    id: str
    experiment_id: int
    requested_at_ms: int
    state: TraceState = TraceState.UNSPECIFIED
    duration_ms: int | None = None
    client_request_id: str | None = None
    request: str | None = None
    response: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    assessments: tuple[Assessment, ...] = ()

    @property
    def name(self) -> str | None:
        """Name of its root step."""
        return self.tags.get(NAME_TAG)

    @property
    def declared(self) -> bool:
        """Whether the tracing code has summed it up."""
        return DECLARED in self.metadata

    @property
    def span_count(self) -> int:
        """How many spans the tracing code says there are; 0 when it has not said."""
        try:
            said = json.loads(self.metadata.get(SIZE, "{}")).get("num_spans", 0)
        except (ValueError, AttributeError, RecursionError):
            return 0
        return said if isinstance(said, int) else 0


def check_trace_id(text: str) -> str:
    """Return ``text`` when it may name a trace: it is also a folder's name where its files lie.

    Raises:
        BadInputError: anything but 1 to 64 letters, digits, ``_`` and ``-``.
    """
    if not _ID.fullmatch(text):
        rule = "must be 1 to 64 letters, digits, '_' or '-'"
        raise BadInputError(f"Invalid trace ID {text[:100]!r}: {rule}", [Reason("trace_id", rule)])
    return text


def check_trace(trace: Trace) -> Trace:
    """Return the trace when it may be stored.

    Raises:
        BadInputError: a tag, key or text breaks a rule, or a time lies outside 63 bits.
    """
    check_trace_id(trace.id)
    for key, value in trace.tags.items():
        check_trace_tag(key, value)
    for key, value in trace.metadata.items():
        check_key(key, "trace_metadata")
        check_value(value, "trace_metadata", MAX_TAG_LENGTH)
    check_value(trace.client_request_id or "", "client_request_id", MAX_CLIENT_ID_LENGTH)
    for text in (trace.request, trace.response):
        check_value(text or "", "preview", MAX_PREVIEW_LENGTH)
    if not EARLIEST_MS <= trace.requested_at_ms <= LATEST_MS:
        raise BadInputError.of("request_time", "must lie in the years 1 to 9999")
    if abs(trace.duration_ms or 0) > LATEST_MS:
        raise BadInputError.of("execution_duration", f"must be at most {LATEST_MS} milliseconds")
    return trace


def check_trace_tag(key: str, value: str) -> None:
    """Refuse tags that cannot be kept.

    Raises:
        BadInputError: a bad key, or a value of more than 100,000 characters (a name: 4096).
    """
    check_key(key, "key")
    check_value(value, "value", MAX_NAME_LENGTH if key == NAME_TAG else MAX_TAG_LENGTH)


def check_tag_is_free(key: str, verb: str) -> None:
    """Refuse to change the tags by which the store finds the parts of a trace.

    Raises:
        BadInputError: it is one of them.
    """
    if key in FIXED_TAGS:
        message = f"Tag '{key}' is immutable and cannot be {verb} on a trace."
        raise BadInputError(message, [Reason("key", "is kept by the registry")])


def free_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags without those that the registry keeps for itself."""
    return {key: value for key, value in tags.items() if key not in FIXED_TAGS}


def declare(before: Trace | None, said: Trace, files: str) -> Trace:
    """Take in the tracing code's own summary of a trace.

    Args:
        before: what is known of it, from spans or an earlier summary.
        said: the summary.
        files: where its files go.
    """
    old = before or Trace(said.id, said.experiment_id, said.requested_at_ms)
    return replace(
        said,
        request=old.request if said.request is None else said.request,
        response=old.response if said.response is None else said.response,
        tags={**old.tags, **free_tags(said.tags), FILES_TAG: files},
        metadata={**old.metadata, **said.metadata, DECLARED: "true"},
        assessments=old.assessments,
    )


def gather(before: Trace, spans: Sequence[Span], spent: Iterable[Spent]) -> Trace:
    """Take in some spans of a trace.

    Args:
        before: what is known of it; for a new one, a trace ``IN_PROGRESS`` with an empty duration.
        spans: those that came, at least one.
        spent: what all spans of the trace, these included, used up.
    """
    found = facts(spans)
    state = before.state
    if found.state and state in (TraceState.IN_PROGRESS, TraceState.UNSPECIFIED):
        state = TraceState(found.state)
    start, duration = before.requested_at_ms, before.duration_ms
    if not before.declared:
        start = min(start, found.started_ms)
        end = before.requested_at_ms + duration if duration is not None else None
        ends = [each for each in (end, found.ended_ms) if each is not None]
        duration = max(ends) - start if ends else None
    return replace(
        before,
        requested_at_ms=start,
        duration_ms=duration,
        state=state,
        request=found.request if before.request is None else before.request,
        response=found.response if before.response is None else before.response,
        tags={**before.tags, **_usable(found.tags), SPANS_TAG: SPANS_HERE},
        metadata={**before.metadata, **_guessed(before, found, list(spent))},
    )


def resource_tags(attributes: Mapping[str, object]) -> dict[str, str]:
    """Return the tags a trace gets from the resource that sent its spans (OTLP, "Resource").

    What the telemetry library says of itself, and names that the registry keeps for its own use, are
    left out; so is what could not be a tag.
    """
    texts = {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for key, value in attributes.items()
        if not key.startswith(_FOREIGN)
    }
    return _usable(texts)


def _usable(tags: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for key, value in tags.items():
        try:
            check_trace_tag(key, value)
        except BadInputError:
            continue
        if key not in FIXED_TAGS:
            found[key] = value
    return found


def _guessed(before: Trace, found: SpanFacts, spent: Sequence[Spent]) -> dict[str, str]:
    """Return what spans add to the metadata: sums grow with the spans, the rest is only filled in."""
    sums = {TOKENS: total_tokens(spent), COST: total_cost(spent)}
    names = {SESSION: found.session, USER: found.user}
    known = before.metadata
    return {
        **{key: name for key, name in names.items() if name and key not in known},
        **{
            key: json.dumps(sum_)
            for key, sum_ in sums.items()
            if sum_ and not (before.declared and key in known)
        },
    }
