"""Registered models and versions through the MLflow door: names, refusals, times, searches."""

import pytest

from doors.mlflow.mlflow_world import MlflowWorld
from doors.mlflow.registry_steps import MODELS, VERSIONS, Steps

GONE = "RESOURCE_DOES_NOT_EXIST"


@pytest.fixture
def world(tmp_path):
    one = MlflowWorld(tmp_path)
    yield one
    one.close()


@pytest.fixture
def steps(world):
    return Steps(world)


@pytest.mark.parametrize("name", ["100%", "%41", "a%20b", "a&b=c?d", "%252F", "x%", "+", "ü %C3%BC"])
def test_a_percent_sign_is_a_letter_of_a_name(steps, name):
    assert steps.create(name)["name"] == name
    assert steps.release(name)["name"] == name
    assert steps.alias(name, "live", 1).status == 200
    assert steps.aliases(name) == {"live": "1"}
    assert steps.found("models", f"name = '{name}'") == [name]
    copied = {"name": name, "source": f"models:/{name}/1"}
    if "?" not in name:
        assert steps.world.good("POST", VERSIONS + "create", copied)["model_version"]["version"] == "2"


@pytest.mark.parametrize("written", ["team.task", "team/task", "team%2Ftask", "team%2ftask"])
def test_a_name_with_its_team_is_the_same_however_it_is_written(steps, written):
    steps.create("team.task")
    assert steps.release(written)["name"] == "team.task"
    assert steps.world.good("GET", f"{MODELS}get?name={written}")["registered_model"]["name"] == "team.task"
    assert steps.found("models", f"name = '{written}'") == ["team.task"]
    assert steps.found("versions", f"name IN ('{written}')") == ["team.task"]


def test_models_and_prompts_have_their_names_in_common(world):
    tags = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
    for name, kind in (("model", []), ("prompt", tags)):
        world.good("POST", MODELS + "create", {"name": name, "tags": kind})
    said = {
        (name, bool(kind)): world.bad("POST", MODELS + "create", {"name": name, "tags": kind})
        for name in ("model", "prompt")
        for kind in ([], tags)
    }
    assert {(status, code) for status, code, _ in said.values()} == {(400, "RESOURCE_ALREADY_EXISTS")}
    assert said["model", False][2] == "Registered Model (name=model) already exists."
    assert said["prompt", True][2] == "Prompt (name=prompt) already exists."
    assert "Tried to create a prompt with name 'model'" in said["model", True][2]
    assert "already taken by a prompt" in said["prompt", False][2]


@pytest.mark.parametrize("number", ["99", "0", "-1", "9" * 40])
def test_a_version_that_is_not_there_is_named_with_its_model(steps, number):
    steps.release("m")
    wanted = (404, GONE, f"Model Version (name=m, version={number}) not found")
    body = {"name": "m", "version": number}
    assert steps.world.bad("GET", f"{VERSIONS}get?name=m&version={number}") == wanted
    assert steps.world.bad("GET", f"{VERSIONS}get-download-uri?name=m&version={number}") == wanted
    assert steps.world.bad("POST", VERSIONS + "set-tag", {**body, "key": "k", "value": "v"}) == wanted
    assert steps.world.bad("POST", VERSIONS + "transition-stage", {**body, "stage": "Staging"}) == wanted
    assert steps.world.bad("POST", MODELS + "alias", {**body, "alias": "a"}) == wanted
    assert steps.world.bad("DELETE", VERSIONS + "delete", body) == wanted


@pytest.mark.parametrize("number", ["abc", "1.5", "v1.x", ""])
def test_a_version_that_is_no_number_is_refused(steps, number):
    steps.release("m")
    body = {"name": "m", "version": number}
    for path, more in (
        (VERSIONS + "transition-stage", {"stage": "Staging"}),
        (MODELS + "alias", {"alias": "a"}),
    ):
        status, code, message = steps.world.bad("POST", path, {**body, **more})
        assert (status, code) == (400, "INVALID_PARAMETER_VALUE")
        assert "'version'" in message


def test_a_semantic_version_names_a_version_everywhere(steps):
    steps.release("m")
    assert steps.version("m", "v1.0.0")["version"] == steps.version("m", "1.0.0")["version"] == "1"
    assert steps.alias("m", "live", "v1.0.0").status == 200
    assert steps.aliases("m") == {"live": "1"}


def test_tags_and_aliases_leave_the_time_of_the_last_change(steps):
    steps.release("m")
    model, version = steps.model("m"), steps.version("m", 1)
    tag = {"name": "m", "key": "k", "value": "v"}
    steps.world.good("POST", MODELS + "set-tag", tag)
    steps.world.good("POST", VERSIONS + "set-tag", {**tag, "version": "1"})
    assert steps.alias("m", "live", 1).status == 200
    steps.world.good("DELETE", MODELS + "alias", {"name": "m", "alias": "live"})
    when = "last_updated_timestamp"
    assert steps.model("m")[when] == model[when]
    assert steps.version("m", 1)[when] == version[when]


def test_a_description_changes_the_time_of_what_it_is_about(steps):
    steps.release("m")
    model, version = steps.model("m"), steps.version("m", 1)
    when = "last_updated_timestamp"
    steps.world.good("PATCH", VERSIONS + "update", {"name": "m", "version": "1", "description": "d"})
    assert steps.version("m", 1)[when] > version[when]
    assert steps.model("m")[when] == model[when]
    steps.world.good("PATCH", MODELS + "update", {"name": "m", "description": "d"})
    assert steps.model("m")[when] > model[when]


def test_models_are_found_by_their_times(steps):
    at = steps.create("early")["creation_timestamp"]
    steps.create("late")
    for key in ("creation_timestamp", "last_updated_timestamp"):
        assert steps.found("models", f"{key} > 0") == ["early", "late"]
        assert steps.found("models", f"{key} = {at}") == ["early"]
        assert steps.found("models", f"{key} > {at}") == ["late"]
        assert steps.found("models", f"{key} < {10**30}") == ["early", "late"]
        assert steps.found("models", f"{key} < -{10**30}") == []


def test_versions_are_found_by_their_times(steps):
    at = steps.release("m")["creation_timestamp"]
    steps.release("m")
    assert steps.found("versions", f"creation_timestamp = {at}", "version") == ["1"]
    assert steps.found("versions", f"last_updated_timestamp > {at}", "version") == ["2"]


@pytest.mark.parametrize("name", [".", ".."])
def test_a_name_that_reads_as_a_path_is_refused(world, name):
    status, code, message = world.bad("POST", MODELS + "create", {"name": name})
    assert (status, code) == (400, "INVALID_PARAMETER_VALUE")
    assert f"would resolve to '{name}'" in message


@pytest.mark.parametrize(("size", "said"), [(0, "positive"), (-1, "positive"), (200_001, "max_results")])
def test_a_page_of_versions_has_limits(world, size, said):
    status, _, message = world.bad("POST", VERSIONS + "search", {"max_results": size})
    assert status == 400
    assert said in message


@pytest.mark.parametrize(
    "source", ["runs:/nope/model", "models:/none/1", "models:/m/9", "models:/m@none", "models:/m-" + "0" * 32]
)
def test_a_source_that_is_not_there_is_refused_and_nothing_is_made(steps, source):
    steps.release("m")
    assert steps.world.bad("POST", VERSIONS + "create", {"name": "m", "source": source})[:2] == (404, GONE)
    assert steps.found("versions", "name = 'm'", "version") == ["1"]
