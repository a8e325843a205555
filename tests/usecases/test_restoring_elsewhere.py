"""Backups brought back beside another database than they were made of."""

from contextlib import closing

import pytest

import postgres
from assay.app import Settings
from assay.app.backups import back_up, restore
from assay.core.audit import verify_chain
from assay.usecases.browsing import all_events
from usecases.data_folder import OnDisk
from usecases.store_world import whole


@pytest.fixture
def address():
    return postgres.fresh_database(postgres.TEMPLATE)


def moved(source, settings, folder):
    """Back up, restore elsewhere; return what is there now."""
    done = back_up(source.settings, folder, secrets=True)
    restore(settings, folder, accept_missing=False)
    new = OnDisk(settings.data, settings.database)
    head = {done.manifest.audit_seq: done.manifest.audit_head}
    assert verify_chain(all_events(new.means.database), head).whole
    return new


def test_a_registry_moves_from_sqlite_to_postgresql_and_back_and_goes_on(tmp_path, address):
    first = OnDisk(tmp_path / "first").filled()
    second = moved(first, Settings(data=tmp_path / "second", database=address), tmp_path / "to")
    with closing(second.means.database):
        assert second.lines() == first.lines()
        assert whole(second) == whole(first) == 3
        second.register(b"weights", b"more")
        third = moved(second, Settings(data=tmp_path / "third"), tmp_path / "back")
        assert third.lines() == second.lines()
        assert whole(third) == whole(second) == 4
    third.register(b"and", b"more")
