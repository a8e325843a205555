"""What every store must do with the names of files."""

from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.core.digests import digest_of
from assay.core.errors import ConflictError
from assay.core.tracking.experiments import Experiment
from assay.core.tracking.files import Entry, StoredFile, entries_in, folders_of

# "-", "." and "0" stand around "/" in the order of letters: names that only look as if they lay below.
TREE = ("a-x", "a.txt", "a/b", "a/b0", "a/c/d", "a/c/e/f", "a0", "a0/x", "aa/b", "b", "é/ü ☃.bin", "𝄞")
PLACES = (path for path in TREE if path != "a0")
PLACES = tuple(PLACES)


def file(path, content=b"", at=5):
    content = content or path.encode()
    return StoredFile(path, digest_of(content), len(content), at)


@pytest.fixture
def stored(database):
    """A database with a tree of files."""
    with database.write() as records:
        for path in PLACES:
            assert records.files.put(file(path)) is None
    return database


def frozen(database, path):
    with database.read() as records:
        return records.kept_files.frozen(path)


def ask(database, question, *words):
    with database.read() as records:
        return getattr(records.files, question)(*words)


def test_what_was_stored_is_there_after_opening_again(open_database):
    wanted = file("1/é ☃/%41+ b.bin", at=2**53)
    with closing(open_database()) as one, one.write() as records:
        records.files.put(wanted)
        records.kept_files.freeze({wanted.path: wanted.digest}, "team/task/v1.0.0")
    with closing(open_database()) as two:
        assert ask(two, "get", wanted.path) == wanted
        assert frozen(two, wanted.path) == "team/task/v1.0.0"


def test_a_name_is_taken_over_and_tells_what_it_named(stored):
    with stored.write() as records:
        assert records.files.put(file("b", b"new", 9)) == file("b")
    assert ask(stored, "get", "b") == file("b", b"new", 9)
    assert ask(stored, "get", "B") is None
    assert ask(stored, "get", "a") is None
    assert ask(stored, "get", "a/c") is None


@pytest.mark.parametrize("folder", ["", "a", "a/c", "a/c/e", "a0", "aa", "é", "b", "none", "a-x", "a/"])
def test_what_lies_below_and_in_a_folder_is_found_and_nothing_beside_it(stored, folder):
    below = [path for path in PLACES if not folder or path.startswith(f"{folder}/")]
    assert ask(stored, "under", folder) == tuple(file(path) for path in sorted(below))
    sizes = {f"r/{path}": len(path.encode()) for path in PLACES}
    inside = entries_in(f"r/{folder}".rstrip("/") if folder != "a/" else "r/a/", sizes)
    expected = tuple(Entry(each.path.removeprefix("r/"), each.size_bytes) for each in inside)
    assert ask(stored, "listing", folder) == expected


def test_a_listing_shows_folders_once_in_the_order_of_paths(stored):
    assert [(each.path, each.is_folder) for each in ask(stored, "listing", "")] == [
        ("a", True),
        ("a-x", False),
        ("a.txt", False),
        ("a0", True),
        ("aa", True),
        ("b", False),
        ("é", True),
        ("𝄞", False),
    ]
    assert ask(stored, "listing", "a") == (Entry("a/b", 3), Entry("a/b0", 4), Entry("a/c"))


parts = st.text("a/b-0.é", min_size=1, max_size=7).filter(
    lambda path: not {"", ".", ".."} & set(path.split("/"))
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(paths=st.lists(parts, max_size=12, unique=True), gone=st.sets(st.integers(0, 11)), folder=parts)
def test_the_tree_is_what_a_plain_one_would_be(database, paths, gone, folder):
    kept = {}
    with database.write() as records:
        records.files.remove([each.path for each in records.files.under("")])
        for path in paths:
            room = not set(folders_of(path)) & set(kept)
            room = room and not any(other.startswith(f"{path}/") for other in kept)
            if room:
                assert records.files.put(file(path)) == kept.get(path)
                kept[path] = file(path)
            else:
                with pytest.raises(ConflictError):
                    records.files.put(file(path))
        taken = [path for place, path in enumerate(paths) if place in gone]
        records.files.remove([*taken, "none"])
        kept = {path: each for path, each in kept.items() if path not in taken}
    assert ask(database, "under", "") == tuple(kept[path] for path in sorted(kept))
    for place in ("", folder, *folders_of(folder)):
        sizes = {f"r/{path}": each.size_bytes for path, each in kept.items()}
        inside = entries_in(f"r/{place}".rstrip("/"), sizes)
        expected = tuple(Entry(each.path.removeprefix("r/"), each.size_bytes) for each in inside)
        assert ask(database, "listing", place) == expected
        below = [path for path in sorted(kept) if not place or path.startswith(f"{place}/")]
        assert ask(database, "under", place) == tuple(kept[path] for path in below)


@pytest.mark.parametrize("path", ["a", "a/c", "a/c/e", "b/x", "b/x/y", "a/b/c", "a-x/y", "é"])
def test_a_name_is_not_a_file_and_a_folder(stored, path):
    with pytest.raises(ConflictError), stored.write() as records:
        records.files.put(file(path))
    assert len(ask(stored, "under", "")) == len(PLACES)


@pytest.mark.parametrize("path", ["a-", "a-x-y", "a.", "a/b1", "a/c-", "a/c.d", "a1", "b0", "b-", "é-"])
def test_names_that_only_look_alike_have_room(stored, path):
    with stored.write() as records:
        assert records.files.put(file(path)) is None
    assert ask(stored, "get", path) == file(path)


def test_names_are_taken_away_many_at_once(database):
    paths = [f"f/{number:05}" for number in range(3000)]
    with database.write() as records:
        for path in paths:
            records.files.put(file(path, b"x"))
        records.files.remove(paths[:-2])
        records.files.remove([])
    assert [each.path for each in ask(database, "under", "f")] == paths[-2:]
    assert ask(database, "listing", "") == (Entry("f"),)
    with database.write() as records:
        records.files.remove(paths)
        records.files.put(file("f"))
    assert ask(database, "listing", "") == (Entry("f", 1),)


def test_a_folder_is_listed_quickly_however_much_lies_below_its_folders(database):
    with database.write() as records:
        for number in range(4000):
            records.files.put(file(f"r/{number % 3}/{number}/x", b"x"))
    assert ask(database, "listing", "r") == (Entry("r/0"), Entry("r/1"), Entry("r/2"))
    assert len(ask(database, "listing", "r/1")) == 1333


def test_frozen_names_and_all_folders_around_them_are_kept(stored):
    with stored.write() as records:
        records.kept_files.freeze({"a/b": file("a/b").digest, "a/c/d": file("a/c/d").digest}, "t/m/v1.0.0")
        records.kept_files.freeze({"a/b": file("a/b").digest, "aa/b": file("aa/b").digest}, "t/m/v2.0.0")
        records.kept_files.freeze({}, "t/m/v3.0.0")
    asked = {
        "a/b": "t/m/v1.0.0",
        "a/c/d": "t/m/v1.0.0",
        "a/c": "t/m/v1.0.0",
        "a": "t/m/v1.0.0",
        "aa": "t/m/v2.0.0",
        "a/b0": "",
        "a/c/e": "",
        "a/c/d/x": "",
        "a-x": "",
        "a0": "",
        "b": "",
        "none": "",
    }
    assert {path: frozen(stored, path) for path in asked} == asked
    assert frozen(stored, "") != ""


def test_freezing_many_names_is_one_act(database):
    paths = {f"f/{number}": digest_of(b"x") for number in range(3000)}
    with database.write() as records:
        records.kept_files.freeze(paths, "t/m/v1.0.0")
        records.kept_files.freeze(paths, "t/m/v2.0.0")
    assert frozen(database, "f/2999") == "t/m/v1.0.0"


def test_a_name_is_kept_while_one_holder_is_there(stored):
    paths = {"a/b": file("a/b").digest}
    for holder in ("t/m/v1.0.0", "t/m/v2.0.0", "t/m/v1.0.0"):
        with stored.write() as records:
            records.kept_files.freeze(paths, holder)
    for holder, left in (("t/m/v1.0.0", "t/m/v2.0.0"), ("t/m/v9.0.0", "t/m/v2.0.0"), ("t/m/v2.0.0", "")):
        with stored.write() as records:
            records.kept_files.release(holder)
        assert frozen(stored, "a/b") == left


def test_bytes_are_found_in_the_files_of_experiments_of_the_teams_asked_for(database):
    with database.write() as records:
        mine, theirs = (
            records.experiments.add(Experiment(-1, team, "e", "", 5, 5)) for team in ("team", "beta")
        )
        for number, path in ((mine.id, "x"), (mine.id, "both"), (theirs.id, "both"), (theirs.id, "y")):
            content = path.encode()
            records.files.put(StoredFile(f"{number}/r/artifacts/{path}", digest_of(content), 1, 5))
    x, y, both, none = (digest_of(each) for each in (b"x", b"y", b"both", b"none"))
    every = {x, y, both, none, *(digest_of(b"%d" % each) for each in range(1200))}
    assert ask(database, "holding", every, ("team",)) == {x, both}
    assert ask(database, "holding", every, ("beta", "other")) == {y, both}
    assert ask(database, "holding", every, ("*",)) == {x, y, both}
    assert ask(database, "holding", every, ("other",)) == frozenset()
    assert ask(database, "holding", (), ("*",)) == frozenset()
