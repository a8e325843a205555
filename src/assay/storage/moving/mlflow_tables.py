"""A MLflow database, opened for reading: its tables as they are, whatever version made them.

Only columns that are there are asked for; a column or table that an older version did not have reads
as nothing. Nothing is ever written: SQLite files are opened so that they cannot be.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    URL,
    ColumnElement,
    Engine,
    MetaData,
    NullPool,
    RowMapping,
    Select,
    Table,
    create_engine,
    event,
    func,
    literal,
    not_,
    select,
    true,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, InterfaceError, NoSuchModuleError, OperationalError, SQLAlchemyError

from assay.core.errors import BadInputError, DeniedError, UnavailableError

DIALECTS: Final = ("sqlite", "postgresql", "mysql")
PORTION: Final = 5000
DEFAULT_WORKSPACE: Final = "default"
_DRIVERS: Final = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}
_LOGIN: Final = ("password authentication", "access denied", "authentication failed")


class MlflowTables:
    """The tables of one database."""

    def __init__(self, address: str) -> None:
        """Open.

        Args:
            address: ``sqlite:///path``, ``postgresql://...`` or ``mysql://...``.

        Raises:
            BadInputError: no such kind of database, its driver is not installed, or it is no MLflow's.
            DeniedError: the login is refused.
            UnavailableError: it cannot be reached.
        """
        url = _read_address(address)
        self._secret = url.password or ""
        self.name = url.set(username=None, password=None, query={}).render_as_string()
        self._engine = _open(url)
        self._tables: dict[str, Table] = {}
        with self._translated():
            metadata = MetaData()
            metadata.reflect(self._engine)
            self._tables = dict(metadata.tables)
        if not {"experiments", "runs", "metrics"} <= set(self._tables):
            raise BadInputError.of("uri", "must name a database that MLflow has made", self.name)

    def has(self, table: str, column: str = "") -> bool:
        """Tell whether there is such a table, and such a column in it."""
        found = self._tables.get(table)
        return found is not None and (not column or column in found.c)

    def column(self, table: str, name: str) -> ColumnElement[Any]:
        """Return a column, or nothing under its name where the table does not have it."""
        found = self._tables[table].c
        return found[name] if name in found else literal(None).label(name)

    def select(self, table: str, *names: str) -> Select[Any]:
        """Select columns of the default workspace's rows; those that are not there read as nothing."""
        query = select(*(self.column(table, name) for name in names)).select_from(self._tables[table])
        return query.where(self.here(table))

    def here(self, table: str) -> ColumnElement[bool]:
        """Return the condition that a row belongs to the default workspace."""
        if not self.has(table, "workspace"):
            return true()
        return self._tables[table].c.workspace == DEFAULT_WORKSPACE

    def rows(self, query: Select[Any]) -> list[RowMapping]:
        """Return the rows of a small answer.

        Raises:
            DeniedError, UnavailableError: the database does not answer.
        """
        with self._translated(), self._engine.connect() as connection:
            return list(connection.execute(query).mappings())

    def stream(self, query: Select[Any]) -> Iterator[Any]:
        """Yield the rows of an answer of any size, as tuples, without holding them.

        Raises:
            DeniedError, UnavailableError: the database does not answer.
        """
        with self._translated(), self._engine.connect() as connection:
            yield from connection.execution_options(yield_per=PORTION).execute(query)

    def count(self, table: str, *, elsewhere: bool = False) -> int:
        """Return how many rows a table has: of the default workspace, or of all others; 0 without a table.

        Raises:
            DeniedError, UnavailableError: the database does not answer.
        """
        if not self.has(table) or (elsewhere and not self.has(table, "workspace")):
            return 0
        condition = not_(self.here(table)) if elsewhere else self.here(table)
        query = select(func.count()).select_from(self._tables[table]).where(condition)
        return int(self.rows(query)[0]["count_1"])

    def close(self) -> None:
        """Let go."""
        self._engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (OperationalError, InterfaceError) as error:
            said = self._without_secret(str(error.orig))
            if any(words in said.lower() for words in _LOGIN):
                raise DeniedError(f"{self.name} refuses the login: {said[:300]}") from None
            raise UnavailableError(f"{self.name} does not answer: {said[:300]}") from None
        except SQLAlchemyError as error:
            said = self._without_secret(str(getattr(error, "orig", error)))
            raise UnavailableError(f"{self.name} cannot be read: {said[:300]}") from None

    def _without_secret(self, said: str) -> str:
        return said.replace(self._secret, "***") if self._secret else said


def _read_address(address: str) -> URL:
    rule = "must be http(s)://HOST, sqlite:///FILE, postgresql://... or mysql://..."
    try:
        url = make_url(address)
    except ArgumentError:
        raise BadInputError.of("uri", rule) from None
    dialect = url.get_backend_name()
    if dialect not in DIALECTS:
        raise BadInputError.of("uri", rule, f"not {dialect}"[:60])
    if url.drivername == dialect:
        url = url.set(drivername=_DRIVERS[dialect])
    if dialect == "sqlite":
        if not url.database or not Path(url.database).is_file():
            raise BadInputError.of("uri", "must name a database file that is there", str(url.database)[:200])
        url = url.set(drivername="sqlite", database=str(Path(url.database).resolve()), query={})
    return url


def _open(url: URL) -> Engine:
    if url.drivername == "sqlite":
        path = Path(url.database or "")

        def connect() -> sqlite3.Connection:
            return sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=60, check_same_thread=False)

        engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
        event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA query_only = ON"))
        return engine
    try:
        return create_engine(url, poolclass=NullPool)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        driver = url.drivername.partition("+")[2]
        rule = f"needs the driver {driver}, which is not installed"
        raise BadInputError.of("uri", rule, f"pip install {driver}") from error
