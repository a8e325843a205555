"""Latency under load, and the statistic that LoadGen uses."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from assay.core.provenance import DataRole
from assay.core.verdicts import Outcome
from assay.gates.load import least_requests

OVER = (0, 1, 2, 3, 5, 20, 50, 100)
# Reference page load-test, section 2: least total n = h_min(t) + t for t in OVER
TABLE = {
    0.90: (44, 64, 81, 97, 127, 325, 681, 1246),
    0.95: (90, 130, 165, 198, 259, 656, 1372, 2504),
    0.97: (152, 219, 277, 332, 433, 1097, 2293, 4182),
    0.99: (459, 662, 838, 1001, 1307, 3304, 6898, 12571),
    0.999: (4603, 6636, 8403, 10042, 13105, 33097, 69058, 125826),
}


@pytest.mark.parametrize("percentile", sorted(TABLE))
def test_the_table_of_early_stopping_comes_out(percentile):
    assert tuple(least_requests(over, percentile) for over in OVER) == TABLE[percentile]


def test_a_recorded_loadgen_run_comes_out():
    """p = 0.99, 257 of 985 over the bound: its log asks for 28679 more queries."""
    assert least_requests(257, 0.99) == 29664 == 985 + 28679


@given(over=st.integers(0, 2000), percentile=st.floats(0.5, 0.9995))
@settings(deadline=None)
def test_it_is_the_least_number_by_the_binomial_distribution_of_scipy(over, percentile):
    n = least_requests(over, percentile)
    assert binom.cdf(over, n, 1 - percentile) <= 0.01 * (1 + 1e-7)
    assert n == over + 1 or binom.cdf(over, n - 1, 1 - percentile) > 0.01 * (1 - 1e-7)


@given(over=st.integers(0, 3000), percentile=st.floats(0.5, 0.9995))
@settings(deadline=None)
def test_more_slow_requests_need_more_requests(over, percentile):
    # One more slow request needs at least one more that is not: h_min itself grows.
    assert least_requests(over + 1, percentile) - (over + 1) >= least_requests(over, percentile) - over


@given(over=st.integers(0, 1000), pair=st.tuples(st.floats(0.5, 0.999), st.floats(0.5, 0.999)).map(sorted))
@settings(deadline=None)
def test_a_greater_claim_needs_more_requests(over, pair):
    assert least_requests(over, pair[0]) <= least_requests(over, pair[1])


def judge(bench, gate=None, **changes):
    return bench.judge(gate or bench.gate("load"), bench.facts("load", **changes))


@pytest.mark.parametrize("over", OVER)
def test_a_run_passes_from_the_least_number_of_requests_on(over, bench):
    least = TABLE[0.99][OVER.index(over)]
    gate = bench.gate("load", min_requests=1)
    assert judge(bench, gate, request_count=least, over_bound_count=over).outcome is Outcome.PASS
    assert judge(bench, gate, request_count=least - 1, over_bound_count=over).outcome is Outcome.INCONCLUSIVE


def test_an_undecided_run_says_how_many_requests_are_missing(bench):
    verdict = judge(bench, request_count=900, over_bound_count=5)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "407 more requests" in verdict.reasons[0]


@pytest.mark.parametrize(("over", "expected"), [(10, Outcome.INCONCLUSIVE), (11, Outcome.FAIL)])
def test_more_slow_requests_than_the_claim_allows_fail(over, expected, bench):
    assert judge(bench, request_count=1000, over_bound_count=over).outcome is expected


def test_the_claim_is_compared_exactly(bench):
    """1 - 0.9 is below 0.1 in floats, which would fail a run of exactly a tenth."""
    assert (1 - 0.9) * 1000 < 100
    gate = bench.gate("load", percentile=0.9)
    assert judge(bench, gate, request_count=1000, over_bound_count=100).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(("count", "expected"), [(661, Outcome.INCONCLUSIVE), (662, Outcome.PASS)])
def test_the_floor_by_default_allows_one_slow_request(count, expected, bench):
    verdict = judge(bench, request_count=count, over_bound_count=0)
    assert verdict.outcome is expected
    if expected is not Outcome.PASS:
        assert "too_few_requests" in verdict.reasons[0]
        assert "662" in verdict.reasons[0]


def test_no_policy_lowers_the_floor_below_what_can_be_proved(bench):
    gate = bench.gate("load", min_requests=1)
    assert judge(bench, gate, request_count=458, over_bound_count=0).outcome is Outcome.INCONCLUSIVE
    assert judge(bench, gate, request_count=458, over_bound_count=400).outcome is Outcome.INCONCLUSIVE
    assert judge(bench, gate, request_count=459, over_bound_count=0).outcome is Outcome.PASS


def test_a_policy_may_raise_the_floor(bench):
    gate = bench.gate("load", min_requests=5000)
    assert judge(bench, gate, request_count=4999).outcome is Outcome.INCONCLUSIVE
    assert judge(bench, gate, request_count=5000).outcome is Outcome.PASS


UNSOUND = [
    {"request_count": 661},
    {"issue_delay_p99_ms": 10.0},
    {"achieved_rate_per_s": 98.0},
    {"scheduled_rate_per_s": 0.0, "achieved_rate_per_s": 0.0},
]


@pytest.mark.parametrize("broken", UNSOUND)
@pytest.mark.parametrize(
    "otherwise",
    [{}, {"over_bound_count": 600}, {"over_bound_count": 600, "error_count": 600}, {"duration_s": 0.1}],
)
def test_an_unsound_run_is_inconclusive_however_slow_it_was(broken, otherwise, bench):
    verdict = judge(bench, **{**otherwise, **broken})
    assert verdict.outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    "sound",
    [
        {"issue_delay_p99_ms": 9.99},
        {"achieved_rate_per_s": 98.1},
        {"request_count": 662, "over_bound_count": 1},
    ],
)
def test_self_checks_hold_up_to_their_limits(sound, bench):
    assert judge(bench, **sound).outcome is Outcome.PASS


@pytest.mark.parametrize("broken", [{}, *UNSOUND])
def test_a_wrong_answer_fails_at_any_speed(broken, bench):
    assert judge(bench, mismatch_count=1, **broken).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("errors", "allowed", "holds"), [(0, 0, True), (1, 0, False), (29, 0.0029, True), (30, 0.0029, False)]
)
def test_as_many_errors_as_the_policy_allows(errors, allowed, holds, bench):
    gate = bench.gate("load", max_error_rate=allowed)
    counts = {"request_count": 10_000, "over_bound_count": 40, "error_count": errors}
    assert judge(bench, gate, **counts).holds is holds


def test_a_run_that_ended_early_fails(bench):
    assert judge(bench, duration_s=9.9).outcome is Outcome.FAIL
    assert judge(bench, duration_s=10.1).outcome is Outcome.PASS


@pytest.mark.parametrize(
    "counts",
    [
        {"over_bound_count": 1002},
        {"error_count": 4},
        {"mismatch_count": 1002},
        {"request_count": 10**12, "over_bound_count": 10**9},
    ],
)
def test_counts_that_cannot_be_are_not_believed(counts, bench):
    verdict = judge(bench, **counts)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "fit together" in verdict.reasons[0]


def test_without_an_evaluation_table_the_golden_one_is_used(bench):
    gate = bench.passing_gate("load")
    golden = bench.reference(DataRole.GOLDEN)
    version = bench.with_data(golden)
    assert gate.need(version).data == {"golden": golden.digest}
    assert bench.judge(gate, bench.facts("load"), version=version).outcome is Outcome.PASS
    assert set(gate.need(bench.version).data) == {"evaluation"}


@pytest.mark.parametrize("latency", [{}, None, {"p99": "fast"}, [1]])
def test_percentiles_inform_and_counts_decide(latency, bench):
    assert judge(bench, latency_ms=latency).outcome is Outcome.PASS
