"""A SQL database as ``core.ports.Database``: one connection pool, transactions, nothing else."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Connection, Engine, NullPool, QueuePool, create_engine, event
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from assay.core.errors import UnavailableError
from assay.storage.access import SqlPrincipals, SqlTokens
from assay.storage.audit import SqlAuditLog
from assay.storage.catalogue import SqlCatalogue
from assay.storage.evidence import SqlEvidenceLog
from assay.storage.jobs import SqlJobs
from assay.storage.models import SqlAliases, SqlModels
from assay.storage.moving.moved_things import SqlMovedThings
from assay.storage.people import SqlGroups, SqlPasswords, SqlTeams
from assay.storage.policies import SqlPolicies
from assay.storage.promotions import SqlPromotions
from assay.storage.registry_search import SqlRegistrySearch
from assay.storage.stages import SqlStages
from assay.storage.tracking.evaluations import (
    SqlEvaluationRecords,
    SqlEvaluationSets,
    SqlScorers,
)
from assay.storage.tracking.experiments import SqlExperiments
from assay.storage.tracking.files import SqlFiles
from assay.storage.tracking.logged_models import SqlLoggedModels
from assay.storage.tracking.run_logs import SqlRunLogs
from assay.storage.tracking.runs import SqlRuns
from assay.storage.tracking.traces import SqlAssessments, SqlSpans, SqlTraces
from assay.storage.tracking.uploads import SqlPartialUploads, SqlSigningKeys
from assay.storage.versions import SqlVersions
from assay.storage.webhooks import SqlDeliveries, SqlWebhooks

T = TypeVar("T")
BUSY_TIMEOUT_S: Final = 30
POOL_SIZE: Final = 8

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
    runs = _Port(SqlRuns)
    run_logs = _Port(SqlRunLogs)
    logged_models = _Port(SqlLoggedModels)
    files = _Port(SqlFiles)
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
            UnavailableError: the database cannot be reached or stays locked.
        """
        with _translated(), self._engine.connect() as connection:
            _tell(connection, "BEGIN")
            yield SqlRecords(connection)
            _tell(connection, "ROLLBACK")

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
            url, poolclass=QueuePool, pool_size=POOL_SIZE, max_overflow=32, pool_timeout=BUSY_TIMEOUT_S
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
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _tell(connection: Connection, words: str) -> None:
    """Begin or end a transaction by a word to the driver: every request does so several times."""
    driver: Any = connection.dialect.loaded_dbapi
    try:
        connection.connection.cursor().execute(words)
    except driver.Error as error:
        raise DBAPIError.instance(words, None, error, driver.Error) from error


@contextmanager
def _translated() -> Iterator[None]:
    """Say what the driver says in the registry's words."""
    try:
        yield
    except PoolTimeoutError as error:
        raise UnavailableError("all database connections are busy; try again") from error
    except OperationalError as error:
        raise UnavailableError(f"the database does not answer: {error.orig}") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise UnavailableError(f"the database went away: {error.orig}") from error
        raise
