"""What must hold of whole files that come in parts, on every store: completed once, whatever breaks off."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from assay.core.digests import digest_of
from assay.core.errors import BadInputError, NotFoundError, UnavailableError
from assay.storage.marks import MARK
from assay.usecases.bundle import UseCases
from assay.usecases.transferring import Sent
from assay.wire.upkeep import Collect, NewUpload
from contracts.stores import listed
from usecases.fresh_means import empty_means, fresh_means
from usecases.registry_world import CountedChance, HandClock

PART = 64 * 1024
CONTENT = os.urandom(2 * PART + 1000)
DIGEST = digest_of(CONTENT)
NUMBERS = (1, 2, 3)
ANNOUNCED = pytest.mark.parametrize("digest", [DIGEST, None], ids=["announced", "unannounced"])


class Server:
    """One of the servers of a registry."""

    def __init__(self, root, blobs, *, first):
        means = (fresh_means if first else empty_means)(root, HandClock(), CountedChance())
        self.means = replace(means, blobs=blobs)
        with means.database.read() as records:
            blobs.mark.put(records.audit_heads.origin())
        self.use = UseCases.over(self.means)
        self.local = self.use.access.local()

    def begin(self, digest=DIGEST):
        return self.use.transferring.begin(self.local, NewUpload(len(CONTENT), digest, PART))[0]

    def send(self, transfer, *numbers):
        for number in numbers:
            piece = CONTENT[(number - 1) * PART : number * PART]
            sent = Sent(number, digest_of(piece), len(piece))
            self.use.transferring.put_part(self.local, transfer.id, sent, [piece])

    def complete(self, transfer):
        return self.use.transferring.complete(self.local, transfer.id)

    def there(self, transfer):
        return sorted(self.use.transferring.show(self.local, transfer.id)[1])


@pytest.fixture
def start(open_blobs, tmp_path):
    """A function that starts one more server of the same registry."""
    started = []

    def start():
        started.append(Server(tmp_path, open_blobs(), first=not started))
        return started[-1]

    yield start
    for each in started:
        each.means.database.close()


def lying(server):
    """Return what lies in the store beside folders of turns and the store's mark."""
    return sorted(name.rpartition("/")[2] for name in listed(server.means.blobs) if name != MARK)


def failing(monkeypatch, where, name):
    """Let the next call fail as if the database were away."""
    real = getattr(type(where), name)

    def fails(*_):
        monkeypatch.setattr(type(where), name, real)
        raise UnavailableError("the database is away")

    monkeypatch.setattr(type(where), name, fails)


@ANNOUNCED
def test_a_whole_file_is_a_blob_and_nothing_else_stays(start, digest):
    server = start()
    transfer = server.begin(digest)
    server.send(transfer, *NUMBERS)
    done = server.complete(transfer)
    assert done.whole == DIGEST
    assert b"".join(server.means.blobs.read(DIGEST)) == CONTENT
    assert lying(server) == [DIGEST.hex]
    assert server.complete(transfer) == start().complete(transfer) == done


@ANNOUNCED
def test_a_database_that_is_away_when_the_blob_is_there_costs_nothing_but_asking_again(
    start, monkeypatch, digest
):
    server = start()
    transfer = server.begin(digest)
    server.send(transfer, *NUMBERS)
    failing(monkeypatch, server.use.transferring, "_note")
    with pytest.raises(UnavailableError):
        server.complete(transfer)
    later = start()
    assert later.complete(transfer).whole == DIGEST
    assert lying(later) == [DIGEST.hex]


@ANNOUNCED
def test_who_is_slower_than_another_server_is_answered_alike(start, monkeypatch, digest):
    one, other = start(), start()
    transfer = one.begin(digest)
    one.send(transfer, *NUMBERS)
    arrivals = other.means.blobs.arrivals
    real = arrivals.digest

    def slow(*asked):
        one.complete(transfer)
        return real(*asked)

    monkeypatch.setattr(arrivals, "digest", slow)
    assert other.complete(transfer).whole == DIGEST
    assert lying(one) == [DIGEST.hex]


def test_who_asks_again_while_it_is_made_whole_is_told_to_wait_and_nothing_is_done_twice(start, monkeypatch):
    server = start()
    transfer = server.begin()
    server.send(transfer, *NUMBERS)
    arrivals, waiting, go_on, done = server.means.blobs.arrivals, threading.Event(), threading.Event(), []
    real = arrivals.digest

    def slow(*asked):
        waiting.set()
        go_on.wait(20)
        done.append(real(*asked))
        return done[-1]

    monkeypatch.setattr(arrivals, "digest", slow)
    first = threading.Thread(target=server.complete, args=(transfer,))
    first.start()
    waiting.wait(20)
    with pytest.raises(UnavailableError, match="made whole at this moment"):
        server.complete(transfer)
    go_on.set()
    first.join()
    assert server.complete(transfer).whole == DIGEST
    assert done == [DIGEST]


@ANNOUNCED
def test_a_part_that_is_not_what_came_is_named_and_sent_again(start, digest):
    server = start()
    transfer = server.begin(digest)
    server.send(transfer, *NUMBERS)
    server.means.blobs.arrivals.put(transfer, 2, iter([b"x" * PART]))
    with pytest.raises(BadInputError, match="part 2: is damaged"):
        server.complete(transfer)
    assert server.there(transfer) == [1, 3]
    server.send(transfer, 2)
    assert server.complete(transfer).whole == DIGEST
    assert lying(server) == [DIGEST.hex]


def test_a_whole_that_is_not_what_was_announced_is_no_blob_and_leaves_nothing(start):
    server = start()
    other = digest_of(b"another file")
    transfer = server.begin(other)
    server.send(transfer, *NUMBERS)
    with pytest.raises(BadInputError, match=f"digest: must be that of the bytes sent: {DIGEST}"):
        server.complete(transfer)
    with pytest.raises(NotFoundError):
        server.there(transfer)
    assert lying(server) == []


def test_a_collection_takes_what_a_dead_server_left_of_uploads_and_nothing_on_its_way(start):
    server = start()
    dead, alive = server.begin(), server.begin(None)
    server.send(dead, 1)
    server.send(alive, 1)
    server.means.blobs.parts.put("up_dead", 1, [b"of a tracking client"])
    with server.means.database.write() as records:
        records.transfers.remove(dead.id)
    assert server.use.collecting.collect(server.local, Collect(grace_s=86_400.0)).uploads == 2
    assert server.there(alive) == [1]
    server.send(alive, 2, 3)
    assert server.complete(alive).whole == DIGEST
    assert lying(server) == [DIGEST.hex]


def test_parts_tell_whose_they_are(blobs):
    assert list(blobs.parts.waiting()) == []
    for name in ("up_2", "up_1"):
        blobs.parts.put(name, 1, [b"x"])
        blobs.parts.put(name, 2, [b"y"])
    blobs.put([b"a blob"])
    assert list(blobs.parts.waiting()) == ["up_1", "up_2"]
    blobs.parts.drop("up_1")
    assert list(blobs.parts.waiting()) == ["up_2"]


def test_any_number_may_drop_the_same_parts_at_once(open_blobs):
    stores = [open_blobs() for _ in range(3)]
    for number in range(1, 31):
        stores[0].parts.put("up_1", number, [b"x"])
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(lambda each: each.parts.drop("up_1"), stores))
    assert listed(stores[0]) == {}
