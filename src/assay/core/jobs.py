r"""Jobs: checks that wait for a worker, and the rules of who may work on one and until when.

States::

    queued -> leased -> done
       \\__________/ \\--> failed

A worker holds a job by a lease, which it prolongs while it works. Who holds it is told by two things: the
worker's name and the number of the attempt. When the lease's time is over the job is anybody's, and nothing
that the earlier holder says counts any more: not even when nobody has taken the job yet. So a worker that
was paused and comes back cannot report, whatever it believes.

Instants are those of one clock for all workers: the database's own (``core.ports.Records.clock``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final

from assay.core.names import ModelName

LEASE: Final = timedelta(seconds=60)
MAX_ATTEMPTS: Final = 3


class JobState(Enum):
    """Where a job stands."""

    QUEUED = "queued"
    LEASED = "leased"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Job:
    """One check to run on one version.

    Attributes:
        promotion_id: the promotion that waits for it; "" when somebody asked for the check itself.
        attempts: how often it was leased; after three it fails.
        lease_owner, lease_until: who works on it, and until when that counts.
        problem: why it failed.
    """

    id: str
    model: ModelName
    number: int
    check: str
    settings: Mapping[str, Any]
    created_at: datetime
    requested_by: str
    promotion_id: str = ""
    state: JobState = JobState.QUEUED
    attempts: int = 0
    lease_owner: str = ""
    lease_until: datetime | None = None
    problem: str = ""
    evidence: str = field(default="")

    @property
    def is_open(self) -> bool:
        """Whether it waits or is worked on."""
        return self.state in (JobState.QUEUED, JobState.LEASED)


def holds(stored: Job | None, held: Job, at: datetime) -> bool:
    """Tell whether the lease by which ``held`` was given still counts.

    Args:
        stored: the job as it stands.
        held: the job as its holder was given it.
        at: the present instant.
    """
    return (
        stored is not None
        and stored.state is JobState.LEASED
        and (stored.lease_owner, stored.attempts) == (held.lease_owner, held.attempts)
        and stored.lease_until is not None
        and at < stored.lease_until
    )


def taken(job: Job, worker: str, at: datetime) -> Job:
    """Return the job as ``worker`` holds it from now on; the attempt counts."""
    return replace(
        job,
        state=JobState.LEASED,
        attempts=job.attempts + 1,
        lease_owner=worker,
        lease_until=at + LEASE,
    )


def prolonged(job: Job, at: datetime) -> Job:
    """Return the job with a lease that counts from now; never a shorter one than it has."""
    until = at + LEASE
    return replace(job, lease_until=max(until, job.lease_until) if job.lease_until else until)


def let_go(job: Job) -> Job:
    """Return the job as its holder gives it back: it waits again, and the attempt was none.

    The number of that attempt will be given again, but only because its holder said that it is done with
    it: it never stands for two holders at a time.
    """
    return replace(job, state=JobState.QUEUED, attempts=job.attempts - 1, lease_owner="", lease_until=None)


def given_back(job: Job, problem: str) -> Job:
    """Return the job as it stands after an attempt that failed through no word of the check's own.

    It waits again; after its last attempt it has failed.
    """
    spent = job.attempts >= MAX_ATTEMPTS
    state = JobState.FAILED if spent else JobState.QUEUED
    return replace(job, state=state, lease_owner="", lease_until=None, problem=problem)


def ended(job: Job, problem: str = "") -> Job:
    """Return the job at its end: failed with a problem, done without one."""
    state = JobState.FAILED if problem else JobState.DONE
    return replace(job, state=state, lease_until=None, problem=problem)


def why_given_up(job: Job) -> str:
    """Return the reason of a job whose last attempt's lease has run out, in words."""
    return (
        f"given up after {job.attempts} attempts: each time the worker that ran it died or lost its lease,"
        f" the last time {job.lease_owner or 'one without a name'}"
    )
