"""Signing in with an identity provider: whose identity it is, what its groups give, and for how long.

An identity is (issuer, subject): names and addresses change and are given again, these are not. What comes
from the groups of the provider lasts as long as the sign-in does, and is kept apart from what was granted
by hand. A claim that is missing or malformed gives nothing.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from assay.core.access import LOCAL, Grant, Role, check_principal
from assay.core.errors import BadInputError, DeniedError, Reason
from assay.core.id_tokens import DEFAULT_ALGORITHMS

MAX_GROUPS: Final = 2000
MAX_GROUP_LENGTH: Final = 200
MAX_NEXT_LENGTH: Final = 1000
THROUGH: Final = "sign-in:"
PUBLISHER_PREFIX: Final = "publisher."
# Names under which the registry itself acts.
_RESERVED: Final = frozenset({LOCAL, "assay", "nobody", "worker"})
_NEXT: Final = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f-\U0010ffff]*")
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")  # RFC 7636, 4.2: base64url of a SHA-256


@dataclass(frozen=True, slots=True)
class SignInRules:
    """How people sign in with an identity provider, and which CI services may bring identity tokens.

    Attributes:
        issuer: address of the provider, as its tokens name it; "" for no sign-in. https, but on loopback.
        client_id: under which the provider knows this registry.
        client_secret: that goes with it; only from the environment or `client_secret_file`.
        client_secret_file: file that holds the secret; "" for none.
        scopes: that are asked for; a blank between them. `openid` must be there.
        name_claim: claim that names a new person; "" for `preferred_username`, else a verified `email`.
        groups_claim: claim that lists the groups of a person.
        algorithms: signatures that are taken; a blank between them. Never `none` or `HS*`.
        create_people: whether the first sign-in of somebody unknown makes them known.
        hours: how long a sign-in lasts at most, and what it gives: session, command line token, and
            roles through groups.
        idle_minutes: after which an unused session of a browser ends.
        ci_issuers: addresses of further CI services whose jobs may be trusted publishers; GitHub and
            GitLab.com are known. A blank between them.
        ci_audience: what identity tokens of jobs must be for; the address of the server when left out.
    """

    issuer: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    client_secret_file: str = ""
    scopes: str = "openid profile email"
    name_claim: str = ""
    groups_claim: str = "groups"
    algorithms: str = " ".join(DEFAULT_ALGORITHMS)
    create_people: bool = True
    hours: float = 12.0
    idle_minutes: float = 60.0
    ci_issuers: str = ""
    ci_audience: str = ""

    @property
    def lifetime(self) -> timedelta:
        """How long a sign-in lasts."""
        return timedelta(hours=self.hours)

    @property
    def idle(self) -> timedelta:
        """How long a session may be unused."""
        return timedelta(minutes=self.idle_minutes)


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody at a provider, and who they are here."""

    issuer: str
    subject: str
    principal: str
    linked_at: datetime
    linked_by: str


@dataclass(frozen=True, slots=True)
class GroupRole:
    """Who is in ``group`` at the provider has ``role`` on ``pattern``."""

    group: str
    pattern: str
    role: Role


@dataclass(frozen=True, slots=True)
class BorrowedGrant:
    """A role that a person has through a group at the provider, until their sign-in ends."""

    principal: str
    pattern: str
    role: Role
    group: str
    until: datetime

    @property
    def grant(self) -> Grant:
        """As a grant."""
        return Grant(self.principal, self.role, self.pattern, None, f"{THROUGH}{self.group}")


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that somebody signed in with; of its secret only the SHA-256 is kept."""

    id: str
    principal: str
    secret_sha256: str
    issuer: str
    subject: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class GroupsSaid:
    """The groups that a token lists; ``notice`` says why there are none where some were to be expected."""

    names: frozenset[str] = frozenset()
    notice: str = ""


def name_said(claims: Mapping[str, Any], name_claim: str) -> str:
    """Return the name for a person who is new here.

    Args:
        claims: of a verified token.
        name_claim: as in the rules.

    Raises:
        DeniedError: no claim names them, in a form that a principal can have; or only an e-mail address
            that the provider did not verify.
    """
    chosen = name_claim or ("preferred_username" if claims.get("preferred_username") else "email")
    said = claims.get(chosen)
    if chosen == "email" and claims.get("email_verified") is not True:
        raise _no_name(chosen, "must be there and verified by the provider")
    if not isinstance(said, str):
        raise _no_name(chosen, "must be there, as text")
    name = said.strip().lower()
    try:
        check_principal(name)
    except BadInputError as error:
        raise _no_name(chosen, error.reasons[0].rule) from error
    if is_reserved(name):
        raise _no_name(chosen, "must not be a name under which the registry itself acts")
    return name


def is_reserved(name: str) -> bool:
    """Tell whether a name is one under which the registry itself acts."""
    return name in _RESERVED or name.startswith(PUBLISHER_PREFIX)


def groups_said(claims: Mapping[str, Any], groups_claim: str) -> GroupsSaid:
    """Return the groups that a token lists: all of them, or none where any is malformed."""
    names = claims.get("_claim_names")
    if (isinstance(names, Mapping) and groups_claim in names) or claims.get("hasgroups") is True:
        # Microsoft Entra's "overage": more groups than fit; the list lies elsewhere.
        return GroupsSaid(
            notice="the provider did not list the groups, because there are too many: "
            "let it send only those that are assigned to the application"
        )
    said = claims.get(groups_claim)
    if said is None:
        return GroupsSaid(notice=f"the token has no claim {groups_claim!r}")
    if not isinstance(said, list) or len(said) > MAX_GROUPS:
        return GroupsSaid(notice=f"the claim {groups_claim!r} is no list of at most {MAX_GROUPS} groups")
    if not all(isinstance(each, str) and 0 < len(each) <= MAX_GROUP_LENGTH for each in said):
        return GroupsSaid(notice=f"the claim {groups_claim!r} lists what is no name of a group")
    return GroupsSaid(frozenset(said))


def borrowed(
    principal: str, groups: Iterable[str], roles: Iterable[GroupRole], until: datetime
) -> tuple[BorrowedGrant, ...]:
    """Return what the groups give: on each pattern the highest role, by pattern."""
    held = frozenset(groups)
    best: dict[str, GroupRole] = {}
    for each in sorted(roles, key=lambda one: (one.role.rank, one.group)):
        if each.group in held:
            best[each.pattern] = each
    return tuple(
        BorrowedGrant(principal, pattern, best[pattern].role, best[pattern].group, until)
        for pattern in sorted(best)
    )


def check_group(group: str) -> str:
    """Return ``group`` when a group at a provider may be named so.

    Raises:
        BadInputError: it is empty, too long, or has control characters.
    """
    if not isinstance(group, str) or not 0 < len(group) <= MAX_GROUP_LENGTH or not group.isprintable():
        rule = f"must be printable text of at most {MAX_GROUP_LENGTH} characters"
        raise BadInputError.of("group", rule, repr(group)[:100])
    return group


def check_next(place: str) -> str:
    """Return where a browser goes after signing in, when that is on this server (no open redirect).

    Raises:
        BadInputError: it is not a path on this server.
    """
    if not _NEXT.fullmatch(place) or len(place) > MAX_NEXT_LENGTH:
        raise BadInputError.of("next", "must be a path on this server", repr(place)[:100])
    return place


def check_loopback_redirect(url: str) -> str:
    """Return where a command line waits for its code: on this machine's loopback only (RFC 8252, 7.3, 8.3).

    Raises:
        BadInputError: it is anything but http://127.0.0.1:PORT/PATH or http://[::1]:PORT/PATH.
    """
    if re.fullmatch(r"http://(127\.0\.0\.1|\[::1\]):[1-9][0-9]{0,4}/[A-Za-z0-9/_-]{0,100}", url):
        port = urlsplit(url.replace("[::1]", "localhost")).netloc.rpartition(":")[2]
        if int(port) <= 65535:
            return url
    rule = "must be http://127.0.0.1:PORT/PATH or http://[::1]:PORT/PATH"
    raise BadInputError.of("redirect_uri", rule, repr(url)[:100])


def check_challenge(text: str) -> str:
    """Return a code challenge of method S256 (RFC 7636, 4.2).

    Raises:
        BadInputError: it is none.
    """
    if not _CHALLENGE.fullmatch(text):
        raise BadInputError.of("code_challenge", "must be the base64url of a SHA-256", repr(text)[:60])
    return text


def check_issuer(url: str, field_name: str = "issuer") -> str:
    """Return the address of an issuer: https, but on loopback (Discovery 1.0, section 3).

    Raises:
        BadInputError: it is no plain https address.
    """
    rule = "must be https://HOST[:PORT][/PATH], or http on loopback; no user name, query or fragment"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise BadInputError.of(field_name, rule, repr(url)[:200]) from error
    plain = parts.scheme == "http" and host in ("localhost", "127.0.0.1", "::1")
    odd = "@" in parts.netloc or "?" in url or "#" in url or port == 0 or len(url) > 500
    if (
        not host
        or odd
        or not (plain or parts.scheme == "https")
        or not url.isascii()
        or not url.isprintable()
    ):
        raise BadInputError.of(field_name, rule, repr(url)[:200])
    if " " in url or "\\" in url:
        raise BadInputError.of(field_name, rule, repr(url)[:200])
    return url


def _no_name(claim: str, rule: str) -> DeniedError:
    hint = "ask an admin: assay principal link NAME --issuer ISSUER --subject SUBJECT"
    message = "the provider does not say how you are to be named here"
    return DeniedError(message, [Reason(claim, rule)], hint=hint)
