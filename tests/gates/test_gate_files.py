"""What the files can do when somebody loads them."""

import pytest

from assay.core.verdicts import Outcome

SKOPS = ("model.skops", "skops", "data")
TESTS = ("tests/test_m.py", "text", "data")
JOBLIB = ("model.skops", "joblib", "code")


def scanned(bench, *files, **more):
    return bench.file_facts(*files, TESTS, **more)


def test_joblib_is_named_for_what_it_is_and_fails(bench):
    verdict = bench.judge(bench.gate("file_security"), scanned(bench, JOBLIB))
    assert verdict.outcome is Outcome.FAIL
    (reason,) = verdict.reasons
    assert "joblib is pickle: it executes code on load" in reason
    assert "skops" in reason
    assert "allowed_code_formats: [joblib]" in reason


@pytest.mark.parametrize("kind", ["pickle", "torch", "joblib"])
def test_a_code_format_passes_only_when_the_policy_names_it(kind, bench):
    facts = scanned(bench, ("model.skops", kind, "code"))
    assert not bench.judge(bench.gate("file_security", allowed_code_formats=["other"]), facts).holds
    verdict = bench.judge(bench.gate("file_security", allowed_code_formats=[kind]), facts)
    assert verdict.outcome is Outcome.PASS
    assert any("executes code on load" in finding.detail for finding in verdict.findings)


@pytest.mark.parametrize("severity", ["critical", "high"])
@pytest.mark.parametrize("risk", ["data", "effects", "code", "unclassified"])
def test_a_severe_finding_never_passes(severity, risk, bench):
    found = [{"rule": "foreign_globals", "severity": severity, "detail": "imports os.system"}]
    facts = scanned(bench, ("model.skops", "joblib", risk))
    facts["files"][0]["findings"] = found
    gate = bench.gate("file_security", allowed_code_formats=["joblib"], allow_effects=True)
    verdict = bench.judge(gate, facts)
    assert verdict.outcome is Outcome.FAIL
    assert "imports os.system" in verdict.reasons[0]


@pytest.mark.parametrize("severity", ["note", "info", "low", "medium"])
def test_a_mild_finding_informs(severity, bench):
    facts = scanned(bench, SKOPS)
    facts["files"][0]["findings"] = [{"rule": "domains", "severity": severity, "detail": "com.microsoft"}]
    assert bench.judge(bench.gate("file_security"), facts).outcome is Outcome.PASS


@pytest.mark.parametrize("severity", ["CRITICAL", "", None, 3, "severe"])
def test_a_finding_of_unknown_weight_does_not_pass(severity, bench):
    facts = scanned(bench, SKOPS)
    facts["files"][0]["findings"] = [{"rule": "x", "severity": severity, "detail": "y"}]
    assert bench.judge(bench.gate("file_security"), facts).outcome is Outcome.INCONCLUSIVE


def test_what_nothing_recognised_cannot_be_allowed_by_name(bench):
    facts = scanned(bench, ("model.skops", "unclassified", "unclassified"))
    gate = bench.gate("file_security", allowed_code_formats=["unclassified"], allow_effects=True)
    assert bench.judge(gate, facts).outcome is Outcome.FAIL


def test_effects_pass_only_when_the_policy_allows_them(bench):
    facts = scanned(bench, ("model.skops", "savedmodel", "effects"))
    verdict = bench.judge(bench.gate("file_security"), facts)
    assert verdict.outcome is Outcome.FAIL
    assert "allow_effects" in verdict.reasons[0]
    assert bench.judge(bench.gate("file_security", allow_effects=True), facts).outcome is Outcome.PASS


@pytest.mark.parametrize("names", [None, "os.system", [1], {}])
def test_a_code_file_whose_imports_are_unknown_does_not_pass(names, bench):
    gate = bench.gate("file_security", allowed_code_formats=["joblib"])
    facts = scanned(bench, JOBLIB)
    facts["files"][0]["globals"] = names
    assert bench.judge(gate, facts).outcome is Outcome.INCONCLUSIVE


def test_a_file_that_was_not_scanned_does_not_pass(bench):
    verdict = bench.judge(bench.gate("file_security"), bench.file_facts(SKOPS))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "tests/test_m.py" in verdict.reasons[0]


@pytest.mark.parametrize("first", [True, False])
def test_a_second_entry_does_not_hide_what_was_said_of_a_file(first, bench):
    files = [JOBLIB, SKOPS] if first else [SKOPS, JOBLIB]
    assert bench.judge(bench.gate("file_security"), scanned(bench, *files)).outcome is Outcome.FAIL


@pytest.mark.parametrize("risk", ["", "harmless", None, ["data"], "DATA"])
def test_a_file_of_unknown_risk_does_not_pass(risk, bench):
    facts = scanned(bench, ("model.skops", "skops", risk))
    assert bench.judge(bench.gate("file_security"), facts).outcome is Outcome.INCONCLUSIVE


def test_every_bad_file_is_named(bench):
    facts = bench.file_facts(JOBLIB, ("tests/test_m.py", "pickle", "code"))
    reasons = bench.judge(bench.gate("file_security"), facts).reasons
    assert [reason.partition(":")[0] for reason in reasons] == ["model.skops", "tests/test_m.py"]
