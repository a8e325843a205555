"""Routes of the audit log: its events, its signed heads, proofs, and all of it as one file."""

from assay.core.audit import AuditEvent, ChainReport
from assay.core.audit_files import Consistency, ProvenEvent, PublicKey
from assay.core.checkpoints import Head
from assay.doors.native.route import Call, Lines, Route
from assay.wire.audit_lines import write_lines


def audit(call: Call) -> tuple[AuditEvent, ...]:
    """Read the audit log."""
    return call.use.browsing.audit(
        call.caller, call.whole("after", 0), call.whole("limit", 1000), call.one("subject")
    )


def verify_audit(call: Call) -> ChainReport:
    """Verify what is stored."""
    return call.use.heads.verify(call.caller)


def newest_head(call: Call) -> Head:
    """Give a head over all events."""
    return call.use.heads.newest(call.caller)


def heads(call: Call) -> tuple[Head, ...]:
    """List heads."""
    return call.use.heads.page(call.caller, call.whole("after", 0), call.whole("limit", 1000))


def public_key(call: Call) -> PublicKey:
    """Give the verifier key."""
    return PublicKey(str(call.use.heads.key(call.caller)))


def consistency(call: Call) -> Consistency:
    """Prove that the log only grew."""
    first, second = (_given(call, name) for name in ("first", "second"))
    return Consistency(first, second, call.use.heads.consistency(call.caller, first, second))


def proof(call: Call) -> ProvenEvent:
    """Prove that an event is in the log."""
    return call.use.heads.inclusion(call.caller, _given(call, "seq"), call.whole("size", 0))


def export(call: Call) -> Lines:
    """Stream the whole log."""
    return Lines("audit.jsonl", write_lines(call.use.heads.export(call.caller)))


def _given(call: Call, name: str) -> int:
    call.needed(name)
    return call.whole(name, 0)


ROUTES = (
    Route(
        "GET",
        "/audit",
        audit,
        "The audit log, oldest first",
        gives=tuple[AuditEvent, ...],
        query={
            "after": "seq of the last event seen",
            "limit": "1 to 1000",
            "subject": "about this and what is under it",
        },
    ),
    Route(
        "GET", "/audit/verify", verify_audit, "Verify the stored log: chain, tree, heads", gives=ChainReport
    ),
    Route("GET", "/audit/head", newest_head, "A signed head over all events there are", gives=Head),
    Route(
        "GET",
        "/audit/heads",
        heads,
        "The signed heads, the shortest first",
        gives=tuple[Head, ...],
        query={"after": "size of the last head seen", "limit": "1 to 1000"},
    ),
    Route("GET", "/audit/key", public_key, "The key that heads are signed with", gives=PublicKey),
    Route(
        "GET",
        "/audit/consistency",
        consistency,
        "Prove that the log of one size begins with that of another",
        gives=Consistency,
        query={"first": "the smaller size", "second": "the larger size"},
    ),
    Route(
        "GET",
        "/audit/proof",
        proof,
        "Prove that an event is in the log",
        gives=ProvenEvent,
        query={"seq": "of the event", "size": "of the log; 0 or none for that of a head over all events"},
    ),
    Route(
        "GET",
        "/audit/export",
        export,
        "The whole log with its key and heads, as JSON lines",
        gives=Lines,
        media_type="application/x-ndjson",
    ),
)
