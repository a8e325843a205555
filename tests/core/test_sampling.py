"""Curves of several histories: the same steps for all, evenly chosen, the ends of each kept."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from assay.core.tracking.sampling import chosen_steps, even_places

histories = st.lists(st.lists(st.integers(-20, 60), unique=True).map(sorted), max_size=4)


@given(histories, st.integers(1, 80))
def test_a_curve_keeps_the_ends_of_each_history_and_invents_no_step(steps, limit):
    found = chosen_steps(steps, limit)
    everywhere = set().union(*steps)
    assert list(found) == sorted(set(found))
    assert set(found) <= everywhere
    assert {step for each in steps if each for step in (each[0], each[-1])} <= set(found)
    assert len(found) <= limit + 2 * len(steps) + 1
    if len(everywhere) <= limit:
        assert set(found) == everywhere


@given(histories, st.integers(1, 80), st.integers(-25, 65), st.integers(0, 60))
def test_a_curve_of_a_span_has_no_step_beyond_it(steps, limit, first, width):
    found = chosen_steps(steps, limit, (first, first + width))
    inside = sorted(step for step in set().union(*steps) if first <= step <= first + width)
    assert set(found) <= set(inside)
    if inside:
        assert (found[0], found[-1]) == (inside[0], inside[-1])


def test_steps_are_those_that_a_stock_server_chooses():
    ten, twenty = range(10), range(20)
    assert chosen_steps([ten], 5) == (0, 2, 4, 6, 8, 9)
    assert chosen_steps([ten, twenty], 5) == (0, 4, 8, 9, 12, 16, 19)
    assert chosen_steps([ten], 5, (0, 4)) == (0, 1, 2, 3, 4)


@given(st.integers(0, 200), st.integers(1, 220))
def test_places_are_even_and_keep_first_and_last(count, limit):
    found = even_places(count, limit)
    assert len(found) == min(count, limit)
    if count:
        assert found[-1] == count - 1
    if count and limit > 1:
        assert found[0] == 0
    if len(found) > 2:
        gaps = [after - before for before, after in itertools.pairwise(found)]
        assert max(gaps) - min(gaps) <= 1
