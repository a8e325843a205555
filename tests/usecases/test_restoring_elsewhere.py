"""Backups brought back beside another database than they were made of."""

import time
from contextlib import closing

import pytest

import postgres
from assay.app import Settings
from assay.app.backups import back_up, restore
from assay.core.audit import verify_chain
from assay.core.digests import Digest
from assay.core.errors import BadInputError
from assay.storage import LocalBlobs, postgresql
from assay.storage.backup_folder import BackupFolder
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


def lines_of(one):
    """Return all lines; of a store's mark without when it was noted, which is of each store's own."""
    return [each.rpartition(b",")[0] if each.startswith(b'["store",') else each for each in one.lines()]


def test_a_registry_moves_from_sqlite_to_postgresql_and_back_and_goes_on(tmp_path, address):
    first = OnDisk(tmp_path / "first").filled()
    second = moved(first, Settings(data=tmp_path / "second", database=address), tmp_path / "to")
    with closing(second.means.database):
        assert lines_of(second) == lines_of(first)
        assert whole(second) == whole(first) == 3
        second.register(b"weights", b"more")
        third = moved(second, Settings(data=tmp_path / "third"), tmp_path / "back")
        assert lines_of(third) == lines_of(second)
        assert whole(third) == whole(second) == 4
    third.register(b"and", b"more")


def test_a_store_that_answers_slowly_does_not_cut_a_restore_off(tmp_path, address, monkeypatch):
    """PostgreSQL lets nobody pause within a transaction; a bucket's answer may take a part of a second."""
    first, real = OnDisk(tmp_path / "first").filled(), LocalBlobs.size
    back_up(first.settings, tmp_path / "to", secrets=True)

    def slowly(self, digest):
        time.sleep(0.5)  # of a bucket far away
        return real(self, digest)

    monkeypatch.setattr(LocalBlobs, "size", slowly)
    words = f"{postgresql._PREPARATION}; SET idle_in_transaction_session_timeout = '1s'"
    monkeypatch.setattr(postgresql, "_PREPARATION", words)
    settings = Settings(data=tmp_path / "second", database=address)
    restore(settings, tmp_path / "to", accept_missing=False)
    monkeypatch.setattr(LocalBlobs, "size", real)
    second = OnDisk(settings.data, settings.database)
    with closing(second.means.database):
        assert whole(second) == 3
        assert second.known(b"tracked").size_bytes == 7


def test_a_list_that_lacks_a_named_blob_is_refused(tmp_path, monkeypatch):
    first = OnDisk(tmp_path / "first").filled()
    real = BackupFolder.write

    def short(self, kind, lines):
        lines = list(lines)
        return real(self, kind, lines[:1] + lines[2:] if kind == "blobs" else lines)

    with monkeypatch.context() as patched:
        patched.setattr(BackupFolder, "write", short)
        done = back_up(first.settings, tmp_path / "to", secrets=True)
    assert done.manifest.blobs.lines == 2
    with pytest.raises(BadInputError, match="must be in the backup") as caught:
        restore(Settings(data=tmp_path / "second"), tmp_path / "to", accept_missing=False)
    assert whole(first) == 3
    assert Digest(caught.value.reasons[0].field)
