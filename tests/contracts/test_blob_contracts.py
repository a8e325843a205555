"""What every blob store must do."""

import hashlib
import os
import threading
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.core.digests import Digest, digest_of
from assay.core.errors import BadInputError, NotFoundError, UnavailableError
from assay.core.tracking.uploads import Part
from assay.storage import LocalBlobs, durable
from assay.storage import blobs as local_module
from contracts.stores import listed, open_local, overwrite

SHARED = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
MIB = 1 << 20


def joined(pieces):
    return b"".join(pieces)


def with_other_byte(content, place):
    """The same length, one byte of it damaged."""
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.fixture
def local_blobs(tmp_path):
    """A store on the local disk, for what only a disk can do."""
    return open_local(tmp_path)


@pytest.fixture
def open_local_blobs(tmp_path):
    """A function that opens it again."""
    return lambda: open_local(tmp_path)


@SHARED
@given(chunks=st.lists(st.binary(max_size=300), max_size=8))
def test_what_was_put_comes_back_however_it_was_cut(blobs, chunks):
    content = joined(chunks)
    digest, size = blobs.put(chunks, digest_of(content), len(content))
    assert (digest, size) == (digest_of(content), len(content))
    assert blobs.size(digest) == size
    assert joined(blobs.read(digest)) == content


@SHARED
@given(
    content=st.binary(min_size=1, max_size=400),
    start=st.integers(0, 500),
    stop=st.integers(0, 500) | st.none(),
)
def test_a_range_is_what_a_slice_is(blobs, content, start, stop):
    digest, _ = blobs.put([content])
    assert joined(blobs.read(digest, start, stop)) == content[start:stop]


def test_same_bytes_are_stored_once(blobs):
    digest, _ = blobs.put([b"abc"])
    path = blobs.open_path(digest)
    inode = path.stat().st_ino
    assert blobs.put([b"a", b"bc"]) == (digest, 3)
    assert blobs.open_path(digest).stat().st_ino == inode
    assert blobs.put([b"abc"], digest, 3) == (digest, 3)
    assert list(listed(blobs).values()) == [3]


@pytest.mark.parametrize(
    ("expected", "size", "field"),
    [(digest_of(b"other"), None, "digest"), (None, 2, "size_bytes"), (None, 4, "size_bytes")],
)
def test_bytes_that_are_not_what_was_announced_are_not_kept(blobs, expected, size, field):
    with pytest.raises(BadInputError) as caught:
        blobs.put([b"abc"], expected, size)
    assert caught.value.reasons[0].field == field
    assert blobs.size(digest_of(b"abc")) is None


@pytest.mark.parametrize("expected", [None, digest_of(b"what was announced")], ids=["", "announced"])
@pytest.mark.parametrize("pieces", [1, 20])
def test_a_sender_that_breaks_off_leaves_nothing(blobs, pieces, expected):
    def broken():
        for _ in range(pieces):
            yield bytes(MIB)
        raise BadInputError.of("body", "broke off")

    with pytest.raises(BadInputError, match="broke off"):
        blobs.put(broken(), expected)
    assert listed(blobs) == {}


@pytest.mark.parametrize("piece", [300_000, 30 * MIB], ids=["pieces", "one piece"])
@pytest.mark.parametrize("announced", [False, True])
def test_large_blobs_come_back(blobs, announced, piece):
    content = bytes(range(256)) * (20 * 4096) + b"and some"
    digest = digest_of(content)
    pieces = (content[start : start + piece] for start in range(0, len(content), piece))
    told = (digest, len(content)) if announced else (None, None)
    assert blobs.put(pieces, *told) == (digest, len(content))
    assert digest_of(joined(blobs.read(digest))) == digest
    assert joined(blobs.read(digest, 5, 17 * MIB)) == content[5 : 17 * MIB]
    assert list(listed(blobs).values()) == [len(content)]


@pytest.mark.parametrize(("expected", "size"), [(digest_of(b"other"), 20 * MIB), (None, 20 * MIB - 1)])
def test_large_bytes_that_are_not_what_was_announced_are_not_kept(blobs, expected, size):
    with pytest.raises(BadInputError):
        blobs.put((bytes(MIB) for _ in range(20)), expected, size)
    assert listed(blobs) == {}


def test_bytes_of_a_blob_that_is_there_are_compared_all_the_same(blobs):
    digest, _ = blobs.put([b"abc"])
    for chunks, size in (([b"abd"], 3), ([b"ab"], 3), ([b"abcd"], 3), ([b"abd"], None)):
        with pytest.raises(BadInputError):
            blobs.put(chunks, digest, size)
    assert joined(blobs.read(digest)) == b"abc"


def test_what_is_not_there_is_not_found(blobs):
    missing = digest_of(b"missing")
    assert blobs.size(missing) is None
    for read in (lambda: joined(blobs.read(missing)), lambda: blobs.open_path(missing)):
        with pytest.raises(NotFoundError):
            read()


def test_a_name_that_is_no_digest_never_becomes_a_path(blobs):
    for name in ("sha256:../../etc/passwd", "../x", "sha256:" + "A" * 64):
        with pytest.raises(BadInputError):
            Digest(name)
        with pytest.raises(BadInputError):
            blobs.size(name)


def test_damage_is_found_and_never_served_as_whole(blobs):
    content = bytes(range(256)) * 20_000
    digest, _ = blobs.put([content])
    overwrite(blobs, digest, with_other_byte(content, 3_000_000))
    received = bytearray()

    def receive():
        for piece in blobs.read(digest):
            received.extend(piece)

    with pytest.raises(UnavailableError, match="damaged") as caught:
        receive()
    assert caught.value.damaged
    assert len(received) < len(content)
    for read in (lambda: joined(blobs.read(digest, 5, 9)), lambda: blobs.open_path(digest)):
        with pytest.raises(UnavailableError, match="damaged") as caught:
            read()
        assert caught.value.damaged


READS = {
    "whole": lambda blobs, digest: joined(blobs.read(digest)),
    "range": lambda blobs, digest: joined(blobs.read(digest, 1, 2)),
    "path": lambda blobs, digest: blobs.open_path(digest),
    "check": lambda blobs, digest: blobs.shelf.check(digest),
}


@pytest.mark.parametrize("way", READS)
@pytest.mark.parametrize("kind", ["cannot be read", "cannot be opened"])
def test_a_file_that_the_disk_does_not_read_is_unavailable_not_damaged_and_can_be_sent_again(
    local_blobs, open_local_blobs, kind, way
):
    digest, _ = local_blobs.put([b"abc"])
    other, path = open_local_blobs(), local_blobs._path(digest)
    path.unlink()
    if kind == "cannot be opened":
        path.symlink_to(path)  # more links than the system follows
    else:
        path.symlink_to("/proc/self/mem")  # whose first page nobody can read: EIO
    with pytest.raises(UnavailableError, match="cannot be read") as caught:
        READS[way](other, digest)
    assert not caught.value.damaged
    if kind == "cannot be opened":
        with pytest.raises(UnavailableError, match="cannot be read"):
            other.size(digest)
    other.put([b"abc"])
    assert joined(local_blobs.read(digest)) == b"abc"


@pytest.mark.parametrize("way", [*READS, "size", "find"])
def test_of_a_store_that_is_not_there_no_blob_is_said_to_be_gone(local_blobs, way):
    digest, _ = local_blobs.put([b"abc"])
    local_blobs._root.rename(local_blobs._root.with_name("elsewhere"))
    ways = {
        **READS,
        "size": lambda blobs, name: blobs.size(name),
        "find": lambda blobs, name: blobs.shelf.find(name),
    }
    for mounted in (False, True):
        with pytest.raises(UnavailableError, match="is not there"):
            ways[way](local_blobs, digest)
        if not mounted:
            local_blobs._root.mkdir()  # the empty place where it is mounted as a rule


@pytest.mark.parametrize("size", [1, 1000, 3 * MIB])
@pytest.mark.parametrize("again", [False, True], ids=["same opener", "opened again"])
def test_put_repairs_same_length_damage(blobs, open_blobs, size, again):
    content = b"a" * size
    digest, _ = blobs.put([content])
    overwrite(blobs, digest, with_other_byte(content, size // 2))
    with pytest.raises(UnavailableError, match="damaged"):
        blobs.open_path(digest)
    store = open_blobs() if again else blobs
    assert store.put([content]) == (digest, size)
    for each in (store, blobs, open_blobs()):
        assert each.open_path(digest).read_bytes() == content
        assert joined(each.read(digest)) == content


def test_damage_on_a_disk_that_leaves_no_trace_in_the_clock_is_repaired_too(local_blobs):
    blobs = local_blobs
    content = b"some bytes"
    digest, _ = blobs.put([content])
    path = blobs.open_path(digest)
    before = path.stat()
    path.chmod(0o644)
    path.write_bytes(b"some!bytes")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    blobs.put([content])
    assert joined(blobs.read(digest)) == content


@pytest.mark.parametrize("size", [3, 3 * MIB])
def test_a_blob_that_another_process_has_just_put_is_made_durable_before_it_is_acknowledged(
    tmp_path, monkeypatch, size
):
    root = tmp_path / "blobs"
    digest, _ = LocalBlobs(root).put([b"x" * size])
    path = LocalBlobs(root).open_path(digest)
    synced = []
    monkeypatch.setattr(durable, "sync_folder", synced.append)
    monkeypatch.setattr(local_module, "sync_folder", synced.append)
    other = LocalBlobs(root)
    assert {root, tmp_path} <= set(synced)
    synced.clear()
    other.put([b"x" * size])
    assert {path.parent, root} <= set(synced)


def test_a_small_blob_put_again_costs_no_further_sync_of_its_folder(local_blobs, monkeypatch):
    blobs = local_blobs
    blobs.put([b"abc"])
    synced = []
    monkeypatch.setattr(durable, "sync_folder", synced.append)
    monkeypatch.setattr(local_module, "sync_folder", synced.append)
    blobs.put([b"abc"])
    assert synced == []


def test_an_upload_in_flight_survives_that_the_store_is_opened_from_where_its_writer_cannot_be_seen(
    blobs, open_blobs, monkeypatch
):
    monkeypatch.setattr(os, "getpid", lambda: 2**22 + 1)  # as if it ran in another container

    def slow():
        yield b"some"
        open_blobs()
        yield b" bytes"

    digest, _ = blobs.put(slow())
    assert joined(blobs.read(digest)) == b"some bytes"


@pytest.mark.parametrize("owner", [os.getpid(), 1, 2**22 + 1], ids=["our number", "1", "nobody's"])
def test_leftovers_are_cleared_away_whatever_number_their_writer_had(tmp_path, owner):
    root = tmp_path / "blobs"
    LocalBlobs(root)
    left = root / ".tmp" / f"{owner}-0123"
    left.write_bytes(b"half")
    left.chmod(0o444)
    LocalBlobs(root)
    assert not left.exists()


def test_a_part_in_flight_leaves_nothing_when_its_sender_breaks_off(blobs):
    def broken():
        yield b"some"
        raise BadInputError.of("body", "broke off")

    with pytest.raises(BadInputError):
        blobs.parts.put("up", 1, broken())
    assert listed(blobs) == {}
    digest, size = blobs.parts.put("up", 1, [b"whole"])
    assert blobs.parts.join("up", [Part(1, digest, size)]) == (digest_of(b"whole"), 5)


def test_many_writers_of_the_same_bytes_agree(blobs):
    content = b"y" * (2 * MIB)
    answers = []

    def write():
        answers.append(blobs.put(content[i : i + 1000] for i in range(0, len(content), 1000)))

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [(digest_of(content), len(content))] * 8
    assert joined(blobs.read(digest_of(content))) == content


def test_memory_stays_flat_for_a_large_file(blobs):
    piece = bytes(MIB)
    hasher = hashlib.sha256()
    tracemalloc.start()
    digest, size = blobs.put(piece for _ in range(64))
    for part in blobs.read(digest):
        hasher.update(part)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (size, hasher.hexdigest()) == (64 * MIB, digest.hex)
    assert peak < 16 * MIB
