"""Guarded stages as a real client meets them: Assay alone, with a worker that runs the checks."""

import json

import pytest

CLIENTS = ("mlflow-3.17.2", "mlflow-2.22.5")
PICKLES = "file_security: {allowed_code_formats: [pickle, joblib]}"
POLICIES = {
    "risk": f"""
applies_to: risk/*
stage_aliases: {{champion: production}}
gates:
  staging: [signature, environment: {{named_only: true}}, {PICKLES}]
  production: [signature, environment: {{named_only: true}}, {PICKLES}]
""",
    "late": f"""
applies_to: late/*
gates:
  development: [signature, {PICKLES}]
  staging: [signature]
  production: [signature]
""",
    "known": """
applies_to: known/*
gates:
  staging: [signature, metrics: {minimum: {accuracy_score: 0.5}, accept_reported: true}]
  production: [signature]
""",
}
# Gates that need no check: the one worker is busy with those of day one.
QUICK = """
applies_to: default/*
mode: observe
gates:
  staging: [provenance, signature]
  production: [provenance, signature]
"""


@pytest.fixture(scope="module")
def guarded(theatre, tmp_path_factory):
    server = theatre.assay("--workers", "1")
    for team, text in POLICIES.items():
        file = tmp_path_factory.mktemp("policies") / f"{team}.yaml"
        file.write_text(text)
        server.run("policy", "set", file)
    return server


def told(theatre, client, guarded, scenario, **environment):
    # The client may repeat what is refused as often as it does in the hands of a user.
    (document,) = theatre.player(client).play(
        scenario, guarded, MLFLOW_HTTP_REQUEST_MAX_RETRIES="7", **environment
    )
    return document


@pytest.mark.parametrize("client", CLIENTS)
def test_no_version_gets_around_its_gates(theatre, guarded, client):
    story = told(theatre, client, guarded, "gates_guarded")
    for alias in ("staging", "Staging", "production", "PRODUCTION", "champion", "Champion"):
        refused = story[f"bad {alias}"]
        assert refused["error_code"] == "INVALID_STATE", refused
        assert "signature: " in refused["message"]
        assert "/api/v1/promotions/pr" in refused["message"]
        assert "next: " in refused["message"]
        assert (story[f"asked for {alias}"], story[f"at once {alias}"]) == (1, True)
    for stage in ("Staging", "Production"):
        assert story[f"bad to {stage}"]["error_code"] == "INVALID_STATE"
    assert story["bad stays"] == ["None", {}]
    assert story["good"] == {"accepted": None}
    assert story["good moved"] == ["Production", {"production": "2"}]
    assert story["ungated"] is None
    loads = {key: value for key, value in story.items() if key.startswith("load ")}
    assert len(loads) == 8
    assert loads == {key: {"accepted": True} for key in loads}
    for key in ("delete version", "delete model", "alias to the bad one"):
        assert story[key]["error_code"] == "INVALID_STATE", key
    for key in ("retag", "rename away"):
        assert story[key]["error_code"] == "INVALID_PARAMETER_VALUE", key
    assert story["own tag"] == {"accepted": None}
    assert story["PUT of its file"] == story["DELETE of its file"] == [409, "RESOURCE_CONFLICT"]
    assert story["copy"] == ["None", []]
    assert story["alias taken away"] == ["Archived", {}]


@pytest.mark.parametrize("client", CLIENTS)
def test_a_registration_is_pending_until_its_gates_have_judged(theatre, guarded, client):
    story = told(theatre, client, guarded, "gates_registration")
    assert story["at first"] == "PENDING_REGISTRATION"
    assert story["waited for"] == {"accepted": "READY"}
    refused = story["waited for in vain"]
    assert "FAILED_REGISTRATION" in refused["message"]
    assert "signature: " in refused["message"]
    assert story["failed"][0] == "FAILED_REGISTRATION"
    assert "signature: " in story["failed"][1]
    assert story["alias of the failed"]["error_code"] == "INVALID_STATE"


@pytest.mark.parametrize("client", CLIENTS)
def test_a_fresh_registry_observes_until_it_is_told_to_enforce(theatre, guarded, client, tmp_path):
    story = told(theatre, client, guarded, "gates_observed", STORY_PART="observed")
    assert story["snippet"] == {"accepted": None}
    assert (story["stage"], story["aliases"]) == ("Production", ["production"])
    assert {"unit_tests", "approval"} < set(story["ungated"])
    assert story["load by alias"] == {"accepted": True}
    day_one = tmp_path / "day-one.json"
    day_one.write_text(json.dumps(guarded.json("policy", "show", "default/fraud-detector")["document"]))
    quick = tmp_path / "quick.yaml"
    quick.write_text(QUICK)
    guarded.run("policy", "set", quick)
    guarded.run("policy", "enforce")
    try:
        story = told(theatre, client, guarded, "gates_observed", STORY_PART="enforced")
    finally:
        guarded.run("policy", "set", day_one)
    assert story["snippet"]["error_code"] == "INVALID_STATE"
    for gate in ("provenance", "signature"):
        assert f"- {gate}: " in story["snippet"]["message"]
    assert (story["stage"], story["aliases"]) == ("None", [])


@pytest.mark.parametrize("client", CLIENTS)
def test_what_the_client_logged_feeds_the_gates(theatre, guarded, client):
    story = told(theatre, client, guarded, "gates_evidence")
    assert story["signature"] == ["amount", "age", "risk"]
    assert story["code"] == "0123456789abcdef0123456789abcdef01234567"
    assert story["hyperparameters"] == {"C": "1.0"}
    assert {"scikit-learn==1.0.0", "numpy==1.26.0"} <= set(story["packages"])
    assert ["evaluation", "held out"] in story["data"]
    assert story["metrics"]["early"] == 0.5
    assert story["origins"] == ["reported"]
    assert (story["evaluated"], story["rows"]) == (True, 20)
    assert story["staging"] == {"accepted": None}
    assert story["stage"] == "Staging"


@pytest.fixture(scope="module")
def reader(guarded, tmp_path_factory):
    """Return the token of somebody who may read what others registered."""
    file = tmp_path_factory.mktemp("files") / "weights.txt"
    file.write_text("weights")
    guarded.run("register", "risk/readable", file)
    guarded.run("principal", "create", "rea")
    guarded.run("grant", "add", "rea", "reader", "risk/*")
    scopes = [word for scope in ("read", "write", "evidence", "approve") for word in ("--scope", scope)]
    return guarded.run("token", "create", "--principal", "rea", *scopes).strip()


@pytest.mark.parametrize("client", CLIENTS)
def test_who_may_only_read_is_told_so_at_once(theatre, guarded, reader, client):
    story = told(theatre, client, guarded, "gates_rights", MLFLOW_TRACKING_TOKEN=reader)
    assert story.pop("read") == {"accepted": "risk.readable"}
    assert len(story) == 5
    for refused in story.values():
        assert (refused["error_code"], refused["status"]) == ("PERMISSION_DENIED", 403)
