"""Jobs: checks that wait for a worker. A lease runs out when its worker dies; then another takes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
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
