"""The schema: made in one piece or by migrations, it is the same."""

import subprocess
import sys

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from assay.core.errors import UnavailableError
from assay.storage.database import open_engine, sqlite_url
from assay.storage.revision import REVISION, create_schema, needs_upgrade
from assay.storage.tables import metadata
from assay.storage.upgrade import upgrade


def shape(url):
    engine = open_engine(url, pooled=False)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
        indexes = connection.execute(
            text("SELECT name, sql FROM sqlite_master WHERE type = 'index' ORDER BY name")
        )
        found = [tuple(row) for row in indexes]
    engine.dispose()
    return differences, found


def test_migrations_and_tables_make_the_same_schema(tmp_path):
    made, migrated = sqlite_url(tmp_path / "a.db"), sqlite_url(tmp_path / "b.db")
    assert create_schema(made)
    assert upgrade(migrated)[-1] == REVISION
    assert shape(made) == shape(migrated)
    assert shape(made)[0] == []


def test_upgrading_twice_changes_nothing(tmp_path):
    url = sqlite_url(tmp_path / "a.db")
    assert needs_upgrade(url)
    upgrade(url)
    assert not needs_upgrade(url)
    assert upgrade(url) == []


def test_a_newer_schema_is_refused(tmp_path):
    url = sqlite_url(tmp_path / "a.db")
    upgrade(url)
    engine = open_engine(url, pooled=False)
    with engine.connect() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.commit()
    engine.dispose()
    assert not create_schema(url)
    with pytest.raises(UnavailableError, match="newer"):
        upgrade(url)


def test_two_processes_may_found_the_same_database_at_once(tmp_path):
    script = (
        "import sys; from pathlib import Path; from assay.app import Settings, open_means; "
        "open_means(Settings(data=Path(sys.argv[1]))).database.close()"
    )
    started = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "d")]) for _ in range(4)]
    assert [process.wait() for process in started] == [0, 0, 0, 0]
