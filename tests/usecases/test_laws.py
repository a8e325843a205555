"""The laws of the design, each shown through the use cases over a real database and blob store."""

import math
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from assay.core.access import Caller, Grant, Principal, PrincipalKind, Role
from assay.core.audit import verify_chain
from assay.core.digests import FileEntry
from assay.core.errors import BadInputError, ConflictError, DeniedError, NotFoundError, RefusedError
from assay.core.evidence import Measurement, Origin
from assay.core.names import ModelName
from assay.core.promotions import PromotionState
from assay.core.stages import Stage
from assay.usecases.founding import found
from assay.wire.requests import (
    AliasTarget,
    Annotation,
    NewEvidence,
    NewGrant,
    NewPrincipal,
    NewToken,
    Rollback,
    Statement,
)
from usecases.registry_world import EVALUATION, MODEL, POLICY, TRAINING, at


def test_law_1_a_version_never_changes_and_its_number_is_never_reused(world):
    first = world.register()
    world.use.annotating.annotate_version(world.ada, at(first), Annotation(description="words"))
    again = world.use.browsing.version(world.ada, at(first))
    assert again.changed_at > first.changed_at
    assert replace(again, description="", changed_at=first.changed_at) == first
    with pytest.raises(ConflictError):
        world.register(version=str(first.semver))
    maintainer = world.person("mia", "maintainer")
    second = world.register()
    world.use.changing.delete_version(maintainer, at(second))
    third = world.register()
    assert third.number == 3
    assert third.semver > second.semver
    with pytest.raises(NotFoundError):
        world.use.browsing.version(world.ada, at(second))


def test_registering_the_same_again_changes_nothing(world):
    first = world.register()
    count = len(world.events())
    world.made -= 1
    assert world.register() == first
    assert len(world.events()) == count


def test_law_2_of_two_promotions_one_wins_and_the_loser_learns_who(world):
    first, second = world.register(), world.register()
    world.to_staging(first)
    world.to_staging(second)
    one, two = world.promote(first, "production"), world.promote(second, "production")
    assert {one.state, two.state} == {PromotionState.AWAITING_APPROVAL}
    world.use.promoting.approve(world.grace, one.id, Statement())
    with pytest.raises(ConflictError, match=r"ended|first") as caught:
        world.use.promoting.approve(world.grace, two.id, Statement())
    assert str(first.semver) in str(caught.value)
    assert world.stage(first) is Stage.PRODUCTION
    assert world.stage(second) is Stage.STAGING


def test_law_2_a_policy_that_changed_meanwhile_is_a_conflict(world):
    version = world.register()
    world.to_staging(version)
    promotion = world.promote(version, "production")
    gates = {**POLICY["gates"], "production": [{"approval": {"count": 2}}]}
    world.use.policies.set(world.local, "", {**POLICY, "gates": gates})
    with pytest.raises(ConflictError, match="policy changed"):
        world.use.promoting.approve(world.grace, promotion.id, Statement())
    assert world.stage(version) is Stage.STAGING


def test_law_2_a_stage_cannot_be_moved_as_an_alias(world):
    version = world.register()
    for name in ("production", "staging", "latest"):
        with pytest.raises(BadInputError):
            world.use.annotating.set_alias(world.ada, MODEL, name, AliasTarget(str(version.number)))


@pytest.mark.parametrize(
    "measurement",
    [
        {"facts": {"metrics": {}}},
        {"facts": {"metrics": {"accuracy": "0.99"}, "rows": 5}},
        {"facts": {"metrics": {"accuracy": True}, "rows": 5}},
        {"problem": "the model did not load"},
        {"data": {"evaluation": TRAINING}},
        {"data": {}},
    ],
    ids=["missing", "text", "truth value", "problem", "other table", "no table"],
)
def test_law_3_what_was_not_measured_does_not_pass(world, measurement):
    version = world.register()
    promotion = world.promote(version, "staging")
    world.work(**measurement)
    after = world.use.promoting.get(world.ada, promotion.id)
    assert after.state is PromotionState.REFUSED
    assert after.failing
    assert world.stage(version) is Stage.DEVELOPMENT


def test_law_3_nan_is_refused_as_evidence():
    for value in (math.nan, math.inf):
        with pytest.raises(BadInputError, match="finite"):
            Measurement(facts={"metrics": {"accuracy": value}})


def test_law_3_unknown_gates_and_empty_lists_are_refused(world):
    for staging in ([], ["no_such_gate"], None):
        with pytest.raises(BadInputError):
            world.use.policies.set(
                world.local,
                "",
                {"applies_to": "*", "gates": {"staging": staging, "production": ["signature"]}},
            )


def report(world, version, by, accuracy=0.99):
    facts = {"task": "classification", "rows": 100, "metrics": {"accuracy": accuracy}, "undefined": {}}
    measurement = Measurement(facts=facts, data={"evaluation": EVALUATION})
    sent = NewEvidence(
        "metrics", version.digest, world.clock.now(), measurement, {"label": "", "positive": None}
    )
    return world.use.reporting.report(by, at(version), sent)


def test_law_4_reported_numbers_are_told_apart_for_ever(world):
    version = world.register()
    filed = report(world, version, world.ada)
    assert filed.evidence.origin is Origin.REPORTED
    promotion = world.promote(version, "staging")
    world.work(accuracy=0.1)
    after = world.use.promoting.get(world.ada, promotion.id)
    assert after.state is PromotionState.REFUSED
    assert world.use.browsing.evidence(world.ada, at(version))[0].origin is Origin.REPORTED


def test_evidence_about_other_bytes_or_from_the_future_is_refused(world):
    version = world.register()
    good = NewEvidence("metrics", version.digest, world.clock.now())
    for bad in (
        replace(good, subject=TRAINING),
        replace(good, measured_at=world.clock.now() + timedelta(hours=1)),
        replace(good, measured_at=datetime(2026, 1, 1)),  # noqa: DTZ001 - naive on purpose
        replace(good, check="astrology"),
    ):
        with pytest.raises(BadInputError):
            world.use.reporting.report(world.ada, at(version), bad)


def test_law_5_a_refusal_names_every_failed_gate(world):
    gates = ["signature", {"size_budget": {"max_bytes": 1}}, {"metrics": {"minimum": {"accuracy": 0.9}}}]
    world.use.policies.set(
        world.local, "", {"applies_to": MODEL, "gates": {"staging": gates, "production": gates}}
    )
    version = world.register(signature=None)
    promotion = world.to_staging(version, accuracy=0.1)
    assert promotion.state is PromotionState.REFUSED
    assert {verdict.gate for verdict in promotion.failing} == {"signature", "size_budget", "metrics"}
    for gate in ("signature", "size_budget", "metrics"):
        assert gate in promotion.outcome


def test_law_6_production_always_has_a_way_back(world):
    maintainer = world.person("mia", "maintainer")
    first, second = world.register(), world.register()
    with pytest.raises(RefusedError, match="no previous"):
        world.use.changing.roll_back(maintainer, MODEL, Rollback())
    world.to_production(first)
    world.to_production(second)
    assert world.stage(first) is Stage.ARCHIVED
    with pytest.raises(RefusedError, match="cannot be deleted"):
        world.use.changing.delete_version(maintainer, at(first))
    move = world.use.changing.roll_back(maintainer, MODEL, Rollback(comment="bad"))
    assert move.number == first.number
    assert (world.stage(first), world.stage(second)) == (Stage.PRODUCTION, Stage.ARCHIVED)
    with pytest.raises(RefusedError):
        world.use.changing.delete_version(maintainer, at(second))
    assert world.use.changing.roll_back(maintainer, MODEL, Rollback()).number == second.number


def test_law_6_a_rollback_to_lost_bytes_is_not_made(world):
    maintainer = world.person("mia", "maintainer")
    first, second = world.register(), world.register()
    world.to_production(first)
    world.to_production(second)
    world.means.blobs.open_path(first.files[0].digest).unlink()
    with pytest.raises(Exception, match="not there"):
        world.use.changing.roll_back(maintainer, MODEL, Rollback())
    assert world.stage(second) is Stage.PRODUCTION


def test_law_7_every_write_has_an_event_and_the_chain_verifies(world):
    before = len(world.events())
    version = world.register()
    world.use.annotating.set_alias(world.ada, MODEL, "best", AliasTarget("1"))
    world.to_production(version)
    events = world.events()
    verbs = [event.verb for event in events[before:]]
    for verb in ("version.register", "alias.set", "promotion.request", "evidence.measured", "stage.promote"):
        assert verb in verbs
    assert verify_chain(events).whole
    broken = [*events[:3], replace(events[3], actor="mallory"), *events[4:]]
    assert verify_chain(broken).problem_seq == events[3].seq
    assert not verify_chain(events[:-1], {events[-1].seq: events[-1].hash}).whole


def test_law_7_a_failed_write_leaves_no_event(world):
    count = len(world.events())
    with pytest.raises(NotFoundError):
        world.promote(type("V", (), {"number": 9})(), "staging")
    with pytest.raises(BadInputError):
        world.register(entrypoint="nowhere")
    assert len(world.events()) == count


def test_law_8_a_version_of_bytes_that_were_not_stored_is_refused(world):
    missing = (FileEntry("m.bin", TRAINING, 8),)
    with pytest.raises(BadInputError, match="cannot be registered"):
        world.register(files=missing)
    with pytest.raises(NotFoundError):
        world.use.browsing.model(world.ada, MODEL)


def test_nobody_approves_their_own_work(world):
    version = world.register(by=world.grace)
    world.to_staging(version)
    promotion = world.promote(version, "production")
    for person in (world.ada, world.grace):
        with pytest.raises(DeniedError, match="own work"):
            world.use.promoting.approve(person, promotion.id, Statement())
    assert world.use.promoting.approve(world.ben, promotion.id, Statement()).state is PromotionState.PROMOTED


def test_the_owner_of_a_service_account_does_not_approve_what_it_did(world):
    world.use.access.create_principal(world.local, NewPrincipal("ci", "service", owner="grace"))
    world.use.access.grant(world.local, NewGrant("ci", "contributor", "team/*"))
    made = world.use.access.create_token(world.local, NewToken(("read", "write"), principal="ci"))
    bot = world.use.access.authenticate(made.text)
    version = world.register(by=bot)
    world.to_staging(version)
    promotion = world.promote(version, "production")
    with pytest.raises(DeniedError, match="own work"):
        world.use.promoting.approve(world.grace, promotion.id, Statement())
    assert world.use.promoting.approve(world.ben, promotion.id, Statement()).state is PromotionState.PROMOTED


def test_an_approval_is_void_when_the_evidence_changes(world):
    gates = [{"metrics": {"minimum": {"accuracy": 0.9}}}, {"approval": {"count": 2}}]
    world.use.policies.set(world.local, "", {**POLICY, "gates": {**POLICY["gates"], "production": gates}})
    version = world.register()
    world.to_staging(version)
    promotion = world.promote(version, "production")
    world.use.promoting.approve(world.grace, promotion.id, Statement())
    world.use.reporting.request_check(world.ada, at(version), _check("metrics"))
    world.work(accuracy=0.97)
    changed = world.use.promoting.get(world.ada, promotion.id)
    assert changed.request_digest != promotion.request_digest
    after = world.use.promoting.approve(world.ben, promotion.id, Statement())
    assert after.state is PromotionState.AWAITING_APPROVAL
    done = world.use.promoting.approve(world.grace, promotion.id, Statement())
    assert done.state is PromotionState.PROMOTED


def _check(name):
    from assay.wire.requests import RunCheck

    return RunCheck(name)


def test_an_approver_who_lost_the_role_does_not_count(world):
    gates = [{"approval": {"count": 2}}]
    world.use.policies.set(world.local, "", {**POLICY, "gates": {**POLICY["gates"], "production": gates}})
    version = world.register()
    world.to_staging(version)
    promotion = world.promote(version, "production")
    world.use.promoting.approve(world.grace, promotion.id, Statement())
    world.use.access.grant(world.local, NewGrant("grace", "reader", "team/*"))
    after = world.use.promoting.approve(world.ben, promotion.id, Statement())
    assert after.state is PromotionState.AWAITING_APPROVAL


def test_rights_per_stage(world):
    world.use.access.grant(world.local, NewGrant("ada", "contributor", "team/*", ("Staging",)))
    ada = Caller(world.ada.principal, world.use.access.grants(world.local, "ada"))
    version = world.register()
    promotion = world.promote(version, "staging", by=ada)
    world.work()
    assert world.use.promoting.get(ada, promotion.id).state is PromotionState.PROMOTED
    with pytest.raises(DeniedError, match="Production"):
        world.promote(version, "production", by=ada)


def test_a_hidden_model_looks_like_a_missing_one(world):
    world.register()
    stranger = Caller(
        Principal("eve", PrincipalKind.PERSON, world.clock.now()), (Grant("eve", Role.ADMIN, "other/*"),)
    )
    with pytest.raises(NotFoundError) as hidden:
        world.use.browsing.model(stranger, MODEL)
    with pytest.raises(NotFoundError) as missing:
        world.use.browsing.model(world.ada, ModelName("team/none"))
    assert str(hidden.value).replace("task", "none") == str(missing.value)


def test_a_worker_that_lost_its_lease_files_nothing(world):
    version = world.register()
    world.promote(version, "staging")
    job, _ = world.use.checking.lease("first")
    world.clock.at += timedelta(minutes=5)
    again, _ = world.use.checking.lease("second")
    assert again.id == job.id
    assert not world.use.checking.finish(job, "first", Measurement(problem="late"))
    assert world.use.browsing.evidence(world.ada, at(version)) == ()


def test_a_job_whose_workers_always_die_ends_as_a_problem(world):
    version = world.register()
    promotion = world.promote(version, "staging")
    for number in range(3):
        assert world.use.checking.lease(f"worker {number}") is not None
        world.clock.at += timedelta(minutes=5)
    assert world.use.checking.lease("worker") is None
    assert world.use.checking.sweep() == 1
    after = world.use.promoting.get(world.ada, promotion.id)
    assert after.state is PromotionState.REFUSED
    assert "died" in after.outcome


def test_a_request_that_nobody_decides_expires(world):
    version = world.register()
    world.to_staging(version)
    promotion = world.promote(version, "production")
    world.clock.at += timedelta(days=15)
    world.use.checking.sweep()
    assert world.use.promoting.get(world.ada, promotion.id).state is PromotionState.EXPIRED


def test_a_token_narrows_and_ends(world):
    made = world.use.access.create_token(world.ada, NewToken(("read",), pattern="team/task", lifetime_days=1))
    caller = world.use.access.authenticate(made.text)
    with pytest.raises(DeniedError):
        world.register(by=caller)
    with pytest.raises(DeniedError):
        world.use.access.create_token(caller, NewToken(("write",)))
    with pytest.raises(DeniedError):
        world.use.access.authenticate(made.text[:-1] + ("0" if made.text[-1] != "0" else "1"))
    world.clock.at += timedelta(days=2)
    with pytest.raises(DeniedError, match="expired"):
        world.use.access.authenticate(made.text)


def test_a_revoked_token_and_a_disabled_owner_stop_at_once(world):
    from assay.wire.requests import PrincipalChange

    made = world.use.access.create_token(world.ada, NewToken(("read",)))
    world.use.access.revoke_token(world.ada, made.token.id)
    with pytest.raises(DeniedError, match="revoked"):
        world.use.access.authenticate(made.text)
    other = world.use.access.create_token(world.grace, NewToken(("read",)))
    world.use.access.change_principal(world.local, "grace", PrincipalChange(disabled=True))
    with pytest.raises(DeniedError):
        world.use.access.authenticate(other.text)


def test_founding_twice_changes_nothing(world):
    count = len(world.events())
    found(world.means)
    assert len(world.events()) == count
