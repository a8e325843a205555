import pytest

from assay.core.errors import BadInputError, DeniedError, NotFoundError
from assay.core.tracking.evaluations import EvaluationRecord
from assay.core.tracking.experiments import Experiment
from assay.core.tracking.searches import Search
from assay.wire.requests import NewGrant, NewPrincipal, NewToken


def said(number, **more):
    return EvaluationRecord("", "", {"q": number}, 0, 0, **more)


@pytest.fixture
def use(world):
    return world.use.evaluating


@pytest.fixture
def places(world):
    """Numbers of an experiment of the team, and of another team's."""
    with world.means.database.write() as records:
        made = [records.experiments.add(Experiment(-1, team, "e", "x", 0, 0)) for team in ("team", "other")]
    return [each.id for each in made]


@pytest.fixture
def made(world, use, places):
    return use.create(world.ada, "team", "s", {"mlflow.user": "ada"}, [places[0]])


def somebody(world, pattern, role="reader"):
    world.use.access.create_principal(world.local, NewPrincipal("eve"))
    world.use.access.grant(world.local, NewGrant("eve", role, pattern))
    token = world.use.access.create_token(world.local, NewToken(("read", "write"), principal="eve"))
    return world.use.access.authenticate(token.text)


def test_records_with_the_same_inputs_become_one(world, use, made):
    again = said(1, expectations={"a": 1})
    assert use.fill(world.ada, made.id, [said(1, tags={"mlflow.user": "bo"}), said(2), again]) == (2, 1)
    assert use.fill(world.ada, made.id, [said(2, outputs="x", expectations={"b": 2})]) == (0, 1)
    first, second = use.records(world.ada, made.id, 10).items
    kept = sorted([first, second], key=lambda each: each.inputs["q"])
    assert [each.expectations for each in kept] == [{"a": 1}, {"b": 2}]
    assert [each.outputs for each in kept] == [{}, "x"]
    after = use.get(world.ada, made.id)
    assert (after.record_count, after.updated_by, after.created_by) == (2, "bo", "ada")
    assert after.schema["expectations"] == {"a": "integer", "b": "integer"}
    assert after.digest != made.digest


def test_removing_records_counts_those_that_were_there(world, use, made):
    use.fill(world.ada, made.id, [said(1), said(2)])
    one = use.records(world.ada, made.id, 1).items[0]
    assert use.remove_records(world.ada, made.id, [one.id, "dr-none"]) == 1
    assert use.get(world.ada, made.id).record_count == 1
    assert use.remove_records(world.ada, made.id, []) == 0


def test_one_bad_record_keeps_all_out(world, use, made):
    with pytest.raises(BadInputError):
        use.fill(world.ada, made.id, [said(1), said(2, tags={"x": 5})])
    with pytest.raises(BadInputError, match="10000"):
        use.fill(world.ada, made.id, [said(1)] * 10_001)
    assert use.records(world.ada, made.id, 10).items == ()


def test_sets_are_placed_only_in_experiments_that_one_may_write(world, use, made, places):
    with pytest.raises(NotFoundError, match="No Experiment"):
        use.place(world.ada, made.id, add=[places[1]])
    with pytest.raises(NotFoundError, match="No Experiment"):
        use.create(world.ada, "team", "t", {}, [places[1]])
    assert use.place(world.local, made.id, add=[places[1]]).experiment_ids == tuple(places)
    assert use.place(world.ada, made.id, remove=[places[0], 77]).experiment_ids == (places[1],)


def test_tags_are_added_and_taken_away(world, use, made):
    use.tag(world.ada, made.id, {"a": "1", "mlflow.user": None, "none": None})
    assert use.get(world.ada, made.id).tags == {"a": "1"}


def test_deleting_a_set_is_on_record_and_twice_is_no_error(world, use, made):
    use.delete(world.ada, made.id)
    event = world.events()[-1]
    assert (event.verb, event.subject) == ("evaluation_set.delete", f"evaluation_set:{made.id}")
    use.delete(world.ada, made.id)
    assert world.events()[-1] == event
    with pytest.raises(NotFoundError, match="not found"):
        use.get(world.ada, made.id)


ASKS = [
    lambda use, who, id_: use.tag(who, id_, {"a": "1"}),
    lambda use, who, id_: use.place(who, id_, remove=[1]),
    lambda use, who, id_: use.fill(who, id_, [said(1)]),
    lambda use, who, id_: use.remove_records(who, id_, ["dr-1"]),
]


@pytest.mark.parametrize(
    "ask", [*ASKS, lambda use, who, id_: use.get(who, id_), lambda use, who, id_: use.records(who, id_, 1)]
)
def test_a_set_of_others_looks_as_if_it_did_not_exist(world, use, made, ask):
    eve = somebody(world, "else/*")
    with pytest.raises(NotFoundError, match="not found"):
        ask(use, eve, made.id)
    use.delete(eve, made.id)
    assert use.get(world.ada, made.id) == made
    assert use.search(eve, None, Search()).items == ()
    assert use.search(world.ada, None, Search()).items == (made,)


@pytest.mark.parametrize("ask", [*ASKS, lambda use, who, id_: use.delete(who, id_)])
def test_who_may_only_read_a_set_changes_nothing(world, use, made, ask):
    eve = somebody(world, "team/*")
    assert use.get(eve, made.id) == made
    with pytest.raises(DeniedError):
        ask(use, eve, made.id)
    with pytest.raises(DeniedError):
        use.create(eve, "team", "t", {}, [])
    assert use.get(world.ada, made.id) == made


def test_scorers_are_numbered_and_read_back(world, places):
    use = world.use.scoring
    first = use.register(world.ada, places[0], "s", '{"a": 1}')
    second = use.register(world.ada, places[0], "s", '{"a": 2}')
    assert (first.number, second.number, first.id == second.id) == (1, 2, True)
    assert use.versions(world.ada, places[0], "s") == (first, second)
    assert use.get(world.ada, places[0], "s") == second
    assert use.get(world.ada, places[0], "s", 1) == first
    assert use.newest(world.ada, places) == (second,)
    use.delete(world.ada, places[0], "s", 1)
    assert world.events()[-1].verb == "scorer.delete"
    with pytest.raises(NotFoundError, match="and version 1 not found"):
        use.get(world.ada, places[0], "s", 1)
    use.delete(world.ada, places[0], "s")
    with pytest.raises(NotFoundError, match="Scorer with name 's' not found"):
        use.delete(world.ada, places[0], "s")


def test_scorers_follow_the_rights_on_the_team(world, places):
    use = world.use.scoring
    kept = use.register(world.local, places[1], "s", "{}")
    for ask in (
        lambda: use.register(world.ada, places[1], "s", "{}"),
        lambda: use.get(world.ada, places[1], "s"),
        lambda: use.delete(world.ada, places[1], "s"),
    ):
        with pytest.raises(NotFoundError, match="No Experiment"):
            ask()
    eve = somebody(world, "other/*")
    assert use.get(eve, places[1], "s") == kept
    with pytest.raises(DeniedError):
        use.delete(eve, places[1], "s")
    with pytest.raises(BadInputError, match="must be valid JSON"):
        use.register(world.local, places[1], "s", "x")
    assert use.newest(world.ada, places) == ()
