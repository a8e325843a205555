"""What users send and see about quotas."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QuotaChange:
    """Set a quota.

    Attributes:
        owner: a team, or a model as ``team/task``; it need not be there yet.
        limit_bytes: what may be used in all; less than what is used lets nothing more come.
    """

    owner: str
    limit_bytes: int


@dataclass(frozen=True, slots=True)
class Recounted:
    """Somebody of whom something else was kept than what was counted.

    Attributes:
        before_bytes: what was kept.
        used_bytes: what is used.
    """

    owner: str
    before_bytes: int
    used_bytes: int
