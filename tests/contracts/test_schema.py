"""The schema: made in one piece or by migrations, in whatever order they may be, it is the same."""

import os
import subprocess
import sys
import warnings

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Text, inspect, text

from assay.app import Settings, open_means
from assay.app.settings import as_environment
from assay.core.errors import UnavailableError
from assay.storage.applied import MIGRATIONS, known_revisions
from assay.storage.revision import REVISION, create_schema, needs_upgrade
from assay.storage.tables import metadata
from assay.storage.upgrade import upgrade
from contracts.empty_databases import KINDS, empty_database, opened, query

SHAPES = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index' ORDER BY name",
    "postgresql": """
        SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
        UNION ALL SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype <> 'n'
        UNION ALL SELECT table_name || '.' || column_name,
            concat_ws(' ', data_type, character_maximum_length, collation_name, is_nullable, column_default)
            FROM information_schema.columns WHERE table_schema = 'public'
        ORDER BY 1, 2
    """,
}


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def url(kind, tmp_path):
    return empty_database(kind, tmp_path)


def shape(url):
    with opened(url) as connection:
        with warnings.catch_warnings():
            # What an index says of an expression is compared below, word for word.
            warnings.filterwarnings("ignore", ".*expression-based index")
            differences = compare_metadata(MigrationContext.configure(connection), metadata)
        found = [tuple(row) for row in connection.execute(text(SHAPES[connection.dialect.name]))]
    return differences, found


def test_migrations_and_tables_make_the_same_schema(kind, url, tmp_path):
    (tmp_path / "b").mkdir()
    migrated = empty_database(kind, tmp_path / "b")
    assert create_schema(url)
    assert upgrade(migrated)[-1] == REVISION
    assert shape(url) == shape(migrated)
    assert shape(url)[0] == []


def test_both_ways_leave_the_same_history(kind, url, tmp_path):
    (tmp_path / "b").mkdir()
    migrated = empty_database(kind, tmp_path / "b")
    create_schema(url)
    upgrade(migrated)
    asked = "SELECT revision, half FROM schema_history ORDER BY revision"
    assert query(url, asked) == query(migrated, asked) == sorted(known_revisions().items())
    assert query(url, "SELECT version_num FROM alembic_version") == [(REVISION,)]


def test_every_migration_says_which_half_it_belongs_to():
    files = sorted(path.name[:4] for path in (MIGRATIONS / "versions").glob("*.py"))
    assert list(known_revisions()) == files
    assert files[-1] == REVISION


def test_texts_are_in_the_order_of_code_points_whatever_the_database_is_set_to(kind, url):
    create_schema(url)
    if kind == "postgresql":
        columns = "SELECT table_name, column_name, collation_name FROM information_schema.columns"
        kinds = "data_type IN ('text', 'character varying')"
        rows = query(url, f"{columns} WHERE table_schema = 'public' AND {kinds}")
        texts = [row for row in rows if row[0] != "alembic_version"]
        assert len(texts) > 100
        assert {row[2] for row in texts} == {"C"}
    for place, name in enumerate("zZéa_B1"):
        query(url, "INSERT INTO teams (name, document) VALUES (:name, :place)", name=name, place=str(place))
    assert [row[0] for row in query(url, "SELECT name FROM teams ORDER BY name")] == sorted("zZéa_B1")


def test_upgrading_twice_changes_nothing(url):
    assert needs_upgrade(url)
    upgrade(url)
    assert not needs_upgrade(url)
    assert upgrade(url) == []


def test_a_newer_schema_is_refused_where_it_takes_something_away(url):
    upgrade(url)
    query(url, "INSERT INTO schema_history (revision, half, applied_at) VALUES ('9999', 'post', 0)")
    with pytest.raises(UnavailableError, match="9999, newer than this program's"):
        needs_upgrade(url)
    assert not create_schema(url)
    with pytest.raises(UnavailableError, match="newer"):
        upgrade(url)


def test_beside_a_newer_schema_that_only_adds_a_server_goes_on_but_does_not_migrate(url, tmp_path):
    upgrade(url)
    query(url, "INSERT INTO schema_history (revision, half, applied_at) VALUES ('9999', 'pre', 0)")
    assert not needs_upgrade(url)
    with pytest.raises(UnavailableError, match="newer"):
        upgrade(url)
    database = "" if url.startswith("sqlite") else url
    open_means(Settings(data=tmp_path, database=database)).database.close()


def test_what_a_program_without_a_history_wrote_and_nobody_knows_is_refused(url):
    upgrade(url, until="0006")
    assert needs_upgrade(url)
    query(url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(UnavailableError, match="newer"):
        needs_upgrade(url)


def test_the_tables_of_something_else_are_left_alone(url):
    query(url, "CREATE TABLE runs (x INTEGER)")
    for use in (needs_upgrade, create_schema, upgrade):
        with pytest.raises(UnavailableError, match="tables"):
            use(url)
    with opened(url) as connection:
        assert inspect(connection).get_table_names() == ["runs"]
        assert not isinstance(inspect(connection).get_columns("runs")[0]["type"], Text)


def test_processes_may_found_the_same_database_at_once(kind, url, tmp_path):
    script = (
        "import os; from assay.app import open_means, read_settings; "
        "open_means(read_settings(os.environ, None)).database.close()"
    )
    database = "" if kind == "sqlite" else url
    environment = as_environment(Settings(data=tmp_path / "d", database=database), os.environ)
    started = [subprocess.Popen([sys.executable, "-c", script], env=environment) for _ in range(4)]
    assert [process.wait() for process in started] == [0, 0, 0, 0]
