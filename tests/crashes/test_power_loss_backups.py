"""A power loss at any moment of a backup or a restore: what was said to be there is there.

The folder of backups holds a whole one at every moment after the first was finished; what was restored
lacks no byte from the moment at which the database has its records. Of the database holds what
``test_power_loss`` says.
"""

import os
from contextlib import contextmanager
from pathlib import Path

import pytest

from assay.app import Settings
from assay.app.backups import back_up, restore
from assay.storage import SqlDatabase, blobs, durable, secret_files
from crashes.disk import FOLDER, Disk
from usecases.data_folder import OnDisk


class Machine(Disk):
    """A disk whose folders all begin with it, and whose files keep their numbers when they are gone."""

    def __init__(self, root, look):
        super().__init__(root, look)
        root.mkdir()
        self.sure[self.root] = {}
        self._open_ones = {}

    def surely(self, path):
        """Tell whether a file is there, whole, whatever is left."""
        folders = [each for each in Path(path).parents if str(each).startswith(self.root + "/")]
        if any(self._names(each) != {FOLDER} for each in folders) or not Path(path).exists():
            return False
        return self.states(path) == {(Path(path).stat().st_size,) * 2}

    @contextmanager
    def recorded(self, monkeypatch):
        """Record for the length of a block."""
        real = os.link

        def link(source, target, **named):
            real(source, target, **named)
            self._happened(target, Path(target).stat().st_ino)

        with super().recorded(monkeypatch), monkeypatch.context() as patched:
            patched.setattr(os, "link", link)
            yield self

    def close(self):
        """Let go of the files."""
        for each in self._open_ones.values():
            os.close(each)

    def _open(self, path, flags, *more, **named):
        descriptor = super()._open(path, flags, *more, **named)
        number = os.fstat(descriptor).st_ino
        if flags & os.O_CREAT and self._concerns(path) and number not in self._open_ones:
            # By a descriptor of its own: a lock on the other one goes with it.
            self._open_ones[number] = self._real_open(path)
        return descriptor

    @staticmethod
    def _real_open(path):
        with Path(path).open("rb") as file:
            return os.dup(file.fileno())


def not_restored(tmp_path, monkeypatch):
    """Restore a registry with its keys; return every file that some power loss would have taken from it."""
    first = OnDisk(tmp_path / "first").filled()
    back_up(first.settings, tmp_path / "backup", secrets=True)
    digests = [path.name for path in (tmp_path / "backup").glob("blobs/*/*")]
    found, checked = [], []
    disk = Machine(tmp_path / "machine", lambda _: None)
    data = tmp_path / "machine" / "place" / "data"
    wanted = [data / "blobs" / each[:2] / each for each in digests] + [data / "seal.key", data / "audit.key"]
    write = SqlDatabase.write

    @contextmanager
    def watched(database):
        with write(database) as records:
            yield records
        with database.read() as records:
            if not records.copies.is_empty():
                checked.append(True)
                found.extend(str(each) for each in wanted if not disk.surely(each))

    with disk.recorded(monkeypatch), monkeypatch.context() as patched:
        patched.setattr(SqlDatabase, "write", watched)
        restore(Settings(data=data), tmp_path / "backup", accept_missing=False)
    disk.close()
    assert checked, "records were restored while it was looked at"
    return found


def test_no_power_loss_takes_what_was_restored(tmp_path, monkeypatch):
    assert not_restored(tmp_path, monkeypatch) == []


def _nothing(*_):
    """Leave out what should be done."""


@pytest.mark.parametrize("careless", [blobs, durable, secret_files])
def test_a_sync_that_is_missing_in_a_restore_is_found(careless, tmp_path, monkeypatch):
    monkeypatch.setattr(careless, "sync_folder", _nothing)
    assert not_restored(tmp_path, monkeypatch) != []
