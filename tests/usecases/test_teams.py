"""Teams: there as soon as they hold something, seen by those who may read in them, gone when empty."""

import pytest

from assay.core.errors import BadInputError, ConflictError, NotFoundError, RefusedError
from assay.core.levels import Level
from assay.usecases.permissions import Kind, Thing
from assay.wire.requests import NewGrant


def names(world, caller):
    return [each.name for each in world.use.teams.all(caller)]


def test_a_team_is_there_when_it_holds_something_or_somebody_was_granted_something(world):
    assert names(world, world.local) == ["default", "team"]
    world.use.experiments.create(world.local, "risk", "numbers")
    world.use.access.grant(world.local, NewGrant("ada", "reader", "credit/score"))
    world.use.teams.create(world.local, "empty", "for later")
    assert names(world, world.local) == ["credit", "default", "empty", "risk", "team"]
    assert world.use.teams.get(world.local, "empty").description == "for later"


def test_only_those_who_may_read_in_a_team_see_it(world):
    world.use.experiments.create(world.local, "risk", "numbers")
    assert names(world, world.ada) == ["default", "team"]
    for hidden in ("risk", "not-there"):
        for act in (
            lambda name=hidden: world.use.teams.get(world.ada, name),
            lambda name=hidden: world.use.teams.describe(world.ada, name, "x"),
            lambda name=hidden: world.use.teams.delete(world.ada, name),
        ):
            with pytest.raises(NotFoundError) as caught:
                act()
            assert str(caught.value) == f"Workspace '{hidden}' not found"


def test_a_name_is_taken_once(world):
    world.use.teams.create(world.local, "risk")
    for taken in ("risk", "team", "default"):
        with pytest.raises(ConflictError):
            world.use.teams.create(world.local, taken)
    for bad in ("Risk", "", "a/b", "..", "x" * 97):
        with pytest.raises(BadInputError):
            world.use.teams.create(world.local, bad)


def test_a_team_that_holds_something_stays(world):
    made = world.use.experiments.create(world.local, "risk", "numbers")
    world.use.experiments.delete(world.local, made.id)
    with pytest.raises(RefusedError) as caught:
        world.use.teams.delete(world.local, "risk")
    assert [reason.field for reason in caught.value.reasons] == ["experiments"]
    world.register()
    with pytest.raises(RefusedError):
        world.use.teams.delete(world.local, "team")
    with pytest.raises(BadInputError):
        world.use.teams.delete(world.local, "default")


def test_with_an_empty_team_its_grants_and_groups_go(world):
    world.use.teams.create(world.local, "risk")
    world.use.access.grant(world.local, NewGrant("ada", "reader", "risk/*"))
    group = world.use.groups.create(world.local, "risk", "analysts")
    world.use.groups.add_grant(world.local, group.id, Thing(Kind.TEAM, "risk"), Level.READ)
    world.use.teams.delete(world.local, "risk")
    assert names(world, world.local) == ["default", "team"]
    assert [each.pattern for each in world.use.access.grants(world.local, "ada")] == ["team/*"]
    with pytest.raises(NotFoundError):
        world.use.groups.get(world.local, group.id)
    verbs = [event.verb for event in world.events()][-3:]
    assert verbs == ["group.delete", "grant.revoke", "team.delete"]
