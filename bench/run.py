"""Side by side with MLflow: the same questions to both, in one run, on the same cores.

``make bench``. The peer (mlflow==3.17.2, SQLite, its default workers) lives in an environment of its own,
``bench/.peer``, which is made at the first run. Both servers run at the same time and are asked in
turn, A B A B ..., so that a machine that slows down slows both; medians and ratios count, absolute
figures do not travel. Prints Markdown.
"""

import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx

HERE = Path(__file__).resolve().parent
PEER = HERE / ".peer"
PEER_VERSION = "3.17.2"
BIN = Path(sys.executable).parent
ROUNDS = 7


def main() -> None:
    """Measure and print."""
    _peer_environment()
    work = Path(tempfile.mkdtemp(prefix="assay-bench-"))
    try:
        rows = [*_starts(work), *_questions(work), *_commands()]
    finally:
        shutil.rmtree(work, ignore_errors=True)
    _print(rows)


def _peer_environment() -> None:
    if (PEER / "bin" / "mlflow").exists():
        return
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "-q", "--python", sys.executable, str(PEER)], check=True)
    subprocess.run(
        [*uv, "pip", "install", "-q", "--python", str(PEER / "bin" / "python"), f"mlflow=={PEER_VERSION}"],
        check=True,
    )


class Server:
    """A server process on a free loopback port."""

    def __init__(self, words: Callable[[int], list[str]], healthy: str) -> None:
        """Start it and wait until it answers; ``start_s`` says how long that took."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        began = time.perf_counter()
        self.process = subprocess.Popen(
            words(self.port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        while True:
            try:
                if httpx.get(self.url + healthy, timeout=5).status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.01)
            if self.process.poll() is not None or time.perf_counter() - began > 120:
                raise SystemExit(f"{words(self.port)[0]} did not start")
        self.start_s = time.perf_counter() - began

    def resident_mib(self) -> float:
        """Resident memory of the process and all its descendants; shared pages count once each."""
        pids, pending = set(), [self.process.pid]
        while pending:
            pid = pending.pop()
            pids.add(pid)
            for task in Path(f"/proc/{pid}/task").glob("*/children"):
                pending += [int(child) for child in task.read_text().split()]
        kib = 0
        for pid in pids:
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    kib += int(line.split()[1])
        return kib / 1024

    def stop(self) -> None:
        """End it and everything it started."""
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, 9)
            self.process.wait()


def ours(folder: Path) -> Server:
    """Start this registry with its worker."""
    return Server(
        lambda port: [str(BIN / "assay"), "serve", "--port", str(port), "--data", str(folder / "assay")],
        "/healthz",
    )


def theirs(folder: Path) -> Server:
    """Start the peer with its defaults, on SQLite."""
    store = f"sqlite:///{folder / 'mlflow.db'}"
    words = [str(PEER / "bin" / "mlflow"), "server", "--backend-store-uri", store]
    return Server(
        lambda port: [*words, "--port", str(port), "--artifacts-destination", str(folder / "artifacts")],
        "/health",
    )


def _starts(work: Path) -> list[tuple[str, str, float, float]]:
    times: dict[str, list[float]] = {"a": [], "b": []}
    for index in range(3):
        for name, start in (("a", ours), ("b", theirs)):
            folder = work / f"start-{index}"
            folder.mkdir(exist_ok=True)
            server = start(folder)
            times[name].append(server.start_s)
            server.stop()
    row = (
        "start to first answer, fresh store",
        "s",
        statistics.median(times["a"]),
        statistics.median(times["b"]),
    )
    return [row]


def _questions(work: Path) -> list[tuple[str, str, float, float]]:
    a, b = ours(work), theirs(work)
    try:
        with (
            httpx.Client(base_url=a.url, timeout=60) as ask_a,
            httpx.Client(base_url=b.url, timeout=60) as ask_b,
        ):
            prepare_ours(ask_a)
            prepare_theirs(ask_b)
            rows = [
                _rate(
                    "resolve by alias, 1 connection",
                    lambda: resolve_ours(ask_a),
                    lambda: resolve_theirs(ask_b),
                    200,
                ),
                _parallel("resolve by alias, 16 connections", a.url, b.url),
                _rate("register a version", lambda: register_ours(ask_a), lambda: register_theirs(ask_b), 20),
                _rate("move an alias", lambda: move_ours(ask_a), lambda: move_theirs(ask_b), 40),
            ]
        return [*rows, ("memory of all processes, after this", "MiB", a.resident_mib(), b.resident_mib())]
    finally:
        a.stop()
        b.stop()


COUNT = {"ours": 0, "theirs": 0}
BLOB = b"x" * 1024


def prepare_ours(ask: httpx.Client) -> None:
    """One model with two versions and an alias."""
    import hashlib

    digest = "sha256:" + hashlib.sha256(BLOB).hexdigest()
    ask.put(f"/api/v1/blobs/{digest}", content=BLOB).raise_for_status()
    COUNT["digest"] = digest  # type: ignore[assignment]
    for _ in range(2):
        register_ours(ask)
    ask.put("/api/v1/models/team/task/aliases/live", json={"version": "1"}).raise_for_status()


def register_ours(ask: httpx.Client) -> None:
    """Register a version of one stored file."""
    COUNT["ours"] += 1
    files = [{"path": f"model-{COUNT['ours']}.bin", "digest": COUNT["digest"], "size_bytes": len(BLOB)}]
    body = {"files": files, "tags": {"n": str(COUNT["ours"])}}
    ask.post("/api/v1/models/team/task/versions", json=body).raise_for_status()


def move_ours(ask: httpx.Client) -> None:
    """Point the alias at the other version."""
    COUNT["ours"] += 1
    body = {"version": str(1 + COUNT["ours"] % 2)}
    ask.put("/api/v1/models/team/task/aliases/live", json=body).raise_for_status()


def resolve_ours(ask: httpx.Client) -> None:
    """Ask which version the alias means."""
    ask.get("/api/v1/resolve", params={"address": "team/task@live"}).raise_for_status()


API = "/api/2.0/mlflow/registered-models"
VERSIONS = "/api/2.0/mlflow/model-versions"


def prepare_theirs(ask: httpx.Client) -> None:
    """One registered model with two versions and an alias."""
    ask.post(f"{API}/create", json={"name": "task"}).raise_for_status()
    for _ in range(2):
        register_theirs(ask)
    ask.post(f"{API}/alias", json={"name": "task", "alias": "live", "version": "1"}).raise_for_status()


def register_theirs(ask: httpx.Client) -> None:
    """Create a model version."""
    COUNT["theirs"] += 1
    tags = [{"key": "n", "value": str(COUNT["theirs"])}]
    body = {"name": "task", "source": "runs:/abc123/model", "run_id": "abc123", "tags": tags}
    ask.post(f"{VERSIONS}/create", json=body).raise_for_status()


def move_theirs(ask: httpx.Client) -> None:
    """Point the alias at the other version."""
    COUNT["theirs"] += 1
    body = {"name": "task", "alias": "live", "version": str(1 + COUNT["theirs"] % 2)}
    ask.post(f"{API}/alias", json=body).raise_for_status()


def resolve_theirs(ask: httpx.Client) -> None:
    """Ask which version the alias means."""
    ask.get(f"{API}/alias", params={"name": "task", "alias": "live"}).raise_for_status()


def _rate(
    name: str, a: Callable[[], None], b: Callable[[], None], count: int
) -> tuple[str, str, float, float]:
    """Requests per second of both, in turn, after a warm-up."""
    rates: dict[str, list[float]] = {"a": [], "b": []}
    for index in range(ROUNDS + 1):
        for key, question in (("a", a), ("b", b)):
            began = time.perf_counter()
            for _ in range(count):
                question()
            if index:
                rates[key].append(count / (time.perf_counter() - began))
    return name, "/s", statistics.median(rates["a"]), statistics.median(rates["b"])


def _parallel(name: str, url_a: str, url_b: str) -> tuple[str, str, float, float]:
    """Requests per second over sixteen connections at once."""

    def run(url: str, question: Callable[[httpx.Client], None]) -> float:
        def work() -> None:
            with httpx.Client(base_url=url, timeout=60) as ask:
                for _ in range(40):
                    question(ask)

        threads = [threading.Thread(target=work) for _ in range(16)]
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return 640 / (time.perf_counter() - began)

    pairs = [(run(url_a, resolve_ours), run(url_b, resolve_theirs)) for _ in range(4)][1:]
    return name, "/s", statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs)


def _commands() -> list[tuple[str, str, float, float]]:
    times: dict[str, list[float]] = {"a": [], "b": []}
    words = {"a": [str(BIN / "assay"), "--help"], "b": [str(PEER / "bin" / "mlflow"), "--help"]}
    for index in range(6):
        for key, command in words.items():
            began = time.perf_counter()
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
            if index:
                times[key].append(time.perf_counter() - began)
    return [("command line --help", "s", statistics.median(times["a"]), statistics.median(times["b"]))]


def _print(rows: list[tuple[str, str, float, float]]) -> None:
    print(f"| what | unit | assay | mlflow {PEER_VERSION} | times better |")
    print("|---|---|---:|---:|---:|")
    for name, unit, a, b in rows:
        better = a / b if unit == "/s" else b / a
        print(f"| {name} | {unit} | {a:.3g} | {b:.3g} | {better:.1f} |")
    print()
    print(json.dumps({name: {"unit": unit, "assay": a, "mlflow": b} for name, unit, a, b in rows}))


if __name__ == "__main__":
    main()
