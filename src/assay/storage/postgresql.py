"""What is particular about PostgreSQL: how its connections are prepared, how it begins, what its errors mean.

Writers take turns at an advisory lock, one for each schema, which the first words of a transaction ask
for; the transaction sees what was committed when it got the lock (READ COMMITTED), and nobody commits
anything until it ends (``docs/decisions/0011-one-writer-at-a-time.md``).

No connection keeps others waiting for ever: whoever pauses in the middle of a transaction is cut off
before those who wait for its lock give up, and so is a statement that does not end. A connection whose
other end is gone is noticed by keep-alives.

Texts are compared by code points, whatever the database's own collation is: every column of a text is
created with the collation "C" (:class:`_CodePoints`).
"""

import math
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

from sqlalchemy import Column, Engine, NullPool, QueuePool, create_engine, event
from sqlalchemy.dialects.postgresql.base import PGDDLCompiler
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.types import String

from assay.core.errors import AssayError, BadInputError, Reason, UnavailableError

NAME: Final = "postgresql"
PREFIXES: Final = ("postgresql://", "postgres://")
POOL_SIZE: Final = 8
MAX_OVERFLOW: Final = 8
POOL_TIMEOUT_S: Final = 30
STATEMENTS_KEPT: Final = 200
# A search may take so long (``storage.deadlines``), and any other question too.
READ_TIMEOUT_S: Final = 20
WRITE_TIMEOUT_S: Final = 120
# Who pauses is cut off before those give up who wait for it.
PAUSE_TIMEOUT_S: Final = 15
LOCK_TIMEOUT_S: Final = 30
# Who has waited long in the queues before the lock still gets this chance.
LEAST_LOCK_TIMEOUT_S: Final = 0.5
CANCELLED: Final = "57014"
# What a connection is opened with, where the address does not say otherwise.
_CONNECTING: Final[Mapping[str, Any]] = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
    "fallback_application_name": "assay",
}
# Compiling a question to machine code takes longer than any of these questions does. A commit that was
# acknowledged is on the disk; who asks for more than that, such as a standby's word, keeps it.
_PREPARATION: Final = f"""
    SET statement_timeout = '{READ_TIMEOUT_S}s';
    SET lock_timeout = '{LOCK_TIMEOUT_S}s';
    SET idle_in_transaction_session_timeout = '{PAUSE_TIMEOUT_S}s';
    SET jit = off;
    SELECT set_config('synchronous_commit', 'on', false)
        WHERE current_setting('synchronous_commit') IN ('off', 'local')
"""
# A number of Assay's own among the locks of the database.
_LOCK: Final = f"SELECT pg_advisory_xact_lock({0x0A55A7}, hashtext(current_schema()::text))"
_TRY_AGAIN: Final = re.compile(r"40001|40P01|55P03")
# What the driver itself says of statements that ask too much.
_TOO_MUCH: Final = re.compile(r"number of parameters must be between", re.IGNORECASE)
_NO_EXPRESSION: Final = "2201B"
_OTHER_FORM: Final = re.compile(r"42P01|42703|42P10")
_NO_RIGHT: Final = "42501"


class Postgresql:
    """Implements ``storage.engines.Dialect``."""

    read = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    change = f"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL statement_timeout = 0; {_LOCK}"
    wears = False
    embedded = False
    most_connections = POOL_SIZE + MAX_OVERFLOW

    def open(self, url: str, *, pooled: bool) -> Engine:
        """Return an engine whose transactions begin where this room says.

        Raises:
            BadInputError: the address is none.
            UnavailableError: the driver is not installed.
        """
        pool: dict[str, Any] = {"poolclass": NullPool}
        if pooled:
            pool = {
                "poolclass": QueuePool,
                "pool_size": POOL_SIZE,
                "max_overflow": MAX_OVERFLOW,
                "pool_timeout": POOL_TIMEOUT_S,
                "query_cache_size": STATEMENTS_KEPT,
            }

        def connect() -> Any:
            return driver.connect(url, autocommit=True, client_encoding="utf8", **more)

        try:
            engine = create_engine("postgresql+psycopg://", creator=connect, use_native_hstore=False, **pool)
        except ModuleNotFoundError as error:
            hint = "pip install 'psycopg[binary]>=3.2,<4'"
            raise UnavailableError("PostgreSQL needs a driver that is not installed", hint=hint) from error
        driver: Any = engine.dialect.loaded_dbapi
        more = _parameters(driver, url)
        engine.dialect.ddl_compiler = _CodePoints
        event.listen(engine, "connect", _prepare)
        return engine

    def write(self, patience_s: float) -> str:
        """Return the words that begin a transaction while nobody else writes, and wait so long for that."""
        wait_ms = math.ceil(1000 * min(LOCK_TIMEOUT_S, max(LEAST_LOCK_TIMEOUT_S, patience_s)))
        return (
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; "
            f"SET LOCAL statement_timeout = '{WRITE_TIMEOUT_S}s'; SET LOCAL lock_timeout = '{wait_ms}ms'; "
            f"{_LOCK}; SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s'"
        )

    def turns(self, _engine: Engine) -> "_NoTurns":
        """Return where processes queue before they begin to write: at the database's own lock."""
        return _NoTurns()

    def say(self, cursor: Any, words: str) -> None:
        """Say words that begin or end a transaction, several at once.

        Raises:
            UnavailableError: nothing was committed, because a statement before had failed; PostgreSQL says
                so in passing only.
        """
        cursor.execute(words, prepare=False)
        if words == "COMMIT" and cursor.statusmessage != words:
            raise UnavailableError("nothing was written, because a part of it failed; try again")

    def is_broken(self, connection: Any) -> bool:
        """Tell whether the driver's connection is of no use any more."""
        return bool(connection.closed or connection.broken)

    def meaning(self, error: DBAPIError) -> AssayError | None:
        """Return what an error means to whoever asked; None where it is for the operator."""
        state = state_of(error)
        if state.startswith("54") or _TOO_MUCH.search(str(error.orig)):
            reason = Reason("filter", "must have fewer comparisons, or fewer things to order by")
            return BadInputError("the request asks for too much at once", [reason])
        if state == _NO_EXPRESSION:
            rule = "must be a regular expression that PostgreSQL knows"
            return BadInputError(f"the pattern of RLIKE {rule}", [Reason("filter", rule)])
        if isinstance(error, DataError):
            return BadInputError.of("request", "must hold texts without NUL, and numbers in their ranges")
        if _TRY_AGAIN.fullmatch(state):
            return UnavailableError("others are writing to the database just now; try again")
        return None

    def is_operational(self, error: DBAPIError) -> bool:
        """Tell whether an error comes from the state of the database and not from this program."""
        if isinstance(error, ProgrammingError):
            state = state_of(error)
            return state == _NO_RIGHT or _OTHER_FORM.fullmatch(state) is not None
        return not isinstance(error, IntegrityError)


class _NoTurns:
    """Lets everybody pass: PostgreSQL gives its lock in the order in which it was asked for."""

    def turn(self, _patience_s: float) -> AbstractContextManager[None]:
        """Let pass."""
        return nullcontext()


class _CodePoints(PGDDLCompiler):
    """Writes the columns of texts so that they compare and sort by code points."""

    def get_column_specification(self, column: Column[Any], **more: Any) -> str:
        """Return how a column is created."""
        text: str = super().get_column_specification(column, **more)  # type: ignore[no-untyped-call]
        kind = column.type.dialect_impl(self.dialect)
        if not isinstance(kind, String) or kind.collation is not None:
            return text
        written = self.dialect.type_compiler_instance.process(column.type, type_expression=column)
        return text.replace(f" {written}", f' {written} COLLATE "C"', 1)


def state_of(error: DBAPIError) -> str:
    """Return the five letters by which PostgreSQL names the kind of an error; "" when it was the driver's."""
    return str(getattr(error.orig, "sqlstate", None) or "")


def check_server(connection: Any) -> str:
    """Return what a server lacks that the registry needs; "" when it has everything.

    Args:
        connection: of an open transaction.
    """
    cursor = connection.connection.cursor()
    cursor.execute(
        "SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), "
        "EXISTS (SELECT FROM pg_collation WHERE collname = 'und-x-icu'), current_schema()"
    )
    version, encoding, has_icu, schema = cursor.fetchone()
    if version < 130_000:
        return "PostgreSQL 13 or newer is needed"
    if encoding != "UTF8":
        return f"the database's encoding must be UTF8, not {encoding}"
    if not has_icu:
        return "PostgreSQL must be built with ICU (there is no collation und-x-icu)"
    if schema is None:
        return "no schema of the search path is there"
    return ""


def _parameters(driver: Any, url: str) -> dict[str, Any]:
    try:
        given = driver.conninfo.conninfo_to_dict(url)
    except driver.Error:
        # What the driver says of it repeats the address, with its password.
        rule = "must be postgresql://[USER@]HOST[:PORT]/DATABASE[?PARAMETER=VALUE&...] as libpq knows it"
        raise BadInputError.of("database", rule) from None
    return {name: value for name, value in _CONNECTING.items() if name not in given}


def _prepare(connection: Any, _record: Any) -> None:
    connection.cursor().execute(_PREPARATION, prepare=False)
