"""Judging: what every road to a guarded stage goes through.

``advance`` takes one open promotion as far as it can go by itself: it queues the checks whose
evidence is missing, waits for them, lets the gates judge, waits for people, and moves the stage.
It runs inside the transaction of whoever calls it: the request, a worker's report, an approval.

An observed promotion goes the same way, but its version has moved already: instead of the stage it
moves the mark *ungated*, which names the gates that do not hold and is taken off when all do. A
promotion to Development (a registration) moves nothing.
"""

from collections.abc import Iterable
from dataclasses import replace

from assay.core.access import Action, may
from assay.core.digests import Digest
from assay.core.dossier import Dossier
from assay.core.evidence import LACKS, Evidence, Need, Origin, newest_usable
from assay.core.jobs import Job, ended
from assay.core.policies import StoredPolicy
from assay.core.ports import Chance, Records
from assay.core.promotions import LIFETIME, Promotion, PromotionState, request_digest, was_in_production
from assay.core.stages import GUARDED, Stage
from assay.core.verdicts import Verdict
from assay.core.versions import Version
from assay.gates import Gate, build_all
from assay.usecases.access import caller_of
from assay.usecases.means import Act, applying_policy, policy_of
from assay.usecases.moves import close, enter, save, set_mark


def advance(act: Act, chance: Chance, promotion: Promotion) -> Promotion:
    """Take an open promotion as far as it goes now; returns it as it then stands."""
    records = act.records
    version = records.versions.get(promotion.model, promotion.number)
    stored = applying_policy(records, promotion.model)
    asked, promotion = promotion, _under(promotion, stored)
    obsolete = _why_obsolete(act, promotion, version, stored)
    if obsolete or version is None:
        return close(act, promotion, PromotionState.SUPERSEDED, obsolete, before=asked)
    if act.at >= promotion.expires_at:
        outcome = f"not decided before {promotion.expires_at:%Y-%m-%d}"
        return close(act, promotion, PromotionState.EXPIRED, outcome, before=asked)
    if promotion.registers and not stored.policy.gates.get(promotion.target):
        outcome = "the policy asks for nothing at registration any more"
        return close(act, promotion, PromotionState.PROMOTED, outcome, before=asked)
    gates = build_all(stored.policy, promotion.target)
    waiting = _queue_missing(act, chance, promotion, version, gates)
    if waiting and not promotion.observed:
        return save(act, promotion, PromotionState.CHECKING, before=asked)
    verdicts, digest = judge(act, promotion, version, gates)
    judged = replace(promotion, verdicts=verdicts, request_digest=digest)
    _mark(act, version, judged)
    if waiting:
        return save(act, promotion, PromotionState.CHECKING, before=asked)
    if judged.failing:
        text = "; ".join(f"{each.gate}: {' / '.join(each.reasons)}" for each in judged.failing)
        return close(act, judged, PromotionState.REFUSED, text, before=asked)
    if judged.waiting_for_approval:
        return save(act, judged, PromotionState.AWAITING_APPROVAL, before=asked)
    return _promote(act, judged, asked, version)


def advance_open(act: Act, chance: Chance, version: Version) -> None:
    """Take every open promotion of ``version`` further, because something new is known of it."""
    for each in act.records.promotions.of_version(version.model, version.number):
        promotion = act.records.promotions.get(each.id)  # the one before may have ended it
        if promotion is not None and promotion.state.is_open:
            advance(act, chance, promotion)


def ask(
    act: Act, chance: Chance, version: Version, target: Stage, comment: str = "", *, observed: bool = False
) -> Promotion:
    """Store a new request under the policy that applies now; nothing is judged yet."""
    stored = applying_policy(act.records, version.model)
    promotion = Promotion(
        id=chance.identifier("pr"),
        model=version.model,
        number=version.number,
        semver=version.semver,
        digest=version.digest,
        source=version.stage,
        target=target,
        policy_digest=stored.digest,
        policy_name=_name(stored),
        replaces=act.records.stages.holder(version.model),
        requested_by=act.actor,
        requested_at=act.at,
        expires_at=act.at + LIFETIME,
        comment=comment,
        observed=observed,
        served_before=target in GUARDED
        and was_in_production(act.records.stages.history(version.model), version.number),
    )
    act.records.promotions.add(promotion)
    about: dict[str, object] = {"promotion": promotion.id, "to": target, "policy": stored.digest}
    about |= {"comment": comment, "observed": True} if observed else {"comment": comment}
    act.note("promotion.request", version.address, {"stage": version.stage}, about)
    return promotion


def observe(act: Act, version: Version, promotion: Promotion) -> None:
    """Move ``version`` to the target of an observed promotion at once, marked with what does not hold.

    What the move overtakes ends: other requests of this version, and those of others to Production.
    """
    gates = build_all(applying_policy(act.records, promotion.model).policy, promotion.target)
    verdicts, _ = judge(act, promotion, version, gates)
    enter(act, version, replace(promotion, verdicts=verdicts), "observe")


def open_registration(act: Act, chance: Chance, version: Version) -> Promotion | None:
    """Have the gates of registration judge a version that was registered in this transaction.

    Returns:
        The promotion to Development as far as it went, which :func:`registration_of` reads; None when
        the applying policy asks for nothing at registration, or no policy applies.
    """
    stored = policy_of(act.records, version.model)
    if stored is None or not stored.policy.gates.get(Stage.DEVELOPMENT):
        return None
    return advance(act, chance, ask(act, chance, version, Stage.DEVELOPMENT))


def call_off(act: Act, promotion: Promotion, why: str) -> int:
    """End the checks that only ``promotion`` waits for; return how many.

    Workers notice when they next prolong their lease, and stop.
    """
    jobs = act.records.jobs.of_version(promotion.model, promotion.number)
    own = [job for job in jobs if job.promotion_id == promotion.id and job.is_open]
    for job in own:
        act.records.jobs.change(job, ended(job, why))
    return len(own)


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


def _under(promotion: Promotion, stored: StoredPolicy) -> Promotion:
    """What moves no stage is judged by the policy of the day, because its version waits for it.

    Approvals given under another policy count for nothing: the request digest has changed.
    """
    if promotion.moves_stage or promotion.policy_digest == stored.digest:
        return promotion
    return replace(promotion, policy_digest=stored.digest, policy_name=_name(stored))


def _name(stored: StoredPolicy) -> str:
    return f"{stored.policy.applies_to} revision {stored.revision}"


def _mark(act: Act, version: Version, judged: Promotion) -> None:
    """Name on the version what an observed promotion still finds amiss; only its end clears the mark."""
    if judged.observed and judged.unmet:
        set_mark(act, version, judged.unmet)


def _promote(act: Act, judged: Promotion, before: Promotion, version: Version) -> Promotion:
    outcome = f"{version.address} is in {judged.target}"
    if judged.registers:
        outcome = f"{version.address} is registered: every gate holds"
    elif judged.observed:
        set_mark(act, version, ())
    else:
        enter(act, version, judged, "promote")
    return close(act, judged, PromotionState.PROMOTED, outcome, before=before)


def _why_obsolete(act: Act, promotion: Promotion, version: Version | None, stored: StoredPolicy) -> str:
    """Compare-and-set on what was asked for: version, stage, policy, holder of Production (law 2)."""
    if version is None:
        return "the version was deleted"
    if promotion.registers:
        return ""
    if version.stage is not promotion.expected_stage:
        return f"{version.address} went to {version.stage} meanwhile"
    if promotion.observed:
        return ""
    if stored.digest != promotion.policy_digest:
        return f"the policy changed to {_name(stored)}; ask again to be judged by it"
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
    waiting = any(job.is_open for job in jobs)
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
    """Valid evidence is reused; one that could not measure is tried again for a new request.

    Not so where the registry found that the version lacks what is to be measured: it always will.
    """
    found, _ = newest_usable(evidence, need, version.digest, act.at)
    if found is None:
        return False
    lasting = found.origin is Origin.MEASURED and LACKS in found.measurement.facts
    return not found.measurement.problem or lasting or found.recorded_at >= promotion.requested_at


def _may_approve(act: Act, person: str, promotion: Promotion) -> bool:
    caller = caller_of(act.records, person, act.at)
    return caller is not None and may(caller, Action.APPROVE, promotion.model, promotion.target)
