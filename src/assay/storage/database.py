"""A SQL database as ``core.ports.Database``: one connection pool, transactions, nothing else."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, NullPool, QueuePool, create_engine, event, text
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


class SqlRecords:
    """Every port over one connection; implements ``core.ports.Records``."""

    def __init__(self, connection: Connection) -> None:
        """Open the ports over ``connection``."""
        self.models = SqlModels(connection)
        self.versions = SqlVersions(connection)
        self.catalogue = SqlCatalogue(connection)
        self.aliases = SqlAliases(connection)
        self.stages = SqlStages(connection)
        self.evidence = SqlEvidenceLog(connection)
        self.policies = SqlPolicies(connection)
        self.promotions = SqlPromotions(connection)
        self.audit = SqlAuditLog(connection)
        self.principals = SqlPrincipals(connection)
        self.tokens = SqlTokens(connection)
        self.passwords = SqlPasswords(connection)
        self.groups = SqlGroups(connection)
        self.teams = SqlTeams(connection)
        self.jobs = SqlJobs(connection)
        self.webhooks = SqlWebhooks(connection)
        self.deliveries = SqlDeliveries(connection)
        self.registry_search = SqlRegistrySearch(connection)
        self.experiments = SqlExperiments(connection)
        self.runs = SqlRuns(connection)
        self.run_logs = SqlRunLogs(connection)
        self.logged_models = SqlLoggedModels(connection)
        self.files = SqlFiles(connection)
        self.partial_uploads = SqlPartialUploads(connection)
        self.signing_keys = SqlSigningKeys(connection)
        self.traces = SqlTraces(connection)
        self.spans = SqlSpans(connection)
        self.assessments = SqlAssessments(connection)
        self.evaluation_sets = SqlEvaluationSets(connection)
        self.evaluation_records = SqlEvaluationRecords(connection)
        self.scorers = SqlScorers(connection)
        self.moved_things = SqlMovedThings(connection)


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
            connection.execute(_BEGIN)
            yield SqlRecords(connection)
            connection.rollback()

    @contextmanager
    def write(self) -> Iterator[SqlRecords]:
        """Open a transaction; threads of this process queue here, other processes at the file.

        Raises:
            UnavailableError: the database cannot be reached or stays locked.
        """
        with self._writing, _translated(), self._engine.connect() as connection:
            connection.execute(_BEGIN_IMMEDIATE)
            yield SqlRecords(connection)
            connection.commit()

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


_BEGIN = text("BEGIN")
_BEGIN_IMMEDIATE = text("BEGIN IMMEDIATE")


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
