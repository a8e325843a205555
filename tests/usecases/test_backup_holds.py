"""Backups that take long: nothing is collected until they are whole, whatever it is that takes so long."""

from datetime import timedelta

import pytest

from assay.core.errors import ConflictError, UnavailableError
from assay.storage import BackupFolder, LocalBlobs
from assay.storage.record_copies import SqlRecordCopies
from assay.storage.shelf import LocalShelf
from assay.usecases import collecting
from assay.usecases.backing_up import BackingUp, read_manifest
from assay.usecases.backup_holds import HOLD
from usecases.store_world import StoreWorld

WHILE = HOLD / 3


@pytest.fixture
def world(tmp_path):
    one = StoreWorld(tmp_path)
    one.register(b"weights", b"tests")
    yield one
    one.means.database.close()


def back_up(world, name="backup"):
    place = BackupFolder(world.root / name)
    with place.writing():
        return BackingUp(world.means, place, "host:1").back_up(secrets=False)


def held(world):
    """Tell whether nothing can be collected."""
    try:
        world.collect()
    except ConflictError:
        return True
    return False


def slowly(world, things, found, pause=WHILE):
    """Pass things on, each of which takes a while, and then look whether nothing can be collected."""
    for each in things:
        yield each
        world.clock.at += pause
        found.append(held(world))


def of_one_byte(chunks):
    return (bytes([each]) for chunk in chunks for each in chunk)


def long_reading(monkeypatch, world, found, **more):
    real = LocalBlobs.read
    read = lambda self, digest: slowly(world, of_one_byte(real(self, digest)), found, **more)  # noqa: E731
    monkeypatch.setattr(LocalBlobs, "read", read)


def test_one_file_may_take_longer_than_a_hold(world, monkeypatch):
    found = []
    long_reading(monkeypatch, world, found)
    assert back_up(world).manifest.missing == ()
    assert found == [True] * 12
    assert not held(world)


def test_the_rows_may_take_longer_than_a_hold(world, monkeypatch):
    real, found = SqlRecordCopies.dump, []
    monkeypatch.setattr(
        SqlRecordCopies, "dump", lambda self, **more: slowly(world, real(self, **more), found)
    )
    back_up(world)
    assert len(found) > 20
    assert all(found)


def test_a_first_look_at_the_store_may_take_longer_than_a_hold(world, monkeypatch):
    real, found = LocalShelf.all, []
    for number in range(6):
        world.send(b"%d" % number)
    monkeypatch.setattr(collecting, "_LOOKED_AT", 1)
    monkeypatch.setattr(LocalShelf, "all", lambda self: slowly(world, real(self), found))
    back_up(world)
    assert found == [True] * 8


def test_a_second_backup_does_not_end_the_hold_of_the_first(world, monkeypatch):
    real, found = BackupFolder.put, []

    def put(self, digest, chunks):
        if self._root.name == "first":
            back_up(world, "second")
            found.append(held(world))
        return real(self, digest, chunks)

    monkeypatch.setattr(BackupFolder, "put", put)
    back_up(world, "first")
    assert found == [True, True]
    assert not held(world)


def test_a_backup_that_stood_still_too_long_is_none(world, monkeypatch):
    former = back_up(world).manifest
    world.register(b"second")
    with monkeypatch.context() as patched:
        long_reading(patched, world, found := [], pause=HOLD + timedelta(seconds=1))
        with pytest.raises(UnavailableError, match="stood still"):
            back_up(world)
    assert found == [False]
    assert read_manifest(BackupFolder(world.root / "backup")) == former
    assert back_up(world).copied == 1


def test_a_killed_backup_lets_collections_go_on_after_a_while(world, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr("assay.usecases.backup_holds.BackupHold.release", lambda _: None)
        back_up(world)
    assert held(world)
    world.clock.at += HOLD
    assert not held(world)
    back_up(world)
    with world.means.database.read() as records:
        assert records.chores.begun("backup") == ()
