"""What a client asks for as one change of stage happens as one: with every right, whole, or not at all."""

from contextlib import contextmanager
from dataclasses import replace

import pytest

from assay.core.errors import ConflictError, DeniedError, UnavailableError
from assay.core.names import ModelName
from assay.core.promotions import PromotionState
from assay.core.stages import Stage
from assay.usecases.outside_stages import OutsideStages
from assay.wire.requests import NewGrant, NewPrincipal, NewToken
from usecases.registry_world import POLICY

NAME, MODEL = "team.task", ModelName("team/task")
SMALL = {"size_budget": {"max_bytes": 1000}}
OPEN = {"applies_to": "team/*", "gates": {"staging": [SMALL], "production": [SMALL]}}


class Moves:
    """A model whose gates need no check, and people with different rights on it."""

    def __init__(self, world):
        self.world, self.use, self.local = world, world.use, world.local
        world.use.policies.set(world.local, "", OPEN)

    def person(self, name, role, *stages):
        self.use.access.create_principal(self.local, NewPrincipal(name))
        self.use.access.grant(self.local, NewGrant(name, role, "team/*", stages or None))
        made = self.use.access.create_token(self.local, NewToken(("read", "write"), principal=name))
        return self.use.access.authenticate(made.text)

    def to(self, caller, version, stage, *, archive=False):
        return self.use.outside_stages.transition(
            caller, NAME, str(version.number), stage, archive_existing=archive
        )

    def in_stage(self, stage):
        version = self.world.register()
        self.to(self.local, version, stage)
        assert self.world.stage(version) is stage
        return version

    def history(self):
        return [(each.number, each.verb) for each in self.use.browsing.history(self.local, MODEL)]


@pytest.fixture
def moves(world):
    return Moves(world)


def test_who_may_not_archive_the_others_does_not_move_the_one_either(moves):
    carl, mia = moves.person("carl", "contributor"), moves.person("mia", "maintainer")
    first, second = moves.in_stage(Stage.STAGING), moves.world.register()
    events = len(moves.world.events())
    for _ in range(2):
        with pytest.raises(DeniedError):
            moves.to(carl, second, Stage.STAGING, archive=True)
    assert moves.world.stage(second) is Stage.DEVELOPMENT
    assert len(moves.world.events()) == events
    assert moves.to(carl, second, Stage.STAGING) is None
    assert moves.to(mia, second, Stage.STAGING, archive=True) is None
    assert (moves.world.stage(first), moves.world.stage(second)) == (Stage.ARCHIVED, Stage.STAGING)


def test_who_may_not_archive_the_others_is_told_before_anything_is_waited_for(moves):
    carl = moves.person("carl", "contributor")
    moves.in_stage(Stage.STAGING)
    moves.use.policies.set(moves.local, "", POLICY)
    with pytest.raises(DeniedError):
        moves.to(carl, moves.world.register(), Stage.STAGING, archive=True)
    assert moves.use.promoting.list(moves.local, MODEL, open_only=True) == ()


def test_where_nothing_is_to_be_archived_no_right_to_is_needed(moves):
    carl, version = moves.person("carl", "contributor"), moves.world.register()
    assert moves.to(carl, version, Stage.STAGING, archive=True) is None
    assert moves.world.stage(version) is Stage.STAGING


def test_all_others_in_staging_are_archived_with_the_move(moves):
    others = [moves.in_stage(Stage.STAGING) for _ in range(3)]
    version = moves.world.register()
    moves.to(moves.local, version, Stage.STAGING, archive=True)
    assert {moves.world.stage(each) for each in others} == {Stage.ARCHIVED}
    assert moves.world.stage(version) is Stage.STAGING


@pytest.mark.parametrize("how", ["transition", "alias"])
def test_production_is_not_emptied_on_a_way_that_leads_no_further(moves, how):
    version = moves.in_stage(Stage.PRODUCTION)
    pia = moves.person("pia", "maintainer", "production")
    before = moves.history()

    def by_alias(caller, version, stage):
        return moves.use.outside_stages.point(caller, NAME, stage.value.lower(), str(version.number))

    ask = moves.to if how == "transition" else by_alias
    with pytest.raises(DeniedError):
        ask(pia, version, Stage.DEVELOPMENT)
    assert moves.world.stage(version) is Stage.PRODUCTION
    assert moves.history() == before
    assert moves.to(moves.local, version, Stage.DEVELOPMENT) is None
    assert [verb for _, verb in moves.history()[-2:]] == ["archive", "restore"]


def test_no_step_to_production_is_taken_without_the_right_to_the_last_one(moves):
    stan, version = moves.person("stan", "contributor", "staging"), moves.world.register()
    with pytest.raises(DeniedError):
        moves.to(stan, version, Stage.PRODUCTION)
    assert (moves.world.stage(version), moves.history()) == (Stage.DEVELOPMENT, [])


def test_a_step_that_is_refused_keeps_the_one_before_it(moves):
    late = {**OPEN, "gates": {"staging": [SMALL], "production": [SMALL, {"approval": {"count": 1}}]}}
    moves.use.policies.set(moves.local, "", late)
    version = moves.world.register()
    waiting = moves.to(moves.local, version, Stage.PRODUCTION)
    assert (waiting.state, waiting.target) == (PromotionState.AWAITING_APPROVAL, Stage.PRODUCTION)
    assert moves.world.stage(version) is Stage.STAGING
    assert moves.to(moves.local, version, Stage.PRODUCTION).id == waiting.id


def test_a_request_that_lost_a_race_ends_and_can_be_asked_for_anew(moves):
    late = {**OPEN, "gates": {"staging": [SMALL], "production": [SMALL, {"approval": {"count": 1}}]}}
    moves.use.policies.set(moves.local, "", late)
    version = moves.world.register()
    waiting = moves.to(moves.local, version, Stage.PRODUCTION)
    with moves.world.means.database.write() as records:  # as one whose base has moved away under it
        records.promotions.save(replace(waiting, replaces=99), waiting.state)
    with pytest.raises(ConflictError):
        moves.to(moves.local, version, Stage.PRODUCTION)
    assert moves.use.promoting.get(moves.local, waiting.id).state is PromotionState.SUPERSEDED
    again = moves.to(moves.local, version, Stage.PRODUCTION)
    assert again.state is PromotionState.AWAITING_APPROVAL


class Counting:
    """A database that counts writes, and dies in the one that it is told to."""

    def __init__(self, database, last):
        self._database, self._left = database, last
        self.writes = 0

    def read(self):
        return self._database.read()

    @contextmanager
    def write(self):
        self.writes += 1
        with self._database.write() as records:
            yield records
            if self.writes > self._left:
                raise UnavailableError("the machine went down")


@pytest.mark.parametrize(
    ("start", "stage", "archive"),
    [
        (Stage.DEVELOPMENT, Stage.STAGING, True),
        (Stage.DEVELOPMENT, Stage.PRODUCTION, False),
        (Stage.PRODUCTION, Stage.DEVELOPMENT, False),
    ],
)
def test_a_change_of_stage_is_one_transaction(moves, start, stage, archive):
    moves.in_stage(Stage.STAGING)
    version = moves.world.register() if start is Stage.DEVELOPMENT else moves.in_stage(start)
    before = (moves.history(), len(moves.world.events()))
    for last in (0, 5):
        database = Counting(moves.world.means.database, last)
        outside = OutsideStages(replace(moves.world.means, database=database))
        ask = (moves.local, NAME, str(version.number), stage)
        if not last:
            with pytest.raises(UnavailableError):
                outside.transition(*ask, archive_existing=archive)
            assert (moves.history(), len(moves.world.events())) == before
        else:
            assert outside.transition(*ask, archive_existing=archive) is None
        assert database.writes == 1
    assert moves.world.stage(version) is stage


def test_an_alias_that_names_a_stage_is_taken_from_who_holds_it_now(moves):
    version = moves.in_stage(Stage.STAGING)
    moves.use.outside_stages.remove(moves.local, NAME, "staging")
    assert moves.world.stage(version) is Stage.DEVELOPMENT
    moves.use.outside_stages.remove(moves.local, NAME, "staging")
    serving = moves.in_stage(Stage.PRODUCTION)
    moves.use.outside_stages.remove(moves.local, NAME, "staging")
    assert moves.world.stage(serving) is Stage.PRODUCTION
