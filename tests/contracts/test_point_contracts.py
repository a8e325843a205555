"""What every database must do with points of metrics, however many a run has logged."""

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.core.tracking.experiments import Experiment, View
from assay.core.tracking.metrics import Point, rank
from assay.core.tracking.runs import Batch, Run, RunStatus
from assay.core.tracking.searches import Comparison, Operator, Order, Search
from assay.storage.tracking import points as gathered_points
from assay.storage.tracking import searching

ROOT = "mlflow-artifacts:/0"
MANY = 2**64


@pytest.fixture(params=[3, 100, MANY], ids=["gathers 3", "gathers 100", "gathers all"])
def gathering(request, monkeypatch):
    """How many points of a run wait together before they are sorted in; nobody may see a difference."""
    monkeypatch.setattr(gathered_points, "GATHERED", request.param)


def begin(database, run_id, status=RunStatus.RUNNING, started_at_ms=0):
    with database.write() as records:
        found = records.experiments.named("team", "many")
        if found is None:
            found = records.experiments.add(Experiment(-1, "team", "many", ROOT, 0, 0))
        run = Run(run_id, found.id, run_id, "me", status, started_at_ms, f"{ROOT}/{run_id}")
        records.runs.add(run, {})
    return run


def log(database, run_id, *points):
    with database.write() as records:
        records.run_logs.log(run_id, Batch(points))


def history(database, run_id, key, page=1000):
    found, cursor = [], ""
    with database.read() as records:
        while True:
            part = records.run_logs.history(run_id, key, page, cursor)
            found += part.items
            cursor = part.next_cursor
            if not cursor:
                return found


def latest(database, run_id):
    with database.read() as records:
        return {point.key: point for point in records.runs.logged([run_id])[0].metrics}


def shown(points):
    """Points as what can be compared: NaN equals NaN."""
    return [(point.timestamp_ms, point.step, repr(point.value)) for point in points]


def place(point):
    nan = math.isnan(point.value)
    return point.timestamp_ms, point.step, 0.0 if nan else point.value, nan


values = st.one_of(st.sampled_from([0.0, 1.0, -1.5, math.nan, math.inf, -math.inf]))
words = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=5)  # as every text here
some_points = st.builds(
    Point, st.sampled_from(["a", "b"]), values, st.integers(0, 3), st.integers(-2, 2), words, words, words
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(batches=st.lists(st.lists(some_points, max_size=6), max_size=8), page=st.integers(1, 5))
def test_a_history_is_every_point_once_in_order(database, gathering, batches, page):
    run_id = f"run{database_number()}"
    begin(database, run_id)
    for batch in batches:
        log(database, run_id, *batch)
    for key in ("a", "b"):
        logged = {(*place(point),): point for batch in batches for point in batch if point.key == key}
        wanted = [logged[each] for each in sorted(logged)]
        assert shown(history(database, run_id, key, page)) == shown(wanted)
        if wanted:
            best = max(wanted, key=rank)
            assert rank(latest(database, run_id)[key]) == rank(best)


_numbers = iter(range(10**9))


def database_number():
    return next(_numbers)


def test_points_of_one_run_never_show_in_another(database, gathering):
    for run_id in ("one", "two"):
        begin(database, run_id)
        log(database, run_id, *(Point("loss", 1.0, at, at) for at in range(5)))
    log(database, "two", Point("loss", 2.0, 9, 9))
    assert len(history(database, "one", "loss")) == 5
    assert latest(database, "one")["loss"].value == 1.0
    assert latest(database, "two")["loss"].value == 2.0


def test_sending_again_changes_nothing_wherever_the_points_lie(database, gathering):
    begin(database, "again")
    points = [Point(f"m{number % 4}", number / 7, number, number) for number in range(10)]
    for _ in range(3):
        log(database, "again", *points)
    assert shown(history(database, "again", "m1")) == shown([p for p in points if p.key == "m1"])
    with database.read() as records:
        assert records.moved_things.count_points(["again"]) == {"again": 10}


def test_what_lies_at_a_place_is_told_wherever_the_points_lie(database, gathering):
    begin(database, "places")
    begin(database, "other")
    log(database, "other", Point("loss", 7.0, 0, 0))
    log(database, "places", Point("loss", math.nan, 0, 0), Point("loss", 0.0, 0, 0), Point("loss", 2.0, 1, 0))
    log(database, "places", Point("loss", 2.0, 0, 1), *(Point(f"m{at}", at, at, at) for at in range(250)))
    asked = [("loss", 0, 0), ("loss", 1, 0), ("loss", 0, 2), ("none", 0, 0)]
    many = [(f"m{at}", at, at) for at in range(250)]
    with database.read() as records:
        found = records.moved_things.values_at("places", [*asked, *many])
        assert records.moved_things.values_at("nobody", asked) == {}
    assert sorted(map(repr, found.pop(asked[0]))) == ["0.0", "nan"]
    assert found == {asked[1]: (2.0,), **{place: (float(place[1]),) for place in many}}


def test_a_curve_is_thinned_over_all_its_points(database, gathering):
    begin(database, "thin")
    for start in range(0, 60, 10):
        log(database, "thin", *(Point("loss", step, step, step) for step in range(start, start + 10)))
    with database.read() as records:
        found = records.run_logs.sampled(["thin"], "loss", 4)["thin"]
        inside = records.run_logs.sampled(["thin"], "loss", 100, (10, 14))["thin"]
    assert [point.step for point in found] == [0, 15, 30, 59]
    assert [point.step for point in inside] == [10, 11, 12, 13, 14]


@pytest.fixture(params=[0, 5000], ids=["all are many", "all are few"])
def few(request, monkeypatch):
    """How many matches are listed first; nobody may see a difference."""
    monkeypatch.setattr(searching, "_FEW", request.param)


@pytest.fixture
def three_runs(database, few):
    """Runs with a loss of 3, 1 and 2: one goes on, one has ended, one ended and goes on again."""
    runs = [begin(database, f"r{value}", started_at_ms=value) for value in (3, 1, 2)]
    for run, value in zip(runs, (3, 1, 2), strict=True):
        log(database, run.id, Point("loss", 9.0, 0, 0), Point("loss", float(value), 1, 1))
        log(database, run.id, Point("twice", 2.0 * value, 1, 1))
    return runs


@pytest.mark.parametrize(
    "ways",
    [
        [(), (), ()],
        [(), ("FINISHED",), ("FINISHED", "RUNNING")],
        [("FAILED",), ("FINISHED",), ("KILLED",)],
    ],
    ids=["all go on", "mixed", "all ended"],
)
def test_searches_find_runs_that_go_on_beside_those_that_ended(database, three_runs, ways):
    for run, way in zip(three_runs, ways, strict=True):
        for status in way:
            with database.write() as records:
                found = records.runs.find(run.id)
                records.runs.save(replace_status(found, RunStatus(status)))
    below = Comparison("metric", "loss", Operator.BELOW, 2.5)
    order = (Order("metric", "loss"),)
    assert search(database, Search(below, order)) == ["r1", "r2"]
    assert search(database, Search(below)) == ["r2", "r1"]
    assert search(database, Search(order=(Order("metric", "loss", descending=True),))) == ["r3", "r2", "r1"]
    by_another = (Order("metric", "twice", descending=True), Order("metric", "loss"))
    assert search(database, Search(below, by_another)) == ["r2", "r1"]
    first = page(database, Search(order=order, limit=2))
    rest = page(database, Search(order=order, limit=2, cursor=first.next_cursor))
    assert [each.run.id for each in (*first.items, *rest.items)] == ["r1", "r2", "r3"]
    log(database, "r1", Point("loss", 8.0, 2, 2))
    assert search(database, Search(below, order)) == ["r2"]


def replace_status(run, status):
    return Run(run.id, run.experiment_id, run.name, run.user, status, run.started_at_ms, run.artifact_root)


def page(database, search):
    with database.read() as records:
        return records.runs.search([records.experiments.named("team", "many").id], search)


def search(database, wanted):
    assert wanted.view is View.ACTIVE
    return [each.run.id for each in page(database, wanted).items]
