"""Scrubbing: what is damaged at rest is found, told of once, kept away, and repaired when sent again."""

import os
from dataclasses import replace

import obstore
import pytest

import postgres
from assay.core.digests import digest_of
from assay.core.errors import ConflictError, DeniedError, NotFoundError, UnavailableError
from assay.core.names import Address, ModelName
from assay.usecases import scrubbing
from assay.usecases.damage import read_watched
from contracts.stores import overwrite
from usecases.store_world import MODEL, StoreWorld

BIG = bytes(range(256)) * 8000  # longer than what is read at once


@pytest.fixture
def world(tmp_path):
    return StoreWorld(tmp_path)


def damage(world, content):
    """Change a byte, so that neither size nor time tells of it."""
    path = world.means.blobs._path(digest_of(content))
    before = path.stat()
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(len(content) // 2)
        file.write(b"!")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def problems(world, **asked):
    return {
        each.digest: each.problem for each in world.use.scrubbing.scrub(world.local, **asked) if each.problem
    }


def test_a_store_that_is_whole_has_no_problem(world):
    world.register(BIG, b"small")
    looked_at = list(world.use.scrubbing.scrub(world.local))
    assert sum(each.size_bytes for each in looked_at) == len(BIG) + 5
    assert not any(each.problem for each in looked_at)


def test_damage_is_found_told_of_once_and_kept_from_everybody(world):
    world.register(BIG)
    file = world.use.browsing.version(world.local, Address(MODEL, number=1)).files[0]
    damage(world, BIG)
    for _ in range(2):
        assert problems(world) == {digest_of(BIG): "damaged"}
    assert len(world.events("blob.damaged")) == 1
    with pytest.raises(NotFoundError):
        world.use.registration.blob_size(world.local, file.digest)
    with pytest.raises((ConflictError, UnavailableError)):
        world.register(BIG, send=False, model=ModelName("team/other"))
    again = StoreWorld(world.root, world.clock, fresh=False)  # another process, which never read it
    for each in (world, again):
        with pytest.raises(UnavailableError, match="damaged"):
            list(read(each, file))


def read(world, file):
    return read_watched(world.means, file.digest, 5, 9)


def test_bytes_that_are_sent_again_repair_it(world):
    world.register(BIG)
    damage(world, BIG)
    assert problems(world)
    world.send(BIG)
    assert problems(world) == {}
    assert world.use.registration.blob_size(world.local, digest_of(BIG)) == len(BIG)
    world.register(BIG, send=False)


def test_named_bytes_that_are_gone_are_told_of_and_come_back_when_sent(world):
    world.register(b"weights")
    world.send(b"not named")
    for content in (b"weights", b"not named"):
        world.means.blobs._path(digest_of(content)).unlink()
    for _ in range(2):
        assert problems(world) == {digest_of(b"weights"): "missing"}
    assert len(world.events("blob.missing")) == 1
    world.send(b"weights")
    assert problems(world) == {}


def unreadable(world, content):
    """Let the disk fail at these bytes; return what undoes it."""
    path = world.means.blobs._path(digest_of(content))
    aside = path.with_name("aside")
    path.rename(aside)
    path.symlink_to("/proc/self/mem")  # whose first page nobody can read: EIO
    return lambda: aside.replace(path)


def test_a_file_that_cannot_be_read_is_told_of_each_time_and_ends_nothing(world, monkeypatch):
    monkeypatch.setattr(scrubbing, "_REMEMBERED_EVERY", 1)
    contents = [b"%d" % number for number in range(6)]
    world.register(*contents)
    mend = unreadable(world, contents[2])
    for _ in range(2):
        looked_at = {each.digest: each.problem for each in world.use.scrubbing.scrub(world.local)}
        assert set(looked_at) == {digest_of(each) for each in contents}
        assert {digest for digest, problem in looked_at.items() if problem} == {digest_of(contents[2])}
        assert looked_at[digest_of(contents[2])] == "unreadable"
    assert world.known(contents[2]).damaged_at is None
    assert world.events("blob.damaged") == []
    mend()
    assert problems(world) == {}


def test_a_store_that_is_away_ends_it_and_nothing_is_noted(world):
    world.register(b"1", b"2", b"3")
    scrub = world.use.scrubbing.scrub(world.local)
    next(scrub)
    root = world.means.blobs._root
    root.rename(root.with_name("elsewhere"))
    root.mkdir()  # the empty place where it is mounted as a rule
    anew = world.use.scrubbing.scrub(world.local, anew=True)
    for each, words in ((scrub, r"not there|cannot be read"), (anew, "has no mark")):
        with pytest.raises(UnavailableError, match=words):
            list(each)
    assert world.events("blob.damaged") == world.events("blob.missing") == []


def test_bytes_that_were_sent_again_while_they_were_read_are_not_marked(world, monkeypatch):
    world.register(b"weights")
    damage(world, b"weights")
    real, sent = world.means.blobs.shelf.check, []

    def check(digest):
        right = real(digest)
        if not sent:
            sent.append(world.send(b"weights"))
        return right

    monkeypatch.setattr(world.means.blobs.shelf, "check", check)
    assert problems(world) == {}
    assert world.known(b"weights").damaged_at is None
    assert world.events("blob.damaged") == []


@pytest.mark.parametrize("content", [b"weights", BIG], ids=["small", "big"])
def test_a_mark_goes_when_the_bytes_are_found_right(world, content):
    world.register(content)
    path = world.means.blobs._path(digest_of(content))
    damage(world, content)
    assert problems(world) == {digest_of(content): "damaged"}
    path.write_bytes(content)  # from a backup, past the registry
    for _ in range(2):
        assert problems(world, anew=True) == {}
    assert world.known(content).damaged_at is None
    assert len(world.events("blob.mended")) == 1
    assert world.use.registration.blob_size(world.local, digest_of(content)) == len(content)


def test_a_mark_of_bytes_that_were_gone_goes_when_they_are_back(world):
    world.register(b"weights")
    with world.means.database.write() as records:
        records.connection.exec_driver_sql("DELETE FROM blobs")  # from before records were kept
    path = world.means.blobs._path(digest_of(b"weights"))
    aside = path.rename(path.with_name("aside"))
    assert problems(world) == {digest_of(b"weights"): "missing"}
    aside.rename(path)
    assert problems(world) == {}
    assert (world.known(b"weights").size_bytes, world.known(b"weights").counts) == (7, True)


@pytest.mark.parametrize("stores", [("postgresql", "s3"), ("sqlite", "gcs"), ("sqlite", "azure")], ids=str)
def test_an_object_store_is_scrubbed_as_a_disk_is(tmp_path, stores):
    world = StoreWorld(tmp_path, stores=stores)
    world.register(b"weights", b"others")
    blobs, digest = world.means.blobs, digest_of(b"weights")
    overwrite(blobs, digest, b"weighty")
    assert problems(world) == {digest: "damaged"}
    overwrite(blobs, digest, b"weights")
    assert problems(world) == {}
    assert world.known(b"weights").counts
    obstore.delete(blobs._store, blobs._key(digest))
    assert problems(world) == {digest: "missing"}
    world.send(b"weights")
    assert problems(world) == {}
    world.means.database.close()
    postgres.take_back(tmp_path)


def test_it_goes_on_where_it_stopped(world, monkeypatch):
    monkeypatch.setattr(scrubbing, "_REMEMBERED_EVERY", 1)
    for number in range(6):
        world.send(b"%d" % number)
    every = sorted(digest_of(b"%d" % number) for number in range(6))
    first = world.use.scrubbing.scrub(world.local)
    seen = [next(first).digest for _ in range(4)]
    first.close()
    rest = [each.digest for each in world.use.scrubbing.scrub(world.local)]
    assert seen + rest[1:] == every or seen + rest == every
    assert [each.digest for each in world.use.scrubbing.scrub(world.local)] == every
    assert len(list(world.use.scrubbing.scrub(world.local, anew=True))) == 6


def test_only_an_admin_scrubs(world):
    with pytest.raises(DeniedError):
        list(world.use.scrubbing.scrub(replace(world.local, grants=())))
