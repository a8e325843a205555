"""A new database with nothing in it, of each kind, and plain SQL on it."""

from contextlib import contextmanager

import postgres
from assay.storage.engines import dialect_of, open_engine, tell
from assay.storage.sqlite import sqlite_url

KINDS = ("postgresql", "sqlite")


def empty_database(kind, root):
    """Return the address of one; those on the shared server are dropped with it."""
    if kind == "sqlite":
        return sqlite_url(root / "assay.db")
    return postgres.fresh_database()


@contextmanager
def opened(url):
    """A connection to what ``url`` names, in a transaction that is committed at the end."""
    engine = open_engine(url, pooled=False)
    try:
        with engine.connect() as connection:
            tell(connection, dialect_of(connection).change)
            yield connection
            tell(connection, "COMMIT")
    finally:
        engine.dispose()


def query(url, words, **values):
    """Run one statement; return its rows."""
    from sqlalchemy import text

    with opened(url) as connection:
        result = connection.execute(text(words), values)
        return [tuple(row) for row in result] if result.returns_rows else []
