"""Gate: the model answers fast enough under load, with a statistical guarantee.

A run with ``t`` of ``n`` requests over the bound supports "a share of at least p of all requests is
within the bound" at 99 % confidence iff n >= h_min(t) + t, the early-stopping rule of MLPerf LoadGen
(``loadgen/early_stopping.cc``; reference page load-test, section 2).

A run that is too small, or whose driver could not keep its own schedule, says nothing about the
model: speed and errors are then not judged at all. Wrong answers are wrong at any speed.
"""

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from assay.core.dossier import Dossier
from assay.core.errors import BadInputError
from assay.core.evidence import Evidence, Need
from assay.core.provenance import DataRole
from assay.core.verdicts import Finding, Outcome, Verdict
from assay.core.versions import Version
from assay.gates.settings import Count, Days, Share, age, exact
from assay.gates.weighing import Facts, amount, count, met, shown, unnamed, unread, weigh

CONFIDENCE = 0.99
MAX_ISSUE_DELAY_SHARE = 0.1
MIN_ACHIEVED_SHARE = 0.98
MAX_REQUESTS = 10**9
_COUNTS = ("request_count", "over_bound_count", "error_count", "mismatch_count")
_NUMBERS = ("scheduled_rate_per_s", "achieved_rate_per_s", "issue_delay_p99_ms", "duration_s")
_UNSOUND = "not judged, because the run itself is not sound"


class Load(Struct, frozen=True, forbid_unknown_fields=True):
    """Passes when, at the stated rate, enough requests were answered within the bound.

    Attributes:
        rate_per_s: mean arrival rate, open loop.
        duration_s: how long requests arrive, warm-up excluded.
        bound_ms: latency bound, from the scheduled arrival.
        percentile: share of requests that must be within the bound.
        max_error_rate: share of requests that may fail.
        min_requests: fewer are inconclusive; 0 takes the least number that allows one slow request.
        seed: of the arrival times.
        max_age_days: older measurements do not count.
    """

    name: ClassVar[str] = "load"
    check: ClassVar[str | None] = "load"
    rate_per_s: Annotated[float, Meta(gt=0, le=1e5)] = 100.0
    duration_s: Annotated[float, Meta(gt=0, le=1200)] = 10.0
    bound_ms: Annotated[float, Meta(gt=0, le=600_000)] = 100.0
    percentile: Annotated[float, Meta(gt=0, lt=1)] = 0.99
    max_error_rate: Share = 0.0
    min_requests: Count = 0
    seed: Count = 0
    max_age_days: Days | None = None

    def __post_init__(self) -> None:
        """Check that the claim can be reached at all.

        Raises:
            BadInputError: the percentile needs more than a billion requests.
        """
        if self.percentile > 1 - 1e-8:
            raise BadInputError.of("percentile", "must be at most 0.99999999", str(self.percentile))

    @property
    def least_requests(self) -> int:
        """With fewer the answer is inconclusive; never below what a run without a slow request needs."""
        wanted = self.min_requests or least_requests(1, self.percentile)
        return max(wanted, least_requests(0, self.percentile))

    def need(self, version: Version) -> Need:
        """Return what evidence this gate wants: on the evaluation table, or on the golden one."""
        settings = {
            "rate_per_s": self.rate_per_s,
            "duration_s": self.duration_s,
            "bound_ms": self.bound_ms,
            "percentile": self.percentile,
            "seed": self.seed,
        }
        roles = (DataRole.EVALUATION, DataRole.GOLDEN)
        digests = ((role.value, version.provenance.data_digest(role)) for role in roles)
        data = next(({role: digest} for role, digest in digests if digest is not None), {})
        return Need("load", settings, max_age=age(self.max_age_days), data=data)

    def judge(self, dossier: Dossier) -> Verdict:
        """Judge in the order of the reference page: enough requests, self-checks, bound, statistics."""
        need = self.need(dossier.version)
        known = [] if need.data else unnamed(need, DataRole.EVALUATION)
        return weigh(self.name, need, dossier, self._findings, known)

    def _findings(self, facts: Facts, evidence: Evidence) -> list[Finding]:  # noqa: ARG002
        counts = {name: count(facts, name) for name in _COUNTS}
        numbers = {name: amount(facts, name) for name in _NUMBERS}
        missing = [unread(name, "a count") for name, value in counts.items() if value is None]
        missing += [
            unread(name, "a number of at least 0") for name, value in numbers.items() if value is None
        ]
        if missing:
            return missing
        n, t, errors, mismatches = (value or 0 for value in counts.values())
        scheduled, achieved, delay, duration = (value or 0.0 for value in numbers.values())
        if t > n or errors > t or mismatches > n or n > MAX_REQUESTS:
            rule = f"the counts must fit together: errors <= over the bound <= requests <= {MAX_REQUESTS}"
            return [Finding(rule, Outcome.INCONCLUSIVE, f"{errors}, {t}, {n}", "measure again")]
        wrong = "the model answers one row differently from the same row in a batch" if mismatches else ""
        rule = "every answer must equal the batch prediction"
        answers = Finding(rule, met(mismatches == 0), f"{mismatches} differ", wrong)
        sound = self._soundness(n, scheduled, achieved, delay)
        judged = [self._duration(duration), self._errors(n, errors), self._latency(n, t, facts)]
        if any(not each.outcome.holds for each in sound):
            judged = [Finding(each.rule, Outcome.INCONCLUSIVE, each.measured, _UNSOUND) for each in judged]
        return [*sound, answers, *judged]

    def _soundness(self, n: int, scheduled: float, achieved: float, delay: float) -> list[Finding]:
        """A driver that could not keep its own schedule measured itself: inconclusive."""
        least, limit_ms = self.least_requests, MAX_ISSUE_DELAY_SHARE * self.bound_ms
        on_time = delay < limit_ms
        full = scheduled > 0 and achieved >= MIN_ACHIEVED_SHARE * scheduled
        more = f"too_few_requests: let the policy ask for a longer run or a higher rate; needed: {least}"
        busy = "" if on_time and full else "the driver was too slow: run it where more CPU is free"
        return [
            Finding(
                f"at least {least} requests must be sent",
                shown(n >= least),
                str(n),
                "" if n >= least else more,
            ),
            Finding(
                f"requests must leave on time (p99 delay below {limit_ms:g} ms)",
                shown(on_time),
                f"{delay:.3g} ms",
                busy,
            ),
            Finding(
                f"at least {MIN_ACHIEVED_SHARE:.0%} of the scheduled rate must be reached",
                shown(full),
                f"{achieved:.4g} of {scheduled:.4g} per s",
                busy,
            ),
        ]

    def _duration(self, duration: float) -> Finding:
        rule = f"the load must last at least {self.duration_s:g} s"
        holds = duration >= self.duration_s
        return Finding(rule, met(holds), f"{duration:g} s", "" if holds else "run it for the whole time")

    def _errors(self, n: int, errors: int) -> Finding:
        rule = f"at most {100 * self.max_error_rate:g} % of the requests may fail"
        holds = errors <= exact(self.max_error_rate) * n
        detail = "" if holds else "find out on which rows, or at which rate, the model does not answer"
        return Finding(rule, met(holds), f"{errors} of {n}", detail)

    def _latency(self, n: int, t: int, facts: Facts) -> Finding:
        rule = f"{100 * self.percentile:.10g} % of the requests within {self.bound_ms:g} ms"
        latency = facts.get("latency_ms")
        p99 = amount(latency, "p99") if isinstance(latency, Mapping) else None
        measured = f"{t} of {n} over the bound" + (f", p99 {p99:.3g} ms" if p99 is not None else "")
        if t > (1 - exact(self.percentile)) * n:
            detail = "too many requests were slow: make the model faster, or promise less in the policy"
            return Finding(rule, Outcome.FAIL, measured, detail)
        needed = least_requests(t, self.percentile)
        if n < needed:
            detail = f"{needed - n} more requests are needed to be {CONFIDENCE:.0%} sure"
            return Finding(rule, Outcome.INCONCLUSIVE, measured, detail)
        return Finding(rule, Outcome.PASS, measured)


@lru_cache(maxsize=4096)
def least_requests(over_bound: int, percentile: float) -> int:
    """Return the least number of requests, ``over_bound`` slow ones among them, that proves the claim.

    It is h_min(t) + t, where h_min(t) is the least h with P[Binomial(h + t, 1 - p) <= t] <= 1 - c.

    Args:
        over_bound: t, requests over the bound, at least 0.
        percentile: p, the share claimed, above 0 and below 1.
    """
    low, high = 0, 1
    while _chance(high, over_bound, percentile) > 1 - CONFIDENCE:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        if _chance(middle, over_bound, percentile) > 1 - CONFIDENCE:
            low = middle
        else:
            high = middle
    return high + over_bound


def _chance(h: int, t: int, p: float) -> float:
    """Return P[Binomial(h + t, 1 - p) <= t], summed from its largest term down.

    The terms grow up to t whenever t lies below the mean, which is where the threshold lies; the sum
    stops when a term no longer changes it.
    """
    n = h + t
    log_term = (
        math.lgamma(n + 1) - math.lgamma(t + 1) - math.lgamma(h + 1) + t * math.log1p(-p) + h * math.log(p)
    )
    term = total = 1.0
    for k in range(t, 0, -1):
        term *= k / (n - k + 1) * p / (1 - p)
        total += term
        if term < total * 1e-17:
            break
        if total > 1e300:  # t lies far above the mean
            return 1.0
    return min(1.0, math.exp(min(0.0, log_term + math.log(total))))
