"""Webhooks in SQL: the hooks, and the queue of messages with leases by compare-and-set."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Connection,
    RowMapping,
    Select,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    type_coerce,
    union_all,
    update,
)

from assay.core.deliveries import GAVE_UP, MAX_ATTEMPTS, Delivery, DeliveryState
from assay.core.search import Page
from assay.core.webhooks import EventKind, Hook, HookStatus
from assay.storage import webhook_tables as t
from assay.storage.keysets import Key, read_listing
from assay.storage.upserts import insert_missing, write_rows
from assay.wire.codec import decode, encode

h = t.webhooks.c
d = t.webhook_deliveries.c
_CURSOR: Final = 1
_NEWEST_FIRST: Final = (
    Key(type_coerce(h.created_at, BigInteger), descending=True, kind=int, nullable=False),
    Key.of(h.id, descending=True),
)


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
        rows, more = read_listing(self._connection, select(h.document), _NEWEST_FIRST, limit, cursor)
        return Page(tuple(decode(row["document"], Hook) for row in rows), more)

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
        return self._first_due(now, spared) is not None

    def lease(
        self, sender: str, now: datetime, until: datetime, spared: frozenset[str] = frozenset()
    ) -> Delivery | None:
        """Take the oldest message that is due, or whose lease has run out with attempts left."""
        self._give_up(now)
        found = self._first_due(now, spared)
        if found is None:
            return None
        row = self._connection.execute(select(t.webhook_deliveries).where(d.id == found)).mappings().one()
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
        """Store what came of it, or a longer lease; False when the sender does not hold it any more."""
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

    def _first_due(self, now: datetime, spared: frozenset[str]) -> str | None:
        """Return the id of the message that is next, however long the queue is.

        Each hook's queue is looked at from its beginning; which hooks have one is read by going from
        each to the next in the index.
        """
        asked = {"now": now, "spared": sorted(spared)}
        return self._connection.execute(_FIRST_DUE, asked).scalar()

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


def _first_of(hook: Any, state: DeliveryState, since: str) -> Any:
    """Return the question for the first message of a hook's queue whose time has come."""
    own = t.webhook_deliveries.alias().c
    query = select(own.id).where(own.hook == hook, own.state == state.value, own[since] <= bindparam("now"))
    return query.order_by(own.event_seq, own.place).limit(1).scalar_subquery().label("id")


def _first_due() -> Select[Any]:
    """Return the question for the first of the first messages of all hooks that are not spared."""
    start = select(func.min(d.hook).label("hook")).cte("hooks", recursive=True)
    other = t.webhook_deliveries.alias().c.hook
    following = select(func.min(other)).where(other > start.c.hook).scalar_subquery()
    hooks = start.union_all(select(following).where(start.c.hook.is_not(None)))
    asked = hooks.c.hook.not_in(bindparam("spared", expanding=True))
    waits = _first_of(hooks.c.hook, DeliveryState.WAITING, "due_at")
    lapsed = _first_of(hooks.c.hook, DeliveryState.SENDING, "lease_until")
    found = union_all(select(waits).where(asked), select(lapsed).where(asked)).subquery()
    query = select(d.id).join(found, found.c.id == d.id)
    return query.order_by(d.event_seq, d.place, d.id).limit(1)


_FIRST_DUE: Final = _first_due()


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
