"""Kill -9 at every step of a collection: ``python collecting_kills.py FOLDER [one_step]``.

A process of its own, because it forks. Steps are counted at a seam: before and after each transaction's
commit, before and after each removal of bytes. Prints how many points there were, and what was broken.
"""

import os
import shutil
import signal
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from assay.core.digests import digest_of
from assay.storage import known_blobs
from assay.storage.known_blobs import SqlCollecting
from assay.usecases.collecting import VERB
from usecases.registry_world import CountedChance, HandClock
from usecases.store_world import DAY, StoreWorld, whole

ALONE = [f"alone {number}".encode() for number in range(3)]
NAMED = [b"named 1", b"named 2"]


def later(times):
    clock = HandClock()
    clock.at = datetime.now(UTC) + times * DAY
    return clock


def template(root):
    """A registry with bytes that go, bytes that stay, and an orphan; condemned, and ripe."""
    root.mkdir()
    world = StoreWorld(root, later(1))
    world.register(*NAMED)
    for content in ALONE:
        world.send(content)
    world.means.blobs.put([b"orphan"])
    world.pass_time(2 * DAY)
    world.collect()
    world.means.database.close()


class Seam:
    """Counts steps, and kills this process at one of them."""

    def __init__(self, world, kill_at):
        self._count, self._kill_at = 0, kill_at
        database, shelf = world.means.database, world.means.blobs.shelf
        real_write, real_remove, real_going = database.write, shelf.remove, shelf.going

        @contextmanager
        def write():
            with real_write() as records:
                yield records
                self.step()
            self.step()

        def remove(digest):
            self.step()
            real_remove(digest)
            self.step()

        @contextmanager
        def going(digest):
            self.step()
            with real_going(digest) as alone:
                self.step()
                yield alone
                self.step()

        database.write, shelf.remove, shelf.going = write, remove, going

    def step(self):
        self._count += 1
        if self._count == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


def collect_and_die(root, kill_at):
    """Collect in a child that dies at a step; tell whether it did."""
    child = os.fork()
    if not child:
        world = StoreWorld(root, later(6), CountedChance(), fresh=False)
        Seam(world, kill_at)
        world.collect()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or status == 0, status
    return os.WIFSIGNALED(status)


def check(root):
    """Go on after the death; return what is broken."""
    world, broken = StoreWorld(root, later(6), CountedChance(), fresh=False), []
    try:
        whole(world)
        for content in (*ALONE, b"orphan"):
            known = world.known(content)
            if known is not None and known.counts and not world.holds(content):
                broken.append(f"{content!r} is said to be there and gone")
        for content in ALONE:  # who is told that bytes are there now can name them
            try:
                world.use.registration.blob_size(world.local, digest_of(content))
            except Exception:  # noqa: BLE001 - not there, which is well
                continue
            world.register(content, send=False)
            if not world.holds(content):
                broken.append(f"{content!r} is named and gone")
        world.pass_time(timedelta(days=3))
        world.collect()
        world.pass_time(timedelta(days=3))
        world.collect()
        whole(world)
        told = [digest for event in world.events(VERB) for digest in event.before["digests"]]
        wrong = [each for each in (*ALONE, b"orphan") if world.holds(each) == (digest_of(each) in told)]
        broken += [f"{content!r}: the audit log says otherwise" for content in wrong]
    except AssertionError as error:
        broken.append(str(error))
    world.means.database.close()
    return broken


def one_step():
    """Plant the fault: nothing is committed before bytes are removed."""
    real, asked = SqlCollecting.forget, known_blobs.BlobState

    def doom(_self, _before, _now, _limit):
        return 0

    class Condemned:
        REMOVING = asked.CONDEMNED

        def __new__(cls, value):
            return asked(value)

    def doomed(self, limit, after=None):
        known_blobs.BlobState = Condemned
        try:
            return real_doomed(self, limit, after)
        finally:
            known_blobs.BlobState = asked

    def forget(self, digest):
        known_blobs.BlobState = Condemned
        try:
            return real(self, digest)
        finally:
            known_blobs.BlobState = asked

    real_doomed = SqlCollecting.doomed
    SqlCollecting.doom, SqlCollecting.doomed, SqlCollecting.forget = doom, doomed, forget


def main():
    folder = Path(sys.argv[1])
    if "one_step" in sys.argv:
        one_step()
    template(folder / "template")
    broken, point = [], 0
    while True:
        point += 1
        root = folder / str(point)
        shutil.copytree(folder / "template", root)
        died = collect_and_die(root, point)
        broken += [f"point {point}: {each}" for each in check(root)]
        shutil.rmtree(root)
        if not died:
            break
    sys.stdout.write("\n".join([str(point - 1), *broken]))


if __name__ == "__main__":
    main()
