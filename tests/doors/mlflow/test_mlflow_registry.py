"""Registered models and versions through the MLflow door: names, refusals, times, searches."""

from dataclasses import replace

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


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize(
    ("stage", "written"),
    [("fraud@champion", "models:/risk.fraud@champion"), ("fraud", "models:/risk.fraud/VERSION")],
)
def test_an_address_with_a_slash_behind_the_team_is_told_how_it_is_written(steps, there, stage, written):
    # Clients take models:/risk/fraud@champion for the stage "fraud@champion" of a model "risk".
    if there:
        steps.create("risk")
    for name in ("risk.fraud", "nothing"):
        said = steps.world.bad("POST", MODELS + "get-latest-versions", {"name": "risk", "stages": [stage]})
        assert said[2].endswith(f"models:/ the team is written before a dot: {written}")
        steps.create(name)
    for asked in (["Production"], [], ["v1.0.0"], ["@champion"], ["3"]):
        body = {"name": "no-such", "stages": asked}
        said = steps.world.bad("POST", MODELS + "get-latest-versions", body)
        assert said == (404, GONE, "Registered Model with name=no-such not found")


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


@pytest.mark.parametrize("alias", ["v1-candidate", "v2_champion", "2024-q3", "1st", "V1-2"])
def test_an_alias_may_begin_like_a_version_and_be_read_as_it_was_set(steps, alias):
    for _ in range(2):
        steps.release("m")
    assert steps.alias("m", alias, 2).status == 200
    assert steps.world.good("GET", f"{MODELS}alias?name=m&alias={alias}")["model_version"]["version"] == "2"
    copied = {"name": "m", "source": f"models:/m@{alias}"}
    assert steps.world.good("POST", VERSIONS + "create", copied)["model_version"]["version"] == "3"


@pytest.mark.parametrize("text", ["v1.0.0", "1.0.0", "1"])
def test_what_reads_as_a_version_is_found_where_aliases_go(steps, text):
    steps.release("m")
    assert steps.world.good("GET", f"{MODELS}alias?name=m&alias={text}")["model_version"]["version"] == "1"


@pytest.mark.parametrize("text", ["v1-candidate", "1st", "v1.x", "v"])
def test_an_alias_that_points_nowhere_is_said_to_whatever_it_looks_like(steps, text):
    steps.release("m")
    said = steps.world.bad("GET", f"{MODELS}alias?name=m&alias={text}")
    assert said == (400, "INVALID_PARAMETER_VALUE", f"Registered model alias {text} not found.")


def shown_everywhere(steps):
    """The version 1 of ``m`` in every answer that shows it."""
    good = steps.world.good
    yield steps.version("m", 1)
    yield from good("POST", VERSIONS + "search", {"filter": "name = 'm'"})["model_versions"]
    yield from good("POST", MODELS + "get-latest-versions", {"name": "m"})["model_versions"]
    yield from steps.model("m")["latest_versions"]
    for model in good("POST", MODELS + "search", {"filter": "name = 'm'"})["registered_models"]:
        yield from model["latest_versions"]
    yield good("GET", f"{MODELS}alias?name=m&alias=live")["model_version"]
    yield good("GET", f"{MODELS}alias?name=m&alias=latest")["model_version"]
    yield steps.move("m", 1, "Archived").json["model_version"]


@pytest.mark.parametrize(
    ("gate", "status"),
    [
        ("signature", "FAILED_REGISTRATION"),
        ({"metrics": {"minimum": {"accuracy": 0.9}}}, "PENDING_REGISTRATION"),
        ("files", "READY"),
    ],
    ids=["failed", "pending", "ready"],
)
def test_the_state_of_a_registration_is_the_same_in_every_answer(steps, gate, status):
    gates = {"staging": ["signature"], "production": ["signature"]}
    if status != "READY":
        gates["development"] = [gate]
    steps.world.use.policies.set(steps.world.local, "", {"applies_to": "default/*", "gates": gates})
    assert steps.release("m")["status"] == status
    assert steps.alias("m", "live", 1).status == 200
    found = list(shown_everywhere(steps))
    assert len(found) == 8
    assert {each["status"] for each in found} == {status}
    assert all(bool(each.get("status_message")) is (status != "READY") for each in found)


def test_a_search_for_models_looks_once_however_many_it_finds(steps, monkeypatch):
    views, read, looked = [], steps.world.means.database.read, []
    monkeypatch.setattr(steps.world.means.database, "read", lambda: views.append(1) or read())
    for count in (0, 1, 4):
        for number in range(count):
            steps.release(f"m{count}-{number}")
        views.clear()
        assert len(steps.found("models", f"name LIKE 'm{count}-%'")) == count
        looked.append(len(views))
    assert len(set(looked)) == 1


def test_a_model_is_shown_with_the_greatest_number_of_each_stage_and_every_alias(steps):
    for _ in range(3):
        steps.release("m")
    for number, stage in ((1, "Archived"), (2, "Archived")):
        assert steps.move("m", number, stage).status == 200
    assert steps.alias("m", "live", 1).status == 200
    model = steps.model("m")
    assert [(each["current_stage"], each["version"]) for each in model["latest_versions"]] == [
        ("None", "3"),
        ("Archived", "2"),
    ]
    assert model["aliases"] == [{"alias": "live", "version": "1"}]
    assert steps.world.good("POST", MODELS + "search", {})["registered_models"] == [model]


OWN = [{"key": "assay.digest", "value": "sha256:forged"}]


def test_a_tag_of_the_registrys_own_kind_can_be_set_nowhere(steps):
    run = steps.logged_run()
    steps.release("m", run)
    world, tag = steps.world, {"name": "m", "key": "assay.digest", "value": "x"}
    for path, body in (
        (MODELS + "create", {"name": "n", "tags": OWN}),
        (VERSIONS + "create", {"name": "m", "source": f"runs:/{run}/model", "tags": OWN}),
        (MODELS + "set-tag", tag),
        (VERSIONS + "set-tag", {**tag, "version": "1"}),
        (VERSIONS + "set-tag", {**tag, "version": "1", "key": "assay.of-tomorrow"}),
    ):
        status, code, message = world.bad("POST", path, body)
        assert (status, code) == (400, "INVALID_PARAMETER_VALUE"), path
        assert "computed and cannot be set" in message
    assert steps.found("versions", "tags.`assay.digest` = 'sha256:forged'") == []
    assert steps.found("versions", "name = 'm'", "version") == ["1"]


def test_a_copy_comes_with_what_was_said_of_its_source_and_is_told_of_by_itself(steps):
    first = steps.release("m", tags=[{"key": "k", "value": "v"}])
    steps.release("m")
    body = {"name": "m", "source": "models:/m/1", "tags": [*first["tags"], *OWN]}
    copy = steps.world.good("POST", VERSIONS + "create", body)["model_version"]
    tags = {each["key"]: each["value"] for each in copy["tags"]}
    source = {each["key"]: each["value"] for each in first["tags"]}
    assert tags == {**source, "assay.semver": tags["assay.semver"]}
    assert tags["assay.semver"] != source["assay.semver"]


def test_a_version_is_found_by_every_tag_that_it_is_shown_with(steps):
    steps.release("m", tags=[{"key": "k", "value": "v"}])
    assert steps.move("m", 1, "Staging").status == 200
    elsewhere = {"name": "m", "source": "s3://bucket/model"}
    steps.world.good("POST", VERSIONS + "create", elsewhere)
    keys = set()
    for number in ("1", "2"):
        for tag in steps.version("m", number)["tags"]:
            keys.add(tag["key"])
            found = steps.found("versions", f"tags.`{tag['key']}` = '{tag['value']}'", "version")
            assert found == [number], tag
    assert keys >= {"k", "assay.semver", "assay.digest", "assay.ungated", "assay.external"}
    assert steps.found("versions", "tags.`assay.external` IS NULL", "version") == ["1"]
    assert steps.found("versions", "tags.`assay.ungated` IS NOT NULL", "version") == ["1"]
    assert sorted(steps.found("versions", "tags.`assay.semver` LIKE 'v1.%'", "version")) == ["1", "2"]


def test_a_tag_of_that_kind_from_former_days_says_nothing_and_stands_in_no_ones_way(steps):
    steps.release("m")
    with steps.world.means.database.write() as records:
        old = records.versions.get("default/m", 1)
        records.versions.annotate(replace(old, tags={"assay.digest": "forged", "assay.note": "x"}))
    body = {"name": "m", "version": "1"}
    assert steps.found("versions", "tags.`assay.digest` = 'forged'") == []
    steps.world.good("POST", VERSIONS + "set-tag", {**body, "key": "k", "value": "v"})
    steps.world.good("DELETE", VERSIONS + "delete-tag", {**body, "key": "assay.note"})
    assert (
        steps.world.bad("POST", VERSIONS + "set-tag", {**body, "key": "assay.digest", "value": "y"})[0] == 400
    )
    with steps.world.means.database.read() as records:
        assert records.versions.get("default/m", 1).tags == {"assay.digest": "forged", "k": "v"}


@pytest.mark.parametrize(
    ("value", "kind"), [("TRUE", "prompt"), ("false", "registered model"), ("", "registered model")]
)
def test_a_model_holds_prompts_where_the_tag_says_true_in_any_case(world, value, kind):
    tags = [{"key": "mlflow.prompt.is_prompt", "value": value}]
    world.good("POST", MODELS + "create", {"name": "m", "tags": tags})
    yes = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
    message = world.bad("POST", MODELS + "create", {"name": "m", "tags": yes})[2]
    assert ("already taken by" in message) is (kind != "prompt")
    assert message.startswith("Prompt (name=m)" if kind == "prompt" else "Tried to create a prompt")
