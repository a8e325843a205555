"""What every store must do with experiments."""

from contextlib import closing
from dataclasses import replace

import pytest

from assay.core.errors import BadInputError, ConflictError
from assay.core.tracking.experiments import View
from assay.core.tracking.filters import parse_filter, parse_order
from assay.core.tracking.searches import Search
from assay.core.tracking.vocabularies import EXPERIMENTS
from contracts.tracking_samples import FOREIGN_CURSORS, all_pages, experiment, run

EVERY_TEAM = ("*",)


@pytest.fixture
def stored(database):
    """A database with five experiments of two teams, the fourth deleted; ids 1 to 5."""
    with database.write() as records:
        for number in range(1, 6):
            records.experiments.add(
                experiment(
                    f"Exp {number}",
                    team="other" if number == 5 else "team",
                    number=number,
                    at=1000 + number // 2,
                    deleted=number == 4,
                    tags={"color": "red" if number % 2 else "blue", f"only{number}": ""},
                )
            )
    return database


def ids(database, text="", *order, teams=EVERY_TEAM, view=View.ACTIVE, limit=2):
    condition, by = parse_filter(text, EXPERIMENTS), parse_order(order, EXPERIMENTS)

    def ask(cursor):
        with database.read() as records:
            return records.experiments.search(Search(condition, by, view, limit, cursor), teams)

    return [each.id for each in all_pages(ask)]


def test_what_was_stored_is_there_after_opening_again(open_database):
    wanted = experiment("é ☃", number=7, tags={"b": "2", "a": "x" * 20_000}, updated=1500)
    with closing(open_database()) as one, one.write() as records:
        assert records.experiments.add(wanted) == wanted
    with closing(open_database()) as two, two.read() as records:
        assert records.experiments.get(7) == wanted
        assert records.experiments.named("team", "é ☃") == wanted
        assert records.experiments.get(8) is None
        assert records.experiments.named("team", "é") is None


def test_the_store_gives_ids_and_never_gives_one_twice(database):
    with database.write() as records:
        assert records.experiments.add(experiment("Default", number=0)).id == 0
        given = [records.experiments.add(experiment(f"e{number}")).id for number in range(5)]
    assert len({0, *given}) == 6
    assert all(each > 0 for each in given)


def test_a_name_is_taken_in_its_team_also_by_a_deleted_one(stored):
    for taken in ("Exp 1", "Exp 4"):
        with pytest.raises(ConflictError), stored.write() as records:
            records.experiments.add(experiment(taken))
        with pytest.raises(ConflictError), stored.write() as records:
            records.experiments.save(replace(records.experiments.get(2), name=taken))
    with stored.write() as records:
        assert records.experiments.add(experiment("Exp 1", team="third")).id > 5
        assert records.experiments.add(experiment("exp 1")).id > 5
    with stored.read() as records:
        assert records.experiments.get(2).name == "Exp 2"


def test_saving_replaces_all_but_tags(stored):
    after = experiment(
        "new", number=1, updated=2000, artifact_root="s3://b/x", tags={"color": "red", "only1": ""}
    )
    with stored.write() as records:
        records.experiments.save(replace(after, tags={}))
    with stored.read() as records:
        assert records.experiments.get(1) == replace(after, created_at_ms=1000)
        assert records.experiments.named("team", "Exp 1") is None


def test_tags_are_set_one_by_one_and_taken_away(stored):
    with stored.write() as records:
        records.experiments.set_tags(1, {"color": "green", "é": "ü"})
        records.experiments.set_tags(1, {})
        assert records.experiments.remove_tag(1, "only1")
        assert not records.experiments.remove_tag(1, "only1")
        assert not records.experiments.remove_tag(77, "only1")
    with stored.read() as records:
        assert records.experiments.get(1).tags == {"color": "green", "é": "ü"}
        assert records.experiments.get(2).tags == {"color": "blue", "only2": ""}


def test_runs_go_and_come_with_their_experiment(stored):
    with stored.write() as records:
        records.runs.add(run("a", 1), {})
        records.runs.add(run("gone before", 1, deleted_at_ms=5), {})
        records.runs.add(run("elsewhere", 2), {})
        records.experiments.save(replace(records.experiments.get(1), deleted=True, updated_at_ms=99))
    with stored.write() as records:
        assert records.runs.find("a").deleted_at_ms is not None
        assert records.runs.find("gone before").deleted_at_ms == 5
        assert records.runs.find("elsewhere").deleted_at_ms is None
        records.experiments.save(replace(records.experiments.get(1), deleted=False, updated_at_ms=100))
        assert records.runs.find("a").deleted_at_ms is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [2, 3, 1, 5]),
        ("name = 'Exp 1'", [1]),
        ("name != 'Exp 1'", [2, 3, 5]),
        ("name LIKE 'Exp%'", [1, 2, 3, 5]),
        ("name LIKE 'exp%'", []),
        ("name ILIKE 'eXP _'", [1, 2, 3, 5]),
        ("name IN ('Exp 2', 'Exp 3', 'none')", [2, 3]),
        ("name NOT IN ('Exp 2', 'Exp 3')", [1, 5]),
        ("experiment_id = '2'", [2]),
        ("experiment_id IN ('2', '5', '9')", [2, 5]),
        ("experiment_id != '2'", [1, 3, 5]),
        ("creation_time > 1000", [2, 3, 5]),
        ("creation_time <= 1001", [1, 2, 3]),
        ("last_update_time = 1002", [5]),
        ("tags.color = 'red'", [1, 3, 5]),
        ("tags.color != 'red'", [2]),
        ("tags.none != 'red'", []),
        ("tags.only2 IS NULL", [1, 3, 5]),
        ("tags.only2 IS NOT NULL", [2]),
        ("tags.color = 'red' AND name = 'Exp 3'", [3]),
        ("tags.color = 'blue' OR experiment_id = '5'", [2, 5]),
        ("NOT tags.color = 'red'", [2]),
        ("NOT (tags.color = 'red' OR name = 'Exp 2')", []),
    ],
)
def test_conditions_find_what_they_say(stored, text, expected):
    assert sorted(ids(stored, text)) == sorted(expected)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ((), [5, 2, 3, 1]),
        (("name DESC",), [5, 3, 2, 1]),
        (("creation_time",), [1, 3, 2, 5]),
        (("creation_time DESC",), [5, 3, 2, 1]),
        (("creation_time DESC", "experiment_id ASC"), [5, 2, 3, 1]),
        (("last_update_time ASC", "name DESC"), [1, 3, 2, 5]),
        (("experiment_id DESC",), [5, 3, 2, 1]),
    ],
    ids=str,
)
@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
def test_pages_follow_one_another_in_order(stored, order, expected, limit):
    assert ids(stored, "", *order, limit=limit) == expected


def test_a_search_sees_the_teams_and_the_view_it_is_about(stored):
    assert ids(stored, teams=("team",)) == [2, 3, 1]
    assert ids(stored, teams=("other", "team")) == [5, 2, 3, 1]
    assert ids(stored, teams=()) == []
    assert ids(stored, view=View.DELETED) == [4]
    assert sorted(ids(stored, view=View.ALL)) == [1, 2, 3, 4, 5]
    assert ids(stored, view=View.ALL, teams=("other",)) == [5]


@pytest.mark.parametrize("cursor", FOREIGN_CURSORS)
@pytest.mark.parametrize("order", [(), ("name",), ("creation_time DESC", "name")], ids=str)
def test_a_cursor_of_ones_own_making_is_refused(stored, order, cursor):
    wanted = Search(order=parse_order(order, EXPERIMENTS), cursor=cursor)
    with stored.read() as records, pytest.raises(BadInputError, match="Invalid page token"):
        records.experiments.search(wanted, EVERY_TEAM)
