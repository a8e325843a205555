"""A SQL database as ``core.ports.Database``: one connection pool, transactions, nothing else."""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from assay.core.errors import AssayError, UnavailableError
from assay.core.ports import Clock
from assay.core.request_ids import request_id
from assay.storage.access import SqlPrincipals, SqlTokens
from assay.storage.answers import SqlAnswers
from assay.storage.audit import SqlAuditHeads, SqlAuditLog
from assay.storage.catalogue import SqlCatalogue
from assay.storage.clock import SqlClock
from assay.storage.engines import Dialect, dialect_of, open_engine, tell
from assay.storage.evidence import SqlEvidenceLog
from assay.storage.figures import SqlTallies
from assay.storage.holders import SqlBlobHolders
from assay.storage.jobs import SqlJobs
from assay.storage.keysets import WORN
from assay.storage.known_blobs import SqlChores, SqlCollecting, SqlKnownBlobs
from assay.storage.models import SqlAliases, SqlModels
from assay.storage.moving.moved_things import SqlMovedThings
from assay.storage.people import SqlGroups, SqlPasswords, SqlTeams
from assay.storage.policies import SqlPolicies
from assay.storage.promotions import SqlPromotions
from assay.storage.quotas import SqlQuotas
from assay.storage.record_copies import SqlRecordCopies
from assay.storage.registry_keys import SqlRegistryKeys
from assay.storage.registry_search import SqlRegistrySearch
from assay.storage.sign_in import SqlSignIn
from assay.storage.sqlite import sqlite_url
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

__all__ = ["SqlDatabase", "SqlRecords", "open_engine", "sqlite_url", "translated"]

T = TypeVar("T")
# Whoever wants to write waits so long for others who write, of this process and of all others together.
PATIENCE_S: Final = 30.0
log = logging.getLogger("assay.storage")


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

    clock = _Port(SqlClock)
    models = _Port(SqlModels)
    versions = _Port(SqlVersions)
    blob_holders = _Port(SqlBlobHolders)
    known_blobs = _Port(SqlKnownBlobs)
    collecting = _Port(SqlCollecting)
    chores = _Port(SqlChores)
    quotas = _Port(SqlQuotas)
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
    audit_heads = _Port(SqlAuditHeads)
    keys = _Port(SqlRegistryKeys)
    principals = _Port(SqlPrincipals)
    tokens = _Port(SqlTokens)
    passwords = _Port(SqlPasswords)
    groups = _Port(SqlGroups)
    sign_in = _Port(SqlSignIn)
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
    tallies = _Port(SqlTallies)
    answers = _Port(SqlAnswers)

    def __init__(self, connection: Connection, clock: Clock | None = None) -> None:
        """Keep the connection; ``clock`` stands for the database's own."""
        self.connection = connection
        if clock is not None:
            vars(self)["clock"] = clock


class SqlDatabase:
    """Implements ``core.ports.Database``; usable from any number of threads and processes."""

    def __init__(self, url: str, *, clock: Clock | None = None) -> None:
        """Open; the schema must be there (see ``storage.upgrade``).

        Args:
            url: ``sqlite:///path`` or ``postgresql://...``.
            clock: stands for the database's own, for tests.

        Raises:
            BadInputError: the address is none.
            UnavailableError: the database cannot be opened.
        """
        self._engine = open_engine(url)
        self._dialect = dialect_of(self._engine)
        self._writing = threading.Lock()
        self._turns = self._dialect.turns(self._engine)
        self._views = threading.local()
        self.embedded = self._dialect.embedded
        self._clock = clock
        with translated(self._dialect):
            self._engine.connect().close()

    @contextmanager
    def read(self) -> Iterator[SqlRecords]:
        """Open one consistent view.

        Raises:
            BadInputError: a question asks for more than the database can answer.
            UnavailableError: the database cannot be reached or stays locked.
        """
        shared: SqlRecords | None = getattr(self._views, "records", None)
        if shared is not None:
            with translated(self._dialect):
                yield shared
            return
        with translated(self._dialect), self._begun(lambda: self._dialect.read) as connection:
            yield SqlRecords(connection, self._clock)
            tell(connection, "ROLLBACK")
            if self._dialect.wears and connection.info.get(WORN):
                connection.invalidate()

    @contextmanager
    def view(self) -> Iterator[None]:
        """Let every :meth:`read` of this thread inside the block share one view.

        Raises:
            UnavailableError: the database cannot be reached or stays locked.
        """
        with self.read() as records:
            before = getattr(self._views, "records", None)
            self._views.records = records
            try:
                yield
            finally:
                self._views.records = before

    @contextmanager
    def write(self) -> Iterator[SqlRecords]:
        """Open a transaction; threads of this process queue here, then processes among each other.

        Raises:
            BadInputError: something asks for more than the database can do, or cannot be stored.
            UnavailableError: the database cannot be reached or stays locked.
        """
        with (
            self._turn() as late,
            translated(self._dialect),
            self._begun(lambda: self._dialect.write(late - time.monotonic())) as connection,
        ):
            yield SqlRecords(connection, self._clock)
            tell(connection, "COMMIT")

    def connections(self) -> tuple[int, int]:
        """Return how many connections are in use by this process, and how many there may be."""
        pool: Any = self._engine.pool
        return pool.checkedout(), self._dialect.most_connections

    def close(self) -> None:
        """Let go of all connections."""
        self._engine.dispose()

    @contextmanager
    def _turn(self) -> Iterator[float]:
        """Hold the right to begin to write; yield until when the database may let others go first.

        Whoever waits behind others who write does so for a limited time, all queues together. That readers
        hold every connection of the process is not one of them: the pool has a limit of its own.
        """
        late = time.monotonic() + PATIENCE_S
        if not self._writing.acquire(timeout=PATIENCE_S):
            raise UnavailableError("others are writing to the database just now; try again")
        try:
            with self._turns.turn(late - time.monotonic()):
                yield late
        finally:
            self._writing.release()

    @contextmanager
    def _begun(self, words: Callable[[], str]) -> Iterator[Connection]:
        """Open a connection, begin with the words right by then, and give the connection back at the end."""
        connection = self._begin(words)
        try:
            yield connection
        finally:
            self._drop_broken(connection)
            connection.close()

    def _begin(self, words: Callable[[], str], *, again: bool = True) -> Connection:
        """Open a connection and begin. That one broke while nobody used it shows only here."""
        connection = self._engine.connect()
        try:
            tell(connection, words())
        except DBAPIError:
            broken = self._drop_broken(connection)
            connection.close()
            if broken and again:
                self._engine.dispose()  # the others broke with it
                return self._begin(words, again=False)
            raise
        return connection

    def _drop_broken(self, connection: Connection) -> bool:
        """Take a broken connection out of the pool; tell whether it was one."""
        if connection.invalidated:
            return True
        if not self._dialect.is_broken(connection.connection.dbapi_connection):
            return False
        connection.invalidate()
        return True


@contextmanager
def translated(dialect: Dialect) -> Iterator[None]:
    """Say what the driver says in the registry's words: its own are for the operator alone.

    Raises:
        BadInputError: something asks for more than the database can do, or cannot be stored.
        UnavailableError: the database cannot be reached, stays locked, or is not as it should be.
    """
    try:
        yield
    except PoolTimeoutError as error:
        raise UnavailableError("all database connections are busy; try again") from error
    except DBAPIError as error:
        meant = _meant(error, dialect)
        if meant is None:
            raise
        raise meant from error


def _meant(error: DBAPIError, dialect: Dialect) -> AssayError | None:
    meaning = dialect.meaning(error)
    if meaning is not None:
        return meaning
    if error.connection_invalidated:
        return _unavailable("the database went away", error)
    if dialect.is_operational(error):
        return _unavailable("the database does not answer", error)
    return None


def _unavailable(words: str, error: DBAPIError) -> UnavailableError:
    number = request_id() or secrets.token_hex(6)
    log.error("%s: %s: %s", number, words, error.orig)
    return UnavailableError(f"{words}; the operator finds the reason in the log under {number}")
