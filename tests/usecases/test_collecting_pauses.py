"""A collection that pauses: its transaction is cut off, everybody else goes on, and then it wakes.

What was acknowledged meanwhile must be there afterwards. PostgreSQL cuts off whoever pauses; SQLite lets
everybody wait, so there is nothing to lose there.
"""

import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest

import postgres
from assay.core.digests import digest_of
from assay.core.errors import ConflictError, UnavailableError
from assay.core.keeping import BlobState
from assay.storage import postgresql
from assay.storage.shelf import LocalShelf
from contracts.stores import BLOBS, DATABASES
from usecases.store_world import DAY, StoreWorld, whole

CONTENTS = [b"first", b"second", b"third"]
CUT_OFF = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE pid <> pg_backend_pid() AND datname = current_database() AND state = 'idle in transaction'
"""


@pytest.fixture(params=sorted(BLOBS))
def world(request, tmp_path):
    yield from registry(tmp_path, ("postgresql", request.param))


@pytest.fixture
def on_disk(tmp_path):
    yield from registry(tmp_path, ("postgresql", "local"))


def registry(tmp_path, stores):
    one = StoreWorld(tmp_path, stores=stores)
    yield one
    one.means.database.close()
    postgres.take_back(tmp_path)


def condemned(world, contents=CONTENTS):
    """Let nothing but a collection stand between these bytes and their end."""
    for content in contents:
        world.send(content)
    world.pass_time(2 * DAY)
    world.collect()
    world.pass_time(2 * DAY)


def register(world, content):
    """Send and name bytes as a client does; tell whether that was acknowledged."""
    try:
        world.register(content)
    except (UnavailableError, ConflictError):
        return False
    return True


def cut_off(root):
    postgres.run(postgres.database_for(root), CUT_OFF)


def before_bytes_go(world, pause):
    """Pause where the database was asked, and the bytes are not removed yet."""
    real = world.means.blobs.shelf.remove

    def remove(digest):
        pause(digest)
        real(digest)

    world.means.blobs.shelf.remove = remove


def before_the_transaction(world, pause):
    """Pause where it is announced that bytes go, and the database was not asked yet."""
    real = world.means.blobs.shelf.going

    @contextmanager
    def going(digest):
        with real(digest) as alone:
            pause(digest)
            yield alone

    world.means.blobs.shelf.going = going


@pytest.mark.parametrize("place", [before_bytes_go, before_the_transaction])
@pytest.mark.parametrize("another", [False, True], ids=["alone", "beside another collection"])
@pytest.mark.parametrize("content", CONTENTS)
def test_what_was_acknowledged_while_a_collection_paused_is_there_when_it_woke(
    world, place, another, content
):
    condemned(world)
    collector, other, acknowledged = world, world.again(), []

    def pause(digest):
        if digest != digest_of(content):
            return
        cut_off(world.root)
        if another:
            third = world.again()
            third.collect()
            third.means.database.close()
        acknowledged.extend(each for each in CONTENTS if register(other, each))

    place(collector, pause)
    with suppress(UnavailableError):
        collector.collect()
    for each in acknowledged:
        assert other.holds(each), f"{each!r} was acknowledged, and is gone"
    whole(other)
    for each in CONTENTS:  # and nothing stands in the way afterwards
        assert register(other, each)
        assert other.holds(each)
    other.collect(grace_s=0)
    assert whole(other) == len(CONTENTS)
    other.means.database.close()


def test_to_remove_bytes_without_having_announced_it_would_be_found(on_disk, monkeypatch):
    @contextmanager
    def going(_self, _digest):
        yield True

    monkeypatch.setattr(LocalShelf, "going", going)
    condemned(on_disk)
    other, acknowledged = on_disk.again(), []

    def pause(digest):
        cut_off(on_disk.root)
        acknowledged.extend(each for each in CONTENTS if digest_of(each) == digest and register(other, each))

    before_bytes_go(on_disk, pause)
    with pytest.raises(UnavailableError):
        on_disk.collect()
    (lost,) = acknowledged
    assert not other.holds(lost)
    other.means.database.close()


def test_who_pauses_for_longer_than_postgresql_lets_it_takes_nothing_away(on_disk, monkeypatch):
    words = f"{postgresql._PREPARATION}; SET idle_in_transaction_session_timeout = '300ms'"
    monkeypatch.setattr(postgresql, "_PREPARATION", words)
    collector, acknowledged = on_disk.again(), []
    condemned(on_disk)

    def pause(_digest):
        if not acknowledged:
            time.sleep(1)  # what is tested: the pause itself
            acknowledged.append(register(on_disk, CONTENTS[0]))

    before_bytes_go(collector, pause)
    with pytest.raises(UnavailableError):
        collector.collect()
    collector.means.database.close()
    assert register(on_disk, CONTENTS[0])
    on_disk.collect(grace_s=0)
    assert on_disk.holds(CONTENTS[0])


def test_a_slow_store_is_collected_all_the_same(on_disk, monkeypatch):
    """Twelve removals take three times as long as PostgreSQL lets one pause."""
    words = f"{postgresql._PREPARATION}; SET idle_in_transaction_session_timeout = '400ms'"
    monkeypatch.setattr(postgresql, "_PREPARATION", words)
    contents = [b"%d" % number for number in range(12)]
    condemned(on_disk, contents)
    collector = on_disk.again()
    before_bytes_go(collector, lambda _digest: time.sleep(0.1))
    assert collector.collect().removed == len(contents)
    collector.means.database.close()


@pytest.mark.parametrize("database", sorted(DATABASES))
@pytest.mark.parametrize("store", sorted(BLOBS))
def test_bytes_that_somebody_is_about_to_remove_are_not_acknowledged_until_that_is_over(
    database, store, tmp_path
):
    for world in registry(tmp_path, (database, store)):
        condemned(world, [b"bytes"])
        with world.means.database.write() as records:
            assert records.collecting.doom(world.clock.now(), world.clock.now(), 10) == 1
        digest = digest_of(b"bytes")
        with world.means.blobs.shelf.going(digest) as alone:
            assert alone
            assert not register(world, b"bytes")
            assert world.collect().removed == 0  # what another one is at is left to it
            assert world.known(b"bytes").state is BlobState.REMOVING
        assert register(world, b"bytes")
        assert world.known(b"bytes").state is BlobState.LIVE


def test_of_an_object_store_whose_collector_died_bytes_come_back_after_an_hour(tmp_path):
    for world in registry(tmp_path, ("postgresql", "s3")):
        condemned(world, [b"bytes"])

        def dies(_digest):
            raise UnavailableError("the store did not say whether it removed them")

        shelf, digest = world.means.blobs.shelf, digest_of(b"bytes")
        shelf._unsure.add(digest)  # as when the store breaks off
        before_bytes_go(world, dies)
        with pytest.raises(UnavailableError):
            world.collect()
        assert not register(world, b"bytes")
        shelf._now = lambda: datetime.now(UTC) + timedelta(minutes=61)
        assert register(world, b"bytes")
        assert not shelf.is_going(digest)
