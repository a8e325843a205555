"""Spans: the timed steps a trace is made of, and what they say of the trace as a whole.

A span is kept as OpenTelemetry defines it (opentelemetry.io/docs/specs/otel/trace/api, "Span"). The
attributes that GenAI clients agree on are named here; all others are kept and never read.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from assay.core.errors import BadInputError

INPUTS: Final = "mlflow.spanInputs"
OUTPUTS: Final = "mlflow.spanOutputs"
KIND: Final = "mlflow.spanType"
USAGE: Final = "mlflow.chat.tokenUsage"
COST: Final = "mlflow.llm.cost"
SESSION_KEYS: Final = ("session.id", "gen_ai.conversation.id")
USER_KEY: Final = "user.id"
TAG_PREFIX: Final = "mlflow.traceTag."

MAX_PREVIEW_LENGTH: Final = 1000
MAX_NAME_LENGTH: Final = 4096
MAX_KIND_LENGTH: Final = 500
MAX_NS: Final = 2**63 - 1
_TOKENS: Final = ("input_tokens", "output_tokens", "total_tokens")
_CACHE_TOKENS: Final = ("cache_read_input_tokens", "cache_creation_input_tokens")
_COSTS: Final = ("input_cost", "output_cost", "total_cost")


@dataclass(frozen=True, slots=True)
class Span:
    """One step of a trace.

    Attributes:
        trace_id: of the trace it belongs to.
        span_id: 16 hex digits; ``parent_id`` the same, "" for a root.
        kind: what the step is, e.g. ``TOOL``; "" when not said.
        state: ``OK``, ``ERROR`` or ``UNSET``.
        started_ns, ended_ns: nanoseconds since 1970; 0 for an end that was not reached.
        attributes, events, links: JSON, as sent.
    """

    trace_id: str
    span_id: str
    name: str
    started_ns: int
    parent_id: str = ""
    kind: str = ""
    state: str = "UNSET"
    state_message: str = ""
    ended_ns: int = 0
    attributes: Mapping[str, Any] = field(default_factory=dict)
    events: tuple[Mapping[str, Any], ...] = ()
    links: tuple[Mapping[str, Any], ...] = ()

    def __post_init__(self) -> None:
        """Check what is searched and sorted by.

        Raises:
            BadInputError: a name or kind is too long, or a time lies outside 63 bits.
        """
        if len(self.name) > MAX_NAME_LENGTH:
            raise BadInputError.of("span.name", f"must be at most {MAX_NAME_LENGTH} characters")
        if len(self.kind) > MAX_KIND_LENGTH:
            raise BadInputError.of("span.type", f"must be at most {MAX_KIND_LENGTH} characters")
        if not (0 <= self.started_ns <= MAX_NS and 0 <= self.ended_ns <= MAX_NS):
            raise BadInputError.of("span.start_time_unix_nano", f"times must be 0 to {MAX_NS}")

    @property
    def spent(self) -> "Spent":
        """What the span says it used up."""
        return Spent(self.span_id, self.parent_id, _numbers(self, USAGE), _numbers(self, COST))


@dataclass(frozen=True, slots=True)
class Spent:
    """What one span used up: tokens and money (USD), by part; None where it said nothing."""

    span_id: str
    parent_id: str
    tokens: Mapping[str, float] | None = None
    cost: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class SpanFacts:
    """What some spans of one trace say of it.

    Attributes:
        started_ms, ended_ms: earliest start and latest end; None when none has ended.
        state: of the root, ``OK`` or ``ERROR``; None when no root is among them.
        request, response: JSON texts of the root's inputs and outputs.
        session, user: "" when not said.
        tags: those the root carries for its trace.
    """

    started_ms: int
    ended_ms: int | None
    state: str | None
    request: str | None
    response: str | None
    session: str
    user: str
    tags: Mapping[str, str]


def facts(spans: Sequence[Span]) -> SpanFacts:
    """Read what spans (at least one) of one trace say of it."""
    ends = [span.ended_ns for span in spans if span.ended_ns]
    root = next((span for span in spans if not span.parent_id), None)
    sessions = (_said(span, key) for span in spans for key in SESSION_KEYS)
    users = (_said(span, USER_KEY) for span in spans)
    return SpanFacts(
        started_ms=min(span.started_ns for span in spans) // 1_000_000,
        ended_ms=max(ends) // 1_000_000 if ends else None,
        state=None if root is None else "ERROR" if root.state == "ERROR" else "OK",
        request=preview(root.attributes.get(INPUTS), "user") if root else None,
        response=preview(root.attributes.get(OUTPUTS), "assistant") if root else None,
        session=next(filter(None, sessions), ""),
        user=next(filter(None, users), ""),
        tags=_root_tags(root) if root else {},
    )


def total_tokens(spans: Iterable[Spent]) -> dict[str, int] | None:
    """Add up tokens; see :func:`_total`."""
    total = _total([(each, each.tokens) for each in spans], _TOKENS, _CACHE_TOKENS)
    return None if total is None else {key: int(value) for key, value in total.items()}


def total_cost(spans: Iterable[Spent]) -> dict[str, float] | None:
    """Add up money; see :func:`_total`."""
    return _total([(each, each.cost) for each in spans], _COSTS, ())


def preview(value: Any, role: str) -> str | None:
    """Return what is shown of a request or response, at most 1000 characters.

    Of a chat it is the last message of ``role``; of anything else its JSON text.
    """
    if not value:
        return None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    found = _last_message(value if not isinstance(value, str) else _parsed(value), role) or text
    found = found.encode(errors="replace").decode()  # JSON can say what UTF-8 cannot
    return found if len(found) <= MAX_PREVIEW_LENGTH else found[: MAX_PREVIEW_LENGTH - 3] + "..."


def _total(
    nodes: Sequence[tuple[Spent, Mapping[str, float] | None]],
    keys: Sequence[str],
    optional: Sequence[str],
) -> dict[str, float] | None:
    """Add what spans used up, leaving out those below a span that said it: that one speaks for them."""
    known = {spent.span_id for spent, _ in nodes}
    below: dict[str, list[tuple[Spent, Mapping[str, float] | None]]] = defaultdict(list)
    for node in nodes:
        parent = node[0].parent_id
        below[parent if parent in known else ""].append(node)
    total: dict[str, float] = {}
    waiting = [*below.pop("", ())]
    while waiting:
        spent, said = waiting.pop()
        if said is None:
            waiting.extend(below.pop(spent.span_id, ()))
            continue
        for key in (*keys, *(key for key in optional if key in said)):
            total[key] = total.get(key, 0) + said.get(key, 0)
    return total or None


def _numbers(span: Span, key: str) -> dict[str, float] | None:
    value = span.attributes.get(key)
    if isinstance(value, str):
        value = _parsed(value)
    if not isinstance(value, dict):
        return None
    found = {
        part: number
        for part, number in value.items()
        if isinstance(number, int | float) and not isinstance(number, bool) and abs(number) < 2.0**63
    }
    return found or None


def _said(span: Span, key: str) -> str:
    value = span.attributes.get(key)
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)


def _root_tags(root: Span) -> dict[str, str]:
    return {
        key.removeprefix(TAG_PREFIX): _said(root, key)
        for key in root.attributes
        if key.startswith(TAG_PREFIX) and len(key) > len(TAG_PREFIX)
    }


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _last_message(value: Any, role: str) -> str:
    while isinstance(value, dict) and "request" in value:
        value = value["request"]
    if not isinstance(value, dict):
        return ""
    choices = value.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        listed: Any = [choices[0].get("message")]
    else:
        listed = next((value[key] for key in ("messages", "input", "output") if value.get(key)), ())
    if not isinstance(listed, list):
        return ""
    messages = [each for each in listed if isinstance(each, dict) and {"role", "content"} <= each.keys()]
    chosen = [each for each in messages if each["role"] == role] or messages
    return _text_of(chosen[-1]["content"]) if chosen else ""


def _text_of(content: Any) -> str:
    if isinstance(content, str):
        return content
    for part in content if isinstance(content, list) else ():
        if isinstance(part, str):
            return part
        if isinstance(part, dict) and part.get("type") in ("text", "output_text"):
            return str(part.get("text") or "")
    return ""
