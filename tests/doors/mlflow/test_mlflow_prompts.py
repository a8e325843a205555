"""Prompts have no stages: their aliases move at once, and no gate can be gone around through them."""

import pytest

from assay.core.access import Action
from assay.core.errors import BadInputError, RefusedError
from assay.core.names import Address, ModelName
from assay.core.ports import Records
from assay.core.stages import Stage
from assay.core.versions import Source
from assay.usecases.means import Act
from assay.usecases.moves import carry_out, plan_move
from assay.wire.requests import AliasTarget, Annotation, NewPromotion, NewVersion, Rollback, Statement
from doors.mlflow.mlflow_world import MlflowWorld
from doors.mlflow.registry_steps import MODELS, VERSIONS, Steps

NAME, MODEL = "team.hello", ModelName("team/hello")
YES = {"key": "mlflow.prompt.is_prompt", "value": "true"}
GATES = [{"size_budget": {"max_bytes": 1}}, {"approval": {"count": 1}}]
POLICY = {
    "applies_to": "team/*",
    "stage_aliases": {"champion": "production"},
    "gates": {"staging": GATES, "production": GATES},
}


class Prompts(Steps):
    """A prompt of two versions in a team that enforces what no version passes."""

    def __init__(self, world):
        super().__init__(world)
        world.use.policies.set(world.local, "", POLICY)
        world.good("POST", MODELS + "create", {"name": NAME, "tags": [YES]})
        for _ in range(2):
            assert self.text("Say {{it}}").status == 200

    def text(self, text, **changes):
        tags = [YES, {"key": "mlflow.prompt.text", "value": text}]
        body = {"name": NAME, "source": "prompt-template", "tags": tags, **changes}
        return self.world.send("POST", VERSIONS + "create", body)

    def at(self, alias):
        answer = self.world.send("GET", f"{MODELS}alias?name={NAME}&alias={alias}")
        return answer.json["model_version"]["version"] if answer.status == 200 else None

    def put_in_stage(self, number, stage):
        """Bring a version to a stage as promotions did before prompts had none."""
        with self.world.means.database.write() as records:
            version = records.versions.get(MODEL, number)
            act = Act(records, "ann", self.world.means.clock.now())
            carry_out(act, plan_move(act, version, stage, "observe"))


@pytest.fixture
def prompts(tmp_path):
    one = MlflowWorld(tmp_path)
    yield Prompts(one)
    one.close()


@pytest.mark.parametrize("mode", ["enforce", "observe"])
@pytest.mark.parametrize("alias", ["staging", "production", "Production", "champion", "archived"])
def test_every_alias_of_a_prompt_moves_at_once_in_every_mode(prompts, alias, mode):
    prompts.world.use.policies.set(prompts.world.local, "", {**POLICY, "mode": mode})
    token = prompts.world.token("carl", "contributor", "team/*")
    for number in ("2", "1"):
        assert prompts.alias(NAME, alias, number, token=token).status == 200
        assert prompts.at(alias) == number
        assert prompts.stage(NAME, number) == "None"
        assert prompts.version(NAME, number)["aliases"] == [alias.lower()]
    assert prompts.aliases(NAME) == {alias.lower(): "1"}
    assert prompts.world.use.promoting.list(prompts.world.local, MODEL) == ()
    gone = prompts.world.send("DELETE", MODELS + "alias", {"name": NAME, "alias": alias}, token=token)
    assert (gone.status, prompts.at(alias)) == (200, None)
    prompts.world.good("DELETE", VERSIONS + "delete", {"name": NAME, "version": "1"})


def test_to_move_its_alias_takes_at_least_the_right_to_write_its_versions(prompts):
    assert Action.SET_ALIAS.role.rank >= Action.REGISTER.role.rank
    assert Action.SET_ALIAS.scope is Action.REGISTER.scope
    token = prompts.world.token("rea", "reader", "team/*")
    assert prompts.alias(NAME, "production", 1, token=token).status == 403


def test_a_prompt_never_holds_files(prompts):
    run = prompts.logged_run()
    prompts.release("team.model", run)
    tags = [YES, {"key": "mlflow.prompt.text", "value": "x"}]
    for source in (f"runs:/{run}/model", "models:/team.model/1", f"models:/{NAME}/1", "s3://bucket/model"):
        assert prompts.text("x", source=source).status == 400
        body = {"name": NAME, "source": source, "tags": tags, "run_id": run if "runs" in source else ""}
        assert prompts.world.send("POST", VERSIONS + "create", body).status == 400
    version = prompts.world.use.browsing.version(
        prompts.world.local, Address(ModelName("team/model"), number=1)
    )
    for source in ("", "prompt-template"):
        wanted = NewVersion(version.files, tags={"mlflow.prompt.text": "x"}, source=Source(source))
        with pytest.raises(BadInputError, match="holds no files"):
            prompts.world.use.registration.register(prompts.world.local, MODEL, wanted)


@pytest.mark.parametrize("name", [NAME, "team.model"])
def test_what_a_model_holds_is_said_once(prompts, name):
    prompts.release("team.model")
    before = prompts.model(name).get("tags", [])
    change = {"name": name, "key": YES["key"]}
    if name == NAME:
        answers = [
            prompts.world.send("DELETE", MODELS + "delete-tag", change),
            prompts.world.send("POST", MODELS + "set-tag", {**change, "value": "false"}),
            prompts.world.send("DELETE", VERSIONS + "delete-tag", {**change, "version": "1"}),
        ]
    else:
        answers = [
            prompts.world.send("POST", MODELS + "set-tag", {**change, "value": "TRUE"}),
            prompts.world.send("POST", VERSIONS + "set-tag", {**change, "value": "true", "version": "1"}),
        ]
    assert {each.status for each in answers} == {400}
    assert "stays as it is" in answers[0].json["message"]
    assert prompts.model(name).get("tags", []) == before


def test_a_model_that_only_says_to_hold_prompts_keeps_its_gates(prompts):
    """Older registries let the tag be set on what holds files."""
    prompts.release("team.model")
    model = ModelName("team/model")
    with prompts.world.means.database.write() as records:
        _retag(records, model)
    assert prompts.alias("team.model", "production", 1).status == 400
    assert prompts.aliases("team.model") == {}
    with pytest.raises(BadInputError):
        prompts.world.use.annotating.set_alias(prompts.world.local, model, "champion", AliasTarget("1"))
    off = Annotation(tags={YES["key"]: None})
    assert prompts.world.use.annotating.annotate_model(prompts.world.local, model, off).tags == {}


def _retag(records: Records, name: ModelName) -> None:
    found = records.models.get(name)
    records.models.annotate(
        type(found)(found.name, found.created_at, found.created_by, tags={YES["key"]: "true"})
    )


def test_a_prompt_that_stands_in_a_stage_goes_on_working_and_its_alias_moves_from_now_on(prompts):
    world = prompts.world
    prompts.put_in_stage(1, Stage.PRODUCTION)
    assert (prompts.at("production"), prompts.at("champion")) == ("1", "1")
    assert prompts.alias(NAME, "production", 2).status == 200
    assert (prompts.at("production"), prompts.at("champion")) == ("2", "1")
    assert prompts.stage(NAME, 1) == "Archived"
    world.good("DELETE", MODELS + "alias", {"name": NAME, "alias": "production"})
    assert prompts.at("production") is None
    prompts.put_in_stage(2, Stage.STAGING)
    assert prompts.at("staging") == "2"
    world.good("DELETE", MODELS + "alias", {"name": NAME, "alias": "staging"})
    assert (prompts.at("staging"), prompts.stage(NAME, 2)) == (None, "None")
    world.good("DELETE", MODELS + "delete", {"name": NAME})


def test_a_prompt_has_no_stages(prompts):
    use, local = prompts.world.use, prompts.world.local
    for stage in ("Staging", "Production"):
        answer = prompts.move(NAME, 1, stage)
        assert (answer.status, answer.json["error_code"]) == (400, "INVALID_STATE")
        assert "alias" in answer.json["message"]
        with pytest.raises(RefusedError, match="no stages"):
            use.promoting.request(local, Address(MODEL, number=1), NewPromotion(stage))
    prompts.put_in_stage(1, Stage.PRODUCTION)
    use.changing.archive(local, Address(MODEL, number=1), Statement())
    with pytest.raises(RefusedError, match="no stages"):
        use.changing.roll_back(local, MODEL, Rollback())
