"""The tables beside the audit log: the nodes of its tree, its signed heads, and which log it is."""

from sqlalchemy import BigInteger, Column, Integer, String, Table, Text

from assay.storage.tables import CLUSTERED, GIVEN, Instant, metadata

# The hash of each complete subtree, in hex; level 0 are the leaves. Rows are only ever added.
audit_nodes = Table(
    "audit_nodes",
    metadata,
    Column("level", Integer, primary_key=True),
    Column("place", BigInteger, primary_key=True),
    Column("hash", String(64), nullable=False),
    **CLUSTERED,
)

audit_heads = Table(
    "audit_heads",
    metadata,
    Column("size", GIVEN, primary_key=True, autoincrement=False),
    Column("signed_at", Instant, nullable=False),
    Column("note", Text, nullable=False),
)

# One row: the name of the log in its heads, given when the registry was founded.
audit_origin = Table(
    "audit_origin",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("origin", String(200), nullable=False),
)
