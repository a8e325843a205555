"""Reading a check's settings: JSON that a policy or a person wrote, so of any shape."""

import math
from collections.abc import Mapping
from typing import Any

from assay.core.evidence import LACKS, Measurement
from assay.core.measuring import CheckCase


class CheckProblem(Exception):  # noqa: N818 - a finding about what was given, not a fault of the registry
    """Data or settings cannot serve; the message says why and what to do.

    Attributes:
        lacks: what the version itself lacks, so that no later run can find otherwise; "" for other reasons.
    """

    def __init__(self, message: str, lacks: str = "") -> None:
        """Keep the reason."""
        super().__init__(message)
        self.lacks = lacks


def unmeasured(problem: Exception) -> Measurement:
    """Return what a check says that could not measure because of ``problem``."""
    lacks = problem.lacks if isinstance(problem, CheckProblem) else ""
    return Measurement(facts={LACKS: lacks} if lacks else {}, problem=str(problem))


def text(case: CheckCase, name: str, default: str = "") -> str:
    """Return a text; missing, null and "" give ``default``.

    Raises:
        CheckProblem: it is something else.
    """
    value = case.settings.get(name)
    if value is None or value == "":
        return default
    if not isinstance(value, str):
        raise CheckProblem(f"setting {name} must be a text")
    return value


def texts(value: Any, name: str) -> list[str]:
    """Return a list of texts; null gives an empty one.

    Raises:
        CheckProblem: it is something else.
    """
    if value is None:
        return []
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
        raise CheckProblem(f"setting {name} must be a list of texts")
    return list(value)


def scalar(value: Any, name: str) -> str | int | float | bool | None:
    """Return a text, finite number, truth value or null.

    Raises:
        CheckProblem: it is something else.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise CheckProblem(f"setting {name} must be finite")
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise CheckProblem(f"setting {name} must be a text, a number or a truth value")


def positive(settings: Mapping[str, Any], name: str) -> float:
    """Return a finite number above 0.

    Raises:
        CheckProblem: it is missing or something else.
    """
    value = settings.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise CheckProblem(f"setting {name} must be a number above 0")
    return float(value)


def share(settings: Mapping[str, Any], name: str, default: float) -> float:
    """Return a number from 0 to 1.

    Raises:
        CheckProblem: it is something else.
    """
    value = settings.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise CheckProblem(f"setting {name} must be a number from 0 to 1")
    return float(value)
