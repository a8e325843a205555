"""Modes, stage aliases and gates of registration in a policy; what a promotion says of itself."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.canonical import canonical_digest
from assay.core.errors import BadInputError, RefusedError
from assay.core.policies import Policy, PolicyMode
from assay.core.promotions import (
    Promotion,
    PromotionState,
    RegistrationState,
    StageMove,
    check_bytes_known,
    check_promotable,
    explain,
    mark_on_return,
    registration_of,
)
from assay.core.semver import SemVer
from assay.core.stages import GUARDED, Stage, check_observed_step
from assay.core.verdicts import Finding, Outcome, conclude
from assay.gates import check_policy
from core.sample_versions import DIGEST, NOON, version_of

GATES = {"staging": ["signature"], "production": ["signature"]}
PLAIN = {"applies_to": "*", "gates": GATES}
FAILING = conclude(
    "bias", [Finding("rates differ by at most 0.1", Outcome.FAIL, "0.3"), Finding("rows", Outcome.PASS)]
)
MISSING = conclude("approval", [Finding("1 person must approve", Outcome.INCONCLUSIVE, "nobody yet")])
ALIASES = st.dictionaries(
    st.sampled_from(["champion", "live", "candidate"]), st.sampled_from(["staging", "production"])
)


def fields_of(document):
    with pytest.raises(BadInputError) as caught:
        Policy.parse(document)
    assert all(reason.rule for reason in caught.value.reasons)
    return {reason.field for reason in caught.value.reasons}


def promotion(state=PromotionState.CHECKING, **changes):
    one = Promotion(
        id="pr_1",
        model=version_of().model,
        number=1,
        semver=SemVer(1, 0, 0),
        digest=DIGEST,
        source=Stage.STAGING,
        target=Stage.PRODUCTION,
        policy_digest=DIGEST,
        policy_name="*",
        replaces=None,
        requested_by="ada",
        requested_at=NOON,
        expires_at=NOON + timedelta(days=1),
        state=state,
    )
    return replace(one, **changes)


def test_a_policy_that_uses_nothing_new_keeps_the_digest_it_had():
    """The document of the first release, written out: approvals and requests name its digest."""
    old = {
        "applies_to": "*",
        "description": "",
        "gates": {"staging": [{"signature": {}}], "production": [{"signature": {}}]},
    }
    assert Policy.parse(PLAIN).digest == canonical_digest(old)
    spelt_out = {**PLAIN, "mode": "enforce", "stage_aliases": {}}
    assert Policy.parse(spelt_out).digest == Policy.parse(PLAIN).digest


@given(st.sampled_from(PolicyMode), ALIASES, st.booleans())
def test_every_policy_reads_back_from_its_written_form(mode, aliases, registers):
    gates = {"development": ["provenance"], **GATES} if registers else GATES
    document = {"applies_to": "team/*", "mode": mode.value, "stage_aliases": aliases, "gates": gates}
    policy = Policy.parse(document)
    check_policy(policy)
    again = Policy.parse(policy.document())
    assert (again, again.digest) == (policy, policy.digest)
    assert policy.observes == (mode is PolicyMode.OBSERVE)
    assert (Stage.DEVELOPMENT in policy.gates) == registers
    assert (policy.digest == Policy.parse({"applies_to": "team/*", "gates": GATES}).digest) == (
        mode is PolicyMode.ENFORCE and not aliases and not registers
    )


@given(ALIASES, st.sampled_from([str.lower, str.upper, str.title]))
def test_a_name_of_a_stage_is_known_in_any_case(aliases, spelt):
    policy = Policy.parse({**PLAIN, "stage_aliases": aliases})
    for alias, stage in {**aliases, "staging": "staging", "production": "production"}.items():
        assert policy.guarded_stage(spelt(alias)) is Stage.parse(stage)
        assert alias in policy.names_of(Stage.parse(stage))
    for other in ("best", "latest", "development", "archived"):
        assert policy.guarded_stage(spelt(other)) is None
    assert policy.names_of(Stage.STAGING)[0] == "staging"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"mode": "dream"}, "policy.mode"),
        ({"mode": None}, "policy.mode"),
        ({"mode": True}, "policy.mode"),
        ({"stage_aliases": ["champion"]}, "policy.stage_aliases"),
        ({"stage_aliases": {f"a{n}": "staging" for n in range(21)}}, "policy.stage_aliases"),
        ({"stage_aliases": {"champion": "archived"}}, "policy.stage_aliases.champion"),
        ({"stage_aliases": {"champion": "Production"}}, "policy.stage_aliases.champion"),
        ({"stage_aliases": {"champion": ["staging"]}}, "policy.stage_aliases.champion"),
        ({"stage_aliases": {"Champion": "staging"}}, "policy.stage_aliases.Champion"),
        ({"stage_aliases": {"latest": "staging"}}, "policy.stage_aliases.latest"),
        ({"stage_aliases": {"production": "staging"}}, "policy.stage_aliases.production"),
        ({"stage_aliases": {7: "staging"}}, "policy.stage_aliases.7"),
        ({"gates": {**GATES, "development": []}}, "policy.gates.development"),
        ({"gates": {**GATES, "archived": ["signature"]}}, "policy.gates"),
        ({"gates": {"development": ["signature"]}}, "policy.gates"),
    ],
    ids=str,
)
def test_a_broken_new_field_is_named(changes, field):
    assert fields_of({**PLAIN, **changes}) == {field}


def test_new_and_old_mistakes_are_told_together():
    broken = {
        "applies_to": "a/b/c",
        "mood": 1,
        "mode": "dream",
        "description": 3,
        "stage_aliases": {"latest": "staging"},
        "gates": {"development": [3], "staging": [], "production": ["x"]},
    }
    assert fields_of(broken) == {
        "policy.applies_to",
        "policy.mood",
        "policy.mode",
        "policy.description",
        "policy.stage_aliases.latest",
        "policy.gates.development[0]",
        "policy.gates.staging",
    }


def test_gates_of_registration_are_checked_like_all_others():
    policy = Policy.parse({**PLAIN, "gates": {**GATES, "development": ["vibes", {"load": {"fast": 1}}]}})
    with pytest.raises(BadInputError) as caught:
        check_policy(policy)
    assert [reason.field for reason in caught.value.reasons] == [
        "policy.gates.development[0].vibes",
        "policy.gates.development[1].load.fast",
    ]


@pytest.mark.parametrize("current", Stage)
@pytest.mark.parametrize("wanted", GUARDED)
def test_observe_lets_a_version_go_from_anywhere_to_a_guarded_stage(current, wanted):
    if current is not wanted:
        check_observed_step(current, wanted)
        return
    with pytest.raises(RefusedError, match="already"):
        check_observed_step(current, wanted)


@pytest.mark.parametrize("target", Stage)
def test_unread_bytes_enter_no_guarded_stage(target):
    outside = replace(version_of(), external="s3://bucket/model")
    check_bytes_known(version_of(), target)
    if target not in GUARDED:
        check_bytes_known(outside, target)
        return
    with pytest.raises(RefusedError, match="external and unverified") as caught:
        check_bytes_known(outside, target)
    assert "s3://bucket/model" in str(caught.value)


@pytest.mark.parametrize("state", PromotionState)
def test_the_newest_request_to_development_tells_how_a_registration_stands(state):
    stage = promotion(PromotionState.REFUSED, verdicts=(FAILING,))
    old = promotion(PromotionState.REFUSED, id="pr_0", target=Stage.DEVELOPMENT)
    other = promotion(PromotionState.REFUSED, id="pr_9", target=Stage.DEVELOPMENT, number=2)
    asked = promotion(state, target=Stage.DEVELOPMENT, verdicts=(FAILING,), outcome="as told")
    found = registration_of([other, stage, asked, old], 1)
    if state is PromotionState.PROMOTED:
        assert (found.state, found.reasons) == (RegistrationState.READY, ())
        check_promotable(version_of(), Stage.STAGING, found)
        return
    assert found.state is (RegistrationState.PENDING if state.is_open else RegistrationState.FAILED)
    assert found.reasons
    with pytest.raises(RefusedError, match=f"registration of .* is {found.state.value}") as caught:
        check_promotable(version_of(), Stage.STAGING, found)
    assert tuple(reason.rule for reason in caught.value.reasons) == found.reasons


def test_a_version_that_never_had_a_request_to_development_is_ready():
    assert registration_of([promotion(PromotionState.REFUSED)], 1).state is RegistrationState.READY


@pytest.mark.parametrize("state", PromotionState)
def test_a_promotion_explains_itself_and_ends_with_the_next_step(state):
    told = explain(promotion(state, outcome="as told"))
    if state is PromotionState.PROMOTED:
        assert told == ()
        return
    assert len(told) >= 2
    assert told[-1].startswith("next: ")
    assert "assay" in told[-1]
    if not state.is_open:
        assert told[0] == f"{state.value}: as told"
        assert "--stage production" in told[-1]


def test_a_refusal_names_each_failing_gate_with_its_reasons_alone():
    gates = explain(promotion(PromotionState.REFUSED, verdicts=(FAILING, MISSING)))
    assert gates[0] == "bias: fail: rates differ by at most 0.1; measured 0.3"
    assert len(gates) == 2


def test_who_waits_for_approval_hears_whose():
    told = explain(promotion(PromotionState.AWAITING_APPROVAL, verdicts=(MISSING,)))
    assert told[0] == "approval: 1 person must approve; measured nobody yet"
    assert "role approver on team/task, not ada" in told[1]
    assert told[-1] == "next: assay approve pr_1"


@given(st.lists(st.tuples(st.integers(1, 3), st.sampled_from([(), ("bias",), ("load",)])), max_size=8))
def test_what_comes_back_bears_the_mark_with_which_it_last_left_production(left):
    moves = [
        StageMove(
            version_of().model,
            number,
            SemVer(1, number, 0),
            Stage.PRODUCTION,
            Stage.ARCHIVED,
            "replaced",
            "ada",
            NOON,
            left_ungated=mark,
        )
        for number, mark in left
    ]
    for number in (1, 2, 3):
        marks = [mark for each, mark in left if each == number]
        assert mark_on_return(moves, number) == (marks[-1] if marks else ())
