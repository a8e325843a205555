"""The tables of passwords, groups and teams."""

from sqlalchemy import Column, ForeignKeyConstraint, Index, Integer, String, Table, Text

from assay.storage.tables import Instant, metadata

passwords = Table(
    "passwords",
    metadata,
    Column("principal", String(96), primary_key=True),
    Column("changed_at", Instant, nullable=False),
    Column("document", Text, nullable=False),
    ForeignKeyConstraint(["principal"], ["principals.name"]),
)

groups = Table(
    "groups",
    metadata,
    # AUTOINCREMENT: the number of a deleted group never names another one.
    Column("id", Integer, primary_key=True),
    Column("team", String(96), nullable=False),
    Column("name", String(200), nullable=False),
    Column("document", Text, nullable=False),
    Index("uq_groups_name", "team", "name", unique=True),
    sqlite_autoincrement=True,
)

group_members = Table(
    "group_members",
    metadata,
    Column("group", Integer, primary_key=True),
    Column("principal", String(96), primary_key=True),
    ForeignKeyConstraint(["group"], ["groups.id"]),
    ForeignKeyConstraint(["principal"], ["principals.name"]),
    Index("ix_group_members_principal", "principal"),
)

teams = Table(
    "teams",
    metadata,
    Column("name", String(96), primary_key=True),
    Column("document", Text, nullable=False),
)
