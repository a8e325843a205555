"""Workspaces through the MLflow door: the teams of the registry, and names within one."""

import pytest

from doors.mlflow.mlflow_world import MlflowWorld

PATH = "3.0/mlflow/workspaces"
RISK, CREDIT = [("x-mlflow-workspace", "risk")], [("x-mlflow-workspace", "credit")]
MODELS, VERSIONS = "2.0/mlflow/registered-models/", "2.0/mlflow/model-versions/"


@pytest.fixture
def world(tmp_path):
    one = MlflowWorld(tmp_path)
    yield one
    one.close()


def version(world, headers=(), name="fraud"):
    """Register a version of a file that a run of the workspace logged."""
    made = world.send("POST", MODELS + "create", {"name": name}, headers=headers)
    assert made.status == 200 or made.json["error_code"] == "RESOURCE_ALREADY_EXISTS"
    experiment = world.send("POST", "2.0/mlflow/experiments/create", {"name": name}, headers=headers)
    if experiment.status != 200:
        number = world.good(
            "GET", f"2.0/mlflow/experiments/get-by-name?experiment_name={name}", headers=headers
        )
        experiment_id = number["experiment"]["experiment_id"]
    else:
        experiment_id = experiment.json["experiment_id"]
    run = world.run(experiment_id)
    path = f"2.0/mlflow-artifacts/artifacts/{experiment_id}/{run}/artifacts/model/weights.bin"
    assert world.send("PUT", path, b"weights", headers=headers).status == 200
    body = {"name": name, "source": f"runs:/{run}/model", "run_id": run}
    return world.good("POST", VERSIONS + "create", body, headers=headers)["model_version"]


def names(world, **more):
    return [each["name"] for each in world.good("GET", PATH, **more)["workspaces"]]


def test_a_workspace_is_created_described_and_taken_away(world):
    answer = world.send("POST", PATH, {"name": "risk", "description": "of losing"})
    assert (answer.status, answer.json) == (201, {"workspace": {"name": "risk", "description": "of losing"}})
    assert world.good("GET", PATH + "/risk") == answer.json
    assert names(world) == ["default", "risk"]
    assert world.bad("POST", PATH, {"name": "risk"})[:2] == (400, "RESOURCE_ALREADY_EXISTS")
    after = world.good("PATCH", PATH + "/risk", {"description": "of winning"})["workspace"]
    assert after["description"] == "of winning"
    gone = world.send("DELETE", PATH + "/risk")
    assert (gone.status, gone.body) == (204, b"")
    assert names(world) == ["default"]
    assert world.bad("GET", PATH + "/risk")[:2] == (404, "RESOURCE_DOES_NOT_EXIST")
    assert world.bad("DELETE", PATH + "/risk")[0] == 404


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "", {"name": "default"}),
        ("POST", "", {"name": "Risk"}),
        ("POST", "", {}),
        ("POST", "", {"name": "risk", "default_artifact_root": "s3://elsewhere"}),
        ("POST", "", {"name": "risk", "trace_archival_config": {"location": "s3://elsewhere"}}),
        ("PATCH", "/default", {}),
        ("PATCH", "/default", {"default_artifact_root": "s3://elsewhere"}),
        ("DELETE", "/default", None),
        ("DELETE", "/default?mode=CASCADE", None),
        ("DELETE", "/default?mode=SET_DEFAULT", None),
        ("DELETE", "/default?mode=nonsense", None),
    ],
)
def test_what_a_workspace_cannot_have_is_refused(world, method, path, body):
    assert world.bad(method, PATH + path, body)[:2] == (400, "INVALID_PARAMETER_VALUE")
    assert names(world) == ["default"]


def test_a_workspace_that_holds_something_stays(world):
    world.good("POST", "2.0/mlflow/experiments/create", {"name": "numbers"}, headers=RISK)
    status, code, message = world.bad("DELETE", PATH + "/risk")
    assert (status, code) == (400, "INVALID_STATE")
    assert "experiments" in message
    assert names(world) == ["default", "risk"]


def test_only_workspaces_in_which_one_may_read_are_seen(world):
    world.good("POST", "2.0/mlflow/experiments/create", {"name": "numbers"}, headers=RISK)
    token = world.token("carl", "contributor", "credit/*")
    assert names(world, token=token) == ["credit", "default"]
    assert world.bad("GET", PATH + "/risk", token=token) == (
        404,
        "RESOURCE_DOES_NOT_EXIST",
        "Workspace 'risk' not found",
    )
    assert world.bad("POST", PATH, {"name": "new"}, token=token)[0] == 403
    assert world.bad("DELETE", PATH + "/credit", token=token)[0] == 403
    assert names(world, token=world.token("nobody-yet", None, "")) == []


def test_a_name_in_a_workspace_is_the_teams_own(world):
    one, two, none = version(world, RISK), version(world, CREDIT), version(world)
    assert [each["name"] for each in (one, two, none)] == ["fraud"] * 3
    assert [each["version"] for each in (one, two, none)] == ["1"] * 3
    for headers, model in ((RISK, "risk/fraud"), (CREDIT, "credit/fraud"), ((), "default/fraud")):
        uri = world.good("GET", VERSIONS + "get-download-uri?name=fraud&version=1", headers=headers)
        assert model in uri["artifact_uri"]
    full = world.good("GET", MODELS + "get?name=risk.fraud")["registered_model"]
    assert full["name"] == "risk.fraud"
    assert world.good("GET", MODELS + "get?name=risk.fraud", headers=CREDIT)["registered_model"] == full
    assert world.bad("POST", MODELS + "create", {"name": "fraud"}, headers=RISK)[1:] == (
        "RESOURCE_ALREADY_EXISTS",
        "Registered Model (name=fraud) already exists.",
    )


def test_a_search_in_a_workspace_finds_the_teams_own_by_the_short_name(world):
    version(world, RISK)
    version(world, RISK, "other")
    version(world, CREDIT)

    def found(path, key, filter_text, headers):
        query = f"search?filter={filter_text}"
        return [each["name"] for each in world.good("GET", path + query, headers=headers).get(key, [])]

    for path, key in ((MODELS, "registered_models"), (VERSIONS, "model_versions")):
        assert found(path, key, "name%3D'fraud'", RISK) == ["fraud"]
        assert found(path, key, "name%20LIKE%20'fr%25'", RISK) == ["fraud"]
        assert sorted(found(path, key, "", RISK)) == ["fraud", "other"]
        assert found(path, key, "name%20!%3D%20'fraud'", RISK) == ["other"]
        assert found(path, key, "", CREDIT) == ["fraud"]
        assert sorted(found(path, key, "", ())) == ["credit.fraud", "risk.fraud", "risk.other"]
        token = world.token("carl", "contributor", "credit/*")
        query = world.good("GET", path + "search", headers=RISK, token=token)
        assert query == {}


def test_stages_aliases_tags_and_copies_use_the_short_name(world):
    version(world, RISK)
    name = {"name": "fraud", "version": "1"}
    world.good("POST", MODELS + "alias", {**name, "alias": "best"}, headers=RISK)
    got = world.good("GET", MODELS + "alias?name=fraud&alias=best", headers=RISK)["model_version"]
    assert (got["name"], got["aliases"]) == ("fraud", ["best"])
    world.good("POST", VERSIONS + "set-tag", {**name, "key": "k", "value": "v"}, headers=RISK)
    copied = {"name": "copy", "source": "models:/fraud/1"}
    world.good("POST", MODELS + "create", {"name": "copy"}, headers=RISK)
    made = world.good("POST", VERSIONS + "create", copied, headers=RISK)["model_version"]
    assert (made["name"], made["source"]) == ("copy", "models:/risk.fraud/1")
    copied["source"] = "models:/fraud@best"
    assert world.good("POST", VERSIONS + "create", copied, headers=RISK)["model_version"]["version"] == "2"
    assert world.bad("POST", VERSIONS + "create", copied, headers=CREDIT)[0] == 404
    after = world.good("POST", MODELS + "rename", {"name": "copy", "new_name": "twin"}, headers=RISK)
    assert after["registered_model"]["name"] == "twin"
    assert world.good("GET", MODELS + "get?name=risk.twin")["registered_model"]["name"] == "risk.twin"


def test_a_model_cannot_take_a_name_of_another_team(world):
    version(world, RISK)
    for wanted in ("fraud", "credit.fraud", "default.fraud"):
        body = {"name": "risk.fraud", "new_name": wanted}
        assert world.bad("POST", MODELS + "rename", body)[:2] == (400, "INVALID_PARAMETER_VALUE")


def test_a_taken_name_of_another_team_is_not_told(world):
    version(world, RISK)
    token = world.token("carl", "contributor", "credit/*")
    taken = world.bad("POST", MODELS + "create", {"name": "fraud"}, headers=RISK, token=token)
    free = world.bad("POST", MODELS + "create", {"name": "frauds"}, headers=RISK, token=token)
    assert taken[:2] == free[:2] == (403, "PERMISSION_DENIED")
    assert taken[2].replace("frauds", "fraud") == free[2].replace("frauds", "fraud")


@pytest.mark.parametrize("header", ["Risk", "a/b", "..", "%2e%2e"])
def test_a_workspace_header_that_names_no_team_is_refused(world, header):
    sent = [("x-mlflow-workspace", header)]
    assert world.bad("GET", "2.0/mlflow/experiments/search?max_results=1", headers=sent)[0] == 400


def test_the_server_says_that_it_has_workspaces(world):
    assert world.good("GET", "3.0/mlflow/server-info")["workspaces_enabled"] is True


EXPERIMENTS, RUNS = "2.0/mlflow/experiments/", "2.0/mlflow/runs/"
NO_WORKSPACE = "MLFLOW_WORKSPACE=risk"


def granted(world, name, *grants):
    """Return a token of somebody with these (role, pattern)."""
    for role, pattern in grants:
        token = world.token(name, role, pattern)
    return token


def test_who_named_no_workspace_is_told_where_they_may(world):
    ada = granted(
        world, "ada", ("contributor", "risk/*"), ("reader", "credit/*"), ("maintainer", "one/model")
    )
    status, code, message = world.bad("POST", EXPERIMENTS + "create", {"name": "adas"}, token=ada)
    assert (status, code) == (403, "PERMISSION_DENIED")
    assert "ada may not log experiments and runs in default" in message
    assert "needs role contributor on default/* and scope write" in message
    assert NO_WORKSPACE in message
    assert "credit" not in message  # may only read there
    assert "one" not in message.split("role")[1].split()
    body = {"name": "adas"}
    assert world.good("POST", EXPERIMENTS + "create", body, token=ada, headers=RISK)["experiment_id"]


def test_who_may_in_several_teams_is_told_of_them_and_of_no_other(world):
    assert world.send("POST", PATH, {"name": "secret"}).status == 201
    ada = granted(world, "ada", ("contributor", "risk/*"), ("contributor", "credit/*"))
    message = world.bad("POST", EXPERIMENTS + "create", {"name": "adas"}, token=ada)[2]
    assert "'credit', 'risk'" in message
    assert "MLFLOW_WORKSPACE" in message
    assert "secret" not in message


def test_no_workspace_is_proposed_where_it_would_not_help(world):
    bob, ada = granted(world, "bob", ("reader", "risk/*")), granted(world, "ada", ("contributor", "risk/*"))
    body = {"name": "x"}
    for token, headers in ((bob, []), (ada, CREDIT), (ada, [("x-mlflow-workspace", "default")])):
        status, _, message = world.bad("POST", EXPERIMENTS + "create", body, token=token, headers=headers)
        assert status == 403
        assert "MLFLOW_WORKSPACE" not in message
        assert "Ask an admin for a grant" in message


def test_who_may_not_create_a_model_is_told_the_role_and_the_name_that_would_do(world):
    ada = granted(world, "ada", ("contributor", "risk/*"))
    status, code, message = world.bad("POST", MODELS + "create", {"name": "plain"}, token=ada)
    assert (status, code) == (403, "PERMISSION_DENIED")
    assert "needs role contributor on default/plain and scope write" in message
    assert "call it risk.plain" in message
    assert NO_WORKSPACE in message
    assert world.good("POST", MODELS + "create", {"name": "risk.plain"}, token=ada)
    written = world.bad("POST", MODELS + "create", {"name": "credit.plain"}, token=ada)[2]
    assert "contributor on credit/plain" in written
    assert "MLFLOW_WORKSPACE" not in written


@pytest.mark.parametrize("name", ["plain", "default/plain", "credit.plain", "Some Model"])
@pytest.mark.parametrize("headers", [(), RISK, CREDIT])
def test_creating_tells_nobody_whether_a_model_is_there(world, name, headers):
    ada = granted(world, "ada", ("reader", "risk/*"), ("contributor", "other/*"))
    ask = ("POST", MODELS + "create", {"name": name})
    before = world.bad(*ask, token=ada, headers=headers)
    world.good(*ask, headers=headers)
    assert world.bad(*ask, token=ada, headers=headers) == before
    assert before[1] == "PERMISSION_DENIED"


@pytest.mark.parametrize("headers", [(), RISK])
def test_who_chose_no_experiment_is_told_that_the_first_one_is_another_teams(world, headers):
    ada = granted(world, "ada", ("contributor", "risk/*"))
    status, code, message = world.bad(
        "POST", RUNS + "create", {"experiment_id": "0"}, token=ada, headers=headers
    )
    assert (status, code) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert message.startswith("No Experiment with id=0 exists. Experiment 0 is the team default's")
    assert world.bad("POST", RUNS + "create", {"experiment_id": "77"}, token=ada)[2] == (
        "No Experiment with id=77 exists"
    )
