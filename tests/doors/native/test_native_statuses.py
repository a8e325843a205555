"""Statuses that say more than the kind of an error: each is answered, and each is documented."""

import ast

import pytest

from assay.doors.native import native_app
from assay.doors.native.errors import REFUSALS
from assay.doors.native.serving import MAX_JSON_BYTES
from assay.http.exchanges import Exchanges
from assay.http.limits import Limits
from doors.app_client import AppClient
from doors.native.native_world import NativeWorld
from house.source_tree import ROOT, modules

API = "/api/v1"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    one = NativeWorld(tmp_path_factory.mktemp("world"))
    yield one
    one.close()


class Broken:
    """A clock that no program is ready for."""

    def now(self):
        raise RuntimeError("x")


def small_range(world):
    version = world.version("team/ranges")
    path = f"/models/team/ranges/versions/{version['number']}/files/{version['files'][0]['path']}"
    return world.send("GET", path, headers={"Range": "bytes=9999-"})


def too_often(world):
    limits = Exchanges(limits=Limits(1, 1))
    app = limits.before(native_app(world.use, world.means.clock, loopback=True, anonymous=False))
    headers = {"Authorization": f"Bearer {world.admin}"}
    return [AppClient(app).get(f"{API}/whoami", headers=headers) for _ in range(3)][-1]


def stale(world):
    world.version("team/stale")
    return world.send("PATCH", "/models/team/stale", body={}, headers={"If-Match": '"other"'})


def failing(world):
    app = native_app(world.use, Broken(), loopback=True, anonymous=True)
    return AppClient(app).get("/healthz")


PROVOKED = {
    401: lambda world: world.send("GET", "/whoami", "assay_nonsense"),
    405: lambda world: world.send("PUT", "/whoami"),
    412: stale,
    413: lambda world: world.send("POST", "/models", body=b"x" * (MAX_JSON_BYTES + 1)),
    415: lambda world: world.send("POST", "/models", body=b"x", headers={"Content-Type": "text/plain"}),
    416: small_range,
    429: too_often,
    500: failing,
}


@pytest.mark.parametrize("status", PROVOKED)
def test_every_status_that_says_more_than_the_kind_is_answered_as_documented(world, status):
    answer = PROVOKED[status](world)
    assert (answer.status_code, answer.json()["kind"]) == (status, REFUSALS[status][0])


def test_each_of_them_is_provoked_that_the_door_itself_answers():
    # The others are the server's in front of it: tests/journeys/test_operating_journeys.py.
    assert set(PROVOKED) == {status for status, (kind, _) in REFUSALS.items() if kind}


def test_no_status_is_answered_that_the_documentation_does_not_name():
    page = (ROOT / "docs" / "reference" / "errors.md").read_text("utf-8")
    answered = {
        node.value
        for name, tree in modules().items()
        if name.startswith(("doors/native/", "doors/operating/"))
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and type(node.value) is int and 400 <= node.value < 600
    }
    assert {404, 412, 416} <= answered
    assert [status for status in sorted(answered) if f"| {status} |" not in page] == []
