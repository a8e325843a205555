"""Facts are read safely, whatever they are."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.errors import BadInputError
from assay.core.evidence import Measurement
from assay.gates import weighing

READERS = [
    weighing.number,
    weighing.amount,
    weighing.count,
    weighing.flag,
    weighing.text,
    weighing.texts,
    weighing.rows,
]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("read", READERS)
@given(facts=ANYTHING | st.dictionaries(st.just("x"), ANYTHING, min_size=1))
def test_reading_never_raises(read, facts):
    read(facts, "x")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, True, False, "1", None, [], {}, 10**400])
def test_what_is_no_finite_number_is_not_read_as_one(value):
    for read in (weighing.number, weighing.amount, weighing.count):
        assert read({"x": value}, "x") is None
    assert weighing.number({}, "x") is None


@pytest.mark.parametrize("value", [0, 3, 0.5, -2])
def test_a_finite_number_is_read(value):
    assert weighing.number({"x": value}, "x") == value
    assert weighing.amount({"x": value}, "x") == (value if value >= 0 else None)


@pytest.mark.parametrize("value", [-1, 1.0, 2.5, 10**12 + 1])
def test_a_count_is_whole_positive_and_bounded(value):
    assert weighing.count({"x": value}, "x") is None
    assert weighing.count({"x": 10**12}, "x") == 10**12
    assert weighing.count({"x": 0}, "x") == 0


@pytest.mark.parametrize("value", [0, 1, "true", None])
def test_only_true_and_false_are_truth_values(value):
    assert weighing.flag({"x": value}, "x") is None
    assert weighing.flag({"x": False}, "x") is False


def test_texts_and_rows_are_all_of_their_kind_or_not_read():
    assert weighing.texts({"x": ["a", 1]}, "x") is None
    assert weighing.texts({"x": "ab"}, "x") is None
    assert weighing.texts({"x": ["a", "b"]}, "x") == ["a", "b"]
    assert weighing.rows({"x": [{}, []]}, "x") is None
    assert weighing.rows({"x": {"a": {}}}, "x") is None
    assert weighing.rows({"x": ({"a": 1},)}, "x") == [{"a": 1}]
    assert weighing.text({"x": "abcdef"}, "x", 3) == "abc"


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_measurement_cannot_even_carry_nan(value):
    with pytest.raises(BadInputError, match="finite"):
        Measurement(facts={"metrics": {"accuracy": value}})


def test_everything_passed_over_is_named(bench):
    gate = bench.passing_gate("metrics")
    wrong = bench.evidence(gate, bench.facts("metrics"), settings={"label": "y"})
    foreign = bench.evidence(gate, bench.facts("metrics"), data={"evaluation": bench.request})
    (reason,) = gate.judge(bench.dossier(wrong, foreign)).reasons
    assert wrong.digest.short in reason
    assert foreign.digest.short in reason
    assert "assay check run" in reason
