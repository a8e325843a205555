"""Writing rows that may be there already, in the words both databases understand.

Statements are put together once for each table and set of columns: that takes longer than to run one.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Executable, Table, bindparam

from assay.storage.prepared import INSERTS, Insert, Prepared


def insert_missing(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows; those whose key is there already stay as they are."""
    if rows:
        connection.execute(_missing_in(connection.dialect.name, table, tuple(rows[0])), list(rows))


def write_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows; those whose primary key is there already get the new values."""
    if rows:
        connection.execute(_written_to(connection.dialect.name, table, tuple(rows[0])), list(rows))


def inserting_missing(table: Table) -> Prepared:
    """Return the statement that does as :func:`insert_missing`, for a table that every request writes."""
    return Prepared(lambda insert: _missing(insert, table, table.c.keys()))


def writing_rows(table: Table) -> Prepared:
    """Return the statement that does as :func:`write_rows`, for a table that every request writes."""
    return Prepared(lambda insert: _written(insert, table, table.c.keys()))


@cache
def _missing_in(dialect: str, table: Table, names: tuple[str, ...]) -> Executable:
    return _missing(INSERTS[dialect], table, names)


@cache
def _written_to(dialect: str, table: Table, names: tuple[str, ...]) -> Executable:
    return _written(INSERTS[dialect], table, names)


def _missing(insert: Insert, table: Table, names: Sequence[str]) -> Executable:
    found: Executable = _values(insert, table, names).on_conflict_do_nothing()
    return found


def _written(insert: Insert, table: Table, names: Sequence[str]) -> Executable:
    keys = [column.name for column in table.primary_key]
    statement = _values(insert, table, names)
    changed = {name: statement.excluded[name] for name in names if name not in keys}
    found: Executable = statement.on_conflict_do_update(index_elements=keys, set_=changed)
    return found


def _values(insert: Insert, table: Table, names: Sequence[str]) -> Any:
    return insert(table).values({name: bindparam(name) for name in names})
