"""A worker's end of a lease: kept up while the job runs, and believed only as long as it can still count."""

import logging
import time
from typing import Final

from assay.core.errors import UnavailableError
from assay.core.evidence import Measurement
from assay.core.jobs import LEASE, Job
from assay.usecases.checking import Checking

RENEW_S: Final = LEASE.total_seconds() / 6
_RETRY_S: Final = 1.0
log = logging.getLogger("assay.worker")


class Holding:
    """One leased job in the hands of a worker.

    The database judges (:mod:`assay.core.jobs`). The worker's own clock, which only goes forward, tells when
    to ask it again, and when the database has been away for so long that the lease is certainly over.
    """

    def __init__(self, checking: Checking, job: Job, worker: str) -> None:
        """Begin; the job was leased just now."""
        self.job = job
        self._checking = checking
        self._worker = worker
        self._kept_at = self._asked_at = time.monotonic()
        self._lost = False

    def is_kept(self) -> bool:
        """Tell whether the job is still this worker's; prolongs the lease now and then. Call it often."""
        now = time.monotonic()
        if self._lost or now - self._asked_at < RENEW_S:
            return not self._lost
        try:
            self._lost = not self._checking.keep(self.job)
            self._kept_at = self._asked_at = now
        except UnavailableError as error:
            log.warning("%s: %s; the lease of %s is prolonged later", self._worker, error, self.job.id)
            self._lost = now - self._kept_at >= LEASE.total_seconds()
            self._asked_at = now - RENEW_S + _RETRY_S
        if self._lost:
            log.warning("%s: lost the lease of %s; what it measured is dropped", self._worker, self.job.id)
        return not self._lost

    def finish(self, measurement: Measurement) -> bool:
        """File what was measured; False when the lease did not count any more.

        A database that is away is waited for as long as the lease may still count.
        """
        while True:
            try:
                filed = self._checking.finish(self.job, self._worker, measurement)
            except UnavailableError as error:
                if time.monotonic() - self._kept_at >= LEASE.total_seconds():
                    log.warning("%s: %s; what %s measured is dropped", self._worker, error, self.job.id)
                    return False
                time.sleep(_RETRY_S)  # the database tells nobody when it is back
                continue
            if not filed:
                log.warning("%s: came too late with %s; it is not filed", self._worker, self.job.id)
            return filed

    def give_back(self, problem: str = "") -> None:
        """Give the job back; where the database is away, the lease runs out by itself."""
        try:
            self._checking.give_back(self.job, problem)
        except UnavailableError as error:
            log.warning("%s: %s; the lease of %s runs out by itself", self._worker, error, self.job.id)
