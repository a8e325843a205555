"""Passwords of people: what may be one, and what is stored of one.

A password opens everything its owner was granted, so there is none that nobody chose: no account comes
with one, and the ones that other servers shipped are refused. Hashing them is not pure arithmetic on a
machine with limits; it is done by ``usecases.passwords``.
"""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from assay.core.access import LOCAL, Principal, PrincipalKind
from assay.core.errors import BadInputError
from assay.core.tokens import TOKEN_PREFIX

MIN_LENGTH: Final = 12
MAX_LENGTH: Final = 256
# Shipped or printed in the manuals of servers that people move here from; known to everybody.
_WELL_KNOWN: Final = frozenset({"password1234", "password12345", "admin12345678", "123456789012"})


@dataclass(frozen=True, slots=True)
class Cost:
    """What scrypt (RFC 7914) was asked to spend: cost ``n``, block size ``r``, repeats ``p``."""

    n: int
    r: int
    p: int

    @property
    def memory_bytes(self) -> int:
        """Memory that one derivation takes."""
        return 128 * self.r * (self.n + self.p)


@dataclass(frozen=True, slots=True)
class StoredPassword:
    """What is kept: never the password, only what scrypt made of it.

    Attributes:
        salt: random letters, other ones for every password.
        key: 64 hex digits.
        cost: kept beside, so that it can be raised for new ones.
    """

    principal: str
    salt: str
    key: str
    cost: Cost
    changed_at: datetime


def normal_password(text: str) -> str:
    """Return the one form of a password that keyboards write in several ways (NFC, RFC 8265)."""
    return unicodedata.normalize("NFC", text)


def may_be_password(text: str) -> bool:
    """Tell whether a text is worth comparing with anybody's password; what is not is refused for nothing."""
    return len(text) <= 4 * MAX_LENGTH and not text.startswith(TOKEN_PREFIX)


def check_password(owner: str, text: str) -> str:
    """Return ``text`` in its normal form when ``owner`` may take it as a password.

    The text itself is never part of the error.

    Raises:
        BadInputError: too short, too long, with control characters, the owner's name, one that everybody
            knows, or one that reads as a token.
    """
    password = normal_password(text)
    if len(password) < MIN_LENGTH:
        raise BadInputError.of("password", f"must have at least {MIN_LENGTH} characters")
    if len(password) > MAX_LENGTH:
        raise BadInputError.of("password", f"must have at most {MAX_LENGTH} characters")
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in password):
        raise BadInputError.of("password", "must not contain control characters")
    if password.startswith(TOKEN_PREFIX):
        raise BadInputError.of("password", f"must not begin with {TOKEN_PREFIX}: that is a token")
    if password.lower() in _WELL_KNOWN or password.lower() == owner or len(set(password)) < 3:
        raise BadInputError.of("password", "is one that anybody would try first")
    return password


def check_may_have_password(principal: Principal) -> None:
    """Let through who may sign in with a password.

    Raises:
        BadInputError: a service account, or whoever sits at this machine.
    """
    if principal.kind is not PrincipalKind.PERSON:
        raise BadInputError.of("username", "is a service account: it signs in with tokens", principal.name)
    if principal.name == LOCAL:
        raise BadInputError.of("username", "is whoever sits at this machine: it has no password", LOCAL)
