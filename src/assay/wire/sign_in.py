"""What is sent and answered about signing in, roles of groups and trusted publishers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class SignInOffer:
    """Whether people sign in with an identity provider, with which, and whether CI jobs may come."""

    browser: bool
    issuer: str
    ci: bool


@dataclass(frozen=True, slots=True)
class CodeForToken:
    """A code that a command line was sent, with the verifier of its challenge (RFC 7636)."""

    code: str = field(repr=False)
    code_verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignedInToken:
    """A token for a command line, shown this once; ``notice`` says what the provider did not say."""

    text: str = field(repr=False)
    id: str
    principal: str
    expires_at: datetime
    notice: str = ""


@dataclass(frozen=True, slots=True)
class NewGroupRole:
    """Give a role to whoever is in a group at the provider; ``pattern`` may also name a team."""

    group: str
    pattern: str
    role: str


@dataclass(frozen=True, slots=True)
class NewIdentity:
    """Say who somebody at a provider is here."""

    issuer: str
    subject: str


@dataclass(frozen=True, slots=True)
class EndedSessions:
    """How many sessions were ended."""

    count: int


@dataclass(frozen=True, slots=True)
class NewPublisher:
    """Trust the jobs of a CI service with ``team/*``, a team, or one model.

    Attributes:
        provider: ``github``, ``gitlab`` or ``generic``.
        issuer: of a self-hosted or generic provider, which the operator has to name in the settings.
        repository_owner_id: number of the repository's owner, or of GitLab's namespace.
        claims: of a generic one: name -> the text that it must be.
    """

    pattern: str
    provider: str
    issuer: str = ""
    repository: str = ""
    repository_owner_id: str = ""
    workflow: str = ""
    environment: str = ""
    claims: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Audience:
    """What the identity token of a job has to be for."""

    audience: str


@dataclass(frozen=True, slots=True)
class MintRequest:
    """The identity token of a job; ``pattern`` chooses among several publishers that it matches."""

    token: str = field(repr=False)
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class MintedToken:
    """A token for a job; ``expires`` in seconds since 1970."""

    success: bool
    token: str = field(repr=False)
    expires: int


@dataclass(frozen=True, slots=True)
class MintProblem:
    """Why a job gets no token."""

    code: str
    description: str


@dataclass(frozen=True, slots=True)
class MintRefusal:
    """The answer to a job that gets no token."""

    message: str
    errors: tuple[MintProblem, ...]
