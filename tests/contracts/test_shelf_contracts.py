"""What lies on the shelf of every blob store: listed, found, read anew, removed."""

import hashlib
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.core.digests import digest_of
from assay.core.errors import BadInputError, NotFoundError, UnavailableError
from assay.storage.objects import shelf as object_shelf
from contracts.stores import OBJECTS, listed, open_local, spoil_mark

SHARED = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def local(tmp_path):
    return open_local(tmp_path)


@SHARED
@given(contents=st.sets(st.binary(max_size=40), max_size=12))
def test_everything_that_was_put_lies_there_in_the_order_of_digests(blobs, contents):
    for content in contents:
        blobs.put([content])
    lying = list(blobs.shelf.all())
    digests = [each.digest for each in lying]
    assert digests == sorted(digests)
    assert {digest_of(content): len(content) for content in contents}.items() <= {
        each.digest: each.size_bytes for each in lying
    }.items()
    for each in lying:
        assert blobs.shelf.find(each.digest) == each


def test_an_empty_store_has_an_empty_shelf(blobs):
    assert list(blobs.shelf.all()) == []
    assert blobs.shelf.find(digest_of(b"x")) is None


def test_when_it_came_is_told_in_aware_utc(blobs):
    digest, _ = blobs.put([b"abc"])
    at = blobs.shelf.find(digest).stored_at
    assert at.utcoffset() == timedelta()
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=5)


def test_what_is_under_way_does_not_lie_there(blobs):
    seen = []

    def slow():
        yield b"some"
        seen.extend(blobs.shelf.all())
        yield b"more"

    blobs.parts.put("up", 1, [b"part"])
    blobs.put(slow())
    assert seen == []
    assert len(list(blobs.shelf.all())) == 1


def test_what_was_removed_is_gone_for_everybody_and_can_come_again(blobs, open_blobs):
    other = open_blobs()
    digest, _ = blobs.put([b"abc"])
    assert b"".join(other.read(digest)) == b"abc"
    blobs.shelf.remove(digest)
    blobs.shelf.remove(digest)
    for store in (blobs, other, open_blobs()):
        assert store.size(digest) is None
        assert store.shelf.find(digest) is None
        with pytest.raises(NotFoundError):
            store.shelf.check(digest)
    for store in (other, blobs):
        store.put([b"abc"])
        assert b"".join(blobs.read(digest)) == b"abc"
        assert store.shelf.check(digest)
        store.shelf.remove(digest)


def test_that_bytes_may_go_is_known_to_everybody_for_as_long_as_it_lasts_and_is_up_to_one(blobs, open_blobs):
    other, digest = open_blobs(), digest_of(b"abc")
    assert not other.shelf.is_going(digest)
    with blobs.shelf.going(digest) as alone:
        assert alone
        for store in (blobs, other):
            assert store.shelf.is_going(digest)
            assert not store.shelf.is_going(digest_of(b"others"))
            with store.shelf.going(digest) as also:
                assert not also
        assert other.shelf.is_going(digest)
    for store in (blobs, other):
        assert not store.shelf.is_going(digest)
        with store.shelf.going(digest) as alone:
            assert alone
    assert listed(blobs) == {}


def test_that_bytes_may_go_is_over_also_when_it_failed(blobs, open_blobs):
    digest = digest_of(b"abc")
    with pytest.raises(BadInputError), blobs.shelf.going(digest):
        raise BadInputError.of("x", "broke off")
    assert not open_blobs().shelf.is_going(digest)


def test_on_a_disk_it_is_over_when_the_process_dies(local):
    digest, going = digest_of(b"abc"), local._root / ".removing" / digest_of(b"abc").hex
    script = (
        "import os, signal, sys; from pathlib import Path; from assay.storage import LocalBlobs;"
        f"held = LocalBlobs(Path({str(local._root)!r})).shelf.going({str(digest)!r}); held.__enter__();"
        "sys.stdout.write('it is'); sys.stdout.flush(); os.kill(os.getpid(), signal.SIGSTOP)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment)
    assert process.stdout.read(5) == b"it is"
    assert local.shelf.is_going(digest)  # it is stopped, and not dead
    process.kill()
    process.communicate(timeout=30)
    assert going.exists()
    assert not local.shelf.is_going(digest)
    with local.shelf.going(digest) as alone:
        assert alone


def test_an_object_store_that_did_not_say_whether_it_removed_bytes_may_do_so_for_an_hour(
    tmp_path, monkeypatch
):
    later = [timedelta()]
    store = OBJECTS["s3"](tmp_path, now=lambda: datetime.now(UTC) + later[0])
    other = OBJECTS["s3"](tmp_path, now=lambda: datetime.now(UTC) + later[0])
    digest, _ = store.put([b"abc"])
    with monkeypatch.context() as patch:
        patch.setattr(object_shelf.obstore, "delete", broken_off)
        with pytest.raises(UnavailableError), store.shelf.going(digest):
            store.shelf.remove(digest)
    assert other.shelf.is_going(digest)
    with other.shelf.going(digest) as alone:
        assert not alone
    later[0] = timedelta(minutes=61)
    assert not other.shelf.is_going(digest)
    with store.shelf.going(digest) as alone:
        assert alone
        store.shelf.remove(digest)
    assert listed(store) == {}


def broken_off(*_):
    raise OSError("the connection broke off")


@pytest.mark.parametrize("size", [0, 1, 3 << 20])
def test_right_bytes_are_right_however_often_they_are_read_anew(blobs, size):
    digest, _ = blobs.put([b"x" * size])
    assert digest.hex == hashlib.sha256(b"x" * size).hexdigest()
    assert blobs.shelf.check(digest)
    assert blobs.shelf.check(digest)


def test_a_local_blob_is_reached_through_the_server_alone(tmp_path):
    blobs = open_local(tmp_path)
    digest, _ = blobs.put([b"abc"])
    assert blobs.address(digest, "model.bin", 60) is None


def test_a_store_that_nobody_marked_has_no_mark(blobs):
    blobs.put([b"abc"])
    assert blobs.mark.read() is None


def test_a_mark_is_there_for_everybody_and_for_good(blobs, open_blobs):
    other = open_blobs()
    assert blobs.mark.put("assay/log-one") == "assay/log-one"
    assert other.mark.put("assay/log-two") == "assay/log-one"
    for store in (blobs, other, open_blobs()):
        assert store.mark.read() == "assay/log-one"


def test_of_many_who_mark_a_store_at_once_one_wins_and_all_are_told_the_same(open_blobs):
    stores = [open_blobs() for _ in range(6)]
    barrier = threading.Barrier(len(stores))

    def mark(number):
        barrier.wait()
        return stores[number].mark.put(f"assay/log-{number}")

    with ThreadPoolExecutor(len(stores)) as pool:
        said = set(pool.map(mark, range(len(stores))))
    assert said == {open_blobs().mark.read()}


def test_the_mark_is_no_blob_and_leaves_nothing_beside_it(blobs):
    blobs.mark.put("assay/log-one")
    blobs.mark.put("assay/log-one")
    assert list(blobs.shelf.all()) == []
    assert list(listed(blobs)) == ["assay-registry"]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"assay/log-one and more", b"x" * 5000])
def test_a_mark_that_was_spoilt_is_no_registrys_but_is_there(blobs, content):
    spoil_mark(blobs, content)
    assert blobs.mark.read() not in (None, "assay/log-one")
    assert blobs.mark.put("assay/log-one") != "assay/log-one"


def test_a_mark_that_somebody_wrote_by_hand_counts(blobs):
    spoil_mark(blobs, b"assay/log-one")
    assert blobs.mark.read() == "assay/log-one"
