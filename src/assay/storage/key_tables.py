"""The table of the registry's keys: what tells them from others, and nothing of them."""

from sqlalchemy import Column, String, Table

from assay.storage.tables import Instant, metadata

# "" where the key was lost, and the one that a server has when it next starts counts from then on.
registry_keys = Table(
    "registry_keys",
    metadata,
    Column("name", String(20), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("noted_at", Instant, nullable=False),
)
