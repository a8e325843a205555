"""Rules that several doors and use cases share: each is said in one place."""

from datetime import UTC, datetime, timedelta

import pytest

from assay.core.computed_tags import check_not_own, without_own
from assay.core.errors import BadInputError
from assay.core.instants import milliseconds
from assay.core.names import reads_as_version
from assay.core.prompts import PROMPT_TAG, is_prompt


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({PROMPT_TAG: "true"}, True),
        ({PROMPT_TAG: "TRUE"}, True),
        ({PROMPT_TAG: "True"}, True),
        ({PROMPT_TAG: "false"}, False),
        ({PROMPT_TAG: ""}, False),
        ({PROMPT_TAG: " true"}, False),
        ({PROMPT_TAG: "1"}, False),
        ({"mlflow.prompt.text": "true"}, False),
        ({}, False),
    ],
)
def test_a_prompt_is_what_says_true_of_itself_in_any_case(tags, expected):
    assert is_prompt(tags) is expected


@pytest.mark.parametrize("text", ["v1.0.0", "1.2.3", "1", "12", "v0.0.0"])
def test_some_texts_read_as_versions(text):
    assert reads_as_version(text)


@pytest.mark.parametrize(
    "text", ["", "v", "v1", "0", "v1-candidate", "1st", "2024-q3", "1.2", "v01.0.0", "latest"]
)
def test_others_do_not(text):
    assert not reads_as_version(text)


def test_tags_of_the_registrys_own_are_told_by_how_they_begin():
    tags = {"assay.digest": "x", "assay.": "y", "assay": "z", "k.assay.": "v"}
    assert without_own(tags) == {"assay": "z", "k.assay.": "v"}
    alike = (" assay.x", "ASSAY.x", "\uff41ssay.x", "assay\u200b.x", "\u0430ssay.x", "a\u0455\u0455ay\uff0ex")
    for key in ("assay.digest", "assay.", "assay.of-tomorrow", *alike):
        with pytest.raises(BadInputError, match="registry's own"):
            check_not_own(key)
    assert check_not_own("assay") == "assay"


def test_milliseconds_are_whole_and_exact():
    at = datetime(1970, 1, 1, tzinfo=UTC)
    assert milliseconds(at + timedelta(microseconds=1999)) == 1
    assert milliseconds(datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)) == 253_402_300_799_999
    assert milliseconds(at - timedelta(microseconds=1)) == -1
