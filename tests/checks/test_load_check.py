"""Check ``load`` is open-loop: it shows the stall that a closed loop hides."""

import heapq
import math
import statistics
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.checks import load
from assay.checks.load import Load, Plan, Run, drive, percentile
from assay.core.measuring import ModelProblem


class Stalling:
    """One worker, 1 ms a request, that stands still once for ``for_s``, ``stall_s`` after the warm-up."""

    def __init__(self, stall_s, for_s, *, service_s=0.001, answer=lambda row: row):
        self.stall_s, self.for_s, self.service_s, self.answer = stall_s, for_s, service_s, answer
        self.pool = ThreadPoolExecutor(1)
        self.began = math.inf
        self.asked = 0

    def submit(self, row):
        self.asked += 1
        if self.asked == load.WARMUP_REQUESTS + 1:
            self.began = time.monotonic()
        return self.pool.submit(self._serve, row)

    def _serve(self, row):
        if time.monotonic() - self.began > self.stall_s:
            self.began = math.inf
            time.sleep(self.for_s)
        until = time.monotonic() + self.service_s
        time.sleep(self.service_s * 0.8)
        while time.monotonic() < until:
            pass
        return self.answer(row)


@pytest.fixture
def stalling():
    made = []

    def build(*args, **more):
        made.append(Stalling(*args, **more))
        return made[-1]

    yield build
    for each in made:
        each.pool.shutdown(cancel_futures=True)


def closed_loop(model, count, gap_s):
    """What a driver that waits for each answer measures on the same server."""
    latencies = []
    for row in range(count):
        began = time.monotonic()
        model.submit(row % 10).result()
        latencies.append((time.monotonic() - began) * 1000)
        time.sleep(max(0.0, gap_s - (time.monotonic() - began)))
    return sorted(latencies)


def test_a_stall_shows_in_every_request_it_delayed(stalling):
    # Analytic: stall S = 0.3 s, rho = 0.2, affected S + S * rho / (1 - rho) = 0.375 s of 1.5 s, 25 %.
    plan = Plan(rate_per_s=200, duration_s=1.5, bound_ms=20, seed=7)
    facts = drive(stalling(0.6, 0.3), plan, list(range(10))).facts(plan)
    share = facts["over_bound_count"] / facts["request_count"]
    assert 0.15 < share < 0.6
    assert facts["latency_ms"]["p99"] > 200
    assert facts["latency_ms"]["max"] >= 290
    assert facts["error_count"] == facts["mismatch_count"] == 0


def test_a_closed_loop_on_the_same_server_hides_the_stall(stalling):
    model = stalling(0.6, 0.3)
    for row in range(load.WARMUP_REQUESTS):
        model.submit(row).result()
    latencies = closed_loop(model, 240, 0.005)
    # One request saw it, however many would have come meanwhile.
    assert latencies[-1] >= 290
    assert sum(each > 20 for each in latencies) / len(latencies) < 0.1


@pytest.mark.parametrize("seed", range(4))
def test_arrivals_are_a_poisson_process_that_a_seed_repeats(seed):
    plan = Plan(rate_per_s=500, duration_s=20, bound_ms=1, seed=seed)
    times = plan.arrivals()
    assert times == Plan(500, 20, 1, seed).arrivals()
    assert times != Plan(500, 20, 1, seed + 100).arrivals()
    assert times == sorted(times)
    assert times[0] > 0
    assert times[-1] < 20
    gaps = [b - a for a, b in zip([0.0, *times], times, strict=False)]
    assert abs(statistics.mean(gaps) - 1 / 500) < 3.5 / 500 / math.sqrt(len(gaps))
    # Kolmogorov-Smirnov against the exponential, at the 0.1 % level.
    ordered = sorted(1 - math.exp(-500 * gap) for gap in gaps)
    n = len(ordered)
    distance = max(max((i + 1) / n - u, u - i / n) for i, u in enumerate(ordered))
    assert distance < 1.95 / math.sqrt(n)


class Manual:
    """Answers nothing but the warm-up, until told to."""

    def __init__(self, warm=load.WARMUP_REQUESTS):
        self.warm, self.waiting = warm, []

    def submit(self, row):
        future = Future()
        if self.warm:
            self.warm -= 1
            future.set_result(row)
        else:
            self.waiting.append((row, future))
        return future


def test_the_sender_never_waits_for_an_answer(monkeypatch):
    monkeypatch.setattr(load, "DRAIN_S", 0.05)
    model, plan = Manual(), Plan(rate_per_s=500, duration_s=0.3, bound_ms=20, seed=1)
    run = drive(model, plan, list(range(10)))
    assert len(model.waiting) == len(plan.arrivals()) == len(run.latencies_ms)
    facts = run.facts(plan)
    assert facts["error_count"] == facts["over_bound_count"] == facts["request_count"]
    assert facts["latency_ms"]["p50"] > plan.bound_ms


def test_an_answer_after_the_end_comes_too_late(monkeypatch):
    monkeypatch.setattr(load, "DRAIN_S", 0.05)
    model, plan = Manual(), Plan(rate_per_s=100, duration_s=0.1, bound_ms=20, seed=1)
    run = drive(model, plan, list(range(10)))
    before = run.facts(plan)
    for row, future in model.waiting:
        future.set_result(row + 1)
    assert run.facts(plan) == before


class Answering:
    """Answers at once with ``answer(row)``, which may raise."""

    def __init__(self, answer):
        self.answer, self.rows = answer, []

    def submit(self, row):
        future = Future()
        self.rows.append(row)
        try:
            future.set_result(self.answer(row) if len(self.rows) > load.WARMUP_REQUESTS else row)
        except ModelProblem as problem:
            future.set_exception(problem)
        return future


PLAN = Plan(rate_per_s=2000, duration_s=0.1, bound_ms=1000, seed=3)


def test_the_warm_up_is_not_counted():
    model = Answering(lambda row: row)
    facts = drive(model, PLAN, [0, 1, 2]).facts(PLAN)
    assert facts["warmup_count"] == load.WARMUP_REQUESTS
    assert len(model.rows) == facts["request_count"] + load.WARMUP_REQUESTS
    assert facts["request_count"] == len(PLAN.arrivals())
    assert (facts["distinct_rows"], facts["mismatch_count"], facts["error_count"]) == (3, 0, 0)


def test_the_rows_asked_for_are_repeated_by_a_seed():
    models = [Answering(lambda row: row) for _ in range(2)]
    for model in models:
        drive(model, PLAN, list(range(50)))
    assert models[0].rows == models[1].rows
    assert len(set(models[0].rows)) > 30


def test_latency_runs_from_the_schedule_when_the_sender_itself_was_held_up():
    class Holding(Answering):
        def submit(self, row):
            if len(self.rows) == load.WARMUP_REQUESTS + 20:
                time.sleep(0.2)
            return super().submit(row)

    plan = Plan(rate_per_s=400, duration_s=0.5, bound_ms=50, seed=3)
    facts = drive(Holding(lambda row: row), plan, [0, 1, 2]).facts(plan)
    # Each answer came at once after it was sent; only the schedule knows of the requests held up.
    assert facts["over_bound_count"] / facts["request_count"] > 0.15
    assert facts["issue_delay_p99_ms"] > 100


def test_only_what_is_strictly_above_the_bound_is_over_it():
    # loadgen/results.cc counts latencies greater than the bound.
    run = Run([0] * 4, 0)
    for index, latency_ms in enumerate([99.0, 100.0, 100.001, math.nan]):
        run.finished(index, latency_ms, right=True)
    facts = run.facts(Plan(rate_per_s=4, duration_s=1, bound_ms=100))
    assert (facts["request_count"], facts["over_bound_count"], facts["error_count"]) == (4, 2, 1)


def test_an_error_is_counted_as_over_the_bound():
    def fail_on_even(row):
        if row % 2 == 0:
            raise ModelProblem("no")
        return row

    model = Answering(fail_on_even)
    facts = drive(model, PLAN, list(range(10))).facts(PLAN)
    even = sum(row % 2 == 0 for row in model.rows[load.WARMUP_REQUESTS :])
    assert facts["error_count"] == even > 0
    assert facts["over_bound_count"] >= even
    assert facts["latency_ms"]["max"] >= load.DRAIN_S * 1000


@pytest.mark.parametrize(
    ("expected", "answer", "wrong"),
    [
        (0.5, 0.5, False),
        (0.5, 0.5 + 1e-8, False),
        (0.5, 0.6, True),
        (0.5, None, True),
        (math.nan, None, True),
        (1, 1, False),
        (1, 2, True),
        ("a", "a", False),
        ("a", "b", True),
        (True, True, False),
        (True, False, True),
    ],
)
def test_every_answer_is_compared_with_the_batch_prediction(expected, answer, wrong):
    facts = drive(Answering(lambda row: answer), PLAN, [expected]).facts(PLAN)
    assert facts["mismatch_count"] == (facts["request_count"] if wrong else 0)


def test_a_model_that_does_not_warm_up_is_a_problem(monkeypatch):
    monkeypatch.setattr(load, "DRAIN_S", 0.01)
    with pytest.raises(ModelProblem, match="did not answer"):
        drive(Manual(warm=0), PLAN, [1])


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=300), st.sampled_from([0.5, 0.9, 0.99, 0.999]))
def test_percentiles_follow_loadgen(values, share):
    ascending = sorted(values)
    above = len(values) - math.floor(len(values) * share)
    found = percentile(ascending, share)
    assert found == (heapq.nlargest(above, values)[-1] if above else max(values))


def measure(bench, trained, role="evaluation", table=None, **settings):
    path = bench.table("rows.parquet", trained.table if table is None else table)
    plan = {"rate_per_s": 200, "duration_s": 0.2, "bound_ms": 500, "percentile": 0.99, "seed": 1}
    case = bench.case(trained.estimator, trained.signature, settings=plan | settings, **{role: path})
    return Load().measure(case)


@pytest.mark.parametrize("role", ["evaluation", "golden"])
@pytest.mark.parametrize("classes", [("bad", "good"), (0, 1), (False, True)])
def test_a_real_model_answers_as_in_a_batch(bench, classifier, classes, role):
    found = measure(bench, classifier(classes), role)
    assert found.problem == ""
    assert (found.facts["mismatch_count"], found.facts["error_count"]) == (0, 0)
    assert found.facts["request_count"] > 10
    assert found.facts["scheduled_rate_per_s"] == found.facts["request_count"] / 0.2
    assert set(found.facts["latency_ms"]) == {"p50", "p90", "p95", "p97", "p99", "p999", "max", "mean"}
    assert list(found.data) == [role]
    hardware = found.facts["hardware"]
    assert hardware["cpu"]
    assert hardware["cpu_count"] >= 1
    assert hardware["memory_bytes"] > 2**20
    model = bench.host.opened[0]
    assert list(model.rows.columns) == ["age", "income"]


def test_a_regressor_answers_as_in_a_batch(bench, regressor):
    assert measure(bench, regressor).facts["mismatch_count"] == 0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"rate_per_s": 0}, "rate_per_s"),
        ({"rate_per_s": None}, "rate_per_s"),
        ({"rate_per_s": "fast"}, "rate_per_s"),
        ({"duration_s": -1}, "duration_s"),
        ({"duration_s": math.inf}, "duration_s"),
        ({"bound_ms": math.nan}, "bound_ms"),
        ({"bound_ms": True}, "bound_ms"),
        ({"seed": "x"}, "seed"),
        ({"rate_per_s": 1e5, "duration_s": 1200}, "requests"),
        ({"rate_per_s": 1e-9}, "no arrivals"),
    ],
)
def test_settings_that_cannot_be_tried_are_a_problem(bench, classifier, settings, words):
    found = measure(bench, classifier(), **settings)
    assert words in found.problem
    assert not found.facts


def test_rows_that_are_not_there_are_a_problem(bench, classifier):
    trained = classifier()
    assert "no rows" in measure(bench, trained, table=trained.table.head(0)).problem
    assert "income" in measure(bench, trained, table=pl.DataFrame({"age": [1]})).problem
    plan = {"rate_per_s": 200, "duration_s": 0.2, "bound_ms": 500}
    assert "--golden-data" in Load().measure(bench.case(None, trained.signature, settings=plan)).problem


def test_no_thread_is_left_behind(bench, classifier):
    before = threading.active_count()
    measure(bench, classifier())
    assert threading.active_count() <= before
