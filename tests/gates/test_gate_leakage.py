"""Evaluation rows in the training data."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.provenance import DataRole
from assay.core.verdicts import Outcome


@pytest.mark.parametrize(
    ("twins", "allowed", "holds"), [(0, 0, True), (1, 0, False), (5, 5, True), (6, 5, False)]
)
def test_as_many_twins_as_the_policy_allows(twins, allowed, holds, bench):
    facts = bench.facts(
        "leakage", feature_duplicates=twins, labelled_duplicates=twins, conflicting_duplicates=0
    )
    verdict = bench.judge(bench.gate("leakage", max_duplicate_rows=allowed), facts)
    assert verdict.outcome is (Outcome.PASS if holds else Outcome.FAIL)


def test_twins_with_another_outcome_count_too(bench):
    facts = bench.facts("leakage", feature_duplicates=4, labelled_duplicates=0, conflicting_duplicates=4)
    (reason,) = bench.judge(bench.gate("leakage"), facts).reasons
    assert "measured 4 of 50" in reason
    assert "0 with the same outcome, 4 with another" in reason
    assert "rows 3, 8" in reason


@pytest.mark.parametrize("fact", ["same_digest", "evaluation_inside_training"])
def test_the_same_table_on_both_sides_fails_whatever_was_counted(fact, bench):
    facts = bench.facts("leakage", feature_duplicates=0, labelled_duplicates=0, conflicting_duplicates=0)
    gate = bench.gate("leakage", max_duplicate_rows=10**6)
    assert bench.judge(gate, facts).holds
    assert bench.judge(gate, {**facts, fact: True}).outcome is Outcome.FAIL


@pytest.mark.parametrize("role", [DataRole.TRAINING, DataRole.VALIDATION])
@pytest.mark.parametrize("problem", ["", "the training table is not stored"])
def test_one_file_in_two_roles_fails_by_its_digest_even_unmeasured(role, problem, bench):
    others = [bench.reference(each) for each in (DataRole.TRAINING, DataRole.EVALUATION)]
    version = bench.with_data(
        *others, bench.reference(role, b"extra"), bench.reference(DataRole.EVALUATION, b"extra")
    )
    gate = bench.gate("leakage", max_duplicate_rows=50)
    facts = {"same_digest": True} if problem else bench.facts("leakage")
    verdict = bench.judge(gate, facts, version=version, problem=problem)
    assert verdict.outcome is Outcome.FAIL
    assert any(f"also be a {role.value} file" in reason for reason in verdict.reasons)
    assert gate.judge(bench.dossier(version=version)).outcome is Outcome.FAIL


def test_a_training_table_that_is_not_stored_is_inconclusive(bench):
    problem = "the training table is not stored here"
    verdict = bench.judge(bench.gate("leakage"), {"same_digest": False}, problem=problem)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert problem in verdict.reasons[0]


@pytest.mark.parametrize("role", [DataRole.TRAINING, DataRole.EVALUATION])
def test_a_version_that_does_not_name_both_tables_is_inconclusive(role, bench):
    kept = [each for each in bench.version.provenance.data if each.role is not role]
    verdict = bench.judge(
        bench.passing_gate("leakage"), bench.facts("leakage"), version=bench.with_data(*kept)
    )
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert f"--{role.value}-data" in verdict.reasons[0]


@pytest.mark.parametrize("name", ["training_rows", "evaluation_rows"])
def test_an_empty_table_is_inconclusive(name, bench):
    facts = bench.facts("leakage", feature_duplicates=0, labelled_duplicates=0, conflicting_duplicates=0)
    assert bench.judge(bench.gate("leakage"), {**facts, name: 0}).outcome is Outcome.INCONCLUSIVE


@given(twins=st.integers(0, 60), labelled=st.integers(0, 60), conflicting=st.integers(0, 60))
def test_impossible_counts_never_pass(twins, labelled, conflicting, bench):
    counts = {
        "feature_duplicates": twins,
        "labelled_duplicates": labelled,
        "conflicting_duplicates": conflicting,
    }
    verdict = bench.judge(bench.gate("leakage", max_duplicate_rows=55), bench.facts("leakage", **counts))
    assert verdict.holds is (labelled + conflicting <= twins <= 50)


def test_columns_left_out_are_part_of_what_is_asked_for(bench):
    gate = bench.gate("leakage", ignore_columns=["row_id"], label="y")
    assert gate.need(bench.version).settings == {"label": "y", "ignore_columns": ["row_id"]}
