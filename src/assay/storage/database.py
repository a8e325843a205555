"""A SQL database as ``core.ports.Database``: one connection pool, transactions, nothing else."""

import logging
import re
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Connection, Engine, NullPool, QueuePool, create_engine, event
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from assay.core.errors import BadInputError, Reason, UnavailableError
from assay.storage.access import SqlPrincipals, SqlTokens
from assay.storage.audit import SqlAuditLog
from assay.storage.catalogue import SqlCatalogue
from assay.storage.evidence import SqlEvidenceLog
from assay.storage.holders import SqlBlobHolders
from assay.storage.jobs import SqlJobs
from assay.storage.keysets import WORN
from assay.storage.known_blobs import SqlChores, SqlCollecting, SqlKnownBlobs
from assay.storage.models import SqlAliases, SqlModels
from assay.storage.moving.moved_things import SqlMovedThings
from assay.storage.people import SqlGroups, SqlPasswords, SqlTeams
from assay.storage.policies import SqlPolicies
from assay.storage.promotions import SqlPromotions
from assay.storage.record_copies import SqlRecordCopies
from assay.storage.registry_search import SqlRegistrySearch
from assay.storage.stages import SqlStages
from assay.storage.tracking.evaluations import (
    SqlEvaluationRecords,
    SqlEvaluationSets,
    SqlScorers,
)
from assay.storage.tracking.experiments import SqlExperiments, SqlOwners
from assay.storage.tracking.files import SqlFiles, SqlKeptFiles
from assay.storage.tracking.logged_models import SqlLoggedModels
from assay.storage.tracking.run_logs import SqlRunLogs
from assay.storage.tracking.runs import SqlRuns
from assay.storage.tracking.traces import SqlAssessments, SqlSpans, SqlTraces
from assay.storage.tracking.uploads import SqlPartialUploads, SqlSigningKeys
from assay.storage.transfers import SqlTransferParts, SqlTransfers
from assay.storage.versions import SqlVersions
from assay.storage.webhooks import SqlDeliveries, SqlWebhooks

T = TypeVar("T")
BUSY_TIMEOUT_S: Final = 30
POOL_SIZE: Final = 8
# How statements are written is kept for so many of them, and half as many more; of wide searches it is not.
STATEMENTS_KEPT: Final = 200
# What SQLite says of statements that ask too much of it, whatever is stored.
_TOO_MUCH: Final = re.compile(
    r"too many|too large|too deep|too long|too complex|too big|stack overflow|at most \d+ tables",
    re.IGNORECASE,
)
log = logging.getLogger("assay.storage")

# FULL: a commit that was acknowledged survives a power loss (NORMAL may lose the last ones in WAL mode).
_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000}",
    "PRAGMA cache_size = -16000",
    "PRAGMA temp_store = MEMORY",
)


class _Port(Generic[T]):
    """A port over the connection of its transaction, made when it is first asked for.

    A request needs two or three of them, and there are thirty.
    """

    def __init__(self, make: Callable[[Connection], T]) -> None:
        """Keep how it is made."""
        self._make = make

    def __set_name__(self, _owner: type, name: str) -> None:
        self._name = name

    def __get__(self, records: "SqlRecords", _owner: type | None = None) -> T:
        made = self._make(records.connection)
        vars(records)[self._name] = made  # found there from now on, before this is asked
        return made


class SqlRecords:
    """Every port over one connection; implements ``core.ports.Records``."""

    models = _Port(SqlModels)
    versions = _Port(SqlVersions)
    blob_holders = _Port(SqlBlobHolders)
    known_blobs = _Port(SqlKnownBlobs)
    collecting = _Port(SqlCollecting)
    chores = _Port(SqlChores)
    transfers = _Port(SqlTransfers)
    copies = _Port(SqlRecordCopies)
    transfer_parts = _Port(SqlTransferParts)
    catalogue = _Port(SqlCatalogue)
    aliases = _Port(SqlAliases)
    stages = _Port(SqlStages)
    evidence = _Port(SqlEvidenceLog)
    policies = _Port(SqlPolicies)
    promotions = _Port(SqlPromotions)
    audit = _Port(SqlAuditLog)
    principals = _Port(SqlPrincipals)
    tokens = _Port(SqlTokens)
    passwords = _Port(SqlPasswords)
    groups = _Port(SqlGroups)
    teams = _Port(SqlTeams)
    jobs = _Port(SqlJobs)
    webhooks = _Port(SqlWebhooks)
    deliveries = _Port(SqlDeliveries)
    registry_search = _Port(SqlRegistrySearch)
    experiments = _Port(SqlExperiments)
    owners = _Port(SqlOwners)
    runs = _Port(SqlRuns)
    run_logs = _Port(SqlRunLogs)
    logged_models = _Port(SqlLoggedModels)
    files = _Port(SqlFiles)
    kept_files = _Port(SqlKeptFiles)
    partial_uploads = _Port(SqlPartialUploads)
    signing_keys = _Port(SqlSigningKeys)
    traces = _Port(SqlTraces)
    spans = _Port(SqlSpans)
    assessments = _Port(SqlAssessments)
    evaluation_sets = _Port(SqlEvaluationSets)
    evaluation_records = _Port(SqlEvaluationRecords)
    scorers = _Port(SqlScorers)
    moved_things = _Port(SqlMovedThings)

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self.connection = connection


class SqlDatabase:
    """Implements ``core.ports.Database``; usable from any number of threads and processes."""

    def __init__(self, url: str) -> None:
        """Open; the schema must be there (see ``storage.upgrade``).

        Args:
            url: ``sqlite:///path``.

        Raises:
            UnavailableError: the database cannot be opened.
        """
        self._engine = open_engine(url)
        self._writing = threading.Lock()
        with _translated():
            self._engine.connect().close()

    @contextmanager
    def read(self) -> Iterator[SqlRecords]:
        """Open one consistent view.

        Raises:
            BadInputError: a question asks for more than the database can answer.
            UnavailableError: the database cannot be reached or stays locked.
        """
        with _translated(), self._engine.connect() as connection:
            _tell(connection, "BEGIN")
            yield SqlRecords(connection)
            _tell(connection, "ROLLBACK")
            if connection.info.get(WORN):
                connection.invalidate()

    @contextmanager
    def write(self) -> Iterator[SqlRecords]:
        """Open a transaction; threads of this process queue here, other processes at the file.

        Raises:
            UnavailableError: the database cannot be reached or stays locked.
        """
        with self._writing, _translated(), self._engine.connect() as connection:
            _tell(connection, "BEGIN IMMEDIATE")
            yield SqlRecords(connection)
            _tell(connection, "COMMIT")

    def close(self) -> None:
        """Let go of all connections."""
        self._engine.dispose()


def open_engine(url: str, *, pooled: bool = True) -> Engine:
    """Return an engine whose transactions begin where this room says, not where the driver guesses."""
    if pooled:
        engine = create_engine(
            url,
            poolclass=QueuePool,
            pool_size=POOL_SIZE,
            max_overflow=32,
            pool_timeout=BUSY_TIMEOUT_S,
            query_cache_size=STATEMENTS_KEPT,
        )
    else:
        engine = create_engine(url, poolclass=NullPool)
    event.listen(engine, "connect", _prepare)
    return engine


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


def _tell(connection: Connection, words: str) -> None:
    """Begin or end a transaction by a word to the driver: every request does so several times."""
    driver: Any = connection.dialect.loaded_dbapi
    try:
        connection.connection.cursor().execute(words)
    except driver.Error as error:
        raise DBAPIError.instance(words, None, error, driver.Error) from error


@contextmanager
def _translated() -> Iterator[None]:
    """Say what the driver says in the registry's words: its own are for the operator alone."""
    try:
        yield
    except PoolTimeoutError as error:
        raise UnavailableError("all database connections are busy; try again") from error
    except OperationalError as error:
        if _TOO_MUCH.search(str(error.orig)):
            reason = Reason("filter", "must have fewer comparisons, or fewer things to order by")
            raise BadInputError("the request asks for too much at once", [reason]) from error
        raise _unavailable("the database does not answer", error) from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise _unavailable("the database went away", error) from error
        raise


def _unavailable(words: str, error: DBAPIError) -> UnavailableError:
    number = secrets.token_hex(6)
    log.error("%s: %s: %s", number, words, error.orig)
    return UnavailableError(f"{words}; the operator finds the reason in the log under {number}")
