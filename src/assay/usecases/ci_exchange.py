"""Trusted publishing: the identity token of a job for a short-lived token of this registry.

The contract is PyPI's (its documentation, "Internals and technical details" of trusted publishers). No
secret is stored anywhere: what counts is what the CI service signed about the job.
"""

import logging
from datetime import datetime, timedelta
from typing import Any, Final

from assay.core.access import Principal, Scope, Token
from assay.core.errors import BadInputError, DeniedError, NotFoundError, Reason
from assay.core.id_tokens import (
    DEFAULT_ALGORITHMS,
    LEEWAY,
    MAX_TOKEN_LENGTH,
    Expected,
    check_claims,
    expiry,
    unverified_issuer,
)
from assay.core.ports import Records
from assay.core.publishers import (
    Publisher,
    forbidden_event,
    mismatches,
    run_of,
    unknown_claims,
)
from assay.core.tokens import format_token, secret_hash
from assay.usecases.identities import team_or_pattern
from assay.usecases.means import Act, Means
from assay.wire.sign_in import Audience, MintedToken, MintRequest

LIFETIME: Final = timedelta(seconds=900)
SCOPES: Final = frozenset({Scope.READ, Scope.WRITE, Scope.EVIDENCE})
log = logging.getLogger("assay.publishing")


class MintError(Exception):
    """A job gets no token; ``code`` is one of the contract's."""

    def __init__(self, code: str, description: str) -> None:
        """Keep both."""
        super().__init__(description)
        self.code = code
        self.description = description


class CiExchange:
    """Gives jobs their tokens."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means

    def audience(self) -> Audience:
        """Return what the identity token of a job has to be for.

        Raises:
            NotFoundError: the operator did not say how this server is reached, so that there is none.
        """
        found = self._means.sign_in.ci_audience
        if not found:
            raise NotFoundError("no jobs are let in here", hint="the operator sets public_url")
        return Audience(found)

    def mint(self, sent: MintRequest) -> MintedToken:
        """Return a token for the job that an identity token speaks of.

        It lives 900 s, on the publisher's models only; it registers and reports, and can do no more.

        Raises:
            MintError: the identity token is not good, was used, or belongs to no publisher.
            UnavailableError: the issuer's keys cannot be had now.
        """
        rules = self._means.sign_in
        if not rules.ci_audience:
            raise MintError("not-enabled", "no jobs are let in here: the operator sets public_url")
        if not 0 < len(sent.token) <= MAX_TOKEN_LENGTH:
            raise MintError("invalid-payload", f"token: must have 1 to {MAX_TOKEN_LENGTH} characters")
        pattern = _pattern(sent)
        try:
            issuer = unverified_issuer(sent.token)
        except DeniedError as error:
            raise MintError("invalid-payload", _in_words(error)) from error
        with self._means.database.read() as records:
            candidates = records.sign_in.publishers.of_issuer(issuer)
        if not candidates:
            # Nothing is asked of an issuer that nobody here named.
            raise MintError("invalid-payload", "iss: no trusted publisher has this issuer")
        now = self._means.clock.now()
        try:
            claims = self._means.issuers.claims(issuer, sent.token, DEFAULT_ALGORITHMS)
            check_claims(claims, Expected(issuer, rules.ci_audience, now))
        except DeniedError as error:
            raise MintError("invalid-token", _in_words(error)) from error
        publisher = _matching(candidates, claims, pattern)
        return self._mint(publisher, claims, now)

    def _mint(self, publisher: Publisher, claims: Any, now: datetime) -> MintedToken:
        token_id, secret = self._means.chance.token_parts()
        token = Token(
            id=token_id,
            principal=publisher.principal,
            secret_sha256=secret_hash(secret),
            scopes=SCOPES,
            pattern=publisher.pattern,
            created_at=now,
            expires_at=now + LIFETIME,
            created_by=publisher.principal,
            description=f"job of {publisher.words}"[:500],
            ci=run_of(publisher, claims),
        )
        unknown = unknown_claims(publisher, claims)
        if unknown:
            log.warning(
                "tokens of %s have claims that are not known: %s", publisher.issuer, ", ".join(unknown)
            )
        with self._means.database.write() as records:
            _use(records, publisher, claims, now)
            _owner(records, publisher)
            records.tokens.add(token)
            about: dict[str, object] = {
                "id": token_id,
                "scopes": token.scopes,
                "expires_at": token.expires_at,
            }
            if unknown:
                about["unknown_claims"] = unknown
            act = Act(records, publisher.principal, now, token.ci)
            act.note("token.mint", f"publisher/{publisher.id}", after=about)
        return MintedToken(True, format_token(token_id, secret), int(token.expires_at.timestamp()))


def _pattern(sent: MintRequest) -> str:
    try:
        return team_or_pattern(sent.pattern) if sent.pattern else ""
    except BadInputError as error:
        raise MintError("invalid-payload", str(error.reasons[0])) from error


def _matching(candidates: tuple[Publisher, ...], claims: Any, pattern: str) -> Publisher:
    """Return the one publisher whose job it is."""
    asked = [each for each in candidates if not pattern or each.pattern == pattern]
    wrong = [(mismatches(each, claims), each) for each in asked]
    found = [each for reasons, each in wrong if not reasons]
    if not found:
        # The claims are the job's own: what it says of itself may be told; what publishers want may not.
        said = {reason.field for reasons, _ in wrong for reason in reasons}
        detail = "; ".join(f"{name}={str(claims.get(name))[:200]!r}" for name in sorted(said))
        text = f"valid token, but no corresponding publisher ({detail or 'of that pattern'})"
        raise MintError("invalid-publisher", text)
    if len(found) > 1:
        patterns = ", ".join(sorted({each.pattern for each in found}))
        raise MintError("invalid-publisher", f"several publishers match: say which with pattern: {patterns}")
    event = forbidden_event(found[0].provider, claims)
    if event is not None:
        raise MintError("invalid-token", f"what started the job may not publish: {event}")
    return found[0]


def _use(records: Records, publisher: Publisher, claims: Any, now: datetime) -> None:
    """Note the token's number until it has expired everywhere; the second time is a replay."""
    number = claims.get("jti")
    if not isinstance(number, str) or not 0 < len(number) <= 500:
        raise MintError("invalid-token", "jti: must be there, as a short text")
    records.sign_in.used_once.sweep(now)
    key = f"jti:{secret_hash(f'{publisher.issuer} {number}')}"
    if not records.sign_in.used_once.add(key, expiry(claims) + 2 * LEEWAY):
        raise MintError("invalid-reuse-token", "the token was used before: ask the provider for a new one")


def _owner(records: Records, publisher: Publisher) -> Principal:
    service = records.principals.get(publisher.principal)
    still = records.sign_in.publishers.get(publisher.id)
    if service is None or service.disabled or still is None:
        raise MintError("invalid-publisher", "valid token, but the publisher is trusted no more")
    return service


def _in_words(error: DeniedError) -> str:
    reasons: tuple[Reason, ...] = tuple(error.reasons)
    return "; ".join(map(str, reasons)) or error.message
