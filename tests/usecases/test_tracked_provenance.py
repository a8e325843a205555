"""What a run says becomes provenance, whatever it says."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.errors import BadInputError
from assay.core.provenance import MAX_ITEMS, DataRole
from assay.core.tracking.datasets import CONTEXT_TAG, Dataset, DatasetInput
from assay.core.tracking.keys import check_key
from assay.core.tracking.metrics import Point
from assay.core.tracking.runs import LoggedRun, Run, RunStatus
from assay.formats.mlmodel import PackedModel
from assay.usecases.tracked_points import Logged, told_by
from assay.usecases.tracked_provenance import (
    COMMIT_TAG,
    DATA_HASH_TAG,
    DATA_VERSION_TAG,
    DIRTY_TAG,
    REPOSITORY_TAG,
    provenance_of,
)

RUN = Run("r", 1, "r", "ada", RunStatus.FINISHED, 0, "mlflow-artifacts:/1/r/artifacts")
SHA = "sha256:" + "a" * 64


def is_key(text):
    try:
        return bool(check_key(text))
    except BadInputError:
        return False


keys = st.one_of(
    st.text("aé/_ .", min_size=1, max_size=8).filter(is_key),
    st.sampled_from(["é" * 250, "𝄞a" * 3]).filter(is_key),
)
texts = st.one_of(st.text(max_size=10), st.sampled_from(["x" * 70_000, "é" * 30_000, "", "\0"]))
named = st.sampled_from([COMMIT_TAG, REPOSITORY_TAG, DIRTY_TAG, DATA_HASH_TAG, DATA_VERSION_TAG])
tag_values = st.one_of(texts, st.sampled_from(["a" * 40, "A" * 40, SHA, "true", "True"]))
datasets = st.builds(
    lambda name, digest, source, context: DatasetInput(
        Dataset(name, digest, "local", source), {CONTEXT_TAG: context}
    ),
    st.one_of(st.text(max_size=8), st.just("é" * 500)),
    st.text(max_size=36),
    st.one_of(st.text(max_size=8), st.just("x" * 60_000)),
    st.sampled_from(["train", "TEST", "eval", "", "x"]),
)
runs = st.builds(
    lambda metrics, params, tags, data: LoggedRun(
        RUN, tuple(Point(key, value, 0) for key, value in metrics.items()), params, tags, tuple(data)
    ),
    st.dictionaries(keys, st.floats(), max_size=4),
    st.dictionaries(keys, texts, max_size=4),
    st.dictionaries(named, tag_values, max_size=5),
    st.lists(datasets, max_size=3),
)


@given(runs, st.text(max_size=2000))
def test_whatever_a_run_says_becomes_provenance(run, architecture):
    found = provenance_of(run, PackedModel(architecture=architecture), {})
    assert all(map(math.isfinite, found.metrics.values()))
    told = told_by(Logged(run), found.data_digest(DataRole.EVALUATION))
    assert told.facts["metrics"] == found.metrics
    assert told.undefined.keys() | told.points.keys() == {
        point.key for point in run.metrics if len(point.key.encode()) <= 250
    }


def test_no_more_is_kept_than_provenance_can_hold():
    many = range(MAX_ITEMS + 10)
    run = LoggedRun(
        RUN,
        tuple(Point(f"m{number}", 1.0, 0) for number in many),
        {f"p{number}": "x" for number in many},
        {DATA_HASH_TAG: SHA},
        tuple(DatasetInput(Dataset(f"d{number}", "x")) for number in many),
    )
    found = provenance_of(run, PackedModel(), {})
    assert len(found.metrics) == len(found.hyperparameters) == len(found.data) == MAX_ITEMS
    assert found.data[-1].digest == SHA


def test_without_a_run_only_the_files_speak():
    files = {"requirements.txt": b"numpy==2.0.0"}
    found = provenance_of(None, PackedModel(python="3.11.2", architecture="sklearn"), files)
    assert (found.environment.packages, found.architecture) == (("numpy==2.0.0",), "sklearn")
    assert set(found.missing) == {
        "training data",
        "code commit",
        "hyperparameters",
        "held-out metrics",
        "hardware",
    }


@pytest.mark.parametrize(
    ("tags", "commit"),
    [
        ({COMMIT_TAG: "A" * 40}, "a" * 40),
        ({COMMIT_TAG: "a" * 64, REPOSITORY_TAG: "x" * 9000}, "a" * 64),
        ({COMMIT_TAG: "abc123"}, None),
        ({COMMIT_TAG: ""}, None),
        ({REPOSITORY_TAG: "https://x"}, None),
    ],
)
def test_only_a_full_commit_names_code(tags, commit):
    code = provenance_of(LoggedRun(RUN, tags=tags), PackedModel(), {}).code
    assert (code.commit if code else None) == commit


@pytest.mark.parametrize(
    ("context", "role"),
    [
        ("train", DataRole.TRAINING),
        ("Training", DataRole.TRAINING),
        ("", DataRole.TRAINING),
        ("validation", DataRole.VALIDATION),
        ("test", DataRole.EVALUATION),
        ("eval", DataRole.EVALUATION),
    ],
)
def test_data_sets_have_the_role_that_the_run_says(context, role):
    data = DatasetInput(Dataset("iris", "d1", "http", "https://x"), {CONTEXT_TAG: context})
    (found,) = provenance_of(LoggedRun(RUN, datasets=(data,)), PackedModel(), {}).data
    assert (found.role, found.name) == (role, "iris (declared d1)")


def test_a_hash_that_the_guide_tags_names_the_training_data():
    tags = {DATA_HASH_TAG: SHA, DATA_VERSION_TAG: "v3"}
    (found,) = provenance_of(LoggedRun(RUN, tags=tags), PackedModel(), {}).data
    assert (found.role, found.digest, found.name) == (DataRole.TRAINING, SHA, "v3")
    for wrong in ("md5:abc", "a" * 64, ""):
        assert provenance_of(LoggedRun(RUN, tags={DATA_HASH_TAG: wrong}), PackedModel(), {}).data == ()


def test_no_parameters_at_all_are_missing_parameters():
    assert provenance_of(LoggedRun(RUN), PackedModel(), {}).hyperparameters is None
    found = provenance_of(LoggedRun(RUN, params={"c": ""}), PackedModel(), {})
    assert found.hyperparameters == {"c": ""}
