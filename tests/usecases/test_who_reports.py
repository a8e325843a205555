"""What runs logged is evidence only by who may report it, and no other team has the last word on a model."""

import pytest

from assay.core.errors import BadInputError, DeniedError
from assay.core.evidence import Measurement
from assay.core.names import Address
from assay.core.promotions import PromotionState
from assay.core.tracking.datasets import CONTEXT_TAG, Dataset, DatasetInput
from assay.core.tracking.metrics import Point
from assay.core.tracking.runs import Batch
from assay.usecases.tracking.runs import NewRun
from assay.wire.requests import NewEvidence, NewGrant, NewPrincipal, NewPromotion, NewToken
from usecases.tracked_world import FILES, Tracked

HELD = DatasetInput(Dataset("held", "1", "local", "s", "", '{"num_rows": 20}'), {CONTEXT_TAG: "eval"})
GATE = {"metrics": {"minimum": {"accuracy": 0.9}, "accept_reported": True}}


class Two(Tracked):
    """Teams ``team`` and ``beta``; ada works in both, dora in beta alone, eve in team and reads beta."""

    def __init__(self, world):
        super().__init__(world)
        world.use.policies.set(
            world.local, "", {"applies_to": "team/*", "gates": {"staging": [GATE], "production": [GATE]}}
        )
        for name in ("dora", "eve"):
            self.use.access.create_principal(world.local, NewPrincipal(name))
        for grant in ("ada contributor beta/*", "dora contributor beta/*", "eve contributor team/*"):
            self.use.access.grant(world.local, NewGrant(*grant.split()))
        self.use.access.grant(world.local, NewGrant("eve", "reader", "beta/*"))
        self.ada, self.dora, self.eve = (self.token(name) for name in ("ada", "dora", "eve"))
        self.beta = self.use.experiments.create(world.local, "beta", "theirs")

    def token(self, name, *scopes):
        wanted = NewToken(scopes or ("read", "write", "evidence"), principal=name)
        return self.use.access.authenticate(self.use.access.create_token(self.world.local, wanted).text)

    def run_of(self, who, experiment, **points):
        run = self.use.runs.create(who, NewRun(experiment.id, user=f"{who.name}-laptop")).run
        self.use.runs.log_inputs(who, run.id, [HELD])
        self.log(who, run, **points)
        for name, content in FILES.items():
            self.use.artifacts.store(who, f"{self.inside(run.artifact_root)}/model/{name}", [content])
        return run

    def log(self, who, run, **points):
        at = int(self.world.clock.now().timestamp() * 1000)
        batch = Batch(tuple(Point(key, value, at, at) for key, value in points.items()))
        self.use.runs.log(who, run.id, batch)

    def ask(self, version, who=None):
        where = Address(version.model, number=version.number)
        return self.use.promoting.request(who or self.eve, where, NewPromotion("staging"))

    def filed(self, version):
        return self.use.browsing.evidence(self.ada, Address(version.model, number=version.number))

    def metrics(self, version):
        newest = max(self.filed(version), key=lambda each: each.recorded_at)
        return dict(newest.measurement.facts["metrics"])


@pytest.fixture
def two(world):
    return Two(world)


def test_a_token_without_the_scope_evidence_files_nothing(two):
    writer = two.token("ada", "read", "write")
    run = two.run_of(writer, two.experiment, accuracy=0.95)
    made = two.release(f"runs:/{run.id}/model", caller=writer)
    asked = two.ask(made, writer)
    assert two.filed(made) == ()
    assert asked.state is PromotionState.CHECKING
    two.world.work(problem="the evaluation data is not here")
    refused = two.use.promoting.get(two.ada, asked.id)
    assert refused.state is PromotionState.REFUSED
    assert "nobody reported it either" in refused.outcome
    assert "scope evidence" in refused.outcome


def test_who_may_report_files_what_runs_logged_and_passes(two):
    writer = two.token("ada", "read", "write")
    run = two.run_of(writer, two.experiment, accuracy=0.95)
    made = two.release(f"runs:/{run.id}/model", caller=writer)
    assert two.ask(made).state is PromotionState.PROMOTED
    (filed,) = two.filed(made)
    assert filed.reporter == "eve"
    assert filed.measurement.facts["logged_in"] == {"accuracy": run.id}
    assert filed.measurement.facts["logged_by"] == {run.id: "ada-laptop"}


def test_nobody_of_another_team_makes_a_version_pass_afterwards(two):
    run = two.run_of(two.dora, two.beta, accuracy=0.2)
    made = two.release(f"runs:/{run.id}/model")
    assert two.ask(made).state is PromotionState.REFUSED
    two.log(two.dora, run, accuracy=0.99)
    assert two.ask(made).state is PromotionState.REFUSED
    assert two.metrics(made) == {"accuracy": 0.2}


def test_what_another_team_said_before_a_version_was_made_counts_and_stays(two):
    run = two.run_of(two.dora, two.beta, accuracy=0.95)
    made = two.release(f"runs:/{run.id}/model")
    two.log(two.dora, run, accuracy=0.2, loss=0.1)
    assert two.ask(made).state is PromotionState.PROMOTED
    assert two.metrics(made) == {"accuracy": 0.95}


def test_another_teams_run_that_had_said_nothing_is_not_heard_later(two):
    run = two.run_of(two.dora, two.beta)
    made = two.release(f"runs:/{run.id}/model")
    two.log(two.dora, run, accuracy=0.99)
    assert two.ask(made).state is not PromotionState.PROMOTED
    assert two.filed(made) == ()


def test_the_own_team_goes_on_speaking_beside_another_team(two):
    own = two.run_of(two.ada, two.experiment, accuracy=0.5)
    model = two.logged_model(own)
    theirs = two.run_of(two.ada, two.beta)

    def about_model(who, run, **points):
        at = int(two.world.clock.now().timestamp() * 1000)
        batch = Batch(
            tuple(Point(key, value, at, at, model.id, "held", "1") for key, value in points.items())
        )
        two.use.runs.log(who, run.id, batch)

    about_model(two.ada, theirs, auc=0.8)
    made = two.release(f"models:/{model.id}", caller=two.ada)
    assert two.metrics(made) == {"accuracy": 0.5, "auc": 0.8}
    about_model(two.ada, theirs, auc=0.9, accuracy=0.99)
    about_model(two.ada, own, accuracy=0.6)
    two.ask(made)
    assert two.metrics(made) == {"accuracy": 0.6, "auc": 0.8}
    about_model(two.ada, own, auc=0.5)
    two.ask(made)
    assert two.metrics(made) == {"accuracy": 0.6, "auc": 0.5}


def test_who_asks_vouches_for_runs_of_another_team_in_which_they_may_log(two):
    run = two.run_of(two.dora, two.beta, accuracy=0.2)
    made = two.release(f"runs:/{run.id}/model")
    two.log(two.dora, run, accuracy=0.99)
    assert two.ask(made, two.ada).state is PromotionState.PROMOTED
    assert two.metrics(made) == {"accuracy": 0.99}


def test_who_may_not_report_moves_nothing_by_a_word_that_is_out_of_date(two):
    run = two.run_of(two.ada, two.experiment, accuracy=0.95)
    made = two.release(f"runs:/{run.id}/model")
    two.log(two.ada, run, accuracy=0.2)
    with pytest.raises(DeniedError, match="evidence"):
        two.ask(made, two.token("ada", "read", "write"))
    assert two.metrics(made) == {"accuracy": 0.95}
    assert two.ask(made, two.ada).state is PromotionState.REFUSED


def test_nobody_files_in_the_name_of_the_registry(two):
    run = two.run_of(two.ada, two.experiment, accuracy=0.5)
    made = two.release(f"runs:/{run.id}/model")
    (filed,) = two.filed(made)
    invented = Measurement(facts={"metrics": {"accuracy": 0.99}})
    at = two.world.clock.now()
    forged = NewEvidence("metrics", made.digest, at, invented, dict(filed.settings))
    with pytest.raises(BadInputError) as caught:
        two.use.reporting.report(two.ada, Address(made.model, number=made.number), forged)
    assert "must not have 'logged'" in caught.value.reasons[0].rule
