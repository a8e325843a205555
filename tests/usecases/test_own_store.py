"""A store belongs to one registry: nobody else looks after it, and nobody takes another one for it."""

from dataclasses import replace

import pytest

from assay.core.errors import UnavailableError
from assay.storage import LocalBlobs
from assay.storage.marks import MARK
from assay.usecases.bundle import UseCases
from assay.usecases.founding import found
from assay.usecases.own_store import STORE, check_own_store, settle_store, store_misfit
from assay.wire.upkeep import Collect
from usecases.fresh_means import empty_means
from usecases.store_world import StoreWorld


def name_of(means):
    with means.database.read() as records:
        return records.audit_heads.origin()


@pytest.fixture
def world(tmp_path):
    (tmp_path / "one").mkdir()
    one = StoreWorld(tmp_path / "one")
    one.register(b"weights", b"tests")
    return one


@pytest.fixture
def stranger(tmp_path):
    (tmp_path / "two").mkdir()
    return StoreWorld(tmp_path / "two")


def with_store(world, store):
    """The means of a registry, with other files than it has."""
    return replace(world.means, blobs=LocalBlobs(store))


def made_older(world):
    """Take the mark away, and what says that there was one."""
    (world.root / "blobs" / MARK).unlink()
    with world.means.database.write() as records:
        records.keys.note(STORE, "", world.means.clock.now())


def lying(world):
    return list(world.means.blobs.shelf.all())


def test_a_new_registry_marks_its_store_and_asking_again_changes_nothing(world):
    assert world.means.blobs.mark.read() == name_of(world.means)
    settle_store(world.means, marks=True)
    check_own_store(world.means)
    assert store_misfit(world.means) == ""


def test_the_store_of_another_registry_is_refused_by_name_and_nothing_in_it_changes(world, stranger):
    before = lying(world)
    means = with_store(stranger, world.root / "blobs")
    use = UseCases.over(means)
    caller = use.access.local()
    asked = [
        lambda: settle_store(means, marks=True),
        lambda: settle_store(means, marks=False),
        lambda: use.collecting.collect(caller, Collect(grace_s=0)),
        lambda: use.collecting.collect(caller, Collect(dry_run=True)),
        lambda: list(use.scrubbing.scrub(caller)),
    ]
    for ask in asked:
        with pytest.raises(UnavailableError) as refused:
            ask()
        for name in (name_of(world.means), name_of(stranger.means)):
            assert name in refused.value.message
        assert "ASSAY_BLOBS" in refused.value.hint
        assert "ASSAY_DATABASE" in refused.value.hint
    assert lying(world) == before
    (problem,) = use.operating.problems()
    assert (problem.field, problem.detail) == ("blobs", "it belongs to another registry")


def test_an_empty_place_is_not_taken_for_the_store_of_a_registry_that_has_one(world, tmp_path):
    means = with_store(world, tmp_path / "empty")
    with pytest.raises(UnavailableError, match="no mark"):
        settle_store(means, marks=True)
    use = UseCases.over(means)
    with pytest.raises(UnavailableError, match="no mark"):
        list(use.scrubbing.scrub(use.access.local()))
    (problem,) = use.operating.problems()
    assert problem.detail == "it has no mark"
    assert not (tmp_path / "empty" / MARK).exists()
    with means.database.read() as records:
        assert not any(records.known_blobs.damaged(each.digest) for each in lying(world))


def test_the_store_of_an_older_registry_is_marked_by_who_works_with_it_alone(world):
    made_older(world)
    settle_store(world.means, marks=False)
    assert world.means.blobs.mark.read() is None
    with pytest.raises(UnavailableError, match="no mark"):
        world.collect(grace_s=0)
    settle_store(world.means, marks=True)
    assert world.means.blobs.mark.read() == name_of(world.means)


def test_an_older_registry_takes_no_empty_store_for_its_own(world, tmp_path):
    made_older(world)
    with pytest.raises(UnavailableError, match="no mark"):
        settle_store(with_store(world, tmp_path / "empty"), marks=True)


def test_a_new_registry_takes_no_store_in_which_files_lie_that_it_does_not_know(world, tmp_path):
    made_older(world)
    (tmp_path / "new").mkdir()
    means = empty_means(tmp_path / "new", world.means.clock, world.means.chance)
    means = replace(means, blobs=LocalBlobs(world.root / "blobs"))
    found(means)
    with pytest.raises(UnavailableError, match="no mark"):
        settle_store(means, marks=True)


def test_one_file_that_all_have_makes_no_store_ones_own(world, stranger):
    for number in range(4):
        stranger.register(b"weights", b"of its own %d" % number)
    made_older(world)
    made_older(stranger)
    with pytest.raises(UnavailableError, match="no mark"):
        settle_store(with_store(stranger, world.root / "blobs"), marks=True)


def test_a_mark_that_was_lost_is_written_again_by_hand(world):
    path = world.root / "blobs" / MARK
    path.unlink()
    with pytest.raises(UnavailableError) as refused:
        settle_store(world.means, marks=True)
    assert f"write {name_of(world.means)} into a file {MARK}" in refused.value.hint
    path.write_text(name_of(world.means))
    settle_store(world.means, marks=True)
    check_own_store(world.means)
