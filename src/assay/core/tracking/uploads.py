"""Uploads in parts, and addresses that carry a right of their own.

A client sends parts, and fetches large files, with plain requests that say nothing of who asks. So an
address names all it allows (one part of one upload; the bytes of one file) until when, and is signed:
HMAC-SHA256 over its terms under a key of the registry. Keys are made anew every day; one that leaked,
say with a copy of the database, is soon worth nothing.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from assay.core.digests import Digest
from assay.core.errors import BadInputError, DeniedError, Reason

MAX_PARTS: Final = 10_000
PART_PAUSE: Final = timedelta(seconds=900)
UPLOAD_LIFETIME: Final = timedelta(hours=24)
DOWNLOAD_LIFETIME: Final = timedelta(seconds=300)
KEY_CHANGE: Final = timedelta(hours=24)
KEY_LIFETIME: Final = KEY_CHANGE + UPLOAD_LIFETIME + timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Part:
    """A part that has come; ``number`` counts from 1, ``digest`` is that of its bytes."""

    number: int
    digest: Digest
    size_bytes: int


@dataclass(frozen=True, slots=True)
class PartialUpload:
    """A file that comes in parts.

    Attributes:
        path: the name in the tree that it will have.
        part_count: how many parts were announced.
        ends_at: when it is forgotten: with its parts when they are not whole by then. Each part puts
            it off.
        digest, size_bytes: of the whole; None until all parts were put together.
    """

    id: str
    path: str
    part_count: int
    started_by: str
    started_at: datetime
    ends_at: datetime
    digest: Digest | None = None
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that addresses are signed with."""

    id: str
    secret: str = field(repr=False)
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Signed:
    """What makes an address valid: until when (Unix time in s), under which key, the signature in hex."""

    expires_s: int
    key_id: str
    signature: str = field(repr=False)


def sign(key: SigningKey, until: datetime, purpose: str, *terms: str | int) -> Signed:
    """Sign an address.

    Args:
        key: the newest.
        until: when the address stops to be valid; a whole second is kept.
        purpose: what it may be used for; a signature for one is none for another.
        terms: everything that the address names.
    """
    expires_s = int(until.timestamp())
    return Signed(expires_s, key.id, _signature(key, expires_s, purpose, terms))


def check_signed(
    key: SigningKey | None, said: Signed, now: datetime, purpose: str, *terms: str | int
) -> None:
    """Let an address through; compares in constant time.

    Raises:
        DeniedError: the signature is not that of these terms under this key, or its time is over.
    """
    if key is None or not hmac.compare_digest(
        _signature(key, said.expires_s, purpose, terms).encode(), said.signature.encode()
    ):
        raise DeniedError("this address is not one that the registry gave", hint="ask for a new one")
    if now >= datetime.fromtimestamp(said.expires_s, UTC):
        raise DeniedError("this address has expired", hint="ask for a new one")


def check_part_count(count: int) -> int:
    """Return ``count`` when an upload may have so many parts; an empty file may have none.

    Raises:
        BadInputError: it may not.
    """
    if not 0 <= count <= MAX_PARTS:
        raise BadInputError.of("num_parts", f"must be from 0 to {MAX_PARTS}", str(count))
    return count


def check_whole(upload: PartialUpload, stored: Iterable[Part], named: Iterable[tuple[int, str]]) -> None:
    """Check that all parts are there and are those that the sender means.

    Args:
        upload: what they are parts of.
        stored: the parts that have come.
        named: number and digest of each part, as the sender says them.

    Raises:
        BadInputError: a part is missing, was not announced, or is another one; all of them are named.
    """
    there = {part.number: part.digest for part in stored}
    meant = dict(named)
    wanted = range(1, upload.part_count + 1)
    reasons = [Reason(f"part {each}", "has not come") for each in wanted if each not in there]
    reasons += [
        Reason(f"part {each}", "must be named") for each in wanted if each in there and each not in meant
    ]
    reasons += [Reason(f"part {each}", "was not announced") for each in meant if each not in wanted]
    reasons += [
        Reason(
            f"part {each}", "must be the one that was stored", f"stored {there[each]}, named {meant[each]}"
        )
        for each in wanted
        if each in there and each in meant and there[each] != meant[each]
    ]
    if reasons:
        shown = "; ".join(map(str, reasons[:5]))
        raise BadInputError(f"the upload {upload.id} is not whole: {shown}", reasons[:100])


def _signature(key: SigningKey, expires_s: int, purpose: str, terms: tuple[str | int, ...]) -> str:
    said = json.dumps([purpose, expires_s, *terms])
    return hmac.new(key.secret.encode(), said.encode(), hashlib.sha256).hexdigest()
