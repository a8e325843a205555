"""Names outside: what is loaded by a name, and what guards it, never changes because models are renamed."""

import pytest

from assay.core.errors import BadInputError, ConflictError, DeniedError, NotFoundError, RefusedError
from assay.core.names import ModelName
from assay.usecases.moving.importing import MoveOptions, MovingIn
from assay.wire.requests import AliasTarget, NewGrant, NewModel, NewPrincipal, NewToken, Statement
from usecases.elsewhere import Elsewhere, model
from usecases.registry_world import MODEL, POLICY, at

NAME = "team.task"
STRICT = {
    "applies_to": "team/task",
    "stage_aliases": {"champion": "production"},
    "gates": {
        "staging": [{"metrics": {"minimum": {"accuracy": 0.99}}}],
        "production": [{"approval": {"count": 3}}],
    },
}


@pytest.fixture
def boss(world):
    return world.person("mia", "maintainer")


def granted(world, name, *grants):
    """Return somebody with these grants and stages: (role, pattern) or (role, pattern, stages)."""
    world.use.access.create_principal(world.local, NewPrincipal(name))
    for grant in grants:
        world.use.access.grant(world.local, NewGrant(name, *grant))
    made = world.use.access.create_token(world.local, NewToken(("read", "write"), principal=name))
    return world.use.access.authenticate(made.text)


def rename(world, old, new, by=None):
    return world.use.outside.rename(by or world.ada, old, new)


def create(world, name, by=None):
    return world.use.outside.create(by or world.ada, "team", name)


def policy_of(world, model):
    return world.use.policies.applying(world.local, ModelName(model)).policy.applies_to


@pytest.mark.parametrize("stage", ["staging", "production"])
def test_a_model_in_a_guarded_stage_is_renamed_by_who_may_move_its_stages(world, boss, stage):
    version = world.register()
    world.to_production(version) if stage == "production" else world.to_staging(version)
    with pytest.raises(DeniedError, match=r"demote, archive, restore"):
        rename(world, NAME, "team.old")
    assert world.use.outside.model(world.ada, NAME).name == MODEL
    assert rename(world, NAME, "team.old", boss).known_as == "team.old"
    event = next(each for each in reversed(world.events()) if each.verb == "model.rename")
    assert (event.actor, event.before, event.after) == ("mia", {"known_as": NAME}, {"known_as": "team.old"})


def test_a_right_on_one_stage_does_not_rename_what_stands_in_another(world):
    world.to_production(world.register())
    half = granted(world, "half", ("maintainer", "team/*", ("staging",)))
    with pytest.raises(DeniedError, match="Production"):
        rename(world, NAME, "team.old", half)


def test_nobody_swaps_what_production_means_by_renaming(world, boss):
    """Also for a maintainer the name of a model that served stays that model's."""
    served = world.register()
    world.to_production(served)
    create(world, "team.test")
    rename(world, NAME, "team.old", boss)
    for by in (world.ada, boss, world.local):
        with pytest.raises(RefusedError, match=r"team\.task is kept"):
            rename(world, "team.test", NAME, by)
        with pytest.raises(RefusedError, match=r"team\.task is kept"):
            create(world, NAME, by)
    assert rename(world, "team.old", NAME, boss).name == MODEL
    assert world.use.outside.at_alias(world.ada, NAME, "production").number == served.number


def test_a_name_in_between_and_one_of_a_model_that_served_once_are_kept_too(world, boss):
    version = world.register()
    rename(world, NAME, "team.one")
    world.to_staging(version)
    world.use.changing.archive(boss, at(version), Statement())
    rename(world, "team.one", "team.two")  # nothing stands in a guarded stage: no right on stages needed
    with pytest.raises(RefusedError, match=r"team\.one is kept"):
        create(world, "team.one")
    with pytest.raises(RefusedError, match=r"team\.one is kept"):
        world.use.registration.create_model(world.ada, NewModel(ModelName("team/one")))
    assert create(world, NAME).name == "team/task-2"  # by that name nothing was ever in a guarded stage


def test_no_model_that_moves_in_takes_a_kept_name(world, boss):
    world.to_staging(world.register())
    rename(world, NAME, "team.old", boss)
    there = Elsewhere()
    there.models_kept, there.versions_kept = [model("task")], []
    report = MovingIn(world.means).move(world.local, there.source(), MoveOptions(team="team"))
    assert any("another one" in each.what for each in report.findings if each.kind == "model")
    with pytest.raises(NotFoundError):
        world.use.outside.model(world.local, NAME)


def test_a_name_is_free_again_when_its_model_is_gone(world, boss):
    version = world.register()
    world.to_staging(version)
    rename(world, NAME, "team.old", boss)
    world.use.changing.archive(boss, at(version), Statement())
    world.use.outside.delete(boss, "team.old")
    assert create(world, NAME).name == MODEL


def test_a_model_that_was_never_guarded_is_renamed_and_its_name_used_again(world):
    world.register()
    rename(world, NAME, "team.new")
    again = create(world, NAME)
    assert (again.name, again.known_as) == ("team/task-2", NAME)
    rename(world, NAME, "team.third")
    rename(world, "team.new", NAME)
    assert world.use.outside.model(world.ada, NAME).name == MODEL


def test_a_new_model_is_guarded_by_what_its_name_outside_says(world):
    world.register()
    rename(world, NAME, "team.old")
    made = create(world, NAME)
    world.use.policies.set(world.local, "", STRICT)
    assert made.name == "team/task-2"
    assert policy_of(world, made.name) == "team/task"
    assert policy_of(world, MODEL) == "team/task"  # a new name is no way out of a policy either
    assert policy_of(world, "team/other") == "team/*"
    world.use.policies.set(world.local, "", {**POLICY, "applies_to": "team/task-2"})
    assert policy_of(world, made.name) == "team/task"


def test_no_model_that_served_comes_under_another_policy_by_its_name(world, boss):
    version = world.register()
    world.use.policies.set(world.local, "", {**POLICY, "applies_to": "team/free"})
    rename(world, NAME, "team.free")
    assert policy_of(world, MODEL) == "team/free"  # never guarded: it is judged by its new name
    rename(world, "team.free", NAME)
    assert policy_of(world, MODEL) == "team/*"
    rename(world, NAME, "team.free")
    world.to_staging(version)
    for wanted in (NAME, "team.other"):
        with pytest.raises(RefusedError, match="the policy would be another"):
            rename(world, "team.free", wanted, boss)


def test_two_policies_never_speak_of_one_model_by_its_name_and_its_address(world):
    """By the name people load one model, by the address others: neither policy may be gone around."""
    world.register()
    world.use.policies.set(world.local, "", STRICT)
    world.use.policies.set(world.local, "", {**POLICY, "applies_to": "team/mild"})
    with pytest.raises(RefusedError, match=r"team/task cannot be known as team\.mild"):
        rename(world, NAME, "team.mild")
    rename(world, NAME, "team.free")
    world.use.policies.set(world.local, "", {**POLICY, "applies_to": "team/task-2"})
    with pytest.raises(RefusedError, match=r"team/task-2 cannot be known as team\.task"):
        create(world, NAME)


def test_who_has_rights_on_one_model_takes_no_name_beyond(world):
    world.register()
    create(world, "team.taken")
    one = granted(world, "one", ("maintainer", "team/task"))
    for wanted in ("team.free", "team.taken"):
        with pytest.raises(NotFoundError):
            rename(world, NAME, wanted, one)
    two = granted(world, "two", ("maintainer", "team/task"), ("contributor", "team/free"))
    assert rename(world, NAME, "team.free", two).name == MODEL
    with pytest.raises(ConflictError):
        rename(world, "team.free", "team.taken")


def test_who_renames_a_model_in_production_may_move_stages_under_both_names(world):
    world.to_production(world.register())
    two = granted(world, "two", ("maintainer", "team/task"), ("contributor", "team/free"))
    with pytest.raises(DeniedError):
        rename(world, NAME, "team.free", two)


def test_the_right_to_create_is_asked_of_the_address_that_is_made(world):
    world.register()
    rename(world, NAME, "team.old")
    one = granted(world, "one", ("contributor", "team/task"))
    with pytest.raises(DeniedError):
        create(world, NAME, one)
    two = granted(world, "two", ("contributor", "team/task"), ("contributor", "team/task-2"))
    assert create(world, NAME, two).name == "team/task-2"


def test_aliases_that_go_with_their_model_or_version_are_noted(world, boss):
    first, second = world.register(), world.register()
    for alias, version in (("best", first), ("live", second)):
        world.use.annotating.set_alias(world.ada, MODEL, alias, AliasTarget(str(version.number)))
    world.use.outside.delete_version(boss, NAME, "1")
    world.use.outside.delete(boss, NAME)
    gone = [(each.subject, each.before) for each in world.events() if each.verb == "alias.remove"]
    assert gone == [(f"{MODEL}@best", {"number": 1}), (f"{MODEL}@live", {"number": 2})]


@pytest.mark.parametrize(
    "name", ["alpha.Fraud", "alpha.", "alpha..fraud", "Alpha.fraud", "\uff41lpha.fraud", "alpha\uff0efraud"]
)
@pytest.mark.parametrize("known_by", ["model", "grant", "policy", "experiment", "team"])
def test_no_name_is_taken_that_looks_like_one_of_another_team(world, name, known_by):
    dan = granted(world, "dan", ("contributor", "default/*"))
    assert world.use.outside.create(dan, "default", name + "-before").name.team == "default"
    {
        "model": lambda: world.use.registration.create_model(world.local, NewModel(ModelName("alpha/one"))),
        "grant": lambda: granted(world, "bob", ("reader", "alpha/*")),
        "policy": lambda: world.use.policies.set(world.local, "", {**POLICY, "applies_to": "alpha/*"}),
        "experiment": lambda: world.use.experiments.create(world.local, "alpha", "numbers"),
        "team": lambda: world.use.teams.create(world.local, "alpha"),
    }[known_by]()
    with pytest.raises(RefusedError, match="would be taken for a model of alpha"):
        world.use.outside.create(dan, "default", name)
    world.use.outside.create(dan, "default", "mine")
    with pytest.raises(RefusedError, match="would be taken for a model of alpha"):
        rename(world, "mine", name, dan)
    assert world.use.outside.model(dan, name + "-before").known_as


def test_a_team_takes_its_own_strange_names_with_a_slash(world):
    bob = granted(world, "bob", ("contributor", "alpha/*"))
    with pytest.raises(DeniedError):
        world.use.outside.create(bob, "default", "alpha.Fraud")
    made = world.use.outside.create(bob, "default", "alpha/Fraud")
    assert (made.name.team, made.known_as) == ("alpha", "alpha/Fraud")


@pytest.mark.parametrize("name", ["My.Model", "my.Model v2", "v1.0 final", "résumé.v2", "a..b", "x.Y.z"])
def test_dotted_names_without_such_a_team_stay_free(world, name):
    assert world.use.outside.create(world.local, "default", name).name.team == "default"


@pytest.mark.parametrize(
    "name", [" fraud", "fraud ", "fraud\u00a0", "fra\u200bud", "\u202efraud", "fraud\ufeff", "a\u00ad"]
)
def test_no_name_is_taken_that_nobody_can_tell_from_another(world, name):
    with pytest.raises(BadInputError, match="must not"):
        world.use.outside.create(world.local, "default", name)
    world.use.outside.create(world.local, "default", "fraud")
    with pytest.raises(BadInputError, match="must not"):
        rename(world, "fraud", name, world.local)
