"""Ports of what guards a version: evidence, policies, promotions, the audit log."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from assay.core.audit import AuditEvent
from assay.core.checkpoints import Head
from assay.core.digests import Digest
from assay.core.evidence import Evidence
from assay.core.names import ModelName
from assay.core.policies import StoredPolicy
from assay.core.promotions import Promotion, PromotionState


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

    def of_version(self, model: ModelName, number: int) -> tuple[Promotion, ...]:
        """Return the promotions of a version, newest first."""
        ...

    def open(self, limit: int = 1000) -> tuple[Promotion, ...]:
        """Return open promotions of all models, oldest first."""
        ...


class AuditLog(Protocol):
    """The chained log, and the tree over it."""

    def append(self, entry: Mapping[str, Any]) -> AuditEvent:
        """Chain an entry (at, actor, verb, subject, before, after) behind the newest event.

        Raises:
            UnavailableError: events were taken away from outside of this program.
        """
        ...

    def read(self, after_seq: int = 0, limit: int = 1000, subject: str = "") -> tuple[AuditEvent, ...]:
        """Return events in order; ``subject`` keeps those whose subject is it or lies under it.

        ``a/b`` covers ``a/b``, ``a/b/v1.0.0`` and ``a/b@x`` but not ``a/bc``.
        """
        ...

    def size(self) -> int:
        """Return the seq of the newest event, 0 where there is none."""
        ...

    def node(self, level: int, place: int) -> bytes | None:
        """Return the hash of the complete subtree over ``2**level`` events from ``place * 2**level`` on.

        None when it is not complete yet, or was taken away.
        """
        ...


class AuditHeads(Protocol):
    """Signed heads of the log; only ever added."""

    def origin(self) -> str:
        """Return the name of the log, "" before it has one."""
        ...

    def name(self, origin: str) -> None:
        """Give the log its name, once and for all."""
        ...

    def add(self, head: Head, signed_at: datetime) -> None:
        """Store a head; one of that size that is there stays."""
        ...

    def newest(self) -> Head | None:
        """Return the one over the most events."""
        ...

    def page(self, after_size: int, limit: int) -> tuple[Head, ...]:
        """Return heads over more events than ``after_size``, the shortest first."""
        ...


class HeadSigner(Protocol):
    """The key that heads are signed with, which no database holds."""

    def public(self) -> bytes:
        """Return the public key, 32 bytes.

        Raises:
            UnavailableError: the key cannot be read or made.
        """
        ...

    def sign(self, message: bytes) -> bytes:
        """Return the Ed25519 signature over ``message``, 64 bytes.

        Raises:
            UnavailableError: the key cannot be read or made.
        """
        ...

    def verify(self, public: bytes, message: bytes, signature: bytes) -> bool:
        """Tell whether a signature by the key ``public`` is good."""
        ...

    def fingerprint(self, *, make: bool = False) -> str:
        """Return what tells this key from others; "" where there is none, unless one is to be made.

        Raises:
            UnavailableError: the key cannot be read or made.
        """
        ...


class RegistryKeys(Protocol):
    """Which keys the registry has: fingerprints, never the keys."""

    def fingerprint(self, name: str) -> str | None:
        """Return that of a key; None when none was noted yet, "" when the key was lost."""
        ...

    def note(self, name: str, fingerprint: str, at: datetime) -> None:
        """Store it, in place of what was noted before."""
        ...

    def sealed(self, limit: int) -> tuple[str, ...]:
        """Return answers that are kept sealed, the newest first."""
        ...
