"""How much of what there is, for those who watch over the registry."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts over the whole database, whichever of its servers is asked.

    Attributes:
        jobs: state -> how many checks; each state there is, as with the others.
        oldest_job_at: when the one was queued that has waited longest; None when none waits.
        promotions: state -> how many.
        deliveries: state -> how many messages to webhooks, as far as they are still kept.
        oldest_delivery_at: since when the message has been due that has waited longest.
    """

    jobs: Mapping[str, int] = field(default_factory=dict)
    oldest_job_at: datetime | None = None
    promotions: Mapping[str, int] = field(default_factory=dict)
    deliveries: Mapping[str, int] = field(default_factory=dict)
    oldest_delivery_at: datetime | None = None
