from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.errors import BadInputError
from assay.core.tracking.evaluations import (
    EvaluationRecord,
    EvaluationSet,
    Scorer,
    check_evaluation_set,
    check_record,
    check_scorer,
    merged,
    newest_of_each,
    wider_schema,
)

RECORD = EvaluationRecord("dr-1", "d-1", {"q": 1}, 1, 1)
SET = EvaluationSet("d-1", "team", "s", 1, 1)
SCORER = Scorer("id", 1, "s", 1, "{}", 1)
WORDS = st.dictionaries(st.text("abc", min_size=1), st.integers() | st.text() | st.none(), max_size=4)


@given(WORDS)
def test_inputs_are_the_same_in_any_order(inputs):
    turned = dict(reversed(inputs.items()))
    assert replace(RECORD, inputs=inputs).inputs_digest == replace(RECORD, inputs=turned).inputs_digest


@given(WORDS, WORDS, WORDS)
def test_saying_a_record_again_loses_nothing_and_prefers_what_was_said_last(before, said, tags):
    texts = {key: str(value) for key, value in tags.items()}
    first = replace(RECORD, expectations=before or None, outputs=1, tags={"a": "old"})
    after = merged(first, replace(RECORD, expectations=said or None, tags=texts, updated_at_ms=9))
    assert after == replace(
        first, expectations={**before, **said} or None, tags={"a": "old", **texts}, updated_at_ms=9
    )
    assert merged(after, replace(RECORD, expectations=said or None, tags=texts, updated_at_ms=9)) == after


def test_a_schema_keeps_the_kind_seen_first():
    one = replace(RECORD, inputs={"q": True}, outputs={"o": 1.5}, expectations={"e": None})
    other = replace(RECORD, inputs={"q": "x", "l": []}, outputs="text", expectations={"d": {}})
    assert wider_schema(wider_schema(None, [one]), [other]) == {
        "inputs": {"q": "boolean", "l": "array"},
        "outputs": {"o": "float"},
        "expectations": {"e": "null", "d": "object"},
        "version": "1.0",
    }
    assert wider_schema(None, []) is None


def test_the_digest_of_a_set_changes_with_its_records():
    assert SET.digest != replace(SET, updated_at_ms=2).digest
    assert len(SET.digest) == 8


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (check_evaluation_set, replace(SET, name=" ")),
        (check_evaluation_set, replace(SET, name="x" * 256)),
        (check_evaluation_set, replace(SET, tags={"../x": ""})),
        (check_evaluation_set, replace(SET, tags={"x": "y" * 100_001})),
        (check_record, replace(RECORD, inputs=[])),
        (check_record, replace(RECORD, expectations="x")),
        (check_record, replace(RECORD, tags={"x": 1})),
        (check_record, replace(RECORD, outputs="x" * 1_000_001)),
        (check_scorer, replace(SCORER, name="")),
        (check_scorer, replace(SCORER, text="x")),
        (check_scorer, replace(SCORER, text="[]")),
        (check_scorer, replace(SCORER, text='"' + "x" * 1_000_001 + '"')),
    ],
    ids=range(12),
)
def test_what_breaks_a_rule_is_refused(check, value):
    with pytest.raises(BadInputError):
        check(value)


def test_of_each_scorer_the_greatest_number_counts():
    all_of_them = [
        SCORER,
        replace(SCORER, number=3),
        replace(SCORER, number=2),
        replace(SCORER, experiment_id=2),
    ]
    assert newest_of_each(all_of_them) == (replace(SCORER, number=3), replace(SCORER, experiment_id=2))
