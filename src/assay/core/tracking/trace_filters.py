"""What traces can be asked, in the filter language of :mod:`assay.core.tracking.filters`.

Besides attributes, tags and metadata: ``span.name``, ``span.attributes.KEY``, ``feedback.NAME``,
``expectation.NAME``, ``prompt = 'name/version'`` and ``text``, which looks into everything spans say.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from assay.core.errors import BadInputError, Reason
from assay.core.tracking import filter_words
from assay.core.tracking.filters import parse_filter, parse_order
from assay.core.tracking.searches import AllOf, AnyOf, Comparison, Condition, Not, Operator, Order
from assay.core.tracking.traces import NAME_TAG, RUN
from assay.core.tracking.vocabularies import ATTRIBUTE, TAG, Vocabulary

METADATA, SPAN, FEEDBACK, EXPECTATION, ISSUE, PROMPT = (
    "metadata",
    "span",
    "feedback",
    "expectation",
    "issue",
    "prompt",
)
CONTENT: Final = "content"
SPAN_ATTRIBUTE: Final = "attributes."
MAX_PATTERN_LENGTH: Final = 200
MAX_JUDGED, MAX_SPAN_VALUES = 100, 100
MAX_OPTIONAL, MAX_GROUPS, MAX_ALTERNATIVES, MAX_WAYS = 4, 3, 10, 6
_PATTERNS: Final = frozenset({Operator.LIKE, Operator.ILIKE})
_NUMERIC: Final = frozenset({Operator.ABOVE, Operator.AT_LEAST, Operator.BELOW, Operator.AT_MOST})
_SAME: Final = frozenset({Operator.EQUAL, Operator.UNEQUAL})
_TEXT: Final = _SAME | _PATTERNS | {Operator.RLIKE}
_LISTS: Final = frozenset({Operator.IN, Operator.NOT_IN})
_PRESENT: Final = frozenset({Operator.IS_NULL, Operator.IS_NOT_NULL})
_TIMES: Final = {
    "timestamp": "timestamp_ms",
    "timestamp_ms": "timestamp_ms",
    "execution_time": "execution_time_ms",
    "execution_time_ms": "execution_time_ms",
    "end_time": "end_time_ms",
    "end_time_ms": "end_time_ms",
}
_TEXTS: Final = {
    "request_id": "request_id",
    "trace_id": "request_id",
    "status": "status",
    "state": "status",
    "client_request_id": "client_request_id",
    "name": "name",
    "run_id": "run_id",
    "prompt": "prompt",
    "text": "text",
}
TRACES: Final = Vocabulary(
    prefixes={
        "attribute": ATTRIBUTE,
        "attributes": ATTRIBUTE,
        "trace": ATTRIBUTE,
        "tag": TAG,
        "tags": TAG,
        "metadata": METADATA,
        "request_metadata": METADATA,
        "span": SPAN,
        "feedback": FEEDBACK,
        "expectation": EXPECTATION,
        "issue": ISSUE,
    },
    texts=_TEXTS,
    numbers=_TIMES,
    operators={
        "text": _TEXT | _LISTS | _PRESENT,
        "number": _NUMERIC | _SAME,
        TAG: _TEXT | _PRESENT,
        METADATA: _TEXT | _PRESENT,
        SPAN: _TEXT | _LISTS,
        FEEDBACK: _TEXT | _NUMERIC | _PRESENT,
        EXPECTATION: _TEXT | _NUMERIC | _PRESENT,
        ISSUE: frozenset({Operator.EQUAL}),
    },
    order={
        "experiment_id": "experiment_id",
        "request_id": "request_id",
        "status": "status",
        "name": "name",
        "run_id": "run_id",
        **_TIMES,
    },
    kinds=("attribute", "tag", "request_metadata", "span", "feedback", "expectation", "issue"),
    extra={"trace_id": "request_id", "state": "status"},
    lists=frozenset({"name", "status", "request_id", "run_id", "client_request_id"}),
    mixed=frozenset({FEEDBACK, EXPECTATION}),
    wording=filter_words.TRACES,
)
# Attributes that are kept somewhere else.
_ELSEWHERE: Final = {"name": (TAG, NAME_TAG), "run_id": (METADATA, RUN), "text": (SPAN, CONTENT)}
# A set that nobody closes reaches to the end: the engine warns of it before it refuses.
_PART: Final = re.compile(r"\\.|\[\^?\]?[^\]]*(?:\]|$)|.", re.DOTALL)
_DOUBTFUL: Final = re.compile(r".\[|--|&&|~~|\|\|")
_REPEAT: Final = re.compile(r"[*+]|\{\d*,\d*\}")
_REPEAT_BEFORE: Final = re.compile(r"(?:[*+]|\{\d*,\d*\})\Z")
_ANYTHING: Final = [".", "*"]


def read_trace_filter(text: str) -> Condition:
    """Read a filter; an empty one holds for everything.

    Raises:
        BadInputError: it cannot be read, or asks what cannot be asked of traces.
    """
    condition = _meant(parse_filter(text, TRACES))
    if _count_judged(condition) > MAX_JUDGED:
        raise _refuse(f"filter string must have at most {MAX_JUDGED} comparisons with assessments")
    return condition


def read_trace_order(clauses: Sequence[str]) -> tuple[Order, ...]:
    """Read ``order_by`` clauses.

    Raises:
        BadInputError: a clause cannot be read, names one thing twice, or what traces cannot be ordered by.
    """
    found = tuple(
        replace(each, kind=_ELSEWHERE[each.key][0], key=_ELSEWHERE[each.key][1])
        if each.kind == ATTRIBUTE and each.key in _ELSEWHERE
        else each
        for each in parse_order(clauses, TRACES)
    )
    for each in found:
        if each.kind not in (ATTRIBUTE, TAG, METADATA):
            raise _refuse(f"Invalid identifier type '{each.kind}'")
    if len({(each.kind, each.key) for each in found}) < len(found):
        raise _refuse(f"`order_by` contains duplicate fields: {list(clauses)}")
    return found


def _count_judged(condition: Condition) -> int:
    if isinstance(condition, Comparison):
        return condition.kind in (FEEDBACK, EXPECTATION, ISSUE)
    return sum(map(_count_judged, (condition.part,) if isinstance(condition, Not) else condition.parts))


def _meant(condition: Condition) -> Condition:
    if isinstance(condition, AllOf | AnyOf):
        return replace(condition, parts=tuple(map(_meant, condition.parts)))
    if isinstance(condition, Not):
        return Not(_meant(condition.part))
    asked = condition
    if asked.operator is Operator.RLIKE:
        asked = replace(asked, value=read_pattern(str(asked.value)))
    if asked.kind == ATTRIBUTE and asked.key in _ELSEWHERE:
        kind, key = _ELSEWHERE[asked.key]
        return _checked(replace(asked, kind=kind, key=key))
    if asked.kind == ATTRIBUTE and asked.key == PROMPT:
        return _prompt(asked)
    return _checked(asked)


def _checked(asked: Comparison) -> Comparison:
    if asked.kind == SPAN:
        return _span(asked)
    if asked.kind == ISSUE and asked.key != "id":
        raise _refuse(f"Invalid issue attribute '{asked.key[:100]}'. Supported attributes: id")
    return asked


def _span(asked: Comparison) -> Comparison:
    key = asked.key
    if key.startswith(SPAN_ATTRIBUTE) and len(key) > len(SPAN_ATTRIBUTE):
        if asked.operator is Operator.RLIKE:
            raise _refuse("RLIKE does not look into attributes of spans; use LIKE")
        if isinstance(asked.value, tuple) and len(asked.value) > MAX_SPAN_VALUES:
            raise _refuse(f"a list for an attribute of spans must have at most {MAX_SPAN_VALUES} values")
        return replace(asked, key=SPAN_ATTRIBUTE + key.removeprefix(SPAN_ATTRIBUTE).strip("`"))
    if key == CONTENT:
        if asked.operator not in _PATTERNS:
            known = sorted(each.value for each in _PATTERNS)
            raise _refuse(f"span.content comparator '{asked.operator.value}' not one of '{known}'")
        return asked
    if key not in ("name", "type", "status"):
        rule = "Supported attributes: name, status, type, attributes.<attribute_name>."
        raise _refuse(f"Invalid span attribute '{key[:100]}'. {rule}")
    return asked


def _prompt(asked: Comparison) -> Comparison:
    if asked.operator is not Operator.EQUAL:
        rule = "Only '=' is supported with format: prompt = \"name/version\""
        raise _refuse(f"Invalid comparator '{asked.operator.value}' for prompts filter. {rule}")
    if str(asked.value).count("/") != 1:
        rule = 'Expected format: prompt = "name/version"'
        raise _refuse(f"Invalid prompts filter value '{str(asked.value)[:200]}'. {rule}")
    return replace(asked, kind=PROMPT)


def read_pattern(pattern: str) -> str:
    """Return an expression that is found where ``pattern`` is, and in no time worth speaking of.

    Python's engine tries every place to begin, and every way to divide a text among repeats: of these
    two may come together, which in a text of 2000 letters are some million ways. ``.*`` at an end asks
    nothing, so that it goes; so does the ``?`` that makes a repeat lazy, because only that something is
    found matters.

    Raises:
        BadInputError: not a regular expression, longer than 200 characters, with more than one repeat
            (two where it begins with ``^``), a repeated group, or too many ways to begin.
    """
    core = _without_ends([*_eager(_PART.findall(pattern))])
    plain = "".join("x" if len(each) > 1 else each for each in core)
    rule = ""
    if len(pattern) > MAX_PATTERN_LENGTH:
        rule = f"must be at most {MAX_PATTERN_LENGTH} characters"
    elif len(_REPEAT.findall(plain)) > _most_repeats(plain) or plain.count("?") > MAX_OPTIONAL:
        rule = "must not have more than one repeat"
    elif re.search(r"\)[*+?{]|\(\?", plain) or any(re.fullmatch(r"\\[1-9]", each) for each in core):
        rule = "must not repeat or refer to a group"
    elif plain.count("(") > MAX_GROUPS or plain.count("|") > MAX_ALTERNATIVES:
        rule = f"must have at most {MAX_GROUPS} groups and {MAX_ALTERNATIVES} alternatives"
    elif _REPEAT.search(plain) and _ways(plain) > MAX_WAYS:
        rule = f"must have at most {MAX_WAYS} ways to read its options and alternatives beside a repeat"
    elif any(_DOUBTFUL.search(each) for each in core if each.startswith("[")):
        rule = "must not have sets within sets"
    elif re.search(r"\{\d{4,}", plain):
        rule = "must not repeat more than 999 times"
    if rule or not _is_expression(pattern):
        rule = rule or "must be a regular expression"
        raise _refuse(f"the pattern of RLIKE {rule}: {pattern[:100]!r}")
    return "".join(core)


def _eager(parts: Sequence[str]) -> Iterator[str]:
    """Leave out the signs that make repeats lazy."""
    before = ""
    for part in parts:
        if part != "?" or not _REPEAT_BEFORE.search(before):
            yield part
        before = "" if len(part) > 1 else before + part


def _without_ends(parts: list[str]) -> list[str]:
    while parts[:2] == _ANYTHING and parts[2:3] not in (["?"], ["*"], ["+"], ["{"]):
        del parts[:2]
    while parts[-2:] == _ANYTHING:
        del parts[-2:]
    return parts


def _most_repeats(plain: str) -> int:
    """One less where a match may begin anywhere: that is as good as a repeat."""
    return 2 if plain.startswith("^") and "|" not in plain else 1


def _ways(plain: str) -> float:
    """Return in how many ways at most what is optional, and what has alternatives, can be read."""
    groups = max(1, plain.count("("))
    ways: float = 2 ** plain.count("?") * (plain.count("|") / groups + 1) ** groups
    return ways


def _is_expression(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return False
    return True


def _refuse(message: str) -> BadInputError:
    return BadInputError(message, [Reason("filter", message)])
