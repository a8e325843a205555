"""Looking at a database from outside, for an operator: what it is, and what in it asks for attention."""

from dataclasses import dataclass

from sqlalchemy import Connection

from assay.storage import postgresql
from assay.storage.applied import known_revisions
from assay.storage.database import translated
from assay.storage.engines import dialect_at, dialect_of, open_engine, tell
from assay.storage.revision import applied_revisions, check

# What PostgreSQL must not be set to where records are to survive a power loss.
_UNSAFE = {"fsync": "off", "full_page_writes": "off"}


@dataclass(frozen=True, slots=True)
class DatabaseLook:
    """What was seen.

    Attributes:
        kind: its name and version.
        schema: the newest revision of its schema; "" for an empty database.
        lacking: the revisions that this program knows and the database has not had, oldest first.
        unknown: those that it had and this program does not know.
        doubts: settings under which acknowledged records can be lost, each with its value.
    """

    kind: str
    schema: str
    lacking: tuple[str, ...]
    unknown: tuple[str, ...]
    doubts: tuple[str, ...]


def look_at(url: str) -> DatabaseLook:
    """Return what an operator should know of a database; nothing in it is changed.

    Raises:
        BadInputError: the address is none.
        UnavailableError: it cannot be reached, or its tables are of something else.
    """
    known = known_revisions()
    with translated(dialect_at(url)):
        engine = open_engine(url, pooled=False)
        try:
            with engine.connect() as connection:
                tell(connection, dialect_of(connection).read)
                check(connection)
                applied = applied_revisions(connection, known) or {}
                return DatabaseLook(
                    _kind(connection),
                    max(applied, default=""),
                    tuple(name for name in known if name not in applied),
                    tuple(sorted(name for name in applied if name not in known)),
                    tuple(_doubts(connection)),
                )
        finally:
            engine.dispose()


def _kind(connection: Connection) -> str:
    name = "PostgreSQL" if connection.dialect.name == postgresql.NAME else "SQLite"
    numbers = connection.dialect.server_version_info or ()
    return f"{name} {'.'.join(map(str, numbers))}"


def _doubts(connection: Connection) -> list[str]:
    if connection.dialect.name != postgresql.NAME:
        return []
    values = {name: connection.exec_driver_sql(f"SHOW {name}").scalar() for name in _UNSAFE}
    return [f"{name} is {value}" for name, value in values.items() if value == _UNSAFE[name]]
