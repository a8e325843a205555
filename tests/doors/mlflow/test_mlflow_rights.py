"""Every route of the MLflow door x every stranger, against one table: nobody gets what is another team's."""

import itertools
import json
import re
import shutil
from urllib.parse import urlencode

import pytest

from assay.doors.mlflow import mlflow_app
from assay.doors.mlflow.routes import ROUTES
from assay.doors.mlflow.table import served_paths
from doors.mlflow.rights_table import ASKS, CONTENT, HEADERS, LOOKS, NAME, PATHS, OtherTeam
from doors.native.asgi import ask as send

OFFERED = [route for route in ROUTES if not route.answer.__module__.endswith("not_offered")]
LEFT_OUT = [route for route in ROUTES if route not in OFFERED]


def named(route):
    return f"{route.method} {route.path}"


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A registry with something of the other team's, and the folder it lies in."""
    root = tmp_path_factory.mktemp("rights")
    one = OtherTeam(root).fill()
    one.strict = mlflow_app(one.use, loopback=True, anonymous=False)
    one.root = root
    one.strangers = {
        "reader of another team": one.token("rita", "reader", "mine/*"),
        "contributor of another team": one.token("carl", "contributor", "mine/*"),
        "maintainer of one other model": one.token("mona", "maintainer", "mine/task"),
        "somebody without a grant": one.token("nora", None, ""),
    }
    one.before = looks(one)
    yield one
    one.close()


def spoken(value, values):
    """Return a value in which every ``{word}`` that is known is filled in."""
    if isinstance(value, str):
        whole = re.fullmatch(r"\{(\w+)\}", value)
        if whole and whole[1] in values:
            return values[whole[1]]
        return re.sub(r"\{(\w+)\}", lambda found: str(values.get(found[1], found[0])), value)
    if isinstance(value, list):
        return [spoken(each, values) for each in value]
    if isinstance(value, dict):
        return {key: spoken(each, values) for key, each in value.items()}
    return value


def request_of(route, path, values):
    """Return (path, query, headers, body) that aim at the other team's things."""
    asks = ASKS[route.method, route.path]
    for word, stands_for in PATHS.items():
        path = path.replace("{" + word + "}", str(spoken(stands_for, values)))
    fields = spoken(asks.fields, values)
    headers = [*HEADERS, *((key, str(spoken(value, values))) for key, value in asks.headers)]
    if route.path.endswith("upload-artifact"):
        fields = {"run_uuid": values["run"], "path": "model/weights.bin"}
    if route.method == "GET" or asks.body is not None:
        return path, urlencode(fields, doseq=True), headers, asks.body or b""
    return path, "", [*headers, ("content-type", "application/json")], json.dumps(fields).encode()


def answers(world, app, route, token=""):
    """Send the request to the path and its ajax twin; yield the answers."""
    for served in served_paths(route):
        path, query, headers, body = request_of(route, served, world.values)
        if token:
            headers = [*headers, ("authorization", f"Bearer {token}")]
        yield send(app, route.method, path, headers, chunks=(body,), query=query)


def looks(world):
    """Return all that an admin sees of the other team's things."""
    return [world.good("GET", spoken(path, world.values)) for path in LOOKS]


def test_the_table_has_every_route_and_no_other():
    assert {(route.method, route.path) for route in OFFERED} == set(ASKS)


def test_only_the_routes_of_the_table_are_public():
    public = {(route.method, route.path) for route in ROUTES if route.public}
    assert public == {place for place, asks in ASKS.items() if asks.kind in ("public", "signed")}


@pytest.mark.parametrize("route", OFFERED, ids=named)
def test_a_server_that_wants_a_token_answers_nobody_without_one(route, filled):
    kind = ASKS[route.method, route.path].kind
    for answer in answers(filled, filled.strict, route):
        if kind == "public":
            assert answer.status == 200
        elif kind == "signed":
            assert answer.status in (400, 403, 404)
        else:
            assert (answer.status, answer.json["error_code"]) == (401, "UNAUTHENTICATED")
            assert "www-authenticate" in answer.headers
        assert CONTENT.encode() not in answer.body
        assert NAME.encode() not in answer.body


@pytest.mark.parametrize("route", OFFERED, ids=named)
def test_no_route_gives_a_stranger_anything_of_another_team(route, filled):
    kind = ASKS[route.method, route.path].kind
    for who, token in filled.strangers.items():
        for answer in answers(filled, filled.strict, route, token):
            told = f"{who}: {answer.status} {answer.body[:300]}"
            assert answer.status < 500, told
            assert CONTENT.encode() not in answer.body, told
            if kind in ("hidden", "signed"):
                assert answer.status in (403, 404) or (kind == "signed" and answer.status == 400), told
            elif kind == "admin":
                assert answer.status == 403, told
            if answer.status < 300:
                assert NAME.encode() not in answer.body, told
                assert all(
                    str(filled.values[word]).encode() not in answer.body for word in ("run", "trace")
                ), told
    assert looks(filled) == filled.before, "a stranger changed something"


@pytest.mark.parametrize("route", OFFERED, ids=named)
def test_the_same_request_is_a_good_one_for_an_admin(route, filled, tmp_path):
    """Otherwise the strangers above would be refused for the wrong reason."""
    asks = ASKS[route.method, route.path]
    if asks.kind in ("public", "signed"):
        return
    folder = tmp_path / "copy"
    shutil.copytree(filled.root, folder)
    world = OtherTeam(folder)
    world.values = filled.values
    world.means.chance._count = itertools.count(100_000)  # ids that the copied registry has not given yet
    try:
        answer = next(iter(answers(world, world.app, route)))
        assert answer.status == asks.admin, answer.body[:500]
    finally:
        world.close()


@pytest.mark.parametrize("route", LEFT_OUT, ids=named)
def test_what_is_not_offered_is_said_only_to_those_who_signed_in(route, filled):
    path = served_paths(route)[-1].replace("{rest:path}", "x")
    assert send(filled.strict, route.method, path).status == 401
    token = filled.strangers["reader of another team"]
    answer = send(filled.strict, route.method, path, [("authorization", f"Bearer {token}")])
    assert (answer.status, answer.json["error_code"]) == (501, "NOT_IMPLEMENTED")


def test_a_hidden_thing_is_answered_as_a_missing_one(filled):
    token = filled.strangers["contributor of another team"]
    values = filled.values
    for path, missing in (
        (f"2.0/mlflow/runs/get?run_id={values['run']}", "0" * 32),
        (f"2.0/mlflow/logged-models/{values['model_id']}", "m-" + "0" * 32),
        (f"3.0/mlflow/traces/{values['trace']}", "tr-" + "0" * 32),
        (f"2.0/mlflow/registered-models/get?name=other.{NAME}", f"other.{NAME}x"),
        (f"2.0/mlflow/experiments/get?experiment_id={values['experiment']}", "99999"),
        ("3.0/mlflow/workspaces/other", "another"),
    ):
        there = re.split(r"[=/]", path)[-1]
        hidden = filled.send("GET", path, token=token)
        gone = filled.send("GET", path.removesuffix(there) + missing, token=token)
        assert hidden.status == gone.status == 404
        assert hidden.body.decode().replace(there, missing) == gone.body.decode()
