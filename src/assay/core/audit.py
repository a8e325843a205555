"""The audit log: a chain of events, and a Merkle tree over them, that show when one was changed or is gone.

A log alone cannot show that its tail was cut or that all of it was written anew: keep a head
elsewhere and verify against it. It also cannot tell whether what was written is true, or is all.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Final

from assay.core.canonical import canonical_json
from assay.core.digests import Digest, digest_of
from assay.core.merkle import EMPTY_ROOT, Frontier, leaf_hash

GENESIS: Final = digest_of(b"")
NO_ROOT: Final = Digest(f"sha256:{EMPTY_ROOT.hex()}")


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
class KnownRoot:
    """A root that the log must have had when it was ``size`` long, and who says so."""

    size: int
    root: Digest
    source: str


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What verification found: ``problem`` is empty when the log is whole.

    Attributes:
        event_count: how many events are good, from the first on.
        head: the hash of the last of them.
        problem_seq: the first place at which the log is not what was written; where only a root tells,
            the first at which it may not be. None where the events are not to blame.
        root: of the tree over the good events.
        head_count: how many signed heads were compared with it.
        verified, unverified: in words, what was looked at, and what nobody can tell from it.
    """

    event_count: int
    head: Digest
    problem: str = ""
    problem_seq: int | None = None
    root: Digest = field(default_factory=lambda: NO_ROOT)
    head_count: int = 0
    verified: tuple[str, ...] = ()
    unverified: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether nothing was found."""
        return not self.problem


def chain(entry: Mapping[str, Any], prev_seq: int, prev_hash: Digest) -> AuditEvent:
    """Append ``entry`` (at, actor, verb, subject, before, after) behind the event named."""
    return chain_leaf(entry, prev_seq, prev_hash)[0]


def chain_leaf(entry: Mapping[str, Any], prev_seq: int, prev_hash: Digest) -> tuple[AuditEvent, bytes]:
    """Do as :func:`chain`, and return with the event the hash of its leaf in the tree."""
    body = {**entry, "seq": prev_seq + 1, "prev_hash": prev_hash}
    text = canonical_json(body)
    return AuditEvent(**body, hash=digest_of(text)), leaf_hash(text)


def entry_of(event: AuditEvent) -> bytes:
    """Return what is hashed of an event, in the chain and in the tree: all but ``hash``, in canonical JSON.

    Raises:
        BadInputError: it holds what has no canonical form, as no event does that was written here.
    """
    return canonical_json({f.name: getattr(event, f.name) for f in fields(event) if f.name != "hash"})


def event_hash(event: AuditEvent) -> Digest:
    """Return the hash that ``event`` should carry."""
    return digest_of(entry_of(event))


def event_leaf(event: AuditEvent) -> bytes:
    """Return the hash of the leaf of ``event`` in the tree; it stands at place ``seq - 1``."""
    return leaf_hash(entry_of(event))


def split_view(roots: Iterable[KnownRoot]) -> str:
    """Return how two of the roots contradict each other: two at one size; "" when none do."""
    first: dict[int, KnownRoot] = {}
    for each in roots:
        other = first.setdefault(each.size, each)
        if other.root != each.root:
            return f"{other.source} and {each.source} have different roots at {each.size}: a split view"
    return ""


def verify_chain(
    events: Iterable[AuditEvent],
    known_heads: Mapping[int, Digest] | None = None,
    known_roots: Sequence[KnownRoot] = (),
) -> ChainReport:
    """Check a whole log, oldest first.

    Args:
        events: the log from its first event.
        known_heads: hashes kept elsewhere, by seq; each must still be there.
        known_roots: roots from heads; the log must have had each.

    Returns:
        The head found, or the first place where the log is not as it was.
    """
    check = _Check(known_heads or {}, known_roots)
    problem = check.compare_roots()
    for event in events:
        problem = problem or check.go_on(event)
        if problem:
            break
    if problem:
        return check.report(problem, check.suspect)
    return check.report(*check.missing())


class _Check:
    """How far a log was gone through, and what is still to be found in it."""

    def __init__(self, hashes: Mapping[int, Digest], roots: Sequence[KnownRoot]) -> None:
        self._hashes = dict(hashes)
        self._roots: dict[int, list[KnownRoot]] = {}
        for each in roots:
            self._roots.setdefault(each.size, []).append(each)
        self._head, self._tree = GENESIS, Frontier()
        self._agreed = self._compared = 0
        self.suspect = 1

    def go_on(self, event: AuditEvent) -> str:
        """Take the next event; return what is wrong with it."""
        seq = self._tree.size
        self.suspect = seq + 1
        problem = _problem(event, seq, self._head)
        if not problem and self._hashes.pop(event.seq, event.hash) != event.hash:
            problem = "does not carry the hash that was kept elsewhere: the log was rewritten"
        if problem:
            return f"event {event.seq} {problem}"
        self._tree.append(event_leaf(event))
        self._head = event.hash
        return self.compare_roots()

    def compare_roots(self) -> str:
        """Return which known root of the present size is not that of the events so far."""
        size = self._tree.size
        for each in self._roots.pop(size, ()):
            if each.root != self._root():
                self.suspect = self._agreed + 1
                between = f"events {self.suspect} to {size}" if size > self.suspect else f"event {size}"
                return f"{each.source} has another root at {size}: {between} were rewritten"
            self._compared += 1
            self._agreed = size
        return ""

    def missing(self) -> tuple[str, int | None]:
        """Return what must still have come when the log has ended."""
        size = self._tree.size
        if self._hashes:
            missing = min(self._hashes)
            return f"event {missing}, whose hash was kept elsewhere, is gone: the tail was cut", size + 1
        if self._roots:
            longest = self._roots[max(self._roots)][0]
            words = f"events {size + 1} to {longest.size} are gone, which {longest.source} tells of"
            return f"{words}: the tail was cut", size + 1
        return "", None

    def report(self, problem: str, seq: int | None) -> ChainReport:
        return ChainReport(
            self._tree.size,
            self._head,
            problem,
            seq if problem else None,
            root=self._root(),
            head_count=self._compared,
        )

    def _root(self) -> Digest:
        return Digest(f"sha256:{self._tree.root().hex()}")


def _problem(event: AuditEvent, seq: int, head: Digest) -> str:
    if event.seq != seq + 1:
        return f"follows event {seq}: events are missing, doubled or out of order"
    if event.prev_hash != head:
        return "does not continue the event before it"
    if event_hash(event) != event.hash:
        return "was changed after it was written"
    return ""
