"""Aliases and stages: done at once, waited for a while, or refused with every reason."""

from collections.abc import Callable
from typing import Any, Final

from assay.core.errors import RefusedError
from assay.core.promotions import Promotion, PromotionState, explain
from assay.doors.mlflow.model_names import asked_stage
from assay.doors.mlflow.route import Answer, Call, Waiting
from assay.doors.mlflow.versions_asked import asked_version
from assay.doors.mlflow.versions_shown import shown_version
from assay.usecases.outside_stages import PASSING

# The client gives up after 120 s and would ask again; what takes longer is told to look later.
WAIT_S: Final = 90.0
_UNDER_WAY: Final = (PromotionState.REQUESTED, PromotionState.CHECKING)


def point_alias(call: Call, name: str, alias: str) -> Answer:
    """Point an alias at the version that a request names."""
    version = str(asked_version(call, name).number)

    def ask() -> Promotion | None:
        return call.use.outside_stages.point(call.caller, name, alias, version)

    return _settled(call, ask, dict)


def remove_alias(call: Call, name: str, alias: str) -> Answer:
    """Take an alias away."""
    call.use.outside_stages.remove(call.caller, name, alias)
    return {}


def transition(call: Call, name: str, stage: str, *, archive: bool) -> Answer:
    """Move the version that a request names to a stage."""

    def moved() -> dict[str, Any]:
        known_as = call.use.outside.model(call.caller, name).known_as
        return {
            "model_version": shown_version(
                call.team, known_as, call.use.outside.version(call.caller, name, version)
            )
        }

    def ask() -> Promotion | None:
        return call.use.outside_stages.transition(
            call.caller, name, version, wanted, archive_existing=archive
        )

    wanted = asked_stage(stage)
    version = str(asked_version(call, name).number)
    return _settled(call, ask, moved)


def _settled(call: Call, ask: Callable[[], Promotion | None], done: Callable[[], dict[str, Any]]) -> Answer:
    """Ask, and wait while checks run; ask again for what is left when a promotion has gone through."""
    first = _refused_or_under_way(call, ask())
    if first is None:
        return done()
    waiting = first

    def look() -> dict[str, Any] | None:
        nonlocal waiting
        now: Promotion | None = call.use.promoting.get(call.caller, waiting.id)
        if now is not None and now.state is PromotionState.PROMOTED:
            now = ask()
        still = _refused_or_under_way(call, now)
        if still is None:
            return done()
        waiting = still
        return None

    def at_last() -> dict[str, Any]:
        answer = look()
        if answer is None:
            raise refusal(call, waiting)
        return answer

    return Waiting(look, at_last, WAIT_S)


def _refused_or_under_way(call: Call, promotion: Promotion | None) -> Promotion | None:
    if promotion is None or promotion.state in _UNDER_WAY:
        return promotion
    raise refusal(call, promotion)


def refusal(call: Call, promotion: Promotion) -> RefusedError:
    """Return the error that tells what stands between the version and its stage, line by line."""
    where = f"{call.address}/api/v1/promotions/{promotion.id}"
    lines = "".join(f"\n- {each}" for each in explain(promotion))
    goal = f", {promotion.comment}" if promotion.comment.startswith(PASSING) else ""
    return RefusedError(f"{promotion.address} is not in {promotion.target}{goal} ({where}):{lines}")
