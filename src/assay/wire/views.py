"""What the native protocol answers where core has no value of that shape."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from assay.core.access import Grant, Principal, Token
from assay.core.digests import Digest
from assay.core.errors import AssayError, Reason
from assay.core.evidence import Evidence
from assay.core.policies import StoredPolicy


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
    """The server answers, its database answers, and this is its version."""

    status: str
    version: str
    at: datetime


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
