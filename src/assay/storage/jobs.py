"""The job queue in SQL: leases by compare-and-set."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, insert, or_, select, update

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

    def lease(self, worker: str, now: datetime, until: datetime) -> Job | None:
        """Take the oldest job that waits, or whose lease has run out with attempts left."""
        overdue = and_(j.state == JobState.LEASED.value, j.lease_until <= now, j.attempts < MAX_ATTEMPTS)
        free = or_(j.state == JobState.QUEUED.value, overdue)
        query = select(t.jobs).where(free).order_by(j.created_at, j.id).limit(1)
        row = self._connection.execute(query).mappings().first()
        if row is None:
            return None
        before = _job(row)
        taken = replace(
            before,
            state=JobState.LEASED,
            attempts=before.attempts + 1,
            lease_owner=worker,
            lease_until=until,
        )
        seen = and_(j.id == before.id, j.state == before.state.value, j.attempts == before.attempts)
        return taken if self._change(taken, seen) else None

    def extend(self, job_id: str, worker: str, until: datetime) -> bool:
        """Prolong the lease; False when the worker does not hold it any more."""
        job = self.get(job_id)
        if job is None:
            return False
        return self._change(replace(job, lease_until=until), _held(job_id, worker))

    def finish(self, job: Job, worker: str) -> bool:
        """Store the job's final state; False when the worker does not hold it any more."""
        return self._change(replace(job, lease_until=None), _held(job.id, worker))

    def exhausted(self, now: datetime) -> tuple[Job, ...]:
        """Fail every job whose last attempt's lease has run out, and return those."""
        spent = and_(j.state == JobState.LEASED.value, j.lease_until <= now, j.attempts >= MAX_ATTEMPTS)
        rows = self._connection.execute(select(t.jobs).where(spent).order_by(j.created_at, j.id)).mappings()
        jobs = [
            replace(_job(row), state=JobState.FAILED, problem="no worker finished it") for row in rows.all()
        ]
        for job in jobs:
            self._change(job, and_(j.id == job.id, spent))
        return tuple(jobs)

    def of_version(self, model: ModelName, number: int) -> tuple[Job, ...]:
        """Return the jobs of a version, newest first."""
        query = select(t.jobs).where(j.model == model, j.number == number)
        rows = self._connection.execute(query.order_by(j.created_at.desc(), j.id.desc())).mappings()
        return tuple(map(_job, rows))

    def _change(self, job: Job, condition: Any) -> bool:
        result = self._connection.execute(update(t.jobs).where(condition), _changing(job))
        return result.rowcount == 1


def _held(job_id: str, worker: str) -> Any:
    return and_(j.id == job_id, j.state == JobState.LEASED.value, j.lease_owner == worker)


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
