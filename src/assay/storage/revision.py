"""Which schema a database has, told without importing the migration tool.

Each migration belongs to a half of the upgrade. Those of the half ``pre`` only add: programs that do not
know them go on working. Those of the half ``post`` take away what no program needs any more. So a
registry of several servers is upgraded by ``assay migrate --pre`` while the old servers run, then the
new servers replace them, then by ``assay migrate --post``.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, insert, inspect, select, text

from assay.core.errors import UnavailableError
from assay.storage import postgresql
from assay.storage.applied import Half, known_revisions, lacking, taken_away
from assay.storage.database import translated
from assay.storage.engines import dialect_at, dialect_of, open_engine, tell
from assay.storage.history_tables import schema_history
from assay.storage.tables import metadata

REVISION: Final = "0014"
_VERSION: Final = "alembic_version"


def applied_revisions(connection: Connection, known: Mapping[str, Half]) -> dict[str, Half] | None:
    """Return the revisions that a database has had, and the half of each; None when it holds nothing.

    A database of a program that kept no history has had every revision up to the one that it names. A name
    that nobody knows here counts as ``post``: what it did cannot be told.

    Raises:
        UnavailableError: the database holds tables of something else.
    """
    tables = inspect(connection).get_table_names()
    if not tables:
        return None
    if schema_history.name in tables:
        history = select(schema_history.c.revision, schema_history.c.half)
        return {revision: Half(half) for revision, half in connection.execute(history)}
    if _VERSION not in tables:
        rule = "the database has tables, but none that tells which schema they are of"
        raise UnavailableError(rule, hint="give the registry a database or a schema of its own")
    version = str(connection.execute(text(f"SELECT version_num FROM {_VERSION}")).scalar())  # noqa: S608
    if version not in known:
        return {version: Half.POST}
    before = list(known)[: list(known).index(version) + 1]
    return {revision: known[revision] for revision in before}


def needs_upgrade(url: str) -> bool:
    """Tell whether the database lacks something that this program needs.

    Migrations of the half ``post`` that were not applied yet are no lack on PostgreSQL, where older
    programs may still need what they take away.

    Raises:
        UnavailableError: the database cannot be reached, a newer program took away what this one needs,
            or the tables are of something else.
    """
    known = known_revisions()
    with translated(dialect_at(url)):
        engine = open_engine(url, pooled=False)
        try:
            with engine.connect() as connection:
                tell(connection, dialect_of(connection).read)
                check(connection)
                applied = applied_revisions(connection, known)
        finally:
            engine.dispose()
    if applied is None:
        return True
    taken = taken_away(applied, known)
    if taken:
        message = f"the database has schema {taken[-1]}, newer than this program's {list(known)[-1]}"
        raise UnavailableError(message, hint="run the newer program: older ones cannot work with it any more")
    return bool(lacking(applied, known, shared=url.startswith(postgresql.PREFIXES)))


def create_schema(url: str) -> bool:
    """Create all tables in a database that has none, without the migration tool.

    Two processes that do so at once take turns. A test holds these tables equal to what the migrations
    make.

    Returns:
        Whether the database has this program's schema now; one with another schema is left alone.

    Raises:
        UnavailableError: the database cannot be reached, or the tables are of something else.
    """
    known = known_revisions()
    with translated(dialect_at(url)):
        engine = open_engine(url, pooled=False)
        try:
            with engine.connect() as connection:
                tell(connection, dialect_of(connection).change)
                check(connection)
                applied = applied_revisions(connection, known)
                if applied is not None:
                    return set(applied) == set(known)
                metadata.create_all(connection)
                create = f"CREATE TABLE {_VERSION} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"
                connection.execute(text(create))
                note_applied(connection, known)
                tell(connection, "COMMIT")
                return True
        finally:
            engine.dispose()


def note_applied(connection: Connection, applied: Mapping[str, Half]) -> None:
    """Note that a database has had these revisions, oldest first; those noted already stay as they are.

    The greatest of them is also noted where Alembic looks for it.
    """
    connection.execute(text(f"DELETE FROM {_VERSION}"))  # noqa: S608 - a constant
    greatest = {"revision": max(applied)}
    connection.execute(text(f"INSERT INTO {_VERSION} VALUES (:revision)"), greatest)  # noqa: S608
    if schema_history.name not in inspect(connection).get_table_names():
        return
    noted = set(connection.execute(select(schema_history.c.revision)).scalars())
    now = datetime.now(UTC)
    rows = [
        {"revision": name, "half": half.value, "applied_at": now}
        for name, half in applied.items()
        if name not in noted
    ]
    if rows:
        connection.execute(insert(schema_history), rows)


def check(connection: Connection) -> None:
    """Refuse a server that lacks what the registry needs of it.

    Raises:
        UnavailableError: it does.
    """
    if connection.dialect.name != postgresql.NAME:
        return
    lack = postgresql.check_server(connection)
    if lack:
        raise UnavailableError(lack)
