"""Checking: what a worker says and hears. Workers are the operator's own; no door leads here."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from assay.core.digests import Digest
from assay.core.evidence import Evidence, Measurement, Origin
from assay.core.holding import uploader, user
from assay.core.jobs import LEASE, Job, JobState
from assay.core.versions import Version
from assay.usecases.judging import advance, advance_open
from assay.usecases.means import Act, Means
from assay.usecases.reporting import file_evidence
from assay.usecases.storing import require_there, store

GAVE_UP = "the worker that ran it died or lost its lease, every time it was tried"


class Checking:
    """Hands out jobs, takes in measurements."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means

    def lease(self, worker: str) -> tuple[Job, Version] | None:
        """Take the oldest waiting job; it comes back to the queue unless the lease is kept up."""
        now = self._means.clock.now()
        with self._means.database.write() as records:
            job = records.jobs.lease(worker, now, now + LEASE)
            if job is None:
                return None
            version = records.versions.get(job.model, job.number)
            if version is None:
                gone = replace(job, state=JobState.FAILED, problem="the version was deleted")
                records.jobs.finish(gone, worker)
                return None
        return job, version

    def data_of(self, version: Version) -> frozenset[Digest]:
        """Return which data of a version checks may look at.

        A version may declare data by a digest that anybody knows. It is looked at if its bytes came with
        a version of the model, or if whoever registered it sent them.
        """
        declared = {each.digest for each in version.provenance.data}
        own = (user(version.model), uploader(version.registered_by))
        with self._means.database.read() as records:
            return records.blob_holders.held(declared, own) if declared else frozenset()

    def keep(self, job: Job, worker: str) -> bool:
        """Prolong the lease; False when the job was given to another worker."""
        with self._means.database.write() as records:
            return records.jobs.extend(job.id, worker, self._means.clock.now() + LEASE)

    def store_attachment(self, chunks: Iterable[bytes], digest: Digest, size_bytes: int) -> None:
        """Store a file that belongs to what is measured; it stays until the measurement is filed.

        Raises:
            BadInputError: the bytes have another digest or size.
            UnavailableError: they cannot be stored now.
        """
        store(self._means, chunks, digest, size_bytes)

    def finish(self, job: Job, worker: str, measurement: Measurement, measured_at: datetime) -> bool:
        """File what was measured and take the promotions that waited for it further.

        Returns:
            False when the worker had lost its lease: then nothing is filed.

        Raises:
            ConflictError: bytes of an attachment are not there any more; nothing is filed.
        """
        with self._means.database.write() as records:
            act = Act(records, worker, self._means.clock.now())
            attached = [each.digest for each in measurement.attachments]
            require_there(records, self._means.blobs, attached, act.at)
            done = replace(job, state=JobState.FAILED if measurement.problem else JobState.DONE)
            if not records.jobs.finish(replace(done, problem=measurement.problem), worker):
                return False
            self._file(act, job, measurement, measured_at)
            return True

    def sweep(self) -> int:
        """End what nobody works on any more: jobs whose workers died, promotions past their time.

        Returns:
            How many were ended.
        """
        now = self._means.clock.now()
        with self._means.database.read() as records:
            overdue = [each.id for each in records.promotions.open() if now >= each.expires_at]
        with self._means.database.write() as records:
            act = Act(records, "assay", now)
            jobs = records.jobs.exhausted(now)
            for job in jobs:
                self._file(act, job, Measurement(problem=GAVE_UP), now)
            for promotion_id in overdue:
                promotion = records.promotions.get(promotion_id)
                if promotion is not None and promotion.state.is_open:
                    advance(act, self._means.chance, promotion)
        return len(jobs) + len(overdue)

    def _file(self, act: Act, job: Job, measurement: Measurement, measured_at: datetime) -> None:
        version = act.records.versions.get(job.model, job.number)
        if version is None:
            return  # deleted while the check ran: there is nothing left to speak of
        evidence = Evidence(
            model=job.model,
            number=job.number,
            subject=version.digest,
            check=job.check,
            origin=Origin.MEASURED,
            reporter=act.actor,
            measured_at=measured_at,
            recorded_at=act.at,
            measurement=measurement,
            settings=job.settings,
        )
        file_evidence(act, version, evidence)
        advance_open(act, self._means.chance, version)
