"""Users, permissions and roles through the MLflow door, and signing in with a name and a password."""

import base64
import json

import pytest

from assay.doors.mlflow import mlflow_app
from assay.usecases import passwords
from doors.mlflow.mlflow_world import MlflowWorld
from doors.native.asgi import ask

GOOD, BETTER = "correct horse battery", "staple of another colour"
USERS, ROLES = "2.0/mlflow/users/", "3.0/mlflow/roles/"
MODEL_PERMISSIONS = "2.0/mlflow/registered-models/permissions/"
EXPERIMENT_PERMISSIONS = "2.0/mlflow/experiments/permissions/"


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    monkeypatch.setattr(passwords, "COST", passwords.Cost(n=2**4, r=8, p=1))


@pytest.fixture
def world(tmp_path):
    one = MlflowWorld(tmp_path)
    yield one
    one.close()


def basic(name, password):
    text = base64.b64encode(f"{name}:{password}".encode()).decode()
    return [("authorization", f"Basic {text}")]


def user(world, name="eve"):
    return world.good("POST", USERS + "create", {"username": name, "password": GOOD})["user"]


def grant(world, name, kind, place, level, **more):
    body = {"username": name, "resource_type": kind, "resource_id": place, "permission": level}
    return world.send("POST", "3.0/mlflow/users/permissions/grant", body, **more)


def may(world, name, kind, place, **more):
    query = f"?username={name}&resource_type={kind}&resource_id={place}"
    return world.good("GET", "3.0/mlflow/users/permissions/get" + query, **more)


def test_a_user_has_the_fields_that_every_client_reads(world):
    made = user(world)
    assert made == world.good("GET", USERS + "get?username=eve")["user"]
    assert made == {
        "id": made["id"],
        "username": "eve",
        "is_admin": False,
        "experiment_permissions": [],
        "registered_model_permissions": [],
    }
    assert 0 < made["id"] < 2**53
    listed = world.good("GET", USERS + "list")["users"]
    assert {each["username"]: each["is_admin"] for each in listed} == {"eve": False, "local": True}
    assert all(each["roles"] == [] for each in listed)


def test_a_user_signs_in_with_the_password_and_is_told_who_they_are(world):
    made = user(world)
    me = world.good("GET", USERS + "current", headers=basic("eve", GOOD))
    assert me == {
        "user": {"id": made["id"], "username": "eve", "is_admin": False},
        "is_basic_auth": True,
    }


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(world):
    user(world)
    answers = [
        world.send("GET", USERS + "current", headers=basic(name, password))
        for name, password in (("eve", BETTER), ("nobody-here", GOOD), ("local", GOOD), ("eve", ""))
    ]
    assert {(each.status, each.body) for each in answers} == {(401, answers[0].body)}
    assert answers[0].json["error_code"] == "UNAUTHENTICATED"
    assert "www-authenticate" in answers[0].headers


def test_who_comes_without_a_good_login_is_told_what_these_clients_read(world):
    strict = mlflow_app(world.use, loopback=True, anonymous=False)
    path = "/api/" + USERS + "current"
    for headers in ([], [("authorization", "Bearer nonsense")], basic("eve", BETTER)):
        answer = ask(strict, "GET", path, headers)
        assert answer.status == 401
        said = answer.json["message"]
        for variable in ("TOKEN", "USERNAME", "PASSWORD"):
            assert f"MLFLOW_TRACKING_{variable}" in said
        assert "ASSAY_TOKEN" not in said


def test_a_taken_name_and_a_bad_password_are_said_in_the_clients_words(world):
    user(world)
    body = {"username": "eve", "password": GOOD}
    assert world.bad("POST", USERS + "create", body)[:2] == (400, "RESOURCE_ALREADY_EXISTS")
    for wrong in ({"password": "short"}, {"password": ""}, {"username": ""}, {"username": "No Name"}):
        status, code, message = world.bad("POST", USERS + "create", {**body, "username": "new", **wrong})
        assert (status, code) == (400, "INVALID_PARAMETER_VALUE")
        assert "short" not in message
    assert world.bad("GET", USERS + "get?username=new")[:2] == (404, "RESOURCE_DOES_NOT_EXIST")


@pytest.mark.parametrize("password", [123456789012345, ["a secret of mine"], {"a secret": "of mine"}, True])
def test_what_was_sent_as_a_password_is_never_repeated(world, password):
    user(world)
    for path, method in ((USERS + "create", "POST"), (USERS + "update-password", "PATCH")):
        status, _, message = world.bad(method, path, {"username": "eve", "password": password})
        assert status == 400
        assert message == "password: must be a text"


def test_there_is_no_user_that_nobody_made(world):
    for name, password in (("admin", "password"), ("admin", "password1234"), ("admin", "")):
        assert world.send("GET", USERS + "current", headers=basic(name, password)).status == 401
    assert world.bad("POST", USERS + "create", {"username": "admin", "password": "password1234"})[0] == 400


def test_a_password_is_changed_by_its_owner_or_an_admin(world):
    user(world)
    body = {"username": "eve", "password": BETTER}
    path = USERS + "update-password"
    assert world.bad("PATCH", path, body, headers=basic("eve", GOOD))[0] == 400
    assert world.bad("PATCH", path, {**body, "username": "local"}, headers=basic("eve", GOOD))[0] == 403
    world.good("PATCH", path, {**body, "current_password": GOOD}, headers=basic("eve", GOOD))
    assert world.send("GET", USERS + "current", headers=basic("eve", GOOD)).status == 401
    world.good("PATCH", path, {"username": "eve", "password": GOOD})
    world.good("GET", USERS + "current", headers=basic("eve", GOOD))


def test_an_admin_is_made_by_an_admin_only(world):
    user(world)
    body = {"username": "eve", "is_admin": True}
    assert world.bad("PATCH", USERS + "update-admin", body, headers=basic("eve", GOOD))[0] == 403
    assert world.bad("PATCH", USERS + "update-admin", {"username": "eve"})[0] == 400
    world.good("PATCH", USERS + "update-admin", body)
    assert world.good("GET", USERS + "get?username=local", headers=basic("eve", GOOD))["user"]["is_admin"]
    world.good("PATCH", USERS + "update-admin", {"username": "eve", "is_admin": False})
    assert world.bad("GET", USERS + "list", headers=basic("eve", GOOD))[0] == 403


def test_a_deleted_user_is_gone(world):
    user(world)
    assert world.bad("DELETE", USERS + "delete", {"username": "local"})[0] == 400
    world.good("DELETE", USERS + "delete", {"username": "eve"})
    assert world.send("GET", USERS + "current", headers=basic("eve", GOOD)).status == 401
    assert world.bad("GET", USERS + "get?username=eve")[0] == 404
    assert [each["username"] for each in world.good("GET", USERS + "list")["users"]] == ["local"]


@pytest.mark.parametrize(("level", "allowed"), [("READ", False), ("EDIT", True), ("MANAGE", True)])
def test_a_permission_on_a_model_is_a_grant_on_that_model(world, level, allowed):
    user(world)
    world.good("POST", "2.0/mlflow/registered-models/create", {"name": "Fraud Model"})
    assert grant(world, "eve", "registered_model", "Fraud Model", level).json == {}
    path = "Fraud%20Model"
    assert may(world, "eve", "registered_model", path) == {"allowed": allowed, "permission": level}
    assert may(world, "eve", "registered_model", "other")["permission"] == "NO_PERMISSIONS"
    get = "2.0/mlflow/registered-models/get?name="
    assert world.send("GET", get + path, headers=basic("eve", GOOD)).status == 200
    assert world.send("GET", get + "other", headers=basic("eve", GOOD)).status == 404
    shown = world.good("GET", USERS + "get?username=eve")["user"]["registered_model_permissions"]
    assert [(each["name"], each["permission"]) for each in shown] == [("Fraud Model", level)]
    body = {"username": "eve", "resource_type": "registered_model", "resource_id": "Fraud Model"}
    world.good("POST", "3.0/mlflow/users/permissions/revoke", body)
    assert may(world, "eve", "registered_model", path)["permission"] == "NO_PERMISSIONS"
    assert world.bad("POST", "3.0/mlflow/users/permissions/revoke", body)[0] == 404


@pytest.mark.parametrize(
    ("kind", "place", "level", "words"),
    [
        ("registered_model", "fraud", "USE", "USE"),
        ("registered_model", "fraud", "DENY", "add up"),
        ("registered_model", "fraud", "OWN", "Invalid permission"),
        ("registered_model", "*", "READ", "whole team"),
        ("experiment", "0", "READ", "whole team"),
        ("experiment", "*", "EDIT", "whole team"),
        ("run", "*", "READ", "whole team"),
        ("workspace", "risk", "READ", "resource_pattern"),
        ("gateway_secret", "x", "READ", "Invalid resource type"),
        ("skill", "x", "READ", "Invalid resource type"),
    ],
)
def test_what_no_grant_says_exactly_is_refused_and_grants_nothing(world, kind, place, level, words):
    user(world)
    answer = grant(world, "eve", kind, place, level)
    assert answer.status == 400
    assert words in answer.json["message"]
    assert world.use.access.grants(world.local, "eve") == ()


def test_a_permission_on_the_workspace_is_a_grant_on_the_whole_team(world):
    user(world)
    header = [("x-mlflow-workspace", "risk")]
    assert grant(world, "eve", "workspace", "*", "EDIT", headers=header).status == 200
    (given,) = world.use.access.grants(world.local, "eve")
    assert (given.pattern, given.role.value) == ("risk/*", "contributor")
    made = {"name": "numbers"}
    path = "2.0/mlflow/experiments/create"
    world.good("POST", path, made, headers=[*basic("eve", GOOD), *header])
    assert world.bad("POST", path, made, headers=basic("eve", GOOD))[0] == 403


def test_everybody_sees_their_own_permissions_and_nobody_elses(world):
    number = user(world)["id"]
    user(world, "mallory")
    grant(world, "eve", "registered_model", "fraud", "READ")
    own = world.good("GET", "3.0/mlflow/users/current/permissions", headers=basic("eve", GOOD))
    row = {
        "role_id": number,
        "role_name": f"__user_{number}__",
        "workspace": "default",
        "resource_type": "registered_model",
        "resource_pattern": "fraud",
        "permission": "READ",
    }
    assert own == {"is_admin": False, "permissions": [row]}
    assert own == world.good("GET", "3.0/mlflow/users/permissions/list?username=eve")
    for path in (
        "3.0/mlflow/users/permissions/list?username=eve",
        "3.0/mlflow/users/roles/list?username=eve",
        "3.0/mlflow/users/permissions/get?username=eve&resource_type=registered_model&resource_id=fraud",
        USERS + "get?username=eve",
        MODEL_PERMISSIONS + "get?username=eve&name=fraud",
    ):
        assert world.bad("GET", path, headers=basic("mallory", GOOD))[:2] == (403, "PERMISSION_DENIED")
        unknown = path.replace("username=eve", "username=not-there")
        assert world.bad("GET", unknown, headers=basic("mallory", GOOD))[0] == 403
        assert world.send("GET", unknown).status == 404


def test_who_manages_a_model_gives_nothing_to_others(world):
    user(world)
    user(world, "mallory")
    grant(world, "eve", "registered_model", "fraud", "MANAGE")
    answer = grant(world, "mallory", "registered_model", "fraud", "READ", headers=basic("eve", GOOD))
    assert (answer.status, answer.json["error_code"]) == (403, "PERMISSION_DENIED")


def test_the_older_clients_permissions_on_models(world):
    number = user(world)["id"]
    body = {"username": "eve", "name": "fraud", "permission": "READ"}
    query = "?username=eve&name=fraud"
    made = world.good("POST", MODEL_PERMISSIONS + "create", body)["registered_model_permission"]
    assert made == {"workspace": "default", "name": "fraud", "user_id": number, "permission": "READ"}
    assert world.bad("POST", MODEL_PERMISSIONS + "create", body)[1] == "RESOURCE_ALREADY_EXISTS"
    world.good("PATCH", MODEL_PERMISSIONS + "update", {**body, "permission": "EDIT"})
    got = world.good("GET", MODEL_PERMISSIONS + "get" + query)["registered_model_permission"]
    assert got == {**made, "permission": "EDIT"}
    world.good("PATCH", MODEL_PERMISSIONS + "update", {**body, "permission": "NO_PERMISSIONS"})
    for method, path, sent in (
        ("GET", "get" + query, None),
        ("PATCH", "update", body),
        ("DELETE", "delete", {"username": "eve", "name": "fraud"}),
    ):
        assert world.bad(method, MODEL_PERMISSIONS + path, sent)[1] == "RESOURCE_DOES_NOT_EXIST"
    world.good("POST", MODEL_PERMISSIONS + "create", body)
    world.good("DELETE", MODEL_PERMISSIONS + "delete", {"username": "eve", "name": "fraud"})


def test_the_older_clients_permissions_on_experiments_show_what_the_team_gives(world):
    number = user(world)["id"]
    body = {"username": "eve", "experiment_id": "0", "permission": "READ"}
    assert world.bad("POST", EXPERIMENT_PERMISSIONS + "create", body)[:2] == (400, "INVALID_PARAMETER_VALUE")
    assert world.bad("GET", EXPERIMENT_PERMISSIONS + "get?username=eve&experiment_id=0")[0] == 404
    assert world.use.access.grants(world.local, "eve") == ()
    grant(world, "eve", "workspace", "*", "READ")
    shown = {"experiment_id": "0", "user_id": number, "permission": "READ"}
    got = world.good("GET", EXPERIMENT_PERMISSIONS + "get?username=eve&experiment_id=0")
    assert got == {"experiment_permission": shown}
    assert world.good("POST", EXPERIMENT_PERMISSIONS + "create", body) == got
    world.good("PATCH", EXPERIMENT_PERMISSIONS + "update", body)
    assert world.bad("PATCH", EXPERIMENT_PERMISSIONS + "update", {**body, "permission": "MANAGE"})[0] == 400
    taken = {"username": "eve", "experiment_id": "0"}
    assert world.bad("DELETE", EXPERIMENT_PERMISSIONS + "delete", taken)[0] == 400


def test_a_role_gives_its_permissions_to_those_who_have_it(world):
    number = user(world)["id"]
    world.good("POST", USERS + "create", {"username": "mallory", "password": GOOD})
    assert world.bad("POST", ROLES + "create", {"workspace": "risk", "name": "analysts"})[0] == 400
    assert world.send("POST", "3.0/mlflow/workspaces", {"name": "risk"}).status == 201
    role = world.good("POST", ROLES + "create", {"workspace": "risk", "name": "analysts"})["role"]
    assert role == {
        "id": role["id"],
        "name": "analysts",
        "workspace": "risk",
        "description": None,
        "permissions": [],
    }
    again = {"workspace": "risk", "name": "analysts"}
    assert world.bad("POST", ROLES + "create", again)[1] == "RESOURCE_ALREADY_EXISTS"
    asked = {"role_id": role["id"], "resource_type": "workspace", "resource_pattern": "*"}
    for refused in ("USE", "DENY", "NO_PERMISSIONS"):
        assert world.bad("POST", ROLES + "permissions/add", {**asked, "permission": refused})[0] == 400
    made = world.good("POST", ROLES + "permissions/add", {**asked, "permission": "EDIT"})["role_permission"]
    assert made == {**asked, "id": made["id"], "permission": "EDIT"}
    here = f"?role_id={role['id']}"
    assert world.good("GET", ROLES + "permissions/list" + here) == {"role_permissions": [made]}
    joined = world.good("POST", ROLES + "assign", {"username": "eve", "role_id": role["id"]})["assignment"]
    assert joined == {"id": joined["id"], "user_id": number, "role_id": role["id"]}
    assert world.good("GET", ROLES + "users/list" + here) == {"assignments": [joined]}
    whole = {**role, "permissions": [made]}
    assert world.good("GET", ROLES + "get" + here) == {"role": whole}
    mine = world.good("GET", "3.0/mlflow/users/roles/list?username=eve", headers=basic("eve", GOOD))
    assert mine == {"roles": [whole]}
    rows = world.good("GET", "3.0/mlflow/users/permissions/list?username=eve")["permissions"]
    assert [(each["role_name"], each["workspace"], each["permission"]) for each in rows] == [
        ("analysts", "risk", "EDIT")
    ]
    header = [*basic("eve", GOOD), ("x-mlflow-workspace", "risk")]
    world.good("POST", "2.0/mlflow/experiments/create", {"name": "numbers"}, headers=header)
    changed = {"role_permission_id": made["id"], "permission": "READ"}
    world.good("PATCH", ROLES + "permissions/update", changed)
    assert world.bad("POST", "2.0/mlflow/experiments/create", {"name": "two"}, headers=header)[0] == 403
    world.good("DELETE", ROLES + "unassign", {"username": "eve", "role_id": role["id"]})
    assert world.bad("DELETE", ROLES + "unassign", {"username": "eve", "role_id": role["id"]})[0] == 404
    assert may(world, "eve", "workspace", "*", headers=[("x-mlflow-workspace", "risk")])["permission"] == (
        "NO_PERMISSIONS"
    )
    world.good("DELETE", ROLES + "permissions/remove", {"role_permission_id": made["id"]})
    assert world.bad("DELETE", ROLES + "permissions/remove", {"role_permission_id": made["id"]})[0] == 404


def test_roles_are_listed_by_workspace_described_and_deleted(world):
    for team in ("risk", "credit"):
        assert world.send("POST", "3.0/mlflow/workspaces", {"name": team}).status == 201
        world.good("POST", ROLES + "create", {"workspace": team, "name": "analysts", "description": team})

    def listed(query=""):
        return [each["workspace"] for each in world.good("GET", ROLES + "list" + query)["roles"]]

    assert listed() == ["credit", "risk"]
    assert listed("?workspace=risk") == ["risk"]
    assert listed("?workspace=risk&workspace=credit") == ["risk", "credit"]
    (role,) = world.good("GET", ROLES + "list?workspace=risk")["roles"]
    assert world.bad("PATCH", ROLES + "update", {"role_id": role["id"]})[0] == 400
    after = world.good("PATCH", ROLES + "update", {"role_id": role["id"], "name": "leads"})["role"]
    assert after == {**role, "name": "leads"}
    world.good("DELETE", ROLES + "delete", {"role_id": role["id"]})
    assert world.bad("GET", ROLES + f"get?role_id={role['id']}")[:2] == (404, "RESOURCE_DOES_NOT_EXIST")
    assert world.bad("GET", ROLES + "get?role_id=x")[0] == 400
    assert world.bad("GET", ROLES + "get")[0] == 400
    assert world.bad("GET", ROLES + "get?role_id=-1")[0] == 404


def test_no_answer_and_no_log_holds_a_password(world, caplog):
    user(world)
    world.send("PATCH", USERS + "update-password", {"username": "eve", "password": BETTER})
    for path in (USERS + "list", USERS + "get?username=eve", USERS + "current"):
        text = json.dumps(world.good("GET", path))
        assert "assword" not in text
        assert "scrypt" not in text
    assert GOOD not in caplog.text
    assert BETTER not in caplog.text
