"""Collections against everybody who sends, names and deletes at the same time; and the faults of others.

The clock runs a million times too fast, so that a lease ends after some dozens of milliseconds, and the
grace period is one. Two promises are watched: who was told that bytes are there can name them as long as the
lease lasts; and what is named is there.
"""

import random
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, update

from assay.core.digests import digest_of
from assay.core.errors import AssayError, BadInputError, ConflictError, NotFoundError, UnavailableError
from assay.core.keeping import LEASE, PROMISED, BlobState, KnownBlob
from assay.core.names import ModelName
from assay.storage import blob_tables, known_blobs
from assay.storage.known_blobs import SqlCollecting, SqlKnownBlobs
from assay.usecases import registration, storing
from assay.usecases.collecting import Collecting
from usecases.registry_world import CountedChance
from usecases.store_world import StoreWorld, whole

LEASE_S = 0.08
POOL = [f"content {number}".encode() for number in range(12)]
ABOUT = (BadInputError, ConflictError, NotFoundError)


class FastClock:
    """A lease of a day lasts ``LEASE_S`` of real time."""

    def __init__(self):
        self._begun = time.monotonic()
        self._speed = LEASE / timedelta(seconds=LEASE_S)
        self._base = datetime.now(UTC) + timedelta(days=2)

    def now(self):
        return self._base + timedelta(seconds=time.monotonic() - self._begun) * self._speed


class Soak:
    """Runs senders and collectors against one registry, and gathers broken promises."""

    def __init__(self, root):
        self.world = StoreWorld(root, FastClock(), CountedChance())
        self.broken, self.done, self.removed = [], 0, 0
        self._stop = threading.Event()

    def run(self, seconds, until_broken=False):
        senders = [threading.Thread(target=self._send, args=(number,)) for number in range(3)]
        collectors = [threading.Thread(target=self._collect) for _ in range(2)]
        for thread in (*senders, *collectors):
            thread.start()
        end = time.monotonic() + seconds
        while time.monotonic() < end and not (until_broken and self.broken):
            time.sleep(0.02)
        self._stop.set()
        for thread in (*senders, *collectors):
            thread.join()

    def _send(self, number):
        chance, model = random.Random(number), ModelName(f"team/m{number}")
        while not self._stop.is_set():
            try:
                self._one(chance, model)
            except UnavailableError:
                continue  # it says to send again
            except AssayError as error:
                self.broken.append(f"unexpected: {error!r}")
            self.done += 1

    def _one(self, chance, model):
        content, now = chance.choice(POOL), self.world.clock.now()
        step = chance.random()
        if step < 0.25:
            path = f"0/r{model}/artifacts/{chance.randrange(4)}"
            self.world.use.artifacts.store(self.world.local, path, [content])
            self._check(content)
            self.world.use.artifacts.remove(self.world.local, path)
            return
        try:
            if step < 0.6:
                self.world.send(content)
            else:
                self.world.use.registration.blob_size(self.world.local, digest_of(content))
        except NotFoundError:
            return
        time.sleep(chance.choice((0, 0, 0.005, 0.02)))
        try:
            version = self.world.register(content, model=model, send=False)
        except ABOUT as error:
            if self.world.clock.now() - now < PROMISED:
                self.broken.append(f"told that it is there, and refused: {error}")
            return
        self._check(content)
        self.world.delete(version)

    def _check(self, content):
        if not self.world.holds(content):
            self.broken.append("named, and gone")

    def _collect(self):
        while not self._stop.is_set():
            try:
                done = self.world.collect(grace_s=LEASE.total_seconds() / LEASE_S * 0.001)
                self.removed += done.removed
            except UnavailableError:
                continue


def test_nothing_that_is_told_of_or_named_is_ever_collected(tmp_path):
    soak = Soak(tmp_path)
    soak.run(6)
    assert soak.broken == []
    assert soak.removed > 5
    assert soak.done > 20
    whole(soak.world)


def no_lease_for_what_came(monkeypatch):
    """quay: the answer to an upload keeps nothing."""

    def receive(records, blobs, digest, size_bytes, now):
        records.known_blobs.put(KnownBlob(digest, size_bytes, BlobState.LIVE, now, now))

    for module in (storing, registration):
        monkeypatch.setattr(module, "receive", receive)


def no_new_lease_for_what_is_there(monkeypatch):
    """Harbor, floecat: what is there already keeps its old time when it is sent or asked for again."""
    monkeypatch.setattr(KnownBlob, "is_fresh", lambda blob, now: blob.counts)


def removed_from_a_list_without_looking_again(monkeypatch):
    """nora: a list of orphans taken at one time is removed at another."""

    def remove(self, caller):
        with self._means.database.read() as records:
            doomed = records.collecting.doomed(50)
        time.sleep(0.03)
        for each in doomed:
            self._means.blobs.shelf.remove(each.digest)
        with self._means.database.write() as records:
            for each in doomed:
                records.collecting.forget(each.digest)
        return len(doomed), 0

    monkeypatch.setattr(Collecting, "_remove", remove)


def existence_from_a_memory(monkeypatch):
    """distribution: a cache tells that bytes exist after they were removed."""
    seen = set()

    def claim(records, blobs, digests, now):
        found = records.known_blobs.keep(digests, now) | (set(digests) & seen)
        seen.update(each for each in digests if blobs.size(each) is not None)
        return frozenset(found)

    for module in (storing, registration):
        monkeypatch.setattr(module, "claim", claim)
    monkeypatch.setattr(registration.Registration, "_check_blobs", lambda *_: None)
    monkeypatch.setattr(registration.Registration, "_recognise", lambda *_: ())


def an_index_that_outlives_the_bytes(monkeypatch):
    """Xet: what tells of bytes stays when they go."""

    def forget(self, digest):
        change = {"state": BlobState.LIVE.value, "condemned_at": None}
        self._connection.execute(update(blob_tables.blobs).where(known_blobs.b.digest == digest), change)
        return True

    monkeypatch.setattr(SqlCollecting, "forget", forget)
    monkeypatch.setattr(registration.Registration, "_check_blobs", lambda *_: None)
    monkeypatch.setattr(registration.Registration, "_recognise", lambda *_: ())


def no_look_when_bytes_are_named(monkeypatch):
    """Nothing looks, when bytes are named, whether they still are there."""
    monkeypatch.setattr(registration, "require_there", lambda *_: None)
    monkeypatch.setattr(registration.Registration, "_recognise", lambda *_: ())
    monkeypatch.setattr(KnownBlob, "is_fresh", lambda blob, now: blob.counts)


def no_second_look_at_what_names_them(monkeypatch):
    """What was condemned goes, named since or not."""

    def keep(self, digests, now):
        return frozenset(digests)

    def doom(self, before, now, limit):
        state = known_blobs.b.state == BlobState.CONDEMNED.value
        change = {"state": BlobState.REMOVING.value}
        return self._connection.execute(update(blob_tables.blobs).where(state), change).rowcount

    monkeypatch.setattr(SqlKnownBlobs, "keep", keep)
    monkeypatch.setattr(SqlCollecting, "doom", doom)


def removed_at_once(monkeypatch):
    """One step instead of two, and no transaction around it."""

    def remove(self, caller):
        now = self._means.clock.now()
        with self._means.database.read() as records:
            _, names = records.collecting.unnamed(now, now), records.known_blobs.named("", 500)
        for each in list(self._means.blobs.shelf.all()):
            if each.digest not in names:
                self._means.blobs.shelf.remove(each.digest)
                with self._means.database.write() as records:
                    gone = known_blobs.b.digest == each.digest
                    records.connection.execute(delete(blob_tables.blobs).where(gone))
        return 0, 0

    monkeypatch.setattr(Collecting, "_remove", remove)


@pytest.mark.parametrize(
    "plant",
    [
        no_lease_for_what_came,
        no_new_lease_for_what_is_there,
        removed_from_a_list_without_looking_again,
        existence_from_a_memory,
        an_index_that_outlives_the_bytes,
        no_look_when_bytes_are_named,
        no_second_look_at_what_names_them,
        removed_at_once,
    ],
    ids=lambda plant: plant.__name__,
)
def test_the_faults_of_other_registries_would_be_found(plant, tmp_path, monkeypatch):
    plant(monkeypatch)
    soak = Soak(tmp_path)
    soak.run(20, until_broken=True)
    assert soak.broken
