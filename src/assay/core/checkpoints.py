"""Signed heads of the audit log, in the text form of transparency logs.

A head says how long the log is and which root its tree has. It is written as a checkpoint (C2SP
``tlog-checkpoint``) in a signed note (C2SP ``signed-note``), so that witnesses who know nothing of this
registry can compare and countersign it. Who may sign is named by a verifier key,
``name+id+base64``, as in the same document. Signing itself is done elsewhere; here are texts.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from assay.core.digests import Digest
from assay.core.errors import BadInputError

DASH: Final = "\u2014"
ED25519: Final = b"\x01"
PUBLIC_BYTES: Final = 32
MAX_NOTE_LETTERS: Final = 100_000
MAX_SIGNATURES: Final = 100
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_NAME: Final = re.compile(r"[^\s+\x00-\x1f\x7f\ud800-\udfff]{1,200}")
_UNPRINTABLE: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\ud800-\udfff]")
_TIME: Final = "time "
# (public key, message, signature) -> whether it is good.
Verify = Callable[[bytes, bytes, bytes], bool]


@dataclass(frozen=True, slots=True)
class LogKey:
    """Whose signatures count: a name, and an Ed25519 public key of 32 bytes."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        """Check both.

        Raises:
            BadInputError: the name has white space or a plus, or the key is not 32 bytes.
        """
        if not _NAME.fullmatch(self.name):
            raise BadInputError.of("key", "must begin with a name without white space and +", self.name[:100])
        if len(self.public) != PUBLIC_BYTES:
            raise BadInputError.of("key", "must be an Ed25519 key of 32 bytes", f"{len(self.public)} bytes")

    @property
    def id(self) -> bytes:
        """The four bytes that stand before its signatures."""
        named = self.name.encode() + b"\n" + ED25519 + self.public
        return hashlib.sha256(named).digest()[:4]

    def __str__(self) -> str:
        """Return ``name+id+base64``, the verifier key."""
        return f"{self.name}+{self.id.hex()}+{_to_base64(ED25519 + self.public)}"


@dataclass(frozen=True, slots=True)
class Head:
    """What a log was at one time; worth as much as the signature under ``note``.

    Attributes:
        origin: which log.
        size: how many events it had.
        root: of its Merkle tree.
        at: when it was signed, by the clock of the signer; None where the note does not say.
        note: the signed text, from which all the others were read.
    """

    origin: str
    size: int
    root: Digest
    at: datetime | None
    note: str


def read_key(text: str) -> LogKey:
    """Return the key that a verifier key ``name+id+base64`` names.

    Raises:
        BadInputError: it is none, or its id is not that of its key.
    """
    rule = "must be a verifier key NAME+ID+BASE64"
    name, _, rest = text.strip().partition("+")
    key_id, _, encoded = rest.partition("+")
    raw = _from_base64(encoded, "key", rule)
    if raw[:1] != ED25519:
        raise BadInputError.of("key", "must be an Ed25519 key", text[:100])
    key = LogKey(name, raw[1:])
    if key.id.hex() != key_id:
        raise BadInputError.of("key", "must have the id that belongs to it: it was mistyped", text[:200])
    return key


def head_text(origin: str, size: int, root: Digest, at: datetime) -> str:
    """Return the text that is signed: origin, size, root, and the time as an extension line."""
    return (
        f"{origin}\n{size}\n{_to_base64(bytes.fromhex(root.hex))}\n{_TIME}{at.astimezone(UTC).isoformat()}\n"
    )


def sign_head(text: str, key: LogKey, signature: bytes) -> Head:
    """Return the head that ``text`` and the signature over it make."""
    return read_head(f"{text}\n{DASH} {key.name} {_to_base64(key.id + signature)}\n")


def read_head(note: str) -> Head:
    """Read a head; whether it is rightly signed, :func:`signature_problem` tells.

    Raises:
        BadInputError: it is no checkpoint; says in which line.
    """
    text, _ = _split_note(note)
    lines = text.split("\n")[:-1]
    if len(lines) < 3:
        raise BadInputError.of("head", "must have three lines: the name of the log, its size, its root")
    origin, size, root, *more = lines
    if not _NAME.fullmatch(origin):
        raise BadInputError.of("head", "must name its log in line 1, without white space and +")
    if not _SIZE.fullmatch(size):
        raise BadInputError.of("head", "must have the size of the log in line 2", size[:100])
    rule = "must have the root in line 3: 32 bytes in base64"
    raw = _from_base64(root, "head", rule)
    if len(raw) != 32:
        raise BadInputError.of("head", rule, root[:100])
    if "" in more:
        raise BadInputError.of("head", "must not have empty lines before the signatures")
    return Head(origin, int(size), Digest(f"sha256:{raw.hex()}"), _time(more), note)


def signature_problem(head: Head, key: LogKey, verify: Verify) -> str:
    """Return why a head does not count as signed by ``key``; "" when it does.

    Signatures by others are passed over: witnesses may have added theirs.
    """
    if head.origin != key.name:
        return f"is of another log: {head.origin}, not {key.name}"
    text, signatures = _split_note(head.note)
    ours = [raw for name, raw in signatures if name == key.name and raw[:4] == key.id]
    if not ours:
        return "is not signed with the key of this log"
    if not all(verify(key.public, text.encode(), raw[4:]) for raw in ours):
        return "has a signature that is not good: it was forged or changed"
    return ""


def _split_note(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """Return the signed text with its last newline, and (name, id and signature) for each signature."""
    if len(note) > MAX_NOTE_LETTERS:
        raise BadInputError.of("head", f"must be at most {MAX_NOTE_LETTERS} letters")
    if _UNPRINTABLE.search(note):
        raise BadInputError.of("head", "must be text in UTF-8 without control characters")
    text, gap, signed = note.rpartition("\n\n")
    if not gap or not signed.endswith("\n"):
        raise BadInputError.of("head", "must be a signed note: text, an empty line, lines of signatures")
    lines = signed.split("\n")[:-1]
    if not 1 <= len(lines) <= MAX_SIGNATURES:
        raise BadInputError.of("head", f"must have 1 to {MAX_SIGNATURES} signatures", str(len(lines)))
    return text + "\n", [_signature(line) for line in lines]


def _signature(line: str) -> tuple[str, bytes]:
    rule = f"must have signatures of the form: {DASH} NAME BASE64"
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != DASH or not _NAME.fullmatch(parts[1]):
        raise BadInputError.of("head", rule, line[:100])
    raw = _from_base64(parts[2], "head", rule)
    if len(raw) < 5:
        raise BadInputError.of("head", rule, line[:100])
    return parts[1], raw


def _time(lines: list[str]) -> datetime | None:
    """Return the time that an extension line tells; extension lines of others are passed over."""
    told = [line.removeprefix(_TIME) for line in lines if line.startswith(_TIME)]
    if not told:
        return None
    try:
        found = datetime.fromisoformat(told[0])
        return found.astimezone(UTC) if found.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _to_base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _from_base64(text: str, field: str, rule: str) -> bytes:
    """Decode strictly: one text for one value."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadInputError.of(field, rule, text[:100]) from error
    if _to_base64(raw) != text:
        raise BadInputError.of(field, rule, text[:100])
    return raw
