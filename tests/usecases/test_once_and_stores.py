"""Requests with a key that work on the store: nobody who writes waits for it, and nothing goes too early."""

import os
import threading
from datetime import timedelta

import pytest

from assay.core.answers import Answer, Once
from assay.core.digests import digest_of
from assay.core.errors import NotFoundError, UnavailableError
from assay.core.tracking.uploads import PartialUpload
from assay.storage.answers import SqlAnswers
from assay.storage.part_arrivals import PartArrivals
from assay.usecases.transferring import Sent
from assay.wire.upkeep import Collect, NewUpload
from usecases.store_world import StoreWorld

CONTENT = os.urandom(1000)
PATIENCE_S = 3
WATCHED = {"arrivals": ("digest", "bad_parts", "publish", "drop", "waiting"), "parts": ("drop", "waiting")}


class Keyed(StoreWorld):
    """A registry whose requests have keys; whatever it does to its store is watched."""

    def __init__(self, root):
        super().__init__(root)
        self.plain = self.means.database
        self.asked = 0
        self.seen = []

    def begin(self, digest):
        return self.use.transferring.begin(self.local, NewUpload(len(CONTENT), digest))[0]

    def send(self, digest):
        """Begin a file and send all of it."""
        transfer = self.begin(digest)
        self.use.transferring.put_part(self.local, transfer.id, Sent(1, digest_of(CONTENT)), [CONTENT])
        return transfer

    def once(self, act, key=""):
        """Do something under a key of its own."""
        self.asked += 1
        once = Once.of("local", key or f"key-{self.asked}", b"POST")
        said = lambda error: Answer(400, str(error).encode())  # noqa: E731
        return self.use.repeating.once(once, lambda: Answer(200, str(act()).encode()), said)[0]

    def complete(self, transfer, key=""):
        return self.once(lambda: self.use.transferring.complete(self.local, transfer.id).whole, key)

    def watch(self, monkeypatch):
        """Let every call of the store note whether somebody else can write meanwhile."""
        for owner, names in WATCHED.items():
            store = getattr(self.means.blobs, owner)
            for name in names:
                monkeypatch.setattr(store, name, self.watched(getattr(store, name), f"{owner}.{name}"))

    def watched(self, real, name):
        def call(*asked):
            written = threading.Event()

            def write():
                with self.plain.write():
                    written.set()

            other = threading.Thread(target=write, daemon=True)
            other.start()
            self.seen.append((name, written.wait(PATIENCE_S)))
            return real(*asked)

        return call


@pytest.fixture(params=["one file", "joined parts"])
def world(request, tmp_path, monkeypatch):
    one = Keyed(tmp_path)
    if request.param == "joined parts":
        one.means.blobs.arrivals = PartArrivals(one.means.blobs.parts)
    one.watch(monkeypatch)
    return one


def forgotten(world):
    """Leave behind what a collection, and a few of it whoever begins the next file, takes away."""
    world.begin(digest_of(b"forgotten"))
    now = world.clock.now()
    upload = PartialUpload("up_1", "1/model.bin", 1, "ada", now, now)
    with world.plain.write() as records:
        records.partial_uploads.add(upload)
    world.means.blobs.parts.put("up_1", 1, [b"x"])
    world.means.blobs.parts.put("up_nobodys", 1, [b"x"])
    world.pass_time(timedelta(days=8))
    world.seen.clear()


def test_nobody_who_writes_waits_while_a_file_is_made_whole(world):
    for digest in (digest_of(CONTENT), None):
        transfer = world.send(digest)
        world.seen.clear()
        assert world.complete(transfer).body.decode() == digest_of(CONTENT)
        assert {"arrivals.digest", "arrivals.publish", "arrivals.drop"} <= {name for name, _ in world.seen}
        assert [name for name, others_write in world.seen if not others_write] == []


def test_nobody_who_writes_waits_while_a_file_that_was_not_announced_so_is_dropped(world):
    transfer = world.send(digest_of(b"another"))
    world.seen.clear()
    assert world.complete(transfer).status == 400
    assert {"arrivals.bad_parts", "arrivals.drop"} <= {name for name, _ in world.seen}
    assert [name for name, others_write in world.seen if not others_write] == []


def test_nobody_who_writes_waits_while_what_is_over_is_cleared_away(world):
    forgotten(world)
    assert world.once(lambda: world.begin(None).id).status == 200
    assert world.seen
    assert [name for name, others_write in world.seen if not others_write] == []


def test_nobody_who_writes_waits_while_a_collection_drops_uploads(world):
    forgotten(world)
    collected = world.once(
        lambda: world.use.collecting.collect(world.local, Collect(grace_s=86_400.0)).uploads
    )
    assert collected.body == b"3"
    assert {"arrivals.drop", "arrivals.waiting", "parts.waiting", "parts.drop"} == {
        name for name, _ in world.seen
    }
    assert [name for name, others_write in world.seen if not others_write] == []


def test_the_digest_is_known_to_all_before_the_bytes_get_their_name(world, monkeypatch):
    transfer, known = world.send(None), []
    arrivals = world.means.blobs.arrivals
    real = arrivals.publish

    def publish(*asked):
        with world.plain.read() as records:
            known.append(records.transfers.get(transfer.id).expected)
        return real(*asked)

    monkeypatch.setattr(arrivals, "publish", publish)
    world.complete(transfer)
    assert known == [digest_of(CONTENT)]


def test_nothing_is_dropped_when_the_answer_could_not_be_committed(world, monkeypatch):
    transfer = world.send(digest_of(CONTENT))
    world.seen.clear()

    def away(*_):
        raise UnavailableError("the database is away")

    with monkeypatch.context() as patch:
        patch.setattr(SqlAnswers, "keep", away)
        with pytest.raises(UnavailableError):
            world.complete(transfer, "the key")
    assert "arrivals.drop" not in {name for name, _ in world.seen}
    assert world.complete(transfer, "the key").body.decode() == digest_of(CONTENT)
    assert "arrivals.drop" in {name for name, _ in world.seen}


def test_a_store_that_cannot_be_cleared_up_stops_nobody(world, monkeypatch):
    transfer = world.send(digest_of(CONTENT))
    forgotten = world.begin(digest_of(b"forgotten"))

    def away(*_):
        raise UnavailableError("the store is away")

    monkeypatch.setattr(world.means.blobs.arrivals, "drop", away)
    assert world.complete(transfer).status == 200
    world.pass_time(timedelta(days=8))
    assert world.once(lambda: world.begin(None).id).status == 200
    with pytest.raises(NotFoundError):
        world.use.transferring.show(world.local, forgotten.id)
