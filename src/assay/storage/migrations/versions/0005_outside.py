"""People with passwords, webhooks with their deliveries, and what was moved in."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
half = "pre"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "groups",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("team", sa.String(length=96), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_groups_name", "groups", ["team", "name"], unique=True)
    op.create_table(
        "moved_things",
        sa.Column("source", sa.String(length=512), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("id", sa.String(length=512), nullable=False),
        sa.Column("here", sa.Text(), nullable=False),
        sa.Column("mark", sa.String(length=64), nullable=False),
        sa.Column("point_count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source", "kind", "id"),
    )
    op.create_table(
        "teams",
        sa.Column("name", sa.String(length=96), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "webhook_cursor",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("hook", sa.String(length=36), nullable=False),
        sa.Column("entity", sa.String(length=40), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_owner", sa.String(length=200), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("response_status", sa.Integer(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_webhook_deliveries_ended", "webhook_deliveries", ["ended_at"], unique=False)
    op.create_index(
        "ix_webhook_deliveries_hook", "webhook_deliveries", ["hook", "event_seq", "place"], unique=False
    )
    op.create_index(
        "ix_webhook_deliveries_leased", "webhook_deliveries", ["state", "lease_until"], unique=False
    )
    op.create_index(
        "ix_webhook_deliveries_queue",
        "webhook_deliveries",
        ["hook", "state", "event_seq", "place", "due_at"],
        unique=False,
    )
    op.create_table(
        "webhooks",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_webhooks_created", "webhooks", ["created_at", "id"], unique=False)
    op.create_table(
        "group_members",
        sa.Column("group", sa.Integer(), nullable=False),
        sa.Column("principal", sa.String(length=96), nullable=False),
        sa.ForeignKeyConstraint(
            ["group"],
            ["groups.id"],
        ),
        sa.ForeignKeyConstraint(
            ["principal"],
            ["principals.name"],
        ),
        sa.PrimaryKeyConstraint("group", "principal"),
    )
    op.create_index("ix_group_members_principal", "group_members", ["principal"], unique=False)
    op.create_table(
        "passwords",
        sa.Column("principal", sa.String(length=96), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["principal"],
            ["principals.name"],
        ),
        sa.PrimaryKeyConstraint("principal"),
    )
