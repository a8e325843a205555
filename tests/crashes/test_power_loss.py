"""A power loss at any moment of the story: no state of the disk that may be left lacks what was acknowledged.

SIGKILL keeps what the kernel holds, so it cannot see a missing fsync; here the states are made up. A commit
of the database is atomic and durable once it returned (``PRAGMA synchronous = FULL``).
"""

import os
import re
from contextlib import closing, contextmanager

import pytest

from assay.storage import SqlDatabase, durable, part_writing
from assay.storage import blobs as local_blobs
from crashes.disk import Disk
from crashes.story import CONTENTS, DIGESTS, MODEL, PART, opened, prepare, tell

SIZES = {digest.hex: len(CONTENTS[number]) for number, digest in DIGESTS.items()}
_BLOB = re.compile(r"/([0-9a-f]{2})/(\1[0-9a-f]{62})$")


def named_wrongly(disk):
    """Yield blobs that may be left under a name that is not that of their bytes."""
    for path in disk.paths():
        found = _BLOB.search(path)
        if found and any(state not in (None, (SIZES[found[2]],) * 2) for state in disk.states(path)):
            yield found[2]


def lacking(disk, wanted):
    """Yield digests whose bytes some state lacks."""
    for digest in wanted:
        states = disk.states(f"{disk.root}/{digest.hex[:2]}/{digest.hex}")
        if states != {(SIZES[digest.hex],) * 2}:
            yield digest.hex


def unsure(one, disk, words):
    """Yield what was acknowledged and some state lacks."""
    what, number = words.split()
    if not what.startswith("part-"):
        yield from lacking(disk, [DIGESTS[int(number)]])
        return
    (begun,) = one.use.transferring.mine(one.caller)
    stop = int(what.removeprefix("part-")) * PART
    if not disk.is_sure(f"{disk.root}/.arriving/{begun.id}", stop - PART, stop):
        yield words


def violations(folder, monkeypatch):
    """Tell the story; return whatever a power loss at some moment would have broken."""
    prepare(folder)
    found, checked = [], []
    disk = Disk(folder / "blobs", lambda now: found.extend(named_wrongly(now)))
    disk.sure[disk.root] = {".tmp": "folder", ".parts": "folder"}
    write = SqlDatabase.write

    @contextmanager
    def watched(database):
        with write(database) as records:
            yield records
        with database.read() as records:
            summaries = [records.versions.get(MODEL, number) for number in CONTENTS]
        wanted = [entry.digest for version in summaries if version for entry in version.files]
        checked.extend(wanted)
        found.extend(lacking(disk, wanted))

    one = opened(folder)
    with closing(one.means.database), disk.recorded(monkeypatch), monkeypatch.context() as patched:
        patched.setattr(SqlDatabase, "write", watched)
        tell(one, lambda words: found.extend(unsure(one, disk, words)))
    assert checked, "versions were committed while it was looked at"
    return found


def test_no_power_loss_takes_what_was_acknowledged(tmp_path, monkeypatch):
    assert violations(tmp_path / "data", monkeypatch) == []


def _nothing(*_):
    """Leave out what should be done."""


class Careless:
    """The module os, but for one call that does nothing."""

    def __init__(self, call):
        self._call = call

    def __getattr__(self, name):
        return _nothing if name == self._call else getattr(os, name)


@pytest.mark.parametrize("fault", ["folders are not synced", "files are not synced", "parts are not synced"])
def test_a_missing_sync_is_found(fault, tmp_path, monkeypatch):
    if fault.startswith("folders"):
        monkeypatch.setattr(durable, "sync_folder", _nothing)
        monkeypatch.setattr(local_blobs, "sync_folder", _nothing)
    elif fault.startswith("parts"):
        monkeypatch.setattr(part_writing, "os", Careless("fdatasync"))
    else:
        sync_folder = durable.sync_folder
        monkeypatch.setattr(durable, "os", Careless("fsync"))
        monkeypatch.setattr(local_blobs, "sync_folder", sync_folder)
    assert violations(tmp_path / "data", monkeypatch) != []
