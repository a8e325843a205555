"""What every store must do with points, parameters and tags of runs."""

import math
from contextlib import closing

import pytest

from assay.core.errors import BadInputError
from assay.core.tracking.metrics import Point, rank
from assay.core.tracking.runs import Batch
from assay.core.tracking.sampling import even_places
from contracts.tracking_samples import FOREIGN_CURSORS, all_pages, experiment, log, points, run

NAN, INF = math.nan, math.inf


@pytest.fixture
def stored(database):
    """A database with the runs a and b."""
    with database.write() as records:
        records.experiments.add(experiment(number=1))
        for name in "ab":
            records.runs.add(run(name), {"t": "1"})
    return database


def history(database, run_id="a", key="loss", limit=1000):
    def ask(cursor):
        with database.read() as records:
            return records.run_logs.history(run_id, key, limit, cursor)

    return all_pages(ask)


def shown(database, run_id="a"):
    """What counts of each metric, NaN as a word."""
    with database.read() as records:
        (found,) = records.runs.logged([run_id])
    return {each.key: (each.step, each.timestamp_ms, words(each.value)) for each in found.metrics}


def words(value):
    return "NaN" if math.isnan(value) else value


def plain(found):
    return [(each.timestamp_ms, each.step, words(each.value)) for each in found]


def test_points_are_stored_once_however_often_they_are_sent(stored):
    sent = (*points(1, 2, 3), *points(2, 2))
    for _ in range(3):
        log(stored, "a", *sent, *sent)
    assert plain(history(stored)) == [(0, 0, 1.0), (0, 0, 2.0), (1, 1, 2.0), (2, 2, 3.0)]
    assert history(stored, "b") == []


def test_nan_and_infinities_are_kept_exactly_and_once(stored):
    values = [NAN, INF, -INF, 0.0, -0.0, 5e-324, 1.7976931348623157e308, 0.1 + 0.2, 2**53 + 1.0]
    for _ in range(2):
        log(stored, "a", *(Point("loss", value, at) for at, value in enumerate(values)))
    assert [words(each.value) for each in history(stored)] == [words(value) for value in values]
    log(stored, "a", Point("one", NAN, 1, 1), Point("one", NAN, 1, 1), Point("one", 0.0, 1, 1))
    assert len(history(stored, key="one")) == 2


def test_numbers_come_back_after_opening_again(open_database):
    with closing(open_database()) as one, one.write() as records:
        records.experiments.add(experiment(number=1))
        records.runs.add(run("a"), {})
        records.run_logs.log("a", Batch((Point("loss", NAN, 3, -7), Point("loss", -INF, 3, 8))))
    with closing(open_database()) as two:
        assert plain(history(two)) == [(3, -7, "NaN"), (3, 8, -INF)]
        assert shown(two) == {"loss": (8, 3, -INF)}


@pytest.mark.parametrize(
    ("sent", "counts"),
    [
        ([(0, 1, 5.0), (1, 0, 1.0)], (1, 0, 1.0)),
        ([(1, 0, 1.0), (0, 1, 5.0)], (1, 0, 1.0)),
        ([(1, 3, 1.0), (1, 2, 5.0)], (1, 3, 1.0)),
        ([(1, 2, 1.0), (1, 2, 5.0), (1, 2, 3.0)], (1, 2, 5.0)),
        ([(-5, 9, 1.0), (-4, 0, 2.0)], (-4, 0, 2.0)),
        ([(0, 0, NAN), (0, 0, -INF)], (0, 0, -INF)),
        ([(0, 0, 1.0), (0, 0, NAN)], (0, 0, 1.0)),
        ([(0, 0, 1.0), (1, 0, NAN)], (1, 0, "NaN")),
        ([(0, 0, INF), (0, 0, 1e308)], (0, 0, INF)),
    ],
    ids=str,
)
@pytest.mark.parametrize("together", [True, False], ids=["together", "one by one"])
def test_the_point_that_counts_is_greatest_by_step_time_and_value(stored, sent, counts, together):
    sent = [Point("loss", value, at, step) for step, at, value in sent]
    for batch in [sent] if together else [[each] for each in sent]:
        log(stored, "a", *batch)
    assert shown(stored) == {"loss": counts}
    best = max(sent, key=rank)
    assert (best.step, best.timestamp_ms, words(best.value)) == counts


def test_negative_steps_and_far_numbers_are_kept(stored):
    edge = 2**63 - 1
    sent = [Point("loss", 1.0, 0, -edge), Point("loss", 2.0, edge, edge), Point("loss", 3.0, 5, -1)]
    log(stored, "a", *sent)
    assert plain(history(stored)) == [(0, -edge, 1.0), (5, -1, 3.0), (edge, edge, 2.0)]
    assert shown(stored) == {"loss": (edge, edge, 2.0)}


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 1000])
def test_a_history_is_paged_by_time_step_and_value_with_ties(stored, limit):
    sent = [(2, 0, 1.0), (2, 0, NAN), (2, 0, -1.0), (2, -1, 5.0), (1, 9, 1.0), (2, 0, INF), (3, 0, 1.0)]
    log(stored, "a", *(Point("loss", value, at, step) for at, step, value in sent))
    found = plain(history(stored, limit=limit))
    assert sorted(map(str, found)) == sorted(str((at, step, words(value))) for at, step, value in sent)
    assert [each[:2] for each in found] == sorted(each[:2] for each in sent)
    numbers = [each[2] for each in found if each[:2] == (2, 0) and each[2] != "NaN"]
    assert numbers == [-1.0, 1.0, INF]


def test_points_logged_meanwhile_neither_shift_nor_repeat_a_page(stored):
    log(stored, "a", *points(*range(10), at=100))
    with stored.read() as records:
        first = records.run_logs.history("a", "loss", 4)
    log(stored, "a", *points(5, 5, 5, at=0))
    with stored.read() as records:
        second = records.run_logs.history("a", "loss", 100, first.next_cursor)
    assert [each.value for each in (*first.items, *second.items)] == [*range(10)]


@pytest.mark.parametrize("cursor", FOREIGN_CURSORS)
def test_a_cursor_of_ones_own_making_is_refused(stored, cursor):
    log(stored, "a", *points(1, 2))
    with stored.read() as records, pytest.raises(BadInputError, match="Invalid page token"):
        records.run_logs.history("a", "loss", 1, cursor)


def test_a_long_history_comes_whole_in_pages(stored):
    count = 100_000
    for start in range(0, count, 1000):
        log(stored, "a", *points(*range(start, start + 1000), at=start))
    found = history(stored, limit=25_000)
    # points() counts steps anew in each batch; times and values go on
    assert [each.timestamp_ms for each in found] == [*range(count)]
    assert [each.value for each in found] == [*range(count)]
    with stored.read() as records:
        some = records.run_logs.sampled(["a"], "loss", 320)["a"]
    assert len(some) == 320
    assert [each.step for each in some] == sorted(each.step for each in some)


@pytest.mark.parametrize("limit", [1, 2, 3, 10, 99, 100, 101])
def test_a_sample_has_the_points_at_even_places(stored, limit):
    log(stored, "a", *points(*range(100)))
    log(stored, "b", *points(*range(30)))
    with stored.read() as records:
        found = records.run_logs.sampled(["b", "a"], "loss", limit)
    assert list(found) == ["b", "a"]
    assert [each.step for each in found["a"]] == list(even_places(100, limit))
    assert [each.step for each in found["b"]] == list(even_places(30, limit))


def test_of_many_points_at_one_step_some_are_sampled(stored):
    log(stored, "a", *(Point("loss", float(at), at, 7) for at in range(100)))
    with stored.read() as records:
        found = records.run_logs.sampled(["a"], "loss", 12)["a"]
    assert [each.timestamp_ms for each in found] == list(even_places(100, 12))


def test_a_sample_is_by_step_also_where_time_ran_backwards(stored):
    log(stored, "a", *(Point("loss", float(step), 1000 - step, step) for step in range(-5, 5)))
    with stored.read() as records:
        assert [each.step for each in records.run_logs.sampled(["a"], "loss", 100)["a"]] == [*range(-5, 5)]
        inside = records.run_logs.sampled(["a"], "loss", 100, (-2, 1))["a"]
        assert [each.step for each in inside] == [-2, -1, 0, 1]
        assert records.run_logs.sampled(["a"], "loss", 2, (50, 60)) == {"a": ()}
        assert records.run_logs.sampled(["a"], "none", 2) == {"a": ()}
        assert records.run_logs.sampled(["none"], "loss", 2) == {"none": ()}


def test_metrics_of_one_run_do_not_mix(stored):
    log(stored, "a", *points(1, key="m"), *points(2, key="M"), *points(3, key="m/x"))
    log(stored, "b", *points(4, key="m"))
    for key, value in (("m", 1.0), ("M", 2.0), ("m/x", 3.0)):
        assert [each.value for each in history(stored, key=key)] == [value]
    assert [each.value for each in history(stored, "b", "m")] == [4.0]


def test_parameters_stay_as_they_were_said_first(stored):
    log(stored, "a", params={"p": "1", "q": ""})
    log(stored, "a", params={"p": "other", "r": "x" * 60_000})
    with stored.read() as records:
        assert records.run_logs.params("a") == {"p": "1", "q": "", "r": "x" * 60_000}
        assert records.run_logs.params("b") == records.run_logs.params("none") == {}


def test_tags_are_overwritten_and_taken_away(stored):
    log(stored, "a", tags={"t": "2", "u": "é"})
    with stored.write() as records:
        assert records.run_logs.remove_tag("a", "u")
        assert not records.run_logs.remove_tag("a", "u")
        assert not records.run_logs.remove_tag("none", "t")
        one, other = records.runs.logged(["a", "b"])
    assert (one.tags, other.tags) == ({"t": "2"}, {"t": "1"})


def test_a_batch_is_stored_whole_or_not_at_all(stored):
    def stop():
        with stored.write() as records:
            records.run_logs.log("a", Batch(points(1, 2), {"p": "1"}, {"t": "9"}))
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        stop()
    assert history(stored) == []
    with stored.read() as records:
        (found,) = records.runs.logged(["a"])
    assert (found.metrics, found.params, found.tags) == ((), {}, {"t": "1"})


def test_logging_to_a_run_that_is_not_there_changes_nothing(stored):
    log(stored, "none", *points(1), params={"p": "1"}, tags={"t": "1"})
    assert history(stored, "none") == []
