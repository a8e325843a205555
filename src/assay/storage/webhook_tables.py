"""The tables of webhooks: hooks, the queue of messages, and how far the audit log was read for it."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from assay.storage.tables import Instant, metadata

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("created_at", Instant, nullable=False),
    Column("status", String(16), nullable=False),
    Column("document", Text, nullable=False),
    Index("ix_webhooks_created", "created_at", "id"),
)

# One row: the seq of the last audit event that was turned into messages.
webhook_cursor = Table(
    "webhook_cursor",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("seq", BigInteger, nullable=False),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("hook", String(36), nullable=False),
    Column("entity", String(40), nullable=False),
    Column("action", String(40), nullable=False),
    Column("event_seq", BigInteger, nullable=False),
    Column("place", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("lease_owner", String(200), nullable=False),
    Column("lease_until", Instant),
    Column("response_status", Integer),
    Column("problem", Text, nullable=False),
    Column("ended_at", Instant),
    # Each hook's own queue in the order of its events; ``due_at`` so that bodies need not be passed over.
    Index("ix_webhook_deliveries_queue", "hook", "state", "event_seq", "place", "due_at"),
    Index("ix_webhook_deliveries_leased", "state", "lease_until"),
    Index("ix_webhook_deliveries_hook", "hook", "event_seq", "place"),
    Index("ix_webhook_deliveries_ended", "ended_at"),
)
