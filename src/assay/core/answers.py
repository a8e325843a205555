"""Answers kept for clients that ask a second time because they never heard the first answer.

Source: The Idempotency-Key HTTP Header Field (draft-ietf-httpapi-idempotency-key-header-07).
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from assay.core.errors import BadInputError

KEPT_FOR: Final = timedelta(hours=24)
MAX_KEPT_BYTES: Final = 256 * 1024
MAX_KEY: Final = 255
# A structured field's string (RFC 9651, section 3.3.3), or what most clients send: the bare characters.
_QUOTED: Final = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,255})"')
_BARE: Final = re.compile(r"[A-Za-z0-9._:~+/=@-]{1,255}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered: the status and the body."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Once:
    """A request that is to take effect once.

    Attributes:
        id: says whose key it is and which; the key itself is not kept.
        fingerprint: of everything in the request that matters.
        secret: the answer holds a secret, and is kept encrypted.
    """

    id: str
    fingerprint: str
    secret: bool = False

    @classmethod
    def of(cls, principal: str, key: str, *parts: bytes, secret: bool = False) -> "Once":
        """Return the one of a principal's ``key`` for a request made of ``parts``."""
        whole = hashlib.sha256(f"{principal}\0{key}".encode()).hexdigest()
        mark = hashlib.sha256()
        for part in parts:
            mark.update(len(part).to_bytes(8) + part)
        return cls(whole, mark.hexdigest(), secret)


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer, or for now only that its request has changed something.

    Attributes:
        id: see :class:`Once`.
        fingerprint: see :class:`Once`.
        made_at: when.
        status: of the answer; 0 while there is none.
        body: of the answer; None when it was too large to be kept.
        sealed: the body is encrypted.
    """

    id: str
    fingerprint: str
    made_at: datetime
    status: int = 0
    body: str | None = ""
    sealed: bool = False


def parse_key(text: str) -> str:
    """Return the key that the header's value says.

    Raises:
        BadInputError: it is none.
    """
    text = text.strip(" \t")
    if match := _QUOTED.fullmatch(text):
        return re.sub(r'\\(["\\])', r"\1", match[1])
    if _BARE.fullmatch(text):
        return text
    rule = f'must be 1 to {MAX_KEY} characters, e.g. "8e03978e-40d5-43e8-bc93-6894a57f9324"'
    raise BadInputError.of("Idempotency-Key", rule, repr(text[:60]))
