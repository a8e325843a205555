"""What the use cases ask of the outside: records, blobs, time and chance.

Each port is at the level of the question. One contract suite holds every implementation
(``tests/contracts``). Methods that write take part in the transaction they were reached through.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from assay.core.access import Grant, Principal, Token
from assay.core.audit import AuditEvent
from assay.core.digests import Digest
from assay.core.evidence import Evidence
from assay.core.jobs import Job
from assay.core.names import Address, ModelName
from assay.core.policies import StoredPolicy
from assay.core.promotions import Promotion, PromotionState, StageMove
from assay.core.search import ModelQuery, ModelSummary, Page, VersionQuery, VersionSummary
from assay.core.semver import SemVer
from assay.core.versions import Model, Version


class Clock(Protocol):
    """Time."""

    def now(self) -> datetime:
        """Return the present instant, aware, UTC."""
        ...


class Chance(Protocol):
    """Randomness."""

    def identifier(self, prefix: str) -> str:
        """Return a fresh id: the prefix, ``_`` and 20 letters and digits that sort by time of making."""
        ...

    def token_parts(self) -> tuple[str, str]:
        """Return (16 hex digits, 43 unguessable letters and digits)."""
        ...


class Models(Protocol):
    """Models by name."""

    def add(self, model: Model) -> None:
        """Store a new model.

        Raises:
            ConflictError: the name is taken.
        """
        ...

    def get(self, name: ModelName) -> Model | None:
        """Return the model of that name."""
        ...

    def annotate(self, model: Model) -> None:
        """Replace description, tags and labels."""
        ...


class Versions(Protocol):
    """Versions by address. Deleted ones are found by nothing but :meth:`highest`."""

    def add(self, version: Version) -> None:
        """Store a new version in stage Development.

        Raises:
            ConflictError: number or semantic version was given before, also to a deleted one.
        """
        ...

    def resolve(self, address: Address) -> VersionSummary | None:
        """Find by semantic version, number, or alias.

        ``@latest`` is the greatest semantic version, ``@production`` the version in Production,
        ``@staging`` (``@development``, ``@archived``) the one that entered that stage last.
        """
        ...

    def get(self, model: ModelName, number: int) -> Version | None:
        """Return everything known of one version."""
        ...

    def newest(self, model: ModelName) -> Version | None:
        """Return the version with the greatest semantic version."""
        ...

    def highest(self, model: ModelName) -> tuple[int, SemVer | None]:
        """Return the greatest number (0 for none) and semantic version ever given, deleted included."""
        ...

    def annotate(self, version: Version) -> None:
        """Replace description, tags and labels."""
        ...

    def delete(self, model: ModelName, number: int, at: datetime) -> None:
        """Hide a version for ever; its number and semantic version stay taken, its aliases go."""
        ...


class Catalogue(Protocol):
    """Listings. ``visible`` are the patterns (``*``, ``team/*``, ``team/task``) the asker may see."""

    def models(self, query: ModelQuery, visible: tuple[str, ...]) -> Page[ModelSummary]:
        """Return a page of models, by name.

        Raises:
            BadInputError: the cursor is not one of ours.
        """
        ...

    def versions(self, query: VersionQuery, visible: tuple[str, ...]) -> Page[VersionSummary]:
        """Return a page of versions, newest registration first.

        Raises:
            BadInputError: the cursor is not one of ours.
        """
        ...


class Aliases(Protocol):
    """Movable names."""

    def set(self, model: ModelName, alias: str, number: int) -> int | None:
        """Point the alias at a version; return the number it pointed at before."""
        ...

    def remove(self, model: ModelName, alias: str) -> int | None:
        """Take the alias away; return the number it pointed at, None when there was none."""
        ...

    def of_model(self, model: ModelName) -> Mapping[str, int]:
        """Return all set aliases of the model with their numbers."""
        ...


class Stages(Protocol):
    """Which version is in which stage, and how it came there."""

    def move(self, move: StageMove) -> None:
        """Change the stage by compare-and-set on ``move.source`` and keep the move in the history.

        Raises:
            ConflictError: the version is not in ``move.source`` (any more), or Production is held
                by another version; the message names the stage or holder found.
        """
        ...

    def holder(self, model: ModelName) -> int | None:
        """Return the number of the version in Production."""
        ...

    def history(self, model: ModelName) -> tuple[StageMove, ...]:
        """Return every move of the model's versions, oldest first."""
        ...


class EvidenceLog(Protocol):
    """Evidence; only ever added."""

    def add(self, evidence: Evidence) -> None:
        """Store; storing the same statement again changes nothing.

        Metrics among the facts become searchable: measured ones replace reported ones.
        """
        ...

    def of_version(self, model: ModelName, number: int) -> tuple[Evidence, ...]:
        """Return all evidence filed under a version, oldest first."""
        ...

    def get(self, digest: Digest) -> Evidence | None:
        """Return one statement by its digest."""
        ...


class Policies(Protocol):
    """Policies; every revision is kept."""

    def add(self, stored: StoredPolicy) -> None:
        """Store the next revision for its pattern.

        Raises:
            ConflictError: that revision is there already.
        """
        ...

    def current(self) -> tuple[StoredPolicy, ...]:
        """Return the newest revision for each pattern."""
        ...

    def history(self, pattern: str) -> tuple[StoredPolicy, ...]:
        """Return all revisions for a pattern, oldest first."""
        ...


class Promotions(Protocol):
    """Promotions by id."""

    def add(self, promotion: Promotion) -> None:
        """Store a new promotion."""
        ...

    def get(self, promotion_id: str) -> Promotion | None:
        """Return one."""
        ...

    def save(self, promotion: Promotion, expected: PromotionState) -> None:
        """Replace it by compare-and-set on its state.

        Raises:
            ConflictError: it is not in state ``expected`` any more.
        """
        ...

    def of_model(self, model: ModelName, *, open_only: bool = False) -> tuple[Promotion, ...]:
        """Return the promotions of a model, newest first."""
        ...

    def open(self, limit: int = 1000) -> tuple[Promotion, ...]:
        """Return open promotions of all models, oldest first."""
        ...


class AuditLog(Protocol):
    """The chained log."""

    def append(self, entry: Mapping[str, Any]) -> AuditEvent:
        """Chain an entry (at, actor, verb, subject, before, after) behind the newest event."""
        ...

    def read(self, after_seq: int = 0, limit: int = 1000, subject: str = "") -> tuple[AuditEvent, ...]:
        """Return events in order; ``subject`` keeps those whose subject is it or lies under it.

        ``a/b`` covers ``a/b``, ``a/b/v1.0.0`` and ``a/b@x`` but not ``a/bc``.
        """
        ...


class Principals(Protocol):
    """People and service accounts, and what they were granted."""

    def add(self, principal: Principal) -> None:
        """Store a new principal.

        Raises:
            ConflictError: the name is taken.
        """
        ...

    def get(self, name: str) -> Principal | None:
        """Return one."""
        ...

    def all(self) -> tuple[Principal, ...]:
        """Return all, by name."""
        ...

    def save(self, principal: Principal) -> None:
        """Replace owner, display name and disabled."""
        ...

    def grant(self, grant: Grant) -> Grant | None:
        """Give a role; replaces the grant of that principal on that pattern and returns it."""
        ...

    def revoke(self, principal: str, pattern: str) -> Grant | None:
        """Take a grant away; return it, None when there was none."""
        ...

    def grants(self, principal: str | None = None) -> tuple[Grant, ...]:
        """Return the grants of one principal or of all, by principal and pattern."""
        ...


class Tokens(Protocol):
    """Tokens by public id."""

    def add(self, token: Token) -> None:
        """Store a new token."""
        ...

    def get(self, token_id: str) -> Token | None:
        """Return one."""
        ...

    def of(self, principal: str) -> tuple[Token, ...]:
        """Return all of a principal, newest first."""
        ...

    def revoke(self, token_id: str, at: datetime) -> None:
        """Mark it revoked; the first time counts."""
        ...


class Jobs(Protocol):
    """The queue of checks."""

    def add(self, job: Job) -> None:
        """Queue a job."""
        ...

    def get(self, job_id: str) -> Job | None:
        """Return one."""
        ...

    def lease(self, worker: str, now: datetime, until: datetime) -> Job | None:
        """Take the oldest job that is queued, or whose lease has run out, for ``worker``.

        Counts the attempt. A job whose lease ran out in its last attempt is not given out again;
        it becomes failed and is returned by :meth:`exhausted`.
        """
        ...

    def extend(self, job_id: str, worker: str, until: datetime) -> bool:
        """Prolong the lease; False when the worker does not hold it any more."""
        ...

    def finish(self, job: Job, worker: str) -> bool:
        """Store the job's final state; False when the worker does not hold it any more."""
        ...

    def exhausted(self, now: datetime) -> tuple[Job, ...]:
        """Fail every job whose last attempt's lease has run out, and return those."""
        ...

    def of_version(self, model: ModelName, number: int) -> tuple[Job, ...]:
        """Return the jobs of a version, newest first."""
        ...


class Records(Protocol):
    """Everything reachable inside one transaction."""

    @property
    def models(self) -> Models:
        """Models."""
        ...

    @property
    def versions(self) -> Versions:
        """Versions."""
        ...

    @property
    def catalogue(self) -> Catalogue:
        """Catalogue."""
        ...

    @property
    def aliases(self) -> Aliases:
        """Aliases."""
        ...

    @property
    def stages(self) -> Stages:
        """Stages."""
        ...

    @property
    def evidence(self) -> EvidenceLog:
        """EvidenceLog."""
        ...

    @property
    def policies(self) -> Policies:
        """Policies."""
        ...

    @property
    def promotions(self) -> Promotions:
        """Promotions."""
        ...

    @property
    def audit(self) -> AuditLog:
        """AuditLog."""
        ...

    @property
    def principals(self) -> Principals:
        """Principals."""
        ...

    @property
    def tokens(self) -> Tokens:
        """Tokens."""
        ...

    @property
    def jobs(self) -> Jobs:
        """Jobs."""
        ...


class Database(Protocol):
    """Where records live."""

    def read(self) -> AbstractContextManager[Records]:
        """Open one consistent view.

        Raises:
            UnavailableError: the database cannot be reached or stays locked.
        """
        ...

    def write(self) -> AbstractContextManager[Records]:
        """Open a transaction: committed and durable when the block ends, undone when it raises.

        Writers are serialised, so that what was read inside the block still holds at its end.

        Raises:
            UnavailableError: the database cannot be reached or stays locked.
        """
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...


class Blobs(Protocol):
    """Bytes by digest."""

    def put(
        self, chunks: Iterable[bytes], expected: Digest | None = None, size_bytes: int | None = None
    ) -> tuple[Digest, int]:
        """Store a stream; returns only when the bytes are durable.

        Args:
            chunks: the bytes, in pieces of any size; memory stays flat.
            expected: the digest announced; None takes what comes.
            size_bytes: the size announced.

        Returns:
            Digest and size. Storing the same bytes again keeps one copy.

        Raises:
            BadInputError: digest or size is not what was announced (nothing is kept).
            UnavailableError: no space, or the disk failed.
        """
        ...

    def size(self, digest: Digest) -> int | None:
        """Return the size in bytes of a stored blob, None when it is not there."""
        ...

    def read(self, digest: Digest, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield the bytes [start, stop), verified: nothing of a damaged blob is served as whole.

        Raises:
            NotFoundError: no such blob.
            UnavailableError: the stored bytes do not match their digest any more.
        """
        ...

    def open_path(self, digest: Digest) -> Path:
        """Return a local read-only path of a verified blob, for inspection beside the store.

        Raises:
            NotFoundError: no such blob.
            UnavailableError: the stored bytes do not match their digest any more.
        """
        ...
