"""Looking for traces: a condition becomes SQL, an order becomes a page by key."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    Text,
    and_,
    exists,
    func,
    literal,
    not_,
    or_,
    select,
    true,
)

from assay.core.tracking.searches import AllOf, Comparison, Condition, Operator, Order, Search
from assay.core.tracking.trace_filters import SPAN_ATTRIBUTE
from assay.core.tracking.traces import NAME_TAG, RUN, SESSION
from assay.storage import trace_tables as t
from assay.storage.keysets import Key, read_page
from assay.storage.rows import like_exact
from assay.storage.tracking.conditions import (
    Holds,
    Lowered,
    all_of,
    any_of,
    compare,
    compare_word,
    matches,
    to_sql,
)

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
    query = select(t.traces).where(
        _c.experiment.in_(list(experiment_ids)),
        _Reading(experiment_ids).clause(search.condition),
    )
    rows, more = read_page(connection, query, _keys(search.order), search)
    return [dict(row) for row in rows], more


def _keys(order: Sequence[Order]) -> list[Key]:
    """Spell an order out, with what breaks ties."""
    keys = [_key(each) for each in order]
    named = {each.key for each in order if each.kind == "attribute"}
    if "timestamp_ms" not in named:
        keys.append(Key.of(_c.requested_at_ms, descending=True))
    if "request_id" not in named:
        keys.append(Key.of(_c.id))
    return keys


def _key(order: Order) -> Key:
    if order.kind == "attribute":
        key = Key.of(_ATTRIBUTES[order.key], order.descending)
        return replace(key, kind=int, nullable=False) if order.key == "end_time_ms" else key
    if order.kind == "tag" and order.key == NAME_TAG:
        return Key.of(_c.name, order.descending)
    table = t.trace_tags if order.kind == "tag" else t.trace_metadata
    value = select(table.c.value).where(table.c.trace == _c.seq, table.c.key == order.key)
    return Key.of(value.scalar_subquery(), order.descending)


class _Reading:
    """Turns a condition into SQL over a row of ``traces``."""

    def __init__(self, experiment_ids: Sequence[int]) -> None:
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
        return to_sql(condition, lambda one: self._kinds[one.kind](one), gather=self._gather)

    def _gather(self, condition: AllOf) -> tuple[list[Clause], list[Condition]]:
        """Ask of one and the same span what is asked of spans side by side."""
        spans = [each for each in condition.parts if isinstance(each, Comparison) and each.kind == "span"]
        others = [each for each in condition.parts if each not in spans]
        return ([self._spans(spans)] if spans else []), others

    def _attribute(self, one: Comparison) -> Clause:
        return _compared(_ATTRIBUTES[one.key], one)

    def _tag(self, one: Comparison) -> Clause:
        if one.key == NAME_TAG:
            return _compared(_c.name, one)
        return _word(t.trace_tags, one)

    def _metadata(self, one: Comparison) -> Clause:
        found = _word(t.trace_metadata, one)
        if one.key == RUN and one.operator is Operator.EQUAL:
            return or_(found, _linked("run", str(one.value)))
        return found

    def _spans(self, asked: Sequence[Comparison]) -> Clause:
        return exists().where(t.spans.c.trace == _c.seq, all_of([*map(self._span, asked)]))

    def _span(self, one: Comparison) -> Clause:
        if one.key in _SPAN_PARTS:
            return _compared(_SPAN_PARTS[one.key], one)
        document = t.spans.c.document
        if not one.key.startswith(SPAN_ATTRIBUTE):
            return self._says(document, one)
        name = json.dumps(one.key.removeprefix(SPAN_ATTRIBUTE), ensure_ascii=False)
        if one.operator in (Operator.LIKE, Operator.ILIKE):
            return self._says(document, one, f"{name}:")
        values = one.value if isinstance(one.value, tuple) else (str(one.value),)
        found = any_of([self._inside(document, text) for value in values for text in _written(name, value)])
        return not_(found) if one.operator in (Operator.UNEQUAL, Operator.NOT_IN) else found

    @staticmethod
    def _inside(column: ColumnElement[Any], text: str) -> Clause:
        """Tell columns that contain a text, with regard to case."""
        return _holds(column, ["", text, ""])

    def _says(self, document: ColumnElement[Any], one: Comparison, name: str = "") -> Clause:
        """Look for a pattern in a document, however long: but for one with ``_``, that takes little time.

        Args:
            document: where to look.
            one: with LIKE or ILIKE.
            name: what stands before the value that the pattern is for; "" when it is for all.
        """
        value = str(one.value)
        if "_" in value:
            return _compared(document, replace(one, value=f"%{name}{value}%") if name else one)
        parts = value.split("%")
        parts = ["", name + parts[0], *parts[1:], ""] if name else parts
        if one.operator is Operator.LIKE:
            return _holds(document, parts)
        return _holds(Lowered(document), [part.lower() for part in parts])

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


def _holds(column: ColumnElement[Any], parts: Sequence[str]) -> Clause:
    """Tell texts that begin with the first part, end with the last, and have the others between in order."""
    pattern = "%".join(map(like_exact, parts))
    return Holds(column, literal("\0".join(parts)), literal(pattern))


def _word(table: Table, one: Comparison) -> Clause:
    return compare_word(table, table.c.trace == _c.seq, one, _compared)


def _compared(column: ColumnElement[Any], one: Comparison) -> Clause:
    if one.operator is Operator.RLIKE:
        # Looking for a pattern takes time that grows with the square of the text's length.
        return matches(func.substr(column, 1, MATCHED_LENGTH, type_=Text()), str(one.value))
    return compare(column, one)


def _linked(kind: str, target: str) -> Clause:
    c = t.trace_links.c
    return exists().where(c.trace == _c.seq, c.kind == kind, c.target == target)


def _written(name: str, value: str) -> tuple[str, ...]:
    """Return how JSON says that an attribute has exactly this value, as a text or as it is."""
    return f"{name}:{json.dumps(value, ensure_ascii=False)}", f"{name}:{value},", f"{name}:{value}}}"
