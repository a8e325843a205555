"""What is particular about SQLite: how its connections are prepared, how it begins, what its errors mean."""

import re
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, NullPool, QueuePool, create_engine, event
from sqlalchemy.exc import DBAPIError, OperationalError

from assay.core.errors import AssayError, BadInputError, Reason
from assay.storage.turnstile import Turnstile

NAME: Final = "sqlite"
BUSY_TIMEOUT_S: Final = 30
POOL_SIZE: Final = 8
MAX_OVERFLOW: Final = 32
# How statements are written is kept for so many of them, and half as many more; of wide searches it is not.
STATEMENTS_KEPT: Final = 200
# What SQLite says of statements that ask too much of it, whatever is stored.
_TOO_MUCH: Final = re.compile(
    r"too many|too large|too deep|too long|too complex|too big|stack overflow|at most \d+ tables",
    re.IGNORECASE,
)
# FULL: a commit that was acknowledged survives a power loss (NORMAL may lose the last ones in WAL mode).
_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000}",
    "PRAGMA cache_size = -16000",
    "PRAGMA temp_store = MEMORY",
)


class Sqlite:
    """Implements ``storage.engines.Dialect``."""

    read = "BEGIN"
    change = "BEGIN IMMEDIATE"
    # The driver keeps what it prepared, however wide, for as long as the connection lives.
    wears = True
    embedded = True
    most_connections = POOL_SIZE + MAX_OVERFLOW

    def open(self, url: str, *, pooled: bool) -> Engine:
        """Return an engine whose transactions begin where this room says, not where the driver guesses."""
        if pooled:
            engine = create_engine(
                url,
                poolclass=QueuePool,
                pool_size=POOL_SIZE,
                max_overflow=MAX_OVERFLOW,
                pool_timeout=BUSY_TIMEOUT_S,
                query_cache_size=STATEMENTS_KEPT,
            )
        else:
            engine = create_engine(url, poolclass=NullPool)
        event.listen(engine, "connect", _prepare)
        return engine

    def write(self, patience_s: float) -> str:  # noqa: ARG002 - who has a turn waits for other programs only
        """Return the word that begins a transaction while nobody else writes."""
        return "BEGIN IMMEDIATE"

    def turns(self, engine: Engine) -> Turnstile:
        """Return where processes queue before they begin to write."""
        return Turnstile(Path(str(engine.url.database)))

    def say(self, cursor: Any, words: str) -> None:
        """Say a word that begins or ends a transaction."""
        cursor.execute(words)

    def is_broken(self, connection: Any) -> bool:  # noqa: ARG002 - files do not go away
        """Tell whether the driver's connection is of no use any more."""
        return False

    def meaning(self, error: DBAPIError) -> AssayError | None:
        """Return what an error means to whoever asked; None where it is for the operator."""
        if isinstance(error, OperationalError) and _TOO_MUCH.search(str(error.orig)):
            reason = Reason("filter", "must have fewer comparisons, or fewer things to order by")
            return BadInputError("the request asks for too much at once", [reason])
        return None

    def is_operational(self, error: DBAPIError) -> bool:
        """Tell whether an error comes from the state of the database and not from this program."""
        return isinstance(error, OperationalError)


def sqlite_url(path: Path) -> str:
    """Return the URL of a database file."""
    return f"sqlite:///{path.absolute()}"


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin transactions by itself
    connection.create_function("assay_lower", 1, _lower, deterministic=True)
    connection.create_function("assay_holds", 2, _holds, deterministic=True)
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _holds(text: Any, parts: str) -> bool:
    """Tell whether a text begins with the first part, ends with the last, and has the others between.

    Unlike the database's own way with patterns, it takes no longer than to read the text once.
    """
    if not isinstance(text, str):
        return False
    first, *between = parts.split("\0")
    if not between:
        return text == first
    last = between.pop()
    place, end = len(first), len(text) - len(last)
    if place > end or not text.startswith(first) or not text.endswith(last):
        return False
    for part in between:
        place = text.find(part, place, end)
        if place < 0:
            return False
        place += len(part)
    return True
