"""DESIGN section 5, row by row."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.bumps import next_version, required_bump
from assay.core.digests import digest_of
from assay.core.errors import RefusedError
from assay.core.provenance import Code, DataReference, DataRole, Environment, Provenance
from assay.core.semver import FIRST, Bump, SemVer
from assay.core.signatures import DType, Field, Signature, diff_signatures
from core.sample_versions import version_of

AGE, SEX = Field("age", DType.FLOAT64), Field("sex", DType.STRING)
LABEL = Field("label", DType.STRING, classes=("no", "yes"))
SIGNATURE = Signature((AGE, SEX), (LABEL,))
MADE = Provenance(
    data=(DataReference(DataRole.TRAINING, digest_of(b"a"), 1),),
    code=Code("a" * 40),
    hyperparameters={"c": 1.0},
    metrics={"accuracy": 0.9},
    environment=Environment("3.11.2", packages=("numpy==1.0.0",)),
    architecture="LogisticRegression",
)
OLD = version_of(SIGNATURE, MADE, SemVer(1, 2, 3))


def bump(signature=SIGNATURE, **changes):
    return required_bump(OLD, signature, replace(MADE, **changes)).bump


def inputs(*fields):
    return Signature(fields, (LABEL,))


def outputs(*fields):
    return Signature((AGE, SEX), fields)


@pytest.mark.parametrize(
    "signature",
    [
        inputs(AGE),
        inputs(AGE, replace(SEX, name="gender")),
        inputs(replace(AGE, dtype=DType.FLOAT32), SEX),
        inputs(replace(AGE, dtype=DType.INT64), SEX),
        inputs(AGE, SEX, Field("weight", DType.FLOAT64)),
        inputs(SEX, AGE),
        outputs(replace(LABEL, name="answer")),
        outputs(replace(LABEL, dtype=DType.INT64)),
        outputs(replace(LABEL, shape=(2,))),
        outputs(replace(LABEL, classes=("no", "perhaps", "yes"))),
        outputs(LABEL, Field("score", DType.FLOAT64)),
        None,
    ],
    ids=["removed", "renamed", "narrowed", "float to int", "newly required", "reordered", "output name",
         "output type", "output shape", "class set", "output added", "signature lost"],
)  # fmt: skip
def test_major(signature):
    assert bump(signature) is Bump.MAJOR


def test_an_input_that_becomes_required_is_major_and_one_that_becomes_optional_is_not():
    optional = inputs(AGE, replace(SEX, required=False))
    assert required_bump(version_of(optional, MADE), SIGNATURE, MADE).bump is Bump.MAJOR
    assert required_bump(version_of(SIGNATURE, MADE), optional, MADE).bump is Bump.MINOR


@pytest.mark.parametrize(
    "changes",
    [
        {"signature": inputs(AGE, SEX, Field("weight", DType.FLOAT64, required=False))},
        {"data": (DataReference(DataRole.TRAINING, digest_of(b"b"), 1),)},
        {"hyperparameters": {"c": 2.0}},
        {"hyperparameters": None},
        {"architecture": "RandomForest"},
        {"code": Code("b" * 40)},
        {"code": Code("a" * 40, dirty=True)},
        {"code": None},
        {"metrics": {"accuracy": 0.91}},
        {"metrics": {}},
        {"metrics": {"accuracy": 0.9, "f1": 0.8}},
    ],
    ids=str,
)
def test_minor(changes):
    assert bump(**changes) is Bump.MINOR


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"environment": Environment("3.12.1", packages=("numpy==2.0.0",))},
        {"metrics": {"accuracy": 0.9000001}},
        {"data": (*MADE.data, DataReference(DataRole.EVALUATION, digest_of(b"e"), 1))},
    ],
    ids=str,
)
def test_patch(changes):
    assert bump(**changes) is Bump.PATCH


def test_equal_training_source_makes_another_commit_a_patch():
    source = digest_of(b"train.py")
    old = version_of(SIGNATURE, replace(MADE, code=Code("a" * 40, source_digest=source)))
    new = replace(MADE, code=Code("b" * 40, source_digest=source))
    assert required_bump(old, SIGNATURE, new).bump is Bump.PATCH


def test_the_first_version_is_1_0_0_or_what_was_asked_for():
    assert next_version(None, None, None, None) == FIRST
    assert next_version(None, None, None, SemVer(0, 1, 0)) == SemVer(0, 1, 0)


def test_auto_takes_the_smallest_step_and_a_larger_one_may_be_asked_for():
    minor = required_bump(OLD, SIGNATURE, replace(MADE, hyperparameters={}))
    assert next_version(OLD, OLD.semver, minor, None) == SemVer(1, 3, 0)
    assert next_version(OLD, OLD.semver, minor, SemVer(2, 0, 0)) == SemVer(2, 0, 0)


def test_a_smaller_step_is_refused_with_the_reasons():
    major = required_bump(OLD, inputs(AGE), MADE)
    with pytest.raises(RefusedError, match="too small") as caught:
        next_version(OLD, OLD.semver, major, SemVer(1, 3, 0))
    assert any("sex" in reason.detail for reason in caught.value.reasons)
    assert "v2.0.0" in caught.value.hint


@given(st.sampled_from(Bump), st.builds(SemVer, *[st.integers(0, 50)] * 3))
def test_no_number_is_given_again_even_after_deletion(size, deleted):
    required = replace(required_bump(OLD, SIGNATURE, MADE), bump=size)
    highest = max(OLD.semver, deleted)
    assert next_version(OLD, highest, required, None) > highest
    with pytest.raises(RefusedError):
        next_version(OLD, highest, required, highest)


fields = st.builds(
    Field, st.sampled_from("abcd"), st.sampled_from(DType), st.none() | st.tuples(st.integers(-1, 3)),
    required=st.booleans(), nullable=st.booleans(),
)  # fmt: skip
sides = st.lists(fields, min_size=1, max_size=4, unique_by=lambda field: field.name).map(tuple)


@given(sides, sides)
def test_a_signature_differs_from_another_exactly_when_the_diff_says_so(one, two):
    old, new = Signature(one, (LABEL,)), Signature(two, (LABEL,))
    assert (diff_signatures(old, new) == ()) == (old == new)
    assert all(
        change.breaking for change in diff_signatures(outputs(LABEL), outputs(replace(LABEL, nullable=True)))
    )
