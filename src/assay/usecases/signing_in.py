"""Signing in with an identity provider: a browser goes there and comes back as somebody.

Authorization code flow with PKCE, state and nonce (OpenID Connect Core 1.0, section 3.1; RFC 7636). What
has to be remembered while the browser is away lies sealed in a cookie of that browser: nobody can fill a
table by asking, the answer counts only in the browser that asked, and any server can take it. A command
line gets a code of this registry, bound to its own challenge, never anything of the provider's.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode, urlsplit, urlunsplit

from assay.core.access import Scope, Token
from assay.core.errors import BadInputError, DeniedError, NotFoundError, Reason, UnavailableError
from assay.core.id_tokens import Expected, check_claims
from assay.core.ports import Records
from assay.core.sign_in import check_challenge, check_loopback_redirect, check_next
from assay.core.tokens import format_token, secret_hash
from assay.usecases.access import caller_of
from assay.usecases.arriving import Arrival, arrive
from assay.usecases.means import Act, Means
from assay.usecases.sessions import open_session
from assay.wire.codec import decode, encode
from assay.wire.sign_in import SignedInToken, SignInOffer

CALLBACK: Final = "/auth/callback"
AWAY: Final = timedelta(minutes=10)
CODE_FOR: Final = timedelta(minutes=5)
MAX_FIELD_LENGTH: Final = 2048
_PURPOSE: Final = "sign-in"
_AGAIN: Final = "begin again: assay login, or /auth/login in a browser"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a browser comes for: a session and a page, or a code for the command line that sent it.

    Attributes:
        next: path on this server to go to.
        redirect_uri: where a command line waits on its own machine; "" to show the code for typing.
        code_challenge: of the command line (S256); "" where it is the browser that signs in.
        state: of the command line, given back to it.
    """

    next: str = "/"
    redirect_uri: str = ""
    code_challenge: str = ""
    state: str = ""


@dataclass(frozen=True, slots=True)
class Away:
    """What is remembered of a browser that is at the provider."""

    purpose: str
    state: str
    nonce: str
    verifier: str
    until: datetime
    wanted: Wanted


@dataclass(frozen=True, slots=True)
class Departure:
    """Where a browser is sent, and what it has to bring back."""

    url: str
    sealed: str


@dataclass(frozen=True, slots=True)
class Landing:
    """Somebody came back.

    Attributes:
        session: secret of their new session; "" where a command line signs in.
        place: where the browser goes now; "" where the code is shown for typing.
        code: for the command line; "" where a browser signs in.
        name: who it is.
    """

    session: str
    place: str
    code: str
    name: str


@dataclass(frozen=True, slots=True)
class _Grant:
    """What a code of this registry stands for."""

    principal: str
    issuer: str
    subject: str
    challenge: str
    until: datetime
    notice: str


class SigningIn:
    """Sends browsers to the provider, and receives them."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means

    def offer(self) -> SignInOffer:
        """Say whether people can sign in with a provider, and with which."""
        rules = self._means.sign_in
        return SignInOffer(bool(rules.issuer), rules.issuer, bool(rules.ci_audience))

    @property
    def lifetime(self) -> timedelta:
        """How long a sign-in lasts."""
        return self._means.sign_in.lifetime

    def begin(self, wanted: Wanted, address: str) -> Departure:
        """Send a browser to the provider.

        Args:
            wanted: what it comes for.
            address: of this server, as the browser reaches it.

        Raises:
            BadInputError: a page elsewhere, or a command line that does not wait on its own machine.
            NotFoundError: nobody signs in with a provider here.
            UnavailableError: the provider does not answer.
        """
        rules = self._means.sign_in
        if not rules.issuer:
            raise _not_offered()
        _check_wanted(wanted)
        endpoint = self._means.issuers.endpoints(rules.issuer).authorization
        if not endpoint:
            raise UnavailableError(f"the identity provider {rules.issuer} names no place to sign in at")
        state, nonce, verifier = (self._means.chance.token_parts()[1] for _ in range(3))
        until = self._means.clock.now() + AWAY
        away = Away(_PURPOSE, state, nonce, verifier, until, wanted)
        asked = {
            "response_type": "code",
            "client_id": rules.client_id,
            "redirect_uri": address + CALLBACK,
            "scope": rules.scopes,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256",
        }
        parts = urlsplit(endpoint)
        query = "&".join(each for each in (parts.query, urlencode(asked)) if each)
        url = urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))
        return Departure(url, self._means.seal.close(encode(away).decode()))

    def finish(self, answer: Mapping[str, str], sealed: str, address: str) -> Landing:
        """Receive a browser that comes back.

        Args:
            answer: query parameters, each once.
            sealed: what it was given when it left.
            address: of this server, as the browser reaches it.

        Raises:
            DeniedError: the provider or this registry does not let them in; or the answer is not to a
                question that this browser asked, was used, comes too late, or is another provider's.
            NotFoundError: nobody signs in with a provider here.
            UnavailableError: the provider does not answer.
        """
        rules = self._means.sign_in
        if not rules.issuer:
            raise _not_offered()
        away = self._away(answer, sealed)
        self._check_sender(answer)
        code = answer.get("code", "")
        if "error" in answer or not 0 < len(code) <= MAX_FIELD_LENGTH:
            said = "".join(each for each in answer.get("error", "no code")[:60] if each.isprintable())
            raise DeniedError("the provider did not let you in", [Reason("error", said)], hint=_AGAIN)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": address + CALLBACK,
            "code_verifier": away.verifier,
        }
        client = (rules.client_id, rules.client_secret)
        token = self._means.issuers.redeem(rules.issuer, client, form)
        claims = self._means.issuers.claims(rules.issuer, token, rules.algorithms.split())
        check_claims(claims, Expected(rules.issuer, rules.client_id, self._means.clock.now(), away.nonce))
        with self._means.database.write() as records:
            arrival = arrive(records, rules, claims, self._means.clock.now())
            return self._land(records, arrival, away.wanted)

    def redeem(self, code: str, verifier: str) -> SignedInToken:
        """Give a command line its token for the code that it was sent.

        The token carries every scope, as it was made by its owner in person, and ends with the sign-in.

        Raises:
            DeniedError: no such code, it was used or is too old, or another command line asked for it.
        """
        wrong = DeniedError("the code is not good (any more)", authenticate=True, hint=_AGAIN)
        key = _code_key(code)
        with self._means.database.read() as records:  # whoever makes codes up keeps no writer waiting
            if not records.sign_in.used_once.is_there(key):
                raise wrong
        with self._means.database.write() as records:
            now = self._means.clock.now()
            content = records.sign_in.used_once.take(key, now)
        if content is None:
            raise wrong
        given = decode(content, _Grant)
        if not hmac.compare_digest(challenge_of(verifier), given.challenge):
            raise wrong
        with self._means.database.write() as records:
            if caller_of(records, given.principal, now) is None:
                raise wrong
            token_id, secret = self._means.chance.token_parts()
            token = Token(
                id=token_id,
                principal=given.principal,
                secret_sha256=secret_hash(secret),
                scopes=frozenset(Scope),
                pattern="*",
                created_at=now,
                expires_at=given.until,
                created_by=given.principal,
                description="signed in",
            )
            records.tokens.add(token)
            about = {
                "id": token_id,
                "issuer": given.issuer,
                "scopes": token.scopes,
                "expires_at": given.until,
            }
            act = Act(records, given.principal, now)
            act.note("token.create", f"principal/{given.principal}", after=about)
        text = format_token(token_id, secret)
        return SignedInToken(text, token_id, given.principal, given.until, given.notice)

    def _away(self, answer: Mapping[str, str], sealed: str) -> Away:
        """Return what the browser was sent away with, when the answer is to just that question."""
        foreign = DeniedError(
            "this browser did not ask to sign in, or so long ago that it does not count", hint=_AGAIN
        )
        if not sealed:
            raise foreign
        try:
            away = decode(self._means.seal.open(sealed), Away)
        except (UnavailableError, BadInputError) as error:
            raise foreign from error
        now = self._means.clock.now()
        state = answer.get("state", "")
        same = hmac.compare_digest(state.encode("utf-8", "replace"), away.state.encode())
        if away.purpose != _PURPOSE or not same or now >= away.until:
            raise foreign
        key = f"state:{secret_hash(state)}"
        with self._means.database.read() as records:
            if records.sign_in.used_once.is_there(key):
                raise foreign
        with self._means.database.write() as records:
            records.sign_in.used_once.sweep(now)
            if not records.sign_in.used_once.add(key, away.until):
                raise foreign
        return away

    def _check_sender(self, answer: Mapping[str, str]) -> None:
        """Refuse the answer of another provider than was asked (RFC 9207: mix-up)."""
        issuer = self._means.sign_in.issuer
        needed = self._means.issuers.endpoints(issuer).names_itself
        if answer.get("iss", "" if needed else issuer) != issuer:
            raise DeniedError("another provider answered", [Reason("iss", f"must be {issuer}")], hint=_AGAIN)

    def _land(self, records: Records, arrival: Arrival, wanted: Wanted) -> Landing:
        name = arrival.principal
        if wanted.code_challenge:
            code = self._means.chance.token_parts()[1]
            given = _Grant(
                name, arrival.issuer, arrival.subject, wanted.code_challenge, arrival.until, arrival.notice
            )
            until = arrival.at + CODE_FOR
            records.sign_in.used_once.add(_code_key(code), until, encode(given).decode())
            place = ""
            if wanted.redirect_uri:
                place = f"{wanted.redirect_uri}?{urlencode({'code': code, 'state': wanted.state})}"
            return Landing("", place, code, name)
        return Landing(open_session(self._means, records, arrival), wanted.next, "", name)


def challenge_of(verifier: str) -> str:
    """Return the S256 code challenge of a verifier (RFC 7636, 4.2)."""
    digest = hashlib.sha256(verifier.encode("utf-8", "replace")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _check_wanted(wanted: Wanted) -> None:
    check_next(wanted.next)
    if wanted.code_challenge:
        check_challenge(wanted.code_challenge)
    elif wanted.redirect_uri:
        raise BadInputError.of("code_challenge", "must be given with redirect_uri")
    if wanted.redirect_uri:
        check_loopback_redirect(wanted.redirect_uri)
    if len(wanted.state) > 200:
        raise BadInputError.of("state", "must have at most 200 characters")


def _code_key(code: str) -> str:
    return f"code:{secret_hash(code)}"


def _not_offered() -> NotFoundError:
    hint = "the operator sets sign_in.issuer; until then: assay token create"
    return NotFoundError("nobody signs in with an identity provider here", hint=hint)
