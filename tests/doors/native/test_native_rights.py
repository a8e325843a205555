"""Rights that depend on more than a route: promotions by id, the whole registry, stages, tokens.

Every write is rehearsed: it runs as it would and is undone at its end, so that one state serves all.
"""

import itertools
from contextlib import contextmanager
from dataclasses import replace

import pytest

from assay.core.access import Role
from assay.core.errors import UnavailableError
from assay.doors.native import ROUTES, native_app
from assay.usecases.bundle import UseCases
from assay.wire.requests import NewGrant, NewPrincipal, NewToken, PrincipalChange
from assay.wire.sign_in import NewGroupRole, NewIdentity
from doors.app_client import AppClient
from doors.native.native_world import SCOPES, NativeWorld
from doors.native.test_native_access import request_of

ROLES = [None, *Role]
WITH_READ = [{"read"}, *({"read", scope} for scope in SCOPES[1:])]
REHEARSED = 503
PUBLISHER = {
    "provider": "github",
    "repository": "acme/x",
    "repository_owner_id": "1",
    "workflow": "release.yml",
}


class Rehearsal:
    """A database in which no write lasts."""

    def __init__(self, database):
        self.read, self.view, self.embedded = database.read, database.view, database.embedded
        self._database = database

    @contextmanager
    def write(self):
        with self._database.write() as records:
            yield records
            raise UnavailableError("rehearsed")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    one = NativeWorld(tmp_path_factory.mktemp("native"))
    for model in ("team/task", "other/task"):
        one.version(model)
    one.promotions = {}
    for team in ("team", "other"):
        answer = one.send("POST", f"/models/{team}/task/versions/1/promotions", body={"stage": "staging"})
        assert answer.json()["state"] == "checking"
        one.promotions[team] = answer.json()["id"]
    for name in ("victim", "service-owner"):
        one.use.access.create_principal(one.local, NewPrincipal(name))
    one.victim = one.use.access.create_token(one.local, NewToken(("read",), principal="victim")).token.id
    one.use.access.grant(one.local, NewGrant("victim", "reader", "team/*"))
    one.use.identities.link(one.local, "victim", NewIdentity("https://i.example", "s"))
    one.use.identities.map(one.local, NewGroupRole("there", "team", "reader"))
    use = UseCases.over(replace(one.means, database=Rehearsal(one.means.database)))
    app = native_app(use, one.means.clock, loopback=True, anonymous=False)
    one.real, one.client = (
        one.client,
        AppClient(app),
    )
    yield one
    one.close()


def holder(world, role, pattern, scopes):
    """Return a token of somebody with that role there."""
    where = {"*": "all", "team/*": "team"}[pattern]
    return world.token(f"{role.value if role else 'no'}-{where}", role and role.value, pattern, scopes)


@pytest.mark.parametrize(
    ("word", "least", "scope"),
    [
        ("", Role.READER, "read"),
        ("/approve", Role.APPROVER, "approve"),
        ("/reject", Role.APPROVER, "approve"),
        ("/cancel", Role.MAINTAINER, "write"),
    ],
)
def test_a_promotion_is_found_and_decided_by_right(world, word, least, scope):
    for role, scopes, team in itertools.product(ROLES, WITH_READ, world.promotions):
        token = holder(world, role, "team/*", scopes)
        path = f"/promotions/{world.promotions[team]}{word}"
        status = world.send("POST" if word else "GET", path, token, {} if word else None).status_code
        told = f"{role} {scopes} {team}: {status}"
        if role is None or team == "other":
            assert status == 404, told
        elif role.rank >= least.rank and scope in scopes:
            assert status in (200, 409, REHEARSED), told  # 409: it is still being checked
        else:
            assert status == 403, told


def whole_registry(world):
    """Requests about the whole registry, all of which an admin may make."""
    return [
        ("POST", "/principals", {"name": "new"}, "admin"),
        ("GET", "/principals", None, "admin"),
        ("PATCH", "/principals/victim", {"disabled": True}, "admin"),
        ("GET", "/grants", None, "admin"),
        ("GET", "/grants?principal=victim", None, "admin"),
        ("PUT", "/grants", {"principal": "victim", "role": "reader", "pattern": "*"}, "admin"),
        ("DELETE", "/grants?principal=victim&pattern=team/*", None, "admin"),
        ("POST", "/tokens", {"scopes": ["read"], "principal": "victim"}, "admin"),
        ("GET", "/tokens?principal=victim", None, "admin"),
        ("DELETE", f"/tokens/{world.victim}", None, "admin"),
        ("POST", "/principals/victim/identities", {"issuer": "https://x.example", "subject": "s"}, "admin"),
        ("GET", "/principals/victim/identities", None, "admin"),
        ("DELETE", "/principals/victim/identities?issuer=https://i.example&subject=s", None, "admin"),
        ("DELETE", "/principals/victim/sessions", None, "admin"),
        ("PUT", "/sign-in/groups", {"group": "g", "pattern": "*", "role": "reader"}, "admin"),
        ("GET", "/sign-in/groups", None, "admin"),
        ("DELETE", "/sign-in/groups?group=there&pattern=team", None, "admin"),
        ("POST", "/publishers", PUBLISHER | {"pattern": "other"}, "admin"),
        ("GET", "/audit", None, "read"),
        ("GET", "/audit/verify", None, "read"),
        ("GET", "/audit/export", None, "read"),
    ]


@pytest.mark.parametrize("number", range(21))
def test_the_whole_registry_is_for_admins_of_all_of_it(world, number):
    method, path, body, scope = whole_registry(world)[number]
    for role, scopes, pattern in itertools.product(ROLES, WITH_READ, ["*", "team/*"]):
        status = world.send(method, path, holder(world, role, pattern, scopes), body).status_code
        if role is Role.ADMIN and scope in scopes and pattern == "*":
            assert status in (200, REHEARSED), (method, path, scopes)
        else:
            assert status == 403, (method, path, role, scopes, pattern)


NAMING = [
    route
    for route in ROUTES
    if "{team}" in route.path
    or (route.method, route.path)
    in {
        ("POST", "/models"),
        ("GET", "/resolve"),
        ("GET", "/diff"),
        ("GET", "/policies/applying"),
        ("PUT", "/policies"),
        ("POST", "/policies/switch"),
    }
]


def looks(answer, old, new):
    """Return all that an answer tells, with one name put for another."""
    return answer.status_code, answer.text.replace(old, new), set(answer.headers)


@pytest.mark.parametrize("route", NAMING, ids=lambda route: f"{route.method} {route.path}")
def test_whatever_is_asked_a_hidden_model_looks_like_a_missing_one(world, route):
    token = holder(world, Role.ADMIN, "team/*", SCOPES)
    hidden = world.send(route.method, *at(route, "other", token))
    missing = world.send(route.method, *at(route, "absent", token))
    # To create one is denied, whether or not it is there: nothing needs to be hidden.
    assert hidden.status_code == (403 if (route.method, route.path) == ("POST", "/models") else 404)
    assert looks(hidden, "other/task", "absent/task") == looks(missing, "", "")


def at(route, team, token):
    path, body = request_of(route, team)
    return path, token, body


@pytest.mark.parametrize(
    ("method", "word"), [("GET", ""), ("POST", "/approve"), ("POST", "/reject"), ("POST", "/cancel")]
)
def test_a_hidden_promotion_looks_like_a_missing_one(world, method, word):
    token = holder(world, Role.ADMIN, "team/*", SCOPES)
    hidden, missing = world.promotions["other"], "pr_" + "0" * 20
    body = {} if word else None
    one = world.send(method, f"/promotions/{hidden}{word}", token, body)
    two = world.send(method, f"/promotions/{missing}{word}", token, body)
    assert one.status_code == 404
    assert looks(one, hidden, missing) == looks(two, "", "")


def test_a_password_is_set_by_admins_whose_tokens_carry_every_scope(world):
    path, body = "/principals/victim/password", {"password": "correct horse battery"}
    for role, pattern in itertools.product(ROLES, ["*", "team/*"]):
        status = world.send("PUT", path, holder(world, role, pattern, SCOPES), body).status_code
        assert status == (REHEARSED if role is Role.ADMIN and pattern == "*" else 403), (role, pattern)
    token = holder(world, Role.ADMIN, "*", {"read", "write", "admin"})
    answer = world.send("PUT", path, token, body)
    assert answer.status_code == 403
    (reason,) = answer.json()["reasons"]
    assert reason["rule"] == "needs the scopes read, write, evidence, approve, admin"
    assert reason["detail"] == "this token lacks evidence, approve"
    assert body["password"] not in answer.text


@pytest.mark.parametrize(("stage", "status"), [("staging", REHEARSED), ("production", 403)])
def test_a_grant_for_some_stages_ends_there(world, stage, status):
    token = world.token("stager", None, "", SCOPES)
    world.use.access.grant(world.local, NewGrant("stager", "maintainer", "team/*", ("staging",)))
    path = "/models/team/task/versions/1/promotions"
    assert world.send("POST", path, token, {"stage": stage}).status_code == status
    assert world.send("POST", "/models/team/task/rollback", token, {}).status_code == 403


def test_a_token_narrows_its_owner(world):
    made = world.use.access.create_token(
        world.local, NewToken(SCOPES, principal="root", pattern="team/*", lifetime_days=1.0)
    )
    assert world.send("GET", "/models/team/task", made.text).status_code == 200
    assert world.send("GET", "/models/other/task", made.text).status_code == 404
    assert world.send("GET", "/principals", made.text).status_code == 403
    listed = world.send("GET", "/models", made.text).json()["items"]
    assert {each["name"] for each in listed} == {"team/task"}
    wider = {"scopes": ["read"], "pattern": "*"}
    assert world.send("POST", "/tokens", made.text, wider).status_code == 403


def test_a_service_account_approves_nothing(world):
    service = NewPrincipal("robot", "service", owner="service-owner")
    world.use.access.create_principal(world.local, service)
    token = world.token("robot", "admin", "*", ["read", "write"])
    answer = world.send("POST", f"/promotions/{world.promotions['team']}/approve", token, {})
    assert answer.status_code == 403
    assert "people" in answer.json()["reasons"][0]["rule"]


def test_a_revoked_token_and_a_disabled_owner_are_out_at_once(world):
    token = world.token("leaver", "admin", "*")
    world.use.access.change_principal(world.local, "leaver", PrincipalChange(disabled=True))
    assert world.send("GET", "/whoami", token).status_code == 401
    world.use.access.change_principal(world.local, "leaver", PrincipalChange(disabled=False))
    assert world.send("GET", "/whoami", token).status_code == 200
    world.use.access.revoke_token(world.local, token[6:22])
    assert world.send("GET", "/whoami", token).status_code == 401


def test_no_answer_tells_a_secret(world):
    token = world.token("teller", "admin", "*")
    world.token("teller", None, "")
    kept = world.means.database
    with kept.read() as records:
        hashes = [each.secret_sha256 for each in records.tokens.of("teller")]
    said = "".join(
        world.send("GET", path, token).text for path in ("/tokens", "/audit", "/whoami", "/principals")
    )
    assert len(hashes) == 2
    assert not [each for each in (*hashes, token[22:]) if each in said]
