"""Which tracked files a version keeps from changing, and for how long."""

import pytest

from assay.core.errors import BadInputError, ConflictError, NotFoundError
from assay.core.names import Address
from assay.core.tracking.datasets import CONTEXT_TAG, Dataset, DatasetInput
from assay.core.tracking.metrics import Point
from usecases.tracked_world import Tracked

HELD = DatasetInput(Dataset("held", "1", "local", "s"), {CONTEXT_TAG: "eval"})


@pytest.fixture
def tracked(world):
    return Tracked(world)


def place(tracked, run, name="model/model.pkl"):
    return f"{tracked.inside(run.artifact_root)}/{name}"


def deleted(tracked, version):
    tracked.use.changing.delete_version(tracked.world.local, Address(version.model, number=version.number))


def test_a_version_is_of_one_run_or_logged_model_and_never_of_an_experiment(tracked):
    run = tracked.run()
    model = tracked.logged_model(run)
    number = tracked.experiment.id
    for source in (str(number), f"{number}/{run.id}", f"{number}/models", f"{number}/models/{model.id}"):
        with pytest.raises(BadInputError, match="the files of one run or of one logged model"):
            tracked.release(f"mlflow-artifacts:/{source}")
    for source in (f"{number}/nothing", f"{number}/{run.id}/other", f"{number}/artifacts/x"):
        with pytest.raises(NotFoundError, match="there are no files"):
            tracked.release(f"mlflow-artifacts:/{source}")
    tracked.store(place(tracked, run), b"may change")
    for root in (run.artifact_root, f"{run.artifact_root}/model", f"{run.artifact_root}/model/MLmodel"):
        assert tracked.release(root).source.run_id == run.id
    made = tracked.release(model.artifact_root)
    assert (made.source.run_id, made.source.logged_model_id) == (run.id, model.id)


def test_files_may_change_again_when_the_last_version_made_from_them_is_deleted(tracked):
    run = tracked.run()
    first, second = (tracked.release(f"runs:/{run.id}/model") for _ in range(2))
    for version in (first, second):
        with pytest.raises(ConflictError, match="was made from it"):
            tracked.store(place(tracked, run), b"other bytes")
        deleted(tracked, version)
    assert tracked.store(place(tracked, run), b"other bytes").size_bytes == 11


def test_deleting_the_model_lets_go_of_the_files_of_all_its_versions(tracked):
    run = tracked.run()
    tracked.release(f"runs:/{run.id}/model")
    tracked.use.outside.delete(tracked.world.local, "team.fraud")
    assert tracked.store(place(tracked, run), b"other bytes").size_bytes == 11


def test_files_that_evidence_speaks_of_never_change(tracked):
    run = tracked.run(metrics=(Point("accuracy", 0.9, 5),))
    tracked.use.runs.log_inputs(tracked.ada, run.id, [HELD])
    version = tracked.release(f"runs:/{run.id}/model")
    assert tracked.use.browsing.evidence(tracked.ada, Address(version.model, number=version.number))
    deleted(tracked, version)
    with pytest.raises(ConflictError, match="was made from it"):
        tracked.store(place(tracked, run), b"other bytes")


@pytest.mark.parametrize(
    "name",
    ["model/C:/x", "model/d:evil", "C:", "x\u0378", "u\ufffd", "/".join(["d" * 200] * 5), "é" * 500],
    ids=["drive", "drive file", "drive alone", "unassigned", "not UTF-8", "long", "long in bytes"],
)
def test_no_name_is_stored_that_no_version_could_have(tracked, name):
    run = tracked.run()
    with pytest.raises(BadInputError):
        tracked.store(place(tracked, run, f"model/{name}"), b"x")
    with pytest.raises(BadInputError):
        tracked.use.uploading.begin(tracked.ada, place(tracked, run, f"model/{name}"), 1)
    assert tracked.release(f"runs:/{run.id}/model").number == 1


def test_names_that_differ_in_case_or_unicode_form_are_stored_and_registered(tracked):
    run = tracked.run()
    names = ("A.png", "a.png", "\u00e9", "e\u0301")
    for name in names:
        tracked.store(place(tracked, run, f"model/{name}"), name.encode())
    made = tracked.release(f"runs:/{run.id}/model")
    assert set(names) <= {each.path for each in made.files}
