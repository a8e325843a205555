"""The tables of stored bytes: what is known of them, what names them, who uses how much, and arrivals."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text, text

from assay.storage.tables import CLUSTERED, Instant, metadata

blobs = Table(
    "blobs",
    metadata,
    Column("digest", String(71), primary_key=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("stored_at", Instant, nullable=False),
    Column("leased_until", Instant, nullable=False),
    Column("condemned_at", Instant),
    Column("damaged_at", Instant),
    # What lives on is not in it, so that it costs an upload nothing.
    Index(
        "ix_blobs_condemned",
        "condemned_at",
        sqlite_where=text("condemned_at IS NOT NULL"),
        postgresql_where=text("condemned_at IS NOT NULL"),
    ),
    **CLUSTERED,
)

# What names bytes besides the tree of tracked files: ``version:<model>/<number>`` its files,
# ``data:<model>/<number>`` the data it declares, ``evidence:<digest>`` its attachments.
blob_uses = Table(
    "blob_uses",
    metadata,
    Column("digest", String(71), primary_key=True),
    Column("named_by", String(300), primary_key=True),
    Index("ix_blob_uses_named_by", "named_by"),
    **CLUSTERED,
)

# Long pieces of work on the store: who is at them, and where they got to.
chores = Table(
    "chores",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("owner", String(200), nullable=False),
    Column("until", Instant, nullable=False),
    Column("place", Text, nullable=False),
)

# What teams (``team``) and models (``team/task``) use, and may use: counted with each name of bytes.
quotas = Table(
    "quotas",
    metadata,
    Column("owner", String(193), primary_key=True),
    Column("used_bytes", BigInteger, nullable=False),
    Column("limit_bytes", BigInteger),
    **CLUSTERED,
)

transfers = Table(
    "transfers",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("part_bytes", BigInteger, nullable=False),
    Column("started_by", String(96), nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("expected", String(71)),
    Column("whole", String(71)),
    Index("ix_transfers_started_by", "started_by", "started_at"),
    Index("ix_transfers_ends", "ends_at", "id"),
)

transfer_parts = Table(
    "transfer_parts",
    metadata,
    Column("transfer", String(64), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("digest", String(71), nullable=False),
    **CLUSTERED,
)
