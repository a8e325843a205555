"""A registry that an earlier program wrote is brought to this one's schema without loss.

``registry_0001.sql`` is the dump of a registry of the first schema: three versions, two of which were in
Production, people, evidence, policies, promotions and the audit log.
"""

import importlib.util
import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from assay import storage
from assay.app import Settings, open_means
from assay.core.audit import event_leaf, verify_chain
from assay.core.errors import UnavailableError
from assay.core.merkle import root_at, root_of
from assay.core.names import Address, ModelName
from assay.core.stages import Stage
from assay.storage.sqlite import sqlite_url
from assay.storage.upgrade import upgrade
from assay.usecases.browsing import all_events
from assay.usecases.bundle import UseCases
from contracts.empty_databases import KINDS, empty_database, opened, query
from contracts.stores import open_sqlite

DUMP = Path(__file__).with_name("registry_0001.sql")
MODEL = ModelName("team/task")


@pytest.fixture(params=KINDS)
def url(request, tmp_path):
    """A database of the first schema, with a registry in it; its files lie where it names them."""
    url = empty_database(request.param, tmp_path)
    for name in set(re.findall(r"sha256:([0-9a-f]{64})", DUMP.read_text("utf-8"))):
        path = tmp_path / "blobs" / name[:2] / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    if request.param == "sqlite":
        with closing(sqlite3.connect(tmp_path / "assay.db")) as database:
            database.executescript(DUMP.read_text("utf-8"))
    else:
        upgrade(url, until="0001")
        fill(url)
    return url


def fill(url):
    """Put the rows of the dump into a database of its schema, as a program of that day would have."""
    with closing(sqlite3.connect(":memory:")) as dump, opened(url) as connection:
        dump.executescript(DUMP.read_text("utf-8"))
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for name in tables(dump):
            rows = dump.execute(f"SELECT * FROM {name}")
            names = [column[0] for column in rows.description]
            places = ", ".join(f":{each}" for each in names)
            listed = ", ".join(f'"{each}"' for each in names)
            for row in rows:
                values = dict(zip(names, row, strict=True))
                if "measured" in values:
                    values["measured"] = bool(values["measured"])
                connection.execute(text(f"INSERT INTO {name} ({listed}) VALUES ({places})"), values)
            if "id" in names and isinstance(greatest(dump, name), int):
                highest = f"GREATEST(1, (SELECT max(id) FROM {name}))"
                connection.execute(text(f"SELECT setval('{name}_id_seq', {highest})"))


def greatest(dump, name):
    return dump.execute(f"SELECT max(id) FROM {name}").fetchone()[0]


def tables(dump):
    asked = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    return [row[0] for row in dump.execute(asked) if row[0] != "alembic_version"]


def settings(url, tmp_path):
    return Settings(data=tmp_path, database="" if url.startswith("sqlite") else url)


def rows(url, names=()):
    """Every row of the tables that the first schema had, in an order."""
    with closing(sqlite3.connect(":memory:")) as dump:
        dump.executescript(DUMP.read_text("utf-8"))
        names = names or tables(dump)
    with opened(url) as connection:
        found = {
            name: [dict(row) for row in connection.execute(text(f"SELECT * FROM {name}")).mappings()]
            for name in names
        }
    return {name: sorted(each, key=lambda row: str([*row.values()][:3])) for name, each in found.items()}


def test_no_row_and_no_value_is_lost(url):
    before = rows(url)
    assert sum(map(len, before.values())) > 30
    upgrade(url)
    after = rows(url)
    for table, old in before.items():
        kept = [{key: row[key] for key in first} for row, first in zip(after[table], old, strict=True)]
        assert kept == old, table


def test_a_server_does_not_migrate_what_others_may_use(url, tmp_path):
    if url.startswith("sqlite"):
        open_means(settings(url, tmp_path)).database.close()
        return
    with pytest.raises(UnavailableError) as refused:
        open_means(settings(url, tmp_path))
    assert "assay migrate" in refused.value.hint


def test_the_registry_goes_on_where_it_was(url, tmp_path):
    if not url.startswith("sqlite"):
        upgrade(url)
    means = open_means(settings(url, tmp_path))  # as the server does when it starts
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


def test_whose_bytes_are_and_what_keeps_files_is_known_afterwards(url):
    """What one version was noted to keep, others of the same run and bytes keep too, but no deleted one."""
    before = query(url, "SELECT model, document FROM versions")
    upgrade(url, until="0005")
    query(url, "UPDATE versions SET digest = (SELECT min(digest) FROM versions WHERE number = 1)")
    query(url, "UPDATE versions SET run_id = 'r' WHERE number < 4")
    query(url, "UPDATE versions SET deleted_at = 1 WHERE number = 3")
    values = "VALUES ('1/r/artifacts/m', 'sha256:x', 'team/task/v1.0.0')"
    query(url, f"INSERT INTO frozen_files (path, digest, holder) {values}")
    upgrade(url)
    held = query(url, "SELECT digest, holder FROM blob_holders")
    kept = {row[0] for row in query(url, "SELECT holder FROM frozen_files")}
    (second,) = query(url, "SELECT major, minor, patch FROM versions WHERE number = 2")
    named = {each["digest"] for _, document in before for each in json.loads(document)["files"]}
    assert named
    assert named <= {digest for digest, _ in held}
    assert {holder for _, holder in held} == {f"model:{model}" for model, _ in before}
    assert kept == {"team/task/v1.0.0", "team/task/v{}.{}.{}".format(*second)}


def test_upgrading_a_full_registry_twice_changes_nothing(url):
    upgrade(url)
    once = rows(url)
    assert upgrade(url) == []
    assert rows(url) == once


def test_what_is_added_after_an_upgrade_goes_on_counting(url):
    before = [row[0] for row in query(url, "SELECT id FROM versions")]
    upgrade(url)
    names = [row[0] for row in query(url, "SELECT number FROM versions WHERE model = 'team/task'")]
    values = {"number": max(names) + 1}
    copied = "digest, size_bytes, format, 'Development', stage_since, registered_at, registered_by"
    into = copied.replace("'Development'", "stage")
    query(
        url,
        f"INSERT INTO versions (model, number, major, minor, patch, {into}, description, document) "
        f"SELECT model, :number, 99, 0, 0, {copied}, description, document FROM versions WHERE number = 1 "
        "AND model = 'team/task'",
        **values,
    )
    (given,) = query(url, "SELECT max(id) FROM versions")
    assert given[0] == max(before) + 1


def nodes(url):
    return query(url, "SELECT level, place, hash FROM audit_nodes ORDER BY level, place")


def test_the_tree_over_the_events_there_are_is_the_one_that_appends_make(url, tmp_path):
    upgrade(url)
    filled = nodes(url)
    means = open_means(settings(url, tmp_path), serves=True)
    events = list(all_events(means.database))
    with means.database.read() as records:
        assert root_at(len(events), records.audit.node) == root_of(map(event_leaf, events))
    assert UseCases.over(means).heads.verify(UseCases.over(means).access.local()).whole
    means.database.close()
    assert set(filled) <= set(nodes(url))
    other = tmp_path / "other"
    other.mkdir()
    with closing(open_sqlite(other)) as database, database.write() as records:
        for event in events:
            names = ("at", "actor", "verb", "subject", "before", "after")
            records.audit.append({name: getattr(event, name) for name in names})
    assert nodes(sqlite_url(other / "registry.db")) == nodes(url)


def test_filling_the_tree_goes_on_where_it_was_broken_off(url, monkeypatch):
    """Whatever was filled in, and whatever the size of a batch, the tree is the same."""
    upgrade(url)
    whole = nodes(url)
    count = sum(level == 0 for level, _, _ in whole)
    migration = import_migration("0008_audit_tree")
    monkeypatch.setattr(migration, "_BATCH", 3)
    for kept in (0, 1, 5, 6, count):
        query(url, "DELETE FROM audit_nodes WHERE (place + 1) << level > :kept", kept=kept)
        with opened(url) as connection:
            migration._fill(connection)
        assert nodes(url) == whole


def import_migration(name):
    path = Path(storage.__file__).parent / "migrations" / "versions" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_versions_and_evidence_name_is_known_to_name_it(url):
    upgrade(url)
    named = set(query(url, "SELECT digest, named_by FROM blob_uses"))
    for model, number, document in query(url, "SELECT model, number, document FROM versions"):
        for each in json.loads(document)["files"]:
            assert (each["digest"], f"version:{model}/{number}") in named
    for digest, document in query(url, "SELECT digest, document FROM evidence"):
        for each in json.loads(document)["measurement"].get("attachments") or ():
            assert (each["digest"], f"evidence:{digest}") in named
    assert any(user.startswith("version:") for _, user in named)


def test_what_is_stored_already_counts_for_quotas(url, tmp_path):
    upgrade(url)
    kept = query(url, "SELECT owner, used_bytes, limit_bytes FROM quotas ORDER BY owner")
    sizes = query(url, "SELECT size_bytes FROM versions WHERE model = 'team/task' AND deleted_at IS NULL")
    assert ("team/task", sum(size for (size,) in sizes), None) in kept
    assert any(owner == "team" and used > 0 for owner, used, _ in kept)
    means = open_means(settings(url, tmp_path))
    with means.database.write() as records:
        assert records.quotas.recount() == ()
    means.database.close()
