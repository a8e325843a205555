"""From a policy's words to gates, and the default policy."""

import math

import pytest

from assay.core.errors import BadInputError
from assay.core.policies import GateRule, Policy
from assay.core.stages import Stage
from assay.gates import DEFAULT_POLICY, GATES, build, build_all, check_policy

BOTH = {
    "unit_tests",
    "metrics",
    "leakage",
    "provenance",
    "signature",
    "environment",
    "file_security",
    "size_budget",
}
ONLY_PRODUCTION = {"bias", "integration", "load", "approval"}


def policy(staging, production=None) -> Policy:
    production = [GateRule("signature", {})] if production is None else production
    return Policy("*", {Stage.STAGING: tuple(staging), Stage.PRODUCTION: tuple(production)})


def fields_of(error) -> list[str]:
    return [reason.field for reason in error.value.reasons]


def test_the_default_policy_is_the_matrix_of_the_guide():
    assert {rule.gate for rule in DEFAULT_POLICY.gates[Stage.STAGING]} == BOTH
    assert {rule.gate for rule in DEFAULT_POLICY.gates[Stage.PRODUCTION]} == BOTH | ONLY_PRODUCTION
    assert set(GATES) == BOTH | ONLY_PRODUCTION
    assert DEFAULT_POLICY.applies_to == "*"


def test_the_default_policy_has_the_numbers_of_the_guide():
    gates = {gate.name: gate for gate in build_all(DEFAULT_POLICY, Stage.PRODUCTION)}
    assert gates["metrics"].minimum == {"accuracy": 0.95}
    assert gates["bias"].max_disparity == 0.1
    assert gates["approval"].count == 1


def test_the_default_policy_reads_back_from_its_written_form():
    check_policy(DEFAULT_POLICY)
    assert Policy.parse(DEFAULT_POLICY.document()).digest == DEFAULT_POLICY.digest


def test_gates_come_in_the_order_of_the_policy():
    built = build_all(
        policy([GateRule("signature", {}), GateRule("load", {}), GateRule("bias", {})]), Stage.STAGING
    )
    assert [gate.name for gate in built] == ["signature", "load", "bias"]


def test_settings_reach_the_gate():
    gate = build(GateRule("load", {"rate_per_s": 5, "percentile": 0.9, "seed": 7}))
    assert (gate.rate_per_s, gate.percentile, gate.seed) == (5.0, 0.9, 7)


def test_an_unknown_gate_is_refused_and_the_known_ones_are_named():
    with pytest.raises(BadInputError) as refused:
        build(GateRule("acuracy", {}), "policy.gates.staging[2]")
    (reason,) = refused.value.reasons
    assert reason.field == "policy.gates.staging[2].acuracy"
    assert all(name in reason.detail for name in GATES)


@pytest.mark.parametrize(
    ("gate", "settings", "field", "rule"),
    [
        ("metrics", {"minimum": {"accuracy": math.nan}}, "minimum.accuracy", "finite"),
        ("metrics", {"minimum": {"accuracy": "high"}}, "minimum.accuracy", "float"),
        ("metrics", {"maximum": {"rmse": True}}, "maximum.rmse", "float"),
        ("metrics", {"minimum": {"f1": 10**400}}, "minimum.f1", "range"),
        ("metrics", {"minimum": [0.95]}, "minimum", "object"),
        ("metrics", {"dataset": "sha256:abc"}, "dataset", "64"),
        ("metrics", {"min_rows": -1}, "min_rows", ">= 0"),
        ("metrics", {"max_age_days": 0}, "max_age_days", "> 0"),
        ("unit_tests", {"min_tests": 0}, "min_tests", ">= 1"),
        ("unit_tests", {"accept_reported": "yes"}, "accept_reported", "bool"),
        ("leakage", {"max_duplicate_rows": 1.5}, "max_duplicate_rows", "int"),
        ("leakage", {"ignore_columns": "id"}, "ignore_columns", "array"),
        ("bias", {"groups": [["sex"], []]}, "groups[1]", "length >= 1"),
        ("bias", {"groups": [["sex", 3]]}, "groups[0][1]", "str"),
        ("bias", {"max_disparity": 1.1}, "max_disparity", "<= 1"),
        ("bias", {"min_impact_ratio": "5/4"}, "min_impact_ratio", "at most 1"),
        ("bias", {"min_impact_ratio": "0"}, "min_impact_ratio", "above 0"),
        ("bias", {"min_impact_ratio": "4/0"}, "min_impact_ratio", "fraction"),
        ("bias", {"min_impact_ratio": "1e-999999999"}, "min_impact_ratio", "fraction"),
        ("bias", {"min_impact_ratio": "four fifths"}, "min_impact_ratio", "fraction"),
        ("bias", {"max_disparity": None}, "max_disparity", "some threshold"),
        ("integration", {"tolerance": 0.2}, "tolerance", "<= 0.1"),
        ("load", {"rate_per_s": 0}, "rate_per_s", "> 0"),
        ("load", {"percentile": 1}, "percentile", "< 1"),
        ("load", {"percentile": 0.999999999}, "percentile", "0.99999999"),
        ("load", {"bound_ms": -5}, "bound_ms", "> 0"),
        ("file_security", {"allowed_code_formats": "joblib"}, "allowed_code_formats", "array"),
        ("approval", {"count": 0}, "count", ">= 1"),
        ("provenance", {"required": ["luck"]}, "required", "training data"),
        ("provenance", {"required": []}, "required", "length >= 1"),
        ("size_budget", {"max_bytes": 0}, "max_bytes", ">= 1"),
    ],
)
def test_a_broken_setting_is_named_with_its_rule(gate, settings, field, rule):
    with pytest.raises(BadInputError) as refused:
        build(GateRule(gate, settings), "policy.gates.staging[2]")
    assert fields_of(refused) == [f"policy.gates.staging[2].{gate}.{field}"]
    assert rule in refused.value.reasons[0].rule


def test_all_broken_settings_of_a_gate_are_named_at_once():
    settings = {
        "rate_per_s": -1,
        "foo": 1,
        "bound_ms": "fast",
        "percentile": 0.999999999,
        "seed": 3,
    }
    with pytest.raises(BadInputError) as refused:
        build(GateRule("load", settings), "here")
    assert sorted(fields_of(refused)) == [
        f"here.load.{name}" for name in ("bound_ms", "foo", "percentile", "rate_per_s")
    ]


def test_all_broken_thresholds_of_a_metric_gate_are_named_at_once():
    settings = {"minimum": {"accuracy": "high", "f1": 0.9, "recall": None}, "maximum": {"rmse": math.inf}}
    with pytest.raises(BadInputError) as refused:
        build(GateRule("metrics", settings), "here")
    assert sorted(fields_of(refused)) == [
        "here.metrics.maximum.rmse",
        "here.metrics.minimum.accuracy",
        "here.metrics.minimum.recall",
    ]


def test_all_broken_rules_of_both_stages_are_named_at_once():
    broken = policy(
        [GateRule("signature", {}), GateRule("metrics", {"minimum": {"accuracy": math.nan}})],
        [GateRule("nosuch", {}), GateRule("approval", {"count": 99})],
    )
    with pytest.raises(BadInputError) as refused:
        check_policy(broken)
    assert fields_of(refused) == [
        "policy.gates.staging[1].metrics.minimum.accuracy",
        "policy.gates.production[0].nosuch",
        "policy.gates.production[1].approval.count",
    ]


@pytest.mark.parametrize("gates", [{}, {Stage.STAGING: (), Stage.PRODUCTION: ()}])
def test_a_stage_without_gates_is_refused(gates):
    with pytest.raises(BadInputError) as refused:
        check_policy(Policy("*", gates))
    assert fields_of(refused) == ["policy.gates.staging", "policy.gates.production"]
    with pytest.raises(BadInputError, match="must not be empty"):
        build_all(Policy("*", gates), Stage.PRODUCTION)


def test_keys_that_are_no_text_are_refused():
    with pytest.raises(BadInputError) as refused:
        build(GateRule("metrics", {1: 2}), "here")
    assert fields_of(refused) == ["here.metrics.1"]
