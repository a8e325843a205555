"""Metric points: one number of one run at one step and time."""

import math
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from assay.core.tracking.keys import check_key, invalid, is_key

MAX_WHOLE: Final = 2**63 - 1


class Point(NamedTuple):
    """A logged number. NaN and infinities are kept as they are; neither ever passes a gate.

    A tuple, because a batch holds a thousand and a training logs millions of them.

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


def check_points(points: Sequence[Point], *, alone: bool = False) -> None:
    """Check points that come together; quickly when they are all right, as they nearly always are.

    Args:
        points: as sent.
        alone: the one point was sent without a list, so that errors name no place in one.

    Raises:
        BadInputError: the first that breaks a rule of :func:`check_point`.
    """
    if not points:
        return
    times, steps = [point.timestamp_ms for point in points], [point.step for point in points]
    in_time = min(times) >= 0 and max(times) <= MAX_WHOLE
    in_step = min(steps) >= -MAX_WHOLE and max(steps) <= MAX_WHOLE
    if in_time and in_step and all(map(is_key, {point.key for point in points})):
        return
    for place, point in enumerate(points):
        check_point(point, "" if alone else f"metrics[{place}].")


def newest(points: Iterable[Point]) -> dict[str, Point]:
    """Return for each key the point that counts: greatest by step, then time, then value."""
    found: dict[str, Point] = {}
    for point in points:
        other = found.get(point.key)
        # The step decides nearly always, and is quicker to look at than the whole rank.
        if other is None or point.step > other.step:
            found[point.key] = point
        elif point.step == other.step:
            found[point.key] = max(other, point, key=rank)
    return found


def rank(point: Point) -> tuple[int, int, bool, float]:
    """Return what points of one key are ordered by; NaN comes before every number, infinities too."""
    is_number = not math.isnan(point.value)
    return point.step, point.timestamp_ms, is_number, point.value if is_number else 0.0


def _said(point: Point) -> str:
    return f"metric '{point.key}' (value={point.value})."
