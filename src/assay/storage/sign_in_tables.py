"""The tables of signing in: identities, roles of groups, sessions, what is used once, trusted publishers."""

from sqlalchemy import Column, ForeignKeyConstraint, Index, String, Table, Text

from assay.storage.tables import CLUSTERED, Instant, metadata

identities = Table(
    "identities",
    metadata,
    Column("issuer", String(500), primary_key=True),
    Column("subject", String(255), primary_key=True),
    Column("principal", String(96), nullable=False),
    Column("document", Text, nullable=False),
    ForeignKeyConstraint(["principal"], ["principals.name"]),
    Index("ix_identities_principal", "principal"),
)

group_roles = Table(
    "group_roles",
    metadata,
    Column("group", String(200), primary_key=True),
    Column("pattern", String(193), primary_key=True),
    Column("document", Text, nullable=False),
)

# What people have through groups at the provider; what was granted by hand is in ``grants``.
borrowed_grants = Table(
    "borrowed_grants",
    metadata,
    Column("principal", String(96), primary_key=True),
    Column("pattern", String(193), primary_key=True),
    Column("until", Instant, nullable=False),
    Column("document", Text, nullable=False),
    ForeignKeyConstraint(["principal"], ["principals.name"]),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("principal", String(96), nullable=False),
    Column("last_used_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    Column("document", Text, nullable=False),
    ForeignKeyConstraint(["principal"], ["principals.name"]),
    Index("ix_sessions_principal", "principal"),
    Index("ix_sessions_expires", "expires_at"),
)

used_once = Table(
    "used_once",
    metadata,
    Column("key", String(100), primary_key=True),
    Column("until", Instant, nullable=False),
    Column("content", Text, nullable=False),
    Index("ix_used_once_until", "until"),
    **CLUSTERED,
)

publishers = Table(
    "publishers",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("issuer", String(500), nullable=False),
    Column("principal", String(96), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("document", Text, nullable=False),
    ForeignKeyConstraint(["principal"], ["principals.name"]),
    Index("ix_publishers_issuer", "issuer", "created_at"),
)
