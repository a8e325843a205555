"""Downloads that lead past the server: to whom, for what, and with which rights."""

from dataclasses import replace

import httpx
import pytest

from assay.client import Client
from assay.doors.mlflow import mlflow_app
from assay.doors.native import native_app
from assay.http.redirects import Redirects
from assay.usecases.bundle import UseCases
from doors.app_client import AppClient
from doors.mlflow.mlflow_world import MlflowWorld
from doors.native.asgi import ask
from doors.native.native_world import BLOB, DIGEST, NativeWorld

FOLLOW = ("assay-redirect", "follow")
FILE = "/api/v1/models/team/task/versions/1/files/m0.bin"


class Signing:
    """A store that has addresses to give: keeps what it was asked for."""

    def __init__(self, blobs):
        self._blobs = blobs
        self.given = []

    def __getattr__(self, name):
        return getattr(self._blobs, name)

    def address(self, digest, name, seconds):
        """Give one."""
        self.given.append((digest, name, seconds))
        return f"https://store.example.org/{digest}?right=1"


def signing(world):
    """Give a world a store that gives addresses away."""
    world.store = Signing(world.means.blobs)
    world.means = replace(world.means, blobs=world.store)
    world.use = UseCases.over(world.means)
    return world


@pytest.fixture
def native(tmp_path):
    world = NativeWorld(tmp_path)
    world.version()
    yield signing(world)
    world.close()


@pytest.fixture
def mlflow(tmp_path):
    world = MlflowWorld(tmp_path)
    world.path = f"{world.experiment()}/run/artifacts/model.bin"
    world.good_put = world.send("PUT", f"2.0/mlflow-artifacts/artifacts/{world.path}", b"weights")
    yield signing(world)
    world.close()


def fetch(world, allowed, *headers, method="GET", login=True, path=FILE):
    app = native_app(
        world.use, world.means.clock, loopback=True, anonymous=False, redirects=Redirects(allowed)
    )
    client = AppClient(app)
    sent = {"authorization": f"Bearer {world.admin}"} if login else {}
    return client.request(method, path, headers={**sent, **dict(headers)}, follow_redirects=False)


@pytest.mark.parametrize(
    ("allowed", "headers", "status"),
    [
        ("off", (), 200),
        ("off", (FOLLOW,), 200),
        ("asked", (), 200),
        ("asked", (("assay-redirect", "no"),), 200),
        ("asked", (FOLLOW,), 307),
        ("all", (), 307),
        ("all", (FOLLOW,), 307),
        ("all", (("assay-redirect", "never"),), 200),
        ("asked", (("assay-redirect", "never"),), 200),
    ],
)
def test_the_operator_says_who_is_sent_to_the_store(native, allowed, headers, status):
    answer = fetch(native, allowed, *headers)
    assert answer.status_code == status
    if status == 307:
        assert answer.headers["location"] == f"https://store.example.org/{DIGEST}?right=1"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.content == b""
        assert native.store.given == [(DIGEST, "m0.bin", 900)]
    else:
        assert answer.content == BLOB
        assert native.store.given == []


def test_assays_own_client_comes_back_from_a_store_with_wrong_bytes(native, tmp_path):
    app = native_app(
        native.use, native.means.clock, loopback=True, anonymous=False, redirects=Redirects("all")
    )

    def anywhere(request):
        if request.url.host == "store.example.org":
            return httpx.Response(200, stream=httpx.ByteStream(bytes(len(BLOB))))
        answer = AppClient(app).send(request)
        stream = httpx.ByteStream(answer.content)
        return httpx.Response(answer.status_code, headers=answer.headers, stream=stream)

    with Client("http://127.0.0.1", native.admin, transport=httpx.MockTransport(anywhere)) as client:
        client.download("team/task/1", tmp_path / "out")
    assert (tmp_path / "out" / "m0.bin").read_bytes() == BLOB


def test_rights_are_asked_before_an_address_is_given(native):
    stranger = native.token("mallory", None, "")
    for headers in ((), (("authorization", f"Bearer {stranger}"),)):
        assert fetch(native, "all", *headers, login=False).status_code in (401, 404)
    missing = FILE.replace("m0.bin", "other.bin")
    assert fetch(native, "all", path=missing).status_code == 404
    assert native.store.given == []
    assert fetch(native, "all").status_code == 307


def test_a_question_for_the_headers_is_answered_here(native):
    answer = fetch(native, "all", method="HEAD")
    assert (answer.status_code, answer.headers["content-length"]) == (200, str(len(BLOB)))


def test_where_the_store_has_no_address_the_bytes_come_from_here(native):
    native.store.address = lambda *_: None
    assert fetch(native, "all", FOLLOW).content == BLOB


def test_clients_of_mlflow_may_ask_for_the_bytes_from_here(mlflow):
    path = f"/api/2.0/mlflow-artifacts/artifacts/{mlflow.path}"
    answer = get(mlflow, "all", path, ("assay-redirect", "never"))
    assert (answer.status, answer.body) == (200, b"weights")


def get(world, allowed, path, *headers, anonymous=True):
    app = mlflow_app(world.use, loopback=True, anonymous=anonymous, redirects=Redirects(allowed))
    return ask(app, "GET", path, headers)


@pytest.mark.parametrize("allowed", ["off", "asked", "all"])
def test_clients_of_mlflow_are_sent_to_the_store_only_when_all_are(mlflow, allowed):
    path = f"/api/2.0/mlflow-artifacts/artifacts/{mlflow.path}"
    answer = get(mlflow, allowed, path)
    if allowed == "all":
        assert answer.status == 307
        assert answer.headers["location"].startswith("https://store.example.org/")
        assert mlflow.store.given[0][1:] == ("model.bin", 900)
    else:
        assert (answer.status, answer.body) == (200, b"weights")
    assert get(mlflow, allowed, path + "x").status == 404


@pytest.mark.parametrize("allowed", ["off", "asked", "all"])
def test_presigned_addresses_are_the_stores_own_only_when_all_are_sent_there(mlflow, allowed):
    answer = get(mlflow, allowed, f"/api/2.0/mlflow-artifacts/presigned/{mlflow.path}").json
    host = "https://store.example.org/" if allowed == "all" else "http://127.0.0.1:8640/"
    assert answer["url"].startswith(host)
    assert answer["file_size"] == 7


def test_presigned_addresses_ask_for_rights_first(mlflow):
    stranger = ("authorization", f"Bearer {mlflow.token('mallory', None, '')}")
    for path in ("artifacts", "presigned"):
        answer = get(
            mlflow, "all", f"/api/2.0/mlflow-artifacts/{path}/{mlflow.path}", stranger, anonymous=False
        )
        assert answer.status in (403, 404)
    assert mlflow.store.given == []
