"""Workers as real processes: paused past their lease, killed again and again, with a wrong clock."""

import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from assay.app.registry import open_means
from assay.app.settings import Settings
from assay.core.digests import FileEntry
from assay.core.names import Address, ModelName
from assay.usecases.bundle import UseCases
from assay.wire.requests import NewVersion, RunCheck

CONTENT = b"weights"
# A worker whose host's clock is wrong by so many seconds; and with a lease that is short.
WORKER = """
import sys, threading
from datetime import datetime, timedelta, UTC
from pathlib import Path
from assay.app import system
from assay.core import jobs
from assay.runner import holding
data, off, lease = Path(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
jobs.LEASE = holding.LEASE = timedelta(seconds=lease)
holding.RENEW_S = lease / 6
system.SystemClock.now = lambda self: datetime.now(UTC) + timedelta(seconds=off)
from assay.app.worker import work
from assay.app.settings import Settings
work(Settings(data=data), once="--once" in sys.argv)
"""


@pytest.fixture
def registry(tmp_path):
    means = open_means(Settings(data=tmp_path / "data"))
    yield UseCases.over(means)
    means.database.close()


def queued(use):
    """A version and one check of it."""
    local = use.access.local()
    digest = "sha256:" + hashlib.sha256(CONTENT).hexdigest()
    digest, size = use.registration.store_blob(local, [CONTENT], digest, len(CONTENT))
    wanted = NewVersion((FileEntry("m", digest, size),))
    use.registration.register(local, ModelName("a/b"), wanted)
    use.reporting.request_check(local, address(), RunCheck("scan", {}))


def address():
    return Address.parse("a/b/1")


def job_of(use):
    (job,) = use.reporting.jobs(use.access.local(), address())
    return job


def evidence_of(use):
    return use.browsing.evidence(use.access.local(), address())


class Worker:
    def __init__(self, root, *words, off=0.0, lease=60.0):
        self.log = root / f"worker-{time.monotonic_ns()}.log"
        command = [sys.executable, "-c", WORKER, str(root / "data"), str(off), str(lease), *words]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def children(self):
        found = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [int(each) for path in found for each in path.read_text().split()]

    def measuring(self):
        """Pause the process that measures, as soon as there is one."""
        (pid,) = wait_for(self.children)
        os.kill(pid, signal.SIGSTOP)
        return pid

    def end(self):
        self.process.kill()
        self.process.wait()


def wait_for(condition, within_s=120.0):
    end = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)  # a poll, bounded above
    return found


def test_a_worker_that_was_paused_past_its_lease_reports_nothing(registry, tmp_path):
    queued(registry)
    paused = Worker(tmp_path, lease=4.0)
    try:
        measuring = paused.measuring()
        paused.process.send_signal(signal.SIGSTOP)
        os.kill(measuring, signal.SIGCONT)  # it measures to its end, and its worker wakes up to a result
        owner = job_of(registry).lease_owner
        other = Worker(tmp_path, "--once")
        wait_for(lambda: job_of(registry).lease_until.timestamp() < time.time())
        assert other.process.wait(120) == 0
        other = Worker(tmp_path, "--once")
        assert other.process.wait(120) == 0
        (filed,) = evidence_of(registry)
        assert filed.reporter != owner
        paused.process.send_signal(signal.SIGCONT)
        wait_for(lambda: "lost the lease" in paused.log.read_text() or "too late" in paused.log.read_text())
        assert evidence_of(registry) == (filed,)
        assert job_of(registry).attempts == 2
    finally:
        paused.end()


def test_a_job_that_kills_its_worker_each_time_fails_and_says_so(registry, tmp_path):
    queued(registry)
    for _ in range(3):
        worker = Worker(tmp_path)
        worker.measuring()
        worker.end()
        _let_time_pass(tmp_path)
    last = Worker(tmp_path)
    try:
        (filed,) = wait_for(lambda: evidence_of(registry))
    finally:
        last.end()
    assert "given up after 3 attempts" in filed.measurement.problem
    assert job_of(registry).problem == filed.measurement.problem


@pytest.mark.parametrize("off", [-3600.0, 3600.0])
def test_a_worker_whose_clock_is_an_hour_off_neither_steals_nor_starves(registry, tmp_path, off):
    queued(registry)
    right = Worker(tmp_path)
    try:
        measuring = right.measuring()
        wrong = Worker(tmp_path, "--once", off=off)
        assert wrong.process.wait(120) == 0  # it found nothing to do
        assert job_of(registry).attempts == 1
    finally:
        right.end()
        os.kill(measuring, signal.SIGKILL)
    _let_time_pass(tmp_path)
    assert Worker(tmp_path, "--once", off=off).process.wait(120) == 0
    (filed,) = evidence_of(registry)
    assert abs(filed.measured_at.timestamp() - time.time()) < 600


def _let_time_pass(root):
    """Let the time of every lease pass without waiting for it: in its column and in its document."""
    with closing(sqlite3.connect(root / "data" / "assay.db", timeout=30)) as connection, connection:
        for key, text in connection.execute("SELECT id, document FROM jobs").fetchall():
            document = json.loads(text)
            if document.get("lease_until"):
                document["lease_until"] = "2020-01-01T00:00:00Z"
                words = "UPDATE jobs SET lease_until = 1, document = ? WHERE id = ?"
                connection.execute(words, (json.dumps(document), key))
