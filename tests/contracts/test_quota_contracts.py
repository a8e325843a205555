"""What every database must keep of quotas: use is counted with each name, and never exceeds a limit."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.core.digests import digest_of
from assay.core.errors import RefusedError
from assay.core.names import ModelName
from assay.core.quotas import Quota
from assay.core.tracking.files import StoredFile
from contracts.samples import MODEL, later, model, version
from contracts.tracking_samples import experiment

MODELS = ("{}/a", "{}/b", "{}-x/a")
TEAMS = ("{}", "{}-x")
OWNERS = (*MODELS, *TEAMS)
PLACES = ("0/a", "0/b", "1/a")
SIZES = st.integers(0, 40)
STORIES = st.lists(
    st.one_of(
        st.tuples(st.just("register"), st.sampled_from(MODELS), SIZES),
        st.tuples(st.just("delete"), st.sampled_from(MODELS), st.integers(1, 5)),
        st.tuples(st.just("put"), st.sampled_from(PLACES), SIZES),
        st.tuples(st.just("remove"), st.sampled_from(PLACES), st.just(0)),
        st.tuples(st.just("limit"), st.sampled_from(OWNERS), st.none() | st.integers(0, 120)),
    ),
    max_size=40,
)
NUMBERS = itertools.count()


def file(path, size):
    return StoredFile(path, digest_of(path.encode()), size, 5)


def stock(database, name):
    """Put models and an experiment of each team into a database; return the ids of these."""
    with database.write() as records:
        for each in MODELS:
            records.models.add(model(each.format(name)))
        made = [records.experiments.add(experiment("e", each.format(name))) for each in TEAMS]
    return [str(each.id) for each in made]


@pytest.fixture
def stocked(database):
    return database, stock(database, "one")


def used(database, owner):
    with database.read() as records:
        return records.quotas.get(owner).used_bytes


class Story:
    """Tells a database what happens, and counts a second time, in the simplest way."""

    def __init__(self, database):
        self.database, self.name = database, f"t{next(NUMBERS)}"
        self.ids = stock(database, self.name)
        self.owners = [each.format(self.name) for each in OWNERS]
        self.limits, self.files, self.versions, self.numbers = {}, {}, {}, {}

    def use(self):
        found = dict.fromkeys(self.owners, 0)
        for (name, _), size in self.versions.items():
            found[name] += size
            found[name.partition("/")[0]] += size
        for path, size in self.files.items():
            found[self._team(path)] += size
        return found

    def take(self, verb, place, number):
        getattr(self, f"_{verb}")(place.format(self.name), number)

    def _limit(self, owner, number):
        self.limits[owner] = number
        with self.database.write() as records:
            records.quotas.set(owner, number)

    def _register(self, name, size):
        number = self.numbers.get(name, 0) + 1
        made = replace(version(number, name=name), size_bytes=size)
        if self._agrees(lambda records: records.versions.add(made), (name, made.model.team), size):
            self.versions[name, number] = size
            self.numbers[name] = number

    def _delete(self, name, number):
        with self.database.write() as records:
            records.versions.delete(ModelName(name), number, later(99))
        self.versions.pop((name, number), None)

    def _put(self, place, size):
        path = self._path(place)
        more = size - self.files.get(path, 0)
        if self._agrees(lambda records: records.files.put(file(path, size)), (self._team(path),), more):
            self.files[path] = size

    def _remove(self, place, _):
        with self.database.write() as records:
            records.files.remove([self._path(place)])
        self.files.pop(self._path(place), None)

    def _path(self, place):
        return f"{self.ids[int(place[0])]}{place[1:]}"

    def _team(self, path):
        return TEAMS[self.ids.index(path.partition("/")[0])].format(self.name)

    def _agrees(self, do, owners, more):
        use = self.use()
        limits = [(self.limits.get(each), use[each] + more) for each in owners]
        fits = more <= 0 or all(limit is None or then <= limit for limit, then in limits)
        try:
            with self.database.write() as records:
                do(records)
        except RefusedError:
            assert not fits
            return False
        assert fits
        return True


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=STORIES)
def test_whatever_happens_use_is_what_the_names_say_and_no_limit_is_exceeded(story, database):
    told = Story(database)
    for step in story:
        told.take(*step)
        assert {owner: used(database, owner) for owner in told.owners} == told.use()
    with database.write() as records:
        assert records.quotas.recount() == ()


def test_who_is_not_spoken_of_uses_nothing(database):
    with database.read() as records:
        assert records.quotas.get("nobody") == Quota("nobody")
        assert records.quotas.teams() == ()


def test_a_refused_file_leaves_its_transaction_whole(stocked):
    database, (one, _) = stocked
    with database.write() as records:
        records.quotas.set("one", 10)
        records.files.put(file(f"{one}/a", 6))
        with pytest.raises(RefusedError, match="10 bytes: 6 are used, and 5 more"):
            records.files.put(file(f"{one}/b", 5))
        records.files.put(file(f"{one}/c", 4))
    with database.read() as records:
        assert [each.path for each in records.files.under(one)] == [f"{one}/a", f"{one}/c"]
    assert used(database, "one") == 10


def test_a_refused_version_counts_for_nobody(stocked):
    database, _ = stocked
    with database.write() as records:
        records.quotas.set("one/a", 10)
    with pytest.raises(RefusedError) as refused, database.write() as records:
        records.versions.add(replace(version(1, name="one/a"), size_bytes=11))
    assert refused.value.reasons[0].field == "quota of one/a"
    assert (used(database, "one"), used(database, "one/a")) == (0, 0)


def test_a_version_deleted_twice_is_given_back_once(filled):
    with filled.write() as records:
        records.versions.add(version(1))
        records.versions.add(version(2))
        records.versions.delete(MODEL, 1, later(9))
        records.versions.delete(MODEL, 1, later(10))
    assert used(filled, "team") == 1


def test_a_list_has_teams_and_quotas_and_one_of_a_team_has_its_models(stocked):
    database, (one, other) = stocked
    with database.write() as records:
        records.versions.add(version(1, name="one/a"))
        records.versions.add(version(1, name="one-x/a"))
        records.files.put(file(f"{one}/a", 6))
        records.files.put(file(f"{other}/a", 8))
        records.quotas.set("one/b", 5)
        records.quotas.set("two", 7)
    with database.read() as records:
        assert records.quotas.teams() == (
            Quota("one", 7),
            Quota("one-x", 9),
            Quota("one/b", 0, 5),
            Quota("two", 0, 7),
        )
        assert records.quotas.of_team("one") == (Quota("one", 7), Quota("one/a", 1), Quota("one/b", 0, 5))
        assert records.quotas.of_team("two") == (Quota("two", 0, 7),)


def test_a_recount_mends_what_others_did_not_count(stocked, open_database):
    database, (one, _) = stocked
    with database.write() as records:
        records.versions.add(version(1, name="one/a"))
        records.files.put(file(f"{one}/a", 6))
        records.quotas.set("one", 50)
        execute = records.connection.exec_driver_sql
        execute("UPDATE quotas SET used_bytes = 3 WHERE owner = 'one'")
        execute("DELETE FROM quotas WHERE owner = 'one/a'")
        execute("INSERT INTO quotas (owner, used_bytes) VALUES ('gone', 9)")
    with database.write() as records:
        assert records.quotas.recount() == (("gone", 9, 0), ("one", 3, 7), ("one/a", 0, 1))
        assert records.quotas.recount() == ()
        assert records.quotas.get("one") == Quota("one", 7, 50)
        assert records.quotas.teams() == (Quota("one", 7, 50),)
