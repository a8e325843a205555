"""Back to Production: without gates only what once passed them, or by the rollback that says so."""

import pytest

from assay.core.errors import DeniedError, RefusedError
from assay.core.names import Address
from assay.core.policies import PolicyMode
from assay.core.promotions import PromotionState, explain
from assay.core.stages import Stage
from assay.wire.requests import Rollback, Statement
from usecases.registry_world import MODEL, World, at

NAME = "team.task"


class Back(World):
    """Two versions; the first has been in Production, the second is there."""

    def __init__(self, root, *, passed):
        super().__init__(root)
        self.boss = self.person("mia", "maintainer")
        self.first, self.second = self.register(), self.register()
        self.switch(PolicyMode.ENFORCE if passed else PolicyMode.OBSERVE)
        for version in (self.first, self.second):
            if passed:
                self.to_production(version)
            else:
                self.promote(version, "production")
        self.work(accuracy=0.1)
        self.switch(PolicyMode.ENFORCE)

    def switch(self, mode):
        self.use.policies.switch(self.local, "team/*", mode)

    def ask(self, how, caller=None):
        caller = caller or self.boss
        if how == "alias":
            return self.use.outside_stages.point(caller, NAME, "production", "1")
        return self.use.outside_stages.transition(caller, NAME, "1", Stage.PRODUCTION, archive_existing=False)


@pytest.fixture
def ungated(tmp_path):
    one = Back(tmp_path, passed=False)
    yield one
    one.means.database.close()


@pytest.fixture
def passed(tmp_path):
    one = Back(tmp_path, passed=True)
    yield one
    one.means.database.close()


@pytest.mark.parametrize("how", ["alias", "transition"])
def test_what_never_passed_does_not_come_back_by_an_alias_once_the_policy_enforces(ungated, how):
    with pytest.raises(RefusedError) as caught:
        ungated.ask(how)
    assert "assay rollback team/task --to v1.0.0" in caught.value.hint
    assert "assay restore team/task/v1.0.0" in caught.value.hint
    assert ungated.stage(ungated.first) is Stage.ARCHIVED
    ungated.use.changing.restore(ungated.boss, at(ungated.first), Statement())
    asked = ungated.ask(how)
    ungated.work(accuracy=0.1)
    refused = ungated.use.promoting.get(ungated.ada, asked.id)
    assert refused.state is PromotionState.REFUSED
    told = explain(refused)
    assert any("assay rollback team/task --to v1.0.0" in each for each in told)
    assert told[-1].startswith("next: ")
    assert ungated.stage(ungated.first) is Stage.DEVELOPMENT


@pytest.mark.parametrize("how", ["alias", "transition"])
def test_where_the_policy_observes_what_never_passed_is_judged_and_marked_like_others(ungated, how):
    ungated.switch(PolicyMode.OBSERVE)
    assert ungated.ask(how, ungated.ada) is None
    move = ungated.use.browsing.history(ungated.ada, MODEL)[-1]
    assert (move.verb, move.number) == ("observe", 1)
    assert set(move.ungated) == {"metrics", "approval"}


@pytest.mark.parametrize("how", ["alias", "transition"])
def test_what_passed_comes_back_by_the_right_to_roll_back(passed, how):
    with pytest.raises(DeniedError):
        passed.ask(how, passed.ada)
    assert passed.ask(how) is None
    move = passed.use.browsing.history(passed.ada, MODEL)[-1]
    assert (move.verb, move.number, move.ungated) == ("roll_back", 1, ())


def test_a_rollback_to_what_never_passed_says_so_in_answer_and_log(ungated):
    move = ungated.use.changing.roll_back(ungated.boss, MODEL, Rollback())
    assert (move.number, set(move.ungated)) == (1, {"metrics", "approval"})
    (event,) = [each for each in ungated.events() if each.verb == "stage.roll_back"]
    assert set(event.after["ungated"]) == {"metrics", "approval"}
    found = ungated.use.browsing.resolve(ungated.ada, Address.of(MODEL, "@production"))
    assert (found.number, set(found.ungated)) == (1, {"metrics", "approval"})


def test_who_rolled_back_to_what_never_passed_has_not_made_it_pass(ungated):
    ungated.use.changing.roll_back(ungated.boss, MODEL, Rollback())
    ungated.use.changing.roll_back(ungated.boss, MODEL, Rollback())
    with pytest.raises(RefusedError):
        ungated.ask("alias")
    assert ungated.stage(ungated.second) is Stage.PRODUCTION


def test_what_production_falls_back_to_stays_even_when_nothing_is_in_use(passed):
    passed.use.changing.archive(passed.boss, at(passed.second), Statement())
    for version in (passed.first, passed.second):
        with pytest.raises(RefusedError, match="cannot be deleted") as caught:
            passed.use.changing.delete_version(passed.boss, at(version))
        assert "delete the model as a whole" in str(caught.value.reasons[0])
    assert passed.use.changing.roll_back(passed.boss, MODEL, Rollback()).number == 2


def test_a_retired_model_can_be_deleted_as_a_whole_and_its_promotions_stay(passed):
    with pytest.raises(RefusedError, match="cannot be deleted"):
        passed.use.outside.delete(passed.boss, NAME)
    with pytest.raises(DeniedError, match="may not delete models on team/task"):
        passed.use.outside.delete(passed.ada, NAME)
    passed.use.changing.archive(passed.boss, at(passed.second), Statement())
    before = passed.use.promoting.list(passed.ada, MODEL)
    passed.use.outside.delete(passed.boss, NAME)
    after = passed.use.promoting.list(passed.ada, MODEL)
    assert [each.id for each in after] == [each.id for each in before]


def test_to_demote_what_is_in_production_names_the_command_to_archive_it(passed):
    with pytest.raises(RefusedError) as caught:
        passed.use.changing.demote(passed.boss, at(passed.second), Statement())
    assert f"assay archive {passed.second.address}" in caught.value.hint
