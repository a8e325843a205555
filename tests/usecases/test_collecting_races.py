"""Collections against everybody who sends, names and deletes at the same time; and the faults of others.

The clock runs a million times too fast, so that a lease ends after some dozens of milliseconds (some hundreds
where the store is slow), and the grace period is one. Two promises are watched: who was told that bytes are
there can name them as long as the lease lasts; and what is named is there. On PostgreSQL collectors pause now
and then in the middle of a removal, until their transaction is cut off.
"""

import random
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, update

import postgres
from assay.core.digests import digest_of
from assay.core.errors import AssayError, BadInputError, ConflictError, NotFoundError, UnavailableError
from assay.core.holding import uploader
from assay.core.keeping import LEASE, PROMISED, BlobState, KnownBlob
from assay.core.names import ModelName
from assay.storage import blob_tables, known_blobs
from assay.storage.known_blobs import SqlCollecting, SqlKnownBlobs
from assay.usecases import registration, storing
from assay.usecases.collecting import Collecting
from usecases.registry_world import CountedChance
from usecases.store_world import StoreWorld, whole

LEASE_S = 0.08
SLOW_LEASE_S = 0.4
STORES = [
    ("sqlite", "local"),
    ("postgresql", "local"),
    ("postgresql", "s3"),
    ("sqlite", "gcs"),
    ("postgresql", "azure"),
]
CUT_OFF = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE pid <> pg_backend_pid() AND datname = current_database() AND state = 'idle in transaction'
"""
ABOUT = (BadInputError, ConflictError, NotFoundError)


class FastClock:
    """A lease lasts so many seconds of real time."""

    def __init__(self, lease_s):
        self._begun = time.monotonic()
        self._speed = LEASE / timedelta(seconds=lease_s)
        self._base = datetime.now(UTC) + timedelta(days=2)

    def now(self):
        return self._base + timedelta(seconds=time.monotonic() - self._begun) * self._speed


class Soak:
    """Runs senders and collectors against one registry, and gathers broken promises."""

    def __init__(self, root, stores=STORES[0]):
        slow = stores != STORES[0]
        self._lease_s = SLOW_LEASE_S if slow else LEASE_S
        self._pool = [f"content {number}".encode() for number in range(40 if slow else 12)]
        self.world = StoreWorld(root, FastClock(self._lease_s), CountedChance(), stores=stores)
        self.broken, self.done, self.removed, self.pauses = [], 0, 0, 0
        self._stop = threading.Event()
        if stores[0] == "postgresql":
            self._pause_now_and_then()

    def _pause_now_and_then(self):
        """Let collectors pause between the database's answer and the removal, until they are cut off."""
        chance, shelf = random.Random(7), self.world.means.blobs.shelf
        real, url = shelf.remove, postgres.database_for(self.world.root)

        def remove(digest):
            if chance.random() < 0.1:
                self.pauses += 1
                postgres.run(url, CUT_OFF)  # everybody's who says nothing at this moment
                time.sleep(0.05)
            real(digest)

        shelf.remove = remove

    def run(self, seconds, until_broken=False, removed=0):
        senders = [threading.Thread(target=self._send, args=(number,)) for number in range(3)]
        collectors = [threading.Thread(target=self._collect) for _ in range(2)]
        for thread in (*senders, *collectors):
            thread.start()
        begun = time.monotonic()
        end = begun + 60  # a busy machine may need as long to remove some
        while time.monotonic() < end and not (until_broken and self.broken):
            if time.monotonic() > begun + seconds and self.removed > removed - 1:
                break
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
        content, now = chance.choice(self._pool), self.world.clock.now()
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
            late = self.world.clock.now() - now >= PROMISED
            # Whoever only asked was told because of a tracked file, and that is gone, not its bytes.
            if not late and (step < 0.6 or not self._counts_for_others(content)):
                self.broken.append(f"told that it is there, and refused: {error}")
            return
        self._check(content)
        self.world.delete(version)

    def _counts_for_others(self, content):
        digest, holder = digest_of(content), uploader(self.world.local.name)
        with self.world.means.database.read() as records:
            known = records.known_blobs.get(digest)
            return known is not None and known.counts and not records.blob_holders.held([digest], [holder])

    def _check(self, content):
        if not self.world.holds(content):
            self.broken.append("named, and gone")

    def _collect(self):
        while not self._stop.is_set():
            try:
                done = self.world.collect(grace_s=LEASE.total_seconds() / self._lease_s * 0.001)
                self.removed += done.removed
            except UnavailableError:
                continue


@pytest.fixture
def _given_back(tmp_path):
    """Take back the database that a test was given."""
    yield
    postgres.take_back(tmp_path)


@pytest.mark.usefixtures("_given_back")
@pytest.mark.parametrize("stores", STORES, ids="+".join)
def test_nothing_that_is_told_of_or_named_is_ever_collected(stores, tmp_path):
    soak = Soak(tmp_path, stores)
    soak.run(6, removed=6)
    assert soak.broken == []
    assert soak.removed > 5
    assert soak.done > 20
    assert (soak.pauses > 0) == (stores[0] == "postgresql")
    whole(soak.world)
    soak.world.means.database.close()


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
