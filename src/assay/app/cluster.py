"""The worker of a Ray cluster, as two processes: one that speaks with Ray, and one that watches over it.

Ray ends a process whose cluster has been away for a while, from within. So the process that speaks with it
(``python -m assay.app.cluster``) may end at any time; the one here notices, gives back what it held, and
begins again when the cluster can be reached.
"""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from assay.app.registry import open_means
from assay.app.settings import Settings, as_environment, read_settings
from assay.core.errors import UnavailableError
from assay.runner.cluster.connection import Cluster, ClusterGoneError, Needs, check_address, check_installed
from assay.runner.cluster.worker import ClusterWorker
from assay.runner.worker import WorkerSettings, worker_name
from assay.usecases.checking import Checking

AWAY: Final = 75  # EX_TEMPFAIL of <sysexits.h>: the cluster cannot be reached, or not any more
AGAIN_S: Final = 5.0
END_S: Final = 15.0
log = logging.getLogger("assay.worker")


def work_on_cluster(settings: Settings, stop: threading.Event, *, once: bool) -> None:
    """Run checks on the cluster that the settings name until told to stop, or until none is left.

    Raises:
        BadInputError: no such kind of address.
        UnavailableError: Ray is not installed, the data folder cannot be used, or with ``once`` the
            cluster cannot be reached.
    """
    check_address(settings.ray)
    check_installed(settings.ray)
    means = open_means(settings, founds=False)
    checking = Checking(means)
    try:
        while not stop.is_set():
            name = worker_name()
            code = _supervise(settings, name, stop, once=once)
            left = checking.give_back_all(name)
            if left:
                log.warning("%s died; %s jobs that it held were given back", name, left)
            if once:
                _check_ended(code, settings.ray)
                return
            if code and not stop.is_set():
                log.warning("the worker on %s ended with %s; again in %g s", settings.ray, code, AGAIN_S)
                stop.wait(AGAIN_S)
    finally:
        means.database.close()


def _check_ended(code: int, address: str) -> None:
    if code:
        raise UnavailableError(f"the worker on the Ray cluster at {address} ended with {code}; see its log")


def _supervise(settings: Settings, name: str, stop: threading.Event, *, once: bool) -> int:
    """Run the process that speaks with Ray; it is told to end when ``stop`` is set. Return how it ended."""
    told = {"name": name, "once": once}
    words, environment = [sys.executable, "-m", "assay.app.cluster"], as_environment(settings, os.environ)
    # Unbuffered: what a child that ended at once did not read is not tried anew when its input is closed.
    with subprocess.Popen(words, bufsize=0, stdin=subprocess.PIPE, env=environment) as process:  # noqa: S603 - our own
        if process.stdin is None:
            raise UnavailableError("the worker's process has no input")
        with suppress(BrokenPipeError):  # how it ended is found out below
            process.stdin.write(json.dumps(told).encode() + b"\n")
        while process.poll() is None and not stop.wait(0.2):
            pass
        process.stdin.close()
        try:
            return process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


@contextmanager
def _connected(address: str) -> Iterator[Cluster]:
    cluster = Cluster(address)
    try:
        yield cluster
    finally:
        cluster.close()


def main() -> int:
    """Speak with Ray as the line on standard input says, until that input ends; return an exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    line = b""
    while not line.endswith(b"\n"):
        read = os.read(0, 65536)
        if not read:
            return 0
        line += read
    told = json.loads(line)
    settings = read_settings(os.environ, None)
    stop = threading.Event()

    def wait_for_parent() -> None:
        while os.read(0, 1):  # unbuffered: a buffered reader's lock would outlive the interpreter
            pass
        stop.set()

    threading.Thread(target=wait_for_parent, daemon=True).start()
    means = open_means(settings, founds=False)
    paths = WorkerSettings(settings.environments, settings.scratch)
    needs = Needs(settings.ray_cpus, settings.ray_memory_mb * 1024**2)
    try:
        with _connected(settings.ray) as cluster:
            # Ray puts handlers of its own; the parent decides when this process ends.
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: stop.set())
            log.info("%s: on the Ray cluster at %s", told["name"], settings.ray)
            worker = ClusterWorker(Checking(means), means.blobs, paths, cluster, needs)
            worker.run(told["name"], stop, once=told["once"])
    except (ClusterGoneError, UnavailableError) as error:
        log.error("%s: %s", told["name"], error)
        return AWAY
    finally:
        means.database.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
