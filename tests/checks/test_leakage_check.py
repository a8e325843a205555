"""Check ``leakage`` counts what a person with two printed tables would count."""

import math
import unicodedata
from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.checks.leakage import MAX_EXAMPLES, Leakage, compare
from assay.checks.tables import TableProblem

DAY = datetime.fromisoformat("2024-01-01")
COUNTS = (
    "feature_duplicates",
    "labelled_duplicates",
    "conflicting_duplicates",
    "duplicates_within_evaluation",
    "evaluation_inside_training",
    "training_rows",
    "evaluation_rows",
    "examples",
)


def meaning(value):
    """One value as it is compared, written down a second time and plainly."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    return value  # Python has 1 == 1.0 == True and -0.0 == 0.0 with equal hashes


def by_hand(training, evaluation, features, label):
    """The counts by comparing every row with every row."""

    def key(row, names):
        return tuple(meaning(row[name]) for name in names)

    names = [*features, *([label] if label else [])]
    twins, exact, seen, repeated = [], 0, set(), 0
    for index, row in enumerate(evaluation):
        if any(key(other, features) == key(row, features) for other in training):
            twins.append(index)
        exact += any(key(other, names) == key(row, names) for other in training)
        repeated += key(row, names) in seen
        seen.add(key(row, names))
    return {
        "feature_duplicates": len(twins),
        "labelled_duplicates": exact if label else 0,
        "conflicting_duplicates": len(twins) - exact,
        "duplicates_within_evaluation": repeated,
        "evaluation_inside_training": exact == len(evaluation),
        "training_rows": len(training),
        "evaluation_rows": len(evaluation),
        "examples": twins[:MAX_EXAMPLES],
    }


def rows_of(text, number, label):
    row = st.fixed_dictionaries({"t": text, "n": number, "y": label})
    return st.lists(row, min_size=1, max_size=25)


TEXTS = st.sampled_from([None, "", "a", "e\u0301", "\u00e9", "NA", "1"])
FLOATS = st.sampled_from([None, math.nan, 0.0, -0.0, 1.0, 2.0, 0.5])
WHOLES = st.sampled_from([None, 0, 1, 2])
LABELS = st.sampled_from(["x", "y"])
SCHEMA = {"t": pl.String, "n": pl.Float64, "y": pl.String}


@settings(max_examples=150, deadline=None)
@given(
    training=rows_of(TEXTS, FLOATS, LABELS),
    evaluation=rows_of(TEXTS, WHOLES, LABELS),
    label=st.sampled_from(["y", ""]),
)
def test_counts_equal_those_by_hand(training, evaluation, label):
    left = pl.DataFrame(training, schema=SCHEMA)
    right = pl.DataFrame(evaluation, schema={**SCHEMA, "n": pl.Int64})
    facts = compare(left.lazy(), right.lazy(), label, {"t": True, "n": True})
    assert {name: facts[name] for name in COUNTS} == by_hand(training, evaluation, ["t", "n"], label)


@pytest.mark.parametrize("injected", [0, 1, 37])
@pytest.mark.parametrize("flipped", [0, 5])
def test_injected_leaks_are_found_exactly(injected, flipped):
    training = pl.DataFrame({"a": range(5000), "b": [i / 7 for i in range(5000)], "y": [0] * 5000})
    flipped = min(flipped, injected)
    copied = training.sample(injected, seed=3).with_columns(
        y=pl.Series([1] * flipped + [0] * (injected - flipped), dtype=pl.Int64)
    )
    fresh = pl.DataFrame({"a": range(-900, 0), "b": [i / 7 for i in range(900)], "y": [0] * 900})
    evaluation = pl.concat([fresh, copied]).sample(fraction=1, shuffle=True, seed=4)
    facts = compare(training.lazy(), evaluation.lazy(), "y", None)
    assert facts["feature_duplicates"] == injected
    assert facts["conflicting_duplicates"] == flipped
    assert facts["labelled_duplicates"] == injected - flipped
    assert facts["columns"] == ["a", "b"]
    assert len(facts["examples"]) == min(injected, MAX_EXAMPLES)
    leaked = evaluation["a"] >= 0
    assert facts["examples"] == leaked.arg_true().head(MAX_EXAMPLES).to_list()


def one(left, right, **more):
    tables = [pl.DataFrame({"x": each}).lazy() for each in (left, right)]
    return compare(*tables, "", None, **more)


@pytest.mark.parametrize(
    ("left", "right", "twins"),
    [
        ([1], [1.0], 1),
        ([0.0], [-0.0], 1),
        ([True], [1], 1),
        ([1, None], [math.nan], 1),
        ([None], [math.nan], 1),
        (["e\u0301"], ["\u00e9"], 1),
        (["A"], ["a"], 0),
        (pl.Series(["b", "a"], dtype=pl.Categorical), ["a"], 1),
        (pl.Series(["a"], dtype=pl.Enum(["b", "a"])), pl.Series(["a"], dtype=pl.Enum(["a"])), 1),
        (pl.Series([0.1], dtype=pl.Float32), [0.1], 1),
        (pl.Series([0.1], dtype=pl.Float32), [0.2], 0),
        (pl.Series([2**63], dtype=pl.UInt64), pl.Series([-(2**63)], dtype=pl.Int64), 0),
        ([2**53 + 1], [2**53], 0),
        (pl.Series([], dtype=pl.String).extend_constant(None, 2), [1.5, None], 1),
        ([DAY], pl.Series([DAY], dtype=pl.Datetime("ns")), 1),
        (
            pl.Series([DAY.replace(tzinfo=UTC)]),
            pl.Series([DAY.replace(tzinfo=UTC)]).dt.convert_time_zone("Europe/Berlin"),
            1,
        ),
        (pl.Series([1], dtype=pl.Datetime("ns")), pl.Series([0], dtype=pl.Datetime("us")), 0),
        ([date(2024, 1, 1)], [date(2024, 1, 1)], 1),
        ([b"a"], [b"a"], 1),
        ([""], [None], 0),
    ],
)
def test_values_are_compared_by_what_they_mean(left, right, twins):
    assert one(left, right)["feature_duplicates"] == twins


def test_a_column_of_two_widths_is_compared_at_the_narrower_and_says_so():
    assert one(pl.Series([0.1], dtype=pl.Float32), [0.1])["narrowed_columns"] == ["x"]
    assert one([0.1], [0.1])["narrowed_columns"] == []


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (["1"], [1]),
        ([date(2024, 1, 1)], [DAY]),
        ([DAY], pl.Series([DAY.replace(tzinfo=UTC)])),
        (["2024-01-01"], [date(2024, 1, 1)]),
    ],
)
def test_kinds_that_cannot_be_compared_are_a_problem(left, right):
    with pytest.raises(TableProblem, match="dtype_mismatch"):
        one(left, right)


@pytest.mark.parametrize(("left", "right"), [([], [1]), ([1], [])])
def test_an_empty_table_is_a_problem(left, right):
    with pytest.raises(TableProblem, match="empty_table"):
        one(pl.Series(left, dtype=pl.Int64), pl.Series(right, dtype=pl.Int64))


def test_columns_may_have_any_name_and_order():
    training = pl.DataFrame({"row": [1, 2], "c1": [3, 4], "": [5, 6], "len": [7, 8]})
    evaluation = training.select("len", "", "c1", "row").head(1)
    facts = compare(training.lazy(), evaluation.lazy(), "c1", None)
    assert (facts["labelled_duplicates"], facts["columns"]) == (1, ["len", "", "row"])


def test_a_column_that_only_one_side_has_is_a_problem_when_it_is_required():
    training, evaluation = pl.LazyFrame({"a": [1], "y": [1]}), pl.LazyFrame({"a": [1], "b": [1]})
    with pytest.raises(TableProblem, match="b"):
        compare(training, evaluation, "", {"a": True, "b": True})
    with pytest.raises(TableProblem, match="y"):
        compare(training, evaluation, "y", {"a": True})
    with pytest.raises(TableProblem, match="no column to compare"):
        compare(training, evaluation, "", {"b": False})
    assert compare(training, evaluation, "", {"a": True, "b": False})["columns"] == ["a"]


@pytest.mark.parametrize("inputs", [None, {"id": True, "a": True}])
def test_ignored_columns_are_left_out_with_and_without_a_signature(inputs):
    training, evaluation = pl.LazyFrame({"id": [1], "a": [5]}), pl.LazyFrame({"id": [2], "a": [5]})
    assert compare(training, evaluation, "", inputs)["feature_duplicates"] == 0
    assert compare(training, evaluation, "", inputs, ignored=["id"])["feature_duplicates"] == 1


CSV = "zip,age,note,y\n007,30,a,1\n008,31.0,,0\n009,32,x,1\n"


def test_csv_and_parquet_are_compared_by_the_signature(bench, signature):
    table = pl.DataFrame(
        {"zip": ["008", "7"], "age": pl.Series([31, 30], dtype=pl.Int32), "note": [None, "a"], "y": [1, 1]}
    )
    wanted = signature({"zip": "string", "age": "float64", "note": "string"}, "int64")
    case = bench.case(
        None,
        wanted,
        label="y",
        training=bench.table("t.csv", CSV),
        evaluation=bench.table("e.parquet", table),
    )
    found = Leakage().measure(case)
    assert found.problem == ""
    assert {name: found.facts[name] for name in COUNTS} == {
        "feature_duplicates": 1,
        "labelled_duplicates": 0,
        "conflicting_duplicates": 1,
        "duplicates_within_evaluation": 0,
        "evaluation_inside_training": False,
        "training_rows": 3,
        "evaluation_rows": 2,
        "examples": [0],
    }
    assert (found.facts["same_digest"], found.facts["columns"]) == (False, ["zip", "age", "note"])
    references = case.version.provenance.data
    assert found.data == {each.role.value: each.digest for each in references}


def test_the_same_file_on_both_sides_is_told_by_its_digest_even_when_its_bytes_are_not_here(bench):
    path = bench.table("t.csv", CSV)
    found = Leakage().measure(bench.case(training=path, evaluation=path))
    assert (found.facts["same_digest"], found.facts["evaluation_inside_training"]) == (True, True)
    found = Leakage().measure(bench.case(training=path, evaluation=path, stored=False))
    assert found.facts == {"same_digest": True}
    assert "the same file" in found.problem
    assert "--training-data FILE --upload-data" in found.problem


def test_training_bytes_that_are_not_here_are_a_problem_that_says_how_to_supply_them(bench):
    paths = {"training": bench.table("t.csv", CSV), "evaluation": bench.table("e.csv", CSV + "1,2,3,4\n")}
    found = Leakage().measure(bench.case(**paths, stored=False))
    assert found.facts == {"same_digest": False}
    assert "--training-data FILE --upload-data" in found.problem


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ignore_columns": "zip"}, "ignore_columns"),
        ({"ignore_columns": [1]}, "ignore_columns"),
        ({"ignore_columns": 5}, "ignore_columns"),
        ({"label": ["y"]}, "label"),
        ({"label": "gone"}, "gone"),
    ],
)
def test_settings_of_any_shape_are_a_problem_not_a_fault(bench, settings, words):
    path = bench.table("t.csv", CSV)
    found = Leakage().measure(bench.case(settings=settings, training=path, evaluation=path))
    assert words in found.problem
