"""A fresh environment, and what a caller would try."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.verdicts import Outcome
from assay.gates.integration import STEPS


@pytest.mark.parametrize("step", STEPS)
def test_every_step_must_succeed_and_its_detail_is_passed_on(step, bench):
    facts = bench.facts("integration")
    for each in facts["steps"]:
        if each["name"] == step:
            each |= {"passed": False, "detail": "ImportError: no module named numpy"}
    verdict = bench.judge(bench.passing_gate("integration"), facts)
    assert verdict.outcome is Outcome.FAIL
    (reason,) = verdict.reasons
    assert f"step {step}" in reason
    assert "no module named numpy" in reason


@given(left_out=st.sets(st.sampled_from(STEPS), min_size=1))
def test_a_step_that_is_missing_was_not_done(left_out, bench):
    facts = bench.facts("integration")
    facts["steps"] = [each for each in facts["steps"] if each["name"] not in left_out]
    verdict = bench.judge(bench.passing_gate("integration"), facts)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert len(verdict.reasons) == len(left_out)


@pytest.mark.parametrize("first", [True, False])
def test_a_second_entry_does_not_hide_a_step_that_failed(first, bench):
    facts = bench.facts("integration")
    bad = {"name": "golden", "passed": False, "detail": "differs"}
    facts["steps"].insert(0 if first else len(facts["steps"]), bad)
    assert bench.judge(bench.passing_gate("integration"), facts).outcome is Outcome.FAIL


def test_a_step_this_gate_does_not_know_must_succeed_too(bench):
    facts = bench.facts("integration")
    facts["steps"].append({"name": "memory", "passed": False, "detail": "12 GB"})
    assert bench.judge(bench.passing_gate("integration"), facts).outcome is Outcome.FAIL


@pytest.mark.parametrize("passed", [1, "true", None, "yes"])
def test_only_true_is_success(passed, bench):
    facts = bench.facts("integration")
    facts["steps"][0]["passed"] = passed
    assert bench.judge(bench.passing_gate("integration"), facts).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("golden", "least", "holds"), [(0, 1, False), (1, 1, True), (9, 10, False), (10, 10, True)]
)
def test_enough_golden_rows_must_be_tried(golden, least, holds, bench):
    gate = bench.gate("integration", min_golden_rows=least)
    assert bench.judge(gate, bench.facts("integration", golden_rows=golden)).holds is holds


def test_a_golden_prediction_that_does_not_come_out_again_fails(bench):
    verdict = bench.judge(bench.passing_gate("integration"), bench.facts("integration", golden_mismatches=1))
    assert verdict.outcome is Outcome.FAIL


def test_another_tolerance_is_another_measurement(bench):
    gate = bench.gate("integration", tolerance=1e-3)
    assert not bench.judge(gate, bench.facts("integration"), settings={"tolerance": 1e-2}).holds
    assert bench.judge(gate, bench.facts("integration")).holds
