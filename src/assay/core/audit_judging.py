"""Judging an export of the audit log: by itself, against a key, and against heads kept elsewhere."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from assay.core.audit import GENESIS, AuditEvent, ChainReport, KnownRoot, split_view, verify_chain
from assay.core.audit_files import same_log
from assay.core.checkpoints import Head, LogKey, Verify, signature_problem
from assay.core.digests import Digest

NEVER: Final = "whether what was written is true, and whether all that was done was written"


@dataclass(frozen=True, slots=True)
class Claims:
    """What is said of a log beside its events.

    Attributes:
        key: the log's, known beforehand; None when it is not.
        own_key: the one that the export names itself.
        heads: those that came with the events.
        kept: those kept elsewhere, each with where it was.
        hashes: of single events, kept elsewhere, by seq.
    """

    key: LogKey | None = None
    own_key: LogKey | None = None
    heads: tuple[Head, ...] = ()
    kept: tuple[tuple[str, Head], ...] = ()
    hashes: Mapping[int, Digest] = field(default_factory=dict)


def judge_log(events: Iterable[AuditEvent], claims: Claims, verify: Verify) -> ChainReport:
    """Go over a log once, oldest first; memory stays flat but for the heads.

    Args:
        events: the log from its first event.
        claims: what it is held against.
        verify: tells whether an Ed25519 signature is good.

    Returns:
        What was found, and in words what was verified and what nobody can tell from it.
    """
    heads = [(f"the head at {head.size} in the export", head) for head in claims.heads]
    heads += claims.kept
    roots = [KnownRoot(head.size, head.root, said) for said, head in heads]
    problem = _key_problem(claims) or _head_problem(claims, heads, verify) or split_view(roots)
    if problem:
        return ChainReport(0, GENESIS, problem)
    report = verify_chain(events, claims.hashes, roots)
    if not report.whole:
        return report
    return replace(report, verified=_verified(report, claims), unverified=_unverified(report, claims))


def _key_problem(claims: Claims) -> str:
    if claims.key and claims.own_key and claims.key != claims.own_key:
        return f"the export names another key than the one that is known: {claims.own_key}"
    return ""


def _head_problem(claims: Claims, heads: list[tuple[str, Head]], verify: Verify) -> str:
    key = claims.key or claims.own_key
    if key is None:
        return same_log(heads)
    for said, head in heads:
        problem = signature_problem(head, key, verify)
        if problem:
            return f"{said} {problem}"
    return ""


def _verified(report: ChainReport, claims: Claims) -> tuple[str, ...]:
    said = [f"{report.event_count} events: none changed, missing, doubled, put in or out of order"]
    if claims.heads:
        at = max(head.size for head in claims.heads)
        said.append(f"{len(claims.heads)} heads that came with them, the newest over {at} events")
    if claims.kept or claims.hashes:
        said.append(f"{len(claims.kept) + len(claims.hashes)} heads that were kept elsewhere")
    if claims.key:
        said.append(f"the signatures under all heads, by the key of {claims.key.name}")
    return tuple(said)


def _unverified(report: ChainReport, claims: Claims) -> tuple[str, ...]:
    said = []
    if claims.key is None and claims.own_key is not None:
        said.append("whose key it is: it came with the events; compare it with one from elsewhere (--key)")
    elif claims.key is None:
        said.append("any signature: no key is known (--key)")
    kept = max([head.size for _, head in claims.kept] + list(claims.hashes), default=0)
    if not kept:
        words = "that no tail was cut and not all was written anew"
        said.append(f"{words}: no head kept elsewhere was given (--head)")
    elif kept < report.event_count:
        said.append(f"the events after {kept}, which is as far as the heads kept elsewhere reach")
    return (*said, NEVER)
