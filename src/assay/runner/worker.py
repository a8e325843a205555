"""The worker: takes jobs, runs each in a process of its own, files what was measured.

Any number of workers share one database. One that dies loses its lease, and another takes the job.
"""

import logging
import os
import secrets
import shutil
import socket
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from assay.core.digests import Digest
from assay.core.errors import AssayError, ConflictError, UnavailableError
from assay.core.evidence import Measurement
from assay.core.jobs import Job
from assay.core.ports import Blobs
from assay.core.versions import Version
from assay.runner.holding import Holding
from assay.runner.job_process import JobProcess, assign, lay_out, read_attachment
from assay.runner.jobs_on_disk import Assignment, PlacedData
from assay.usecases.checking import Checking

_LOOK_S = 0.05
log = logging.getLogger("assay.worker")


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """How a worker works.

    Attributes:
        environments: folder for model environments, kept between jobs.
        scratch: folder for job folders, emptied after each.
        poll_s: how long it waits when there is nothing to do.
        sweep_s: how often it ends what nobody works on any more.
        job_s: a job that takes longer is stopped and recorded as a problem.
    """

    environments: Path
    scratch: Path
    poll_s: float = 0.5
    sweep_s: float = 10.0
    job_s: float = 1800.0


def worker_name() -> str:
    """Return a name for this process: host, process, and chance, as both may be the same in containers."""
    return f"worker:{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"


class Worker:
    """Runs jobs one after the other until told to stop."""

    def __init__(self, checking: Checking, blobs: Blobs, settings: WorkerSettings) -> None:
        """Keep the means."""
        self._checking = checking
        self._blobs = blobs
        self._settings = settings
        self.name = worker_name()

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set; the database being away for a while is waited out."""
        swept = -self._settings.sweep_s
        while not stop.is_set():
            try:
                if time.monotonic() - swept >= self._settings.sweep_s:
                    self._checking.sweep()
                    swept = time.monotonic()
                busy = self.run_one(stop)
            except (ConflictError, UnavailableError) as error:
                log.warning("%s: %s; trying again", self.name, error)
                busy = False
            if not busy:
                stop.wait(self._settings.poll_s)

    def run_one(self, stop: threading.Event) -> bool:
        """Take and run one job; tell whether there was one."""
        leased = self._checking.lease(self.name)
        if leased is None:
            return False
        job, version = leased
        log.info("%s: %s of %s", self.name, job.check, version.address)
        held = Holding(self._checking, job, self.name)
        self._settings.scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = Path(tempfile.mkdtemp(prefix=f"{job.id}-", dir=self._settings.scratch.absolute()))
        try:
            measurement = self._measure(folder, held, version, stop)
            if measurement is not None:
                held.finish(measurement)
            elif stop.is_set():
                held.give_back()
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return True

    def _measure(
        self, folder: Path, held: Holding, version: Version, stop: threading.Event
    ) -> Measurement | None:
        """Run the job process; None when the lease was lost or the worker is stopping."""
        try:
            self._place(folder, held.job, version)
        except AssayError as error:
            return Measurement(problem=f"the version's files cannot be laid out: {error}")
        with JobProcess(folder) as process:
            problem = self._wait(process, held, stop)
        if problem is None:
            return None
        return Measurement(problem=problem) if problem else self._result(folder, process)

    def _wait(self, process: JobProcess, held: Holding, stop: threading.Event) -> str | None:
        """Keep the lease while the process runs.

        Returns:
            "" when it ended, a text when it took too long, None when it is to be given up.
        """
        began = time.monotonic()
        while process.is_running:
            if stop.wait(_LOOK_S) or not held.is_kept():
                return None
            if time.monotonic() - began > self._settings.job_s:
                return f"stopped after {self._settings.job_s:g} s"
        return ""

    def _place(self, folder: Path, job: Job, version: Version) -> None:
        """Lay out files, data paths and the assignment."""
        lay_out(folder, version, self._blobs.read)
        allowed = self._checking.data_of(version)
        data = tuple(
            PlacedData(reference, self._path(reference.digest) if reference.digest in allowed else "")
            for reference in version.provenance.data
        )
        environments = str(self._settings.environments.absolute())
        assign(folder, Assignment(job, version, data, environments, self.name))

    def _path(self, digest: Digest) -> str:
        return "" if self._blobs.size(digest) is None else str(self._blobs.open_path(digest))

    def _result(self, folder: Path, process: JobProcess) -> Measurement:
        measurement = process.result()
        for each in measurement.attachments:
            self._checking.store_attachment(read_attachment(folder, each), each.digest, each.size_bytes)
        return measurement
