"""Delivering: the queue of messages to webhooks is filled from the audit log, and emptied by senders.

Any number of senders in any number of processes may do this at once. A message is stored before it is
sent, with an id that follows from hook and event; a sender that dies loses its lease, and the message
goes out again under the same id. So each arrives at least once, and a receiver can tell.

When a message is due and when a lease is over is judged by the database's own clock. A sender takes its
lease anew before it sends, so that one which was paused does not send beside another that has the message
now; only one that is paused from then on for a whole lease could still make two, and they have one id.
"""

from dataclasses import dataclass, replace
from typing import Final

from assay.core.audit import AuditEvent
from assay.core.deliveries import (
    LEASE,
    RETENTION,
    Attempt,
    Delivery,
    DeliveryState,
    Letter,
    after_attempt,
)
from assay.core.errors import UnavailableError
from assay.core.ports import Records
from assay.core.webhooks import Hook, HookStatus, headers
from assay.usecases.means import Means
from assay.usecases.telling import messages

BATCH: Final = 200


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message that a sender holds, and where it is to go."""

    delivery: Delivery
    hook: Hook


@dataclass(frozen=True, slots=True)
class Sent:
    """A message after an attempt, and in how many seconds it is due where it waits to be sent again."""

    delivery: Delivery
    pause_s: float


class Delivering:
    """Fills and empties the queue."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means

    def gather(self) -> bool:
        """Turn events since the last time into messages; tell whether there may be more.

        Where no webhook is active nothing is read and nothing is written.
        """
        with self._means.database.read() as records:
            _, events = _untold(records)
        if not events:
            return False
        with self._means.database.write() as records:
            hooks, events = _untold(records)  # another process may have been faster
            if events:
                records.deliveries.record(events[-1].seq, messages(records, hooks, events))
        return len(events) == BATCH

    def take(self, sender: str, spared: frozenset[str] = frozenset()) -> Outgoing | None:
        """Give a sender the oldest message that is due; None when there is none.

        Messages of a webhook that was removed or disabled meanwhile end here, as failed.

        Args:
            sender: who takes it, and holds it for the length of a lease.
            spared: ids of webhooks that it leaves alone.
        """
        while True:
            with self._means.database.read() as records:
                if not records.deliveries.waiting(records.clock.now(), spared):
                    return None
            with self._means.database.write() as records:
                now = records.clock.now()
                taken = records.deliveries.lease(sender, now, now + LEASE, spared)
                if taken is None:
                    return None
                hook = records.webhooks.get(taken.hook_id)
                if hook is not None and hook.status is HookStatus.ACTIVE:
                    return Outgoing(taken, hook)
                problem = "the webhook was removed" if hook is None else "the webhook is disabled"
                ended = replace(taken, state=DeliveryState.FAILED, problem=problem, ended_at=now)
                records.deliveries.finish(replace(ended, lease_until=None), sender)

    def send(self, outgoing: Outgoing, sender: str) -> Sent | None:
        """Send a message that the sender holds, once, and note what came of it.

        Returns:
            The message as it stands now: delivered, failed, or waiting to be sent again. None when the
            message is in other hands, because the sender's time with it was over: then it is not sent.
        """
        with self._means.database.write() as records:
            held = replace(outgoing.delivery, lease_until=records.clock.now() + LEASE)
            if not records.deliveries.finish(held, sender):
                return None
        attempt = self._attempt(outgoing)
        with self._means.database.write() as records:
            now = records.clock.now()
            after = after_attempt(outgoing.delivery, attempt, now)
            records.deliveries.finish(after, sender)
        return Sent(after, max(0.0, (after.due_at - now).total_seconds()))

    def forget(self) -> int:
        """Drop messages that ended long ago; return how many."""
        with self._means.database.write() as records:
            return records.deliveries.forget(records.clock.now() - RETENTION)

    def _attempt(self, outgoing: Outgoing) -> Attempt:
        delivery, hook = outgoing.delivery, outgoing.hook
        try:
            secret = self._means.seal.open(hook.sealed_secret) if hook.is_signed else ""
        except UnavailableError as error:
            return Attempt(problem=error.message)
        said = headers(delivery.id, self._means.clock.now(), delivery.body, secret)
        return self._means.post.send(Letter(hook.url, said, delivery.body))


def _untold(records: Records) -> tuple[tuple[Hook, ...], tuple[AuditEvent, ...]]:
    """Return the active webhooks and the next events that one of them may want to know of."""
    hooks = records.webhooks.active()
    if not hooks:
        return (), ()
    start = max(records.deliveries.cursor(), min(hook.since_seq for hook in hooks))
    return hooks, records.audit.read(start, BATCH)
