"""The table of what was moved in from other registries."""

from sqlalchemy import BigInteger, Column, String, Table, Text

from assay.storage.tables import metadata

moved_things = Table(
    "moved_things",
    metadata,
    Column("source", String(512), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("id", String(512), primary_key=True),
    Column("here", Text, nullable=False),
    Column("mark", String(64), nullable=False),
    Column("point_count", BigInteger, nullable=False),
)
