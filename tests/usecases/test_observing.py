"""Mode observe: moves go through, gates judge all the same, and the mark says what does not hold."""

import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.core.audit import verify_chain
from assay.core.errors import (
    BadInputError,
    ConflictError,
    DeniedError,
    NotFoundError,
    RefusedError,
)
from assay.core.evidence import Measurement
from assay.core.names import Address
from assay.core.policies import PolicyMode, StoredPolicy
from assay.core.promotions import PromotionState, explain
from assay.core.semver import SemVer
from assay.core.stages import GUARDED, Stage
from assay.gates import DEFAULT_POLICY
from assay.usecases.founding import found
from assay.wire.requests import AliasTarget, Rollback, Statement
from usecases.fresh_means import empty_means
from usecases.registry_world import EVALUATION, MODEL, POLICY, CountedChance, HandClock, World, at

OBSERVE, ENFORCE = PolicyMode.OBSERVE, PolicyMode.ENFORCE


def switch(world, mode):
    return world.use.policies.switch(world.local, "team/*", mode)


def seen(world, version):
    found = world.use.browsing.version(world.ada, at(version))
    assert world.use.browsing.resolve(world.ada, at(version)).ungated == found.ungated
    return found.stage, found.ungated


@pytest.fixture
def observing(world):
    switch(world, OBSERVE)
    return world


@pytest.mark.parametrize("stage", ["staging", "production"])
def test_observe_moves_at_once_and_names_the_gates_that_do_not_hold_yet(stage, observing):
    version = observing.register()
    promotion = observing.promote(version, stage)
    assert (promotion.state, promotion.observed) == (PromotionState.CHECKING, True)
    gates = ("metrics",) if stage == "staging" else ("metrics", "approval")
    assert seen(observing, version) == (Stage.parse(stage), gates)
    (move,) = observing.use.browsing.history(observing.ada, MODEL)
    assert (move.verb, move.ungated, move.promotion_id) == ("observe", gates, promotion.id)


def test_the_mark_goes_exactly_when_the_last_gate_holds(observing):
    version = observing.register()
    promotion = observing.promote(version, "production")
    observing.work()
    assert seen(observing, version) == (Stage.PRODUCTION, ("approval",))
    after = observing.use.promoting.approve(observing.grace, promotion.id, Statement())
    assert (after.state, after.outcome) == (
        PromotionState.PROMOTED,
        f"{version.address} is in Production",
    )
    assert seen(observing, version) == (Stage.PRODUCTION, ())
    assert len(observing.use.browsing.history(observing.ada, MODEL)) == 1


def test_gates_that_fail_refuse_and_leave_stage_and_mark(observing):
    version = observing.register()
    promotion = observing.promote(version, "staging")
    observing.work(accuracy=0.1)
    after = observing.use.promoting.get(observing.ada, promotion.id)
    assert after.state is PromotionState.REFUSED
    assert seen(observing, version) == (Stage.STAGING, ("metrics",))
    told = " ".join(explain(after))
    assert "metrics: fail: " in told
    assert "all the same, marked ungated" in told
    assert f"assay promote {version.address} --stage staging" in told


def test_a_no_of_a_person_leaves_stage_and_mark(observing):
    version = observing.register()
    promotion = observing.promote(version, "production")
    observing.work()
    assert observing.use.promoting.reject(observing.grace, promotion.id, Statement()).state.value == "refused"
    assert seen(observing, version) == (Stage.PRODUCTION, ("approval",))


@pytest.mark.parametrize("mode", PolicyMode)
def test_asking_again_in_either_mode_can_take_the_mark_off(mode, observing):
    version = observing.register()
    observing.promote(version, "staging")
    observing.work(accuracy=0.1)
    switch(observing, mode)
    again = observing.promote(version, "staging")
    assert again.observed
    assert again.state is PromotionState.REFUSED
    gates = {"staging": ["signature"], "production": ["signature"]}
    observing.use.policies.set(observing.local, "", {**POLICY, "gates": gates, "mode": mode.value})
    assert observing.promote(version, "staging").state is PromotionState.PROMOTED
    assert seen(observing, version) == (Stage.STAGING, ())
    with pytest.raises(RefusedError):
        observing.promote(version, "staging")


def test_asking_twice_is_one_request_and_writes_nothing(observing):
    version = observing.register()
    one = observing.promote(version, "production")
    count = len(observing.events())
    assert observing.promote(version, "production").id == one.id
    assert len(observing.events()) == count


def test_what_follows_a_move_is_judged_by_the_policy_of_the_day(observing):
    """Switching to enforce does not forget the requests of those that stand ungated already."""
    version = observing.register()
    promotion = observing.promote(version, "staging")
    switch(observing, ENFORCE)
    observing.work()
    after = observing.use.promoting.get(observing.ada, promotion.id)
    stored = observing.use.policies.applying(observing.ada, MODEL)
    assert (after.state, after.policy_digest) == (PromotionState.PROMOTED, stored.digest)
    assert after.policy_name == f"team/* revision {stored.revision}"
    assert seen(observing, version) == (Stage.STAGING, ())


def test_an_enforced_request_does_not_survive_a_switch_but_can_be_asked_anew(world):
    version = world.register()
    asked = world.promote(version, "staging")
    switch(world, OBSERVE)
    again = world.promote(version, "staging")
    assert world.use.promoting.get(world.ada, asked.id).state is PromotionState.SUPERSEDED
    assert (again.observed, seen(world, version)) == (True, (Stage.STAGING, ("metrics",)))


def test_observe_never_loses_the_way_back_and_what_comes_back_ungated_is_marked_again(observing):
    boss = observing.person("mia", "maintainer")
    first, second = observing.register(), observing.register()
    observing.promote(first, "production")
    observing.work(accuracy=0.1)
    observing.promote(second, "production")
    assert seen(observing, first) == (Stage.ARCHIVED, ())
    with pytest.raises(RefusedError, match="cannot be deleted"):
        observing.use.changing.delete_version(boss, at(first))
    assert observing.use.changing.roll_back(boss, MODEL, Rollback()).number == first.number
    assert seen(observing, first) == (Stage.PRODUCTION, ("metrics", "approval"))
    assert seen(observing, second) == (Stage.ARCHIVED, ())


def test_what_passed_its_gates_comes_back_without_a_mark(observing):
    boss = observing.person("mia", "maintainer")
    first, second = observing.register(), observing.register()
    promotion = observing.promote(first, "production")
    observing.work()
    observing.use.promoting.approve(observing.grace, promotion.id, Statement())
    observing.promote(second, "production")
    observing.use.changing.roll_back(boss, MODEL, Rollback())
    assert seen(observing, first) == (Stage.PRODUCTION, ())


def test_the_mark_goes_with_the_stage(observing):
    boss = observing.person("mia", "maintainer")
    version = observing.register()
    promotion = observing.promote(version, "staging")
    observing.use.changing.demote(boss, at(version), Statement())
    assert seen(observing, version) == (Stage.DEVELOPMENT, ())
    assert observing.use.promoting.get(observing.ada, promotion.id).state is PromotionState.SUPERSEDED
    observing.work()
    assert seen(observing, version) == (Stage.DEVELOPMENT, ())


def test_out_of_production_only_who_may_change_stages_moves_a_version(observing):
    version = observing.register()
    observing.promote(version, "production")
    with pytest.raises(DeniedError):
        observing.promote(version, "staging")
    boss = observing.person("mia", "maintainer")
    observing.promote(version, "staging", by=boss)
    assert seen(observing, version) == (Stage.STAGING, ("metrics",))


def test_a_version_ungated_in_staging_still_needs_every_gate_of_production(observing):
    version = observing.register()
    observing.promote(version, "staging")
    switch(observing, ENFORCE)
    asked = observing.promote(version, "production")
    assert not asked.observed
    observing.work(accuracy=0.1)
    assert observing.use.promoting.get(observing.ada, asked.id).state is PromotionState.REFUSED
    assert seen(observing, version) == (Stage.STAGING, ("metrics",))


def test_one_report_can_end_two_requests_of_a_version_at_once(observing):
    """The measurement that lets it into Production ends the one that waits for a yes to Staging."""
    metrics = POLICY["gates"]["staging"]
    gates = {"staging": [*metrics, "approval"], "production": [{"metrics": {"minimum": {"accuracy": 0.1}}}]}
    gates["production"][0]["metrics"]["positive"] = "b"  # other settings: a check of its own
    observing.use.policies.set(observing.local, "", {**POLICY, "gates": gates, "mode": "observe"})
    version = observing.register()
    followed = observing.promote(version, "staging")
    observing.work()
    assert seen(observing, version) == (Stage.STAGING, ("approval",))
    observing.use.policies.set(observing.local, "", {**POLICY, "gates": gates})
    asked = observing.promote(version, "production")
    assert asked.state is PromotionState.CHECKING
    observing.work()
    assert observing.use.promoting.get(observing.ada, asked.id).state is PromotionState.PROMOTED
    assert observing.use.promoting.get(observing.ada, followed.id).state is PromotionState.SUPERSEDED
    assert seen(observing, version) == (Stage.PRODUCTION, ())


def test_a_move_ends_the_requests_that_followed_the_one_before(observing):
    version = observing.register()
    followed = observing.promote(version, "staging")
    observing.promote(version, "production")
    assert observing.use.promoting.get(observing.ada, followed.id).state is PromotionState.SUPERSEDED
    assert seen(observing, version) == (Stage.PRODUCTION, ("metrics", "approval"))


def test_the_mark_follows_each_measurement_while_others_still_run(observing):
    gates = [*POLICY["gates"]["staging"], {"load": {}}]
    observing.use.policies.set(
        observing.local,
        "",
        {**POLICY, "mode": "observe", "gates": {**POLICY["gates"], "staging": gates}},
    )
    version = observing.register()
    promotion = observing.promote(version, "staging")
    assert seen(observing, version)[1] == ("metrics", "load")
    job, _ = observing.use.checking.lease("worker")
    assert job.check == "metrics"
    facts = {"task": "classification", "rows": 100, "metrics": {"accuracy": 0.95}, "undefined": {}}
    measured = Measurement(facts=facts, data={"evaluation": EVALUATION})
    observing.use.checking.finish(job, "worker", measured)
    assert observing.use.promoting.get(observing.ada, promotion.id).state is PromotionState.CHECKING
    assert seen(observing, version)[1] == ("load",)


@pytest.mark.parametrize("mode", PolicyMode)
@pytest.mark.parametrize("stage", ["staging", "production"])
def test_bytes_that_nobody_read_never_leave_development(mode, stage, world):
    switch(world, mode)
    version = world.register()
    outside = replace(version, number=2, semver=SemVer(1, 9, 0), external="s3://bucket/model")
    with world.means.database.write() as records:
        records.versions.add(outside)
    before = len(world.events())
    with pytest.raises(RefusedError, match="external and unverified") as caught:
        world.promote(outside, stage)
    assert "assay register" in caught.value.hint
    assert "log_model" in caught.value.hint
    assert len(world.events()) == before
    assert world.stage(outside) is Stage.DEVELOPMENT


def test_a_switch_is_a_revision_with_its_event_and_twice_changes_nothing(world):
    before = world.use.policies.history(world.local, "team/*")
    after = switch(world, OBSERVE)
    assert (after.revision, after.policy.mode) == (before[-1].revision + 1, OBSERVE)
    assert after.policy.gates == before[-1].policy.gates
    assert world.events()[-1].verb == "policy.set"
    count = len(world.events())
    assert switch(world, OBSERVE) == after
    assert len(world.events()) == count
    back = switch(world, ENFORCE)
    assert (back.digest, back.revision) == (before[-1].digest, after.revision + 1)


def test_only_an_admin_of_the_pattern_switches_and_only_what_was_set(world):
    for caller in (world.ada, world.person("mia", "maintainer")):
        with pytest.raises(DeniedError):
            world.use.policies.switch(caller, "team/*", OBSERVE)
    with pytest.raises(NotFoundError, match="no policy is set for team/other"):
        world.use.policies.switch(world.local, "team/other", OBSERVE)
    with pytest.raises(BadInputError):
        world.use.policies.switch(world.local, "a/b/c", OBSERVE)


def test_a_fresh_registry_observes_the_default_team_and_no_other(world):
    modes = {each.policy.applies_to: each.policy.mode for each in world.use.policies.list(world.local)}
    assert modes == {"*": ENFORCE, "default/*": OBSERVE, "team/*": ENFORCE}
    star, default = (world.use.policies.history(world.local, each)[0] for each in ("*", "default/*"))
    assert default.policy.gates == star.policy.gates


def test_a_registry_that_had_a_policy_is_left_alone(world):
    switch_of_person = world.use.policies.switch(world.local, "default/*", ENFORCE)
    count = len(world.events())
    found(world.means)
    assert world.use.policies.history(world.local, "default/*")[-1] == switch_of_person
    assert len(world.events()) == count


def test_a_registry_that_had_a_policy_for_everything_does_not_start_to_observe(tmp_path):
    clock = HandClock()
    means = empty_means(tmp_path, clock, CountedChance())
    old = StoredPolicy(DEFAULT_POLICY, 1, DEFAULT_POLICY.digest, clock.now(), "assay", "")
    with means.database.write() as records:
        records.policies.add(old)
    found(means)
    with means.database.read() as records:
        assert records.policies.current() == (old,)
    means.database.close()


def test_a_name_that_the_policy_gives_a_stage_is_that_stage(world):
    world.use.policies.set(world.local, "", {**POLICY, "stage_aliases": {"champion": "production"}})
    version, other = world.register(), world.register()
    world.to_production(version)
    for name in ("champion", "Champion"):
        with pytest.raises((BadInputError, NotFoundError)):
            world.use.annotating.set_alias(world.ada, MODEL, name, AliasTarget(str(other.number)))
        assert world.use.browsing.resolve(world.ada, Address.of(MODEL, f"@{name}")).number == version.number
    world.use.annotating.set_alias(world.ada, MODEL, "challenger", AliasTarget(str(other.number)))


def test_a_name_set_before_the_policy_spoke_of_it_does_not_shadow_the_stage(world):
    version, other = world.register(), world.register()
    world.use.annotating.set_alias(world.ada, MODEL, "champion", AliasTarget(str(other.number)))
    world.use.policies.set(world.local, "", {**POLICY, "stage_aliases": {"champion": "production"}})
    world.to_production(version)
    assert world.use.browsing.resolve(world.ada, Address.of(MODEL, "@champion")).number == version.number


class Walk:
    """People move versions, workers measure, admins switch modes; after each step the laws are looked at."""

    def __init__(self, root):
        self.world = World(root)
        self.boss = self.world.person("mia", "maintainer")
        self.versions = [self.world.register() for _ in range(3)]
        switch(self.world, OBSERVE)

    def step(self, name, index, flag):
        before = self.standing()
        try:
            getattr(self, name)(self.versions[index], flag)
        except (RefusedError, DeniedError, ConflictError):
            assert self.standing() == before
        self.look()

    def observe(self, _version, _flag):
        before = self.standing()
        switch(self.world, OBSERVE)
        assert self.standing() == before

    def enforce(self, _version, _flag):
        before = self.standing()
        switch(self.world, ENFORCE)
        assert self.standing() == before

    def staging(self, version, flag):
        self.promote(version, "staging", flag)

    def production(self, version, flag):
        self.promote(version, "production", flag)

    def promote(self, version, stage, by_boss):
        before = self.standing()[version.number]
        observes = self.world.use.policies.applying(self.world.ada, MODEL).policy.observes
        asked = self.world.promote(version, stage, by=self.boss if by_boss else None)
        after = self.standing()[version.number]
        if observes:
            assert after[0] is asked.target
        elif after[0] is not before[0]:
            assert (asked.state, asked.unmet, after[1]) == (PromotionState.PROMOTED, (), ())

    def work(self, _version, good):
        self.world.work(0.95 if good else 0.1)

    def approve(self, version, _flag):
        for promotion in self.promotions():
            if promotion.number == version.number and promotion.state is PromotionState.AWAITING_APPROVAL:
                self.world.use.promoting.approve(self.world.grace, promotion.id, Statement())

    def leave(self, version, flag):
        stage = self.standing()[version.number][0]
        verb = "restore" if stage is Stage.ARCHIVED else "archive" if flag else "demote"
        getattr(self.world.use.changing, verb)(self.boss, at(version), Statement())

    def delete(self, version, _flag):
        moves = self.world.use.browsing.history(self.world.ada, MODEL)
        held = dict.fromkeys(each.number for each in reversed(moves) if each.target is Stage.PRODUCTION)
        ways = [number for number in held if number in self.standing()][:2]
        self.world.use.changing.delete_version(self.boss, at(version))
        assert version.number not in ways, "rollback has no target"
        self.versions[self.versions.index(version)] = self.world.register()

    def roll_back(self, _version, _flag):
        self.world.use.changing.roll_back(self.boss, MODEL, Rollback())

    def standing(self):
        return {each.number: seen(self.world, each) for each in self.versions}

    def promotions(self):
        return self.world.use.promoting.list(self.world.ada, MODEL)

    def look(self):
        standing, promotions = self.standing(), self.promotions()
        moves = self.world.use.browsing.history(self.world.ada, MODEL)
        for number, (stage, ungated) in standing.items():
            came = next((each for each in reversed(moves) if each.number == number), None)
            if stage not in GUARDED:
                assert ungated == (), "a mark outside the guarded stages"
                continue
            passed = any(
                (each.number, each.target, each.state) == (number, stage, PromotionState.PROMOTED)
                and each.closed_at >= came.at
                for each in promotions
            )
            assert (ungated == ()) == (passed or came.ungated == ()), "a mark that does not fit"
        by_id = {each.id: each for each in promotions}
        for each in promotions:
            if each.state.is_open:
                assert standing[each.number][0] is each.expected_stage, "a request that lost its version"
            elif each.state is PromotionState.PROMOTED:
                assert each.unmet == ()
        for move in moves:
            if move.verb == "promote":
                assert by_id[move.promotion_id].state is PromotionState.PROMOTED
            elif move.verb == "roll_back":
                left = [each for each in moves if each.number == move.number and each.at < move.at]
                last = [each for each in left if each.source is Stage.PRODUCTION][-1]
                assert move.ungated == last.left_ungated, "came back with another mark"


STEPS = ["staging", "production", "production", "work", "work", "approve", "approve", "leave"]
STEPS += ["delete", "roll_back", "observe", "enforce"]


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 2), st.booleans()), min_size=12, max_size=25)
)
def test_in_any_order_of_steps_marks_fit_and_production_has_a_way_back(steps):
    with tempfile.TemporaryDirectory() as root:
        walk = Walk(Path(root))
        for name, index, flag in steps:
            walk.step(name, index, flag)
        assert verify_chain(walk.world.events()).whole
        walk.world.means.database.close()
