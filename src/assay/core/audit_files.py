"""What leaves the registry of its audit log: whole exports, and proofs of single events."""

import base64
import binascii
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from assay.core.audit import AuditEvent, entry_of
from assay.core.checkpoints import Head, LogKey, Verify, read_head, signature_problem
from assay.core.digests import Digest
from assay.core.errors import BadInputError
from assay.core.merkle import inclusion_problem, leaf_hash

FORMAT: Final = "assay-audit-log/1"
PROOF_FORMAT: Final = "c2sp.org/tlog-proof@v1"
_INDEX: Final = re.compile(r"index (0|[1-9][0-9]{0,17})", re.ASCII)
MAX_PROOF: Final = 64


@dataclass(frozen=True, slots=True)
class Header:
    """The first line of an export.

    Attributes:
        key: the verifier key of the log, as the log itself says.
        format: which form the lines have.
    """

    key: str
    format: str = FORMAT

    def __post_init__(self) -> None:
        """Check the form.

        Raises:
            BadInputError: it is one that this program does not know.
        """
        if self.format != FORMAT:
            raise BadInputError.of("format", f"must be {FORMAT}", self.format[:60])


@dataclass(frozen=True, slots=True)
class HeadLine:
    """A line of an export that holds a signed head."""

    head: str


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The verifier key of the log, ``name+id+base64``."""

    key: str


@dataclass(frozen=True, slots=True)
class Consistency:
    """What shows that the log of ``second`` events begins with that of ``first``."""

    first: int
    second: int
    proof: tuple[Digest, ...]


@dataclass(frozen=True, slots=True)
class ProvenEvent:
    """An event, and what shows that it is in the log of ``size`` events; ``head`` is that size's, or ""."""

    event: AuditEvent
    size: int
    proof: tuple[Digest, ...]
    head: str


@dataclass(frozen=True, slots=True)
class ProofReport:
    """What checking a proof found: ``problem`` is empty when it holds.

    Attributes:
        seq: of the event.
        head: the head that it was checked against.
        event: what was logged, as it says of itself.
        problem: why the proof does not hold.
        key_known: the key was known beforehand; else it only came with what it vouches for.
    """

    seq: int
    head: Head
    event: dict[str, Any]
    problem: str = ""
    key_known: bool = False

    @property
    def holds(self) -> bool:
        """Whether nothing was found."""
        return not self.problem


def proof_text(proven: ProvenEvent) -> str:
    """Return a proof as a text that stands by itself (C2SP ``tlog-proof``); the event is its extra data."""
    hashes = "".join(_base64(bytes.fromhex(each.hex)) + "\n" for each in proven.proof)
    extra = _base64(entry_of(proven.event))
    return f"{PROOF_FORMAT}\nextra {extra}\nindex {proven.event.seq - 1}\n{hashes}\n{proven.head}"


def check_proof(text: str, key: LogKey | None, verify: Verify) -> ProofReport:
    """Check a proof offline.

    Args:
        text: as :func:`proof_text` writes it.
        key: of the log; None when it is not known, and then no signature is checked.
        verify: tells whether an Ed25519 signature is good.

    Raises:
        BadInputError: the text is no such proof; says where.
    """
    first, gap, note = text.partition("\n\n")
    lines = first.split("\n")
    if not gap or lines[0] != PROOF_FORMAT or len(lines) < 3:
        raise BadInputError.of("proof", f"must begin with {PROOF_FORMAT}, extra and index, then a head")
    if not lines[1].startswith("extra "):
        raise BadInputError.of("proof", "must have the event in line 2, as extra data")
    entry = _raw(lines[1].removeprefix("extra "))
    index = _INDEX.fullmatch(lines[2])
    if index is None or len(lines) > 3 + MAX_PROOF:
        raise BadInputError.of("proof", "must have the index of the event in line 3, then at most 64 hashes")
    place, path, head = int(index[1]), [_raw(line) for line in lines[3:]], read_head(note)
    event = _event(entry)
    problem = signature_problem(head, key, verify) if key else ""
    problem = f"the head {problem}" if problem else ""
    if not problem and event.get("seq") != place + 1:
        problem = f"the event says that it is event {event.get('seq')}, and the proof {place + 1}"
    root = bytes.fromhex(head.root.hex)
    problem = problem or inclusion_problem(leaf_hash(entry), place, head.size, path, root)
    return ProofReport(place + 1, head, event, problem, key_known=key is not None)


def same_log(heads: Sequence[tuple[str, Head]]) -> str:
    """Return which two heads name different logs; "" when all name one."""
    for said, head in heads[1:]:
        if head.origin != heads[0][1].origin:
            return f"{said} is of another log: {head.origin}, not {heads[0][1].origin}"
    return ""


def _event(entry: bytes) -> dict[str, Any]:
    try:
        event = json.loads(entry)
    except (ValueError, RecursionError) as error:
        raise BadInputError.of("proof", "must hold an event in JSON") from error
    if not isinstance(event, dict):
        raise BadInputError.of("proof", "must hold an event in JSON")
    return event


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _raw(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadInputError.of("proof", "must have base64 in every line", text[:60]) from error
