"""Evidence, verdicts, policies, promotions, the way back, the chain."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.audit import GENESIS, chain, verify_chain
from assay.core.digests import digest_of
from assay.core.dossier import Decision
from assay.core.errors import BadInputError, ConflictError, RefusedError
from assay.core.evidence import Evidence, Measurement, Need, Origin, newest_usable
from assay.core.names import ModelName
from assay.core.policies import Policy, StoredPolicy, most_specific
from assay.core.promotions import Promotion, PromotionState, StageMove, request_digest, rollback_target
from assay.core.semver import SemVer
from assay.core.stages import Stage, check_step
from assay.core.verdicts import Finding, Outcome, Verdict, conclude
from core.sample_versions import DIGEST, NOON

OTHER = digest_of(b"other")
MODEL = ModelName("team/task")
NEED = Need("metrics", {"label": ""}, max_age=timedelta(days=1), data={"evaluation": DIGEST})


def evidence(**changes):
    one = Evidence(
        model=MODEL,
        number=1,
        subject=DIGEST,
        check="metrics",
        origin=Origin.MEASURED,
        reporter="w",
        measured_at=NOON,
        recorded_at=NOON,
        measurement=Measurement(facts={"a": 1}, data={"evaluation": DIGEST}),
        settings={"label": ""},
    )
    return replace(one, **changes)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"subject": OTHER}, "another digest"),
        ({"origin": Origin.REPORTED}, "reported"),
        ({"measured_at": NOON - timedelta(days=2)}, "expired"),
        ({"measured_at": NOON + timedelta(hours=1)}, "future"),
        ({"settings": {"label": "x"}}, "other settings"),
        ({"measurement": Measurement(data={"evaluation": OTHER})}, "another evaluation"),
        ({"measurement": Measurement()}, "another evaluation"),
    ],
)
def test_evidence_that_does_not_answer_is_passed_over_with_the_reason(changes, why):
    found, reasons = newest_usable([evidence(**changes)], NEED, DIGEST, NOON)
    assert found is None
    assert why in reasons[0]


def test_the_newest_that_answers_is_taken():
    old, new = evidence(), evidence(recorded_at=NOON + timedelta(seconds=1))
    foreign = evidence(check="load", recorded_at=NOON + timedelta(days=1))
    assert newest_usable([new, foreign, old], NEED, DIGEST, NOON) == (new, ())
    assert newest_usable([], NEED, DIGEST, NOON) == (None, ())


@given(st.lists(st.sampled_from(Outcome), max_size=6))
def test_a_verdict_is_its_worst_finding_and_nothing_is_inconclusive(outcomes):
    verdict = conclude("g", [Finding("r", outcome) for outcome in outcomes])
    order = [Outcome.NOT_APPLICABLE, Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.FAIL]
    assert verdict.outcome is max(outcomes, key=order.index, default=Outcome.INCONCLUSIVE)
    assert verdict.holds == (bool(outcomes) and all(outcome.holds for outcome in outcomes))
    assert verdict.findings


def stored(pattern, revision=1):
    gates = {"staging": ["signature"], "production": ["signature"]}
    policy = Policy.parse({"applies_to": pattern, "gates": gates, "description": str(revision)})
    return StoredPolicy(policy, revision, policy.digest, NOON, "ada", "")


@given(st.permutations(["*", "team/*", "team/task", "team/other", "else/*"]))
def test_the_most_specific_policy_applies_whatever_the_order(patterns):
    every = [stored(pattern) for pattern in patterns]
    for gone, expected in ((set(), "team/task"), ({"team/task"}, "team/*"), ({"team/task", "team/*"}, "*")):
        left = [each for each in every if each.policy.applies_to not in gone]
        assert most_specific(left, MODEL).policy.applies_to == expected
    assert most_specific([stored("else/*")], MODEL) is None


def test_a_policy_tells_everything_that_is_wrong_at_once():
    broken = {
        "applies_to": "*",
        "mood": 1,
        "gates": {"staging": [], "production": [3, {"a": 1, "b": 2}, "x", "x"]},
    }
    with pytest.raises(BadInputError) as caught:
        Policy.parse(broken)
    told = {reason.field for reason in caught.value.reasons}
    assert {
        "policy.mood",
        "policy.gates.staging",
        "policy.gates.production[0]",
        "policy.gates.production[3]",
    } <= told


def test_a_policy_is_named_by_its_content():
    assert stored("*", 1).digest != stored("*", 2).digest
    document = stored("team/*").policy.document()
    assert Policy.parse(document).digest == stored("team/*").digest


@pytest.mark.parametrize("current", Stage)
@pytest.mark.parametrize("wanted", Stage)
def test_only_the_steps_of_the_design_are_allowed(current, wanted):
    development, staging, production, archived = Stage
    steps = {
        (development, staging), (staging, production), (staging, development), (archived, development),
        (development, archived), (staging, archived), (production, archived),
    }  # fmt: skip
    if (current, wanted) in steps:
        check_step(current, wanted)
    else:
        with pytest.raises(RefusedError, match="no step") as caught:
            check_step(current, wanted, "team/task/v1.0.0")
        assert ("assay " in caught.value.hint) == (current is not wanted), "the next step as a command"


PROMOTION = Promotion(
    id="pr_1",
    model=MODEL,
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
)
VERDICT = Verdict("metrics", Outcome.PASS, (), (DIGEST,))


@pytest.mark.parametrize("state", [state for state in PromotionState if not state.is_open])
def test_what_has_ended_stays_ended(state):
    for wanted in PromotionState:
        with pytest.raises(ConflictError, match="already"):
            replace(PROMOTION, state=state).to(wanted)


@pytest.mark.parametrize(
    "changes",
    [{"id": "pr_2"}, {"number": 2}, {"digest": OTHER}, {"source": Stage.DEVELOPMENT},
     {"target": Stage.STAGING}, {"policy_digest": OTHER}, {"replaces": 3},
     {"model": ModelName("team/other")}],
    ids=str,
)  # fmt: skip
def test_anything_else_asked_for_is_another_request(changes):
    assert request_digest(replace(PROMOTION, **changes), [VERDICT]) != request_digest(PROMOTION, [VERDICT])


def test_other_evidence_or_verdicts_are_another_request_but_the_approval_itself_is_not():
    asked = request_digest(PROMOTION, [VERDICT])
    for verdicts in ([], [replace(VERDICT, evidence=(OTHER,))], [replace(VERDICT, outcome=Outcome.FAIL)]):
        assert request_digest(PROMOTION, verdicts) != asked
    approval = Verdict("approval", Outcome.PASS, ())
    said = replace(PROMOTION, decisions=(Decision("grace", True, NOON, asked),))
    assert request_digest(said, [approval, VERDICT]) == asked


@given(st.lists(st.integers(1, 6), max_size=12))
def test_production_can_always_go_back_to_who_was_there_before(numbers):
    moves, holder, before = [], None, None
    for number in numbers:
        if number == holder:
            continue
        move = StageMove(
            MODEL, number, SemVer(1, number, 0), Stage.STAGING, Stage.PRODUCTION, "promote", "ada", NOON
        )
        moves.append(replace(move, predecessor=holder))
        before, holder = holder, number
    assert rollback_target(moves, holder, lambda _: True) == before
    assert rollback_target(moves, None, lambda _: True) == holder
    left = rollback_target(moves, holder, lambda number: number != before)
    assert left is None or left not in (holder, before), "a way back to a version that was deleted"


def log(count):
    events, seq, head = [], 0, GENESIS
    for number in range(count):
        entry = {
            "at": NOON,
            "actor": "ada",
            "verb": "do",
            "subject": "s",
            "before": None,
            "after": {"n": number},
        }
        event = chain(entry, seq, head)
        events.append(event)
        seq, head = event.seq, event.hash
    return events


@given(st.integers(2, 9), st.data())
def test_every_attack_on_the_log_is_found(count, data):
    events = log(count)
    place = data.draw(st.integers(0, count - 1))
    assert verify_chain(events).whole
    edited = [replace(e, after={"n": -1}) if i == place else e for i, e in enumerate(events)]
    doubled = [*events[: place + 1], *events[place:]]
    swapped = [*events]
    swapped[place - 1], swapped[place] = swapped[place], swapped[place - 1]
    assert verify_chain(edited).problem_seq == place + 1
    assert not verify_chain(doubled).whole
    assert not verify_chain(swapped).whole
    if place < count - 1:
        assert not verify_chain([e for i, e in enumerate(events) if i != place]).whole
    kept = {count: events[-1].hash}
    assert verify_chain(events, kept).whole
    assert "tail was cut" in verify_chain(events[:-1], kept).problem
    rewritten = log(count + 1)[1:]
    assert not verify_chain(rewritten, kept).whole


def test_an_empty_log_is_whole_and_has_the_first_head():
    assert verify_chain([]) == verify_chain(iter(()))
    assert verify_chain([]).head == GENESIS
