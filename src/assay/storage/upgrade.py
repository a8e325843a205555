"""Bringing a database to the schema of this program, with Alembic.

Importing Alembic costs a fifth of a second, so this module is imported only when the revision in
the database is not the one wanted (:func:`needs_upgrade` tells with one plain query).
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text

from assay.core.errors import UnavailableError
from assay.storage.database import open_engine
from assay.storage.revision import REVISION, current_revision


def upgrade(url: str) -> list[str]:
    """Bring the database to this program's schema; running it twice changes nothing.

    Two processes that do so at once take turns: each runs in one transaction that locks the file.

    Returns:
        The revisions that were applied, oldest first.

    Raises:
        UnavailableError: the database has a newer schema than this program knows.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    script = ScriptDirectory.from_config(config)
    known = [each.revision for each in script.walk_revisions()][::-1]
    engine = open_engine(url, pooled=False)
    try:
        with engine.connect() as connection:
            connection.execute(text("BEGIN IMMEDIATE"))
            before = current_revision(connection)
            if before is not None and before not in known:
                message = f"the database has schema {before}, newer than this program's {REVISION}"
                raise UnavailableError(message, hint="install the newer program that wrote it")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
    finally:
        engine.dispose()
    return known[known.index(before) + 1 :] if before else known
