"""The audit log: a chain of events that shows when one was changed, dropped or moved.

A chain alone cannot show that its tail was cut or that all of it was written anew: keep a head
elsewhere and verify against it. It also cannot tell whether what was never written is true.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from assay.core.canonical import canonical_digest
from assay.core.digests import Digest, digest_of

GENESIS: Final = digest_of(b"")


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One write.

    Attributes:
        seq: 1, 2, 3, ... without gaps.
        at: server time.
        actor: name of the principal.
        verb: what was done, e.g. ``version.register``.
        subject: the address of what it was done to.
        before, after: the state that changed, in JSON's kinds; None where there was none.
        prev_hash: hash of the event before; of nothing for the first.
        hash: digest over all the other fields in canonical JSON.
    """

    seq: int
    at: datetime
    actor: str
    verb: str
    subject: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    prev_hash: Digest
    hash: Digest


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What verification found: ``problem`` is empty when the chain is whole."""

    event_count: int
    head: Digest
    problem: str = ""
    problem_seq: int | None = None

    @property
    def whole(self) -> bool:
        """Whether nothing was found."""
        return not self.problem


def chain(entry: Mapping[str, Any], prev_seq: int, prev_hash: Digest) -> AuditEvent:
    """Append ``entry`` (at, actor, verb, subject, before, after) behind the event named."""
    body = {**entry, "seq": prev_seq + 1, "prev_hash": prev_hash}
    return AuditEvent(**body, hash=canonical_digest(body))


def event_hash(event: AuditEvent) -> Digest:
    """Return the hash that ``event`` should carry."""
    return canonical_digest({f.name: getattr(event, f.name) for f in fields(event) if f.name != "hash"})


def verify_chain(
    events: Iterable[AuditEvent], known_heads: Mapping[int, Digest] | None = None
) -> ChainReport:
    """Check a whole log, oldest first.

    Args:
        events: the log from its first event.
        known_heads: hashes kept elsewhere, by seq; each must still be there.

    Returns:
        The head found, or the first place where the chain breaks.
    """
    seq, head = 0, GENESIS
    wanted = dict(known_heads or {})
    for event in events:
        problem = _problem(event, seq, head)
        if not problem and wanted.pop(event.seq, event.hash) != event.hash:
            problem = "does not carry the hash that was kept elsewhere: the log was rewritten"
        if problem:
            return ChainReport(seq, head, f"event {event.seq} {problem}", event.seq)
        seq, head = event.seq, event.hash
    if wanted:
        missing = min(wanted)
        return ChainReport(
            seq, head, f"event {missing}, whose hash was kept elsewhere, is gone: the tail was cut", missing
        )
    return ChainReport(seq, head)


def _problem(event: AuditEvent, seq: int, head: Digest) -> str:
    if event.seq != seq + 1:
        return f"follows event {seq}: events are missing, doubled or out of order"
    if event.prev_hash != head:
        return "does not continue the event before it"
    if event_hash(event) != event.hash:
        return "was changed after it was written"
    return ""
