"""Ports of signing in: who is who at the provider, sessions, what is used once, trusted publishers."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from assay.core.errors import UnavailableError
from assay.core.publishers import Publisher
from assay.core.sign_in import BorrowedGrant, GroupRole, Identity, Session


class Identities(Protocol):
    """Who is who at which provider."""

    def get(self, issuer: str, subject: str) -> Identity | None:
        """Return who somebody at a provider is here."""
        ...

    def link(self, identity: Identity) -> None:
        """Store who somebody is.

        Raises:
            ConflictError: they are somebody already.
        """
        ...

    def unlink(self, issuer: str, subject: str) -> Identity | None:
        """Forget it; return what was there."""
        ...

    def of(self, principal: str) -> tuple[Identity, ...]:
        """Return the identities of a principal, by issuer and subject."""
        ...


class GroupRoles(Protocol):
    """What the groups at the provider give here."""

    def put(self, role: GroupRole) -> GroupRole | None:
        """Store it in place of the one of that group on that pattern; return that one."""
        ...

    def remove(self, group: str, pattern: str) -> GroupRole | None:
        """Take it away; return what was there."""
        ...

    def all(self) -> tuple[GroupRole, ...]:
        """Return all, by group and pattern."""
        ...


class BorrowedGrants(Protocol):
    """What people have through groups at the provider, until their sign-in ends."""

    def of(self, principal: str, now: datetime) -> tuple[BorrowedGrant, ...]:
        """Return those of a principal that did not end before ``now``, by pattern."""
        ...

    def all(self, now: datetime) -> tuple[BorrowedGrant, ...]:
        """Return those of everybody that did not end before ``now``, by principal and pattern."""
        ...

    def replace(self, principal: str, grants: Sequence[BorrowedGrant]) -> None:
        """Put these in place of all that the principal has."""
        ...


class Sessions(Protocol):
    """Browsers that somebody signed in with."""

    def add(self, session: Session) -> None:
        """Store a new one."""
        ...

    def get(self, session_id: str) -> Session | None:
        """Return one."""
        ...

    def touch(self, session_id: str, at: datetime) -> None:
        """Note that it was used."""
        ...

    def revoke(self, principal: str, at: datetime, session_id: str | None = None) -> int:
        """End one session of a principal, or all; return how many were not revoked yet."""
        ...

    def sweep(self, before: datetime) -> None:
        """Forget those that expired before an instant."""
        ...


class UsedOnce(Protocol):
    """What may be used once: by its key, with a content, until an instant."""

    def add(self, key: str, until: datetime, content: str = "") -> bool:
        """Store it if it is not there; tell whether it was stored."""
        ...

    def is_there(self, key: str) -> bool:
        """Tell whether it is stored, however late."""
        ...

    def take(self, key: str, now: datetime) -> str | None:
        """Remove it and return its content; None when it is not there, or was to be used before ``now``."""
        ...

    def sweep(self, before: datetime) -> None:
        """Forget what was good only until before an instant."""
        ...


class Publishers(Protocol):
    """Trusted publishers."""

    def add(self, publisher: Publisher) -> None:
        """Store a new one."""
        ...

    def get(self, publisher_id: str) -> Publisher | None:
        """Return one."""
        ...

    def of_issuer(self, issuer: str) -> tuple[Publisher, ...]:
        """Return those of an issuer, oldest first."""
        ...

    def all(self) -> tuple[Publisher, ...]:
        """Return all, oldest first."""
        ...

    def remove(self, publisher_id: str) -> None:
        """Take one away."""
        ...


class SignInRecords(Protocol):
    """All of these, in one transaction."""

    @property
    def identities(self) -> Identities:
        """Identities."""
        ...

    @property
    def group_roles(self) -> GroupRoles:
        """GroupRoles."""
        ...

    @property
    def borrowed(self) -> BorrowedGrants:
        """BorrowedGrants."""
        ...

    @property
    def sessions(self) -> Sessions:
        """Sessions."""
        ...

    @property
    def used_once(self) -> UsedOnce:
        """UsedOnce."""
        ...

    @property
    def publishers(self) -> Publishers:
        """Publishers."""
        ...


@dataclass(frozen=True, slots=True)
class Endpoints:
    """What a provider says of itself (OpenID Connect Discovery 1.0, section 3).

    Attributes:
        authorization: where a browser is sent; "" where nobody signs in, as with CI services.
        token: where a code is redeemed.
        names_itself: its answers to the browser carry ``iss`` (RFC 9207).
    """

    issuer: str
    authorization: str
    token: str
    names_itself: bool


class Issuers(Protocol):
    """Identity providers, over the network."""

    def endpoints(self, issuer: str) -> Endpoints:
        """Return what a provider says of itself.

        Raises:
            UnavailableError: it does not answer, or not as a provider has to; it is named.
        """
        ...

    def claims(self, issuer: str, token: str, algorithms: Collection[str]) -> Mapping[str, Any]:
        """Return the claims of a token that was signed with one of the issuer's published keys.

        Nothing but the signature was checked then.

        Raises:
            DeniedError: it was not, or is malformed.
            UnavailableError: the issuer's keys cannot be had now; it is named.
        """
        ...

    def redeem(self, issuer: str, client: tuple[str, str], form: Mapping[str, str]) -> str:
        """Redeem a code for the ID token that goes with it.

        Args:
            issuer: whose code.
            client: id and secret; "" for no secret.
            form: of the token request (RFC 6749, 4.1.3; RFC 7636, 4.5).

        Raises:
            DeniedError: the provider does not take the code.
            UnavailableError: it does not answer, or not as it has to; it is named.
        """
        ...


class NoIssuers:
    """Stands for identity providers where none can be reached: every question is refused."""

    def endpoints(self, issuer: str) -> Endpoints:
        """Refuse.

        Raises:
            UnavailableError: always.
        """
        raise UnavailableError(f"the identity provider {issuer} cannot be reached from here")

    def claims(self, issuer: str, token: str, algorithms: Collection[str]) -> Mapping[str, Any]:  # noqa: ARG002
        """Refuse.

        Raises:
            UnavailableError: always.
        """
        raise UnavailableError(f"the identity provider {issuer} cannot be reached from here")

    def redeem(self, issuer: str, client: tuple[str, str], form: Mapping[str, str]) -> str:  # noqa: ARG002
        """Refuse.

        Raises:
            UnavailableError: always.
        """
        raise UnavailableError(f"the identity provider {issuer} cannot be reached from here")
