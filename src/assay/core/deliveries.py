r"""Deliveries: one message to one hook, from the event until it arrived or was given up.

States::

    waiting -> sending -> delivered
       \__________/ \---> failed

A message is stored in the transaction that turns events into messages, and sent afterwards; a sender
that dies loses its lease, and the message goes out again with the same id. So each arrives at least once.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from assay.core.webhooks import EventKind

TIMEOUT: Final = timedelta(seconds=30)
LEASE: Final = timedelta(seconds=90)
MAX_ATTEMPTS: Final = 4
PAUSES: Final = (timedelta(seconds=1), timedelta(seconds=5), timedelta(seconds=25))
MAX_PAUSE: Final = timedelta(minutes=5)
RETENTION: Final = timedelta(days=30)
GAVE_UP: Final = "every sender died while it sent this"


class DeliveryState(Enum):
    """Where a delivery stands."""

    WAITING = "waiting"
    SENDING = "sending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message.

    Attributes:
        id: a UUID that follows from hook and event: the same at every attempt, and after a crash.
        event_seq: of the audit event that it tells of.
        place: among what that event has to tell: 0 comes first.
        body: the JSON text, as it is sent and signed.
        due_at: not before.
        attempts: how often it was begun.
        lease_owner, lease_until: who sends it, and until when that counts.
        response_status: HTTP status of the last answer, None without one.
        problem: what went wrong last, "" when nothing.
        ended_at: when it was delivered or given up.
    """

    id: str
    hook_id: str
    kind: EventKind
    event_seq: int
    body: str = field(repr=False)
    created_at: datetime
    due_at: datetime
    state: DeliveryState = DeliveryState.WAITING
    attempts: int = 0
    lease_owner: str = ""
    lease_until: datetime | None = None
    response_status: int | None = None
    problem: str = ""
    ended_at: datetime | None = None
    place: int = 0


@dataclass(frozen=True, slots=True)
class Letter:
    """What is sent once."""

    url: str = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    body: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of sending a letter.

    Attributes:
        status: of the answer; None when there was none.
        text: the beginning of the answer's body.
        problem: why there was no answer; "" when there was one.
        final: trying again would change nothing.
        retry_after_s: seconds the receiver asked to wait.
    """

    status: int | None = None
    text: str = field(default="", repr=False)
    problem: str = ""
    final: bool = False
    retry_after_s: int = 0

    @property
    def arrived(self) -> bool:
        """Whether the receiver took it. A redirect is no yes: it is not followed."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def in_words(self) -> str:
        """What went wrong, "" when nothing."""
        if self.arrived:
            return ""
        if self.status is None:
            return self.problem or "no answer"
        redirected = 300 <= self.status < 400
        return f"answered {self.status}" + ("; redirects are not followed" if redirected else "")


def after_attempt(delivery: Delivery, attempt: Attempt, at: datetime) -> Delivery:
    """Return the delivery as it stands when an attempt has ended at ``at``.

    Tried again are 429, 5xx and no answer at all: three times, after 1, 5 and 25 s or as long as the
    receiver asks (300 s at most). Any other answer is final.
    """
    seen = replace(delivery, response_status=attempt.status, problem=attempt.in_words, lease_until=None)
    if attempt.arrived:
        return replace(seen, state=DeliveryState.DELIVERED, ended_at=at)
    again = attempt.status is None or attempt.status == 429 or attempt.status >= 500
    if attempt.final or not again or delivery.attempts >= MAX_ATTEMPTS:
        return replace(seen, state=DeliveryState.FAILED, ended_at=at)
    asked = timedelta(seconds=min(max(attempt.retry_after_s, 0), int(MAX_PAUSE.total_seconds())))
    pause = max(PAUSES[min(max(delivery.attempts, 1), len(PAUSES)) - 1], asked)
    return replace(seen, state=DeliveryState.WAITING, due_at=at + pause)
