"""Checking: what a worker says and hears. Workers are the operator's own; no door leads here.

Every instant here is the database's own: a worker whose clock is wrong neither takes what others hold, nor
files evidence of another hour, nor ends promotions before their time.
"""

from collections.abc import Iterable
from typing import Final

from assay.core.digests import Digest
from assay.core.evidence import Evidence, Measurement, Origin
from assay.core.holding import uploader, user
from assay.core.jobs import Job, ended, given_back, holds, let_go, prolonged, taken, why_given_up
from assay.core.ports import Records
from assay.core.versions import Version
from assay.usecases.judging import advance, advance_open
from assay.usecases.means import Act, Means
from assay.usecases.reporting import file_evidence
from assay.usecases.storing import store

GONE: Final = "the version was deleted"


class Checking:
    """Hands out jobs, takes in measurements."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means

    def lease(self, worker: str) -> tuple[Job, Version] | None:
        """Take the oldest waiting job; it comes back to the queue unless the lease is kept up.

        Many workers ask often, and writers queue up: where nothing waits, nothing is written.
        """
        while True:
            with self._means.database.read() as records:
                if records.jobs.free(records.clock.now()) is None:
                    return None
            with self._means.database.write() as records:
                at = records.clock.now()
                job = records.jobs.free(at)
                if job is None:
                    return None
                version = records.versions.get(job.model, job.number)
                after = ended(job, GONE) if version is None else taken(job, worker, at)
                records.jobs.change(job, after)
            if version is not None:
                return after, version

    def data_of(self, version: Version) -> frozenset[Digest]:
        """Return which data of a version checks may look at.

        A version may declare data by a digest that anybody knows. It is looked at if its bytes came with
        a version of the model, or if whoever registered it sent them.
        """
        declared = {each.digest for each in version.provenance.data}
        own = (user(version.model), uploader(version.registered_by))
        with self._means.database.read() as records:
            return records.blob_holders.held(declared, own) if declared else frozenset()

    def keep(self, job: Job) -> bool:
        """Prolong the lease; False when it does not count any more: then the work is for nothing."""
        with self._means.database.write() as records:
            at = records.clock.now()
            stored = records.jobs.get(job.id)
            if stored is None or not holds(stored, job, at):
                return False
            return records.jobs.change(stored, prolonged(stored, at))

    def store_attachment(self, chunks: Iterable[bytes], digest: Digest, size_bytes: int) -> None:
        """Store a file that belongs to what is measured; it stays until the measurement is filed.

        Raises:
            BadInputError: the bytes have another digest or size.
            UnavailableError: they cannot be stored now.
        """
        store(self._means, chunks, digest, size_bytes)

    def finish(self, job: Job, reporter: str, measurement: Measurement) -> bool:
        """File what was measured and take the promotions that waited for it further.

        Args:
            job: as it was leased.
            reporter: the name of the worker that vouches for the measurement.
            measurement: what it measured.

        Returns:
            False when the lease did not count any more: then nothing is filed.

        Raises:
            ConflictError: bytes of an attachment are not there any more; nothing is filed.
        """
        with self._means.database.write() as records:
            act = Act(records, reporter, records.clock.now())
            stored = records.jobs.get(job.id)
            if stored is None or not holds(stored, job, act.at):
                return False
            records.jobs.change(stored, ended(stored, measurement.problem))
            self._file(act, job, measurement)
            return True

    def give_back(self, job: Job, problem: str = "") -> bool:
        """Give a job back, so that another may have it at once.

        Args:
            job: as it was leased.
            problem: what the attempt failed of: then it counts, and after the last one the job has failed;
                "" when it was no attempt, because the worker ends or has no place to run it.

        Returns:
            False when the lease did not count any more.
        """
        with self._means.database.write() as records:
            return self._give_back(records, job, problem)

    def give_back_all(self, worker: str) -> int:
        """Give back whatever a worker holds that has died; return how much that was.

        It may have died of one of them, so the attempts count.
        """
        with self._means.database.write() as records:
            held = records.jobs.of_worker(worker)
            return sum(self._give_back(records, job, f"the worker {worker} died") for job in held)

    def sweep(self) -> int:
        """End what nobody works on any more: jobs whose workers died, promotions past their time.

        Returns:
            How many were ended.
        """
        with self._means.database.read() as records:
            at = records.clock.now()
            overdue = [each.id for each in records.promotions.open() if at >= each.expires_at]
            if not overdue and not records.jobs.exhausted(at):
                return 0
        with self._means.database.write() as records:
            act = Act(records, "assay", records.clock.now())
            jobs = records.jobs.exhausted(act.at)
            for job in jobs:
                self._give_up(act, job, why_given_up(job))
            for promotion_id in overdue:
                promotion = records.promotions.get(promotion_id)
                if promotion is not None and promotion.state.is_open:
                    advance(act, self._means.chance, promotion)
        return len(jobs) + len(overdue)

    def _give_back(self, records: Records, job: Job, problem: str) -> bool:
        act = Act(records, "assay", records.clock.now())
        stored = records.jobs.get(job.id)
        if stored is None or not holds(stored, job, act.at):
            return False
        after = given_back(stored, problem) if problem else let_go(stored)
        if not after.is_open:
            self._give_up(act, stored, f"given up after {stored.attempts} attempts, the last time: {problem}")
            return True
        return records.jobs.change(stored, after)

    def _give_up(self, act: Act, job: Job, problem: str) -> None:
        act.records.jobs.change(job, ended(job, problem))
        self._file(act, job, Measurement(problem=problem))

    def _file(self, act: Act, job: Job, measurement: Measurement) -> None:
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
            measured_at=act.at,
            recorded_at=act.at,
            measurement=measurement,
            settings=job.settings,
        )
        file_evidence(act, version, evidence)
        advance_open(act, self._means.chance, version)
