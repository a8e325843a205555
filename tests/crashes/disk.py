"""What a power loss would leave of a folder: a record of everything that was done to it, and what is sure.

Of a file what was synced is sure, and any beginning of what was written later may be there; of one that had
its room from the beginning, and is written in places, every byte counts by itself. Of a folder the names at
its last sync are sure, and of what came later any part may have happened (reference page
storage-and-durability, section 5).
"""

import os
import stat
from contextlib import contextmanager
from pathlib import Path

FOLDER = "folder"
_CALLS = ("open", "fsync", "fdatasync", "pwrite", "posix_fallocate", "replace", "unlink", "mkdir")
REAL = {name: getattr(os, name) for name in _CALLS}
# What is in a place of a file that had its room from the beginning.
NOTHING, WRITTEN, SURE = b"\0", b"\1", b"\2"
_SYNCED = bytes.maketrans(WRITTEN, SURE)


class Disk:
    """Records what this process does below ``root``, which is there for sure."""

    def __init__(self, root, look):
        """Keep the root, and what is called after every change: ``look(disk)``."""
        self.root = str(root)
        self.look = look
        self.sure = {}
        self.pending = {}
        self.synced = {}
        self.size = {}
        self.places = {}

    def is_sure(self, path, start, stop):
        """Tell whether these bytes of a file that is written in places are there whatever happens."""
        folder, (number, *more) = str(Path(path).parent), self._names(path)
        sure = self.places.get(number, b"")[start:stop] == SURE * (stop - start)
        return sure and not more and self._names(folder) == {FOLDER}

    def states(self, path):
        """Return every state of a file that may be left: None for no file, else (bytes sure, written)."""
        folder = str(Path(path).parent)
        found = set()
        if folder != self.root and self._names(folder) != {FOLDER}:
            found.add(None)
        for each in self._names(path):
            found.add(None if each is None else (self.synced.get(each, 0), self.size.get(each, 0)))
        return found

    def paths(self):
        """Return every file that may be there."""
        named = {f"{folder}/{name}" for folder, names in self.sure.items() for name in names}
        named |= {f"{folder}/{name}" for folder, later in self.pending.items() for name, _ in later}
        return sorted(path for path in named if self._names(path) - {None, FOLDER})

    @contextmanager
    def recorded(self, monkeypatch):
        """Record for the length of a block."""
        new = {"open": self._open, "fsync": self._sync, "replace": self._move, "rename": self._move}
        new |= {"unlink": self._unlink, "mkdir": self._mkdir, "fdatasync": self._sync}
        new |= {"pwrite": self._write_place, "posix_fallocate": self._make_room}
        with monkeypatch.context() as patched:
            for name, function in new.items():
                patched.setattr(os, name, function)
            yield self

    def _open(self, path, flags, *more, **named):
        descriptor = REAL["open"](path, flags, *more, **named)
        if flags & os.O_CREAT and self._concerns(path):
            self._happened(path, os.fstat(descriptor).st_ino)
        return descriptor

    def _make_room(self, descriptor, start, size):
        REAL["posix_fallocate"](descriptor, start, size)
        number = os.fstat(descriptor).st_ino
        self.places[number] = bytearray(NOTHING * (start + size))
        self._count(number)
        self.look(self)

    def _write_place(self, descriptor, content, place):
        written = REAL["pwrite"](descriptor, content, place)
        number = os.fstat(descriptor).st_ino
        if number in self.places:
            self.places[number][place : place + written] = WRITTEN * written
            self._count(number)
        self.look(self)
        return written

    def _count(self, number):
        places = self.places[number]
        self.synced[number], self.size[number] = places.count(SURE), len(places)

    def _sync(self, descriptor):
        REAL["fsync"](descriptor)
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            path = str(Path(f"/proc/self/fd/{descriptor}").readlink())
            names = self.sure.setdefault(path, {})
            for name, number in self.pending.pop(path, ()):
                names[name] = number
        if status.st_ino in self.places:
            self.places[status.st_ino] = self.places[status.st_ino].translate(_SYNCED)
            self._count(status.st_ino)
        else:
            self.synced[status.st_ino] = self.size[status.st_ino] = status.st_size
        self.look(self)

    def _move(self, source, target, **named):
        status = Path(source).stat()
        REAL["replace"](source, target, **named)
        if self._concerns(target):
            if status.st_ino not in self.places:
                self.size[status.st_ino] = status.st_size
            self._happened(source, None)
            self._happened(target, status.st_ino)

    def _unlink(self, path, **named):
        REAL["unlink"](path, **named)
        if self._concerns(path):
            self._happened(path, None)

    def _mkdir(self, path, *more, **named):
        REAL["mkdir"](path, *more, **named)
        if self._concerns(path):
            self._happened(path, FOLDER)

    def _names(self, path):
        """Return everything that a name may stand for."""
        folder, name = str(Path(path).parent), Path(path).name
        later = {number for each, number in self.pending.get(folder, ()) if each == name}
        return {self.sure.get(folder, {}).get(name)} | later

    def _concerns(self, path):
        return not isinstance(path, int) and str(Path(path).absolute()).startswith(self.root + "/")

    def _happened(self, path, number):
        self.pending.setdefault(str(Path(path).parent), []).append((Path(path).name, number))
        self.look(self)
