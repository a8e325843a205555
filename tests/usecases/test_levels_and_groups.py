"""Levels and groups: what they grant, what they never grant, and that all of it is seen and ends."""

import pytest

from assay.core.access import Action, Role, may
from assay.core.errors import BadInputError, ConflictError, DeniedError, NotFoundError
from assay.core.levels import Level
from assay.core.promotions import PromotionState
from assay.core.stages import GUARDED, Stage
from assay.usecases.access import caller_of
from assay.usecases.permissions import Kind, Thing
from assay.wire.requests import NewGrant, NewPrincipal, Statement
from usecases.registry_world import MODEL
from usecases.test_people import awaiting

FRAUD = Thing(Kind.MODEL, "risk", "fraud")
RISK = Thing(Kind.TEAM, "risk")
ALL_EXPERIMENTS = Thing(Kind.PART, "risk")


@pytest.fixture
def rita(world):
    world.use.access.create_principal(world.local, NewPrincipal("rita"))
    return "rita"


def caller(world, name):
    with world.means.database.read() as records:
        return caller_of(records, name, world.clock.now())


def give(world, thing, level, **more):
    world.use.permissions.give(world.local, "rita", thing, level, **more)


def level(world, thing):
    return world.use.permissions.level(world.local, "rita", thing)


@pytest.mark.parametrize("thing", [FRAUD, RISK], ids=["model", "team"])
@pytest.mark.parametrize("wanted", [Level.READ, Level.EDIT, Level.MANAGE])
def test_a_level_that_was_given_is_the_level_there_is(world, rita, thing, wanted):
    give(world, thing, wanted)
    assert level(world, thing) is wanted
    assert level(world, FRAUD) is wanted
    assert level(world, Thing(Kind.MODEL, "risk", "other")) is (wanted if thing is RISK else Level.NONE)
    assert level(world, Thing(Kind.TEAM, "credit")) is Level.NONE
    world.use.permissions.take(world.local, rita, thing)
    assert level(world, thing) is Level.NONE


@pytest.mark.parametrize("wanted", [Level.READ, Level.EDIT, Level.MANAGE])
def test_no_level_approves_or_moves_what_serves(world, rita, wanted):
    give(world, Thing(Kind.TEAM, "team"), wanted)
    who = caller(world, rita)
    for stage in GUARDED:
        assert not may(who, Action.APPROVE, MODEL, stage)
        assert not may(who, Action.CHANGE_STAGE, MODEL, stage)
    assert may(who, Action.DELETE, MODEL) is (wanted is Level.MANAGE)
    assert not may(who, Action.MANAGE_ACCESS)
    assert not may(who, Action.SET_POLICY, MODEL)


def test_who_manages_cannot_approve_a_promotion(world, rita):
    _, promotion = awaiting(world)
    give(world, Thing(Kind.TEAM, "team"), Level.MANAGE)
    with pytest.raises(DeniedError):
        world.use.promoting.approve(caller(world, rita), promotion.id, Statement())
    still = world.use.promoting.get(world.ada, promotion.id)
    assert still.state is PromotionState.AWAITING_APPROVAL


def test_giving_what_is_there_keeps_it_and_limits_are_never_widened(world, rita):
    grant = world.use.access.grant
    grant(world.local, NewGrant(rita, "approver", "risk/*", ("staging",)))
    count = len(world.events())
    give(world, RISK, Level.EDIT)
    assert len(world.events()) == count, "an approver has that level"
    give(world, RISK, Level.MANAGE)
    (after,) = world.use.access.grants(world.local, rita)
    assert (after.role, after.stages) == (Role.MAINTAINER, {Stage.STAGING})
    grant(world.local, NewGrant(rita, "contributor", "risk/*", ("staging", "archived")))
    give(world, RISK, Level.MANAGE)
    (after,) = world.use.access.grants(world.local, rita)
    assert after.stages == {Stage.ARCHIVED}


def test_one_experiment_is_not_given_by_itself(world, rita):
    made = world.use.experiments.create(world.local, "risk", "numbers")
    one = Thing(Kind.EXPERIMENT, "risk", str(made.id))
    for thing in (one, ALL_EXPERIMENTS):
        for wanted in (Level.READ, Level.EDIT, Level.MANAGE):
            with pytest.raises(BadInputError, match="whole team"):
                give(world, thing, wanted)
        give(world, thing, Level.NONE)
    assert world.use.access.grants(world.local, rita) == ()
    give(world, RISK, Level.EDIT)
    give(world, one, Level.EDIT)
    assert level(world, one) is Level.EDIT
    with pytest.raises(BadInputError):
        give(world, one, Level.READ)
    with pytest.raises(BadInputError):
        world.use.permissions.take(world.local, rita, one)
    assert level(world, Thing(Kind.EXPERIMENT, "risk", "99")) is Level.NONE
    assert level(world, Thing(Kind.EXPERIMENT, "risk", "0" + str(made.id))) is Level.NONE


def test_a_level_cannot_be_taken_below_what_the_team_gives(world, rita):
    give(world, RISK, Level.READ)
    give(world, FRAUD, Level.EDIT)
    with pytest.raises(BadInputError, match="add up"):
        give(world, FRAUD, Level.NONE)
    assert level(world, FRAUD) is Level.EDIT
    world.use.permissions.take(world.local, rita, FRAUD)
    assert level(world, FRAUD) is Level.READ


def test_first_and_again_are_told_apart(world, rita):
    with pytest.raises(NotFoundError):
        give(world, FRAUD, Level.READ, again=True)
    give(world, FRAUD, Level.READ, again=False)
    with pytest.raises(ConflictError):
        give(world, FRAUD, Level.EDIT, again=False)
    give(world, FRAUD, Level.EDIT, again=True)
    with pytest.raises(NotFoundError):
        world.use.permissions.give(world.local, "nobody-here", FRAUD, Level.READ)


def test_only_admins_give_and_everybody_sees_their_own(world, rita):
    give(world, RISK, Level.MANAGE)
    who = caller(world, rita)
    assert world.use.permissions.level(who, rita, FRAUD) is Level.MANAGE
    for act in (
        lambda: world.use.permissions.give(who, rita, Thing(Kind.TEAM, "credit"), Level.READ),
        lambda: world.use.permissions.give(who, "ada", FRAUD, Level.READ),
        lambda: world.use.permissions.take(who, rita, RISK),
        lambda: world.use.permissions.level(who, "ada", FRAUD),
        lambda: world.use.groups.create(who, "risk", "mine"),
        lambda: world.use.groups.all(who, ["risk"]),
        lambda: world.use.groups.get(who, 1),
        lambda: world.use.groups.join(who, 1, rita),
        lambda: world.use.groups.of_person(who, "ada"),
        lambda: world.use.teams.create(who, "new"),
        lambda: world.use.teams.describe(who, "risk", "mine"),
        lambda: world.use.teams.delete(who, "risk"),
    ):
        with pytest.raises(DeniedError):
            act()


@pytest.fixture
def group(world, rita):
    world.use.teams.create(world.local, "risk")
    made = world.use.groups.create(world.local, "risk", "analysts")
    world.use.groups.add_grant(world.local, made.id, RISK, Level.EDIT)
    return world.use.groups.join(world.local, made.id, rita)


def test_members_may_what_their_group_may_until_they_leave(world, rita, group):
    assert level(world, RISK) is Level.EDIT
    assert world.use.experiments.create(caller(world, rita), "risk", "numbers").team == "risk"
    world.use.groups.change_grant(world.local, group.grant_id(group.grants[0]), Level.READ)
    assert level(world, RISK) is Level.READ
    world.use.groups.leave(world.local, group.id, rita)
    assert level(world, RISK) is Level.NONE
    world.use.groups.join(world.local, group.id, rita)
    world.use.groups.remove_grant(world.local, group.grant_id(group.grants[0]))
    assert level(world, RISK) is Level.NONE


def test_a_deleted_group_gives_nothing(world, rita, group):
    world.use.groups.delete(world.local, group.id)
    assert level(world, RISK) is Level.NONE
    with pytest.raises(NotFoundError):
        world.use.groups.get(world.local, group.id)


def test_grants_through_groups_are_listed_and_say_so(world, rita, group):
    assert [(each.pattern, each.group) for each in world.use.access.grants(world.local, rita)] == [
        ("risk/*", "risk/analysts")
    ]
    assert any(each.group == "risk/analysts" for each in world.use.access.grants(world.local))
    with pytest.raises(NotFoundError) as caught:
        world.use.access.revoke_grant(world.local, rita, "risk/*")
    assert "risk/analysts" in caught.value.hint


def test_a_group_gives_only_what_lies_in_its_team_and_what_has_a_grant(world, group):
    add = world.use.groups.add_grant
    for thing in (Thing(Kind.MODEL, "risk", "credit.score"), ALL_EXPERIMENTS, RISK):
        with pytest.raises(BadInputError):
            add(world.local, group.id, thing, Level.READ)
    with pytest.raises(BadInputError):
        add(world.local, group.id, FRAUD, Level.NONE)
    made = add(world.local, group.id, FRAUD, Level.MANAGE)
    assert (made.pattern, made.role, made.number) == ("risk/fraud", Role.MAINTAINER, 2)


def test_a_grant_number_is_never_given_twice(world, group):
    first = group.grant_id(group.grants[0])
    world.use.groups.remove_grant(world.local, first)
    again = world.use.groups.add_grant(world.local, group.id, RISK, Level.READ)
    assert world.use.groups.get(world.local, group.id).grant_id(again) != first
    for verb in (
        world.use.groups.remove_grant,
        lambda who, number: world.use.groups.change_grant(who, number, Level.READ),
    ):
        with pytest.raises(NotFoundError):
            verb(world.local, first)


def test_who_was_let_go_is_in_no_group(world, rita, group):
    world.use.people.remove(world.local, rita)
    assert world.use.groups.get(world.local, group.id).members == ()
    with pytest.raises(NotFoundError):
        world.use.groups.join(world.local, group.id, rita)


def test_what_happens_to_groups_is_in_the_log(world, rita, group):
    world.use.groups.describe(world.local, group.id, description="who look")
    world.use.groups.leave(world.local, group.id, rita)
    world.use.groups.delete(world.local, group.id)
    verbs = [event.verb for event in world.events() if event.subject == "group:risk/analysts"]
    assert verbs == [
        "group.create",
        "group.grant",
        "group.join",
        "group.describe",
        "group.leave",
        "group.delete",
    ]
