"""What runs, metrics, parameters, tags, data sets and their names may be."""

import math
import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.errors import BadInputError
from assay.core.tracking.datasets import CONTEXT_TAG, Dataset, DatasetInput
from assay.core.tracking.experiments import check_experiment_name
from assay.core.tracking.keys import check_key, check_value, invalid
from assay.core.tracking.logged_models import LoggedModelStatus, check_logged_model_name
from assay.core.tracking.metrics import MAX_WHOLE, Point, check_point, newest, rank
from assay.core.tracking.run_names import name_for
from assay.core.tracking.runs import (
    MAX_BATCH,
    MAX_METRICS,
    MAX_PARAMS,
    MAX_TAGS,
    Batch,
    RunStatus,
    check_run_id,
    check_unchanged,
)

numbers = st.floats(allow_nan=True, allow_infinity=True)
points = st.builds(Point, st.sampled_from(["a", "b"]), numbers, st.integers(0, 3), st.integers(-3, 3))


def refused(act, *words, match):
    with pytest.raises(BadInputError, match=match) as caught:
        act(*words)
    return caught.value


@pytest.mark.parametrize(
    "key", ["a", "a/b", "a.b", "a-b_c d", "A:1", "é", "10", ".a", "a..b", "x" * 250, "a/.b", " a "]
)
def test_a_key_may_be_whatever_stands_only_for_itself(key):
    assert check_key(key) == key


@pytest.mark.parametrize(
    "key",
    [
        *(
            "../x",
            "..",
            ".",
            "a//b",
            "a/../b",
            "./a",
            "a/.",
            "a/",
            "/a",
            "//a",
            "",
            "a/./b",
            "..a/b",
            "../../etc/passwd",
        ),
        *(
            "a'b",
            'a"b',
            "a;b",
            "a\\b",
            "a\nb",
            "a\0b",
            "a|b",
            "a%2fb",
            "<b>",
            "a,b",
            "☃",
            "a\u202eb",
            "\ud800",
        ),
    ],
)
def test_a_key_that_could_mean_another_or_a_path_is_refused(key):
    error = refused(
        check_key, key, "metrics[3].name", match=r"Invalid value .* for parameter 'metrics\[3\].name'"
    )
    assert [each.field for each in error.reasons] == ["metrics[3].name"]


def test_a_key_has_at_most_250_letters():
    refused(check_key, "x" * 251, "key", "Param key", match="'Param key' exceeds the maximum length of 250")


@given(st.text(max_size=20))
def test_an_accepted_key_is_a_path_of_its_own(text):
    try:
        key = check_key(text)
    except BadInputError:
        return
    assert posixpath.normpath(f"/top/{key}") == f"/top/{key}"


def test_values_are_kept_whole_or_refused_and_never_cut():
    assert check_value("x" * 10, "value", 10) == "x" * 10
    refused(check_value, "x" * 11, "value", 10, match="'value' exceeds the maximum length of 10 characters")
    refused(check_value, "\0", "value", 10, match="NUL")
    refused(check_value, "\ud800", "value", 10, match="surrogates")


@pytest.mark.parametrize("value", [None, 5, "x" * 10_000, {"a": object()}, ["\ud800"], math.nan])
def test_a_refusal_shows_any_value_briefly(value):
    assert len(str(invalid("field", value))) < 1000


@pytest.mark.parametrize("at_ms", [-1, MAX_WHOLE + 1])
def test_a_point_has_a_time_of_63_bits(at_ms):
    error = refused(check_point, Point("m", 1.0, at_ms), "metrics[0].", match="nonnegative long")
    assert error.reasons[0].field == "metrics[0].timestamp"


@pytest.mark.parametrize("step", [-MAX_WHOLE - 1, MAX_WHOLE + 1])
def test_a_point_has_a_step_of_64_bits(step):
    refused(check_point, Point("m", 1.0, 0, step), match="valid long")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.0, 1e308])
def test_a_point_may_have_any_number(value):
    point = Point("m", value, MAX_WHOLE, -MAX_WHOLE)
    assert check_point(point) is point


@given(st.lists(points, max_size=8), st.randoms())
def test_the_point_that_counts_does_not_depend_on_the_order_of_arrival(sent, chance):
    shuffled = sorted(sent, key=lambda _: chance.random())
    one, other = newest(sent), newest(shuffled)
    assert {key: rank(point) for key, point in one.items()} == {
        key: rank(point) for key, point in other.items()
    }
    for key, point in one.items():
        assert all(rank(each) <= rank(point) for each in sent if each.key == key)


@given(numbers)
def test_nan_counts_less_than_every_number(value):
    nan, point = Point("m", math.nan, 1), Point("m", value, 1)
    assert newest([nan, point])["m"] is (nan if math.isnan(value) else point)
    assert newest([point, nan])["m"] is point
    assert rank(Point("m", math.nan, 0, 1)) > rank(Point("m", math.inf, 9, 0))


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ((MAX_METRICS + 1, 0, 0), "at most 1000 metrics. Got 1001 metrics"),
        ((0, MAX_PARAMS + 1, 0), "at most 100 params. Got 101 params"),
        ((0, 0, MAX_TAGS + 1), "at most 100 tags. Got 101 tags"),
        ((900, 60, 41), "at most 1000 metrics, params, and tags. Got 1001"),
    ],
)
def test_a_batch_has_limits(sizes, words):
    refused(batch, *sizes, match=words)


def test_a_batch_up_to_the_limits_is_taken():
    assert sum(map(len, (batch(900, 60, 40).metrics, *batch(1, 1, 1).params, *batch(1, 1, 1).tags))) > 900
    assert len(batch(MAX_BATCH, 0, 0).metrics) == MAX_BATCH


def batch(metrics, params, tags):
    return Batch(
        tuple(Point(f"m{number}", 1.0, 0) for number in range(metrics)),
        {f"p{number}": "x" for number in range(params)},
        {f"t{number}": "x" for number in range(tags)},
    )


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ({"metrics": (Point("m", 1.0, 0), Point("a//b", 1.0, 0))}, "metrics[1].name"),
        ({"metrics": (Point("m", 1.0, -5),), "params": {"p": "1"}}, "metrics[0].timestamp"),
        ({"params": {"a": "1", "../x": "1"}}, "params[1].key"),
        ({"params": {"p": "x" * 65_536}}, "Param value"),
        ({"tags": {"a": "1", "b": "2", "": "3"}}, "tags[2].key"),
        ({"tags": {"a": "x" * 1_000_001}}, "value"),
        ({"metrics": (Point("a//b", 1.0, 0),), "alone": True}, "name"),
        ({"params": {"a//b": "1"}, "alone": True}, "key"),
    ],
)
def test_what_breaks_a_rule_in_a_batch_is_named_by_its_place(bad, field):
    with pytest.raises(BadInputError) as caught:
        Batch(**bad)
    assert [each.field for each in caught.value.reasons] == [field]


def test_long_values_are_kept_whole():
    assert len(Batch(params={"p": "x" * 65_535}).params["p"]) == 65_535
    assert len(Batch(tags={"t": "x" * 1_000_000}).tags["t"]) == 1_000_000


def test_a_parameter_never_changes_and_all_that_would_are_named():
    before = {"a": "1", "b": "2", "c": "3"}
    check_unchanged("r", before, Batch(params={"a": "1", "d": "4"}))
    check_unchanged("r", {}, Batch(params=before))
    wanted = Batch(params={"a": "9", "b": "2", "c": "8"})
    error = refused(check_unchanged, "r", before, wanted, match="Changing param values is not allowed")
    assert [each.field for each in error.reasons] == ["a", "c"]
    alone = Batch(params={"a": "9"}, alone=True)
    refused(check_unchanged, "r", before, alone, match="Param with key='a' was already logged with value='1'")


def test_an_empty_value_differs_from_another():
    refused(check_unchanged, "r", {"a": ""}, Batch(params={"a": "x"}), match="Changing param values")


@pytest.mark.parametrize("text", ["a", "0" * 32, "A-b_c", "x" * 256])
def test_ids_of_runs(text):
    assert check_run_id(text) == text


@pytest.mark.parametrize("text", ["", "-a", "_a", "a/b", "..", "a b", "x" * 257, "a\n", "a.b", "é"])
def test_what_is_no_id_of_a_run(text):
    refused(check_run_id, text, match="for parameter 'run_id'")


@pytest.mark.parametrize("status", RunStatus)
def test_a_status_is_read_in_any_case(status):
    assert RunStatus.parse(status.value.lower()) is status


@pytest.mark.parametrize("text", ["", "DONE", "RUNNING ", "1", "None"])
def test_a_status_that_does_not_exist_is_refused(text):
    refused(RunStatus.parse, text, match="Valid values are RUNNING, SCHEDULED, FINISHED, FAILED, KILLED")
    refused(LoggedModelStatus.parse, text, match="Valid values are LOGGED_MODEL_PENDING")


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("name", 500),
        ("digest", 36),
        ("source_type", 36),
        ("source", 65_535),
        ("schema", 1_048_575),
        ("profile", 16_777_215),
    ],
)
def test_a_data_set_says_at_most_so_much(name, limit):
    said = {"name": "n", "digest": "d", name: "x" * limit}
    assert len(getattr(Dataset(**said), name)) == limit
    said[name] += "x"
    refused(lambda: Dataset(**said), match=f"exceeds the maximum length of {limit} characters")


def test_tags_of_inputs_have_limits_and_one_says_what_for():
    data = Dataset("n", "d")
    assert DatasetInput(data).context == ""
    assert DatasetInput(data, {CONTEXT_TAG: "training", "k" * 255: "v" * 500}).context == "training"
    refused(DatasetInput, data, {"k" * 256: "v"}, match="255")
    refused(DatasetInput, data, {"k": "v" * 501}, match="500")


def test_names_of_experiments():
    assert check_experiment_name("x" * 500) == "x" * 500
    assert check_experiment_name("../é ☃ <b>") == "../é ☃ <b>"  # a name, never a path
    for name, words in (
        ("", "Invalid"),
        (" \t", "Invalid"),
        ("x" * 501, "500"),
        ("a\0", "NUL"),
        ("\ud800", "NUL"),
    ):
        refused(check_experiment_name, name, match=words)


@pytest.mark.parametrize("name", ["model", "é ☃", "a-b_c", "x" * 300])
def test_names_of_logged_models(name):
    assert check_logged_model_name(name) == name


@pytest.mark.parametrize("name", ["", *(f"a{letter}b" for letter in "/:.%\"'")])
def test_names_that_addresses_could_not_hold_are_refused(name):
    refused(check_logged_model_name, name, match="Invalid model name")


@given(st.integers(0, 2**64 - 1))
def test_a_run_without_a_name_gets_one_that_can_be_said(number):
    quality, creature, place = name_for(number).split("-")
    assert quality.isascii()
    assert creature.isalpha()
    assert 0 <= int(place) < 1000
    assert name_for(number) == name_for(number)
    assert check_key(name_for(number))


def test_names_of_runs_differ():
    assert len({name_for(number) for number in range(50_000)}) == 50_000
