"""Every store there is. A new one gets a line here; the suite does the rest, and none can opt out."""

from assay.storage import LocalBlobs, SqlDatabase
from assay.storage.database import sqlite_url
from assay.storage.revision import create_schema


def open_sqlite(root):
    """Open (or open again) a SQLite database under ``root``."""
    url = sqlite_url(root / "registry.db")
    create_schema(url)
    return SqlDatabase(url)


def open_local(root):
    """Open (or open again) a local blob store under ``root``."""
    return LocalBlobs(root / "blobs")


DATABASES = {"sqlite": open_sqlite}
BLOBS = {"local": open_local}
