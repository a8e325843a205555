"""What every store must do with evaluation sets, their records, and scorers."""

from dataclasses import replace

import pytest

from assay.core.errors import BadInputError
from assay.core.tracking.evaluations import EvaluationRecord, EvaluationSet, Scorer
from assay.core.tracking.searches import Search
from contracts.trace_samples import asks, by


def evaluation_set(number, **more):
    more.setdefault("tags", {"color": "red" if number % 2 else "blue"})
    more.setdefault("experiment_ids", (1,))
    more.setdefault("team", "team")
    return EvaluationSet(
        f"d-{number}", name=f"set{number}", created_at_ms=number, updated_at_ms=number, **more
    )


def record(number, set_id="d-1", **more):
    return EvaluationRecord(f"dr-{number}", set_id, {"q": number, "a": None}, number // 2, number, **more)


@pytest.fixture
def stored(database):
    """A database with four sets, two of them of other teams or experiments."""
    with database.write() as records:
        for one in (
            evaluation_set(1),
            evaluation_set(2),
            evaluation_set(3, team="other"),
            evaluation_set(4, experiment_ids=(2, 5)),
        ):
            records.evaluation_sets.save(one)
    return database


def found(database, *, teams=("team",), experiments=None, **more):
    with database.read() as records:
        page = records.evaluation_sets.search(teams, experiments, Search(**more))
    return [int(each.id[2:]) for each in page.items], page.next_cursor


def test_a_set_comes_back_as_it_was_stored_last(stored):
    schema = {"inputs": {"q": "string"}, "version": "1.0"}
    after = evaluation_set(1, schema=schema, record_count=7, tags={}, experiment_ids=(3, 9), created_by="ada")
    with stored.write() as records:
        records.evaluation_sets.save(after)
    with stored.read() as records:
        assert records.evaluation_sets.get("d-1") == after
        assert records.evaluation_sets.get("d-2") == evaluation_set(2)
        assert records.evaluation_sets.get("d-none") is None


def test_sets_are_found_by_team_experiment_condition_and_order(stored):
    assert found(stored)[0] == [4, 2, 1]
    assert found(stored, teams=("*",))[0] == [4, 3, 2, 1]
    assert found(stored, teams=())[0] == []
    assert found(stored, experiments=[2, 77])[0] == [4]
    assert found(stored, experiments=[])[0] == []
    assert found(stored, order=(by("attribute", "name"),))[0] == [1, 2, 4]
    assert found(stored, order=(by("tag", "color"),))[0] == [4, 2, 1]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (asks("attribute", "name", "=", "set2"), [2]),
        (asks("attribute", "name", "LIKE", "SET%"), []),
        (asks("attribute", "created_at_ms", ">", 1), [4, 2]),
        (asks("tag", "color", "!=", "red"), [4, 2]),
        (asks("tag", "none", "IS NULL"), [4, 2, 1]),
        (asks("tag", "color", "IS NOT NULL"), [4, 2, 1]),
    ],
    ids=str,
)
def test_conditions_on_sets_find_what_they_say(stored, condition, expected):
    assert found(stored, condition=condition)[0] == expected


def test_pages_of_sets_follow_one_another(stored):
    first, cursor = found(stored, limit=2)
    second, end = found(stored, limit=2, cursor=cursor)
    assert (first, second, end) == ([4, 2], [1], "")
    with pytest.raises(BadInputError, match="Invalid page token"):
        found(stored, cursor="abc")


def test_deleting_a_set_takes_its_records_and_no_others(stored):
    with stored.write() as records:
        records.evaluation_records.put([record(1), record(2, "d-2")])
        records.evaluation_sets.delete("d-1")
        records.evaluation_sets.delete("d-1")
        assert records.evaluation_sets.get("d-1") is None
        assert records.evaluation_records.count("d-1") == 0
        assert records.evaluation_records.count("d-2") == 1


def test_records_are_found_by_their_inputs_and_paged_by_age(stored):
    kept = [
        record(each, outputs=[1, {"x": None}], expectations={"e": 2.5}, tags={"t": "1"}) for each in range(5)
    ]
    with stored.write() as records:
        records.evaluation_records.put(kept)
        records.evaluation_records.put([replace(kept[0], updated_at_ms=99)])
        known = records.evaluation_records.by_inputs("d-1", [kept[0].inputs_digest, "none"])
        assert known == {kept[0].inputs_digest: replace(kept[0], updated_at_ms=99)}
        assert records.evaluation_records.by_inputs("d-2", [kept[0].inputs_digest]) == {}
        assert records.evaluation_records.count("d-1") == 5
        seen, cursor = [], ""
        while True:
            page = records.evaluation_records.page("d-1", 2, cursor)
            seen += [each.id for each in page.items]
            cursor = page.next_cursor
            if not cursor:
                break
        assert seen == [each.id for each in kept]
        assert records.evaluation_records.remove("d-1", ["dr-0", "dr-4", "dr-none"]) == 2
        assert records.evaluation_records.count("d-1") == 3


def test_scorers_are_kept_version_by_version(database):
    def scorer(number, experiment=1, name="s"):
        return Scorer("id", experiment, name, number, '{"a": 1}', number)

    with database.write() as records:
        for one in (scorer(2), scorer(1), scorer(1, 2), scorer(1, 1, "z")):
            records.scorers.add(one)
        assert records.scorers.of([1], "s") == (scorer(1), scorer(2))
        assert records.scorers.of([2, 1]) == (scorer(1), scorer(2), scorer(1, 1, "z"), scorer(1, 2))
        assert records.scorers.of([]) == ()
        assert records.scorers.remove(1, "s", 1) == 1
        assert records.scorers.remove(1, "s", 1) == 0
        assert records.scorers.remove(1, "s") == 1
        assert records.scorers.of([1, 2]) == (scorer(1, 1, "z"), scorer(1, 2))
