"""The MLflow door with something in it to steal, and eyes on everything that an attack could touch."""

import asyncio
import json
import re
import sqlite3
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from doors.mlflow.mlflow_world import MlflowWorld

SECRET = b"what only the other team may read"
MODEL_FILES = {
    "MLmodel": b"flavors:\n  python_function:\n    loader_module: m\nrun_id: x\n",
    "model.pkl": b"\x80\x04N.",
    "requirements.txt": b"numpy==2.0.0\n",
}
# databricks.proto, enum ErrorCode: those that a client may be answered with here.
CODES = {
    "BAD_REQUEST",
    "ENDPOINT_NOT_FOUND",
    "INVALID_PARAMETER_VALUE",
    "INVALID_STATE",
    "NOT_IMPLEMENTED",
    "PERMISSION_DENIED",
    "RESOURCE_ALREADY_EXISTS",
    "RESOURCE_CONFLICT",
    "RESOURCE_DOES_NOT_EXIST",
    "UNAUTHENTICATED",
}
# All that a registry's folder may hold: no name of it is one that somebody sent.
OWN_FILES = re.compile(
    r"r\.db(-wal|-shm|-next|-turn)?|seal\.key|blobs/assay-registry|blobs/[0-9a-f]{2}/[0-9a-f]{64}|blobs/\.parts/up_[0-9]{20}/[0-9]{1,6}"
)
_INSIDE = re.compile(
    rb"sqlite3?\.|psycopg|sqlalchemy|\[SQL|Traceback|/usr/|site-packages|\.py\b", re.IGNORECASE
)


@dataclass
class Reply:
    """What came back; headers may repeat."""

    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def header(self, name):
        """Return the only header of that name."""
        (value,) = [each for key, each in self.headers if key == name]
        return value

    @property
    def json(self):
        """The body as a document."""
        return json.loads(self.body)


@dataclass
class Request:
    """What is sent; the path as a server hands it on, decoded once."""

    method: str
    path: str
    query: dict | str = ""
    body: object = None
    headers: tuple = ()
    token: str = ""

    def scope(self):
        """Return the scope of ASGI and the body."""
        body = self.body if isinstance(self.body, bytes) else b""
        sent = [(b"host", b"127.0.0.1:8640")]
        if self.body is not None and not isinstance(self.body, bytes):
            body = json.dumps(self.body).encode()
            sent.append((b"content-type", b"application/json"))
        if self.token:
            sent.append((b"authorization", f"Bearer {self.token}".encode()))
        sent += [(key.encode(), value.encode("latin1")) for key, value in self.headers]
        query = self.query if isinstance(self.query, str) else urlencode(self.query, errors="surrogatepass")
        path = self.path if self.path.startswith("/") else f"/api/{self.path}"
        return {
            "type": "http",
            "method": self.method,
            "scheme": "http",
            "path": path,
            "raw_path": quote(path, errors="surrogatepass").encode(),
            "query_string": query.encode("latin1", "replace"),
            "root_path": "",
            "headers": sent,
            "client": ("127.0.0.1", 40000),
            "server": ("127.0.0.1", 8640),
        }, body


async def _one(app, request):
    scope, body = request.scope()
    events = [{"type": "http.request", "body": body, "more_body": False}]
    reply = Reply()

    async def receive():
        return events.pop(0) if events else {"type": "http.disconnect"}

    async def send(event):
        if event["type"] == "http.response.start":
            reply.status = event["status"]
            reply.headers = [(name.decode(), value.decode("latin1")) for name, value in event["headers"]]
        else:
            reply.body += event.get("body", b"")

    await app(scope, receive, send)
    return reply


class _AtOnce(ThreadPoolExecutor):
    """Runs in the calling thread: thousands of small requests need no change of threads each."""

    def submit(self, work, /, *words, **more):
        done = Future()
        try:
            done.set_result(work(*words, **more))
        except Exception as error:  # noqa: BLE001 - whoever waits for it gets it
            done.set_exception(error)
        return done


def ask_all(app, requests):
    """Send one request after another in one event loop; return the replies."""

    async def every(answer):
        return [await answer(each) for each in requests]

    return converse(app, every)


def converse(app, talk):
    """Run ``await talk(answer)`` in one event loop, where ``await answer(request)`` gives a reply."""

    async def whole():
        asyncio.get_running_loop().set_default_executor(_AtOnce(1))
        return await talk(lambda request: _one(app, request))

    return asyncio.run(whole())


class HoleWorld(MlflowWorld):
    """A team's work, another team's secret, a registered model with a version, and ``eve``.

    Attributes:
        root: around the registry's own folder ``root/store``.
        mine, run_id, model_id: an experiment of the default team, a run and a logged model in it.
        theirs, secret: the other team's experiment, and the name of its file.
        eve: token of somebody who may write in the default team only.
    """

    def __init__(self, root):
        self.root = root
        (root / "store").mkdir()
        super().__init__(root / "store")
        self.mine = self.experiment("mine")
        self.run_id = self.run(self.mine)
        self.base = f"{self.mine}/{self.run_id}/artifacts"
        self.log_files(f"{self.base}/model")
        made = self.good("POST", "2.0/mlflow/logged-models", {"experiment_id": self.mine, "name": "written"})
        self.model_id = made["model"]["info"]["model_id"]
        self.log_files(f"{self.mine}/models/{self.model_id}/artifacts")
        workspace = [("x-mlflow-workspace", "other")]
        self.theirs = self.good(
            "POST", "2.0/mlflow/experiments/create", {"name": "theirs"}, headers=workspace
        )["experiment_id"]
        self.secret = f"{self.theirs}/secret.txt"
        self.put(self.secret, SECRET)
        self.eve = self.token("eve", "maintainer", "default/*")

    def log_files(self, folder):
        """Store the files of a model."""
        for name, content in MODEL_FILES.items():
            self.put(f"{folder}/{name}", content)

    def put(self, path, content):
        """Store a file."""
        assert self.send("PUT", f"2.0/mlflow-artifacts/artifacts/{path}", content).status == 200

    def version(self, name="fraud", source="", **more):
        """Make a version of a model, which is made where it is missing; return the version's number."""
        answer = self.send("POST", "2.0/mlflow/registered-models/create", {"name": name})
        assert answer.status == 200 or answer.json["error_code"] == "RESOURCE_ALREADY_EXISTS"
        body = {"name": name, "source": source or f"runs:/{self.run_id}/model", **more}
        made = self.good("POST", "2.0/mlflow/model-versions/create", body)
        return made["model_version"]["version"]

    def tables(self):
        """Return every row of every table: what is equal before and after an act was not touched by it."""
        with closing(sqlite3.connect(self.root / "store" / "r.db")) as connection:
            names = connection.execute("select name from sqlite_master where type = 'table' order by name")
            return {
                name: sorted(connection.execute(f'select * from "{name}"').fetchall(), key=repr)
                for (name,) in names.fetchall()
            }

    def refused(self, method, path, body=None, **more):
        """Send what must be refused without a trace; return (status, error code, message)."""
        before = self.tables()
        found = self.bad(method, path, body, **more)
        assert found[0] in (400, 401, 403, 404, 409, 413)
        assert found[1] in CODES
        after = self.tables()
        assert after == before, {name for name in after if after[name] != before.get(name)}
        return found

    def check_folder(self):
        """Nothing on disk is named by what somebody sent, and nothing lies outside the registry."""
        store = self.root / "store"
        found = [each for each in self.root.rglob("*") if not each.is_dir()]
        strange = [each for each in found if not OWN_FILES.fullmatch(str(each.relative_to(store)))]
        assert strange == []

    def check_reply(self, reply, request):
        """An answer is no failure of ours, says a refusal in MLflow's form, and shows no inside."""
        assert reply.status < 500 or reply.status == 501, (request, reply)
        if reply.status >= 400:
            assert reply.header("content-type") == "application/json", (request, reply)
            if request.method != "HEAD":
                said = reply.json
                assert set(said) == {"error_code", "message"}, (request, reply)
                assert said["error_code"] in CODES, (request, reply)
                assert len(said["message"]) < 5000, (request, reply)
            assert not _INSIDE.search(reply.body), (request, reply)
        assert str(self.root).encode() not in reply.body, (request, reply)
