"""Signing in with an identity provider, and trusted publishers: tables only, nothing there changes."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
half = "pre"


def upgrade() -> None:
    """Create the tables of identities, roles of groups, sessions and publishers."""
    op.create_table(
        "identities",
        sa.Column("issuer", sa.String(length=500), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("principal", sa.String(length=96), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["principal"], ["principals.name"]),
        sa.PrimaryKeyConstraint("issuer", "subject"),
    )
    op.create_index("ix_identities_principal", "identities", ["principal"], unique=False)
    op.create_table(
        "group_roles",
        sa.Column("group", sa.String(length=200), nullable=False),
        sa.Column("pattern", sa.String(length=193), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("group", "pattern"),
    )
    op.create_table(
        "borrowed_grants",
        sa.Column("principal", sa.String(length=96), nullable=False),
        sa.Column("pattern", sa.String(length=193), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["principal"], ["principals.name"]),
        sa.PrimaryKeyConstraint("principal", "pattern"),
    )
    _sessions()
    op.create_table(
        "used_once",
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_used_once_until", "used_once", ["until"], unique=False)
    op.create_table(
        "publishers",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("issuer", sa.String(length=500), nullable=False),
        sa.Column("principal", sa.String(length=96), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["principal"], ["principals.name"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_publishers_issuer", "publishers", ["issuer", "created_at"], unique=False)


def _sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("principal", sa.String(length=96), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["principal"], ["principals.name"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_sessions_principal", "sessions", ["principal"], unique=False)
    op.create_index("ix_sessions_expires", "sessions", ["expires_at"], unique=False)
