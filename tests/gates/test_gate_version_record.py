"""Gates that read what was registered: provenance, signature, environment, size."""

from dataclasses import replace

import pytest

from assay.core.provenance import Code, Environment, Provenance
from assay.core.verdicts import Outcome
from assay.gates.provenance import ITEMS

WITHOUT = {
    "training data": {"data": ()},
    "code commit": {"code": None},
    "hyperparameters": {"hyperparameters": None},
    "held-out metrics": {"metrics": {}},
    "environment": {"environment": None},
    "hardware": {"hardware": None},
}


def judge(bench, gate, version):
    return gate.judge(bench.dossier(version=version))


def test_the_six_items_of_the_guide_are_asked_for():
    assert set(ITEMS) == set(WITHOUT)


@pytest.mark.parametrize("item", ITEMS)
def test_each_missing_item_fails_and_says_how_to_record_it(item, bench):
    version = bench.with_provenance(**WITHOUT[item])
    verdict = judge(bench, bench.gate("provenance"), version)
    assert verdict.outcome is Outcome.FAIL
    (reason,) = verdict.reasons
    assert reason.startswith(f"{item} must be recorded")
    assert "register" in reason


@pytest.mark.parametrize("item", ITEMS)
def test_a_policy_may_require_fewer_items(item, bench):
    version = bench.with_provenance(**WITHOUT[item])
    others = [each for each in ITEMS if each != item]
    assert judge(bench, bench.gate("provenance", required=others), version).holds
    assert not judge(bench, bench.gate("provenance", required=[item]), version).holds


def test_all_missing_items_are_named_at_once(bench):
    version = replace(bench.version, provenance=Provenance())
    assert len(judge(bench, bench.gate("provenance"), version).reasons) == len(ITEMS)


def test_a_changed_work_tree_fails_unless_the_policy_allows_it(bench):
    version = bench.with_provenance(code=Code(bench.commit, dirty=True))
    verdict = judge(bench, bench.gate("provenance"), version)
    assert verdict.outcome is Outcome.FAIL
    assert "commit first" in verdict.reasons[0]
    assert judge(bench, bench.gate("provenance", allow_dirty=True), version).holds


def test_a_version_without_signature_fails_and_says_how_to_get_one(bench):
    verdict = judge(bench, bench.gate("signature"), replace(bench.version, signature=None))
    assert verdict.outcome is Outcome.FAIL
    assert "--sample" in verdict.reasons[0]


@pytest.mark.parametrize(
    "line",
    [
        "numpy",
        "numpy>=2",
        "numpy~=2.1",
        "numpy==2.*",
        "numpy==2.1,<3",
        "numpy @ file:///home/ann/numpy",
        "-e git+https://example.org/r#egg=mine",
        "-e assay @ file:///somewhere",
        "assays==>1",
    ],
)
def test_every_package_must_be_pinned(line, bench):
    version = bench.with_provenance(environment=Environment("3.11.4", "", ("scipy==1.15.0", line)))
    verdict = judge(bench, bench.gate("environment"), version)
    assert verdict.outcome is Outcome.FAIL
    assert line[:80] in verdict.reasons[0]


@pytest.mark.parametrize("packages", [(), ("assay==0.1.0",), ("assay @ file:///home/ann/assay",)])
def test_an_empty_freeze_fails_and_the_registrys_own_package_does_not_fill_it(packages, bench):
    version = bench.with_provenance(environment=Environment("3.11.4", "", packages))
    assert judge(bench, bench.gate("environment"), version).outcome is Outcome.FAIL


def test_no_freeze_at_all_fails(bench):
    verdict = judge(bench, bench.gate("environment"), bench.with_provenance(environment=None))
    assert verdict.outcome is Outcome.FAIL


def test_the_registrys_own_package_need_not_be_released(bench):
    packages = ("numpy==2.1.0", "assay @ file:///home/ann/assay")
    version = bench.with_provenance(environment=Environment("3.11.4", "", packages))
    assert judge(bench, bench.gate("environment"), version).outcome is Outcome.PASS


@pytest.mark.parametrize(("size_bytes", "holds"), [(0, True), (1000, True), (1001, False)])
def test_the_size_may_reach_the_budget_and_not_exceed_it(size_bytes, holds, bench):
    verdict = judge(
        bench, bench.gate("size_budget", max_bytes=1000), replace(bench.version, size_bytes=size_bytes)
    )
    assert verdict.outcome is (Outcome.PASS if holds else Outcome.FAIL)


def test_the_budget_is_two_gibibytes_by_default(bench):
    assert judge(bench, bench.gate("size_budget"), replace(bench.version, size_bytes=2 * 1024**3)).holds
    assert not judge(
        bench, bench.gate("size_budget"), replace(bench.version, size_bytes=2 * 1024**3 + 1)
    ).holds


def test_a_list_of_what_the_model_uses_itself_is_no_full_environment_unless_the_policy_takes_it(bench):
    named = Environment("3.11.4", "", ("scipy==1.15.0",), complete=False)
    version = bench.with_provenance(environment=named)
    refused = judge(bench, bench.gate("environment"), version)
    assert refused.outcome is Outcome.FAIL
    assert "MLFLOW_LOCK_MODEL_DEPENDENCIES=true" in refused.findings[0].detail
    assert judge(bench, bench.gate("environment", named_only=True), version).outcome is Outcome.PASS
    loose = bench.with_provenance(environment=Environment("3.11.4", "", ("scipy",), complete=False))
    assert judge(bench, bench.gate("environment", named_only=True), loose).outcome is Outcome.FAIL
