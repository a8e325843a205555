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
_VERBS: Final = {Stage.ARCHIVED: "archive", Stage.DEVELOPMENT: "restore"}
GUARDED: Final = (Stage.STAGING, Stage.PRODUCTION)


def check_observed_step(current: Stage, wanted: Stage) -> None:
    """Allow what a policy in mode observe allows: from any stage to any guarded one.

    Raises:
        RefusedError: the version stands there already.
    """
    if current is wanted:
        raise RefusedError(f"the version is in {wanted} already", [Reason("stage", f"is {current} already")])


def check_step(current: Stage, wanted: Stage, address: str = "ADDRESS") -> None:
    """Allow only the steps in the table.

    Args:
        current: where the version stands.
        wanted: where it is to go.
        address: of the version, for the command that the hint names.

    Raises:
        RefusedError: the table has no such step; the reason names the steps there are, the hint the first
            one on the way.
    """
    if wanted not in _STEPS[current]:
        allowed = ", ".join(sorted(stage.value for stage in _STEPS[current]))
        reason = Reason("stage", f"from {current} a version can go to {allowed}", f"asked for {wanted}")
        raise RefusedError(
            f"there is no step {current} -> {wanted}", [reason], hint=_way(current, wanted, address)
        )


def _way(current: Stage, wanted: Stage, address: str) -> str:
    """Say which step to take first; nothing where the version stands there already."""
    if current is wanted:
        return ""
    first = next((each for each in _STEPS[current] if wanted in _STEPS[each]), None)
    first = first or next(iter(_STEPS[current]))  # two steps on the way: only one leads out
    command = f"promote {address} --stage staging" if first is Stage.STAGING else f"{_VERBS[first]} {address}"
    return f"go to {first} first: assay {command}"
