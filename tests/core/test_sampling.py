"""Curves of long histories: evenly chosen, first and last kept, as a stock server chooses."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.tracking.sampling import even_places


@given(st.integers(0, 300), st.integers(1, 320))
def test_places_are_even_and_keep_first_and_last(count, limit):
    found = even_places(count, limit)
    assert len(found) == min(count, limit)
    assert list(found) == sorted(set(found))
    if count:
        assert found[-1] == count - 1
    if count and limit > 1:
        assert found[0] == 0
    if len(found) > 2:
        gaps = [after - before for before, after in itertools.pairwise(found[:-1])]
        assert max(gaps) - min(gaps) <= 1


@pytest.mark.parametrize(
    ("count", "limit", "places"),
    [(10, 5, (0, 2, 4, 6, 9)), (10, 4, (0, 3, 6, 9)), (10, 1, (9,)), (3, 5, (0, 1, 2)), (0, 5, ())],
)
def test_places_are_those_that_a_stock_server_chooses(count, limit, places):
    assert even_places(count, limit) == places
