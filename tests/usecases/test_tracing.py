import re
from dataclasses import replace

import pytest

from assay.core.access import Scope
from assay.core.errors import BadInputError, DeniedError, NotFoundError
from assay.core.ports.traces import Doomed
from assay.core.tracking.assessments import AssessmentChange, AssessmentKind
from assay.core.tracking.experiments import Experiment
from assay.core.tracking.runs import Run, RunStatus
from assay.core.tracking.searches import Search
from assay.core.tracking.trace_filters import read_trace_filter
from assay.core.tracking.traces import FILES_TAG, SPANS_HERE, SPANS_TAG, TraceState
from assay.wire.requests import NewGrant, NewPrincipal, NewToken
from contracts.trace_samples import assessment, span, trace

ONE = trace(1).id


@pytest.fixture
def tracing(world):
    return world.use.tracing


@pytest.fixture
def place(world):
    """An experiment of the team, and the number of another team's."""
    with world.means.database.write() as records:
        mine, other = (
            records.experiments.add(Experiment(-1, team, "e", "", 0, 0)) for team in ("team", "other")
        )
        for each in (mine, other):
            records.experiments.save(replace(each, artifact_root=f"mlflow-artifacts:/{each.id}"))
    return mine.id, other.id


def stranger(world, role="reader", pattern="else/*"):
    """Somebody with a right of their own."""
    world.use.access.create_principal(world.local, NewPrincipal("eve"))
    world.use.access.grant(world.local, NewGrant("eve", role, pattern))
    made = world.use.access.create_token(world.local, NewToken(("read", "write"), principal="eve"))
    return world.use.access.authenticate(made.text)


def sent(world, place, number=1, caller=None, **more):
    world.use.tracing.add_spans(caller or world.ada, place, [span(number, **more)], {})
    return f"tr-{number:032x}"


def test_spans_alone_make_a_trace_that_its_summary_completes(world, tracing, place):
    tracing.add_spans(world.ada, place[0], [span(1, 2, parent=f"{1:016x}")], {ONE: {"service.name": "web"}})
    before = tracing.one(world.ada, ONE)
    assert before.state is TraceState.IN_PROGRESS
    assert before.tags == {
        FILES_TAG: f"mlflow-artifacts:/{place[0]}/traces/{ONE}/artifacts",
        SPANS_TAG: SPANS_HERE,
        "service.name": "web",
    }
    after = tracing.declare(world.ada, trace(1, experiment=place[0]))
    assert after.state is TraceState.OK
    assert after.tags == {**before.tags, **trace(1).tags}
    assert tracing.with_spans(world.ada, [ONE])[0][1] == (span(1, 2, parent=f"{1:016x}"),)


def test_declaring_twice_doubles_nothing(world, tracing, place):
    said = trace(1, experiment=place[0], assessments=(assessment(1, value=True),))
    assert tracing.declare(world.ada, said) == tracing.declare(world.ada, said)
    assert len(tracing.one(world.ada, ONE).assessments) == 1


def test_spans_of_several_traces_come_in_one_piece_or_not_at_all(world, tracing, place):
    tracing.declare(world.local, trace(2, experiment=place[1]))
    with pytest.raises(NotFoundError):
        tracing.add_spans(world.ada, place[0], [span(1), span(2)], {})
    assert tracing.get(world.local, [ONE]) == ()
    assert tracing.with_spans(world.local, [trace(2).id]) == ((tracing.one(world.local, trace(2).id), ()),)


def test_an_unknown_experiment_and_one_of_others_look_the_same(world, tracing, place):
    for experiment in (place[1], 4711):
        with pytest.raises(NotFoundError, match=f"No Experiment with id={experiment} exists"):
            tracing.declare(world.ada, trace(1, experiment=experiment))
        with pytest.raises(NotFoundError, match=f"No Experiment with id={experiment} exists"):
            sent(world, experiment)
        assert tracing.search(world.ada, [experiment], Search()).items == ()
        assert tracing.delete(world.ada, Doomed(experiment, until_ms=10**12)) == 0


def test_a_deleted_experiment_takes_no_traces(world, tracing, place):
    with world.means.database.write() as records:
        records.experiments.save(replace(records.experiments.get(place[0]), deleted=True))
    with pytest.raises(BadInputError, match="must be in the 'active' state"):
        tracing.declare(world.ada, trace(1, experiment=place[0]))
    with pytest.raises(BadInputError, match="must be in the 'active' state"):
        sent(world, place[0])
    with pytest.raises(BadInputError, match="must be in the 'active' state"):
        tracing.begin(world.ada, trace(1, experiment=place[0]))


@pytest.mark.parametrize(
    "ask",
    [
        lambda world, who: world.use.tracing.one(who, ONE),
        lambda world, who: world.use.tracing.set_tag(who, ONE, "k", "v"),
        lambda world, who: world.use.tracing.remove_tag(who, ONE, "team"),
        lambda world, who: world.use.tracing.link_prompts(who, ONE, ["p/1"]),
        lambda world, who: world.use.tracing.end(who, trace(1), 5),
        lambda world, who: world.use.assessing.assess(who, assessment(1, value=True)),
        lambda world, who: world.use.assessing.one(who, ONE, "a-1"),
        lambda world, who: world.use.assessing.change(who, ONE, "a-1", AssessmentChange(name="x")),
        lambda world, who: world.use.assessing.remove(who, ONE, "a-1"),
    ],
)
def test_a_trace_of_others_looks_as_if_it_did_not_exist(world, tracing, place, ask):
    eve = stranger(world)
    with pytest.raises(NotFoundError) as none:
        ask(world, eve)
    sent(world, place[0])
    with pytest.raises(NotFoundError) as hidden:
        ask(world, eve)
    assert str(none.value) == str(hidden.value)
    assert tracing.get(eve, [ONE]) == tracing.with_spans(eve, [ONE]) == ()
    assert tracing.search(eve, [place[0]], Search()).items == ()


@pytest.mark.parametrize(
    "ask",
    [
        lambda world, who, at: world.use.tracing.declare(who, trace(1, experiment=at)),
        lambda world, who, at: world.use.tracing.add_spans(who, at, [span(1)], {}),
        lambda world, who, at: world.use.tracing.begin(who, trace(1, experiment=at)),
        lambda world, who, _: world.use.tracing.end(who, trace(1), 5),
        lambda world, who, _: world.use.tracing.set_tag(who, ONE, "k", "v"),
        lambda world, who, _: world.use.tracing.remove_tag(who, ONE, "team"),
        lambda world, who, _: world.use.tracing.link_prompts(who, ONE, ["p/1"]),
        lambda world, who, at: world.use.tracing.delete(who, Doomed(at, trace_ids=(ONE,))),
        lambda world, who, _: world.use.assessing.assess(who, assessment(1, value=True)),
        lambda world, who, _: world.use.assessing.change(who, ONE, "a-1", AssessmentChange(name="x")),
        lambda world, who, _: world.use.assessing.remove(who, ONE, "a-1"),
    ],
)
def test_who_may_only_read_changes_nothing(world, tracing, place, ask):
    sent(world, place[0])
    eve = stranger(world, pattern="team/*")
    before = tracing.with_spans(eve, [ONE])
    assert before[0][0].id == ONE
    with pytest.raises(DeniedError, match="may not log experiments and runs in team"):
        ask(world, eve, place[0])
    assert tracing.with_spans(eve, [ONE]) == before
    with pytest.raises(DeniedError):
        ask(world, replace(world.ada, scopes=frozenset({Scope.READ})), place[0])


def test_a_trace_moves_only_between_experiments_that_one_may_write(world, tracing, place):
    tracing.declare(world.local, trace(1, experiment=place[1]))
    with pytest.raises(NotFoundError):
        tracing.declare(world.ada, trace(1, experiment=place[0]))
    assert tracing.declare(world.local, trace(1, experiment=place[0])).experiment_id == place[0]


def test_tags_can_be_set_and_taken_away(world, tracing, place):
    sent(world, place[0])
    tracing.set_tag(world.ada, ONE, "k", "v")
    assert tracing.one(world.ada, ONE).tags["k"] == "v"
    tracing.remove_tag(world.ada, ONE, "k")
    with pytest.raises(NotFoundError, match="No trace tag with key 'k'"):
        tracing.remove_tag(world.ada, ONE, "k")
    for change in (tracing.remove_tag, lambda *at: tracing.set_tag(*at, "file:///etc")):
        with pytest.raises(BadInputError, match="immutable"):
            change(world.ada, ONE, FILES_TAG)


@pytest.mark.parametrize(
    ("doomed", "rule"),
    [
        ({}, "Either"),
        ({"limit": 3}, "Either"),
        ({"until_ms": 1, "trace_ids": ("x",)}, "Only one"),
        ({"limit": 1, "trace_ids": ("x",)}, "can't be specified"),
        ({"limit": 0, "until_ms": 1}, "positive"),
    ],
)
def test_deleting_needs_exactly_one_rule(world, tracing, place, doomed, rule):
    with pytest.raises(BadInputError, match=rule):
        tracing.delete(world.ada, Doomed(place[0], **doomed))


def test_deleting_traces_is_on_record(world, tracing, place):
    sent(world, place[0])
    assert tracing.delete(world.ada, Doomed(place[0], trace_ids=(ONE, "tr-none"))) == 1
    event = world.events()[-1]
    assert (event.verb, event.actor, event.before["count"]) == ("traces.delete", "ada", 1)
    assert tracing.delete(world.ada, Doomed(place[0], until_ms=10**12)) == 0
    assert world.events()[-1] == event


def test_a_run_that_is_not_there_cannot_be_linked(world, tracing, place):
    sent(world, place[0])
    with pytest.raises(NotFoundError, match="Run with id=r not found"):
        tracing.link_run(world.ada, [ONE], "r")
    with pytest.raises(BadInputError, match="more than 100"):
        tracing.link_run(world.ada, [ONE] * 101, "r")


def test_the_start_and_end_that_old_clients_tell_make_one_trace(world, tracing, place):
    begun = tracing.begin(world.ada, trace(7, experiment=place[0], state=TraceState.OK))
    assert begun.state is TraceState.IN_PROGRESS
    assert begun.id != trace(7).id
    said = replace(trace(7, tags={"x": "y"}, metadata={"m": "n"}), id=begun.id)
    ended = tracing.end(world.ada, said, begun.requested_at_ms + 25)
    assert ended == tracing.one(world.ada, begun.id)
    assert (ended.state, ended.duration_ms, ended.requested_at_ms) == (TraceState.OK, 25, 1007)
    assert ended.tags == {**begun.tags, "x": "y"}
    assert ended.metadata == {**begun.metadata, "m": "n"}


def test_an_assessment_gets_an_id_and_the_present_time(world, place):
    sent(world, place[0])
    said = replace(assessment(1, value=1), id="", created_at_ms=0, updated_at_ms=0)
    noted = world.use.assessing.assess(world.ada, said)
    assert noted.id.startswith("a-")
    assert len(noted.id) == 34
    assert noted.created_at_ms == noted.updated_at_ms > 10**12
    assert world.use.assessing.one(world.ada, ONE, noted.id) == noted


def test_an_override_takes_validity_and_gives_it_back_when_it_goes(world, place):
    sent(world, place[0])
    use = world.use.assessing
    first = use.assess(world.ada, assessment(1, 1, value=False))
    second = use.assess(world.ada, assessment(1, 2, value=True, overrides=first.id))
    assert not use.one(world.ada, ONE, first.id).valid
    use.remove(world.ada, ONE, second.id)
    use.remove(world.ada, ONE, second.id)
    assert use.one(world.ada, ONE, first.id) == first


def test_overriding_what_is_not_there_notes_nothing(world, tracing, place):
    sent(world, place[0])
    with pytest.raises(NotFoundError, match="Assessment with ID 'a-none' not found"):
        world.use.assessing.assess(world.ada, assessment(1, 2, value=True, overrides="a-none"))
    assert tracing.one(world.ada, ONE).assessments == ()


def test_an_assessment_that_comes_with_its_trace_is_one_like_any_other(world, place):
    """The summary of a trace may hold assessments: the rules, the id and the times are the same."""
    bare = replace(assessment(1, value=1), id="", created_at_ms=0, updated_at_ms=0)
    (kept,) = world.use.tracing.declare(world.ada, trace(1, place[0], assessments=(bare,))).assessments
    assert re.fullmatch("a-[0-9a-f]{32}", kept.id)
    assert kept.created_at_ms == kept.updated_at_ms > 10**12
    over = replace(bare, overrides=kept.id)
    world.use.tracing.declare(world.ada, trace(1, place[0], assessments=(over,)))
    found = {each.id: each.valid for each in world.use.tracing.one(world.ada, ONE).assessments}
    assert (found.pop(kept.id), *found.values()) == (False, True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "x" * 251},
        {"name": ""},
        {"rationale": "x" * 100_001},
        {"kind": AssessmentKind.EXPECTATION, "value": None},
        {"metadata": {str(at): "" for at in range(201)}},
    ],
)
def test_a_trace_with_an_assessment_that_breaks_a_rule_is_refused(world, place, wrong):
    said = replace(assessment(1, value=1), **wrong)
    both = (assessment(1, 2, value=1), said)
    with pytest.raises(BadInputError):
        world.use.tracing.declare(world.ada, trace(1, place[0], assessments=both))
    with pytest.raises(NotFoundError):
        world.use.tracing.one(world.ada, ONE)


def test_a_change_of_an_assessment_is_dated(world, place):
    sent(world, place[0])
    use = world.use.assessing
    noted = use.assess(world.ada, assessment(1, value=False))
    change = AssessmentChange(kind=AssessmentKind.FEEDBACK, value=True)
    after = use.change(world.ada, ONE, noted.id, change)
    assert after == replace(noted, value=True, updated_at_ms=after.updated_at_ms)
    assert after.updated_at_ms > noted.updated_at_ms
    assert use.one(world.ada, ONE, noted.id) == after


def run(world, experiment, run_id="r1"):
    with world.means.database.write() as records:
        records.runs.add(Run(run_id, experiment, "n", "ada", RunStatus.RUNNING, 0, artifact_root="x"), {})
    return run_id


def of_run(world, place, run_id):
    asked = Search(condition=read_trace_filter(f"run_id = '{run_id}'"))
    return [each.id for each in world.use.tracing.search(world.local, place, asked).items]


def test_traces_are_found_by_the_run_they_were_linked_to(world, tracing, place):
    sent(world, place[0])
    sent(world, place[0], 2)
    tracing.link_run(world.ada, [ONE, ONE, "tr-none"], run(world, place[0]))
    assert of_run(world, place, "r1") == [ONE]
    tracing.add_spans(world.ada, place[0], [span(3), span(4, 2, parent=f"{1:016x}")], {}, "r1")
    assert of_run(world, place, "r1") == [trace(3).id, ONE]


def test_only_runs_that_one_may_write_can_be_linked(world, tracing, place):
    sent(world, place[0])
    theirs = run(world, place[1], "r2")
    with pytest.raises(NotFoundError, match="Run with id=r2 not found"):
        tracing.link_run(world.ada, [ONE], theirs)
    with pytest.raises(NotFoundError, match="Run with id=r2 not found"):
        tracing.add_spans(world.ada, place[0], [span(3)], {}, theirs)
    assert tracing.get(world.ada, [trace(3).id]) == ()
    tracing.link_run(world.local, [ONE], theirs)
    assert of_run(world, place, "r2") == [ONE]


def test_asking_within_experiments_leaves_out_traces_of_others(world, tracing, place):
    sent(world, place[0])
    assert [each.id for each in tracing.get(world.ada, [ONE], [place[0]])] == [ONE]
    assert tracing.get(world.ada, [ONE], [place[1]]) == ()
    assert tracing.with_spans(world.ada, [ONE], []) == ()
