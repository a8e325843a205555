"""Statements that nearly every request needs, handed to the driver without a detour.

What comes between a statement and the driver usually (putting it together, looking every value over,
wrapping every row) takes several times as long as a small question takes the database. So these are put
into the database's words once; values go down and rows come up as they are. They may be used where every
column is a plain number or text; truth values come as the database keeps them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import Connection, Executable, Table, bindparam
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import DBAPIError

from assay.storage import postgresql

Insert = Callable[[Table], Any]
INSERTS: Mapping[str, Insert] = {"sqlite": sqlite_insert, "postgresql": postgresql_insert}
Values = tuple[Any, ...] | Mapping[str, Any]
AT_ONCE: Final = 100


class Prepared:
    """One statement; its parameters have names, its constants are written out (``literal_column``)."""

    def __init__(self, statement: Executable | Callable[[Insert], Executable]) -> None:
        """Keep the statement, or how it is made from the database's own ``insert``."""
        self._statement = statement
        self._written: dict[str, tuple[str, list[str] | None]] = {}

    def all(self, connection: Connection, **asked: Any) -> list[tuple[Any, ...]]:
        """Return every row."""
        found: list[tuple[Any, ...]] = self._run(connection, asked).fetchall()
        return found

    def first(self, connection: Connection, **asked: Any) -> tuple[Any, ...] | None:
        """Return the first row, None when there is none."""
        found: tuple[Any, ...] | None = self._run(connection, asked).fetchone()
        return found

    def run(self, connection: Connection, **values: Any) -> None:
        """Run it once."""
        self._run(connection, values)

    def count(self, connection: Connection, **values: Any) -> int:
        """Run it once; return how many rows it changed."""
        return int(self._run(connection, values).rowcount)

    def run_for(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run it for each row."""
        text, names = self._written_for(connection)
        with _errors_as_usual(connection, text):
            cursor: Any = connection.connection.cursor()
            cursor.executemany(text, list(_sorted(names, rows)))

    def run_rows(self, connection: Connection, names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        """Run it for each row, whose values stand in the order of ``names``; for very many rows."""
        text, order = self._written_for(connection)
        ready: Iterable[Values] = rows
        if order is None:
            ready = [dict(zip(names, row, strict=True)) for row in rows]
        elif list(names) != order:
            ready = list(map(itemgetter(*(names.index(name) for name in order)), rows))
        with _errors_as_usual(connection, text):
            cursor: Any = connection.connection.cursor()
            cursor.executemany(text, ready)

    def _run(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        text, names = self._written_for(connection)
        with _errors_as_usual(connection, text):
            cursor = connection.connection.cursor()
            cursor.execute(text, *_sorted(names, [values]))
            return cursor

    def _written_for(self, connection: Connection) -> tuple[str, list[str] | None]:
        """Return the text, and the order of the values where the database wants them by place."""
        dialect = connection.dialect
        if dialect.name not in self._written:
            statement: Any = self._statement
            if not isinstance(statement, Executable):
                statement = statement(INSERTS[dialect.name])
            compiled = statement.compile(dialect=dialect)
            self._written[dialect.name] = (str(compiled), compiled.positiontup)
        return self._written[dialect.name]


class Bulk:
    """One statement that puts rows into a table, a hundred at once where there are so many.

    Many rows in one statement cost the database less than as many statements.
    """

    def __init__(
        self, table: Table, names: Sequence[str], finish: Callable[[Any], Any] = lambda statement: statement
    ) -> None:
        """Keep the statement.

        Args:
            table: where the rows go.
            names: the columns that are given, in the order of the table.
            finish: what is added to the insert, such as what to do about rows that are there.
        """
        self._one, self._one_names = _putting(table, names, 1, finish)
        self._many, self._many_names = _putting(table, names, AT_ONCE, finish)

    def run(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Put the rows in; the values of each stand in the order of the names.

        PostgreSQL is sent small statements one behind the other, without waiting for the answer to each:
        its driver takes longer to write the large one.
        """
        whole = 0 if connection.dialect.name == postgresql.NAME else len(rows) - len(rows) % AT_ONCE
        together = [
            tuple(chain.from_iterable(rows[start : start + AT_ONCE])) for start in range(0, whole, AT_ONCE)
        ]
        if together:
            self._many.run_rows(connection, self._many_names, together)
        if whole < len(rows):
            self._one.run_rows(connection, self._one_names, rows[whole:])


def _putting(
    table: Table, names: Sequence[str], count: int, finish: Callable[[Any], Any]
) -> tuple[Prepared, list[str]]:
    values: list[dict[str, Any]] = [
        {name: bindparam(f"{name}_{place}", type_=table.c[name].type) for name in names}
        for place in range(count)
    ]
    given = [f"{name}_{place}" for place in range(count) for name in names]
    return Prepared(lambda insert_into: finish(insert_into(table).values(values))), given


def _sorted(names: list[str] | None, rows: Iterable[Mapping[str, Any]]) -> Iterable[Values]:
    if names is None:
        return rows
    return (tuple(map(row.__getitem__, names)) for row in rows)


@contextmanager
def _errors_as_usual(connection: Connection, text: str) -> Iterator[None]:
    """Let the driver's errors look as those of every other statement do."""
    driver: Any = connection.dialect.loaded_dbapi
    try:
        yield
    except driver.Error as error:
        raise DBAPIError.instance(text, None, error, driver.Error) from error
