"""Pages by key: an order spelled out, the rows beyond the last one shown, and the cursor that names it.

A cursor carries what the last row was ordered by, down to something that no two rows share, and which
question it belongs to. So rows that come, go or change meanwhile neither shift nor repeat what others
are shown. Only a row that itself moves, because what it is ordered by changed between two pages, may be
seen twice or not at all.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Executable,
    Result,
    RowMapping,
    ScalarSelect,
    Select,
    and_,
    false,
    or_,
    select,
)
from sqlalchemy.sql import visitors

from assay.core.tracking.searches import Search
from assay.storage.cursors import Kind, Part, foreign, read_cursor, write_cursor
from assay.storage.deadlines import SEARCH_S, within

_DIGITS: Final = 16
_NAME: Final = "key_{}"
# Marks a connection that is to be closed when it is given back.
WORN: Final = "worn"
Clause = ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Key:
    """One thing that rows are ordered by; rows without it come last, whatever the direction.

    Attributes:
        kind: of its values: ``int``, ``float`` or ``str``, with None where rows may lack it.
        nullable: whether rows may lack it.
    """

    column: ColumnElement[Any]
    descending: bool
    kind: Kind
    nullable: bool

    @classmethod
    def of(cls, column: Any, descending: bool = False) -> "Key":
        """Return the key for a column or expression; whatever is no column may be lacking."""
        kind, nullable = column.type.python_type, bool(getattr(column, "nullable", True))
        return cls(column, descending, kind | None if nullable else kind, nullable)

    @property
    def is_looked_up(self) -> bool:
        """Whether every row takes a question of its own to know it."""
        return any(isinstance(part, ScalarSelect) for part in visitors.iterate(self.column))

    @property
    def in_order(self) -> Any:
        """What SQL orders by; silent about NULL where there is none, so that an index will do."""
        ordered = self.column.desc() if self.descending else self.column.asc()
        return ordered.nulls_last() if self.nullable else ordered

    def at(self, value: Part) -> Clause:
        """Return what holds for rows with this value."""
        return self.column.is_(None) if value is None else self.column == value

    def beyond(self, value: Part) -> Clause:
        """Return what holds for rows further than this value."""
        if value is None:
            return false()
        further: Clause = self.column < value if self.descending else self.column > value
        return or_(further, self.column.is_(None)) if self.nullable else further


def read_page(
    connection: Connection, query: Select[Any], keys: Sequence[Key], search: Search
) -> tuple[Sequence[RowMapping], str]:
    """Return the rows of the page that a search asks for, and the cursor of the next ("" at the end).

    Args:
        connection: to ask.
        query: for all rows, in no order.
        keys: what they are ordered by; no two rows share all of them.
        search: with the cursor and how many.

    Raises:
        BadInputError: the cursor is not one of ours, or another question's; or it took too long.
    """
    after = read_place(search, [key.kind for key in keys])
    rows = read_rows(connection, query, keys, after, search.limit + 1, search.is_wide)
    if len(rows) <= search.limit:
        return rows, ""
    return rows[: search.limit], write_place(search, place_of(rows[search.limit - 1], keys))


def read_listing(
    connection: Connection,
    query: Select[Any],
    keys: Sequence[Key],
    limit: int,
    cursor: str,
    wide: bool = False,
) -> tuple[Sequence[RowMapping], str]:
    """Return the rows of a page of what has one order only, and the cursor of the next ("" at the end).

    The arguments are those of :func:`read_rows`.

    Raises:
        BadInputError: the cursor is not one of ours.
    """
    after = read_cursor(cursor, [key.kind for key in keys]) if cursor else None
    rows = read_rows(connection, query, keys, after, limit + 1, wide)
    if len(rows) <= limit:
        return rows, ""
    return rows[:limit], write_cursor(place_of(rows[limit - 1], keys))


def read_rows(
    connection: Connection,
    query: Select[Any],
    keys: Sequence[Key],
    after: Sequence[Part] | None,
    limit: int,
    wide: bool = False,
) -> Sequence[RowMapping]:
    """Return the first rows after a place, in order, each with its keys beside its columns.

    Args:
        connection: to ask.
        query: for all rows, in no order.
        keys: what they are ordered by.
        after: the place; None for the first rows.
        limit: so many at most.
        wide: whether hardly anybody asks the like (:func:`ask`).

    Raises:
        BadInputError: it took too long.
    """
    query = query.add_columns(*(key.column.label(_NAME.format(place)) for place, key in enumerate(keys)))
    if any(key.is_looked_up for key in keys):
        # Fenced off: otherwise databases merge the two and look up anew for every mention of the key.
        inner = query.offset(0).subquery()
        keys = [replace(key, column=inner.c[_NAME.format(place)]) for place, key in enumerate(keys)]
        query = select(inner)
    if after is not None:
        query = query.where(beyond(keys, after))
    query = query.order_by(*(key.in_order for key in keys)).limit(limit)
    with within(connection, SEARCH_S):
        return ask(connection, query, wide).mappings().all()


def ask(connection: Connection, query: Executable, wide: bool) -> Result[Any]:
    """Ask; how a wide question is written, which may be megabytes, is not kept for the next of its kind.

    The driver keeps what it prepared, too: so its connection is not used again (``SqlDatabase.read``).
    """
    if wide:
        connection.info[WORN] = True
    return connection.execute(query, execution_options={"compiled_cache": None} if wide else {})


def place_of(row: RowMapping, keys: Sequence[Key]) -> list[Part]:
    """Return the values that a row was ordered by."""
    return [row[_NAME.format(place)] for place in range(len(keys))]


def beyond(keys: Sequence[Key], values: Sequence[Part]) -> Clause:
    """Return what holds for the rows after the one with these values.

    A first key that no row lacks is asked for once more by itself: there an index can begin.
    """
    *former, last = zip(keys, values, strict=True)
    found = last[0].beyond(last[1])
    for key, value in reversed(former):
        found = or_(key.beyond(value), and_(key.at(value), found))
    first, value = keys[0], values[0]
    if first.nullable or value is None:
        return found
    return and_(first.column <= value if first.descending else first.column >= value, found)


def read_place(search: Search, kinds: Sequence[Kind]) -> list[Any] | None:
    """Return what the last row of the page before was ordered by; None for the first page.

    Raises:
        BadInputError: the cursor is not one of ours, or another question's.
    """
    if not search.cursor:
        return None
    question, *place = read_cursor(search.cursor, [str, *kinds])
    if question != _question(search):
        raise foreign()
    return place


def write_place(search: Search, place: Sequence[Part]) -> str:
    """Return the cursor for the last row of a page."""
    return write_cursor([_question(search), *place])


def _question(search: Search) -> str:
    """Return a short name of what is asked for, in which order: the same for every page of an answer."""
    asked = repr((search.condition, search.order, search.view, search.datasets))
    return hashlib.sha256(asked.encode()).hexdigest()[:_DIGITS]
