"""Which database an address means, and how to speak with it where the two differ."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final, Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError

from assay.core.errors import AssayError
from assay.storage import postgresql, sqlite


class Turns(Protocol):
    """Where the processes that write queue."""

    def turn(self, patience_s: float) -> AbstractContextManager[None]:
        """Wait for a turn, for so long at most, and hold it.

        Raises:
            UnavailableError: it did not come.
        """
        ...


class Dialect(Protocol):
    """What every database is asked for.

    Attributes:
        read: the words that begin one consistent view.
        change: the words that begin a transaction while nobody else writes, for changes of the schema,
            which may take long.
        wears: whether a connection holds what wide questions left in it until it is closed.
        embedded: the database is a file of this machine.
        most_connections: so many a process opens at once.
    """

    read: str
    change: str
    wears: bool
    embedded: bool
    most_connections: int

    def open(self, url: str, *, pooled: bool) -> Engine:
        """Return an engine whose transactions begin where this room says."""
        ...

    def write(self, patience_s: float) -> str:
        """Return the words that begin a transaction while nobody else writes, and wait so long for that."""
        ...

    def turns(self, engine: Engine) -> Turns:
        """Return where processes queue before they begin to write."""
        ...

    def say(self, cursor: Any, words: str) -> None:
        """Say words that begin or end a transaction."""
        ...

    def is_broken(self, connection: Any) -> bool:
        """Tell whether the driver's connection is of no use any more."""
        ...

    def meaning(self, error: DBAPIError) -> AssayError | None:
        """Return what an error means to whoever asked; None where it is for the operator."""
        ...

    def is_operational(self, error: DBAPIError) -> bool:
        """Tell whether an error comes from the state of the database and not from this program."""
        ...


_DIALECTS: Final[Mapping[str, Dialect]] = {
    sqlite.NAME: sqlite.Sqlite(),
    postgresql.NAME: postgresql.Postgresql(),
}


def dialect_at(url: str) -> Dialect:
    """Return what is particular about the database that an address means."""
    return _DIALECTS[postgresql.NAME if url.startswith(postgresql.PREFIXES) else sqlite.NAME]


def open_engine(url: str, *, pooled: bool = True) -> Engine:
    """Return an engine whose transactions begin where this room says, not where the driver guesses.

    Args:
        url: ``sqlite:///path``, or ``postgresql://...`` as libpq knows it.
        pooled: whether connections are kept for the next who needs one.

    Raises:
        BadInputError: the address is none.
        UnavailableError: the driver is not installed.
    """
    return dialect_at(url).open(url, pooled=pooled)


def dialect_of(connection: Connection | Engine) -> Dialect:
    """Return what is particular about the database behind a connection."""
    return _DIALECTS[connection.dialect.name]


def tell(connection: Connection, words: str) -> None:
    """Begin or end a transaction by a word to the driver: every request does so several times.

    Raises:
        DBAPIError: the database refuses.
    """
    driver: Any = connection.dialect.loaded_dbapi
    try:
        _DIALECTS[connection.dialect.name].say(connection.connection.cursor(), words)
    except driver.Error as error:
        raise DBAPIError.instance(words, None, error, driver.Error) from error


@contextmanager
def by_itself(connection: Connection) -> Iterator[None]:
    """Let a statement of this block be refused by a constraint without the transaction coming to an end.

    SQLite takes back the statement alone; PostgreSQL does so only behind a savepoint.
    """
    if connection.dialect.name == sqlite.NAME:
        yield
        return
    tell(connection, "SAVEPOINT assay_statement")
    try:
        yield
    except IntegrityError:
        tell(connection, "ROLLBACK TO SAVEPOINT assay_statement")
        raise
    tell(connection, "RELEASE SAVEPOINT assay_statement")
