"""Damage is noted for good; that bytes cannot be read just now is not."""

import pytest

from assay.core.digests import digest_of
from assay.core.errors import UnavailableError
from assay.storage import BackupFolder, LocalBlobs
from assay.usecases.backing_up import BackingUp
from assay.usecases.damage import VERB, read_watched
from usecases.store_world import StoreWorld

REASONS = ["the object store does not answer", "it was stored anew while it was read; try again"]


@pytest.fixture
def world(tmp_path):
    one = StoreWorld(tmp_path)
    yield one
    one.means.database.close()


def fails(monkeypatch, why, content=b"weights"):
    """Let the store not give these bytes."""
    real = LocalBlobs.read

    def read(self, digest, start=0, stop=None):
        if digest == digest_of(content):
            raise UnavailableError(why)
        yield from real(self, digest, start, stop)

    monkeypatch.setattr(LocalBlobs, "read", read)


@pytest.mark.parametrize("why", REASONS)
def test_what_a_store_does_not_give_for_a_moment_is_not_noted_as_damaged(world, monkeypatch, why):
    world.register(b"weights")
    digest = digest_of(b"weights")
    with monkeypatch.context() as patch:
        fails(patch, why)
        with pytest.raises(UnavailableError, match=why):
            list(read_watched(world.means, digest))
    assert world.known(b"weights").damaged_at is None
    assert world.events(VERB) == []
    assert b"".join(read_watched(world.means, digest)) == b"weights"


def test_bytes_that_are_not_those_of_their_digest_are_noted_once(world):
    world.register(b"weights")
    path = world.means.blobs._path(digest_of(b"weights"))
    path.chmod(0o644)
    path.write_bytes(b"weighty")
    for _ in range(2):
        with pytest.raises(UnavailableError, match="damaged") as caught:
            list(read_watched(world.means, digest_of(b"weights")))
        assert caught.value.damaged
    assert world.known(b"weights").damaged_at is not None
    assert len(world.events(VERB)) == 1


@pytest.mark.parametrize("why", REASONS)
def test_a_backup_is_not_finished_over_bytes_that_cannot_be_read_for_a_moment(
    world, monkeypatch, tmp_path, why
):
    world.register(b"weights", b"others")
    folder = BackupFolder(tmp_path / "backup")
    backing_up = BackingUp(world.means, folder, "test")
    with folder.writing():
        with monkeypatch.context() as patch:
            fails(patch, why)
            with pytest.raises(UnavailableError, match=why):
                backing_up.back_up(secrets=False)
        assert folder.manifest() is None
        assert backing_up.back_up(secrets=False).manifest.missing == ()
