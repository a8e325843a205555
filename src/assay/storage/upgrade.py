"""Bringing a database to the schema of this program, migration by migration.

Each migration is one transaction that no other writer shares, together with the note that it was applied:
one that is killed midway is as if it had not begun, and the next run goes on from there. Two processes
that migrate at once take turns, and each looks anew at what is left to do.

Importing Alembic costs a fifth of a second, so this module is imported only when there is something to do
(:func:`assay.storage.revision.needs_upgrade` tells with one plain query).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from assay.core.errors import BadInputError, UnavailableError
from assay.storage.applied import MIGRATIONS, Half
from assay.storage.database import translated
from assay.storage.engines import dialect_at, dialect_of, open_engine, tell
from assay.storage.revision import applied_revisions, check, note_applied

_VERSIONS: Final = "CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"


def upgrade(
    url: str, half: Half | None = None, *, until: str = "", migrations: Path = MIGRATIONS
) -> list[str]:
    """Bring the database to this program's schema; running it twice changes nothing.

    Args:
        url: of the database.
        half: apply only the migrations of this half; all when left out.
        until: the last revision that is applied; the newest when left out.
        migrations: the folder of the migrations.

    Returns:
        The revisions that were applied, oldest first.

    Raises:
        BadInputError: the second half is asked for before the first one was applied.
        UnavailableError: the database cannot be reached, or has a newer schema than this program knows.
    """
    config = Config()
    config.set_main_option("script_location", str(migrations))
    script = ScriptDirectory.from_config(config)
    modules: dict[str, Any] = {each.revision: each.module for each in script.walk_revisions()}
    known = {name: Half(modules[name].half) for name in reversed(modules)}
    wanted = [name for name in known if not until or name <= until]
    done: list[str] = []
    with translated(dialect_at(url)):
        engine = open_engine(url, pooled=False)
        try:
            while name := _next(engine, known, wanted, half, modules):
                done.append(name)
        finally:
            engine.dispose()
    return done


def _next(
    engine: Engine,
    known: Mapping[str, Half],
    wanted: list[str],
    half: Half | None,
    modules: Mapping[str, Any],
) -> str:
    """Apply the oldest migration that is left to do; return its name, "" when there is none."""
    with engine.connect() as connection:
        tell(connection, dialect_of(connection).change)
        check(connection)
        applied = applied_revisions(connection, known) or {}
        _check_not_newer(applied, known)
        left = [name for name in wanted if name not in applied]
        if half is Half.POST:
            _check_first_half(left, known)
        name = next((each for each in left if half in (None, known[each])), "")
        if name:
            _apply(connection, modules[name])
            note_applied(connection, {**applied, name: known[name]})
            tell(connection, "COMMIT")
        return name


def _apply(connection: Connection, module: Any) -> None:
    connection.execute(text(_VERSIONS))
    context = MigrationContext.configure(connection, opts={"transactional_ddl": False})
    with Operations.context(context):
        module.upgrade()


def _check_not_newer(applied: Mapping[str, Half], known: Mapping[str, Half]) -> None:
    newer = [name for name in applied if name not in known]
    if newer:
        message = f"the database has schema {max(newer)}, newer than this program's {list(known)[-1]}"
        raise UnavailableError(message, hint="install the newer program that wrote it")


def _check_first_half(left: list[str], known: Mapping[str, Half]) -> None:
    missing = [name for name in left if known[name] is Half.PRE]
    if missing:
        rule = f"the first half comes before: {', '.join(missing)} not applied"
        raise BadInputError.of("post", rule, "run assay migrate --pre, then start the new servers")
