"""Stages and the steps between them (DESIGN section 6).

A policy in mode observe lets a version go to Staging and Production from any stage; every other step
is the same in both modes.
"""

from enum import Enum
from typing import Final

from assay.core.errors import BadInputError, Reason, RefusedError


class Stage(Enum):
    """Where a version stands in its life."""

    DEVELOPMENT = "Development"
    STAGING = "Staging"
    PRODUCTION = "Production"
    ARCHIVED = "Archived"

    @classmethod
    def parse(cls, text: str) -> "Stage":
        """Read a stage name in any case.

        Raises:
            BadInputError: there is no such stage.
        """
        for stage in cls:
            if isinstance(text, str) and stage.value.lower() == text.lower():
                return stage
        raise BadInputError.of("stage", "must be one of " + ", ".join(s.value for s in cls), repr(text)[:60])

    def __str__(self) -> str:
        return self.value


_STEPS: Final = {
    Stage.DEVELOPMENT: frozenset({Stage.STAGING, Stage.ARCHIVED}),
    Stage.STAGING: frozenset({Stage.PRODUCTION, Stage.DEVELOPMENT, Stage.ARCHIVED}),
    Stage.PRODUCTION: frozenset({Stage.ARCHIVED}),
    Stage.ARCHIVED: frozenset({Stage.DEVELOPMENT}),
}
GUARDED: Final = (Stage.STAGING, Stage.PRODUCTION)


def check_observed_step(current: Stage, wanted: Stage) -> None:
    """Allow what a policy in mode observe allows: from any stage to any guarded one.

    Raises:
        RefusedError: the version stands there already.
    """
    if current is wanted:
        raise RefusedError(f"the version is in {wanted} already", [Reason("stage", f"is {current} already")])


def check_step(current: Stage, wanted: Stage) -> None:
    """Allow only the steps in the table.

    Raises:
        RefusedError: the table has no such step; the reason names the steps there are.
    """
    if wanted not in _STEPS[current]:
        allowed = ", ".join(sorted(stage.value for stage in _STEPS[current]))
        reason = Reason("stage", f"from {current} a version can go to {allowed}", f"asked for {wanted}")
        between = [stage for stage in _STEPS[current] if wanted in _STEPS[stage]]
        hint = f"go to {between[0]} first" if between else ""
        raise RefusedError(f"there is no step {current} -> {wanted}", [reason], hint=hint)
