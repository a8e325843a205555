"""The table of the migrations that a database has had."""

from sqlalchemy import Column, String, Table

from assay.storage.tables import Instant, metadata

# ``half`` is ``pre`` for what only adds, so that older programs go on working, and ``post`` for the rest.
schema_history = Table(
    "schema_history",
    metadata,
    Column("revision", String(32), primary_key=True),
    Column("half", String(8), nullable=False),
    Column("applied_at", Instant, nullable=False),
)
