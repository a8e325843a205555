"""Webhooks in SQL: the hooks, and the queue of messages with leases by compare-and-set."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, Select, and_, delete, insert, or_, select, update

from assay.core.deliveries import GAVE_UP, MAX_ATTEMPTS, Delivery, DeliveryState
from assay.core.search import Page
from assay.core.webhooks import EventKind, Hook, HookStatus
from assay.storage import webhook_tables as t
from assay.storage.cursors import read_cursor, write_cursor
from assay.storage.upserts import insert_missing, write_rows
from assay.wire.codec import decode, encode

h = t.webhooks.c
d = t.webhook_deliveries.c
_CURSOR: Final = 1


class SqlWebhooks:
    """Implements ``core.ports.Webhooks``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def add(self, hook: Hook) -> None:
        """Store a new hook."""
        values = {"id": hook.id, "created_at": hook.created_at, **_changing(hook)}
        self._connection.execute(insert(t.webhooks), values)

    def get(self, hook_id: str) -> Hook | None:
        """Return one."""
        document = self._connection.execute(select(h.document).where(h.id == hook_id)).scalar()
        return None if document is None else decode(document, Hook)

    def page(self, limit: int, cursor: str = "") -> Page[Hook]:
        """Return a page of hooks, newest first.

        Raises:
            BadInputError: the cursor is not one of ours.
        """
        query = select(h.document).order_by(h.created_at.desc(), h.id.desc()).limit(limit + 1)
        if cursor:
            (last,) = read_cursor(cursor, (str,))
            made = select(h.created_at).where(h.id == last).scalar_subquery()
            query = query.where(or_(h.created_at < made, and_(h.created_at == made, h.id < last)))
        found = [decode(document, Hook) for document in self._connection.execute(query).scalars()]
        shown = tuple(found[:limit])
        return Page(shown, write_cursor([shown[-1].id]) if len(found) > limit else "")

    def active(self) -> tuple[Hook, ...]:
        """Return every hook that is to be told, oldest first."""
        query = select(h.document).where(h.status == HookStatus.ACTIVE.value).order_by(h.created_at, h.id)
        return tuple(decode(document, Hook) for document in self._connection.execute(query).scalars())

    def save(self, hook: Hook) -> None:
        """Replace it."""
        self._connection.execute(update(t.webhooks).where(h.id == hook.id), _changing(hook))

    def remove(self, hook_id: str) -> None:
        """Forget it; its deliveries stay."""
        self._connection.execute(delete(t.webhooks).where(h.id == hook_id))


class SqlDeliveries:
    """Implements ``core.ports.Deliveries``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def cursor(self) -> int:
        """Return the seq of the last audit event that was turned into messages; 0 for none."""
        return int(self._connection.execute(select(t.webhook_cursor.c.seq)).scalar() or 0)

    def record(self, seq: int, deliveries: tuple[Delivery, ...]) -> None:
        """Queue the messages of the events up to ``seq``; one whose id is there already stays as it is."""
        insert_missing(self._connection, t.webhook_deliveries, [_row(each) for each in deliveries])
        write_rows(self._connection, t.webhook_cursor, [{"id": _CURSOR, "seq": seq}])

    def waiting(self, now: datetime, spared: frozenset[str] = frozenset()) -> bool:
        """Tell whether there is anything to lease or to give up, but for hooks that are left alone."""
        query = _but(select(d.id).where(_due(now)).limit(1), spared)
        return self._connection.execute(query).first() is not None

    def lease(
        self, sender: str, now: datetime, until: datetime, spared: frozenset[str] = frozenset()
    ) -> Delivery | None:
        """Take the oldest message that is due, or whose lease has run out with attempts left."""
        self._give_up(now)
        query = select(t.webhook_deliveries).where(_due(now)).order_by(d.event_seq, d.place, d.id).limit(1)
        row = self._connection.execute(_but(query, spared)).mappings().first()
        if row is None:
            return None
        before = _delivery(row)
        taken = replace(
            before,
            state=DeliveryState.SENDING,
            attempts=before.attempts + 1,
            lease_owner=sender,
            lease_until=until,
        )
        seen = and_(d.id == before.id, d.state == before.state.value, d.attempts == before.attempts)
        return taken if self._change(taken, seen) else None

    def finish(self, delivery: Delivery, sender: str) -> bool:
        """Store what came of it; False when the sender does not hold it any more."""
        held = and_(
            d.id == delivery.id,
            d.state == DeliveryState.SENDING.value,
            d.lease_owner == sender,
            d.attempts == delivery.attempts,
        )
        return self._change(delivery, held)

    def of_hook(self, hook_id: str, limit: int) -> tuple[Delivery, ...]:
        """Return the messages of a hook, newest event first."""
        query = select(t.webhook_deliveries).where(d.hook == hook_id)
        query = query.order_by(d.event_seq.desc(), d.place.desc(), d.id).limit(limit)
        return tuple(map(_delivery, self._connection.execute(query).mappings()))

    def forget(self, before: datetime) -> int:
        """Drop those that ended before an instant; return how many."""
        return self._connection.execute(delete(t.webhook_deliveries).where(d.ended_at < before)).rowcount

    def _give_up(self, now: datetime) -> None:
        spent = and_(d.state == DeliveryState.SENDING.value, d.lease_until <= now, d.attempts >= MAX_ATTEMPTS)
        failed = {
            "state": DeliveryState.FAILED.value,
            "problem": GAVE_UP,
            "lease_until": None,
            "ended_at": now,
        }
        self._connection.execute(update(t.webhook_deliveries).where(spent), failed)

    def _change(self, delivery: Delivery, condition: Any) -> bool:
        values = {name: value for name, value in _row(delivery).items() if name not in _FIXED}
        return self._connection.execute(update(t.webhook_deliveries).where(condition), values).rowcount == 1


_FIXED: Final = frozenset({"id", "hook", "entity", "action", "event_seq", "place", "body", "created_at"})


def _due(now: datetime) -> Any:
    waits = and_(d.state == DeliveryState.WAITING.value, d.due_at <= now)
    return or_(waits, and_(d.state == DeliveryState.SENDING.value, d.lease_until <= now))


def _but(query: Select[Any], spared: frozenset[str]) -> Select[Any]:
    return query.where(d.hook.not_in(sorted(spared))) if spared else query


def _changing(hook: Hook) -> dict[str, Any]:
    return {"status": hook.status.value, "document": encode(hook).decode()}


def _row(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "hook": delivery.hook_id,
        "entity": delivery.kind.entity,
        "action": delivery.kind.action,
        "event_seq": delivery.event_seq,
        "place": delivery.place,
        "body": delivery.body,
        "created_at": delivery.created_at,
        "due_at": delivery.due_at,
        "state": delivery.state.value,
        "attempts": delivery.attempts,
        "lease_owner": delivery.lease_owner,
        "lease_until": delivery.lease_until,
        "response_status": delivery.response_status,
        "problem": delivery.problem,
        "ended_at": delivery.ended_at,
    }


def _delivery(row: RowMapping) -> Delivery:
    return Delivery(
        id=row["id"],
        hook_id=row["hook"],
        kind=EventKind(row["entity"], row["action"]),
        event_seq=row["event_seq"],
        place=row["place"],
        body=row["body"],
        created_at=row["created_at"],
        due_at=row["due_at"],
        state=DeliveryState(row["state"]),
        attempts=row["attempts"],
        lease_owner=row["lease_owner"],
        lease_until=row["lease_until"],
        response_status=row["response_status"],
        problem=row["problem"],
        ended_at=row["ended_at"],
    )
