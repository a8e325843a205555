"""Check ``load``: open-loop arrivals against the loaded model.

Settings: ``rate_per_s``, ``duration_s``, ``bound_ms``, ``percentile``, ``seed``. Arrival times are
drawn before the run; the sender never waits for an answer; latency runs from the *scheduled* time,
so that a stall shows in every request it delayed (no coordinated omission). Each answer is compared
with the batch prediction of its row. Facts: see the gate's module and ``_facts`` below.
"""

import math
import random
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotDone
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from assay.checks.predictions import label_text
from assay.checks.tables import (
    TableProblem,
    feature_table,
    load_table,
    read_columns,
    signature_of,
    write_columns,
)
from assay.core.evidence import Measurement
from assay.core.measuring import CheckCase, LoadedModel, ModelProblem
from assay.core.provenance import DataRole

WARMUP_REQUESTS: Final = 50
DRAIN_S: Final = 30.0
MAX_REQUESTS: Final = 5_000_000
_SHARES: Final = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p97": 0.97, "p99": 0.99, "p999": 0.999}


class Load:
    """Sends requests on a Poisson schedule and measures from it."""

    name = "load"

    def measure(self, case: CheckCase) -> Measurement:
        """Load the model, warm it up, run the schedule."""
        try:
            plan = Plan.of(case.settings)
            role = DataRole.EVALUATION if case.data.get(DataRole.EVALUATION) else DataRole.GOLDEN
            table = feature_table(load_table(case, role), signature_of(case))
            path = write_columns(case.scratch / "load.npz", table, signature_of(case).inputs)
            with case.host.open() as model:
                expected = next(iter(read_columns(model.predict(path)).values()))
                model.preload(path)
                run = drive(model, plan, expected)
                environment = dict(model.facts)
        except (TableProblem, ModelProblem) as error:
            return Measurement(problem=str(error))
        digest = case.version.provenance.data_digest(role)
        data = {} if digest is None else {role.value: digest}
        return Measurement(facts=_facts(run, plan), data=data, environment=environment)


@dataclass(frozen=True, slots=True)
class Plan:
    """What the policy claims and how to try it."""

    rate_per_s: float
    duration_s: float
    bound_ms: float
    seed: int

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Plan":
        """Read the settings.

        Raises:
            TableProblem: a setting is missing, not positive, or the run would be too large.
        """
        values = {name: settings.get(name) for name in ("rate_per_s", "duration_s", "bound_ms")}
        for name, value in values.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
                raise TableProblem(f"setting {name} must be a number above 0")
        rate, duration, bound = (float(value or 0) for value in values.values())
        if rate * duration > MAX_REQUESTS:
            raise TableProblem(f"{rate * duration:.0f} requests are more than {MAX_REQUESTS}")
        return cls(rate, duration, bound, int(settings.get("seed") or 0))

    def arrivals(self) -> list[float]:
        """Return the arrival times in seconds from the start: a Poisson process, the same for a seed."""
        chance = random.Random(self.seed)  # noqa: S311 - a schedule, not a secret
        times: list[float] = []
        at = chance.expovariate(self.rate_per_s)
        while at < self.duration_s:
            times.append(at)
            at += chance.expovariate(self.rate_per_s)
        return times


@dataclass(slots=True)
class Run:
    """What happened, one entry per request in the order of the schedule; NaN where no answer came."""

    latencies_ms: list[float]
    delays_ms: list[float]
    mismatches: int = 0
    issued_s: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


def drive(model: LoadedModel, plan: Plan, expected: Sequence[Any]) -> Run:
    """Run the schedule against ``model``; ``expected`` are the right answers of the preloaded rows.

    Raises:
        ModelProblem: the model process died.
        TableProblem: there are no rows or no arrivals.
    """
    arrivals = plan.arrivals()
    if not arrivals or not len(expected):
        raise TableProblem("the schedule has no arrivals, or the table no rows")
    chance = random.Random(plan.seed + 1)  # noqa: S311 - which row is asked for, not a secret
    rows = [chance.randrange(len(expected)) for _ in arrivals]
    for row in range(min(WARMUP_REQUESTS, len(expected))):
        model.submit(row).result(timeout=DRAIN_S)
    run = Run([math.nan] * len(arrivals), [0.0] * len(arrivals))
    pending: list[Future[Any]] = []
    start = time.monotonic() + 0.05
    for index, (at, row) in enumerate(zip(arrivals, rows, strict=True)):
        scheduled = start + at
        _sleep_until(scheduled)
        run.delays_ms[index] = (time.monotonic() - scheduled) * 1000
        future = model.submit(row)
        future.add_done_callback(_recorder(run, index, scheduled, expected[row]))
        pending.append(future)
    run.issued_s = time.monotonic() - start
    _drain(pending)
    return run


def _recorder(run: Run, index: int, scheduled: float, expected: Any) -> Any:
    def record(future: "Future[Any]") -> None:
        latency = (time.monotonic() - scheduled) * 1000
        failed = future.cancelled() or future.exception() is not None
        wrong = not failed and not _same(future.result(), expected)
        with run.lock:
            run.latencies_ms[index] = math.nan if failed else latency
            run.mismatches += wrong

    return record


def _drain(pending: "list[Future[Any]]") -> None:
    """Wait for the rest; what does not come within the time is cancelled, which counts as an error."""
    deadline = time.monotonic() + DRAIN_S
    for future in pending:
        try:
            future.exception(timeout=max(0.0, deadline - time.monotonic()))
        except NotDone:
            future.cancel()


def _sleep_until(instant: float) -> None:
    while (left := instant - time.monotonic()) > 0:
        time.sleep(left if left > 0.002 else left / 2)


def _same(value: Any, expected: Any) -> bool:
    if isinstance(expected, float | np.floating):
        return isinstance(value, int | float) and math.isclose(
            value, float(expected), rel_tol=1e-6, abs_tol=1e-9
        )
    return label_text(value) == label_text(expected)


def _facts(run: Run, plan: Plan) -> dict[str, Any]:
    n = len(run.latencies_ms)
    # A request without a good answer counts as over the bound: it waited at least that long in vain.
    lost_ms = max(DRAIN_S * 1000, plan.bound_ms * 1.001)
    latencies = sorted(lost_ms if math.isnan(latency) else latency for latency in run.latencies_ms)
    return {
        "request_count": n,
        "over_bound_count": sum(latency > plan.bound_ms for latency in latencies),
        "error_count": sum(map(math.isnan, run.latencies_ms)),
        "mismatch_count": run.mismatches,
        "warmup_count": WARMUP_REQUESTS,
        "scheduled_rate_per_s": n / plan.duration_s,
        "achieved_rate_per_s": n / max(run.issued_s, plan.duration_s),
        "issue_delay_p99_ms": _percentile(sorted(run.delays_ms), 0.99),
        "duration_s": plan.duration_s,
        "latency_ms": {
            **{name: _percentile(latencies, share) for name, share in _SHARES.items()},
            "max": latencies[-1],
            "mean": sum(latencies) / n,
        },
    }


def _percentile(ascending: Sequence[float], share: float) -> float:
    """Return ``sorted[floor(n * p)]``, the rule of LoadGen, so that numbers can be compared."""
    return float(ascending[min(len(ascending) - 1, int(len(ascending) * share))])
