"""People at work: deciding, rejecting, cancelling, racing, losing rights; who reads which part of the log."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from assay.core.access import Caller, Role
from assay.core.errors import BadInputError, ConflictError, DeniedError, NotFoundError, RefusedError
from assay.core.names import ModelName
from assay.core.promotions import PromotionState
from assay.core.stages import Stage
from assay.wire.requests import (
    AliasTarget,
    Annotation,
    NewGrant,
    NewPrincipal,
    NewToken,
    PrincipalChange,
    Rollback,
    Statement,
)
from usecases.registry_world import EVALUATION, MODEL, POLICY, at


def awaiting(world, count=1):
    gates = [{"metrics": {"minimum": {"accuracy": 0.9}}}, {"approval": {"count": count}}]
    world.use.policies.set(world.local, "", {**POLICY, "gates": {**POLICY["gates"], "production": gates}})
    version = world.register()
    world.to_staging(version)
    promotion = world.promote(version, "production")
    assert promotion.state is PromotionState.AWAITING_APPROVAL
    return version, promotion


def test_a_no_ends_the_request_and_is_kept(world):
    version, promotion = awaiting(world, count=2)
    world.use.promoting.approve(world.ben, promotion.id, Statement())
    ended = world.use.promoting.reject(world.grace, promotion.id, Statement("not yet"))
    assert ended.state is PromotionState.REFUSED
    assert "grace" in ended.outcome
    assert "not yet" in ended.outcome
    assert [(each.person, each.approve) for each in ended.decisions] == [("ben", True), ("grace", False)]
    for word in (world.use.promoting.approve, world.use.promoting.reject, world.use.promoting.cancel):
        with pytest.raises(ConflictError, match="ended"):
            word(world.grace, promotion.id, Statement())
    assert world.stage(version) is Stage.STAGING


def test_one_person_counts_once_however_often_they_say_yes(world):
    _, promotion = awaiting(world, count=2)
    for _ in range(3):
        after = world.use.promoting.approve(world.grace, promotion.id, Statement())
    assert after.state is PromotionState.AWAITING_APPROVAL
    assert world.use.promoting.approve(world.ben, promotion.id, Statement()).state is PromotionState.PROMOTED


def test_an_approval_used_once_does_nothing_for_the_next_request(world):
    version, promotion = awaiting(world)
    world.use.promoting.approve(world.grace, promotion.id, Statement())
    boss = world.person("mia", "maintainer")
    world.use.changing.archive(boss, at(version), Statement())
    world.use.changing.restore(boss, at(version), Statement())
    world.to_staging(version)
    again = world.promote(version, "production")
    assert (again.state, again.decisions) == (PromotionState.AWAITING_APPROVAL, ())


def test_an_approval_names_what_was_looked_at(world):
    _, promotion = awaiting(world)
    with pytest.raises(ConflictError, match="changed"):
        world.use.promoting.approve(world.grace, promotion.id, Statement(request_digest=EVALUATION))
    said = Statement(request_digest=promotion.request_digest)
    assert world.use.promoting.approve(world.grace, promotion.id, said).state is PromotionState.PROMOTED


def test_nobody_approves_what_is_still_being_checked(world):
    version = world.register()
    promotion = world.promote(version, "staging")
    with pytest.raises(ConflictError, match="checking"):
        world.use.promoting.approve(world.grace, promotion.id, Statement())
    world.use.promoting.cancel(world.ada, promotion.id, Statement("a mistake"))
    world.work()
    assert world.stage(version) is Stage.DEVELOPMENT


def test_a_request_is_taken_back_by_who_made_it_or_who_may_move_stages(world):
    for by, good in ((world.ada, True), (world.ben, False), (world.person("mia", "maintainer"), True)):
        version = world.register()
        promotion = world.promote(version, "staging")
        if good:
            ended = world.use.promoting.cancel(by, promotion.id, Statement())
            assert ended.state is PromotionState.CANCELLED
            assert by.name in ended.outcome
        else:
            with pytest.raises(DeniedError):
                world.use.promoting.cancel(by, promotion.id, Statement())


def test_asking_twice_is_one_request(world):
    version = world.register()
    one = world.promote(version, "staging")
    count = len(world.events())
    assert world.promote(version, "staging").id == one.id
    assert len(world.events()) == count


def test_an_approver_who_was_disabled_does_not_count(world):
    _, promotion = awaiting(world, count=2)
    world.use.promoting.approve(world.grace, promotion.id, Statement())
    world.use.access.change_principal(world.local, "grace", PrincipalChange(disabled=True))
    after = world.use.promoting.approve(world.ben, promotion.id, Statement())
    assert after.state is PromotionState.AWAITING_APPROVAL
    assert "does not count" in str(after.verdicts[-1])


def test_threads_that_approve_different_versions_have_one_winner(world):
    versions = [world.register() for _ in range(4)]
    for version in versions:
        world.to_staging(version)
    asked = [world.promote(version, "production") for version in versions]
    start, won, lost = threading.Barrier(len(asked)), [], []

    def approve(promotion):
        start.wait()
        try:
            won.append(world.use.promoting.approve(world.grace, promotion.id, Statement()))
        except ConflictError as error:
            lost.append(error)

    threads = [threading.Thread(target=approve, args=(each,)) for each in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert len(lost) == len(asked) - 1
    assert all(str(won[0].semver) in f"{error} {' '.join(map(str, error.reasons))}" for error in lost)
    assert [world.stage(each) for each in versions].count(Stage.PRODUCTION) == 1
    assert world.use.heads.verify(world.local).whole


def test_a_version_is_deleted_only_when_nothing_hangs_on_it(world):
    boss = world.person("mia", "maintainer")
    delete = world.use.changing.delete_version
    version, spare = world.register(), world.register()
    world.use.annotating.set_alias(world.ada, MODEL, "best", AliasTarget(str(version.number)))
    world.to_staging(version)
    with pytest.raises(RefusedError) as caught:
        delete(boss, at(version))
    assert {reason.field for reason in caught.value.reasons} == {"stage", "aliases"}
    with pytest.raises(DeniedError):
        delete(world.ada, at(spare))
    asked = world.promote(spare, "staging")
    delete(boss, at(spare))
    assert world.use.promoting.get(world.ada, asked.id).state is PromotionState.SUPERSEDED
    assert world.events()[-1].verb == "version.delete"
    with pytest.raises(NotFoundError):
        world.promote(spare, "staging")


def test_only_who_was_in_production_is_rolled_back_to(world):
    boss = world.person("mia", "maintainer")
    first, second, never = world.register(), world.register(), world.register()
    for version in (first, second):
        world.to_production(version)
    for to in (str(never.semver), str(second.semver)):
        with pytest.raises(RefusedError) as caught:
            world.use.changing.roll_back(boss, MODEL, Rollback(to=to))
        assert caught.value.reasons[0].field == "to"
    with pytest.raises(DeniedError):
        world.use.changing.roll_back(world.ada, MODEL, Rollback())
    with pytest.raises(NotFoundError):
        world.use.changing.roll_back(boss, ModelName("team/none"), Rollback())
    move = world.use.changing.roll_back(boss, MODEL, Rollback(to=str(first.semver)))
    assert (move.number, move.predecessor) == (first.number, second.number)


def test_steps_that_are_not_in_the_table_are_refused(world):
    boss = world.person("mia", "maintainer")
    version = world.register()
    with pytest.raises(RefusedError, match="Development -> Production"):
        world.promote(version, "production")
    for verb in ("demote", "restore"):
        with pytest.raises(RefusedError):
            getattr(world.use.changing, verb)(boss, at(version), Statement())
    for stage in ("development", "archived", "nowhere", ""):
        with pytest.raises(BadInputError):
            world.promote(version, stage)
    world.to_staging(version)
    assert world.use.changing.demote(boss, at(version), Statement("why")).comment == "why"
    world.use.changing.archive(boss, at(version), Statement())
    with pytest.raises(RefusedError):
        world.use.changing.archive(boss, at(version), Statement())


def test_every_change_of_stage_is_one_event_with_before_and_after(world):
    version = world.register()
    before = len(world.events())
    world.to_staging(version)
    moved = [event for event in world.events()[before:] if event.verb.startswith("stage.")]
    assert [(event.verb, event.subject) for event in moved] == [("stage.promote", version.address)]
    assert moved[0].before["stage"] == "Development"
    assert moved[0].after["target"] == "Staging"


def test_an_annotation_adds_takes_away_and_tells_both_in_the_log(world):
    version = world.register()
    annotate = world.use.annotating.annotate_version
    annotate(world.ada, at(version), Annotation(tags={"a": "1", "b": "2"}, add_labels=("good",)))
    after = annotate(world.ada, at(version), Annotation(tags={"a": None}, remove_labels=("good",)))
    assert (dict(after.tags), after.labels) == ({"b": "2"}, ())
    event = world.events()[-1]
    assert (event.before["tags"], event.after["tags"]) == ({"a": "1", "b": "2"}, {"b": "2"})


def test_readers_of_models_do_not_read_the_log_of_people(world):
    world.register()
    world.use.access.create_principal(world.local, NewPrincipal("rita"))
    world.use.access.grant(world.local, NewGrant("rita", "reader", "*"))
    rita = Caller(world.use.access.principals(world.local)[-1], world.use.access.grants(world.local, "rita"))
    assert rita.name == "rita"
    assert rita.grants[0].role is Role.READER
    assert world.use.browsing.audit(rita, subject=str(MODEL))
    for subject in ("principal/ada", "principal/local", "policy/*", "policy/team/*", ""):
        with pytest.raises(DeniedError):
            world.use.browsing.audit(rita, subject=subject)
        assert world.use.browsing.audit(world.local, subject=subject)
    with pytest.raises(NotFoundError):
        world.use.browsing.audit(world.person("tom", "reader"), subject="other/task")


def test_a_service_account_has_a_person_as_owner_and_no_say(world):
    create = world.use.access.create_principal
    for owner in ("", "nobody"):
        with pytest.raises(BadInputError, match="owner"):
            create(world.local, NewPrincipal("ci", "service", owner=owner))
    create(world.local, NewPrincipal("ci", "service", owner="ben"))
    with pytest.raises(BadInputError, match="owner"):
        create(world.local, NewPrincipal("cd", "service", owner="ci"))
    with pytest.raises(BadInputError, match="person"):
        create(world.local, NewPrincipal("eve", "person", owner="ben"))
    with pytest.raises(ConflictError):
        create(world.local, NewPrincipal("ada"))
    with pytest.raises(BadInputError, match="people"):
        world.use.access.create_token(world.local, NewToken(("approve",), principal="ci"))


def test_a_lease_is_kept_only_by_who_has_it(world):
    version = world.register()
    world.promote(version, "staging")
    job, _ = world.use.checking.lease("first")
    world.clock.at += timedelta(seconds=50)
    assert world.use.checking.keep(job)
    world.clock.at += timedelta(seconds=50)
    assert world.use.checking.lease("second") is None
    assert not world.use.checking.keep(replace(job, lease_owner="second"))
    assert world.use.checking.sweep() == 0


def test_what_belongs_to_no_model_is_in_nobodys_team(world):
    """A team may be called ``experiment`` or ``run``: its readers read of their models, no more."""
    for team in ("experiment", "run", "artifact"):
        world.use.access.grant(world.local, NewGrant("ada", "reader", f"{team}/*"))
    ada = world.use.access.authenticate(
        world.use.access.create_token(world.local, NewToken(("read",), principal="ada")).text
    )
    for subject in ("experiment:0", "run:abc", "artifact:0/x", "principal/local", "policy/*"):
        with pytest.raises(DeniedError):
            world.use.browsing.audit(ada, subject=subject)
    assert world.use.browsing.audit(ada, subject="experiment/task") == ()
