"""Scrubbing: what is damaged at rest is found, told of once, kept away, and repaired when sent again."""

import os
from dataclasses import replace

import pytest

from assay.core.digests import digest_of
from assay.core.errors import ConflictError, DeniedError, NotFoundError, UnavailableError
from assay.core.names import Address, ModelName
from assay.usecases import scrubbing
from assay.usecases.damage import read_watched
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
