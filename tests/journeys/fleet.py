"""Servers and workers as separate processes over one PostgreSQL and one object store; and a balancer."""

import os
import shutil
import signal
import subprocess
import threading
import time
from contextlib import suppress

import httpx

import postgres
from contracts.stores import place_of
from journeys.live_server import ASSAY, LiveServer

KEYS = ("seal.key", "audit.key")
WORKERS = 2


class Fleet:
    """Two servers, each with a data folder of its own, and two workers with theirs."""

    def __init__(self, root):
        self.root = root
        self.cluster = postgres.scratch_cluster(hasty=False)
        self.cluster.run("CREATE DATABASE assay")
        self.blobs = str(place_of("s3", root))
        self.servers, self.workers = {}, []
        try:
            one = self.start("one")
            for name in ("two", "stranger"):
                (root / name / "data").mkdir(parents=True)
            for key in KEYS:
                shutil.copy(one.root / "data" / key, root / "two" / "data" / key)
            self.start("two")
            self.workers = [self._worker(number) for number in range(WORKERS)]
        except BaseException:
            self.end()
            raise

    def words(self, name):
        """The settings of a process; PostgreSQL knows it by its name."""
        database = f"{self.cluster.url()}&application_name={name}"
        return ["--database", database, "--blobs", self.blobs]

    def start(self, name):
        """Start a server, or start it anew."""
        (self.root / name).mkdir(exist_ok=True)
        self.servers[name] = LiveServer(self.root / name, "--workers", "0", *self.words(name))
        return self.servers[name]

    def both(self):
        """Both servers, alive; one that a test killed is started anew."""
        for name in ("one", "two"):
            if self.servers[name].process.poll() is not None:
                self.start(name)
        return self.servers["one"], self.servers["two"]

    def kill(self, name):
        """End a server as a crash would."""
        self.servers[name].stop(signal.SIGKILL)

    def connections(self, name):
        """How many connections a process has, and whether one of them holds the writers' lock."""
        asked = f"""
            SELECT count(DISTINCT a.pid), count(l.pid) FROM pg_stat_activity a LEFT JOIN pg_locks l
                ON l.pid = a.pid AND l.locktype = 'advisory' AND l.granted
            WHERE a.application_name = '{name}'"""
        return self.cluster.run(asked)[0]

    def end(self):
        for each in self.workers:
            each.terminate()
        for each in self.servers.values():
            if each.process.poll() is None:
                each.process.send_signal(signal.SIGCONT)
                each.stop()
        for each in self.workers:
            each.wait(30)
        postgres.discard(self.cluster)

    def _worker(self, number):
        place = self.root / f"worker-{number}"
        place.mkdir()
        command = [ASSAY, "worker", "--data", str(place / "data")]
        more = {"ASSAY_DATABASE": self.words(f"worker-{number}")[1], "ASSAY_BLOBS": self.blobs}
        with (place / "log").open("wb") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **more})


class Balancer(httpx.BaseTransport):
    """Sends requests to each server in turn, and to another when one does not take the connection."""

    def __init__(self, *servers):
        self.ports = [each.port for each in servers]
        self.sent = []
        self._plain = httpx.HTTPTransport()
        self._lock = threading.Lock()

    def handle_request(self, request):
        with self._lock:
            self.sent.append((request.method, request.url.path))
            ports = self.ports = [*self.ports[1:], self.ports[0]]
        for port in ports[:-1]:
            with suppress(httpx.ConnectError):
                return self._to(request, port)
        return self._to(request, ports[-1])

    def close(self):
        self._plain.close()

    def _to(self, request, port):
        url = request.url.copy_with(port=port)
        more = {"headers": request.headers, "extensions": request.extensions}
        return self._plain.handle_request(httpx.Request(request.method, url, stream=request.stream, **more))


def wait_for(condition, within_s=60.0):
    """Wait until something is true; return it."""
    end = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)  # a poll, bounded above
    return found
