"""Which schema a database has, told without importing the migration tool."""

from typing import Final

from sqlalchemy import Connection, inspect, text

from assay.storage.database import open_engine
from assay.storage.tables import metadata

REVISION: Final = "0011"


def current_revision(connection: Connection) -> str | None:
    """Return the schema revision in the database, None when it has none yet."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def needs_upgrade(url: str) -> bool:
    """Tell whether the database has another schema than this program's."""
    engine = open_engine(url, pooled=False)
    try:
        with engine.connect() as connection:
            return current_revision(connection) != REVISION
    finally:
        engine.dispose()


def create_schema(url: str) -> bool:
    """Create all tables in a database that has none, without the migration tool.

    A test holds these tables equal to what the migrations make.

    Returns:
        Whether it was a new database; one with another schema is left alone.
    """
    engine = open_engine(url, pooled=False)
    try:
        with engine.connect() as connection:
            connection.execute(text("BEGIN IMMEDIATE"))
            if inspect(connection).get_table_names():
                return current_revision(connection) == REVISION
            metadata.create_all(connection)
            connection.execute(
                text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
            )
            connection.execute(text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": REVISION})
            connection.commit()
            return True
    finally:
        engine.dispose()
