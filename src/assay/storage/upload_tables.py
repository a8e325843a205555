"""The tables of uploads in parts, and of the keys that their addresses are signed with."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from assay.storage.tables import CLUSTERED, Instant, metadata

uploads = Table(
    "uploads",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("path", String(4096), nullable=False),
    Column("part_count", Integer, nullable=False),
    Column("started_by", String(96), nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("digest", String(71)),
    Column("size_bytes", BigInteger),
    Index("ix_uploads_ends", "ends_at", "id"),
)

upload_parts = Table(
    "upload_parts",
    metadata,
    Column("upload", String(64), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("digest", String(71), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    **CLUSTERED,
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("secret", Text, nullable=False),
    Column("made_at", Instant, nullable=False),
)
