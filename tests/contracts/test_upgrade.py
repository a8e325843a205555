"""A registry that an earlier program wrote is brought to this one's schema without loss.

``registry_0001.sql`` is the dump of a registry of the first schema: three versions, two of which were in
Production, people, evidence, policies, promotions and the audit log.
"""

import importlib.util
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from assay import storage
from assay.app import Settings, open_means
from assay.core.audit import event_leaf, verify_chain
from assay.core.merkle import root_at, root_of
from assay.core.names import Address, ModelName
from assay.core.stages import Stage
from assay.storage.database import open_engine, sqlite_url
from assay.storage.upgrade import upgrade
from assay.usecases.browsing import all_events
from assay.usecases.bundle import UseCases
from contracts.stores import open_sqlite

DUMP = Path(__file__).with_name("registry_0001.sql")
MODEL = ModelName("team/task")


def upgrade_to(path, revision):
    """Bring a database to an earlier schema than this program's."""
    config = Config()
    config.set_main_option("script_location", str(Path(storage.__file__).parent / "migrations"))
    engine = open_engine(sqlite_url(path), pooled=False)
    with engine.connect() as connection:
        connection.execute(text("BEGIN IMMEDIATE"))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.commit()
    engine.dispose()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "assay.db"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(DUMP.read_text("utf-8"))
    return path


def rows(path):
    """Every row of every table that the first schema had, as a set of (table, column, value) rows."""
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        names = [
            row[0]
            for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if row[0] != "alembic_version"
        ]
        return {name: [dict(row) for row in database.execute(f"SELECT * FROM {name}")] for name in names}


def test_no_row_and_no_value_is_lost(file):
    before = rows(file)
    upgrade(sqlite_url(file))
    after = rows(file)
    for table, old in before.items():
        kept = [{key: row[key] for key in first} for row, first in zip(after[table], old, strict=True)]
        assert kept == old, table


def test_the_registry_goes_on_where_it_was(file, tmp_path):
    means = open_means(Settings(data=tmp_path))  # as the server does when it starts
    use = UseCases.over(means)
    local = use.access.local()
    second = use.browsing.version(local, Address(MODEL, number=2))
    assert (second.stage, second.ungated, second.aliases) == (Stage.PRODUCTION, (), ("live",))
    assert second.changed_at == second.registered_at
    assert use.browsing.version(local, Address(MODEL, number=1)).stage is Stage.ARCHIVED
    assert [move.target for move in use.browsing.history(local, MODEL)][-1] is Stage.STAGING
    assert use.outside.model(local, "team.task").name == MODEL
    assert use.outside.model(local, "fraud-detector").name == "default/fraud-detector"
    assert use.outside.model(local, "default.with.dot").name == "default/with.dot"
    assert verify_chain(all_events(means.database)).whole
    # The team of models without a team observes only in a fresh registry.
    assert [each.policy.applies_to for each in use.policies.list(local)] == ["*", "team/*"]
    means.database.close()


def test_whose_bytes_are_and_what_keeps_files_is_known_afterwards(file):
    """What one version was noted to keep, others of the same run and bytes keep too, but no deleted one."""
    with closing(sqlite3.connect(file)) as database:
        before = database.execute("SELECT model, document FROM versions").fetchall()
    upgrade_to(file, "0005")
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE versions SET digest = (SELECT digest FROM versions WHERE number = 1)")
        database.execute("UPDATE versions SET run_id = 'r' WHERE number < 4")
        database.execute("UPDATE versions SET deleted_at = 1 WHERE number = 3")
        row = ("1/r/artifacts/m", "sha256:x", "team/task/v1.0.0")
        database.execute("INSERT INTO frozen_files (path, digest, holder) VALUES (?, ?, ?)", row)
    upgrade(sqlite_url(file))
    with closing(sqlite3.connect(file)) as database:
        held = database.execute("SELECT digest, holder FROM blob_holders").fetchall()
        kept = {row[0] for row in database.execute("SELECT holder FROM frozen_files")}
        second = database.execute("SELECT major, minor, patch FROM versions WHERE number = 2").fetchone()
    named = {each["digest"] for _, document in before for each in json.loads(document)["files"]}
    assert named
    assert named <= {digest for digest, _ in held}
    assert {holder for _, holder in held} == {f"model:{model}" for model, _ in before}
    assert kept == {"team/task/v1.0.0", "team/task/v{}.{}.{}".format(*second)}


def test_upgrading_a_full_registry_twice_changes_nothing(file):
    upgrade(sqlite_url(file))
    once = rows(file)
    assert upgrade(sqlite_url(file)) == []
    assert rows(file) == once


def nodes(path):
    with closing(sqlite3.connect(path)) as database:
        return database.execute("SELECT level, place, hash FROM audit_nodes ORDER BY level, place").fetchall()


def test_the_tree_over_the_events_there_are_is_the_one_that_appends_make(file, tmp_path):
    upgrade(sqlite_url(file))
    filled = nodes(file)
    means = open_means(Settings(data=tmp_path))
    events = list(all_events(means.database))
    with means.database.read() as records:
        assert root_at(len(events), records.audit.node) == root_of(map(event_leaf, events))
    assert UseCases.over(means).heads.verify(UseCases.over(means).access.local()).whole
    means.database.close()
    assert set(filled) <= set(nodes(file))
    other = tmp_path / "other"
    other.mkdir()
    with closing(open_sqlite(other)) as database, database.write() as records:
        for event in events:
            names = ("at", "actor", "verb", "subject", "before", "after")
            records.audit.append({name: getattr(event, name) for name in names})
    assert nodes(other / "registry.db") == nodes(file)


def test_filling_the_tree_goes_on_where_it_was_broken_off(file, monkeypatch):
    """Whatever was filled in, and whatever the size of a batch, the tree is the same."""
    upgrade(sqlite_url(file))
    whole = nodes(file)
    count = sum(level == 0 for level, _, _ in whole)
    migration = import_migration("0008_audit_tree")
    monkeypatch.setattr(migration, "_BATCH", 3)
    for kept in (0, 1, 5, 6, count):
        with closing(sqlite3.connect(file)) as database, database:
            database.execute("DELETE FROM audit_nodes WHERE (place + 1) << level > ?", (kept,))
        engine = open_engine(sqlite_url(file), pooled=False)
        with engine.connect() as connection:
            connection.execute(text("BEGIN IMMEDIATE"))
            migration._fill(connection)
            connection.commit()
        engine.dispose()
        assert nodes(file) == whole


def import_migration(name):
    path = Path(storage.__file__).parent / "migrations" / "versions" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
