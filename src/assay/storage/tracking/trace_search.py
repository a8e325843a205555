"""Looking for traces: a condition becomes SQL, an order becomes a page by key."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    case,
    exists,
    false,
    func,
    not_,
    or_,
    select,
    true,
)

from assay.core.tracking.searches import AnyOf, Comparison, Condition, Not, Operator, Order, Search
from assay.core.tracking.trace_filters import SPAN_ATTRIBUTE
from assay.core.tracking.traces import NAME_TAG, RUN, SESSION
from assay.storage import trace_tables as t
from assay.storage.cursors import read_cursor, write_cursor
from assay.storage.tracking.conditions import compare

Clause = ColumnElement[bool]
_c: Final = t.traces.c
_END: Final = _c.requested_at_ms + func.coalesce(_c.duration_ms, 0)
_ATTRIBUTES: Final[Mapping[str, ColumnElement[Any]]] = {
    "request_id": _c.id,
    "timestamp_ms": _c.requested_at_ms,
    "execution_time_ms": _c.duration_ms,
    "end_time_ms": _END,
    "status": _c.state,
    "client_request_id": _c.client_request_id,
    "experiment_id": _c.experiment,
}
_NEVER_NULL: Final = frozenset({"request_id", "timestamp_ms", "end_time_ms", "status", "experiment_id"})
_NUMBERS: Final = frozenset({"timestamp_ms", "execution_time_ms", "end_time_ms", "experiment_id"})
_SPAN_PARTS: Final = {"name": t.spans.c.name, "type": t.spans.c.kind, "status": t.spans.c.state}
MATCHED_LENGTH: Final = 2000


def find_traces(
    connection: Connection, experiment_ids: Sequence[int], search: Search
) -> tuple[list[dict[Any, Any]], str]:
    """Return the rows of a page of traces, and the cursor of the next page ("" at the end).

    Raises:
        BadInputError: the cursor is not one of ours.
    """
    if not experiment_ids:
        return [], ""
    keys = _keys(search.order)
    query: Select[Any] = select(t.traces, *(key.column.label(f"key{at}") for at, key in enumerate(keys)))
    query = query.where(
        _c.experiment.in_(list(experiment_ids)),
        _Reading(connection, experiment_ids).clause(search.condition),
    )
    if search.cursor:
        query = query.where(_beyond(keys, read_cursor(search.cursor, tuple(key.type for key in keys))))
    ordered = [key.column.desc() if key.descending else key.column for key in keys]
    query = query.order_by(*ordered).limit(search.limit + 1)
    rows = [dict(row) for row in connection.execute(query).mappings()]
    if len(rows) <= search.limit:
        return rows, ""
    last = rows[search.limit - 1]
    return rows[: search.limit], write_cursor([last[f"key{at}"] for at in range(len(keys))])


@dataclass(frozen=True, slots=True)
class _Key:
    """One thing that a page is ordered by; never NULL."""

    column: ColumnElement[Any]
    descending: bool
    type: type


def _keys(order: Sequence[Order]) -> list[_Key]:
    """Spell an order out, with what breaks ties; a missing value comes last, whatever the direction."""
    keys: list[_Key] = []
    for each in order:
        column, number = _ordered(each)
        if each.kind == "attribute" and each.key in _NEVER_NULL:
            keys.append(_Key(column, each.descending, int if number else str))
            continue
        keys.append(_Key(case((column.is_(None), 1), else_=0), False, int))
        filled = func.coalesce(column, 0 if number else "")
        keys.append(_Key(filled, each.descending, int if number else str))
    named = {each.key for each in order if each.kind == "attribute"}
    if "timestamp_ms" not in named:
        keys.append(_Key(_c.requested_at_ms, True, int))
    if "request_id" not in named:
        keys.append(_Key(_c.id, False, str))
    return keys


def _ordered(order: Order) -> tuple[ColumnElement[Any], bool]:
    if order.kind == "attribute":
        return _ATTRIBUTES[order.key], order.key in _NUMBERS
    if order.kind == "tag" and order.key == NAME_TAG:
        return _c.name, False
    table = t.trace_tags if order.kind == "tag" else t.trace_metadata
    value = select(table.c.value).where(table.c.trace == _c.seq, table.c.key == order.key)
    return value.scalar_subquery(), False


def _beyond(keys: Sequence[_Key], values: Sequence[Any]) -> Clause:
    """Return what holds for every row after the one with these values."""
    found: list[Clause] = []
    same: list[Clause] = []
    for key, value in zip(keys, values, strict=True):
        after = key.column < value if key.descending else key.column > value
        found.append(and_(*same, after))
        same.append(key.column == value)
    return or_(*found)


class _Reading:
    """Turns a condition into SQL over a row of ``traces``."""

    def __init__(self, connection: Connection, experiment_ids: Sequence[int]) -> None:
        self._globs = connection.dialect.name == "sqlite"
        self._experiment_ids = list(experiment_ids)
        self._kinds: Mapping[str, Callable[[Comparison], Clause]] = {
            "attribute": self._attribute,
            "tag": self._tag,
            "metadata": self._metadata,
            "span": lambda one: self._spans([one]),
            "feedback": self._assessment,
            "expectation": self._assessment,
            "issue": lambda one: self._judged("issue", str(one.value), true()),
            "prompt": lambda one: _linked("prompt", str(one.value)),
        }

    def clause(self, condition: Condition) -> Clause:
        """Return the SQL of a condition."""
        if isinstance(condition, Comparison):
            return self._kinds[condition.kind](condition)
        if isinstance(condition, Not):
            return not_(self.clause(condition.part))
        if isinstance(condition, AnyOf):
            return or_(false(), *map(self.clause, condition.parts))
        # What is asked of spans side by side is asked of one and the same span.
        spans = [each for each in condition.parts if isinstance(each, Comparison) and each.kind == "span"]
        others = [each for each in condition.parts if each not in spans]
        parts = [self.clause(each) for each in others]
        return and_(true(), *parts, *([self._spans(spans)] if spans else []))

    def _attribute(self, one: Comparison) -> Clause:
        return _compared(_ATTRIBUTES[one.key], one)

    def _tag(self, one: Comparison) -> Clause:
        if one.key == NAME_TAG:
            return _compared(_c.name, one)
        return self._word(t.trace_tags, one)

    def _metadata(self, one: Comparison) -> Clause:
        found = self._word(t.trace_metadata, one)
        if one.key == RUN and one.operator is Operator.EQUAL:
            return or_(found, _linked("run", str(one.value)))
        return found

    def _word(self, table: Any, one: Comparison) -> Clause:
        c = table.c
        here = and_(c.trace == _c.seq, c.key == one.key)
        if one.operator is Operator.IS_NULL:
            return ~exists().where(here)
        if one.operator is Operator.IS_NOT_NULL:
            return exists().where(here)
        return exists().where(here, _compared(c.value, one))

    def _spans(self, asked: Sequence[Comparison]) -> Clause:
        return exists().where(t.spans.c.trace == _c.seq, *map(self._span, asked))

    def _span(self, one: Comparison) -> Clause:
        if one.key in _SPAN_PARTS:
            return _compared(_SPAN_PARTS[one.key], one)
        document = t.spans.c.document
        if not one.key.startswith(SPAN_ATTRIBUTE):
            return _compared(document, one)
        name = json.dumps(one.key.removeprefix(SPAN_ATTRIBUTE), ensure_ascii=False)
        if one.operator in (Operator.LIKE, Operator.ILIKE):
            return _compared(document, replace(one, value=f"%{name}:{one.value}%"))
        values = one.value if isinstance(one.value, tuple) else (str(one.value),)
        found = or_(*(self._inside(document, text) for value in values for text in _written(name, value)))
        return not_(found) if one.operator in (Operator.UNEQUAL, Operator.NOT_IN) else found

    def _inside(self, column: ColumnElement[Any], text: str) -> Clause:
        """Tell columns that contain a text, with regard to case."""
        if self._globs:
            plain = re.sub(r"[\[*?]", lambda found: f"[{found[0]}]", text)
            return column.op("GLOB", is_comparison=True)(f"*{plain}*")
        return column.contains(text, autoescape=True)

    def _assessment(self, one: Comparison) -> Clause:
        if one.operator is Operator.IS_NULL:
            return not_(self._judged(one.kind, one.key, true()))
        return self._judged(one.kind, one.key, self._value(one))

    def _value(self, one: Comparison) -> Clause:
        a = t.assessments.c
        if one.operator is Operator.IS_NOT_NULL:
            return true()
        if one.operator in (Operator.EQUAL, Operator.UNEQUAL):
            found = a.value.in_([str(one.value), json.dumps(one.value, ensure_ascii=False)])
            return found if one.operator is Operator.EQUAL else not_(found)
        column = a.value if one.operator in (Operator.LIKE, Operator.ILIKE, Operator.RLIKE) else a.number
        return _compared(column, one)

    def _judged(self, kind: str, name: str, value: Clause) -> Clause:
        """Tell traces with such an assessment, or in a conversation that has one as a whole."""
        a, m = t.assessments.c, t.trace_metadata.c
        such = and_(a.kind == kind, a.name == name, a.valid, value)
        other = t.traces.alias()
        sessions = (
            select(m.value)
            .join(t.assessments, a.trace == m.trace)
            .join(other, other.c.seq == m.trace)
            .where(other.c.experiment.in_(self._experiment_ids), m.key == SESSION, a.session, such)
        )
        mine = t.trace_metadata.alias()
        whole = exists().where(mine.c.trace == _c.seq, mine.c.key == SESSION, mine.c.value.in_(sessions))
        return or_(exists().where(a.trace == _c.seq, such), whole)


def _compared(column: ColumnElement[Any], one: Comparison) -> Clause:
    if one.operator is Operator.RLIKE:
        # Looking for a pattern takes time that grows with the square of the text's length.
        return func.substr(column, 1, MATCHED_LENGTH).regexp_match(one.value)
    return compare(column, one)


def _linked(kind: str, target: str) -> Clause:
    c = t.trace_links.c
    return exists().where(c.trace == _c.seq, c.kind == kind, c.target == target)


def _written(name: str, value: str) -> tuple[str, ...]:
    """Return how JSON says that an attribute has exactly this value, as a text or as it is."""
    return f"{name}:{json.dumps(value, ensure_ascii=False)}", f"{name}:{value},", f"{name}:{value}}}"
