"""Judging: what every road to a guarded stage goes through.

``advance`` takes one open promotion as far as it can go by itself: it queues the checks whose
evidence is missing, waits for them, lets the gates judge, waits for people, and moves the stage.
It runs inside the transaction of whoever calls it: the request, a worker's report, an approval.
"""

from collections.abc import Iterable
from dataclasses import replace

from assay.core.access import Action, may
from assay.core.digests import Digest
from assay.core.dossier import Dossier
from assay.core.evidence import Evidence, Need, newest_usable
from assay.core.jobs import Job, JobState
from assay.core.names import ModelName
from assay.core.policies import StoredPolicy
from assay.core.ports import Chance, Records
from assay.core.promotions import Promotion, PromotionState, StageMove, request_digest
from assay.core.stages import Stage
from assay.core.verdicts import Verdict
from assay.core.versions import Version
from assay.gates import Gate, build_all
from assay.usecases.access import caller_of
from assay.usecases.means import Act, applying_policy


def advance(act: Act, chance: Chance, promotion: Promotion) -> Promotion:
    """Take an open promotion as far as it goes now; returns it as it then stands."""
    records = act.records
    version = records.versions.get(promotion.model, promotion.number)
    stored = applying_policy(records, promotion.model)
    obsolete = _why_obsolete(act, promotion, version, stored)
    if obsolete or version is None:
        return close(act, promotion, PromotionState.SUPERSEDED, obsolete)
    if act.at >= promotion.expires_at:
        return close(
            act, promotion, PromotionState.EXPIRED, f"not decided before {promotion.expires_at:%Y-%m-%d}"
        )
    gates = build_all(stored.policy, promotion.target)
    if _queue_missing(act, chance, promotion, version, gates):
        return _save(act, promotion, PromotionState.CHECKING)
    verdicts, digest = judge(act, promotion, version, gates)
    judged = replace(promotion, verdicts=verdicts, request_digest=digest)
    if judged.failing:
        text = "; ".join(f"{each.gate}: {' / '.join(each.reasons)}" for each in judged.failing)
        return close(act, judged, PromotionState.REFUSED, text, before=promotion)
    if judged.waiting_for_approval:
        return _save(act, judged, PromotionState.AWAITING_APPROVAL, before=promotion)
    return _promote(act, judged, promotion, version)


def advance_open(act: Act, chance: Chance, version: Version) -> None:
    """Take every open promotion of ``version`` further, because something new is known of it."""
    for promotion in act.records.promotions.of_model(version.model, open_only=True):
        if promotion.number == version.number:
            advance(act, chance, promotion)


def judge(
    act: Act, promotion: Promotion, version: Version, gates: Iterable[Gate]
) -> tuple[tuple[Verdict, ...], Digest]:
    """Let every gate answer.

    The gates judge twice where people are asked: first without decisions, which gives the digest
    of what is to be approved; then with the decisions, of which only those on that digest count.

    Returns:
        The verdicts in the policy's order, and the request digest.
    """
    evidence = act.records.evidence.of_version(promotion.model, promotion.number)
    bare = Dossier(version, promotion.target, evidence, act.at, promotion.requested_by)
    gates = tuple(gates)
    digest = request_digest(promotion, [gate.judge(bare) for gate in gates])
    involved = involved_people(act.records, promotion)
    eligible = frozenset(
        each.person
        for each in promotion.decisions
        if each.person not in involved and _may_approve(act, each.person, promotion)
    )
    full = replace(bare, request_digest=digest, decisions=promotion.decisions, eligible=eligible)
    return tuple(gate.judge(full) for gate in gates), digest


def involved_people(records: Records, promotion: Promotion) -> dict[str, str]:
    """Return who has a part in what is asked for, and which: they cannot approve it.

    What a service account did, its owner did.
    """
    version = records.versions.get(promotion.model, promotion.number)
    parts = {promotion.requested_by: "requested the promotion"}
    if version is not None:
        parts[version.registered_by] = "registered the version"
    for name, part in tuple(parts.items()):
        principal = records.principals.get(name)
        if principal is not None and principal.owner:
            parts.setdefault(principal.owner, f"owns {name}, which {part}")
    return parts


def close(
    act: Act,
    promotion: Promotion,
    state: PromotionState,
    outcome: str,
    *,
    before: Promotion | None = None,
) -> Promotion:
    """End a promotion with the reason in words."""
    ended = replace(promotion, outcome=outcome[:20_000], closed_at=act.at)
    return _save(act, ended, state, before=before or promotion)


def supersede_others(act: Act, model: ModelName, winner: str, spared: str = "") -> None:
    """End every open promotion of ``model`` to Production, because ``winner`` has just taken it."""
    for other in act.records.promotions.of_model(model, open_only=True):
        if other.target is Stage.PRODUCTION and other.id != spared:
            close(act, other, PromotionState.SUPERSEDED, f"{winner} took Production first")


def move_into_production(
    act: Act, version: Version, verb: str, promotion_id: str = "", comment: str = ""
) -> StageMove:
    """Put ``version`` into Production and its holder into Archived, where it stays as the way back."""
    records = act.records
    holder = records.stages.holder(version.model)
    if holder is not None:
        held = records.versions.get(version.model, holder)
        if held is not None:
            left = _move(act, held, Stage.ARCHIVED, "replaced", promotion_id=promotion_id)
            records.stages.move(left)
            act.note("stage.replaced", held.address, {"stage": left.source}, {"stage": left.target})
    move = replace(
        _move(act, version, Stage.PRODUCTION, verb, promotion_id=promotion_id, comment=comment),
        predecessor=holder,
    )
    records.stages.move(move)
    act.note(f"stage.{verb}", version.address, {"stage": move.source, "holder": holder}, move)
    return move


def move_stage(
    act: Act, version: Version, target: Stage, verb: str, promotion_id: str = "", comment: str = ""
) -> StageMove:
    """Move ``version`` to a stage other than Production."""
    move = _move(act, version, target, verb, promotion_id=promotion_id, comment=comment)
    act.records.stages.move(move)
    act.note(f"stage.{verb}", version.address, {"stage": move.source}, move)
    return move


def _move(
    act: Act, version: Version, target: Stage, verb: str, *, promotion_id: str = "", comment: str = ""
) -> StageMove:
    return StageMove(
        model=version.model,
        number=version.number,
        semver=version.semver,
        source=version.stage,
        target=target,
        verb=verb,
        actor=act.actor,
        at=act.at,
        promotion_id=promotion_id,
        comment=comment,
    )


def _promote(act: Act, judged: Promotion, before: Promotion, version: Version) -> Promotion:
    if judged.target is Stage.PRODUCTION:
        move_into_production(act, version, "promote", judged.id, judged.comment)
        supersede_others(act, judged.model, version.address, spared=judged.id)
    else:
        move_stage(act, version, judged.target, "promote", judged.id, judged.comment)
    return close(
        act, judged, PromotionState.PROMOTED, f"{version.address} is in {judged.target}", before=before
    )


def _why_obsolete(act: Act, promotion: Promotion, version: Version | None, stored: StoredPolicy) -> str:
    """Compare-and-set on what was asked for: version, stage, policy, holder of Production (law 2)."""
    if version is None:
        return "the version was deleted"
    if version.stage is not promotion.source:
        return f"{version.address} went to {version.stage} meanwhile"
    if stored.digest != promotion.policy_digest:
        name = f"{stored.policy.applies_to} revision {stored.revision}"
        return f"the policy changed to {name}; ask again to be judged by it"
    holder = act.records.stages.holder(promotion.model)
    if promotion.target is Stage.PRODUCTION and holder != promotion.replaces:
        held = act.records.versions.get(promotion.model, holder) if holder is not None else None
        return f"{held.address} took Production first" if held else "Production was emptied meanwhile"
    return ""


def _queue_missing(
    act: Act, chance: Chance, promotion: Promotion, version: Version, gates: Iterable[Gate]
) -> bool:
    """Queue each check that some gate needs and nobody has run; tell whether any is still to come."""
    records = act.records
    evidence = records.evidence.of_version(promotion.model, promotion.number)
    jobs = [
        job
        for job in records.jobs.of_version(promotion.model, promotion.number)
        if job.promotion_id == promotion.id
    ]
    waiting = any(job.state in (JobState.QUEUED, JobState.LEASED) for job in jobs)
    done = [(job.check, dict(job.settings)) for job in jobs]
    for gate in gates:
        need = gate.need(version)
        if need is None or _answered(need, evidence, promotion, version, act):
            continue
        wanted = (need.check, dict(need.settings))
        if wanted in done:
            continue
        done.append(wanted)
        job = Job(
            id=chance.identifier("job"),
            model=promotion.model,
            number=promotion.number,
            check=need.check,
            settings=dict(need.settings),
            created_at=act.at,
            requested_by=promotion.requested_by,
            promotion_id=promotion.id,
        )
        records.jobs.add(job)
        act.note(
            "check.queue",
            version.address,
            after={"job": job.id, "check": job.check, "promotion": promotion.id},
        )
        waiting = True
    return waiting


def _answered(
    need: Need, evidence: tuple[Evidence, ...], promotion: Promotion, version: Version, act: Act
) -> bool:
    """Valid evidence is reused; one that could not measure is tried again for a new request."""
    found, _ = newest_usable(evidence, need, version.digest, act.at)
    if found is None:
        return False
    return not found.measurement.problem or found.recorded_at >= promotion.requested_at


def _may_approve(act: Act, person: str, promotion: Promotion) -> bool:
    caller = caller_of(act.records, person)
    return caller is not None and may(caller, Action.APPROVE, promotion.model, promotion.target)


def _save(
    act: Act, promotion: Promotion, state: PromotionState, *, before: Promotion | None = None
) -> Promotion:
    old = before or promotion
    if state is old.state and promotion == old:
        return promotion
    new = promotion.to(state)
    act.records.promotions.save(new, old.state)
    if state is not old.state or new.request_digest != old.request_digest:
        subject = f"{promotion.model}/{promotion.semver}"
        act.note(f"promotion.{state.value}", subject, {"state": old.state}, _essence(new))
    return new


def _essence(promotion: Promotion) -> dict[str, object]:
    return {
        "promotion": promotion.id,
        "state": promotion.state,
        "from": promotion.source,
        "to": promotion.target,
        "policy": promotion.policy_digest,
        "request_digest": promotion.request_digest,
        "verdicts": [
            {"gate": each.gate, "outcome": each.outcome, "evidence": each.evidence, "reasons": each.reasons}
            for each in promotion.verdicts
        ],
        "decisions": promotion.decisions,
        "outcome": promotion.outcome,
    }
