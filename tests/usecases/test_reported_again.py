"""What was logged since is filed whoever asks, and is as old as it is; no older word steps in for it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from assay.core.errors import RefusedError
from assay.core.evidence import Measurement, Origin
from assay.core.names import Address
from assay.core.promotions import PromotionState
from assay.core.stages import Stage
from assay.core.tracking.datasets import CONTEXT_TAG, Dataset, DatasetInput
from assay.core.tracking.metrics import Point
from assay.core.tracking.runs import Batch
from assay.wire.requests import NewEvidence, NewPromotion, Statement
from usecases.tracked_world import Tracked

NAN = float("nan")
HELD = DatasetInput(Dataset("held", "1", "local", "s", "", '{"num_rows": 20}'), {CONTEXT_TAG: "eval"})
DAY = 24 * 3600 * 1000


def policy(**settings):
    gate = {"metrics": {"minimum": {"accuracy": 0.9}, "accept_reported": True, **settings}}
    return {"applies_to": "team/*", "gates": {"staging": [gate], "production": [gate]}}


class Story:
    """A version whose run named its held-out data, and what is logged of it afterwards."""

    def __init__(self, world):
        self.world, self.use, self.ada = world, world.use, world.ada
        world.use.policies.set(world.local, "", policy())
        self.tracked = Tracked(world)
        self.run = self.tracked.run(files={})
        self.model = self.tracked.logged_model(self.run)
        self.use.runs.log_inputs(self.ada, self.run.id, [HELD])
        self.step = 0

    def now_ms(self):
        return int(self.world.clock.at.timestamp() * 1000)

    def log(self, key="accuracy", value=0.97, at_ms=None, data="held"):
        self.step += 1
        at_ms = self.now_ms() if at_ms is None else at_ms
        point = Point(key, value, at_ms, self.step, self.model.id, data, "1" if data else "")
        self.use.runs.log(self.ada, self.run.id, Batch((point,)))

    def release(self):
        self.version = self.tracked.release(f"models:/{self.model.id}")
        self.address = Address(self.version.model, number=self.version.number)
        return self.version

    def filed(self):
        found = self.use.browsing.evidence(self.ada, self.address)
        return [dict(each.measurement.facts["metrics"]) for each in found]

    def native(self, stage="staging"):
        return self.use.promoting.request(self.ada, self.address, NewPromotion(stage))

    def outside(self, stage=Stage.STAGING):
        number = str(self.version.number)
        return self.use.outside_stages.transition(
            self.ada, "team.fraud", number, stage, archive_existing=False
        )

    def stage(self):
        return self.use.browsing.version(self.ada, self.address).stage


@pytest.fixture
def story(world):
    return Story(world)


@pytest.mark.parametrize("door", ["native", "outside"])
def test_a_worse_result_that_was_logged_since_refuses_at_every_door(story, door):
    story.log(value=0.97)
    story.release()
    story.log(value=0.80)
    refused = getattr(story, door)()
    assert (refused.state, story.stage()) == (PromotionState.REFUSED, Stage.DEVELOPMENT)
    assert "0.8" in refused.outcome


@pytest.mark.parametrize("door", ["native", "outside"])
def test_a_better_result_that_was_logged_since_counts_at_every_door(story, door):
    story.log(value=0.80)
    story.release()
    story.log(value=0.97)
    getattr(story, door)()
    assert story.stage() is Stage.STAGING


def test_what_is_filed_decides_a_request_that_is_under_way(story):
    story.use.policies.set(
        story.world.local,
        "",
        {
            "applies_to": "team/*",
            "gates": {
                "staging": [*policy()["gates"]["staging"], {"approval": {"count": 1}}],
                "production": ["signature"],
            },
        },
    )
    story.log(value=0.97)
    story.release()
    waiting = story.native()
    assert waiting.state is PromotionState.AWAITING_APPROVAL
    story.log(value=0.80)
    again = story.native()
    assert (again.id, again.state) == (waiting.id, PromotionState.REFUSED)


def test_no_number_takes_the_place_of_the_number_before_it(story):
    story.log(value=0.97)
    story.release()
    story.log(value=NAN)
    refused = story.native()
    assert refused.state is PromotionState.REFUSED
    assert "the last point is nan" in refused.outcome
    assert story.filed() == [{"accuracy": 0.97}, {}]


def test_a_result_on_the_training_data_is_no_evidence(story):
    train = DatasetInput(Dataset("train", "1", "local", "t"), {CONTEXT_TAG: "training"})
    story.use.runs.log_inputs(story.ada, story.run.id, [train])
    story.log(value=0.80)
    story.log(value=0.99, data="train")
    story.release()
    assert story.filed() == [{"accuracy": 0.80}]
    assert story.native().state is PromotionState.REFUSED


def test_what_was_filed_once_is_filed_again_when_it_is_the_last_word_again(story):
    story.log(value=0.97)
    story.release()
    story.log(value=0.50)
    assert story.native().state is PromotionState.REFUSED
    story.log(value=0.97)
    assert story.native().state is PromotionState.PROMOTED
    assert [each["accuracy"] for each in story.filed()] == [0.97, 0.50, 0.97]


def test_asking_again_files_nothing_new(story):
    story.log(value=0.50)
    story.release()
    for _ in range(3):
        story.native()
    assert len(story.filed()) == 1


def test_deleting_the_logged_model_hides_no_result(story):
    story.log(value=0.97)
    story.release()
    story.log(value=0.50)
    story.use.logged_models.delete(story.ada, story.model.id)
    assert story.native().state is PromotionState.REFUSED


def test_results_that_are_measured_anew_count_as_new(story):
    story.use.policies.set(story.world.local, "", policy(max_age_days=30))
    story.log("loss", 0.1)
    story.log(value=0.97)
    story.release()
    story.world.clock.at += timedelta(days=40)
    story.log(value=0.97)
    assert story.native().state is PromotionState.PROMOTED


def test_results_that_are_too_old_are_measured_instead(story):
    story.use.policies.set(story.world.local, "", policy(max_age_days=30))
    story.log(value=0.97)
    story.release()
    story.world.clock.at += timedelta(days=40)
    assert story.native().state is PromotionState.CHECKING


def test_a_new_metric_makes_no_old_one_new(story):
    story.use.policies.set(story.world.local, "", policy(max_age_days=30))
    story.log(value=0.97)
    story.release()
    story.world.clock.at += timedelta(days=40)
    story.log("loss", 0.1)
    refused = story.native()
    assert refused.state is PromotionState.REFUSED
    assert "expired: logged at 2026-01-01" in refused.outcome
    assert story.stage() is Stage.DEVELOPMENT


def test_results_are_as_old_as_they_say_and_never_from_the_future(story):
    story.log(value=0.97, at_ms=story.now_ms() - 400 * DAY)
    story.release()
    (first,) = story.use.browsing.evidence(story.ada, story.address)
    assert first.recorded_at - first.measured_at > timedelta(days=399)
    story.log(value=0.98, at_ms=2**63 - 1)
    story.native()
    newest = max(story.use.browsing.evidence(story.ada, story.address), key=lambda each: each.recorded_at)
    assert newest.measurement.facts["metrics"] == {"accuracy": 0.98}
    assert timedelta(0) <= newest.recorded_at - newest.measured_at < timedelta(seconds=1)


def test_a_result_from_the_future_does_not_stay_new(story):
    story.use.policies.set(story.world.local, "", policy(max_age_days=30))
    story.log(value=0.97, at_ms=story.now_ms() + 4000 * DAY)
    story.release()
    for _ in range(2):
        story.world.clock.at += timedelta(days=20)
        story.log("loss", 0.1)
        last = story.native()
        if last.state is PromotionState.PROMOTED:
            story.use.changing.demote(story.world.local, story.address, Statement())
    assert last.state is PromotionState.REFUSED


def test_what_people_report_themselves_is_not_overruled_by_what_was_filed_already(story):
    story.log(value=0.50)
    story.release()
    held_out = next(iter(story.use.browsing.evidence(story.ada, story.address))).measurement.data
    story.use.reporting.report(
        story.ada,
        story.address,
        NewEvidence(
            check="metrics",
            subject=story.version.digest,
            measured_at=story.world.clock.now(),
            measurement=Measurement({"metrics": {"accuracy": 0.96}, "rows": 20}, held_out),
        ),
    )
    assert story.native().state is PromotionState.PROMOTED
    assert {each.origin for each in story.use.browsing.evidence(story.ada, story.address)} == {
        Origin.REPORTED
    }


@pytest.mark.parametrize(
    "times", [None, 5, {"accuracy": 5}, {"accuracy": "soon"}, {"accuracy": "2026-01-01"}]
)
def test_a_filing_that_holds_nonsense_breaks_nothing(story, times):
    """Reports could look like the registry's own filings once; such ones may be stored."""
    story.log(value=0.97, at_ms=story.now_ms() + 4000 * DAY)
    story.release()
    (filed,) = story.use.browsing.evidence(story.ada, story.address)
    facts = {**filed.measurement.facts, "logged_at": times}
    forged = replace(filed, measurement=Measurement(facts, filed.measurement.data))
    with story.world.means.database.write() as records:
        records.evidence.add(forged)
    assert story.native().state is PromotionState.PROMOTED
    assert len(story.filed()) == 3


def test_a_refusal_before_the_gates_files_nothing(story):
    story.log(value=0.97)
    story.release()
    story.log(value=0.98)
    with pytest.raises(RefusedError):
        story.native("production")
    assert len(story.filed()) == 1
