"""What every store must do with runs: kept, shown with all they logged, put away, brought back."""

import math
from contextlib import closing
from dataclasses import replace

import pytest

from assay.core.errors import ConflictError
from assay.core.tracking.datasets import CONTEXT_TAG, Dataset, DatasetInput, DatasetSummary
from assay.core.tracking.metrics import Point
from assay.core.tracking.runs import LoggedRun, ModelOutput, RunStatus
from contracts.tracking_samples import experiment, log, points, run

TRAIN = DatasetInput(
    Dataset("iris", "d1", "local", "/somewhere", '{"a": 1}', "{}"), {CONTEXT_TAG: "training", "k": "v"}
)
TEST = DatasetInput(Dataset("iris", "d2"), {CONTEXT_TAG: "test"})


@pytest.fixture
def stored(database):
    """A database with two experiments, and the runs a and b in the first, c in the second."""
    with database.write() as records:
        for number in (1, 2):
            records.experiments.add(experiment(f"e{number}", number=number))
        for name, place in (("a", 1), ("b", 1), ("c", 2)):
            records.runs.add(run(name, place), {"t": name})
    return database


def logged(database, *names):
    with database.read() as records:
        return records.runs.logged(names)


def test_what_was_stored_is_there_after_opening_again(open_database):
    wanted = run("R-1_é", 3, 0, name="é ☃", ended_at_ms=2**53, status=RunStatus.KILLED, user="")
    with closing(open_database()) as one, one.write() as records:
        records.runs.add(wanted, {"mlflow.runName": "é ☃", "big": "x" * 100_000})
    with closing(open_database()) as two, two.read() as records:
        assert records.runs.find("R-1_é") == wanted
        assert records.runs.find("r-1_é") is None
        (found,) = records.runs.logged(["R-1_é"])
    assert found == LoggedRun(wanted, tags={"mlflow.runName": "é ☃", "big": "x" * 100_000})


def test_an_id_is_taken_for_ever(stored):
    with pytest.raises(ConflictError), stored.write() as records:
        records.runs.add(run("a", 2), {})
    with stored.write() as records:
        records.runs.save(replace(run("a"), deleted_at_ms=5))
    with pytest.raises(ConflictError), stored.write() as records:
        records.runs.add(run("a", 2), {"t": "other"})
    assert logged(stored, "a")[0].tags == {"t": "a"}


@pytest.mark.parametrize("before", RunStatus)
@pytest.mark.parametrize("after", RunStatus)
def test_every_status_can_follow_every_other(stored, before, after):
    for status in (before, after):
        with stored.write() as records:
            records.runs.save(run("a", status=status, ended_at_ms=9))
    with stored.read() as records:
        assert records.runs.find("a") == run("a", status=after, ended_at_ms=9)


def test_a_run_is_put_away_and_comes_back_whole(stored):
    log(stored, "a", *points(1, 2), params={"p": "1"})
    before = logged(stored, "a")
    with stored.write() as records:
        records.runs.save(replace(run("a"), deleted_at_ms=77))
    with stored.read() as records:
        assert records.runs.find("a").deleted_at_ms == 77
    assert logged(stored, "a")[0].params == {"p": "1"}
    with stored.write() as records:
        records.runs.save(run("a"))
    assert logged(stored, "a") == before


def test_a_run_is_found_with_its_team(stored):
    with stored.read() as records:
        assert records.runs.find_in_team("c") == (run("c", 2), "team")
        assert records.runs.find_in_team("none") is None


def test_a_run_shows_all_it_logged_and_nothing_of_others(stored):
    log(stored, "a", *points(3, 1, key="m"), Point("n", math.inf, 5, -3), params={"p": "1", "é": ""})
    log(stored, "b", *points(9, key="m"), params={"p": "2"}, tags={"t": "changed"})
    with stored.write() as records:
        records.run_logs.add_inputs("a", [TRAIN, TEST], ["m-1", "m-2"])
        records.run_logs.add_outputs("a", [ModelOutput("m-3", 2), ModelOutput("m-4")])
    one, other = logged(stored, "a", "b")
    assert one == LoggedRun(
        run("a"),
        (Point("m", 1.0, 1, 1), Point("n", math.inf, 5, -3)),
        {"p": "1", "é": ""},
        {"t": "a"},
        (TRAIN, TEST),
        ("m-1", "m-2"),
        (ModelOutput("m-4"), ModelOutput("m-3", 2)),
    )
    assert other == LoggedRun(run("b"), (Point("m", 9.0, 0, 0),), {"p": "2"}, {"t": "changed"})


def test_runs_come_in_the_order_asked_and_unknown_ids_are_left_out(stored):
    assert [each.run.id for each in logged(stored, "c", "none", "a", "b")] == ["c", "a", "b"]
    assert logged(stored) == ()


def test_thousands_of_runs_come_at_once(stored):
    names = [f"r{number:05}" for number in range(12_000)]
    with stored.write() as records:
        for name in names[::100]:
            records.runs.add(run(name), {"n": name})
    found = logged(stored, *names)
    assert [each.run.id for each in found] == names[::100]
    assert all(each.tags == {"n": each.run.id} for each in found)


def test_inputs_and_outputs_are_noted_once(stored):
    for _ in range(2):
        with stored.write() as records:
            records.run_logs.add_inputs("a", [TRAIN, TRAIN], ["m-1", "m-1"])
            records.run_logs.add_outputs("a", [ModelOutput("m-1")])
            records.run_logs.add_inputs("none", [TRAIN], ["m-1"])
            records.run_logs.add_outputs("none", [ModelOutput("m-1")])
    (found,) = logged(stored, "a")
    assert (found.datasets, found.model_inputs) == ((TRAIN,), ("m-1",))
    assert found.model_outputs == (ModelOutput("m-1"),)


def test_data_sets_are_summed_up_once_each(stored):
    with stored.write() as records:
        records.run_logs.add_inputs("a", [TRAIN, TEST], [])
        records.run_logs.add_inputs("b", [TRAIN], [])
        records.run_logs.add_inputs("c", [DatasetInput(Dataset("wine", "d3"))], [])

        def summed(*experiments, limit=10):
            return records.runs.dataset_summaries(experiments, limit)

        train, test = DatasetSummary(1, "iris", "d1", "training"), DatasetSummary(1, "iris", "d2", "test")
        wine = DatasetSummary(2, "wine", "d3", "")
        assert summed(1) == (train, test)
        assert summed(2, 1) == (train, test, wine)
        assert summed(2, 1, limit=2) == (train, test)
        assert summed() == summed(77) == ()
        records.runs.save(replace(run("a"), deleted_at_ms=1))
        assert summed(1, 2) == (train, wine)
