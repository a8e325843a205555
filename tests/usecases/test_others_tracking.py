"""Ids of another team's runs and logged models: whoever names one gets nothing of what it stands for."""

import pytest

from assay.core.errors import DeniedError, NotFoundError
from assay.core.names import Address
from assay.core.tracking.logged_models import LoggedModelStatus
from assay.core.tracking.metrics import Point
from assay.core.tracking.runs import Batch, ModelOutput
from assay.usecases.tracking.logged_models import NewLoggedModel
from assay.usecases.tracking.runs import NewRun
from assay.wire.requests import NewGrant, NewToken
from usecases.tracked_world import FILES, Tracked

NEVER = "m-" + "0" * 32


class TwoTeams(Tracked):
    """What ``bank`` tracks, and ada of ``team``, who may read nothing of it."""

    def __init__(self, world):
        super().__init__(world)
        self.local = world.local
        self.bank = self.use.experiments.create(self.local, "bank", "vault")
        self.secret = self.use.runs.create(self.local, NewRun(self.bank.id)).run
        said = Batch(metrics=(Point("profit", 0.99, 5),), params={"formula": "hidden"})
        self.use.runs.log(self.local, self.secret.id, said)
        self.model = self.banks_model("model", self.secret.id)

    def banks_model(self, name, run_id=""):
        made = self.use.logged_models.create(self.local, NewLoggedModel(self.bank.id, name, run_id))
        for path, content in FILES.items():
            place = f"{self.inside(made.artifact_root)}/{path}"
            self.use.artifacts.store(self.local, place, [content])
        return self.use.logged_models.finish(self.local, made.id, LoggedModelStatus.READY)

    def with_role(self, role, pattern="bank/*"):
        """Return ada with one more grant."""
        self.use.access.grant(self.local, NewGrant("ada", role, pattern))
        wanted = NewToken(("read", "write", "evidence"), principal="ada")
        return self.use.access.authenticate(self.use.access.create_token(self.local, wanted).text)

    def metrics(self, model=None):
        found = self.use.logged_models.get(self.local, (model or self.model).id).metrics
        return [each.point.key for each in found]


@pytest.fixture
def two(world):
    return TwoTeams(world)


def test_no_version_is_made_of_a_model_that_only_an_output_names(two):
    run = two.run(files={})
    two.use.runs.log_outputs(two.ada, run.id, [ModelOutput(two.model.id)])
    with pytest.raises(NotFoundError, match="has no files at 'model'"):
        two.release(f"runs:/{run.id}/model", run.id)
    assert two.versions() == ()


def test_nobody_who_may_read_both_teams_carries_a_model_over_by_an_output(two):
    """Whoever reads both would copy the bytes for those who named them and may not read them."""
    run = two.run(files={})
    two.use.runs.log_outputs(two.ada, run.id, [ModelOutput(two.model.id)])
    with pytest.raises(NotFoundError, match="has no files at 'model'"):
        two.release(f"runs:/{run.id}/model", run.id, caller=two.local)
    own = two.logged_model(run)
    made = two.release(f"runs:/{run.id}/model", run.id)
    assert made.source.logged_model_id == own.id


def test_noting_models_tells_nothing_of_whether_they_exist(two):
    run = two.run(files={})
    for named in (two.model.id, NEVER):
        two.use.runs.log_outputs(two.ada, run.id, [ModelOutput(named, 1)])
        two.use.runs.log_inputs(two.ada, run.id, [], [named])
    noted = two.use.runs.get(two.ada, run.id)
    assert {each.model_id for each in noted.model_outputs} == {two.model.id, NEVER}
    assert set(noted.model_inputs) == {two.model.id, NEVER}


def test_a_place_elsewhere_names_no_model_that_one_may_not_read(two):
    for named in (two.model.id, NEVER):
        with pytest.raises(NotFoundError, match=f"Logged model with ID '{named}' not found"):
            two.release("s3://bucket/x", logged_model_id=named)
    run = two.run()
    for named in (two.model.id, NEVER):
        with pytest.raises(NotFoundError, match=f"Logged model with ID '{named}' not found"):
            two.release(f"{run.artifact_root}/model", logged_model_id=named)


@pytest.mark.parametrize("known", [True, False])
def test_a_logged_model_comes_from_a_run_that_its_maker_may_read(two, known):
    named = two.secret.id if known else "0" * 32
    with pytest.raises(NotFoundError, match=f"Run with id={named} not found"):
        two.use.logged_models.create(two.ada, NewLoggedModel(two.experiment.id, "mine", named))


def test_a_run_that_one_may_not_read_any_more_says_nothing_of_a_version(two):
    both = two.with_role("reader")
    wanted = NewLoggedModel(two.experiment.id, "mine", two.secret.id)
    model = two.use.logged_models.create(both, wanted)
    for path, content in FILES.items():
        two.store(f"{two.inside(model.artifact_root)}/{path}", content)
    made = two.release(f"models:/{model.id}", caller=both)
    assert made.provenance.hyperparameters == {"formula": "hidden"}
    made = two.release(f"models:/{model.id}", caller=two.ada)
    assert (made.source.run_id, made.source.logged_model_id) == ("", model.id)
    assert (made.provenance.hyperparameters, made.provenance.metrics) == (None, {})
    assert two.use.browsing.evidence(two.ada, Address(made.model, number=made.number)) == ()


@pytest.mark.parametrize("known", [True, False])
def test_nobody_logs_about_a_model_that_they_may_not_know_of(two, known):
    run, named = two.run(), two.model.id if known else NEVER
    points = (Point("loss", 0.5, 5), Point("accuracy", 1.0, 5, model_id=named))
    with pytest.raises(NotFoundError, match=f"Logged model with ID '{named}' not found"):
        two.use.runs.log(two.ada, run.id, Batch(metrics=points))
    assert two.use.runs.get(two.ada, run.id).metrics == ()
    assert two.metrics() == []


def test_who_may_only_read_a_model_logs_nothing_about_it(two):
    reader, run = two.with_role("reader"), two.run()
    batch = Batch(metrics=(Point("accuracy", 1.0, 5, model_id=two.model.id),))
    with pytest.raises(DeniedError):
        two.use.runs.log(reader, run.id, batch)
    assert two.metrics() == []
    two.use.runs.log(two.with_role("contributor"), run.id, batch)
    assert two.metrics() == ["accuracy"]


def test_points_about_models_of_the_own_team_are_kept_with_them(two):
    run = two.run()
    model = two.logged_model(run)
    elsewhere = two.use.experiments.create(two.ada, "team", "others")
    other = two.use.logged_models.create(two.ada, NewLoggedModel(elsewhere.id, "other"))
    gone = two.logged_model(run)
    two.use.logged_models.delete(two.ada, gone.id)
    points = tuple(Point("auc", 0.5, 5, model_id=each.id) for each in (model, other, gone))
    two.use.runs.log(two.ada, run.id, Batch(metrics=points))
    assert (two.metrics(model), two.metrics(other)) == (["auc"], ["auc"])
