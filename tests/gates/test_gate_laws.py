"""What every gate must do. A new gate needs an entry in ``PASSING`` (conftest.py) and no test here."""

import importlib
import math
import pkgutil
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

import assay.gates
from assay.checks import CHECK_NAMES
from assay.core.digests import digest_of
from assay.core.errors import BadInputError
from assay.core.evidence import Origin
from assay.core.provenance import Provenance
from assay.core.verdicts import Outcome
from assay.gates import GATES

ALL = sorted(GATES)
MEASURED = sorted(name for name, gate in GATES.items() if gate.check is not None)
ONLY_MEASURED = sorted(set(MEASURED) - {"unit_tests"})
ON_DATA = ["bias", "integration", "leakage", "load", "metrics"]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
SPOILT = st.one_of(
    st.integers(0, 12),
    st.booleans(),
    st.sampled_from([None, "", "code", "high", -1, 10**18, 10**300, 0.5]),
    JSON,
)


@pytest.mark.parametrize("name", ALL)
def test_a_gate_is_listed_by_its_own_name_and_explains_itself(name):
    gate = GATES[name]
    assert gate.name == name
    assert gate.__doc__
    assert "Passes when" in gate.__doc__
    for each in structs.fields(gate):
        assert f"{each.name}: " in gate.__doc__, f"setting {each.name} is not documented"


def test_every_gate_that_is_written_is_listed():
    written = set()
    for module in pkgutil.iter_modules(assay.gates.__path__):
        inside = vars(importlib.import_module(f"assay.gates.{module.name}"))
        written |= {
            each
            for each in inside.values()
            if isinstance(each, type) and {"judge", "need", "name"} <= set(vars(each))
        }
    assert set(GATES.values()) == {each for each in written if each.__name__ != "Gate"}


@pytest.mark.parametrize("name", MEASURED)
def test_the_check_that_feeds_a_gate_exists(name, bench):
    assert GATES[name].check in CHECK_NAMES
    assert bench.passing_gate(name).need(bench.version).check == GATES[name].check


@pytest.mark.parametrize("name", ALL)
def test_a_gate_passes_where_everything_is_as_it_should_be(name, bench):
    verdict = bench.judge_passing(name)
    assert verdict.outcome is Outcome.PASS, verdict.reasons
    assert verdict.gate == name


@pytest.mark.parametrize("name", MEASURED)
def test_a_verdict_names_the_evidence_it_rests_on_and_who_vouches_for_it(name, bench):
    gate = bench.passing_gate(name)
    evidence = bench.evidence(gate, bench.facts(name))
    verdict = gate.judge(bench.dossier(evidence))
    assert verdict.evidence == (evidence.digest,)
    assert verdict.origin == "measured"


@pytest.mark.parametrize("name", MEASURED)
@pytest.mark.parametrize("settled", [True, False])
def test_without_evidence_nothing_passes_and_the_way_on_is_named(name, settled, bench):
    gate = bench.passing_gate(name) if settled else bench.gate(name)
    verdict = gate.judge(bench.dossier())
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.evidence == ()
    if settled:
        assert f"assay check run clinic/follow-up/v1.2.0 {gate.check}" in verdict.reasons[-1]


@pytest.mark.parametrize("name", ALL)
def test_a_version_of_which_nothing_is_known_passes_nothing(name, bench):
    verdict = bench.passing_gate(name).judge(bench.dossier(version=_bare(bench), decisions=()))
    assert verdict.holds is (name == "size_budget")


def _bare(bench):
    return replace(bench.version, provenance=Provenance(), signature=None)


@pytest.mark.parametrize("name", MEASURED)
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"subject": digest_of(b"other bytes")}, "another digest"),
        ({"settings": {"something": "else"}}, "other settings"),
        ({"problem": "the model did not load"}, "the model did not load"),
        ({"check": "parity"}, "none"),
    ],
)
def test_evidence_that_speaks_of_something_else_does_not_pass(name, changes, said, bench):
    verdict = bench.judge(bench.passing_gate(name), bench.facts(name), **changes)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert said in " ".join(verdict.reasons)


@pytest.mark.parametrize("name", ON_DATA)
def test_evidence_about_another_table_does_not_pass(name, bench):
    gate = bench.passing_gate(name)
    roles = gate.need(bench.version).data
    assert roles
    for role in roles:
        data = {**roles, role: digest_of(b"another table")}
        verdict = bench.judge(gate, bench.facts(name), data=data)
        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert f"another {role} table" in " ".join(verdict.reasons)


@pytest.mark.parametrize("name", ON_DATA)
def test_facts_that_no_table_of_the_version_binds_do_not_pass(name, bench):
    version = bench.with_data()
    verdict = bench.judge(bench.passing_gate(name), bench.facts(name), version=version)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "register with" in " ".join(verdict.reasons)


@pytest.mark.parametrize("name", MEASURED)
def test_evidence_older_than_the_policy_allows_does_not_pass(name, bench):
    settled = {**_settings_of(bench, name), "max_age_days": 1.5}
    gate = bench.gate(name, **settled)
    young = bench.judge(gate, bench.facts(name), measured_at=bench.now - timedelta(days=1.5))
    assert young.outcome is Outcome.PASS
    old = bench.judge(gate, bench.facts(name), measured_at=bench.now - timedelta(days=1.5, seconds=1))
    assert old.outcome is Outcome.INCONCLUSIVE
    assert "expired" in " ".join(old.reasons)


@pytest.mark.parametrize("name", MEASURED)
def test_evidence_from_the_future_does_not_pass(name, bench):
    verdict = bench.judge(
        bench.passing_gate(name), bench.facts(name), measured_at=bench.now + timedelta(hours=1)
    )
    assert verdict.outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("name", ONLY_MEASURED)
def test_what_somebody_reported_is_not_taken_for_measured(name, bench):
    verdict = bench.judge(bench.passing_gate(name), bench.facts(name), origin=Origin.REPORTED, reporter="rob")
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "reported by rob" in " ".join(verdict.reasons)


@pytest.mark.parametrize("name", MEASURED)
def test_the_newest_evidence_decides(name, bench):
    gate = bench.passing_gate(name)
    good = bench.evidence(gate, bench.facts(name), measured_at=bench.now - timedelta(hours=2))
    broken = bench.evidence(gate, {}, problem="it broke", measured_at=bench.now - timedelta(hours=1))
    assert gate.judge(bench.dossier(good, broken)).outcome is Outcome.INCONCLUSIVE
    again = bench.evidence(gate, bench.facts(name), measured_at=bench.now)
    assert gate.judge(bench.dossier(broken, again, good)).outcome is Outcome.PASS


@pytest.mark.parametrize("name", MEASURED)
def test_a_missing_fact_is_inconclusive(name, bench, informing):
    gate = bench.passing_gate(name)
    for fact in bench.facts(name):
        facts = {key: value for key, value in bench.facts(name).items() if key != fact}
        expected = Outcome.PASS if fact in informing[name] else Outcome.INCONCLUSIVE
        verdict = bench.judge(gate, facts)
        assert verdict.outcome is expected, f"without {fact}: {verdict.reasons}"


@pytest.mark.parametrize("name", MEASURED)
@pytest.mark.parametrize(
    "junk",
    [None, "NaN", "12", True, -1, 1.5, -0.5, [], {}, [None], [[]], {"a": {}}],
    ids=lambda junk: str(junk)[:8],
)
def test_an_ill_typed_fact_never_passes(name, junk, bench, informing):
    gate = bench.passing_gate(name)
    for fact in set(bench.facts(name)) - informing[name]:
        if isinstance(bench.facts(name)[fact], float) and junk == 1.5:
            continue  # a number; as an issue delay even a good one
        verdict = bench.judge(gate, bench.facts(name, **{fact: junk}))
        assert not verdict.holds, f"{fact} = {junk!r}"


@pytest.mark.parametrize("name", MEASURED)
def test_a_number_beyond_every_float_never_becomes_evidence(name, bench):
    for fact in bench.facts(name):
        with pytest.raises(BadInputError, match="finite"):
            bench.judge(bench.passing_gate(name), bench.facts(name, **{fact: 10**400}))


@pytest.mark.parametrize("name", MEASURED)
def test_true_is_no_number(name, bench):
    gate = bench.passing_gate(name)
    for fact, value in bench.facts(name).items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            if fact in ("build_seconds", "load_ms", "warmup_count", "duplicates_within_evaluation"):
                continue
            assert not bench.judge(gate, bench.facts(name, **{fact: True})).holds, fact


@pytest.mark.parametrize("name", MEASURED)
@given(facts=st.dictionaries(st.text(max_size=8), JSON, max_size=5))
@settings(max_examples=40, deadline=None)
def test_junk_never_passes_and_never_raises(name, facts, bench):
    verdict = bench.judge(bench.passing_gate(name), facts)
    assert not verdict.holds


@pytest.mark.parametrize("name", MEASURED)
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_no_fact_whatever_its_kind_makes_a_gate_raise(name, data, bench):
    facts = bench.facts(name)
    for _ in range(data.draw(st.integers(1, 3))):
        _spoil(facts, data)
    verdict = bench.judge(bench.passing_gate(name), facts)
    for finding in verdict.findings:
        assert finding.rule
        assert finding.measured
        assert finding.outcome.holds or finding.detail, finding.rule


def _spoil(node, data):
    """Replace something somewhere in a document."""
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            return
        key = data.draw(st.sampled_from(keys))
        if not isinstance(node[key], dict | list) or data.draw(st.integers(0, 3)) == 0:
            node[key] = data.draw(SPOILT)
            return
        node = node[key]


@pytest.mark.parametrize("name", ALL)
def test_what_stands_in_the_way_says_what_to_do(name, bench):
    gate = bench.passing_gate(name)
    verdict = gate.judge(bench.dossier(version=_bare(bench), decisions=()))
    for finding in verdict.findings:
        assert finding.rule
        assert finding.outcome.holds or finding.detail, finding.rule


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf], ids=str)
@pytest.mark.parametrize("name", ALL)
def test_no_setting_takes_a_number_that_cannot_be_compared(name, value, bench):
    for each in structs.fields(GATES[name]):
        given_value = {"accuracy": value} if each.name in ("minimum", "maximum") else value
        with pytest.raises(BadInputError) as refused:
            bench.gate(name, **{each.name: given_value})
        assert refused.value.reasons[0].field.startswith(f"policy.gates.staging[0].{name}.{each.name}")
        assert refused.value.reasons[0].rule


@pytest.mark.parametrize("name", ALL)
def test_a_setting_that_does_not_exist_is_refused_by_name(name, bench):
    with pytest.raises(BadInputError) as refused:
        bench.gate(name, treshold=1)
    (reason,) = refused.value.reasons
    assert reason.field == f"policy.gates.staging[0].{name}.treshold"
    for each in structs.fields(GATES[name]):
        assert each.name in reason.detail


SETTINGS_OF_RUNS = {
    "unit_tests": {"directory": "tests"},
    "metrics": {"label": "", "positive": None},
    "leakage": {"label": "", "ignore_columns": []},
    "bias": {"groups": [["sex"]], "favourable": "yes", "label": ""},
    "integration": {"tolerance": 1e-6},
    "load": {"rate_per_s": 100.0, "duration_s": 10.0, "bound_ms": 100.0, "percentile": 0.99, "seed": 0},
    "file_security": {},
}


@pytest.mark.parametrize("name", MEASURED)
def test_a_run_is_asked_for_with_the_settings_its_check_knows(name, bench):
    assert bench.passing_gate(name).need(bench.version).settings == SETTINGS_OF_RUNS[name]


@pytest.mark.parametrize("name", sorted(set(GATES) - set(MEASURED)))
def test_a_gate_over_the_version_asks_for_no_run(name, bench):
    assert bench.passing_gate(name).need(bench.version) is None


def _settings_of(bench, name):
    gate = bench.passing_gate(name)
    return {each.name: getattr(gate, each.name) for each in structs.fields(gate)}
