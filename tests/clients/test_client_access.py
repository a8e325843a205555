"""The real clients at a server of ours that wants to know who asks, and in workspaces."""

import json

import pytest

from clients.players import environments

CLIENTS = environments.clients()
WITH_WORKSPACES = [client for client in CLIENTS if not client.startswith("mlflow-2.")]
DENIED, UNKNOWN = "PERMISSION_DENIED", "RESOURCE_DOES_NOT_EXIST"


@pytest.fixture(scope="module")
def strict(theatre):
    """A server that wants a token, and one of an admin's."""
    server = theatre.assay("--workers", "0", "--auth", "required")
    scopes = [
        word for scope in ("read", "write", "evidence", "approve", "admin") for word in ("--scope", scope)
    ]
    made = server.run("token", "create", "--data", server.root / "data", *scopes, "--json")
    server.admin = json.loads(made)["text"]
    return server


def code(told):
    return told.get("error_code") or told.get("raised")


@pytest.mark.parametrize("client", CLIENTS)
def test_people_sign_in_and_get_no_more_than_they_were_given(theatre, strict, client):
    (told,) = theatre.player(client).play("people", strict, MLFLOW_TRACKING_TOKEN=strict.admin)
    assert told["made"] == told["got"]
    assert told["made"][1:] == [False, "REDACTED", True]
    assert code(told["made twice"]) == "RESOURCE_ALREADY_EXISTS"
    assert code(told["short password"]) == "INVALID_PARAMETER_VALUE"
    assert code(told["got nobody"]) == UNKNOWN
    for key in ("nobody", "bad token", "wrong password", "unknown name", "old password", "signs in no more"):
        assert code(told[key]) == "UNAUTHENTICATED", told[key]
        assert told[f"{key} at once"], f"{key}: the client tried again"
    assert "name or the password is wrong" in told["wrong password"]["message"]
    assert told["wrong password"] == told["unknown name"]
    assert told["sees before"] == []
    for key in ("makes before", "makes users", "becomes admin", "deletes the model"):
        assert code(told[key]) == DENIED, told[key]
    assert code(told["experiment refused"]) == "INVALID_PARAMETER_VALUE"
    assert "whole team" in told["experiment refused"]["message"]
    assert told["model given"][-1] in ("READ", "EDIT")
    assert told["reads the model"]
    assert told["sees models"] == [True]
    assert code(told["reads the run"]) == UNKNOWN
    assert told["is admin"]
    assert told["sees all"]
    assert code(told["somebody else's token"]) == "UNAUTHENTICATED"
    assert code(told["gone"]) == UNKNOWN
    (_old if client.startswith("mlflow-2.") else _new)(told)


def _old(told):
    assert told["model given"] == [True, True, "READ"]
    assert told["model changed"] == "EDIT"
    assert told["user has"] == ["EDIT"]
    assert code(told["model taken"]) == UNKNOWN


def _new(told):
    assert told["model given"] == [True, "EDIT"]
    assert told["model taken"] == [False, "NO_PERMISSIONS"]
    assert code(told["use refused"]) == "INVALID_PARAMETER_VALUE"
    assert told["role"] == ["default", "who log runs", []]
    assert told["role may"] == ["workspace", "*", "EDIT"]
    assert told["has roles"] == told["who has it"] == [True]
    assert told["assigned"]
    assert told["listed"]
    assert told["listed in all"]
    assert told["logs"] == told["still reads"] == {"loss": 0.5}
    assert told["weaker"] == "READ"
    assert code(told["logs no more"]) == DENIED
    assert told["empty"] == []
    assert code(told["role gone"]) == UNKNOWN
    assert "Current password is required" in told["own password without the old"]["message"]


@pytest.mark.parametrize("client", WITH_WORKSPACES)
def test_a_workspace_is_worked_in_by_short_names(theatre, strict, client):
    (told,) = theatre.player(client).play("workspaces", strict, MLFLOW_TRACKING_TOKEN=strict.admin)
    assert told["made"] == told["got"] == "of losing"
    assert code(told["made twice"]) == "RESOURCE_ALREADY_EXISTS"
    inside, outside = told["in the workspace"], told["outside"]
    model = "fraud-" + client.removeprefix("mlflow-").replace(".", "")
    assert inside.pop("workspace").startswith("risk-")
    assert outside.pop("workspace") == "default"
    assert inside.pop("models") == [model, f"{model}-copy"]
    assert inside.pop("experiments") == ["numbers"]
    # Each workspace has its own; neither sees the other's by the short name.
    assert inside == {**outside, "runs": [{"loss": 0.5}]}
    assert inside["version"] == [model, "1"]
    assert inside["copied"] == [f"{model}-copy", "1"]
    assert inside["versions"] == [model]
    assert inside["text"] == "x"
    assert told["full name"]
    assert told["loads"] == len(inside["predictions"])
    assert len(told["listed"]) == 2
    assert told["described"] == "of winning"
    assert code(told["not empty"]) == "INVALID_STATE"
    assert code(told["unknown"]) == code(told["gone"]) == UNKNOWN
