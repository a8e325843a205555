"""Every route x every role x every scope x own and foreign model, against one table."""

import itertools

import pytest

from assay.core.access import Action, Role
from assay.core.errors import LEAVES
from assay.doors.native import ROUTES
from assay.doors.native.errors import ERRORS
from doors.native.native_world import DIGEST, SCOPES, NativeWorld

MODEL, VERSION = "/models/{team}/{task}", "/models/{team}/{task}/versions/{version}"
ANYBODY = "anybody who is signed in"
TEAM_ADMIN = "admin of the team"
SENDER = "who may register or report anywhere"
# What each route asks for. A route that is missing here fails the test.
ASKS = {
    ("POST", "/models"): Action.CREATE_MODEL,
    ("GET", "/models"): ANYBODY,
    ("GET", MODEL): Action.READ,
    ("PATCH", MODEL): Action.ANNOTATE,
    ("GET", f"{MODEL}/history"): Action.READ,
    ("GET", f"{MODEL}/aliases/{{alias}}"): Action.READ,
    ("PUT", f"{MODEL}/aliases/{{alias}}"): Action.SET_ALIAS,
    ("DELETE", f"{MODEL}/aliases/{{alias}}"): Action.SET_ALIAS,
    ("POST", f"{MODEL}/rollback"): Action.CHANGE_STAGE,
    ("POST", f"{MODEL}/versions"): Action.REGISTER,
    ("GET", VERSION): Action.READ,
    ("PATCH", VERSION): Action.ANNOTATE,
    ("DELETE", VERSION): Action.DELETE,
    ("POST", f"{VERSION}/demote"): Action.CHANGE_STAGE,
    ("POST", f"{VERSION}/archive"): Action.CHANGE_STAGE,
    ("POST", f"{VERSION}/restore"): Action.CHANGE_STAGE,
    ("GET", f"{VERSION}/files/{{path:path}}"): Action.READ,
    ("GET", f"{VERSION}/evidence"): Action.READ,
    ("POST", f"{VERSION}/evidence"): Action.REPORT,
    ("GET", f"{VERSION}/evidence/{{digest}}/attachments/{{name}}"): Action.READ,
    ("POST", f"{VERSION}/checks"): Action.RUN_CHECK,
    ("GET", f"{VERSION}/checks"): Action.READ,
    ("POST", f"{VERSION}/promotions"): Action.REQUEST_PROMOTION,
    ("GET", "/promotions"): ANYBODY,
    ("GET", "/promotions/{id}"): Action.READ,
    ("POST", "/promotions/{id}/approve"): Action.APPROVE,
    ("POST", "/promotions/{id}/reject"): Action.APPROVE,
    ("POST", "/promotions/{id}/cancel"): Action.CHANGE_STAGE,
    ("GET", "/policies"): "reader of anything",
    ("PUT", "/policies"): Action.SET_POLICY,
    ("POST", "/policies/switch"): Action.SET_POLICY,
    ("GET", "/policies/applying"): Action.READ,
    ("GET", "/policies/current"): "reader of anything",
    ("GET", "/policies/history"): "reader of anything",
    ("GET", "/whoami"): ANYBODY,
    ("GET", "/versions"): ANYBODY,
    ("GET", "/resolve"): Action.READ,
    ("GET", "/diff"): Action.READ,
    ("POST", "/principals"): Action.MANAGE_ACCESS,
    ("GET", "/principals"): Action.MANAGE_ACCESS,
    ("PATCH", "/principals/{name}"): Action.MANAGE_ACCESS,
    ("PUT", "/principals/{name}/password"): Action.MANAGE_ACCESS,  # or one's own
    ("GET", "/grants"): Action.MANAGE_ACCESS,
    ("PUT", "/grants"): Action.MANAGE_ACCESS,
    ("DELETE", "/grants"): Action.MANAGE_ACCESS,
    ("POST", "/tokens"): ANYBODY,
    ("GET", "/tokens"): ANYBODY,
    ("DELETE", "/tokens/{id}"): Action.MANAGE_ACCESS,
    ("POST", "/principals/{name}/identities"): Action.MANAGE_ACCESS,
    ("GET", "/principals/{name}/identities"): Action.MANAGE_ACCESS,  # or one's own
    ("DELETE", "/principals/{name}/identities"): Action.MANAGE_ACCESS,
    ("DELETE", "/principals/{name}/sessions"): Action.MANAGE_ACCESS,  # or one's own
    ("PUT", "/sign-in/groups"): Action.MANAGE_ACCESS,
    ("GET", "/sign-in/groups"): Action.MANAGE_ACCESS,
    ("DELETE", "/sign-in/groups"): Action.MANAGE_ACCESS,
    ("POST", "/publishers"): TEAM_ADMIN,
    ("GET", "/publishers"): ANYBODY,  # who sees none has none
    ("DELETE", "/publishers/{id}"): "whoever may see it",
    ("GET", "/audit"): Action.READ_AUDIT,
    ("GET", "/audit/verify"): Action.READ_AUDIT,
    ("GET", "/audit/head"): "reader of anything",
    ("GET", "/audit/heads"): "reader of anything",
    ("GET", "/audit/key"): "reader of anything",
    ("GET", "/audit/consistency"): "reader of anything",
    ("GET", "/audit/proof"): Action.READ_AUDIT,  # or of the model that the event is about
    ("GET", "/audit/export"): Action.READ_AUDIT,
    ("POST", "/webhooks"): Action.MANAGE_WEBHOOKS,
    ("GET", "/webhooks"): Action.MANAGE_WEBHOOKS,
    ("GET", "/webhooks/{id}"): Action.MANAGE_WEBHOOKS,
    ("PATCH", "/webhooks/{id}"): Action.MANAGE_WEBHOOKS,
    ("DELETE", "/webhooks/{id}"): Action.MANAGE_WEBHOOKS,
    ("POST", "/webhooks/{id}/test"): Action.MANAGE_WEBHOOKS,
    ("GET", "/webhooks/{id}/deliveries"): Action.MANAGE_WEBHOOKS,
    ("POST", "/uploads"): SENDER,
    ("GET", "/uploads"): SENDER,
    ("GET", "/uploads/{id}"): SENDER,
    ("POST", "/uploads/{id}/complete"): SENDER,
    ("DELETE", "/uploads/{id}"): SENDER,
    ("POST", "/gc"): Action.MANAGE_STORAGE,
    ("GET", "/quotas"): Action.MANAGE_STORAGE,
    ("PUT", "/quotas"): Action.MANAGE_STORAGE,
    ("DELETE", "/quotas"): Action.MANAGE_STORAGE,
    ("POST", "/quotas/recount"): Action.MANAGE_STORAGE,
}
GLOBAL = {Action.MANAGE_ACCESS, Action.MANAGE_STORAGE, Action.MANAGE_WEBHOOKS, Action.READ_AUDIT}
ROLES = [None, *Role]
POLICY = '{"applies_to": "%s", "gates": {"staging": ["signature"], "production": ["signature"]}}'


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    one = NativeWorld(tmp_path_factory.mktemp("native"))
    one.version("team/task")
    one.version("other/task")
    yield one
    one.close()


@pytest.fixture(scope="module")
def tokens(world):
    return {
        (role, scope): world.token(
            f"{role.value if role else 'nobody'}-one", role and role.value, "team/*", [scope]
        )
        for role, scope in itertools.product(ROLES, SCOPES)
    }


def request_of(route, team):
    """Return path and body that reach the decision, and change as little as possible."""
    values = {
        "team": team,
        "task": "task",
        "version": "1",
        "alias": "best",
        "path:path": "m0.bin",
        "id": "pr_none",
    }
    values |= {"digest": DIGEST, "name": "nobody"}
    path = route.path
    for name, value in values.items():
        path = path.replace("{" + name + "}", value)
    address = f"{team}/task/1"
    queries = {
        "/resolve": f"?address={address}",
        "/diff": f"?left={address}&right={address}",
        "/policies/applying": f"?model={team}/task",
        "/policies/history": "?pattern=*",
        "/audit/consistency": "?first=1&second=2",
        "/audit/proof": "?seq=1",
        "/policies/current": "?pattern=*",
        "/grants": "?principal=nobody&pattern=*" if route.method == "DELETE" else "",
        "/quotas": "?owner=team" if route.method == "DELETE" else "",
        "/sign-in/groups": "?group=g&pattern=team" if route.method == "DELETE" else "",
        "/principals/{name}/identities": "?issuer=https://x&subject=s" if route.method == "DELETE" else "",
    }
    bodies = {
        "/models": {"name": f"{team}/task"},
        f"{MODEL}/aliases/{{alias}}": {"version": "1"},
        f"{MODEL}/versions": {"files": [{"path": "m", "digest": DIGEST, "size_bytes": 1}]},
        f"{VERSION}/evidence": {
            "check": "metrics",
            "subject": "sha256:" + "0" * 64,
            "measured_at": "2026-01-01T00:00:00Z",
        },
        f"{VERSION}/checks": {"check": "metrics"},
        f"{VERSION}/promotions": {"stage": "production"},
        "/policies": POLICY % f"{team}/task",
        "/policies/switch": {"pattern": f"{team}/task", "mode": "enforce"},
        "/principals": {"name": "Not A Name"},
        "/principals/{name}": {"disabled": True},
        "/principals/{name}/password": {"password": "correct horse battery"},
        "/grants": {"principal": "nobody", "role": "reader", "pattern": "*"},
        "/tokens": {"scopes": ["none"]},
        "/principals/{name}/identities": {"issuer": "none", "subject": "s"},
        "/sign-in/groups": {"group": "g", "pattern": "team", "role": "none"},
        "/publishers": {"pattern": team, "provider": "none"},
        "/uploads": {"size_bytes": 1},
        "/quotas": {"owner": "team", "limit_bytes": 10**9},
        "/webhooks": {"name": "a b", "url": "https://example.org/", "events": ["prompt.created"]},
    }
    body = None if route.method in ("GET", "DELETE") else bodies.get(route.path, {})
    return path + queries.get(route.path, ""), body


def allowed(asks, role, scope, team):
    """What the table of rights says, written a second time and apart from the code."""
    if asks == ANYBODY:
        return True
    if asks == TEAM_ADMIN:
        return role is Role.ADMIN and scope == "admin" and team == "team"
    if asks == SENDER:
        return role not in (None, Role.READER) and scope in ("write", "evidence")
    if asks == "reader of anything":
        return role is not None and scope == "read"
    order = [None, *Role]
    enough = order.index(role) >= order.index(asks.role) and scope == asks.scope.value
    return enough and team == "team" and asks not in GLOBAL


def test_the_table_has_every_route_and_no_other():
    assert {(route.method, route.path) for route in ROUTES} == set(ASKS)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_asks_for_its_right(route, world, tokens):
    asks = ASKS[route.method, route.path]
    # A promotion id says nothing of a model, so who cannot read it learns nothing: always 404.
    unknown = "{id}" in route.path and route.path.startswith(("/promotions/", "/publishers/"))
    for (role, scope), token in tokens.items():
        for team in ("team", "other"):
            path, body = request_of(route, team)
            status = world.send(route.method, path, token, body).status_code
            told = f"{role} {scope} {team}: {status}"
            assert status < 500, told
            if unknown:
                assert status == 404, told
            elif allowed(asks, role, scope, team):
                assert status not in (401, 403), told
            else:
                assert status in (403, 404), told


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_no_route_answers_without_a_login(route, world):
    path, body = request_of(route, "team")
    for header in (
        {"Authorization": ""},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Basic eA=="},
    ):
        answer = world.send(route.method, path, body=body, headers=header)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"


def test_blobs_are_for_those_who_may_upload_somewhere(world, tokens):
    for (role, scope), token in tokens.items():
        may = role is not None and role.rank >= Role.CONTRIBUTOR.rank and scope in ("write", "evidence")
        for method in ("PUT", "HEAD"):
            body = b"weights" if method == "PUT" else None
            status = world.send(method, f"/blobs/{DIGEST}", token, body).status_code
            assert (status in (200, 201)) is may, (role, scope, method, status)


@pytest.mark.parametrize(
    "path", ["", "/history", "/versions/1", "/versions/1/evidence", "/versions/1/files/m0.bin"]
)
def test_a_hidden_model_answers_exactly_as_a_missing_one(path, world, tokens):
    token = tokens[Role.ADMIN, "read"]
    hidden = world.send("GET", f"/models/other/task{path}", token)
    missing = world.send("GET", f"/models/other/none{path}", token)
    assert hidden.status_code == missing.status_code == 404
    assert hidden.text.replace("other/task", "other/none") == missing.text
    assert {k for k in hidden.headers if k != "date"} == {k for k in missing.headers if k != "date"}


def test_listings_show_and_count_only_what_is_visible(world, tokens):
    for path in ("/models", "/versions"):
        items = world.send("GET", path, tokens[Role.READER, "read"]).json()["items"]
        assert items
        assert all(item.get("name", item.get("model")).startswith("team/") for item in items)


def test_the_door_answers_every_error():
    assert set(ERRORS) == LEAVES
