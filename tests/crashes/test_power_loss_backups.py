"""A power loss at any moment of a backup or a restore: what was said to be there is there.

The folder of backups holds a whole one at every moment after the first was finished; what was restored
lacks no byte from the moment at which the database has its records. Of the database holds what
``test_power_loss`` says.
"""

import json
import os
import stat
from contextlib import contextmanager
from pathlib import Path

import pytest

from assay.app import Settings
from assay.app.backups import back_up, restore
from assay.storage import SqlDatabase, backup_folder, blobs, durable, secret_files
from crashes.disk import FOLDER, Disk
from usecases.data_folder import OnDisk


class Killed(BaseException):
    """The process ended here; what it had begun stays as it is."""


class Machine(Disk):
    """A disk whose folders all begin with it, and whose files keep their numbers when they are gone."""

    def __init__(self, root, look):
        super().__init__(root, look)
        root.mkdir()
        self.sure[self.root] = {}
        self._open_ones = {}
        self.syncs_left = None

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

    def content(self, number):
        """Return what was written to a file."""
        size = os.fstat(self._open_ones[number]).st_size
        return os.pread(self._open_ones[number], size, 0)

    def standing_for(self, path):
        """Return the numbers of all files that a name may stand for."""
        return self._names(path) - {None, FOLDER}

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

    def _sync(self, descriptor):
        path = str(Path(f"/proc/self/fd/{descriptor}").readlink())
        mine = path.startswith(self.root) and stat.S_ISDIR(os.fstat(descriptor).st_mode)
        if mine and self.syncs_left is not None:
            if not self.syncs_left:
                raise Killed
            self.syncs_left -= 1
        super()._sync(descriptor)

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


class Shelf:
    """A disk with a folder of backups, and all that a power loss at some moment would have broken there."""

    def __init__(self, root):
        self.disk = Machine(root, lambda _: self.look())
        self.folder = root / "backup"
        self.manifest = self.folder / "manifest.json"
        self.broken, self.looks = [], 0

    def look(self):
        """Whichever manifest may be left, it is whole, and so is everything that it names."""
        for number in self.disk.standing_for(self.manifest):
            self.looks += 1
            content = self.disk.content(number)
            if self.disk.synced.get(number) != len(content):
                self.broken.append("a part of a manifest")
            else:
                self.broken += [str(each) for each in self.named_by(content) if not self.disk.surely(each)]

    def named_by(self, content):
        """Return the files that a manifest names."""
        manifest = json.loads(content)
        lists = [self.folder / manifest[each]["name"] for each in ("records", "blobs")]
        digests = lists[1].read_text().split() if lists[1].exists() else []
        names = [each.removeprefix("sha256:") for each in digests]
        keys = [self.folder / each["kept_as"] for each in manifest["keys"]]
        assert len(keys) == 2
        return [*lists, *keys, *(self.folder / "blobs" / each[:2] / each for each in names)]

    def back_up(self, settings):
        """Back up; what is then said to be there is sure."""
        back_up(settings, self.folder, secrets=True)
        self.look()
        if not self.disk.surely(self.manifest):
            self.broken.append("the manifest")


def test_no_power_loss_takes_a_backup_or_the_one_before(tmp_path, monkeypatch):
    first, shelf = OnDisk(tmp_path / "first").filled(), Shelf(tmp_path / "machine")
    with shelf.disk.recorded(monkeypatch):
        shelf.back_up(first.settings)
        first.register(b"second")
        looks = shelf.looks
        shelf.back_up(first.settings)
    shelf.disk.close()
    assert shelf.broken == []
    assert shelf.looks > looks + 10, "it was looked at while the second one was made"


def test_no_power_loss_takes_a_backup_that_goes_on_where_one_was_killed(tmp_path, monkeypatch):
    first = OnDisk(tmp_path / "first").filled()
    kills = 0
    while True:
        shelf = Shelf(tmp_path / f"machine-{kills}")
        shelf.disk.syncs_left = kills
        with shelf.disk.recorded(monkeypatch):
            try:
                shelf.back_up(first.settings)
            except Killed:
                shelf.disk.syncs_left = None
                shelf.back_up(first.settings)
            else:
                break
            finally:
                shelf.disk.close()
        assert (kills, shelf.broken) == (kills, [])
        kills += 1
    assert kills > 8, "it was killed before each sync of a folder"


def _nothing(*_):
    """Leave out what should be done."""


@pytest.mark.parametrize("careless", [backup_folder, durable])
def test_a_sync_that_is_missing_in_a_backup_is_found(careless, tmp_path, monkeypatch):
    first, shelf = OnDisk(tmp_path / "first").filled(), Shelf(tmp_path / "machine")
    monkeypatch.setattr(careless, "sync_folder", _nothing)
    with shelf.disk.recorded(monkeypatch):
        shelf.back_up(first.settings)
    shelf.disk.close()
    assert shelf.broken != []


def _nothing(*_):
    """Leave out what should be done."""


@pytest.mark.parametrize("careless", [blobs, durable, secret_files])
def test_a_sync_that_is_missing_in_a_restore_is_found(careless, tmp_path, monkeypatch):
    monkeypatch.setattr(careless, "sync_folder", _nothing)
    assert not_restored(tmp_path, monkeypatch) != []
