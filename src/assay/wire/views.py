"""What the native protocol answers where core has no value of that shape."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from assay.core.access import Grant, Principal, Token
from assay.core.deliveries import Attempt, Delivery
from assay.core.digests import Digest
from assay.core.errors import AssayError, Reason
from assay.core.evidence import Evidence
from assay.core.policies import StoredPolicy
from assay.core.webhooks import Hook


@dataclass(frozen=True, slots=True)
class CreatedToken:
    """A new token with its text, which is shown this once."""

    token: Token
    text: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the caller is and what it may do."""

    principal: Principal
    grants: tuple[Grant, ...]
    scopes: tuple[str, ...]
    pattern: str


@dataclass(frozen=True, slots=True)
class ErrorDocument:
    """How the native protocol says an error.

    Attributes:
        kind: ``bad_input``, ``refused``, ``conflict``, ``not_found``, ``denied``, ``unavailable``.
        message: one sentence.
        reasons: every field and rule.
        hint: what to do next.
    """

    kind: str
    message: str
    reasons: tuple[Reason, ...] = ()
    hint: str = ""

    @classmethod
    def of(cls, error: AssayError) -> "ErrorDocument":
        """Say ``error``."""
        return cls(error.kind, error.message, error.reasons, error.hint)


@dataclass(frozen=True, slots=True)
class Health:
    """The server answers, and this is its version; of its database it says nothing."""

    status: str
    version: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a server is to be sent requests; ``status`` is ``ready`` or ``unready``, with the reasons."""

    status: str
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class FiledEvidence:
    """Evidence with the digest that names it."""

    digest: Digest
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class PolicyView:
    """A stored policy as people write it.

    Attributes:
        document: ``applies_to``, ``description``, ``gates``, and where they differ from the default
            ``mode`` and ``stage_aliases``, as in the YAML form.
        source: the text that was sent, comments included; "" where a program set it.
    """

    applies_to: str
    revision: int
    digest: Digest
    set_at: datetime
    set_by: str
    document: dict[str, Any]
    source: str

    @classmethod
    def of(cls, stored: StoredPolicy) -> "PolicyView":
        """Show ``stored``."""
        policy = stored.policy
        return cls(
            policy.applies_to,
            stored.revision,
            stored.digest,
            stored.set_at,
            stored.set_by,
            policy.document(),
            stored.source,
        )


@dataclass(frozen=True, slots=True)
class AliasView:
    """The address of the version that an alias points at."""

    address: str


@dataclass(frozen=True, slots=True)
class HookView:
    """A webhook as its admins see it: whether messages are signed, never with what."""

    id: str
    name: str
    url: str
    events: tuple[str, ...]
    description: str
    status: str
    signed: bool
    created_at: datetime
    changed_at: datetime

    @classmethod
    def of(cls, hook: Hook) -> "HookView":
        """Show ``hook``."""
        return cls(
            hook.id,
            hook.name,
            hook.url,
            tuple(map(str, hook.kinds)),
            hook.description,
            hook.status.value,
            hook.is_signed,
            hook.created_at,
            hook.changed_at,
        )


@dataclass(frozen=True, slots=True)
class HookAnswer:
    """What came of sending an example.

    Attributes:
        status: HTTP status of the answer; None when there was none.
        text: the beginning of the answer's body.
        problem: what went wrong; "" when it was delivered.
    """

    delivered: bool
    status: int | None
    text: str
    problem: str

    @classmethod
    def of(cls, attempt: Attempt) -> "HookAnswer":
        """Show ``attempt``."""
        return cls(attempt.arrived, attempt.status, attempt.text, attempt.in_words)


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """One message to a webhook, and how it went.

    Attributes:
        event_seq: of the audit event that it tells of.
        state: ``waiting``, ``sending``, ``delivered`` or ``failed``.
        due_at: when it is sent next, where it waits.
        problem: what went wrong last.
    """

    id: str
    event: str
    event_seq: int
    state: str
    attempts: int
    created_at: datetime
    due_at: datetime
    response_status: int | None
    problem: str
    ended_at: datetime | None

    @classmethod
    def of(cls, delivery: Delivery) -> "DeliveryView":
        """Show ``delivery``."""
        return cls(
            delivery.id,
            str(delivery.kind),
            delivery.event_seq,
            delivery.state.value,
            delivery.attempts,
            delivery.created_at,
            delivery.due_at,
            delivery.response_status,
            delivery.problem,
            delivery.ended_at,
        )
