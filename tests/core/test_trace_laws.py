import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.errors import BadInputError
from assay.core.tracking.assessments import (
    AssessmentChange,
    AssessmentKind,
    change_assessment,
    check_assessment,
)
from assay.core.tracking.spans import (
    COST,
    INPUTS,
    MAX_PREVIEW_LENGTH,
    OUTPUTS,
    USAGE,
    Span,
    preview,
    total_cost,
    total_tokens,
)
from assay.core.tracking.traces import (
    DECLARED,
    FILES_TAG,
    FIXED_TAGS,
    SESSION,
    SPANS_HERE,
    SPANS_TAG,
    TOKENS,
    USER,
    Trace,
    TraceState,
    check_tag_is_free,
    check_trace,
    check_trace_id,
    declare,
    gather,
    resource_tags,
)
from contracts.trace_samples import assessment

ID = "tr-" + "0" * 32
MS = 1_000_000
NEW = Trace(ID, 1, 10**6, TraceState.IN_PROGRESS)


def span(number, parent=0, start=0, end=0, **more):
    parent_id = f"{parent:016x}" if parent else ""
    return Span(ID, f"{number:016x}", "s", start * MS, parent_id=parent_id, ended_ns=end * MS, **more)


def tokens(count):
    return {USAGE: {"input_tokens": count, "output_tokens": 1, "total_tokens": count + 1}}


@st.composite
def trees(draw):
    """Spans of one trace: the first is the root, every other hangs on an earlier one."""
    count = draw(st.integers(1, 8))
    spans = []
    for number in range(1, count + 1):
        start = draw(st.integers(0, 1000))
        spans.append(
            span(
                number,
                parent=draw(st.integers(1, number - 1)) if number > 1 else 0,
                start=start,
                end=start + draw(st.integers(0, 50)),
                state=draw(st.sampled_from(["OK", "ERROR", "UNSET"])),
                attributes=tokens(draw(st.integers(0, 9))) if draw(st.booleans()) else {},
            )
        )
    return spans


@given(trees(), st.randoms())
def test_it_does_not_matter_in_which_order_spans_arrive(spans, chance):
    at_once = gather(NEW, spans, [each.spent for each in spans])
    shuffled = list(spans)
    chance.shuffle(shuffled)
    one_by_one, seen = NEW, []
    for each in shuffled:
        seen.append(each)
        one_by_one = gather(one_by_one, [each], [other.spent for other in seen])
    assert one_by_one == at_once


@given(trees())
def test_what_the_tracing_code_declared_wins_over_what_spans_let_one_guess(spans):
    said = Trace(
        ID,
        1,
        5,
        TraceState.OK,
        duration_ms=7,
        request="q",
        response="r",
        metadata={TOKENS: "t", SESSION: "s"},
    )
    spent = [each.spent for each in spans]
    before = gather(declare(None, said, "files"), spans, spent)
    after = declare(gather(NEW, spans, spent), said, "files")
    assert before == replace(after, tags=before.tags)
    for trace in (before, after):
        assert (trace.requested_at_ms, trace.duration_ms, trace.state) == (5, 7, TraceState.OK)
        assert (trace.request, trace.response) == ("q", "r")
        assert trace.metadata == {**said.metadata, DECLARED: "true"}
        assert trace.tags == {FILES_TAG: "files", SPANS_TAG: SPANS_HERE}


def test_a_trace_is_in_progress_until_its_root_has_come():
    child, root = span(2, parent=1, start=3, end=4, state="ERROR"), span(1, start=1, end=9)
    waiting = gather(NEW, [child], [])
    assert (waiting.state, waiting.requested_at_ms, waiting.duration_ms) == (TraceState.IN_PROGRESS, 3, 1)
    done = gather(waiting, [root], [])
    assert (done.state, done.requested_at_ms, done.duration_ms) == (TraceState.OK, 1, 8)


def test_a_root_that_failed_makes_the_trace_an_error():
    assert gather(NEW, [span(1, state="ERROR")], []).state is TraceState.ERROR
    assert gather(NEW, [span(1, start=5)], []).duration_ms is None


def test_session_user_tags_and_previews_come_from_the_spans():
    said = {
        INPUTS: {"q": 1},
        OUTPUTS: {"choices": [{"message": {"role": "assistant", "content": "hi"}}]},
        "session.id": "s",
        "user.id": "u",
        "mlflow.traceTag.mine": "x",
        f"mlflow.traceTag.{FILES_TAG}": "file:///etc",
    }
    trace = gather(NEW, [span(1, attributes=said)], [])
    assert (trace.request, trace.response) == ('{"q": 1}', "hi")
    assert trace.metadata == {SESSION: "s", USER: "u"}
    assert trace.tags == {"mine": "x", SPANS_TAG: SPANS_HERE}


def test_a_span_that_sums_up_its_children_is_counted_once():
    parent = span(1, attributes={**tokens(5), COST: {"total_cost": 0.5}})
    spans = [parent, span(2, parent=1, attributes=tokens(5)), span(3, parent=2, attributes=tokens(1))]
    assert total_tokens([each.spent for each in spans]) == {
        "input_tokens": 5,
        "output_tokens": 1,
        "total_tokens": 6,
    }
    assert total_cost([each.spent for each in spans]) == {
        "input_cost": 0,
        "output_cost": 0,
        "total_cost": 0.5,
    }


def test_a_span_that_says_nothing_hides_nothing():
    spans = [span(1), span(2, parent=1, attributes=tokens(2)), span(3, parent=9, attributes=tokens(3))]
    assert total_tokens([each.spent for each in spans])["input_tokens"] == 5


@given(
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_anything_has_a_preview_of_bounded_length(value):
    found = preview(value, "user")
    assert found is None or len(found) <= MAX_PREVIEW_LENGTH


@pytest.mark.parametrize(
    ("value", "role", "expected"),
    [
        ({"messages": [{"role": "user", "content": "a"}, {"role": "x", "content": "b"}]}, "user", "a"),
        ({"messages": [{"role": "x", "content": [{"type": "text", "text": "t"}]}]}, "user", "t"),
        ({"request": {"input": [{"role": "user", "content": ["p"]}]}}, "user", "p"),
        ('{"output": [{"role": "assistant", "content": "o"}]}', "assistant", "o"),
        ({"messages": []}, "user", '{"messages": []}'),
        ("x" * 2000, "user", "x" * 997 + "..."),
        ({}, "user", None),
    ],
)
def test_of_a_chat_the_last_message_of_the_role_is_shown(value, role, expected):
    assert preview(value, role) == expected


@pytest.mark.parametrize("text", ["", "..", "a/b", "a b", "-a", "a" * 65, "a\n", "ä"])
def test_ids_that_could_be_a_path_are_refused(text):
    with pytest.raises(BadInputError, match="Invalid trace ID"):
        check_trace_id(text)


@pytest.mark.parametrize("key", sorted(FIXED_TAGS))
def test_nobody_moves_where_the_parts_of_a_trace_lie(key):
    with pytest.raises(BadInputError, match="immutable"):
        check_tag_is_free(key, "set")
    said = Trace(ID, 1, 0, tags={key: "file:///etc"})
    assert "file:///etc" not in declare(None, said, "files").tags.values()


@pytest.mark.parametrize(
    "change",
    [
        {"tags": {"../x": "1"}},
        {"tags": {"k": "x" * 100_001}},
        {"tags": {"mlflow.traceName": "x" * 4097}},
        {"metadata": {"k": "\0"}},
        {"client_request_id": "x" * 251},
        {"request": "x" * 10_001},
        {"requested_at_ms": 10**15},
        {"duration_ms": 10**15},
        {"id": "../x"},
    ],
    ids=str,
)
def test_what_cannot_be_kept_whole_is_refused(change):
    with pytest.raises(BadInputError):
        check_trace(replace(NEW, **change))


def test_a_resource_cannot_write_the_registrys_own_tags():
    attributes = {"service.name": "web", "mlflow.x": "1", "telemetry.sdk.name": "t", "n": 5, "bad//key": "x"}
    assert resource_tags(attributes) == {"service.name": "web", "n": "5"}


@pytest.mark.parametrize("text", ["{", "[]", '{"num_spans": "x"}', "null", ""])
def test_an_unreadable_size_counts_as_none_said(text):
    assert replace(NEW, metadata={"mlflow.trace.sizeStats": text}).span_count == 0


@given(st.integers(0, 10**6))
def test_the_number_of_spans_is_what_the_tracing_code_said(count):
    assert (
        replace(NEW, metadata={"mlflow.trace.sizeStats": json.dumps({"num_spans": count})}).span_count
        == count
    )


@pytest.mark.parametrize(
    "attributes", [{USAGE: "{"}, {USAGE: [1]}, {USAGE: {"input_tokens": "x"}}, {USAGE: None}]
)
def test_what_is_no_number_of_tokens_is_not_counted(attributes):
    assert total_tokens([span(1, attributes=attributes).spent]) is None


@pytest.mark.parametrize("change", [{"name": "x" * 4097}, {"kind": "x" * 501}, {"ended_ns": 2**63}])
def test_spans_that_no_column_can_hold_are_refused(change):
    with pytest.raises(BadInputError):
        replace(span(1), **change)


def test_a_change_touches_only_what_it_names():
    before = assessment(1, value=True, rationale="r", metadata={"a": "1"})
    after = change_assessment(before, AssessmentChange(metadata={"b": "2"}), 99)
    assert after == replace(before, metadata={"a": "1", "b": "2"}, updated_at_ms=99)
    errored = AssessmentChange(
        name="n", kind=AssessmentKind.FEEDBACK, error={"error_code": "E"}, rationale="q"
    )
    after = change_assessment(before, errored, 99)
    assert (after.name, after.value, after.error, after.rationale) == ("n", None, {"error_code": "E"}, "q")


def test_a_value_of_another_kind_is_refused():
    before = assessment(1, kind=AssessmentKind.EXPECTATION, value=1)
    with pytest.raises(BadInputError, match="Cannot update feedback value on a"):
        change_assessment(before, AssessmentChange(kind=AssessmentKind.FEEDBACK, value=1), 9)


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": "x" * 251},
        {"rationale": "x" * 100_001},
        {"kind": AssessmentKind.EXPECTATION},
        {"metadata": {str(number): "" for number in range(201)}},
        {"metadata": {"k": "\0"}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_assessments_that_break_a_rule_are_refused(change):
    with pytest.raises(BadInputError):
        check_assessment(replace(assessment(1), **change))


@pytest.mark.parametrize(
    ("value", "number"), [(1, 1.0), (0.5, 0.5), (True, None), ("1", None), (10**400, None)]
)
def test_only_numbers_are_compared_as_numbers(value, number):
    assert assessment(1, value=value).number == number
