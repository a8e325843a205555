"""What every blob store must do."""

import hashlib
import threading
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.core.digests import Digest, digest_of
from assay.core.errors import BadInputError, NotFoundError, UnavailableError

SHARED = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
MIB = 1 << 20


def joined(pieces):
    return b"".join(pieces)


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


@pytest.mark.parametrize(
    ("expected", "size", "field"),
    [(digest_of(b"other"), None, "digest"), (None, 2, "size_bytes"), (None, 4, "size_bytes")],
)
def test_bytes_that_are_not_what_was_announced_are_not_kept(blobs, expected, size, field):
    with pytest.raises(BadInputError) as caught:
        blobs.put([b"abc"], expected, size)
    assert caught.value.reasons[0].field == field
    assert blobs.size(digest_of(b"abc")) is None


def test_a_sender_that_breaks_off_leaves_nothing(blobs, tmp_path):
    def broken():
        yield b"some"
        raise BadInputError.of("body", "broke off")

    with pytest.raises(BadInputError):
        blobs.put(broken())
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


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
    path = blobs.open_path(digest)
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(3_000_000)
        file.write(b"!")
    received = bytearray()

    def receive():
        for piece in blobs.read(digest):
            received.extend(piece)

    with pytest.raises(UnavailableError, match="damaged"):
        receive()
    assert len(received) < len(content)
    for read in (lambda: joined(blobs.read(digest, 5, 9)), lambda: blobs.open_path(digest)):
        with pytest.raises(UnavailableError, match="damaged"):
            read()


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
