"""Check ``load``: open-loop arrivals against the loaded model.

Settings: ``rate_per_s``, ``duration_s``, ``bound_ms``, ``percentile``, ``seed``. Arrival times are
drawn before the run; the sender never waits for an answer; latency runs from the *scheduled* time,
so that a stall shows in every request it delayed (no coordinated omission). Each answer is compared
with the batch prediction of its row.

Facts: ``request_count``, ``over_bound_count``, ``error_count``, ``mismatch_count``, ``warmup_count``,
``distinct_rows``, ``scheduled_rate_per_s``, ``achieved_rate_per_s``, ``issue_delay_p99_ms``,
``duration_s``, ``latency_ms`` (p50 to p999, max, mean), ``hardware``. ``percentile`` is the gate's claim
and changes nothing in the run.
"""

import math
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np

from assay.checks.hardware import hardware
from assay.checks.predictions import looked_at
from assay.checks.settings import CheckProblem, positive, unmeasured
from assay.checks.tables import (
    TableProblem,
    feature_table,
    load_table,
    read_columns,
    signature_of,
    write_columns,
)
from assay.checks.trial import PRECISION, alike
from assay.core.evidence import Measurement
from assay.core.measuring import CheckCase, LoadedModel, ModelProblem
from assay.core.provenance import DataRole

WARMUP_REQUESTS: Final = 50
DRAIN_S: Final = 30.0
MAX_REQUESTS: Final = 5_000_000
MAX_ROWS: Final = 10_000
TOLERANCE: Final = 1e-6
_SHARES: Final = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p97": 0.97, "p99": 0.99, "p999": 0.999}


class Load:
    """Sends requests on a Poisson schedule and measures from it."""

    name = "load"

    def measure(self, case: CheckCase) -> Measurement:
        """Load the model, warm it up, run the schedule."""
        try:
            plan = Plan.of(case.settings)
            role = DataRole.EVALUATION if case.data.get(DataRole.EVALUATION) else DataRole.GOLDEN
            signature = signature_of(case)
            table = feature_table(load_table(case, role).head(MAX_ROWS), signature)
            if table.height == 0:
                raise TableProblem(f"the {role.value} table has no rows (empty_table)")
            path = write_columns(case.scratch / "load.npz", table, signature.inputs)
            with case.host.open() as model:
                outputs = read_columns(model.predict(path))
                model.preload(path)
                tolerance = PRECISION.get(outputs.first_dtype, TOLERANCE)
                run = drive(model, plan, _first_values(outputs.first), tolerance)
                environment = dict(model.facts)
        except (CheckProblem, ModelProblem) as error:
            return unmeasured(error)
        facts = {**run.facts(plan), "hardware": hardware()}
        return Measurement(facts=facts, data=looked_at(case, role), environment=environment)


def _first_values(outputs: Any) -> list[Any]:
    """Return the first value of each row: what the model answers to a request for one row."""
    return [np.ravel(row)[0] for row in outputs]


@dataclass(frozen=True, slots=True)
class Plan:
    """What the policy claims and how to try it."""

    rate_per_s: float
    duration_s: float
    bound_ms: float
    seed: int = 0

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Plan":
        """Read the settings.

        Raises:
            CheckProblem: a setting is missing, not positive, or the run would be too large.
        """
        rate, duration, bound = (
            positive(settings, name) for name in ("rate_per_s", "duration_s", "bound_ms")
        )
        seed = settings.get("seed") or 0
        if isinstance(seed, bool) or not isinstance(seed, int):
            raise CheckProblem("setting seed must be a whole number")
        if rate * duration > MAX_REQUESTS:
            raise CheckProblem(f"{rate * duration:.0f} requests are more than {MAX_REQUESTS}")
        return cls(rate, duration, bound, seed)

    def arrivals(self) -> list[float]:
        """Return the arrival times in seconds from the start: a Poisson process, the same for a seed."""
        chance = random.Random(self.seed)  # noqa: S311 - a schedule, not a secret
        times: list[float] = []
        at = chance.expovariate(self.rate_per_s)
        while at < self.duration_s:
            times.append(at)
            at += chance.expovariate(self.rate_per_s)
        return times

    def rows(self, row_count: int, request_count: int) -> list[int]:
        """Return which row each request asks for: drawn with replacement, the same for a seed."""
        chance = random.Random(self.seed + 1)  # noqa: S311 - a schedule, not a secret
        return [chance.randrange(row_count) for _ in range(request_count)]


class Run:
    """What happened, one entry per request in the order of the schedule; NaN where no answer came."""

    def __init__(self, rows: Sequence[int], warmup_count: int) -> None:
        """Begin with nothing answered."""
        self.latencies_ms = [math.nan] * len(rows)
        self.delays_ms = [0.0] * len(rows)
        self.mismatches = 0
        self.issued_s = 0.0
        self.warmup_count = warmup_count
        self._distinct_rows = len(set(rows))
        self._left = len(rows)
        self._changed = threading.Condition()
        self._closed = False

    def finished(self, index: int, latency_ms: float, *, right: bool) -> None:
        """Note the end of a request; NaN says that it failed. Too late is the same as never."""
        with self._changed:
            if self._closed:
                return
            self.latencies_ms[index] = latency_ms
            self.mismatches += not right
            self._left -= 1
            if self._left == 0:
                self._changed.notify_all()

    def close(self, timeout_s: float) -> None:
        """Wait for what is under way; what does not come within the time counts as an error."""
        with self._changed:
            self._changed.wait_for(lambda: self._left == 0, timeout_s)
            self._closed = True

    def facts(self, plan: Plan) -> dict[str, Any]:
        """Return the numbers; latencies in milliseconds from the scheduled time."""
        count = len(self.latencies_ms)
        # A request without an answer was waited for in vain, at least that long.
        lost_ms = max(DRAIN_S * 1000, plan.bound_ms * 1.001)
        latencies = sorted(lost_ms if math.isnan(each) else each for each in self.latencies_ms)
        return {
            "request_count": count,
            "over_bound_count": sum(each > plan.bound_ms for each in latencies),
            "error_count": sum(map(math.isnan, self.latencies_ms)),
            "mismatch_count": self.mismatches,
            "warmup_count": self.warmup_count,
            "distinct_rows": self._distinct_rows,
            "scheduled_rate_per_s": count / plan.duration_s,
            "achieved_rate_per_s": count / max(self.issued_s, plan.duration_s),
            "issue_delay_p99_ms": percentile(sorted(self.delays_ms), 0.99),
            "duration_s": plan.duration_s,
            "latency_ms": {
                **{name: percentile(latencies, share) for name, share in _SHARES.items()},
                "max": latencies[-1],
                "mean": sum(latencies) / count,
            },
        }


def drive(model: LoadedModel, plan: Plan, expected: Sequence[Any], tolerance: float = TOLERANCE) -> Run:
    """Run the schedule against ``model``; ``expected`` are the right answers of the preloaded rows.

    A model that dies on the way leaves errors, no exception.

    Raises:
        ModelProblem: it does not answer while it is warmed up.
        TableProblem: there are no rows or no arrivals.
    """
    arrivals = plan.arrivals()
    if not arrivals or not expected:
        raise TableProblem("the schedule has no arrivals, or the table no rows")
    rows = plan.rows(len(expected), len(arrivals))
    run = Run(rows, _warm_up(model, len(expected)))
    start = time.monotonic() + 0.05
    for index, (at, row) in enumerate(zip(arrivals, rows, strict=True)):
        scheduled = start + at
        _sleep_until(scheduled)
        run.delays_ms[index] = (time.monotonic() - scheduled) * 1000
        answered = _recorder(run, index, scheduled, partial(alike, expected[row], tolerance=tolerance))
        model.submit(row).add_done_callback(answered)
    run.issued_s = time.monotonic() - start
    run.close(DRAIN_S)
    return run


def _warm_up(model: LoadedModel, row_count: int) -> int:
    """Send a few requests one after the other, which count for nothing; return how many."""
    for index in range(WARMUP_REQUESTS):
        try:
            model.submit(index % row_count).result(timeout=DRAIN_S)
        except TimeoutError:
            raise ModelProblem(f"the model did not answer within {DRAIN_S:g} s", limit="time") from None
    return WARMUP_REQUESTS


def _recorder(
    run: Run, index: int, scheduled: float, is_right: Callable[[Any], bool]
) -> "Callable[[Future[Any]], None]":
    def record(future: "Future[Any]") -> None:
        latency_ms = (time.monotonic() - scheduled) * 1000
        if future.cancelled() or future.exception() is not None:
            run.finished(index, math.nan, right=True)
        else:
            run.finished(index, latency_ms, right=is_right(future.result()))

    return record


def _sleep_until(instant: float) -> None:
    while (left := instant - time.monotonic()) > 0:
        # A sleep ends a little late: the last two milliseconds are halved until nothing is left.
        time.sleep(left if left > 0.002 else left / 2)


def percentile(ascending: Sequence[float], share: float) -> float:
    """Return ``sorted[floor(n * p)]``, the rule of LoadGen, so that numbers can be compared."""
    return float(ascending[min(len(ascending) - 1, int(len(ascending) * share))])
