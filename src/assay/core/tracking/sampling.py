"""Which points of long histories make a curve: as MLflow's server chooses them."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence


def chosen_steps(
    histories: Sequence[Sequence[int]], limit: int, span: tuple[int, int] | None = None
) -> tuple[int, ...]:
    """Return the steps to show of several histories, so that curves laid over each other share them.

    The steps that occur anywhere are taken at even distances; the last one, and the first and the last
    of each history, are always among them, so that there may be some more than ``limit``.

    Args:
        histories: the steps of each, each once, ascending.
        limit: at least 1.
        span: only the steps from the first to the second, both included.
    """
    everywhere = sorted(set().union(*histories))
    if span is not None:
        everywhere = everywhere[bisect_left(everywhere, span[0]) : bisect_right(everywhere, span[1])]
    if len(everywhere) <= limit:
        return tuple(everywhere)
    low, high = everywhere[0], everywhere[-1]
    distance = len(everywhere) / limit
    even = {everywhere[int(place * distance)] for place in range(limit)}
    ends = {step for steps in histories if steps for step in (steps[0], steps[-1]) if low <= step <= high}
    return tuple(sorted({*even, high, *ends}))


def even_places(count: int, limit: int) -> tuple[int, ...]:
    """Return at most ``limit`` (at least 1) of the places 0 to ``count`` - 1, evenly chosen.

    The first and the last are among them; a limit of one leaves the last.
    """
    if count <= limit:
        return tuple(range(count))
    if limit == 1:
        return (count - 1,)
    return tuple(sorted({round(place * (count - 1) / (limit - 1)) for place in range(limit)}))
