"""Whatever people do and in whatever order: one Production, a way back from it, and a whole log."""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from assay.core.audit import verify_chain
from assay.core.errors import ConflictError, NotFoundError, RefusedError
from assay.core.names import Address
from assay.core.promotions import PromotionState
from assay.core.stages import Stage
from assay.wire.requests import Rollback, Statement
from usecases.registry_world import MODEL, World, at

OPEN_DOORS = {
    "applies_to": "team/*",
    "gates": {"staging": ["signature"], "production": ["signature"]},
}
PICK = st.integers(0, 2)
REFUSALS = (RefusedError, ConflictError, NotFoundError)


class StageMachine(RuleBasedStateMachine):
    """The registry beside a model of it: stages, who may be deleted, where Production can go back to."""

    @initialize(served_count=st.integers(0, 3))
    def found(self, served_count):
        self.root = Path(tempfile.mkdtemp())
        self.world = World(self.root)
        self.world.use.policies.set(self.world.local, "", OPEN_DOORS)
        self.boss = self.world.person("mia", "maintainer")
        self.versions, self.stages, self.served, self.numbers = [], {}, [], []
        for index in range(served_count):
            self.register()
            self.go_all_the_way(index)

    def teardown(self):
        if hasattr(self, "world"):
            self.world.means.database.close()
            shutil.rmtree(self.root)

    def pick(self, index):
        return self.versions[index % len(self.versions)]

    @property
    def holder(self):
        return next((number for number, stage in self.stages.items() if stage is Stage.PRODUCTION), None)

    @property
    def way_back(self):
        """Who held Production last, the present holder and its last turn left out."""
        return next((number for number in reversed(self.served) if number != self.holder), None)

    def take_production(self, number):
        if self.holder is not None:
            self.stages[self.holder] = Stage.ARCHIVED
        self.stages[number] = Stage.PRODUCTION
        self.served = [each for each in self.served if each != number] + [number]

    @precondition(lambda self: len(self.versions) < 6)
    @rule()
    def register(self):
        version = self.world.register()
        assert version.number == len(self.numbers) + 1
        self.numbers.append(version.number)
        self.versions.append(version)
        self.stages[version.number] = Stage.DEVELOPMENT

    @precondition(lambda self: self.versions)
    @rule(index=PICK, stage=st.sampled_from([Stage.STAGING, Stage.PRODUCTION]))
    def promote(self, index, stage):
        version = self.pick(index)
        before = Stage.DEVELOPMENT if stage is Stage.STAGING else Stage.STAGING
        if self.stages[version.number] is not before:
            self.refused(self.world.promote, version, stage.value)
            return
        assert self.world.promote(version, stage.value).state is PromotionState.PROMOTED
        if stage is Stage.PRODUCTION:
            self.take_production(version.number)
        else:
            self.stages[version.number] = stage

    @precondition(lambda self: self.versions)
    @rule(index=PICK)
    def go_all_the_way(self, index):
        if self.stages[self.pick(index).number] is Stage.ARCHIVED:
            self.move(index, ("restore", {Stage.ARCHIVED}, Stage.DEVELOPMENT))
        for stage in (Stage.STAGING, Stage.PRODUCTION):
            self.promote(index, stage)

    @precondition(lambda self: self.versions)
    @rule(
        index=PICK,
        step=st.sampled_from(
            [
                ("demote", {Stage.STAGING}, Stage.DEVELOPMENT),
                ("archive", {Stage.DEVELOPMENT, Stage.STAGING, Stage.PRODUCTION}, Stage.ARCHIVED),
                ("restore", {Stage.ARCHIVED}, Stage.DEVELOPMENT),
            ]
        ),
    )
    def move(self, index, step):
        verb, sources, target = step
        version, ask = self.pick(index), getattr(self.world.use.changing, verb)
        if self.stages[version.number] not in sources:
            self.refused(ask, self.boss, at(version), Statement())
            return
        assert ask(self.boss, at(version), Statement()).target is target
        self.stages[version.number] = target

    @precondition(lambda self: self.holder is not None)
    @rule()
    def empty_production(self):
        (version,) = [each for each in self.versions if each.number == self.holder]
        self.world.use.changing.archive(self.boss, at(version), Statement())
        self.stages[version.number] = Stage.ARCHIVED

    @rule()
    def roll_back(self):
        roll_back = self.world.use.changing.roll_back
        target = self.way_back
        if target is None:
            self.refused(roll_back, self.boss, MODEL, Rollback())
            return
        assert roll_back(self.boss, MODEL, Rollback()).number == target
        self.take_production(target)

    @precondition(lambda self: self.versions)
    @rule(index=PICK)
    def delete(self, index):
        version = self.pick(index)
        delete = self.world.use.changing.delete_version
        falls_back = version.number in self.served[-2:]
        if self.stages[version.number] in (Stage.STAGING, Stage.PRODUCTION) or falls_back:
            self.refused(delete, self.boss, at(version))
        else:
            delete(self.boss, at(version))
            self.versions.remove(version)
            del self.stages[version.number]
            self.served = [each for each in self.served if each != version.number]

    def refused(self, ask, *words):
        """It is refused, and nothing whatever is written."""
        before = len(self.world.events())
        try:
            ask(*words)
        except REFUSALS:
            assert len(self.world.events()) == before
        else:
            raise AssertionError(f"{ask.__name__} should have been refused")

    @invariant()
    def the_registry_agrees(self):
        browsing, ada = self.world.use.browsing, self.world.ada
        for version in self.versions:
            assert browsing.version(ada, at(version)).stage is self.stages[version.number]

    @invariant()
    def production_is_one_version_or_none(self):
        browsing, ada = self.world.use.browsing, self.world.ada
        try:
            found = browsing.resolve(ada, Address.of(MODEL, "@production")).number
        except NotFoundError:
            found = None
        assert found == self.holder

    @invariant()
    def every_way_back_is_there(self):
        """A version that was deleted is never offered."""
        for number in self.served[-2:]:
            assert number in self.stages

    @invariant()
    def every_move_has_its_event_and_the_chain_is_whole(self):
        events = self.world.events()
        assert verify_chain(events).whole
        if not self.numbers:
            return
        moves = self.world.use.browsing.history(self.world.ada, MODEL)
        noted = [event for event in events if event.verb.startswith("stage.")]
        assert [(each.verb, each.at) for each in noted] == [(f"stage.{each.verb}", each.at) for each in moves]


StageMachine.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
TestStageMachine = StageMachine.TestCase


def test_the_way_back_outlives_an_empty_production(world):
    """Two served; the second is archived, then brought back: the first is still its way back."""
    world.use.policies.set(world.local, "", OPEN_DOORS)
    boss = world.person("mia", "maintainer")
    first, second = world.register(), world.register()
    for version in (first, second):
        for stage in ("staging", "production"):
            world.promote(version, stage)
    third = world.register()
    world.promote(third, "staging")
    world.use.changing.archive(boss, at(second), Statement())
    for version in (first, second):
        with pytest.raises(RefusedError) as caught:
            world.use.changing.delete_version(boss, at(version))
        assert "falls back to" in str(caught.value.reasons[0])
    assert world.use.changing.roll_back(boss, MODEL, Rollback()).number == second.number
    assert world.use.changing.roll_back(boss, MODEL, Rollback()).number == first.number


def test_a_request_does_not_wake_when_its_stage_comes_round_again(world):
    """What was asked before somebody demoted or archived the version is over for good."""
    boss = world.person("mia", "maintainer")
    for leave, back in (("demote", None), ("archive", "restore")):
        version = world.register()
        world.to_staging(version)
        asked = world.promote(version, "production")
        assert asked.state is PromotionState.AWAITING_APPROVAL
        for verb in filter(None, (leave, back)):
            getattr(world.use.changing, verb)(boss, at(version), Statement())
        after = world.use.promoting.get(world.ada, asked.id)
        assert after.state is PromotionState.SUPERSEDED
        assert "meanwhile" in after.outcome
        assert world.to_staging(version).state is PromotionState.PROMOTED
        with pytest.raises(ConflictError, match="superseded"):
            world.use.promoting.approve(world.grace, asked.id, Statement())
        assert world.stage(version) is Stage.STAGING
        again = world.promote(version, "production")
        assert again.id != asked.id


def test_a_request_of_a_version_that_was_rolled_back_to_is_over(world):
    boss = world.person("mia", "maintainer")
    first, second = world.register(), world.register()
    world.to_production(first)
    world.to_production(second)
    world.use.changing.restore(boss, at(first), Statement())
    gates = {"staging": [{"load": {}}], "production": ["signature"]}
    world.use.policies.set(world.local, "", {"applies_to": "team/*", "gates": gates})
    asked = world.promote(first, "staging")
    assert asked.state is PromotionState.CHECKING
    world.use.changing.roll_back(boss, MODEL, Rollback())
    assert world.use.promoting.get(world.ada, asked.id).state is PromotionState.SUPERSEDED
