"""Whoever keeps searches or passwords busy stops nothing else; both doors."""

import asyncio
import base64
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from assay.core.errors import NotFoundError
from assay.doors.mlflow import mlflow_app
from assay.doors.mlflow.routes import ROUTES as MLFLOW_ROUTES
from assay.doors.mlflow.table import served_paths
from assay.doors.native import ROUTES as NATIVE_ROUTES
from assay.doors.native import native_app
from assay.http.threads import Sender, Threads, Work
from assay.storage import SqlDatabase
from assay.usecases import passwords
from doors.mlflow.mlflow_world import MlflowWorld

PATIENCE_S = 20
QUICK = {
    "mlflow": ("GET", "/api/2.0/mlflow/experiments/get", b"experiment_id=0"),
    "native": ("GET", "/api/v1/whoami", b""),
}


@pytest.fixture
def world(tmp_path):
    one = MlflowWorld(tmp_path)
    yield one
    one.close()


@pytest.fixture
def apps(world):
    return {
        "mlflow": mlflow_app(world.use, loopback=True, anonymous=True),
        "native": native_app(world.use, world.means.clock, loopback=True, anonymous=True),
    }


async def status(app, method, path, query=b"", *, credentials="", body=b""):
    """Send a request; return its status."""
    found = []
    headers = [(b"host", b"127.0.0.1:8640"), (b"content-length", str(len(body)).encode())]
    if body:
        headers.append((b"content-type", b"application/json"))
    if credentials:
        headers.append((b"authorization", credentials.encode()))

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(event):
        found.append(event.get("status"))

    scope = {
        "type": "http",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 40000),
        "server": ("127.0.0.1", 8640),
    }
    await app(scope, receive, send)
    return found[0]


def among(busy, asked, let_go):
    """Begin what is busy, and return what the asked answer meanwhile."""

    async def all_of_them():
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(3))
        running = [asyncio.ensure_future(each) for each in busy]
        await asyncio.sleep(0.2)
        try:
            return [await asyncio.wait_for(each, PATIENCE_S) for each in asked]
        finally:
            let_go.set()
            await asyncio.gather(*running)

    return asyncio.run(all_of_them())


@pytest.mark.parametrize("name", QUICK)
def test_searches_that_take_long_stop_nobody_else_and_no_search_of_another(world, apps, monkeypatch, name):
    let_go, started = threading.Event(), []
    token = world.token("ann", "reader", "*")
    runs, versions = world.use.runs.search, world.use.browsing.versions

    def slow(real):
        def search(caller, *words):
            if caller.name == "ann":
                started.append(caller)
                let_go.wait(PATIENCE_S)
            return real(caller, *words)

        return search

    monkeypatch.setattr(type(world.use.runs), "search", lambda _, *words: slow(runs)(*words))
    monkeypatch.setattr(type(world.use.browsing), "versions", lambda _, *words: slow(versions)(*words))
    search = {
        "mlflow": ("POST", "/api/2.0/mlflow/runs/search"),
        "native": ("GET", "/api/v1/versions"),
    }[name]
    body = b'{"experiment_ids": ["0"]}' if name == "mlflow" else b""
    busy = [status(apps[name], *search, credentials=f"Bearer {token}", body=body) for _ in range(12)]
    asked = [status(apps[name], *QUICK[name]), status(apps[name], *search, body=body)]
    assert among(busy, asked, let_go) == [200, 200]
    assert len(started) == 12


@pytest.mark.parametrize("embedded", [True, False])
@pytest.mark.parametrize(
    ("work", "browses", "at_once"),
    [
        (Work.LOOK, False, True),
        (Work.LOOK, True, False),
        (Work.READ, False, False),
        (Work.WRITE, False, False),
    ],
)
def test_only_a_look_at_an_embedded_database_is_done_where_it_was_asked(embedded, work, browses, at_once):
    sender = Sender("127.0.0.1", "", browses)
    threads = Threads(embedded=embedded)

    async def where():
        here = threading.get_ident()
        return here == await threads.run(sender, threading.get_ident, sender.work(work))

    assert asyncio.run(where()) == (at_once and embedded)


def test_no_look_writes(world, apps, monkeypatch):
    """Whatever is asked of a look, and whoever asks: there is no transaction to write in."""
    token = world.token("ann", "reader", "*")
    world.good("POST", "2.0/mlflow/registered-models/create", {"name": "m"})
    monkeypatch.setattr(SqlDatabase, "write", None)
    looks = [("mlflow", served_paths(each)[0]) for each in MLFLOW_ROUTES if each.work is Work.LOOK]
    looks += [("native", "/api/v1" + each.path) for each in NATIVE_ROUTES if each.work is Work.LOOK]
    assert len(looks) > 5
    for name, path in looks:
        query = b"name=m&alias=a&version=1&address=default/m/1"
        filled = path.replace("{team}", "default").replace("{task}", "m").replace("{alias}", "a")
        for credentials in ("", f"Bearer {token}", "Bearer assay_x"):
            answer = asyncio.run(status(apps[name], "GET", filled, query, credentials=credentials))
            assert answer < 500, (name, path)


@pytest.mark.parametrize("name", QUICK)
def test_writers_that_wait_for_the_database_stop_nobody_who_reads(world, apps, monkeypatch, name):
    let_go, real = threading.Event(), SqlDatabase.write

    def locked(database):
        let_go.wait(PATIENCE_S)
        return real(database)

    monkeypatch.setattr(SqlDatabase, "write", locked)
    create = {
        "mlflow": ("POST", "/api/2.0/mlflow/registered-models/create"),
        "native": ("PUT", "/api/v1/grants"),
    }[name]
    body = {"mlflow": b'{"name": "m"}', "native": b'{"principal": "no", "role": "reader", "pattern": "*"}'}
    busy = [status(apps[name], *create, body=body[name]) for _ in range(12)]
    assert among(busy, [status(apps[name], *QUICK[name])], let_go) == [200]


LONG = {
    "uploads": ("native", "POST", "/api/v1/uploads/tr_1/complete", b""),
    "room for files": ("native", "POST", "/api/v1/uploads", b'{"size_bytes": 1}'),
    "given up": ("native", "DELETE", "/api/v1/uploads/tr_1", b""),
    "collections": ("native", "POST", "/api/v1/gc", b"{}"),
    "rollbacks": ("native", "POST", "/api/v1/models/team/task/rollback", b"{}"),
    "registrations": (
        "native",
        "POST",
        "/api/v1/models/team/task/versions",
        b'{"files": [{"path": "a", "digest": "sha256:%s", "size_bytes": 1}]}' % (b"0" * 64),
    ),
    "uploads of MLflow": (
        "mlflow",
        "POST",
        "/api/2.0/mlflow-artifacts/mpu/complete/1/run/artifacts",
        b'{"path": "a", "upload_id": "up_1", "parts": []}',
    ),
    "uploads of MLflow begun": (
        "mlflow",
        "POST",
        "/api/2.0/mlflow-artifacts/mpu/create/1/run/artifacts",
        b'{"path": "a", "num_parts": 1}',
    ),
    "uploads of MLflow given up": (
        "mlflow",
        "POST",
        "/api/2.0/mlflow-artifacts/mpu/abort/1/run/artifacts",
        b'{"path": "a", "upload_id": "up_1"}',
    ),
    "releases": (
        "mlflow",
        "POST",
        "/api/2.0/mlflow/model-versions/create",
        b'{"name": "m", "source": "runs:/1/model"}',
    ),
}
WRITES = {
    "mlflow": ("POST", "/api/2.0/mlflow/registered-models/create", b'{"name": "other"}'),
    "native": ("POST", "/api/v1/models", b'{"name": "team/other"}'),
}


@pytest.mark.parametrize("what", LONG)
def test_work_on_whole_files_stops_no_writer(world, apps, monkeypatch, what):
    let_go, started = threading.Event(), []

    def slow(*_, **__):
        started.append(1)
        let_go.wait(PATIENCE_S)
        raise NotFoundError("there is no such thing")

    use = world.use
    for owner, name in (
        (use.transferring, "begin"),
        (use.transferring, "complete"),
        (use.transferring, "abort"),
        (use.collecting, "collect"),
        (use.changing, "roll_back"),
        (use.registration, "register"),
        (use.uploading, "begin"),
        (use.uploading, "complete"),
        (use.uploading, "abort"),
        (use.releasing, "release"),
    ):
        monkeypatch.setattr(type(owner), name, slow)
    door, method, path, body = LONG[what]
    busy = [status(apps[door], method, path, body=body) for _ in range(20)]
    method, path, body = WRITES[door]
    assert among(busy, [status(apps[door], method, path, body=body)], let_go)[0] in (200, 201)
    assert len(started) == 20


@pytest.mark.parametrize(
    ("name", "path"),
    [("mlflow", "/health"), ("mlflow", "/version"), ("native", "/healthz")],
)
def test_health_is_told_when_every_thread_is_busy(apps, name, path):
    let_go = threading.Event()

    async def stuck():
        await asyncio.to_thread(let_go.wait, PATIENCE_S)

    busy = [stuck() for _ in range(5)]
    assert among(busy, [status(apps[name], "GET", path)], let_go) == [200]


@pytest.mark.parametrize("name", QUICK)
def test_who_guesses_passwords_stops_nobody_with_a_token_or_a_known_password(world, apps, monkeypatch, name):
    monkeypatch.setattr(passwords, "COST", passwords.Cost(n=2**4, r=8, p=1))
    word = "correct horse battery"
    world.use.people.create(world.local, "eve", word)
    world.use.access.authenticate_basic("eve", word)
    let_go, real = threading.Event(), passwords._derive
    guesses = []

    def slow(*words):
        guesses.append(words)
        let_go.wait(PATIENCE_S)
        return real(*words)

    monkeypatch.setattr(passwords, "_derive", slow)

    def basic(name, password):
        return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()

    app, quick = apps[name], QUICK[name]
    token = f"Bearer {world.token('ann', 'reader', '*')}"
    busy = [status(app, *quick, credentials=basic(f"ghost{number}", "no")) for number in range(12)]
    asked = [status(app, *quick, credentials=token), status(app, *quick, credentials=basic("eve", word))]
    answers = among(busy, asked, let_go)
    assert answers[0] == 200
    assert answers[1] in (200, 404), "eve is known, whatever she may see"
    assert len(guesses) == 12


def test_so_many_from_one_address_may_wait_with_a_password_and_all_are_told(world, apps, monkeypatch):
    monkeypatch.setattr(passwords, "COST", passwords.Cost(n=2**4, r=8, p=1))
    let_go = threading.Event()
    monkeypatch.setattr(passwords, "_derive", lambda *_: let_go.wait(PATIENCE_S) and b"0" * 32)

    def guess(number):
        text = base64.b64encode(f"ghost:{number}".encode()).decode()
        return status(apps["mlflow"], *QUICK["mlflow"], credentials=f"Basic {text}")

    async def crowd():
        running = [asyncio.ensure_future(guess(number)) for number in range(100)]
        done = set()
        async with asyncio.timeout(PATIENCE_S):
            while len(done) < 60:
                done, _ = await asyncio.wait(running, timeout=0.1)
        early = [each.result() for each in done]
        let_go.set()
        return early, await asyncio.gather(*running)

    early, every = asyncio.run(crowd())
    assert set(early) == {503}
    assert set(every) == {401, 503}
