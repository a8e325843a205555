"""Identity tokens: what must hold of their header and claims, whoever's key they are signed with.

Rules of OpenID Connect Core 1.0 (sections 2 and 3.1.3.7) and of RFC 8725 (best practice for JWT). The
signature itself is verified behind ``core.ports.sign_in.Issuers``; nothing here trusts a claim before.
"""

import base64
import binascii
import hmac
import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from assay.core.errors import DeniedError, Reason

MAX_TOKEN_LENGTH: Final = 16 * 1024
MAX_SUBJECT_LENGTH: Final = 255  # OpenID Connect Core, section 2: sub
LEEWAY: Final = timedelta(seconds=30)
# Signatures that a published key verifies. A shared secret (HS*) or none at all never counts: RFC 8725, 3.1.
SAFE_ALGORITHMS: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
DEFAULT_ALGORITHMS: Final = ("RS256", "ES256", "EdDSA")


@dataclass(frozen=True, slots=True)
class Expected:
    """What the claims have to say.

    Attributes:
        audience: the only one that the token may be for.
        nonce: the one that was sent with the question; None where no question was asked.
    """

    issuer: str
    audience: str
    now: datetime
    nonce: str | None = None


def unverified_issuer(token: str) -> str:
    """Return the ``iss`` that a token claims, only to choose whose keys must have signed it.

    Raises:
        DeniedError: it is no token of three parts, too long, or names no issuer.
    """
    parts = _parts(token)
    issuer = _object(parts[1], "payload").get("iss")
    if not isinstance(issuer, str) or not issuer:
        raise bad_token("iss", "must name the issuer")
    return issuer


def checked_header(token: str, algorithms: Collection[str]) -> tuple[str, str | None]:
    """Return (algorithm, key id) of a token's header.

    Keys and addresses of keys that a header brings along (``jwk``, ``jku``, ``x5c``, ``x5u``) are passed
    over: only the issuer's own published keys count (RFC 8725, 3.10).

    Raises:
        DeniedError: malformed, another algorithm, or something critical that is not understood.
    """
    header = _object(_parts(token)[0], "header")
    algorithm, key_id = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in algorithms or algorithm not in SAFE_ALGORITHMS:
        raise bad_token("alg", "must be one of " + ", ".join(sorted(algorithms)), repr(algorithm)[:40])
    if "crit" in header or "b64" in header:
        raise bad_token("crit", "must not be there: nothing critical is understood")
    if str(header.get("typ", "JWT")).upper() != "JWT":
        raise bad_token("typ", "must be JWT", repr(header["typ"])[:40])
    if key_id is not None and (not isinstance(key_id, str) or not 0 < len(key_id) <= 256):
        raise bad_token("kid", "must be a short text")
    return algorithm, key_id


def check_claims(claims: Mapping[str, Any], expected: Expected) -> None:
    """Check the claims of a token whose signature is good.

    Raises:
        DeniedError: another issuer, audience, party or nonce; expired, or from the future; or a claim
            that must be there is missing.
    """
    if claims.get("iss") != expected.issuer:
        raise bad_token("iss", f"must be {expected.issuer}", repr(claims.get("iss"))[:200])
    if claims.get("aud") not in (expected.audience, [expected.audience]):
        rule = f"must be exactly one, {expected.audience}"
        raise bad_token("aud", rule, repr(claims.get("aud"))[:200])
    if claims.get("azp", expected.audience) != expected.audience:
        raise bad_token("azp", f"must be {expected.audience}", repr(claims["azp"])[:200])
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT_LENGTH:
        raise bad_token("sub", f"must be text of at most {MAX_SUBJECT_LENGTH} characters")
    _check_times(claims, expected.now)
    if expected.nonce is not None:
        nonce = claims.get("nonce")
        sent = expected.nonce.encode()
        if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode("utf-8", "replace"), sent):
            raise bad_token("nonce", "must be the one that was sent")


def expiry(claims: Mapping[str, Any]) -> datetime:
    """Return when a token whose claims were checked ends."""
    return _instant(claims, "exp")


def bad_token(claim: str, rule: str, detail: str = "") -> DeniedError:
    """Return the error for a token that breaks ``rule``; of the token itself nothing is said."""
    return DeniedError("the identity token is not good", [Reason(claim, rule, detail)])


def _check_times(claims: Mapping[str, Any], now: datetime) -> None:
    if _instant(claims, "exp") <= now - LEEWAY:
        raise bad_token("exp", "must not have passed")
    if _instant(claims, "iat") > now + LEEWAY:
        raise bad_token("iat", "must have passed")
    if "nbf" in claims and _instant(claims, "nbf") > now + LEEWAY:
        raise bad_token("nbf", "must have passed")


def _instant(claims: Mapping[str, Any], name: str) -> datetime:
    seconds = claims.get(name)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        seconds = math.nan
    # Up to the year 9999: what is beyond has no date. Not a number is not between them either.
    if not 0 <= seconds < 253_402_300_800:
        raise bad_token(name, "must be a number of seconds since 1970")
    return datetime.fromtimestamp(seconds, UTC)


def _parts(token: str) -> list[str]:
    if not isinstance(token, str) or len(token) > MAX_TOKEN_LENGTH:
        raise bad_token("token", f"must be text of at most {MAX_TOKEN_LENGTH} characters")
    parts = token.split(".")
    if len(parts) != 3 or not token.isascii():
        raise bad_token("token", "must be a signed JWT of three parts")
    return parts


def read_claims(content: bytes, what: str = "payload") -> Mapping[str, Any]:
    """Return a JSON object whose texts can be stored anywhere.

    Raises:
        DeniedError: it is none, or has NUL or lone surrogates in it.
    """
    try:
        found = json.loads(content)
        whole = json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        found, whole = None, b""
    if not isinstance(found, dict) or b"\\u0000" in whole:
        raise bad_token(what, "must be a JSON object of well-formed texts")
    return found


def _object(part: str, what: str) -> Mapping[str, Any]:
    try:
        content = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError):
        content = b""
    return read_claims(content, what)
