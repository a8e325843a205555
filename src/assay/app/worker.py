"""The worker process: the registry's use cases and the runner, nothing of the web."""

import logging
import os
import signal
import threading
from typing import Final

from assay.app.cluster import work_on_cluster
from assay.app.logs import write_logs
from assay.app.registry import open_means
from assay.app.settings import Settings, read_settings
from assay.core.errors import UnavailableError
from assay.runner.worker import Worker, WorkerSettings
from assay.usecases.checking import Checking

AGAIN_S: Final = 2.0
log = logging.getLogger("assay.worker")


def work(settings: Settings, *, once: bool = False) -> None:
    """Run jobs until told to stop, or with ``once`` until there is none left.

    Raises:
        BadInputError: the setting ``ray`` is no address of a cluster.
        UnavailableError: the data folder cannot be used, or Ray is not installed where it is wanted.
    """
    write_logs(settings.log_format, settings.log_level)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    _work(settings, stop, once=once)


def work_under_parent(settings: Settings) -> None:
    """Run jobs until the process that started this one ends, which closes standard input.

    Raises:
        BadInputError: the setting ``ray`` is no address of a cluster.
    """
    write_logs(settings.log_format, settings.log_level)
    stop = threading.Event()
    # The terminal's Ctrl-C reaches the whole group; the parent decides when this one ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: stop.set())

    def wait_for_parent() -> None:
        while os.read(0, 1):  # unbuffered: a buffered reader's lock would outlive the interpreter
            pass
        stop.set()

    threading.Thread(target=wait_for_parent, daemon=True).start()
    while not stop.is_set():
        try:
            _work(settings, stop, once=False)
        except UnavailableError as error:
            # The database may be away for a while, as for the server, which also waits.
            log.warning("the worker cannot begin: %s; trying again", error)
            stop.wait(AGAIN_S)


def _work(settings: Settings, stop: threading.Event, *, once: bool) -> None:
    if settings.ray:
        work_on_cluster(settings, stop, once=once)
        return
    means = open_means(settings, founds=False)
    worker = Worker(Checking(means), means.blobs, WorkerSettings(settings.environments, settings.scratch))
    try:
        if once:
            while not stop.is_set() and worker.run_one(stop):
                pass
        else:
            worker.run(stop)
    finally:
        means.database.close()


if __name__ == "__main__":
    work_under_parent(read_settings(os.environ, None))
