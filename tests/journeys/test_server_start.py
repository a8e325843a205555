"""The server as a process: it starts, answers, refuses, survives bad peers, and ends."""

import hashlib
import json
import os
import pickle
import signal
import socket
import stat
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from assay.http.uploads import MAX_OF_ONE

ASSAY = [sys.executable, "-m", "assay.cli"]
# Runs the command line as it is and, when it ends, writes down what the process had loaded.
WITNESS = """
import atexit, json, pathlib, sys
atexit.register(lambda: pathlib.Path(sys.argv[1]).write_text(json.dumps(sorted(sys.modules))))
from assay.cli.main import run
run(sys.argv[2:])
"""
HEAVY = {
    "numpy",
    "polars",
    "pyarrow",
    "sklearn",
    "pandas",
    "joblib",
    "skops",
    "onnx",
    "onnxruntime",
    "alembic",
    "prometheus_client",
    "httpx",
    "jwt",
}
# Runs the command line with a door that holds a thread for as long as the machine runs.
STUCK = """
import asyncio, sys, threading
from assay.app import ending, server
ending.STOP_S, ending.LAST_S = 0.1, 1.0
build = server.build_app
def with_stuck(*words):
    app = build(*words)
    async def whole(scope, receive, send):
        if scope.get("path") == "/stuck":
            print("a thread is stuck", flush=True)
            await asyncio.to_thread(threading.Event().wait)
        await app(scope, receive, send)
    return whole
server.build_app = with_stuck
from assay.cli.main import run
run(sys.argv[1:])
"""
PATIENCE_S = 60.0


class Server:
    """A server process in a folder of its own."""

    def __init__(self, folder, *options, program=ASSAY):
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
        words = [*program, "serve", "--port", str(self.port), "--data", str(folder / "data"), *options]
        with (folder / "log").open("ab") as log:
            self.process = subprocess.Popen(words, stdout=log, stderr=log, cwd=folder, env=environment)

    @property
    def log(self):
        return (self.folder / "log").read_text()

    def get(self, path, **more):
        return httpx.get(self.url + path, timeout=PATIENCE_S, **more)

    def wait_until_well(self):
        def well():
            assert self.process.poll() is None, self.log
            try:
                return self.get("/healthz").status_code == 200
            except httpx.TransportError:
                return False

        wait_for(well)
        return self

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)

    def connect(self, text):
        """Open a connection and send the beginning of something."""
        peer = socket.create_connection(("127.0.0.1", self.port), PATIENCE_S)
        peer.sendall(text.encode("latin1"))
        return peer


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(condition):
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.02)


@contextmanager
def running(folder, *options, program=ASSAY):
    server = Server(folder, *options, program=program)
    try:
        yield server.wait_until_well()
    finally:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait()


def beginning(digest="sha256:" + "0" * 64):
    return f"PUT /api/v1/blobs/{digest} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\nhalf"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_answers_without_a_login_and_ends_when_told(tmp_path, number):
    with running(tmp_path, "--workers", "0") as server:
        assert server.get("/api/v1/whoami").json()["principal"]["name"] == "local"
        assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
        assert server.end(number) == 0
    assert "Traceback" not in server.log


def test_it_ends_when_told_even_when_a_thread_never_does(tmp_path):
    program = [sys.executable, "-c", STUCK]
    (tmp_path / "assay.toml").write_text("shutdown_s = 0")
    with (
        running(tmp_path, "--workers", "0", program=program) as server,
        server.connect("GET /stuck HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"),
    ):
        wait_for(lambda: "a thread is stuck" in server.log)
        assert server.end() == 0
    assert "not everything ended" in server.log


def test_what_was_registered_is_there_after_a_kill(tmp_path):
    content = b"weights"
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    with running(tmp_path, "--workers", "0") as server:
        httpx.put(f"{server.url}/api/v1/blobs/{digest}", content=content).raise_for_status()
        files = [{"path": "m.bin", "digest": digest, "size_bytes": len(content)}]
        httpx.post(f"{server.url}/api/v1/models/a/b/versions", json={"files": files}).raise_for_status()
        server.end(signal.SIGKILL)
    with running(tmp_path, "--workers", "0") as server:
        assert server.get("/api/v1/models/a/b/versions/1/files/m.bin").content == content
        assert server.get("/api/v1/audit/verify").json()["problem"] == ""


class Boobytrap:
    """Unpickling it leaves a mark."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def test_the_server_loads_no_model_and_nothing_that_could(tmp_path):
    modules, mark = tmp_path / "modules.json", tmp_path / "mark"
    content = pickle.dumps(Boobytrap(mark))
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    witness = [sys.executable, "-c", WITNESS, str(modules)]
    with running(tmp_path, "--workers", "0", program=witness) as server:
        httpx.put(f"{server.url}/api/v1/blobs/{digest}", content=content).raise_for_status()
        files = [{"path": "model.pkl", "digest": digest, "size_bytes": len(content)}]
        made = httpx.post(f"{server.url}/api/v1/models/a/b/versions", json={"files": files}).json()
        assert made["formats"][0]["risk"] == "code"
        for path in (
            "/models/a/b/versions/1",
            "/models/a/b/versions/1/files/model.pkl",
            "/versions",
            "/audit",
        ):
            assert server.get("/api/v1" + path).status_code == 200
        assert server.get("/docs").status_code == 200
        assert server.end() == 0
    loaded = {name.partition(".")[0] for name in json.loads(modules.read_text())}
    assert "granian" in loaded
    assert not loaded & HEAVY
    assert not mark.exists()
    pickle.loads(content)
    assert mark.exists()  # the trap was a real one


def test_a_taken_port_is_said_and_exits_with_7(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        words = [*ASSAY, "serve", "--port", str(other.getsockname()[1]), "--data", str(tmp_path / "data")]
        done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, timeout=PATIENCE_S)
    assert done.returncode == 7
    assert "cannot listen on 127.0.0.1" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--host", "0.0.0.0"], 2, "--auth required"),
        (["--host", "::"], 2, "--auth required"),
        (["--host", "no such host"], 2, "host"),
        (["--host", "192.0.2.1", "--auth", "required"], 7, "cannot listen"),
        (["--port", "70000"], 2, "port"),
        (["--auth", "perhaps"], 2, "auth"),
    ],
)
def test_what_cannot_be_served_is_refused_with_the_way_on(tmp_path, options, code, words):
    command = [*ASSAY, "serve", "--data", str(tmp_path / "data"), *options]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=PATIENCE_S)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data").exists()


REFUSED = [
    (
        {"ASSAY_LOG_FORMAT": "json"},
        "",
        ["serve", "--host", "192.0.2.1", "--auth", "required"],
        7,
        "cannot listen",
    ),
    ({"ASSAY_LOG_FORMAT": "json"}, "", ["serve", "--host", "0.0.0.0"], 2, "start with --auth required"),
    ({"ASSAY_LOG_FORMAT": "json", "ASSAY_RATE_LIMIT": "x"}, "", ["serve"], 2, "rate_limit: must be a whole"),
    ({"ASSAY_DATABASE": "mysql://x"}, 'log_format = "json"', ["worker"], 2, "database: must be postgresql"),
    ({}, 'log_format = "json"\nno_such = 1', ["serve"], 2, "unknown setting"),
]


@pytest.mark.parametrize(("environ", "file", "words", "code", "said"), REFUSED)
def test_where_machines_read_the_log_they_read_why_a_server_does_not_start(
    tmp_path, environ, file, words, code, said
):
    (tmp_path / "assay.toml").write_text(file)
    command = [*ASSAY, *words, "--data", str(tmp_path / "data")]
    environment = {**os.environ, **environ}
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, timeout=PATIENCE_S, env=environment
    )
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    found = [json.loads(line) for line in done.stderr.splitlines()]
    assert found[-1]["level"] == "error"
    assert said in found[-1]["message"]


def test_where_people_read_the_log_a_broken_setting_of_its_form_is_said_to_them(tmp_path):
    environment = {**os.environ, "ASSAY_LOG_FORMAT": "xml"}
    command = [*ASSAY, "serve", "--data", str(tmp_path / "data")]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, timeout=PATIENCE_S, env=environment
    )
    assert done.returncode == 2
    assert done.stderr.startswith("bad input: log_format")


def test_a_name_of_this_machine_can_be_bound(tmp_path):
    with running(tmp_path, "--workers", "0", "--host", "localhost") as server:
        assert server.get("/api/v1/whoami").status_code == 200
        assert server.get("/healthz", headers={"Host": "evil.example"}).status_code == 403


def test_with_auth_required_nobody_is_let_in_without_a_token(tmp_path):
    with running(tmp_path, "--workers", "0", "--auth", "required") as server:
        assert server.get("/api/v1/whoami").status_code == 401
        assert server.get("/healthz").status_code == 200


def test_stalled_peers_neither_silence_the_server_nor_keep_it_from_ending(tmp_path):
    (tmp_path / "assay.toml").write_text("shutdown_s = 1")
    with running(tmp_path, "--workers", "0") as server:
        peers = [server.connect(beginning()) for _ in range(20)]
        peers.append(
            server.connect("POST /api/v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n{")
        )
        peers.append(server.connect("GET /healthz HTTP/1.1\r\nHos"))
        temporary = tmp_path / "data" / "blobs" / ".tmp"
        # The others wait their turn: nobody has more than a share of the turns.
        wait_for(lambda: len(list(temporary.iterdir())) == MAX_OF_ONE)
        assert server.get("/healthz").status_code == 200
        assert server.get("/api/v1/models").status_code == 200
        assert server.end() == 0
        assert not list(temporary.iterdir())
        for peer in peers:
            peer.close()
    assert "Traceback" not in server.log


def test_an_upload_that_breaks_off_leaves_nothing(tmp_path):
    with running(tmp_path, "--workers", "0") as server:
        temporary = tmp_path / "data" / "blobs" / ".tmp"
        peer = server.connect(beginning())
        wait_for(lambda: list(temporary.iterdir()))
        peer.close()
        wait_for(lambda: not list(temporary.iterdir()))
        assert httpx.head(f"{server.url}/api/v1/blobs/sha256:{'0' * 64}").status_code == 404


def children(process):
    return [
        int(each) for each in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    ]


def lives(pid):
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_their_server_however_it_ends(tmp_path, number):
    with running(tmp_path, "--workers", "2") as server:
        wait_for(lambda: len(children(server.process)) == 2)
        workers = children(server.process)
        server.end(number)
        wait_for(lambda: not any(map(lives, workers)))


def test_a_worker_that_dies_is_replaced(tmp_path):
    with running(tmp_path, "--workers", "1") as server:
        wait_for(lambda: children(server.process))
        (worker,) = children(server.process)
        os.kill(worker, signal.SIGKILL)
        wait_for(lambda: [each for each in children(server.process) if each != worker and lives(each)])
        assert server.end() == 0
    assert f"worker {worker} ended" in server.log
