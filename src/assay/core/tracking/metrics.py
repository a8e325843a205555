"""Metric points: one number of one run at one step and time."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from assay.core.errors import BadInputError, Reason
from assay.core.tracking.keys import check_key, invalid

MAX_WHOLE: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Point:
    """A logged number. NaN and infinities are kept as they are; neither ever passes a gate.

    Attributes:
        step: of training; may be negative, may repeat.
        model_id: the logged model it speaks of, "" for none.
        dataset_name, dataset_digest: the data it was computed on, "" where that was not said.
    """

    key: str
    value: float
    timestamp_ms: int
    step: int = 0
    model_id: str = ""
    dataset_name: str = ""
    dataset_digest: str = ""


def check_point(point: Point, field: str = "") -> Point:
    """Return the point when it may be stored.

    Args:
        point: as sent.
        field: where it stands in the request, e.g. ``metrics[0].``.

    Raises:
        BadInputError: a bad key, a negative time, or a step outside 64 bits.
    """
    check_key(point.key, f"{field}name", "Metric name")
    if not 0 <= point.timestamp_ms <= MAX_WHOLE:
        rule = "Timestamp must be a nonnegative long (64-bit integer) "
        raise invalid(f"{field}timestamp", point.timestamp_ms, f"{_said(point)} {rule}")
    if abs(point.step) > MAX_WHOLE:
        rule = "Step must be a valid long (64-bit integer)."
        raise invalid(f"{field}step", point.step, f"{_said(point)} {rule}")
    return point


def newest(points: Iterable[Point]) -> dict[str, Point]:
    """Return for each key the point that counts: greatest by step, then time, then value."""
    found: dict[str, Point] = {}
    for point in points:
        other = found.get(point.key)
        if other is None or rank(point) > rank(other):
            found[point.key] = point
    return found


def rank(point: Point) -> tuple[int, int, bool, float]:
    """Return what points of one key are ordered by; NaN comes before every number, infinities too."""
    is_number = not math.isnan(point.value)
    return point.step, point.timestamp_ms, is_number, point.value if is_number else 0.0


def thinned(points: Iterable[Point], limit: int) -> tuple[Point, ...]:
    """Return at most ``limit`` points, evenly chosen in the order given; the first and last are kept.

    Raises:
        BadInputError: ``limit`` is below 1.
    """
    if limit < 1:
        raise BadInputError("max_results must be above 0", [Reason("max_results", "must be above 0")])
    every = tuple(points)
    if len(every) <= limit:
        return every
    if limit == 1:
        return every[-1:]
    return tuple(every[place * (len(every) - 1) // (limit - 1)] for place in range(limit))


def _said(point: Point) -> str:
    return f"metric '{point.key}' (value={point.value})."
