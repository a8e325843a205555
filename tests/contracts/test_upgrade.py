"""A registry that an earlier program wrote is brought to this one's schema without loss.

``registry_0001.sql`` is the dump of a registry of the first schema: three versions, two of which were in
Production, people, evidence, policies, promotions and the audit log.
"""

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
from assay.core.audit import verify_chain
from assay.core.names import Address, ModelName
from assay.core.stages import Stage
from assay.storage.database import open_engine, sqlite_url
from assay.storage.upgrade import upgrade
from assay.usecases.browsing import all_events
from assay.usecases.bundle import UseCases

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


def test_what_versions_and_evidence_name_is_known_to_name_it(file):
    upgrade(sqlite_url(file))
    with closing(sqlite3.connect(file)) as database:
        named = set(database.execute("SELECT digest, named_by FROM blob_uses"))
        for model, number, document in database.execute("SELECT model, number, document FROM versions"):
            for each in json.loads(document)["files"]:
                assert (each["digest"], f"version:{model}/{number}") in named
        for digest, document in database.execute("SELECT digest, document FROM evidence"):
            for each in json.loads(document)["measurement"].get("attachments") or ():
                assert (each["digest"], f"evidence:{digest}") in named
    assert any(user.startswith("version:") for _, user in named)
