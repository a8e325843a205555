"""Tokens: their text, what is stored of it, and what one may be asked to carry."""

import hashlib
import hmac
import re
import zlib
from datetime import datetime, timedelta
from typing import Final

from assay.core.access import Principal, PrincipalKind, Scope, Token
from assay.core.errors import BadInputError, DeniedError

MAX_TOKEN_LIFETIME: Final = timedelta(days=366)
TOKEN_PREFIX: Final = "assay_"
_TOKEN: Final = re.compile(r"assay_([0-9a-f]{16})([A-Za-z0-9]{43})([0-9a-f]{8})")


def format_token(token_id: str, secret: str) -> str:
    """Return the text shown once: prefix, id, secret, and a CRC-32 so that scanners can tell it.

    Args:
        token_id: 16 hex digits.
        secret: 43 letters and digits.
    """
    body = f"{TOKEN_PREFIX}{token_id}{secret}"
    return f"{body}{zlib.crc32(body.encode()):08x}"


def parse_token(text: str) -> tuple[str, str]:
    """Return (id, secret).

    Raises:
        DeniedError: not a token of this registry, or mistyped.
    """
    match = _TOKEN.fullmatch(text)
    if not match or format_token(match[1], match[2]) != text:
        raise DeniedError("this is not a token of this registry", authenticate=True)
    return match[1], match[2]


def secret_hash(secret: str) -> str:
    """Return what is stored of a secret (43 random letters need no slow hash)."""
    return hashlib.sha256(secret.encode()).hexdigest()


def check_token(token: Token | None, secret: str, now: datetime) -> Token:
    """Return the token when it is good at ``now``; compares in constant time.

    Raises:
        DeniedError: unknown, wrong, revoked or expired; unknown and wrong look the same.
    """
    expected = token.secret_sha256 if token else "0" * 64
    if not hmac.compare_digest(expected, secret_hash(secret)) or token is None:
        raise DeniedError("the token is not valid", authenticate=True)
    if token.revoked_at is not None:
        raise DeniedError("the token was revoked", authenticate=True)
    if now >= token.expires_at:
        raise DeniedError(f"the token expired at {token.expires_at:%Y-%m-%d %H:%M} UTC", authenticate=True)
    return token


def check_new_token(owner: Principal, scopes: frozenset[Scope], lifetime: timedelta) -> None:
    """Check what a token is asked to carry.

    Raises:
        BadInputError: no scope, a lifetime outside (0, 366 days], or scope approve for a service.
    """
    if not scopes:
        raise BadInputError.of("scopes", "must name at least one scope")
    if not timedelta(0) < lifetime <= MAX_TOKEN_LIFETIME:
        raise BadInputError.of("lifetime", f"must be above 0 and at most {MAX_TOKEN_LIFETIME.days} days")
    if owner.kind is PrincipalKind.SERVICE and Scope.APPROVE in scopes:
        raise BadInputError.of("scopes", "approve is for people only")
