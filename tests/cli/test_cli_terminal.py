"""What reaches the terminal: nothing that steers it, everything that informs."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.cli.doctor import OK, PROBLEM, WARNING, clock_skew, judge_isolation
from assay.cli.options import numbers, one_address, pairs
from assay.cli.terminal import EXIT_CODES, cell, clean, print_table, progress_bars, size
from assay.core.errors import LEAVES, BadInputError

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


@given(st.text())
def test_no_text_can_steer_the_terminal(text):
    shown = clean(text)
    assert len(shown) == len(text)
    assert all(letter >= " " or letter in "\n\t" for letter in shown)
    assert not set(shown) & {"\x1b", "\x9b", "\x7f", "\u202e", "\u200b"}


def test_markup_in_what_others_wrote_is_shown_and_not_obeyed(capsys):
    print_table("[red]title[/]", ("name",), [("[bold]x[/bold]",)])
    out = capsys.readouterr().out
    assert "[bold]x[/bold]" in out
    assert "[red]title[/]" in out


def test_every_leaf_has_its_own_exit_code():
    assert set(EXIT_CODES) == {leaf.kind for leaf in LEAVES}
    assert sorted(EXIT_CODES.values()) == [2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (5 * 1024**3, "5.0 GiB"), (2**50, "1048576.0 GiB")],
)
def test_sizes_are_readable(size_bytes, text):
    assert size(size_bytes) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (True, "yes"), (0.1 + 0.2, "0.3"), (NOON, "2026-01-02 12:00:00Z"), (("a", 1), "a, 1")],
)
def test_values_are_readable(value, text):
    assert cell(value) == text


def test_progress_may_be_reported_where_nobody_watches():
    with progress_bars() as report:
        report(1, 2, "name")


@pytest.mark.parametrize(
    ("address", "model", "version", "expected"),
    [
        ("a/b/v1.0.0", "", "", "a/b/v1.0.0"),
        (None, "a/b", "v1.0.0", "a/b/v1.0.0"),
        (None, "a/b", "12", "a/b/12"),
        (None, "a/b", "@production", "a/b@production"),
    ],
)
def test_a_version_is_named_as_a_whole_or_in_two_parts(address, model, version, expected):
    assert one_address(address, model, version) == expected


@pytest.mark.parametrize(
    ("address", "model", "version"),
    [(None, "", ""), ("a/b/1", "a/b", "1"), (None, "a/b", ""), (None, "", "1"), ("a/b/1", "", "1")],
)
def test_half_a_name_or_two_are_refused(address, model, version):
    with pytest.raises(BadInputError):
        one_address(address, model, version)


def test_all_broken_pairs_are_named_at_once():
    with pytest.raises(BadInputError) as caught:
        pairs(["a=1", "b", "=c"], "tag")
    assert len(caught.value.reasons) == 2
    with pytest.raises(BadInputError) as caught:
        numbers(["a=x", "b=1", "c=y"], "metric")
    assert [reason.field for reason in caught.value.reasons] == ["metric.a", "metric.c"]


@pytest.mark.parametrize(("skew_s", "state"), [(0, OK), (-4, OK), (6, WARNING), (-3600, WARNING)])
def test_a_wrong_clock_is_noticed(skew_s, state):
    assert clock_skew(NOON, NOON + timedelta(seconds=skew_s)).state == state


def test_what_the_kernel_does_not_give_is_a_warning():
    full = {"landlock": 4, "network": "none", "system_calls": "filtered"}
    assert {each.state for each in judge_isolation(full)} == {OK}
    bare = {"landlock": 0, "network": "host", "system_calls": "open"}
    assert {each.state for each in judge_isolation(bare)} == {WARNING}


def test_doctor_ends_with_7_when_the_server_is_away(assay):
    done = assay("--url", "http://127.0.0.1:9", "doctor", "--json")
    assert done.code == 7
    states = {each["what"]: each["state"] for each in done.json}
    assert states["server"] == PROBLEM
    assert states["python"] == OK


def test_doctor_looks_at_everything(stocked, assay, tmp_path):
    done = assay("doctor", "--data", tmp_path / "new", "--json")
    assert done.code == 0, done.out
    looked_at = {each["what"] for each in done.json}
    assert {"python", "assay", "server", "clock", "login", "data directory", "disk", "uv"} <= looked_at
    assert any(each.startswith("sandbox") for each in looked_at)
    assert not (tmp_path / "new").exists()
