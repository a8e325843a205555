"""What every store must do with traces, spans and assessments."""

from dataclasses import replace

import pytest

from assay.core.errors import BadInputError
from assay.core.ports.traces import Doomed
from assay.core.tracking.assessments import AssessmentKind
from assay.core.tracking.searches import AllOf, AnyOf, Not, Search
from assay.core.tracking.spans import COST, USAGE
from assay.core.tracking.traces import SESSION, TraceState
from contracts.trace_samples import asks, assessment, by, span, trace


@pytest.fixture
def traced(database):
    """A database with six traces, two of them in another experiment."""
    with database.write() as records:
        for number in range(1, 7):
            records.traces.save(trace(number, experiment=1 if number < 5 else 2))
    return database


def found(database, condition=None, *, experiments=(1, 2), **more):
    question = Search(**({"condition": condition} if condition else {}), **more)
    with database.read() as records:
        return [int(each.id[3:], 16) for each in records.traces.search(experiments, question).items]


def test_a_trace_comes_back_as_it_was_stored(traced):
    one = trace(9, client_request_id="c", request="q", response="ä" * 500, state=TraceState.ERROR)
    with traced.write() as records:
        records.traces.save(one)
    with traced.read() as records:
        assert records.traces.get([one.id, "tr-none"]) == {one.id: one}


def test_saving_again_replaces_tags_and_metadata_but_not_assessments(traced):
    after = replace(trace(1), tags={"team": "green"}, metadata={"x": "1"}, duration_ms=None)
    with traced.write() as records:
        records.assessments.put(assessment(1, value=True))
        records.traces.save(after)
    with traced.read() as records:
        kept = records.traces.get([after.id])[after.id]
    assert kept == replace(after, assessments=(assessment(1, value=True),))


def test_spans_come_back_roots_first_then_by_start(traced):
    root, late, early = span(1, 7), span(1, 3, parent=f"{7:016x}"), span(1, 2, parent=f"{7:016x}")
    sent = replace(root, events=({"name": "e", "attributes": {}},), state="ERROR", state_message="no")
    with traced.write() as records:
        records.spans.put([late, early, sent, span(2)])
    with traced.read() as records:
        assert records.spans.of([root.trace_id, "tr-none"]) == {root.trace_id: (sent, early, late)}


def test_a_span_sent_twice_is_kept_once_as_it_was_sent_last(traced):
    with traced.write() as records:
        records.spans.put([span(1), span(1, name="mended")])
        records.spans.put([span(1, name="again")])
    with traced.read() as records:
        assert [each.name for each in records.spans.of([span(1).trace_id])[span(1).trace_id]] == ["again"]


def test_what_spans_used_up_comes_back_only_when_one_said_it(traced):
    said = span(1, 2, parent=f"{1:016x}", attributes={USAGE: {"input_tokens": 3}, COST: {"total_cost": 0.5}})
    with traced.write() as records:
        records.spans.put([span(1), span(2)])
        assert records.spans.spent(span(1).trace_id) == ()
        records.spans.put([said])
    with traced.read() as records:
        assert sorted(records.spans.spent(said.trace_id), key=str) == sorted(
            [span(1).spent, said.spent], key=str
        )
        assert records.spans.spent(span(2).trace_id) == records.spans.spent("tr-none") == ()


def test_an_assessment_can_be_replaced_and_removed(traced):
    one = assessment(1, value={"a": [1, 2.5, None]}, error={"error_code": "E"}, metadata={"k": "v"})
    with traced.write() as records:
        records.assessments.put(one)
        records.assessments.put(replace(one, valid=False))
        assert records.assessments.get(one.trace_id, one.id) == replace(one, valid=False)
        records.assessments.remove(one.trace_id, one.id)
        records.assessments.remove(one.trace_id, one.id)
        assert records.assessments.get(one.trace_id, one.id) is None


def test_deleting_takes_everything_of_a_trace_and_nothing_of_others(traced):
    with traced.write() as records:
        records.spans.put([span(1), span(2)])
        records.assessments.put(assessment(1, value=1))
        assert records.traces.delete(Doomed(1, trace_ids=(trace(1).id, trace(5).id, "tr-none"))) == 1
        assert records.traces.get([trace(1).id]) == {}
        records.traces.save(trace(1))
        assert records.traces.get([trace(1).id])[trace(1).id] == trace(1)
        assert set(records.spans.of([trace(1).id, trace(2).id])) == {trace(2).id}


def test_deleting_by_age_takes_the_oldest_first(traced):
    with traced.write() as records:
        assert records.traces.delete(Doomed(1, until_ms=1003, limit=2)) == 2
    assert found(traced) == [6, 5, 4, 3]
    with traced.write() as records:
        assert records.traces.delete(Doomed(1, until_ms=1003)) == 1
        assert records.traces.delete(Doomed(2, until_ms=0)) == 0


def test_the_newest_come_first_and_only_those_of_the_experiments_asked(traced):
    assert found(traced, experiments=(1,)) == [4, 3, 2, 1]
    assert found(traced, experiments=()) == []
    assert found(traced, experiments=(2, 77)) == [6, 5]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (asks("attribute", "timestamp_ms", ">=", 1004), {4, 5, 6}),
        (asks("attribute", "execution_time_ms", "<", 3), {1, 2}),
        (asks("attribute", "end_time_ms", "=", 1006), {3}),
        (asks("attribute", "status", "IN", ("OK", "ERROR")), {1, 2, 3, 4, 5, 6}),
        (asks("attribute", "status", "NOT IN", ("OK",)), set()),
        (asks("attribute", "request_id", "=", trace(2).id), {2}),
        (asks("attribute", "client_request_id", "=", "x"), set()),
        (asks("tag", "mlflow.traceName", "LIKE", "name_"), {1, 2, 3, 4, 5, 6}),
        (asks("tag", "mlflow.traceName", "LIKE", "NAME%"), set()),
        (asks("tag", "mlflow.traceName", "ILIKE", "NAME1"), {1, 3, 5}),
        (asks("tag", "mlflow.traceName", "RLIKE", "^n.*1$"), {1, 3, 5}),
        (asks("tag", "team", "=", "red"), {1, 3, 5}),
        (asks("tag", "team", "!=", "red"), {2, 4, 6}),
        (asks("tag", "none", "!=", "red"), set()),
        (asks("tag", "none", "IS NULL"), {1, 2, 3, 4, 5, 6}),
        (asks("tag", "team", "IS NOT NULL"), {1, 2, 3, 4, 5, 6}),
        (asks("metadata", "mlflow.source.type", "=", "LOCAL"), {1, 2, 3, 4, 5, 6}),
        (asks("metadata", "mlflow.sourceRun", "=", "r1"), {2, 3}),
        (asks("prompt", "prompt", "=", "p/1"), {4}),
        (asks("span", "name", "=", "step2"), {1}),
        (asks("span", "attributes.color", "=", "red"), {1, 2}),
        (asks("span", "attributes.color", "=", "re"), set()),
        (asks("span", "attributes.count", "=", "2"), {1}),
        (asks("span", "attributes.color", "LIKE", "%red%"), {1, 2}),
        (asks("span", "content", "LIKE", "%color%"), {1, 2}),
        (asks("span", "content", "LIKE", "%COLOR%"), set()),
        (AllOf((asks("span", "name", "=", "step1"), asks("span", "type", "=", "TOOL"))), set()),
        (AllOf((asks("span", "name", "=", "step2"), asks("span", "type", "=", "TOOL"))), {1}),
        (asks("feedback", "correct", "=", "true"), {1}),
        (asks("feedback", "correct", "!=", "true"), set()),
        (asks("feedback", "score", ">", 0.5), {2}),
        (asks("feedback", "score", "<=", 0.5), set()),
        (asks("feedback", "correct", "IS NOT NULL"), {1}),
        (asks("feedback", "correct", "IS NULL"), {2, 3, 4, 5, 6}),
        (asks("feedback", "old", "IS NOT NULL"), set()),
        (asks("expectation", "answer", "=", "yes"), {3}),
        (asks("expectation", "answer", "LIKE", "%es%"), {3}),
        (asks("feedback", "answer", "=", "yes"), set()),
        (asks("issue", "id", "=", "i-1"), {4}),
        (
            AnyOf((asks("tag", "team", "=", "red"), asks("attribute", "timestamp_ms", "=", 1002))),
            {1, 2, 3, 5},
        ),
        (Not(asks("tag", "team", "=", "red")), {2, 4, 6}),
        (Not(asks("attribute", "client_request_id", "=", "x")), {1, 2, 3, 4, 5, 6}),
        (Not(Not(asks("attribute", "client_request_id", "=", "x"))), set()),
        (Not(asks("attribute", "execution_time_ms", ">", 3)), {1, 2, 3, 5}),
        (
            Not(AllOf((asks("span", "name", "=", "step2"), asks("span", "type", "=", "TOOL")))),
            {2, 3, 4, 5, 6},
        ),
        (
            Not(AllOf((asks("span", "name", "=", "step1"), asks("span", "type", "=", "TOOL")))),
            {1, 2, 3, 4, 5, 6},
        ),
        (
            Not(AnyOf((asks("tag", "team", "=", "red"), asks("attribute", "client_request_id", "=", "x")))),
            {2, 4, 6},
        ),
        (Not(AllOf(())), set()),
        (AllOf(()), {1, 2, 3, 4, 5, 6}),
        (AnyOf(()), set()),
    ],
    ids=str,
)
def test_conditions_find_what_they_say(traced, condition, expected):
    with traced.write() as records:
        records.traces.save(replace(trace(2), metadata={**trace(2).metadata, "mlflow.sourceRun": "r1"}))
        records.traces.save(replace(trace(5), duration_ms=None))
        records.traces.link([trace(3).id, "tr-none"], "run", ["r1"])
        records.traces.link([trace(3).id], "run", ["r1"])
        records.traces.link([trace(4).id], "prompt", ["p/1", "p/2"])
        records.spans.put([span(1), span(1, 2, parent=f"{1:016x}"), span(2)])
        records.assessments.put(assessment(1, 1, value=True))
        records.assessments.put(assessment(1, 2, name="old", value=1, valid=False))
        records.assessments.put(assessment(2, 3, name="score", value=0.7))
        records.assessments.put(assessment(3, 4, AssessmentKind.EXPECTATION, name="answer", value="yes"))
        records.assessments.put(assessment(4, 5, AssessmentKind.ISSUE, name="i-1", value="slow"))
    assert set(found(traced, condition)) == expected


def test_what_was_said_of_a_conversation_holds_for_all_its_traces(traced):
    with traced.write() as records:
        for number in (1, 2):
            records.traces.save(replace(trace(number), metadata={SESSION: "s1"}))
        records.traces.save(replace(trace(3), metadata={SESSION: "s2"}))
        records.assessments.put(assessment(1, value=True, metadata={SESSION: "s1"}))
        records.assessments.put(assessment(3, 2, value=True))
    assert set(found(traced, asks("feedback", "correct", "=", "true"))) == {1, 2, 3}
    assert set(found(traced, asks("feedback", "correct", "IS NULL"))) == {4, 5, 6}


@pytest.mark.parametrize(
    "order",
    [
        (),
        (by("attribute", "timestamp_ms"),),
        (by("attribute", "execution_time_ms", descending=True),),
        (by("attribute", "request_id"),),
        (by("tag", "mlflow.traceName"), by("attribute", "timestamp_ms", descending=True)),
        (by("tag", "team", descending=True),),
        (by("tag", "rare"),),
        (by("metadata", "mlflow.sourceRun"),),
    ],
    ids=str,
)
def test_pages_follow_one_another_without_gap_or_repetition(traced, order):
    with traced.write() as records:
        records.traces.save(replace(trace(2), duration_ms=None, tags={"rare": "x"}))
        records.traces.save(replace(trace(4), duration_ms=None, tags={"rare": "a"}))
    whole = found(traced, order=order)
    assert sorted(whole) == [1, 2, 3, 4, 5, 6]
    pages, cursor = [], ""
    while True:
        with traced.read() as records:
            page = records.traces.search((1, 2), Search(order=order, limit=2, cursor=cursor))
        pages += [int(each.id[3:], 16) for each in page.items]
        cursor = page.next_cursor
        if not cursor:
            break
    assert pages == whole


def test_what_has_no_value_to_be_ordered_by_comes_last(traced):
    with traced.write() as records:
        records.traces.save(replace(trace(2), tags={"rare": "x"}))
        records.traces.save(replace(trace(4), tags={"rare": "a"}))
    assert found(traced, order=(by("tag", "rare"),))[:2] == [4, 2]
    assert found(traced, order=(by("tag", "rare", descending=True),))[:2] == [2, 4]


def test_a_foreign_cursor_is_refused(traced):
    with traced.read() as records, pytest.raises(BadInputError, match="Invalid page token"):
        records.traces.search((1,), Search(cursor="abc"))
