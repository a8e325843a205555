"""The table of answers kept for requests that are to take effect once."""

from sqlalchemy import Boolean, Column, Index, Integer, String, Table, Text

from assay.storage.tables import Instant, metadata

kept_answers = Table(
    "kept_answers",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", Text),
    Column("sealed", Boolean, nullable=False),
    Index("ix_kept_answers_made", "made_at"),
)
