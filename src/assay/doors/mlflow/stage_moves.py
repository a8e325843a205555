"""Aliases and stages: done at once, waited for a while, or refused with every reason."""

from typing import Any, Final

from assay.core.errors import RefusedError
from assay.core.promotions import Promotion, PromotionState, explain
from assay.doors.mlflow.model_names import asked_stage
from assay.doors.mlflow.route import Answer, Call, Waiting
from assay.doors.mlflow.versions_shown import shown_version

# The client gives up after 120 s and would ask again; what takes longer is told to look later.
WAIT_S: Final = 90.0
_UNDER_WAY: Final = (PromotionState.REQUESTED, PromotionState.CHECKING)


def point_alias(call: Call, name: str, alias: str, version: str) -> Answer:
    """Point an alias at a version."""
    return _settled(call, call.use.outside_stages.point(call.caller, name, alias, version), dict)


def remove_alias(call: Call, name: str, alias: str) -> Answer:
    """Take an alias away."""
    call.use.outside_stages.remove(call.caller, name, alias)
    return {}


def transition(call: Call, name: str, version: str, stage: str, *, archive: bool) -> Answer:
    """Move a version to a stage."""

    def moved() -> dict[str, Any]:
        known_as = call.use.outside.model(call.caller, name).known_as
        return {
            "model_version": shown_version(known_as, call.use.outside.version(call.caller, name, version))
        }

    wanted = asked_stage(stage)
    promotion = call.use.outside_stages.transition(
        call.caller, name, version, wanted, archive_existing=archive
    )
    return _settled(call, promotion, moved)


def _settled(call: Call, promotion: Promotion | None, done: Any) -> Answer:
    if promotion is None:
        answer: dict[str, Any] = done()
        return answer
    if promotion.state not in _UNDER_WAY:
        raise refusal(call, promotion)

    def look() -> dict[str, Any] | None:
        now = call.use.promoting.get(call.caller, promotion.id)
        if now.state in _UNDER_WAY:
            return None
        if now.state is not PromotionState.PROMOTED:
            raise refusal(call, now)
        answer: dict[str, Any] = done()
        return answer

    def at_last() -> dict[str, Any]:
        answer = look()
        if answer is None:
            raise refusal(call, call.use.promoting.get(call.caller, promotion.id))
        return answer

    return Waiting(look, at_last, WAIT_S)


def refusal(call: Call, promotion: Promotion) -> RefusedError:
    """Return the error that tells what stands between the version and its stage, line by line."""
    where = f"{call.address}/api/v1/promotions/{promotion.id}"
    lines = "".join(f"\n- {each}" for each in explain(promotion))
    return RefusedError(f"{promotion.address} is not in {promotion.target} ({where}):{lines}")
