"""The two servers that are compared: each a process of its own on a free loopback port."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

import httpx
from tools.client_environments import environment

PEER = "mlflow-3.17.2"
BIN = Path(sys.executable).parent
LONGEST_START_S = 180
# Neither telemetry nor jobs of parts that nobody asks take the peer's time.
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}


class Server:
    """A server process.

    Attributes:
        name: ``assay`` or ``mlflow``.
        url: its address.
        start_s: how long it took to the first answer.
        folder: where its database and files are.
    """

    def __init__(self, name: str, folder: Path, words: list[str], healthy: str) -> None:
        """Start it on a port that ``{port}`` in ``words`` stands for, and wait until it answers."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.name = name
        self.folder = folder
        self.url = f"http://127.0.0.1:{port}"
        command = [word.replace("{port}", str(port)) for word in words]
        began = time.perf_counter()
        with (folder / f"{name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, env={**os.environ, **QUIET}, stdout=log, stderr=log, start_new_session=True
            )
        while not self._answers(healthy):
            if self._process.poll() is not None or time.perf_counter() - began > LONGEST_START_S:
                raise SystemExit(f"{name} did not start; see {folder / name}.log")
            time.sleep(0.01)
        self.start_s = time.perf_counter() - began

    def resident_mib(self) -> float:
        """Return the memory of the process and all its descendants; shared pages count once each."""
        pids, pending = set(), [self._process.pid]
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
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _answers(self, healthy: str) -> bool:
        try:
            return httpx.get(self.url + healthy, timeout=5).status_code == 200
        except httpx.TransportError:
            return False


def ours(folder: Path, database: str = "") -> Server:
    """Start this registry, as it is by default, over what lies in ``folder`` and a database (URL)."""
    words = [str(BIN / "assay"), "serve", "--port", "{port}", "--data", str(our_data(folder))]
    if database:
        words += ["--database", database]
    return Server("assay", folder, words, "/healthz")


def theirs(folder: Path, database: str = "") -> Server:
    """Start the peer, as it is by default, over what lies in ``folder`` and a database (URL; else SQLite)."""
    words = [str(peer_python().with_name("mlflow")), "server", "--port", "{port}"]
    words += ["--backend-store-uri", database or f"sqlite:///{their_database(folder)}"]
    words += ["--artifacts-destination", str(folder / "artifacts")]
    return Server("mlflow", folder, words, "/health")


STARTS = {"assay": ours, "mlflow": theirs}


def our_data(folder: Path) -> Path:
    """Return the data folder of this registry."""
    return folder / "assay"


def their_database(folder: Path) -> Path:
    """Return the peer's SQLite file."""
    return folder / "mlflow.db"


def peer_python() -> Path:
    """Return the Python of the environment that the peer lives in; made when it is not there yet."""
    return environment(PEER)
