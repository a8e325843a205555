"""The job queue in SQL; every change is by compare-and-set on who holds the job."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, insert, select, update

from assay.core.jobs import MAX_ATTEMPTS, Job, JobState
from assay.core.names import ModelName
from assay.storage import tables as t
from assay.wire.codec import decode, encode

j = t.jobs.c


class SqlJobs:
    """Implements ``core.ports.Jobs``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def add(self, job: Job) -> None:
        """Queue a job."""
        values = {
            "id": job.id,
            "model": job.model,
            "number": job.number,
            "created_at": job.created_at,
            **_changing(job),
        }
        self._connection.execute(insert(t.jobs), values)

    def get(self, job_id: str) -> Job | None:
        """Return one."""
        row = self._connection.execute(select(t.jobs).where(j.id == job_id)).mappings().first()
        return None if row is None else _job(row)

    def free(self, at: datetime) -> Job | None:
        """Return the oldest job that is queued, or whose lease is over with attempts left.

        Two questions, each answered from the index: one with "or" would sort all that wait.
        """
        queued = self._oldest(j.state == JobState.QUEUED.value)
        lapsed = self._oldest(and_(_over(at), j.attempts < MAX_ATTEMPTS))
        found = [each for each in (queued, lapsed) if each is not None]
        return min(found, key=lambda job: (job.created_at, job.id), default=None)

    def change(self, before: Job, after: Job) -> bool:
        """Replace ``before`` by ``after``, if nobody has taken, given back or ended it meanwhile."""
        same = and_(
            j.id == before.id,
            j.state == before.state.value,
            j.lease_owner == before.lease_owner,
            j.attempts == before.attempts,
        )
        return self._connection.execute(update(t.jobs).where(same), _changing(after)).rowcount == 1

    def exhausted(self, at: datetime) -> tuple[Job, ...]:
        """Return every job whose last attempt's lease is over, oldest first."""
        return self._listed(and_(_over(at), j.attempts >= MAX_ATTEMPTS))

    def of_worker(self, worker: str) -> tuple[Job, ...]:
        """Return the jobs that a worker holds, oldest first, whether or not their time is over."""
        return self._listed(and_(j.state == JobState.LEASED.value, j.lease_owner == worker))

    def of_version(self, model: ModelName, number: int) -> tuple[Job, ...]:
        """Return the jobs of a version, newest first."""
        query = select(t.jobs).where(j.model == model, j.number == number)
        rows = self._connection.execute(query.order_by(j.created_at.desc(), j.id.desc())).mappings()
        return tuple(map(_job, rows))

    def _oldest(self, condition: Any) -> Job | None:
        query = select(t.jobs).where(condition).order_by(j.created_at, j.id).limit(1)
        row = self._connection.execute(query).mappings().first()
        return None if row is None else _job(row)

    def _listed(self, condition: Any) -> tuple[Job, ...]:
        query = select(t.jobs).where(condition).order_by(j.created_at, j.id)
        return tuple(map(_job, self._connection.execute(query).mappings()))


def _over(at: datetime) -> Any:
    return and_(j.state == JobState.LEASED.value, j.lease_until <= at)


def _changing(job: Job) -> dict[str, Any]:
    return {
        "state": job.state.value,
        "attempts": job.attempts,
        "lease_owner": job.lease_owner,
        "lease_until": job.lease_until,
        "document": encode(job).decode(),
    }


def _job(row: RowMapping) -> Job:
    return decode(row["document"], Job)
