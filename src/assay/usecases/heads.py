"""Heads: the audit log's Merkle tree as others see it: signed heads, proofs, and the log as one file."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Final

from assay.core.access import Action, Caller, may, readable, require
from assay.core.audit import GENESIS, AuditEvent, ChainReport, KnownRoot, event_leaf, verify_chain
from assay.core.audit_files import Header, ProvenEvent
from assay.core.checkpoints import Head, LogKey, head_text, sign_head, signature_problem
from assay.core.digests import Digest
from assay.core.errors import BadInputError, DeniedError, NotFoundError, UnavailableError
from assay.core.merkle import Lookup, consistency_proof, inclusion_proof, root_at
from assay.core.ports import Records
from assay.core.search import check_limit
from assay.usecases.browsing import subject_model
from assay.usecases.means import Means

# A stage never changes without a head soon after; other events have one after so many, or so long.
EVENTS_PER_HEAD: Final = 500
HEAD_EVERY: Final = timedelta(minutes=5)
PAGE: Final = 1000
_CHANGED: Final = "the audit log was changed from outside of this program: "
_VERIFY: Final = "restore a backup, then: assay audit verify"


class Heads:
    """Signs heads, shows them, proves what they say."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means
        self._looked_at = 0

    def newest(self, caller: Caller) -> Head:
        """Return a head over all events there are; it is signed now where there is none yet.

        Readers of anything may ask: a head tells how many events there are and nothing of them, and the
        more people keep heads, the harder it is to show two of them two different logs.

        Raises:
            DeniedError: the caller may read nothing here.
            UnavailableError: the log was changed from outside, or its key cannot be used.
        """
        _require_reader(caller)
        return self._up_to_date()

    def page(self, caller: Caller, after_size: int = 0, limit: int = PAGE) -> tuple[Head, ...]:
        """List the heads over more events than ``after_size``, the shortest first.

        Raises:
            BadInputError: the limit is outside 1..1000.
            DeniedError: the caller may read nothing here.
        """
        check_limit(limit)
        _require_reader(caller)
        with self._means.database.read() as records:
            return records.audit_heads.page(after_size, limit)

    def key(self, caller: Caller) -> LogKey:
        """Say by which key heads are signed.

        Raises:
            DeniedError: the caller may read nothing here.
            UnavailableError: the key cannot be used.
        """
        _require_reader(caller)
        with self._means.database.read() as records:
            return self._key(records)

    def consistency(self, caller: Caller, first: int, second: int) -> tuple[Digest, ...]:
        """Prove that the log of ``second`` events begins with that of ``first`` (RFC 6962 section 2.1.2).

        Raises:
            BadInputError: not 1 <= first <= second, or the log is not that long.
            DeniedError: the caller may read nothing here.
            UnavailableError: the tree was changed from outside.
        """
        _require_reader(caller)
        with self._means.database.read() as records:
            _check_size(second, records)
            return _digests(consistency_proof(first, second, _lookup(records)))

    def inclusion(self, caller: Caller, seq: int, size: int = 0) -> ProvenEvent:
        """Prove that an event is in the log (RFC 6962 section 2.1.1), to those who may read that event.

        Args:
            caller: who asks.
            seq: of the event.
            size: of the log for which it is proved; 0 for that of a head over all events.

        Raises:
            BadInputError: the log is not that long, or was not yet when the event came.
            NotFoundError: there is no such event, or the caller may not know of it; both look the same.
            UnavailableError: the tree was changed from outside.
        """
        with self._means.database.read() as records:
            event = _event(records, caller, seq)
        head = None if size else self._up_to_date()  # nothing is signed for whoever may not know of the event
        with self._means.database.read() as records:
            size = head.size if head else size
            _check_size(size, records)
            proof = inclusion_proof(seq - 1, size, _lookup(records))
            return ProvenEvent(event, size, _digests(proof), head.note if head else "")

    def export(self, caller: Caller) -> Iterator[Header | Head | AuditEvent]:
        """Yield what an export consists of: its header, all heads, all events; memory stays flat.

        The last head covers every event that is yielded.

        Raises:
            DeniedError: the caller may not read all of the log.
            UnavailableError: the log was changed from outside, or its key cannot be used.
        """
        require(caller, Action.READ_AUDIT)
        last = self._up_to_date()
        with self._means.database.read() as records:
            header = Header(str(self._key(records)))
        return self._exported(header, last)

    def verify(self, caller: Caller) -> ChainReport:
        """Verify all that is stored of the log: chain, tree and heads.

        Raises:
            DeniedError: the caller may not read all of it.
            UnavailableError: the key of the log cannot be used.
        """
        require(caller, Action.READ_AUDIT)
        with self._means.database.read() as records:
            key = self._key(records)
        heads = list(self._stored_heads())
        for head in heads:
            problem = signature_problem(head, key, self._means.signer.verify)
            if problem:
                return ChainReport(0, GENESIS, f"the stored head at {head.size} {problem}")
        roots = [KnownRoot(head.size, head.root, f"the stored head at {head.size}") for head in heads]
        return verify_chain(self._in_tree(), {}, roots)

    def sign_when_due(self) -> bool:
        """Sign a head where a stage changed since the last, or enough events or time went by.

        Called again and again by one thread of each server: whoever wrote the events, and in which
        process, is then the same. Tells whether one was signed.

        Raises:
            UnavailableError: the log was changed from outside, or its key cannot be used.
        """
        with self._means.database.read() as records:
            newest, size = records.audit_heads.newest(), records.audit.size()
            if newest is not None and size == newest.size:
                return False
            start = max(newest.size if newest else 0, self._looked_at)
            events = records.audit.read(start, EVENTS_PER_HEAD)
        moved = any(event.verb.startswith("stage.") for event in events)
        self._looked_at = start if moved or not events else events[-1].seq
        many = newest is None or size - newest.size >= EVENTS_PER_HEAD
        at = newest.at if newest else None
        cut = newest is not None and size < newest.size  # refused below, with what is wrong
        if cut or moved or many or at is None or self._means.clock.now() - at >= HEAD_EVERY:
            self._up_to_date()
            return True
        return False

    def _up_to_date(self) -> Head:
        with self._means.database.read() as records:
            newest = records.audit_heads.newest()
            if newest is not None and newest.size == records.audit.size():
                return newest
            key = self._key(records)  # read from its file outside of the transaction
        with self._means.database.write() as records:
            return self._sign(records, key)

    def _sign(self, records: Records, key: LogKey) -> Head:
        """Sign the log as it is; never one that does not begin as the log did that was signed before."""
        newest, size, lookup = records.audit_heads.newest(), records.audit.size(), _lookup(records)
        if newest is not None:
            if newest.size == size:
                return newest
            if signature_problem(newest, key, self._means.signer.verify):
                words = "the key of the audit log is not the one that its heads were signed with"
                raise UnavailableError(words, hint="put that key back")
            if newest.size > size:
                words = f"it has {size} events, and a head was signed over {newest.size}"
                raise UnavailableError(_CHANGED + words, hint=_VERIFY)
            if root_at(newest.size, lookup) != bytes.fromhex(newest.root.hex):
                words = f"its tree does not begin as that of the head at {newest.size}"
                raise UnavailableError(_CHANGED + words, hint=_VERIFY)
        at = self._means.clock.now()
        text = head_text(key.name, size, _digest(root_at(size, lookup)), at)
        head = sign_head(text, key, self._means.signer.sign(text.encode()))
        records.audit_heads.add(head, at)
        return head

    def _key(self, records: Records) -> LogKey:
        return LogKey(records.audit_heads.origin(), self._means.signer.public())

    def _exported(self, header: Header, last: Head) -> Iterator[Header | Head | AuditEvent]:
        yield header
        yield from self._stored_heads(last.size)
        yield from self._events(last.size)

    def _stored_heads(self, most: int | None = None) -> Iterator[Head]:
        size = -1
        while True:
            with self._means.database.read() as records:
                heads = records.audit_heads.page(size, PAGE)
            if not heads:
                return
            yield from (head for head in heads if most is None or head.size <= most)
            size = heads[-1].size

    def _events(self, most: int) -> Iterator[AuditEvent]:
        seq = 0
        while seq < most:
            with self._means.database.read() as records:
                events = records.audit.read(seq, min(PAGE, most - seq))
            if not events:
                return
            yield from events
            seq = events[-1].seq

    def _in_tree(self) -> Iterator[AuditEvent]:
        """Yield every event that fits its leaf; one that does not as what it then is: changed.

        Who writes an event anew, and its hash with those of all that follow, leaves a whole chain.
        """
        seq = 0
        while True:
            with self._means.database.read() as records:
                events = records.audit.read(seq, PAGE)
                leaves = [records.audit.node(0, event.seq - 1) for event in events]
            if not events:
                return
            for event, leaf in zip(events, leaves, strict=True):
                if leaf != event_leaf(event):
                    yield replace(event, hash=_digest(bytes(32)))
                    return
                yield event
            seq = events[-1].seq


def _event(records: Records, caller: Caller, seq: int) -> AuditEvent:
    found = records.audit.read(seq - 1, 1) if seq > 0 else ()
    if found and found[0].seq == seq and _may_read(caller, found[0]):
        return found[0]
    raise NotFoundError(f"there is no event {seq}", hint="assay audit show")


def _may_read(caller: Caller, event: AuditEvent) -> bool:
    if may(caller, Action.READ_AUDIT):
        return True
    model = subject_model(event.subject)
    return model is not None and may(caller, Action.READ, model)


def _require_reader(caller: Caller) -> None:
    if not readable(caller):
        raise DeniedError("this needs the right to read anything", hint="ask an admin for a role")


def _check_size(size: int, records: Records) -> None:
    there = records.audit.size()
    if not 1 <= size <= there:
        raise BadInputError.of("size", f"must be 1 to {there}: so many events there are", str(size))


def _lookup(records: Records) -> Lookup:
    def node(level: int, place: int) -> bytes:
        found = records.audit.node(level, place)
        if found is None:
            raise UnavailableError(_CHANGED + "nodes of its tree are gone", hint=_VERIFY)
        return found

    return node


def _digest(raw: bytes) -> Digest:
    return Digest(f"sha256:{raw.hex()}")


def _digests(hashes: tuple[bytes, ...]) -> tuple[Digest, ...]:
    return tuple(_digest(each) for each in hashes)
