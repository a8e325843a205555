"""The model's own tests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.evidence import Origin
from assay.core.verdicts import Outcome


def run(bench, gate=None, **changes):
    facts = bench.facts("unit_tests", **changes)
    facts["tests"] = changes.get(
        "tests", sum(facts[name] for name in ("passed", "failed", "errors", "skipped"))
    )
    return bench.judge(gate or bench.gate("unit_tests"), facts)


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"failed": 1, "failures": ["test_m::test_fair"]}, "test_m::test_fair"),
        ({"errors": 1}, "no test may fail"),
        ({"passed": 0, "skipped": 0}, "at least 1 tests must run"),
        ({"passed": 0, "skipped": 5}, "5 were skipped"),
    ],
)
def test_failures_errors_and_runs_of_nothing_fail(counts, said, bench):
    verdict = run(bench, **counts)
    assert verdict.outcome is Outcome.FAIL
    assert said in " ".join(verdict.reasons)


def test_as_many_tests_as_the_policy_asks_for_must_run(bench):
    assert run(bench, bench.gate("unit_tests", min_tests=3), passed=3).holds
    assert run(bench, bench.gate("unit_tests", min_tests=4), passed=3).outcome is Outcome.FAIL


def test_skipped_tests_do_not_count_as_run(bench):
    assert not run(bench, bench.gate("unit_tests", min_tests=4), passed=3, skipped=100).holds


def test_all_reasons_come_at_once(bench):
    verdict = run(bench, passed=0, failed=1, commit="b" * 40)
    rules = [finding.rule for finding in verdict.findings if finding.outcome is Outcome.FAIL]
    assert rules == ["no test may fail", "the tests must be of the version's commit"]


def test_a_run_of_another_commit_fails(bench):
    verdict = run(bench, commit="b" * 40)
    assert verdict.outcome is Outcome.FAIL
    assert "bbbbbbbbbbbb" in verdict.reasons[0]
    assert "aaaaaaaaaaaa" in verdict.reasons[0]


def test_a_run_of_no_known_commit_is_bound_by_the_version_digest_alone(bench):
    assert run(bench, commit="").outcome is Outcome.PASS


def test_a_run_of_a_commit_cannot_be_matched_with_a_version_of_none(bench):
    version = bench.with_provenance(code=None)
    verdict = bench.judge(bench.gate("unit_tests"), bench.facts("unit_tests"), version=version)
    assert verdict.outcome is Outcome.INCONCLUSIVE


@given(counts=st.tuples(*[st.integers(0, 50)] * 5))
def test_it_passes_exactly_when_tests_ran_and_none_failed(counts, bench):
    tests, passed, failed, errors, skipped = counts
    verdict = run(bench, tests=tests, passed=passed, failed=failed, errors=errors, skipped=skipped)
    adds_up = tests == passed + failed + errors + skipped
    assert verdict.holds is (adds_up and passed > 0 and failed == errors == 0)


def test_counts_that_do_not_add_up_are_inconclusive(bench):
    assert run(bench, tests=9, passed=3, skipped=0).outcome is Outcome.INCONCLUSIVE


def test_a_report_of_the_teams_ci_counts_and_the_verdict_says_so(bench):
    gate = bench.gate("unit_tests")
    facts = bench.facts("unit_tests", source="junit")
    verdict = bench.judge(gate, facts, origin=Origin.REPORTED, reporter="ci", settings={})
    assert verdict.outcome is Outcome.PASS
    assert verdict.origin == "reported"


def test_a_policy_can_demand_that_the_registry_runs_them(bench):
    gate = bench.gate("unit_tests", accept_reported=False)
    verdict = bench.judge(gate, bench.facts("unit_tests"), origin=Origin.REPORTED)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert bench.judge(gate, bench.facts("unit_tests")).outcome is Outcome.PASS


def test_a_run_in_another_folder_does_not_count(bench):
    gate = bench.gate("unit_tests", directory="checks")
    assert not bench.judge(gate, bench.facts("unit_tests"), settings={"directory": "tests"}).holds
