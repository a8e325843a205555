"""Stages and their aliases through the MLflow door: no way around a gate, and refusals explain."""

import pytest

from assay.core.evidence import Origin
from assay.core.names import Address, ModelName
from assay.core.stages import Stage
from assay.wire.requests import Statement
from doors.mlflow.mlflow_world import MlflowWorld
from doors.mlflow.registry_steps import MODELS, VERSIONS, Steps

NAME = "team.task"
SMALL = {"size_budget": {"max_bytes": 10}}  # a gate that needs no check
HEAVY = b"more than ten bytes"
POLICY = {
    "applies_to": "team/*",
    "stage_aliases": {"champion": "production", "shadow": "staging"},
    "gates": {"staging": [SMALL], "production": [SMALL, {"approval": {"count": 1}}]},
}
OPEN = {"applies_to": "open/*", "gates": {"staging": [SMALL], "production": [SMALL]}}
TOLD = {
    "applies_to": "told/*",
    "gates": {
        stage: [{"metrics": {"minimum": {"accuracy": 0.9}, "accept_reported": True}}]
        for stage in ("staging", "production")
    },
}


@pytest.fixture
def world(tmp_path):
    one = MlflowWorld(tmp_path)
    for policy in (POLICY, OPEN, TOLD):
        one.use.policies.set(one.local, "", policy)
    yield one
    one.close()


@pytest.fixture
def steps(world):
    return Steps(world)


STAGING = ("staging", "STAGING", "Staging", "shadow", "Shadow")
PRODUCTION = ("production", "Production", "PRODUCTION", "champion", "CHAMPION")


@pytest.mark.parametrize("alias", [*STAGING, *PRODUCTION])
def test_an_alias_that_names_a_stage_is_refused_with_every_reason(steps, alias):
    steps.release(NAME, steps.logged_run(HEAVY))
    answer = steps.alias(NAME, alias, 1)
    assert (answer.status, answer.json["error_code"]) == (400, "INVALID_STATE")
    said = answer.json["message"]
    assert "- size_budget: " in said
    assert ("on the way to Production" in said) == (alias in PRODUCTION)
    assert "/api/v1/promotions/pr_" in said
    assert "\n- next: " in said
    assert (steps.stage(NAME, 1), steps.aliases(NAME)) == ("None", {})


@pytest.mark.parametrize("stage", ["Staging", "staging", "Production", "PRODUCTION"])
def test_a_transition_is_refused_with_every_reason(steps, stage):
    steps.release(NAME, steps.logged_run(HEAVY))
    answer = steps.move(NAME, 1, stage)
    assert (answer.status, answer.json["error_code"]) == (400, "INVALID_STATE")
    assert "- size_budget: " in answer.json["message"]
    assert steps.stage(NAME, 1) == "None"


@pytest.mark.parametrize("alias", ["staging", "Staging", "production"])
def test_a_version_whose_gates_hold_is_moved_in_that_call(steps, alias):
    steps.release("open.task")
    assert steps.alias("open.task", alias, 1).status == 200
    assert steps.stage("open.task", 1) == alias.capitalize()
    assert steps.aliases("open.task") == {alias.lower(): "1"}


def test_production_is_reached_by_staging_and_both_moves_are_recorded(steps):
    steps.release("open.task")
    assert steps.move("open.task", 1, "Production").status == 200
    moves = steps.world.use.browsing.history(steps.world.local, ModelName("open/task"))
    assert [(move.verb, move.target) for move in moves] == [
        ("promote", Stage.STAGING),
        ("promote", Stage.PRODUCTION),
    ]


def test_who_only_lacks_an_approval_stops_in_staging_and_learns_who_may_give_it(steps):
    world = steps.world
    steps.release(NAME)
    answer = steps.alias(NAME, "champion", 1)
    assert (answer.status, answer.json["error_code"]) == (400, "INVALID_STATE")
    said = answer.json["message"]
    assert "waiting for a person who holds role approver on team/task" in said
    assert "assay approve pr_" in said
    assert steps.stage(NAME, 1) == "Staging"
    grace = world.use.access.authenticate(world.token("grace", "approver", "team/*"))
    promotion = said.partition("assay approve ")[2]
    world.use.promoting.approve(grace, promotion, Statement("fine"))
    assert steps.aliases(NAME) == {"production": "1"}
    loaded = world.good("GET", f"{MODELS}alias?name={NAME}&alias=champion")["model_version"]
    assert (loaded["version"], loaded["current_stage"]) == ("1", "Production")


def test_missing_rights_are_403(steps):
    steps.release("open.task")
    token = steps.world.token("rea", "reader", "open/*")
    for answer in (
        steps.alias("open.task", "production", 1, token=token),
        steps.alias("open.task", "live", 1, token=token),
        steps.move("open.task", 1, "Staging", token=token),
    ):
        assert (answer.status, answer.json["error_code"]) == (403, "PERMISSION_DENIED")
    stranger = steps.world.token("sam", "contributor", "other/*")
    assert steps.alias("open.task", "production", 1, token=stranger).status == 404
    assert steps.stage("open.task", 1) == "None"


def test_no_way_around_a_gate(steps):
    world = steps.world
    steps.release("open.task")
    assert steps.alias("open.task", "production", 1).status == 200
    bad = steps.release("open.task", steps.logged_run(HEAVY))
    assert steps.alias("open.task", "production", 2).status == 400
    assert steps.aliases("open.task") == {"production": "1"}
    for key in ("assay.semver", "assay.digest", "assay.ungated"):
        tag = {"name": "open.task", "version": bad["version"], "key": key, "value": "x"}
        assert world.bad("POST", VERSIONS + "set-tag", tag)[0] == 400
    copied = world.good("POST", VERSIONS + "create", {"name": "open.task", "source": "models:/open.task/1"})
    assert copied["model_version"]["current_stage"] == "None"
    refused = world.bad("DELETE", VERSIONS + "delete", {"name": "open.task", "version": "1"})
    assert refused[:2] == (400, "INVALID_STATE")
    assert world.bad("DELETE", MODELS + "delete", {"name": "open.task"})[:2] == (400, "INVALID_STATE")
    renamed = world.good("POST", MODELS + "rename", {"name": "open.task", "new_name": "open.other"})
    assert renamed["registered_model"]["name"] == "open.other"
    assert steps.stage("open.other", 1) == "Production"
    away = {"name": "open.other", "new_name": "default.free"}
    assert world.bad("POST", MODELS + "rename", away)[0] == 400


def test_to_take_the_alias_away_takes_the_version_out_of_the_stage(steps):
    steps.release("open.task")
    steps.alias("open.task", "production", 1)
    steps.world.good("DELETE", MODELS + "alias", {"name": "open.task", "alias": "production"})
    assert (steps.stage("open.task", 1), steps.aliases("open.task")) == ("Archived", {})
    token = steps.world.token("rea", "reader", "open/*")
    steps.alias("open.task", "production", 1)
    assert steps.stage("open.task", 1) == "Production"
    answer = steps.world.send(
        "DELETE", MODELS + "alias", {"name": "open.task", "alias": "production"}, token=token
    )
    assert answer.status == 403
    assert steps.stage("open.task", 1) == "Production"


def test_others_in_staging_are_archived_when_asked_for(steps):
    for _ in range(2):
        steps.release("open.task")
    assert steps.move("open.task", 1, "Staging").status == 200
    answer = steps.move("open.task", 2, "Staging", archive_existing_versions=True)
    assert answer.json["model_version"]["current_stage"] == "Staging"
    assert steps.stage("open.task", 1) == "Archived"


def test_the_default_team_moves_at_once_and_is_marked_until_it_holds(steps):
    steps.release("free")
    assert steps.alias("free", "production", 1).status == 200
    tags = {each["key"]: each["value"] for each in steps.version("free", 1)["tags"]}
    assert "metrics" in tags["assay.ungated"].split(", ")
    assert steps.stage("free", 1) == "Production"
    (found,) = steps.found("versions", "name = 'free'", "tags")
    assert {each["key"] for each in found} == set(tags)


def test_bytes_that_nobody_has_read_cannot_leave_development(steps):
    steps.create("open.task")
    body = {"name": "open.task", "source": "s3://bucket/model"}
    steps.world.good("POST", VERSIONS + "create", body)
    for answer in (steps.alias("open.task", "production", 1), steps.move("open.task", 1, "Staging")):
        assert (answer.status, answer.json["error_code"]) == (400, "INVALID_STATE")
        assert "nobody has read" in answer.json["message"]


def test_no_run_lends_its_record_to_files_of_another(steps):
    mine, other = steps.logged_run(), steps.logged_run(b"other")
    steps.create("open.task")
    for source in (f"mlflow-artifacts:/0/{other}/artifacts/model", f"runs:/{other}/model"):
        body = {"name": "open.task", "source": source, "run_id": mine}
        status, code, message = steps.world.bad("POST", VERSIONS + "create", body)
        assert (status, code) == (400, "INVALID_PARAMETER_VALUE")
        assert "The run_id request parameter must identify" in message
    own = {"name": "open.task", "source": f"mlflow-artifacts:/0/{mine}/artifacts/model"}
    assert steps.world.good("POST", VERSIONS + "create", own)["model_version"]["run_id"] == mine
    copied = {"name": "open.task", "source": "models:/open.task/1", "run_id": other}
    assert steps.world.bad("POST", VERSIONS + "create", copied)[0] == 400


def test_metrics_that_were_logged_after_registration_count_when_the_version_moves(steps):
    world, run = steps.world, steps.logged_run()
    held_out = {"name": "held out", "digest": "1", "source_type": "local", "source": "s"}
    held_out["profile"] = '{"num_rows": 20}'
    context = [{"key": "mlflow.data.context", "value": "eval"}]
    world.good(
        "POST",
        "2.0/mlflow/runs/log-inputs",
        {"run_id": run, "datasets": [{"dataset": held_out, "tags": context}]},
    )
    point = {"run_id": run, "key": "accuracy", "timestamp": 1}
    world.good("POST", "2.0/mlflow/runs/log-metric", {**point, "value": 0.5})
    steps.release("told.task", run)
    refused = steps.alias("told.task", "staging", 1)
    assert refused.json["error_code"] == "INVALID_STATE"
    assert "- metrics: " in refused.json["message"]
    world.good("POST", "2.0/mlflow/runs/log-metric", {**point, "value": 0.95, "step": 1})
    reader = world.token("rea", "reader", "told/*")
    assert steps.alias("told.task", "staging", 1, token=reader).status == 403

    def filed():
        found = world.use.browsing.evidence(world.local, Address(ModelName("told/task"), number=1))
        return [(each.origin, dict(each.measurement.facts["metrics"])) for each in found]

    assert len(filed()) == 1
    assert steps.alias("told.task", "staging", 1).status == 200
    assert sorted(values["accuracy"] for _, values in filed()) == [0.5, 0.95]
    assert {origin for origin, _ in filed()} == {Origin.REPORTED}
    assert steps.alias("told.task", "production", 1).status == 200
    assert len(filed()) == 2


def test_what_an_evaluation_logged_about_a_model_counts_beside_its_own_run(steps):
    world = steps.world
    wanted = {"experiment_id": "0", "name": "m"}
    made = world.good("POST", "2.0/mlflow/logged-models", wanted)["model"]["info"]
    path = made["artifact_uri"].partition("mlflow-artifacts:/")[2]
    assert world.send("PUT", f"2.0/mlflow-artifacts/artifacts/{path}/weights.bin", b"weights").status == 200
    steps.create("told.task")
    model_id = made["model_id"]
    source = {"name": "told.task", "source": f"models:/{model_id}", "model_id": model_id}
    world.good("POST", VERSIONS + "create", source)
    point = {"run_id": world.run(), "key": "accuracy", "value": 0.99, "timestamp": 1, "model_id": model_id}
    world.good("POST", "2.0/mlflow/runs/log-metric", point)
    # Nothing names the data that it was evaluated on, which this gate insists on.
    assert "must name its evaluation data" in steps.alias("told.task", "production", 1).json["message"]
    (filed,) = world.use.browsing.evidence(world.local, Address(ModelName("told/task"), number=1))
    facts = {"metrics": {"accuracy": 0.99}, "logged_at": {"accuracy": "1970-01-01T00:00:00.001000+00:00"}}
    assert filed.origin is Origin.REPORTED
    assert {key: filed.measurement.facts[key] for key in facts} == facts
