"""The worker: takes jobs, runs each in a process of its own, files what was measured.

Any number of workers share one database. One that dies loses its lease, and another takes the job.
"""

import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from assay.core.digests import Digest
from assay.core.errors import AssayError, ConflictError, UnavailableError
from assay.core.evidence import Measurement
from assay.core.jobs import LEASE, Job
from assay.core.ports import Blobs
from assay.core.versions import Version
from assay.runner.jobs_on_disk import (
    ATTACHMENTS,
    FILES,
    JOB,
    RESULT,
    SCRATCH,
    Assignment,
    PlacedData,
    attachment_path,
)
from assay.usecases.checking import Checking
from assay.wire.codec import decode, encode

MAX_RESULT_BYTES = 64 * 1024 * 1024
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


class Worker:
    """Runs jobs one after the other until told to stop."""

    def __init__(self, checking: Checking, blobs: Blobs, settings: WorkerSettings) -> None:
        """Keep the means; the name tells host and process."""
        self._checking = checking
        self._blobs = blobs
        self._settings = settings
        self.name = f"worker:{socket.gethostname()}:{os.getpid()}"

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
        self._settings.scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = Path(tempfile.mkdtemp(prefix=f"{job.id}-", dir=self._settings.scratch.absolute()))
        try:
            measurement = self._measure(folder, job, version, stop)
            if measurement is not None:
                self._checking.finish(job, self.name, measurement, datetime.now(UTC))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return True

    def _measure(self, folder: Path, job: Job, version: Version, stop: threading.Event) -> Measurement | None:
        """Run the job process; None when the lease was lost or the worker is stopping."""
        try:
            self._place(folder, job, version)
        except AssayError as error:
            return Measurement(problem=f"the version's files cannot be laid out: {error}")
        process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "assay.runner.job", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=(folder / "stderr").open("wb"),
            start_new_session=True,
        )
        try:
            problem = self._wait(process, job, stop)
        finally:
            _end(process)
        if problem is None:
            return None
        return Measurement(problem=problem) if problem else self._result(folder, process)

    def _wait(self, process: "subprocess.Popen[bytes]", job: Job, stop: threading.Event) -> str | None:
        """Keep the lease while the process runs.

        Returns:
            "" when it ended, a text when it took too long, None when it is to be given up.
        """
        began = renewed = time.monotonic()
        while process.poll() is None:
            if stop.wait(0.05):
                return None
            now = time.monotonic()
            if now - began > self._settings.job_s:
                return f"stopped after {self._settings.job_s:g} s"
            if now - renewed > LEASE.total_seconds() / 3:
                if not self._checking.keep(job, self.name):
                    log.warning("%s: lost the lease of %s", self.name, job.id)
                    return None
                renewed = now
        return ""

    def _place(self, folder: Path, job: Job, version: Version) -> None:
        """Lay out files (copied: a model must not reach the store), data paths and the assignment."""
        for name in (FILES, SCRATCH, ATTACHMENTS):
            (folder / name).mkdir()
        for entry in version.files:
            target = folder / FILES / entry.path
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                for chunk in self._blobs.read(entry.digest):
                    file.write(chunk)
            target.chmod(0o444)
        allowed = self._checking.data_of(version)
        data = tuple(
            PlacedData(reference, self._path(reference.digest) if reference.digest in allowed else "")
            for reference in version.provenance.data
        )
        environments = str(self._settings.environments.absolute())
        assignment = Assignment(job, version, data, environments, self.name)
        (folder / JOB).write_bytes(encode(assignment))

    def _path(self, digest: Digest) -> str:
        return "" if self._blobs.size(digest) is None else str(self._blobs.open_path(digest))

    def _result(self, folder: Path, process: "subprocess.Popen[bytes]") -> Measurement:
        result = folder / RESULT
        if process.returncode != 0 or not result.exists():
            said = (folder / "stderr").read_bytes()[-4000:].decode("utf-8", "replace")
            return Measurement(problem=f"the check's process ended with {process.returncode}: {said}".strip())
        if result.stat().st_size > MAX_RESULT_BYTES:
            return Measurement(problem=f"the check's result is larger than {MAX_RESULT_BYTES} bytes")
        measurement = decode(result.read_bytes(), Measurement)
        for each in measurement.attachments:
            with attachment_path(folder, each.digest.hex).open("rb") as file:
                pieces = iter(lambda: file.read(1 << 20), b"")
                self._checking.store_attachment(pieces, each.digest, each.size_bytes)
        return measurement


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the job process and everything it started."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin:
        with suppress(BrokenPipeError):
            process.stdin.close()
