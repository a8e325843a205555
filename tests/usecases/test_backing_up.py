"""Backups: what is in them, what is not copied twice, and the way back, or why there is none."""

import errno
import json
import shutil

import pytest

from assay.app import Settings
from assay.app.backups import back_up, restore
from assay.core.audit import verify_chain
from assay.core.digests import digest_of
from assay.core.errors import BadInputError, ConflictError, UnavailableError
from assay.core.names import Address
from assay.storage import BackupFolder
from assay.storage.audit import SqlAuditLog
from assay.storage.tables import metadata
from assay.usecases import backing_up
from assay.usecases.browsing import all_events
from assay.usecases.registry_keys import forget_keys
from usecases.data_folder import OnDisk
from usecases.store_world import MODEL, whole

LEFT_OUT = {"transfers", "transfer_parts", "uploads", "upload_parts", "chores", "blobs", "signing_keys"}
LEFT_OUT |= {"kept_answers", "schema_history", "sessions"}
LEFT_OUT |= {"registry_keys", "schema_history"}  # other keys take over, where these were not copied


@pytest.fixture
def world(tmp_path):
    return OnDisk(tmp_path / "data").filled()


def rows(means):
    with means.database.read() as records:
        return {
            name: sorted(map(repr, records.connection.exec_driver_sql(f"SELECT * FROM {name}")))
            for name in metadata.tables
            if name not in LEFT_OUT
        }


def test_the_round_trip_brings_back_every_row_and_every_named_byte(world, tmp_path):
    done = back_up(Settings(data=world.root), tmp_path / "backup", secrets=False)
    assert (done.manifest.missing, done.copied) == ((), 3)
    before = rows(world.means)
    manifest = restore(Settings(data=tmp_path / "new"), tmp_path / "backup", accept_missing=False)
    assert manifest == done.manifest
    new = OnDisk(tmp_path / "new")
    assert rows(new.means) == before
    assert whole(new) == whole(world) == 3
    assert verify_chain(all_events(new.means.database), {manifest.audit_seq: manifest.audit_head}).whole
    assert new.use.browsing.version(new.local, Address(MODEL, number=1)).files[0].digest == digest_of(
        b"weights"
    )
    assert not new.holds(b"named by nothing")
    new.register(b"weights", b"more")  # and it goes on
    assert new.collect(grace_s=0).removed == 0
    assert whole(new) == 4


def test_what_an_earlier_backup_copied_is_not_copied_again(world, tmp_path):
    settings, folder = Settings(data=world.root), tmp_path / "backup"
    back_up(settings, folder, secrets=False)
    copies = {path: path.stat().st_ino for path in (folder / "blobs").rglob("*") if path.is_file()}
    world.register(b"second")
    done = back_up(settings, folder, secrets=False)
    assert (done.copied, done.copied_bytes) == (1, 6)
    assert all(path.stat().st_ino == inode for path, inode in copies.items())
    restore(Settings(data=tmp_path / "new"), folder, accept_missing=False)
    assert whole(OnDisk(tmp_path / "new")) == 4


def test_copies_are_no_links(world, tmp_path):
    back_up(Settings(data=world.root), tmp_path / "backup", secrets=False)
    assert all(
        path.stat().st_nlink == 1 for path in (tmp_path / "backup" / "blobs").rglob("*") if path.is_file()
    )


def test_secrets_are_copied_only_when_asked_for(world, tmp_path):
    world.means.seal.close("secret")
    settings = Settings(data=world.root)
    back_up(settings, tmp_path / "without", secrets=False)
    assert not [path for path in (tmp_path / "without").rglob("*") if ".key" in path.name]
    back_up(settings, tmp_path / "with", secrets=True)
    restore(Settings(data=tmp_path / "new"), tmp_path / "with", accept_missing=False)
    key = tmp_path / "new" / "seal.key"
    assert key.read_bytes() == (world.root / "seal.key").read_bytes()
    assert key.stat().st_mode & 0o777 == 0o600


def swap_keys(world):
    """Give the registry other keys, as if it had lost those it had."""
    for each in ("seal.key", "audit.key"):
        (world.root / each).unlink()
    with world.means.database.write() as records:
        forget_keys(world.means, records)


def test_the_former_backup_keeps_its_keys_until_the_new_one_is_whole(world, tmp_path, monkeypatch):
    settings, folder = Settings(data=world.root), tmp_path / "backup"
    back_up(settings, folder, secrets=True)
    former = (world.root / "seal.key").read_bytes()
    swap_keys(world)
    with monkeypatch.context() as patch:
        patch.setattr(BackupFolder, "finish", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            back_up(settings, folder, secrets=True)
    restore(Settings(data=tmp_path / "former"), folder, accept_missing=False)
    assert (tmp_path / "former" / "seal.key").read_bytes() == former
    OnDisk(tmp_path / "former").means.seal.close("secret")  # it starts, and can keep secrets
    back_up(settings, folder, secrets=True)
    restore(Settings(data=tmp_path / "new"), folder, accept_missing=False)
    assert (tmp_path / "new" / "seal.key").read_bytes() == (world.root / "seal.key").read_bytes() != former
    assert len(list(folder.glob("*.key*"))) == 2  # none that no backup names


@pytest.mark.parametrize("how", ["gone", "altered"])
@pytest.mark.parametrize("pattern", ["seal.key*", "audit.key*"])
def test_a_backup_that_lost_a_key_is_refused_before_anything_is_written(world, tmp_path, pattern, how):
    folder = tmp_path / "backup"
    back_up(Settings(data=world.root), folder, secrets=True)
    path = one_of(folder, pattern)
    path.unlink() if how == "gone" else alter(path)
    with pytest.raises(BadInputError, match=r"\.key"):
        restore(Settings(data=tmp_path / "new"), folder, accept_missing=False)
    assert not list((tmp_path / "new").glob("*.key"))
    back_up(Settings(data=world.root), folder, secrets=True)
    restore(Settings(data=tmp_path / "new"), folder, accept_missing=False)


def test_a_manifest_that_was_robbed_of_its_keys_is_refused(world, tmp_path):
    back_up(Settings(data=world.root), tmp_path / "backup", secrets=True)
    path = tmp_path / "backup" / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "keys": []}))
    with pytest.raises(BadInputError, match=r"seal\.key"):
        restore(Settings(data=tmp_path / "new"), tmp_path / "backup", accept_missing=False)


def test_a_backup_with_secrets_wants_the_keys_of_the_registry(world, tmp_path):
    (world.root / "seal.key").unlink()
    with pytest.raises(UnavailableError, match=r"no seal\.key"):
        back_up(Settings(data=world.root), tmp_path / "backup", secrets=True)
    back_up(Settings(data=world.root), tmp_path / "backup", secrets=False)


@pytest.mark.parametrize("call", ["replace", "fsync"])
def test_a_disk_that_fails_under_a_key_is_told_of(world, tmp_path, monkeypatch, call):
    settings, folder = Settings(data=world.root), tmp_path / "backup"
    back_up(settings, folder, secrets=True)

    def fails(*_, **__):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("assay.storage.secret_files.os." + call, fails)
        with pytest.raises(UnavailableError):
            back_up(settings, folder, secrets=True)
    restore(Settings(data=tmp_path / "new"), folder, accept_missing=False)


def test_a_backup_that_was_killed_is_none_and_can_be_made_again(world, tmp_path, monkeypatch):
    settings, folder = Settings(data=world.root), tmp_path / "backup"
    with monkeypatch.context() as patch:
        patch.setattr(BackupFolder, "finish", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            back_up(settings, folder, secrets=False)
    with pytest.raises(BadInputError, match="no backup was finished"):
        restore(Settings(data=tmp_path / "new"), folder, accept_missing=False)
    back_up(settings, folder, secrets=False)
    restore(Settings(data=tmp_path / "new"), folder, accept_missing=False)


def test_the_former_backup_stays_whole_until_the_new_one_is(world, tmp_path, monkeypatch):
    settings, folder = Settings(data=world.root), tmp_path / "backup"
    back_up(settings, folder, secrets=False)
    world.register(b"second")
    with monkeypatch.context() as patch:
        patch.setattr(BackupFolder, "finish", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            back_up(settings, folder, secrets=False)
    restore(Settings(data=tmp_path / "new"), folder, accept_missing=False)
    assert whole(OnDisk(tmp_path / "new")) == 3


def alter(path):
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def one_of(folder, pattern):
    return next(path for path in sorted(folder.glob(pattern)) if path.is_file())


@pytest.mark.parametrize("how", ["altered", "gone", "cut"])
@pytest.mark.parametrize("pattern", ["blobs/*/*", "records-*", "blobs-*", "manifest.json"])
def test_an_altered_or_incomplete_backup_is_refused_and_nothing_is_restored(world, tmp_path, pattern, how):
    folder = tmp_path / "backup"
    back_up(Settings(data=world.root), folder, secrets=False)
    path = one_of(folder, pattern)
    if how == "gone":
        path.unlink()
    elif how == "cut":
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-2])
    else:
        alter(path)
    new = Settings(data=tmp_path / "new")
    with pytest.raises(BadInputError) as caught:
        restore(new, folder, accept_missing=False)
    assert caught.value.reasons
    shutil.rmtree(folder)
    back_up(Settings(data=world.root), folder, secrets=False)
    restore(new, folder, accept_missing=False)  # nothing of the first try stands in the way


def test_a_manifest_of_another_log_or_schema_is_refused(world, tmp_path):
    folder = tmp_path / "backup"
    back_up(Settings(data=world.root), folder, secrets=False)
    path = folder / "manifest.json"
    whole_one = json.loads(path.read_bytes())
    for change in ({"audit_seq": 3}, {"audit_head": digest_of(b"x")}, {"revision": "9999"}, {"format": 2}):
        path.write_text(json.dumps({**whole_one, **change}))
        with pytest.raises(BadInputError):
            restore(Settings(data=tmp_path / "new"), folder, accept_missing=False)


def test_nothing_is_restored_over_a_registry(world, tmp_path):
    back_up(Settings(data=world.root), tmp_path / "backup", secrets=False)
    before = rows(world.means)
    with pytest.raises(ConflictError, match="not empty"):
        restore(Settings(data=world.root), tmp_path / "backup", accept_missing=False)
    assert rows(world.means) == before


def test_a_blob_that_is_damaged_is_named_and_restored_without_it_only_when_accepted(world, tmp_path):
    path = world.means.blobs.open_path(digest_of(b"weights"))
    alter(path)
    folder = tmp_path / "backup"
    done = back_up(Settings(data=world.root), folder, secrets=False)
    assert done.manifest.missing == (digest_of(b"weights"),)
    with pytest.raises(BadInputError, match="lacks 1 blobs"):
        restore(Settings(data=tmp_path / "new"), folder, accept_missing=False)
    restore(Settings(data=tmp_path / "new"), folder, accept_missing=True)
    assert OnDisk(tmp_path / "new").holds(b"tracked")


def test_nothing_is_collected_meanwhile_and_everything_afterwards(world, tmp_path, monkeypatch):
    real, tried = BackupFolder.put, []

    def put(self, digest, chunks):
        with pytest.raises(ConflictError, match="backup"):
            world.collect(grace_s=0)
        tried.append(digest)
        return real(self, digest, chunks)

    monkeypatch.setattr(BackupFolder, "put", put)
    back_up(Settings(data=world.root), tmp_path / "backup", secrets=False)
    assert len(tried) == 3
    world.collect(grace_s=0)


def test_a_backup_reads_the_end_of_the_audit_log_and_not_all_of_it(world, tmp_path, monkeypatch):
    real, found = SqlAuditLog.read, []

    def read(self, *asked, **more):
        found.extend(events := real(self, *asked, **more))
        return events

    monkeypatch.setattr(SqlAuditLog, "read", read)
    done = back_up(Settings(data=world.root), tmp_path / "backup", secrets=False)
    assert [(each.seq, each.hash) for each in found] == [(done.manifest.audit_seq, done.manifest.audit_head)]
    assert done.manifest.audit_seq > 3


def test_two_backups_into_one_folder_do_not_mix(world, tmp_path):
    folder = tmp_path / "backup"
    with BackupFolder(folder).writing(), pytest.raises(ConflictError, match="another backup"):
        back_up(Settings(data=world.root), folder, secrets=False)


def test_want_of_space_leaves_the_former_backup(world, tmp_path, monkeypatch):
    settings, folder = Settings(data=world.root), tmp_path / "backup"
    back_up(settings, folder, secrets=False)
    world.register(b"second")

    def full(*_):
        raise UnavailableError("no space is left")

    with monkeypatch.context() as patch:
        patch.setattr(BackupFolder, "put", full)
        with pytest.raises(UnavailableError, match="no space"):
            back_up(settings, folder, secrets=False)
    restore(Settings(data=tmp_path / "new"), folder, accept_missing=False)
    assert backing_up.read_manifest(BackupFolder(folder)).blobs.lines == 3
