"""The worker process: the registry's use cases and the runner, nothing of the web."""

import logging
import os
import signal
import sys
import threading
from pathlib import Path

from assay.app.registry import open_means
from assay.app.settings import Settings
from assay.runner.worker import Worker, WorkerSettings
from assay.usecases.checking import Checking


def work(settings: Settings, *, once: bool = False) -> None:
    """Run jobs until told to stop, or with ``once`` until there is none left.

    Raises:
        UnavailableError: the data folder cannot be used.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    _work(settings, stop, once=once)


def work_under_parent(settings: Settings) -> None:
    """Run jobs until the process that started this one ends, which closes standard input.

    Raises:
        UnavailableError: the data folder cannot be used.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    stop = threading.Event()
    # The terminal's Ctrl-C reaches the whole group; the parent decides when this one ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: stop.set())

    def wait_for_parent() -> None:
        while os.read(0, 1):  # unbuffered: a buffered reader's lock would outlive the interpreter
            pass
        stop.set()

    threading.Thread(target=wait_for_parent, daemon=True).start()
    _work(settings, stop, once=False)


def _work(settings: Settings, stop: threading.Event, *, once: bool) -> None:
    means = open_means(settings)
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
    work_under_parent(Settings(data=Path(sys.argv[1]), blobs=os.environ.get("ASSAY_BLOBS", "")))
