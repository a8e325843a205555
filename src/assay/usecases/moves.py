"""Moves: one change of stage, and the end of the requests that it overtakes."""

from dataclasses import replace

from assay.core.names import ModelName
from assay.core.promotions import Promotion, PromotionState, StageMove, check_bytes_known
from assay.core.stages import Stage
from assay.core.versions import Version
from assay.usecases.means import Act


def plan_move(act: Act, version: Version, target: Stage, verb: str) -> StageMove:
    """Return the move of ``version`` to ``target``, which :func:`carry_out` makes.

    Unless the caller says otherwise with ``ungated``, the version comes there without a mark.

    Raises:
        RefusedError: the stage is guarded, and nobody has read the version's bytes.
    """
    check_bytes_known(version, target)
    return StageMove(
        model=version.model,
        number=version.number,
        semver=version.semver,
        source=version.stage,
        target=target,
        verb=verb,
        actor=act.actor,
        at=act.at,
        left_ungated=version.ungated,
    )


def carry_out(act: Act, move: StageMove) -> StageMove:
    """Change the stage, with its event. Who held Production goes to Archived and stays as the way back.

    Returns:
        The move, with its predecessor where it went to Production.
    """
    stages = act.records.stages
    before: dict[str, object] = {"stage": move.source}
    if move.target is Stage.PRODUCTION:
        holder = stages.holder(move.model)
        move = replace(move, predecessor=holder)
        before["holder"] = holder
        _replace_holder(act, move)
    stages.move(move)
    act.records.models.touch(move.model, act.at, move.number)
    act.note(f"stage.{move.verb}", f"{move.model}/{move.semver}", before, move)
    return move


def enter(act: Act, version: Version, judged: Promotion, verb: str) -> None:
    """Move ``version`` where ``judged`` wants it, marked with the gates that do not hold.

    What the move overtakes ends: other requests of this version, and those of others to Production.
    """
    move = plan_move(act, version, judged.target, verb)
    carry_out(act, replace(move, promotion_id=judged.id, comment=judged.comment, ungated=judged.unmet))
    if judged.target is Stage.PRODUCTION:
        supersede_others(act, judged.model, version.address, spared=judged.id)
    end_requests(act, version, f"{version.address} went to {judged.target} meanwhile", spared=judged.id)


def set_mark(act: Act, version: Version, ungated: tuple[str, ...]) -> None:
    """Change the mark of a version that stays where it is, with its event."""
    if ungated != version.ungated:
        act.records.stages.mark(version.model, version.number, ungated)
        act.records.models.touch(version.model, act.at, version.number)
        act.note("version.mark", version.address, {"ungated": version.ungated}, {"ungated": ungated})


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
    return save(act, ended, state, before=before or promotion)


def save(
    act: Act, promotion: Promotion, state: PromotionState, *, before: Promotion | None = None
) -> Promotion:
    """Store a promotion in ``state`` by compare-and-set on the state before, with its event."""
    old = before or promotion
    if state is old.state and promotion == old:
        return promotion
    new = promotion.to(state)
    act.records.promotions.save(new, old.state)
    if state is not old.state or new.request_digest != old.request_digest:
        act.note(f"promotion.{state.value}", promotion.address, {"state": old.state}, _essence(new))
    return new


def supersede_others(act: Act, model: ModelName, winner: str, spared: str = "") -> None:
    """End every open promotion of ``model`` to Production, because ``winner`` has just taken it."""
    for other in act.records.promotions.of_model(model, open_only=True):
        if other.target is Stage.PRODUCTION and other.id != spared:
            close(act, other, PromotionState.SUPERSEDED, f"{winner} took Production first")


def end_requests(act: Act, version: Version, why: str, spared: str = "", *, deleted: bool = False) -> None:
    """End what was asked for before a move, so that it cannot wake when the stage comes round again.

    A registration goes on unless the version is deleted: it does not speak of a stage.
    """
    for each in act.records.promotions.of_model(version.model, open_only=True):
        stays = each.id == spared or (each.registers and not deleted)
        if each.number == version.number and not stays:
            close(act, each, PromotionState.SUPERSEDED, why)


def _replace_holder(act: Act, move: StageMove) -> None:
    held = act.records.versions.get(move.model, move.predecessor) if move.predecessor else None
    if held is not None:
        left = replace(plan_move(act, held, Stage.ARCHIVED, "replaced"), promotion_id=move.promotion_id)
        act.records.stages.move(left)
        act.records.models.touch(left.model, act.at, left.number)
        act.note("stage.replaced", held.address, {"stage": left.source}, {"stage": left.target})


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
