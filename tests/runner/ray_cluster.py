"""A real Ray cluster of two nodes on this machine: processes in a folder, ended by their ids."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

HOST = (
    "127.0.0.2"  # of this machine alone, as 127.0.0.1, which Ray would take for the machine's address outside
)
RAY = str(Path(sys.executable).with_name("ray"))
SOURCES = str(Path(__file__).resolve().parents[2] / "src")
MEMORY = 4 << 30
STORE = 80 << 20  # bytes


def free_port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


class Node:
    """``ray start --block`` with a folder of its own for what Assay keeps."""

    def __init__(self, root, name, *words):
        self.data = root / name
        self.log = root / f"{name}.log"
        # Ports that are given need not be found out, which Ray waits for and gives up when it takes long.
        kinds = ("dashboard-agent-grpc", "dashboard-agent-listen", "runtime-env-agent", "metrics-export")
        ports = [word for kind in kinds for word in (f"--{kind}-port", str(free_port()))]
        variables = {
            **os.environ,
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "1",
            "RAY_memory_monitor_refresh_ms": "0",
            "RAY_worker_niceness": "0",
            "ASSAY_NODE_DATA": str(self.data),
            "PYTHONPATH": SOURCES,
        }
        command = [
            RAY, "start", "--block", "--node-ip-address", HOST, "--num-cpus", "1", "--memory", str(MEMORY),
            "--object-store-memory", str(STORE), "--disable-usage-stats", *ports, *words,
        ]  # fmt: skip
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                env=variables,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def is_up(self):
        """Wait until it is part of the cluster; False when it gave up, as it does on a busy machine."""
        wait_for(lambda: self.process.poll() is not None or b"runtime started" in self.log.read_bytes(), 180)
        return self.process.poll() is None

    def pids(self):
        """Every process of this node, told by the folder in its environment."""
        found = []
        mark = f"ASSAY_NODE_DATA={self.data}".encode()
        for path in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                if mark in path.read_bytes().split(b"\0"):
                    found.append(int(path.parent.name))
        return found

    def jobs(self):
        """Ids of the processes that measure on this node."""
        return [pid for pid in self.pids() if b"assay.runner.job" in command_of(pid)]

    def kill(self):
        """End everything of it at once, as when the machine loses its power."""
        for _ in range(20):
            pids = self.pids()
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(0.1)
            if not [pid for pid in self.pids() if state_of(pid) not in ("Z", "")]:
                return


class RayCluster:
    """A head and as many more nodes as are added."""

    def __init__(self, root):
        # Paths of sockets are short, and those of pytest's folders are not.
        self.root = root
        self.address = f"{HOST}:{free_port()}"
        port = self.address.rpartition(":")[2]
        words = ("--head", "--port", port, "--include-dashboard=false", "--temp-dir", str(root / "r"))
        self.nodes = []
        self._start("head", *words)

    def add(self, name):
        self._start(name, "--address", self.address)

    def _start(self, name, *words):
        for _ in range(3):
            node = Node(self.root, name, *words)
            if node.is_up():
                self.nodes.append(node)
                return
            said = node.log.read_text()
            node.kill()
        # Ray's own start has limits of time that a machine with other work may not keep.
        pytest.skip(f"Ray did not start here in three tries: {said[-300:]}")

    def stop(self):
        for node in reversed(self.nodes):
            node.kill()


def command_of(pid):
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def state_of(pid):
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return ""


def parent_of(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def wait_for(condition, within_s=60.0):
    end = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)  # a poll, bounded above
    return found
