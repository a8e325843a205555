"""Every store there is. A new one gets a line here; the suite does the rest, and none can opt out."""

import postgres
from assay.storage import LocalBlobs, SqlDatabase
from assay.storage.database import sqlite_url
from assay.storage.revision import create_schema


def open_sqlite(root):
    """Open (or open again) a SQLite database under ``root``."""
    url = sqlite_url(root / "registry.db")
    create_schema(url)
    return SqlDatabase(url)


def open_postgresql(root):
    """Open (or open again) the PostgreSQL database that belongs to ``root``."""
    return SqlDatabase(postgres.database_for(root))


def open_local(root):
    """Open (or open again) a local blob store under ``root``."""
    return LocalBlobs(root / "blobs")


DATABASES = {"postgresql": open_postgresql, "sqlite": open_sqlite}
BLOBS = {"local": open_local}
