"""Who is nobody fills no memory, and who sends nothing holds nothing: every door, every route with a body."""

import asyncio
import tracemalloc
from functools import partial

import pytest

from assay.doors.mlflow import mlflow_app
from assay.doors.mlflow.routes import ROUTES as MLFLOW_ROUTES
from assay.doors.mlflow.table import served_paths
from assay.doors.native import ROUTES as NATIVE_ROUTES
from assay.doors.native import native_app
from assay.http.bodies import SHORT_BYTES, is_short, prompt
from doors.mlflow.mlflow_world import MlflowWorld
from doors.native.asgi import ask

PIECE = b"x" * (1 << 18)
DOORS = {
    "mlflow": (
        lambda world, anonymous: mlflow_app(world.use, loopback=True, anonymous=anonymous),
        [
            (route.method, served_paths(route)[0].replace("{", "").replace(":path}", "").replace("}", ""))
            for route in MLFLOW_ROUTES
            if route.method != "GET" and not route.public
        ],
    ),
    "native": (
        lambda world, anonymous: native_app(world.use, world.means.clock, loopback=True, anonymous=anonymous),
        [
            (
                route.method,
                "/api/v1" + route.path.replace("{path:path}", "x").replace("{", "").replace("}", ""),
            )
            for route in NATIVE_ROUTES
            if route.method != "GET"
        ]
        + [("PUT", "/api/v1/blobs/sha256:" + "0" * 64)],
    ),
}
SMALL = {"mlflow": ("POST", "/api/2.0/mlflow/runs/search"), "native": ("POST", "/api/v1/models")}


@pytest.fixture(scope="module")
def apps(tmp_path_factory):
    """Every door, by name and whether this machine needs no token."""
    one = MlflowWorld(tmp_path_factory.mktemp("strange"))
    yield {(name, each): make(one, each) for name, (make, _) in DOORS.items() for each in (False, True)}
    one.close()


async def sent(app, method, path, receive, *headers):
    """Send a request; return the status."""
    found = []

    async def send(event):
        found.append(event.get("status"))

    scope = {
        "type": "http",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1:8640"), (b"content-type", b"application/json"), *headers],
        "client": ("127.0.0.1", 40000),
        "server": ("127.0.0.1", 8640),
    }
    await app(scope, receive, send)
    return found[0]


class Endless:
    """Sends for ever, and counts what was taken."""

    def __init__(self):
        self.taken = 0

    async def __call__(self):
        self.taken += len(PIECE)
        return {"type": "http.request", "body": PIECE, "more_body": True}


@pytest.mark.parametrize("name", DOORS)
@pytest.mark.parametrize("length", [None, b"100000000", b"-1", b"x", b"9" * 30])
def test_nothing_of_a_long_body_is_read_before_its_sender_is_known(apps, name, length):
    app, routes = apps[name, False], DOORS[name][1]
    said = [] if length is None else [(b"content-length", length)]
    for method, path in routes:
        endless = Endless()
        assert asyncio.run(sent(app, method, path, endless, *said)) == 401, (method, path)
        assert endless.taken == 0, (method, path)


@pytest.mark.parametrize("name", DOORS)
def test_strangers_who_say_that_they_send_little_fill_no_memory(apps, name):
    """They may lie: a hundred at once cost what each may send before it is looked for, and no more."""
    app = apps[name, False]
    length = (b"content-length", str(SHORT_BYTES).encode())

    async def crowd():
        senders = [Endless() for _ in range(100)]
        method, path = SMALL[name]
        statuses = await asyncio.gather(*(sent(app, method, path, each, length) for each in senders))
        return statuses, max(each.taken for each in senders)

    tracemalloc.start()
    statuses, taken = asyncio.run(crowd())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert set(statuses) <= {400, 401, 413}
    assert taken <= len(PIECE) + SHORT_BYTES
    assert peak < 32 << 20


@pytest.mark.parametrize("name", DOORS)
@pytest.mark.parametrize("headers", [[], [(b"content-length", b"100")]])
@pytest.mark.parametrize("begins", [b"", b'{"'])
def test_a_sender_who_falls_silent_is_given_up(apps, monkeypatch, name, headers, begins):
    monkeypatch.setattr("assay.http.requests.prompt", partial(prompt, idle_s=0.05))
    events = [{"type": "http.request", "body": begins, "more_body": True}]

    async def receive():
        if not events:
            await asyncio.sleep(30)
        return events.pop(0)

    app = apps[name, True]
    assert asyncio.run(asyncio.wait_for(sent(app, *SMALL[name], receive, *headers), 10)) == 400


@pytest.mark.parametrize("name", DOORS)
@pytest.mark.parametrize("headers", [[], [(b"content-length", b"100")]])
def test_a_sender_who_goes_away_is_no_failure_of_ours(apps, caplog, name, headers):
    events = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]

    async def receive():
        return events.pop(0)

    assert asyncio.run(sent(apps[name, True], *SMALL[name], receive, *headers)) == 400
    assert caplog.records == []


async def _drip(pause_s, count):
    for _ in range(count):
        await asyncio.sleep(pause_s)
        yield b"xx"


async def _all(source):
    return [each async for each in source]


def test_headway_is_so_many_bytes_in_a_second_after_the_first_pause():
    with pytest.raises(TimeoutError, match="fewer than 1000 bytes came in a second"):
        asyncio.run(_all(prompt(_drip(0.01, 1000), idle_s=0.1, least_bytes_per_s=1000)))
    with pytest.raises(TimeoutError, match=r"no byte came for 0\.05 s"):
        asyncio.run(_all(prompt(_drip(30, 1), idle_s=0.05, least_bytes_per_s=1000)))
    assert len(asyncio.run(_all(prompt(_drip(0.005, 30), idle_s=0.1, least_bytes_per_s=10)))) == 30
    assert len(asyncio.run(_all(prompt(_drip(0.005, 30), idle_s=0.1)))) == 30


@pytest.mark.parametrize(
    ("said", "short"),
    [({}, False), ("0", True), (str(SHORT_BYTES), True), (str(SHORT_BYTES + 1), False), ("", False),
     ("-1", False), ("\u00b2", False), ("9" * 5000, False), ("1e3", False)],
)  # fmt: skip
def test_what_does_not_say_that_it_is_short_is_long(said, short):
    assert is_short({"content-length": said} if isinstance(said, str) else said) is short


@pytest.mark.parametrize(
    "text", ["Basic \u00e9", "Basic /w==", "Basic YQ\u00ff==", "Basic ", "Basic ====", "Bearer \u00ff"]
)
@pytest.mark.parametrize("name", DOORS)
def test_credentials_that_are_no_text_are_wrong_credentials(apps, name, text):
    path = {"mlflow": "/api/2.0/mlflow/users/current", "native": "/api/v1/whoami"}[name]
    assert ask(apps[name, True], "GET", path, [("Authorization", text)]).status == 401
