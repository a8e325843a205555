"""What the client can ask about the audit log: its events, its signed heads, proofs, and all of it."""

from collections.abc import Iterator

from assay.client.transport import Transport
from assay.core.audit import AuditEvent, ChainReport
from assay.core.audit_files import Consistency, ProvenEvent, PublicKey
from assay.core.checkpoints import Head

_PAGE = 1000


class AuditCalls:
    """The audit log. Every method raises any leaf of ``AssayError``."""

    _transport: Transport

    def audit(self, *, after: int = 0, limit: int = _PAGE, subject: str = "") -> tuple[AuditEvent, ...]:
        """Read one page of the audit log, oldest first, behind event ``after``.

        Raises:
            AssayError: any leaf.
        """
        params = [("after", str(after)), ("limit", str(limit))]
        params += [("subject", subject)] if subject else []
        return self._transport.get("/audit", tuple[AuditEvent, ...], params)

    def all_audit(self, *, subject: str = "") -> Iterator[AuditEvent]:
        """Yield the audit log, oldest first, asking for pages as they are needed.

        Raises:
            AssayError: any leaf.
        """
        after = 0
        while True:
            events = self.audit(after=after, subject=subject)
            if not events:
                return
            yield from events
            after = events[-1].seq

    def verify_audit(self) -> ChainReport:
        """Let the server verify its log; verify :meth:`export_audit` yourself where you doubt it.

        Raises:
            AssayError: any leaf.
        """
        return self._transport.get("/audit/verify", ChainReport)

    def audit_head(self) -> Head:
        """Return a signed head over all events there are. Nothing is checked: see ``client.seen_heads``.

        Raises:
            AssayError: any leaf.
        """
        return self._transport.get("/audit/head", Head)

    def audit_heads(self, *, after: int = 0, limit: int = _PAGE) -> tuple[Head, ...]:
        """List the signed heads over more events than ``after``, the shortest first.

        Raises:
            AssayError: any leaf.
        """
        return self._transport.get(
            "/audit/heads", tuple[Head, ...], [("after", str(after)), ("limit", str(limit))]
        )

    def audit_key(self) -> PublicKey:
        """Return the key that heads are signed with, as the server says.

        Raises:
            AssayError: any leaf.
        """
        return self._transport.get("/audit/key", PublicKey)

    def audit_consistency(self, first: int, second: int) -> Consistency:
        """Return the proof that the log of ``second`` events begins with that of ``first``.

        Raises:
            AssayError: any leaf.
        """
        params = [("first", str(first)), ("second", str(second))]
        return self._transport.get("/audit/consistency", Consistency, params)

    def audit_proof(self, seq: int) -> ProvenEvent:
        """Return an event with the proof that it is in the log of the newest head.

        Raises:
            AssayError: any leaf.
        """
        return self._transport.get("/audit/proof", ProvenEvent, [("seq", str(seq))])

    def export_audit(self) -> Iterator[bytes]:
        """Yield the whole log with its key and heads, as JSON lines in pieces of any size.

        Raises:
            AssayError: any leaf.
        """
        with self._transport.stream("/audit/export", {}) as response, self._transport.translated():
            yield from response.iter_bytes()
