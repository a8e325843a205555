"""Versions made from what was tracked: found, frozen, read; and what no version is made from."""

import pytest

from assay.core.digests import digest_of
from assay.core.errors import BadInputError, ConflictError, DeniedError, NotFoundError, RefusedError
from assay.core.evidence import Origin
from assay.core.names import Address
from assay.core.provenance import DataRole
from assay.core.signatures import DType
from assay.core.stages import Stage
from assay.core.tracking.datasets import CONTEXT_TAG, Dataset, DatasetInput
from assay.core.tracking.metrics import Point
from assay.usecases.tracking.runs import NewRun
from usecases.tracked_world import COMMIT, FILES, MLMODEL, PROMPT, Tracked


@pytest.fixture
def tracked(world):
    return Tracked(world)


def paths(version):
    return {each.path: each.digest for each in version.files}


WHOLE = {path: digest_of(content) for path, content in FILES.items()}


def test_the_guides_example_is_frozen_when_it_is_registered(tracked):
    run = tracked.run()
    made = tracked.release(f"runs:/{run.id}/model", run.id)
    assert (made.number, made.stage, made.external) == (1, Stage.DEVELOPMENT, "")
    assert paths(made) == WHOLE
    assert (made.source.uri, made.source.run_id) == (f"runs:/{run.id}/model", run.id)
    assert made.entrypoint == "model.pkl"
    root = tracked.inside(run.artifact_root)
    for act in (
        lambda: tracked.store(f"{root}/model/model.pkl", b"others"),
        lambda: tracked.use.artifacts.remove(tracked.ada, f"{root}/model/model.pkl"),
        lambda: tracked.use.artifacts.remove(tracked.ada, f"{root}/model"),
    ):
        with pytest.raises((ConflictError, RefusedError)):
            act()
    tracked.store(f"{root}/model/model.pkl", FILES["model.pkl"])
    tracked.store(f"{root}/beside.txt", b"free")
    assert paths(tracked.use.browsing.version(tracked.ada, Address(made.model, number=1))) == WHOLE


def test_the_guides_example_is_refused_where_the_run_does_not_exist(tracked):
    for source, run_id in (
        ("runs:/abc123/model", "abc123"),
        ("runs:/abc123/model", ""),
        ("runs:/abc123", ""),
    ):
        with pytest.raises(NotFoundError, match="Run with id=abc123 not found"):
            tracked.release(source, run_id)
    assert tracked.versions() == ()


def test_what_the_run_and_the_files_say_becomes_provenance_and_reported_evidence(tracked):
    run = tracked.run(
        metrics=(Point("accuracy", 0.91, 5), Point("loss", float("nan"), 5)),
        params={"depth": "3"},
        tags={"mlflow.source.git.commit": COMMIT.upper(), "mlflow.source.git.repoURL": "https://x/y"},
    )
    data = DatasetInput(Dataset("iris", "d1"), {CONTEXT_TAG: "training"})
    tracked.use.runs.log_inputs(tracked.ada, run.id, [data])
    made = tracked.release(f"runs:/{run.id}/model", run.id, description="words", tags={"k": "v"})
    said = made.provenance
    assert (said.code.commit, said.code.repository) == (COMMIT, "https://x/y")
    assert (said.hyperparameters, said.metrics) == ({"depth": "3"}, {"accuracy": 0.91})
    assert (said.environment.python, said.environment.unpinned) == ("3.11.7", ())
    assert [each.role for each in said.data] == [DataRole.TRAINING]
    assert "iris" in said.data[0].name
    assert [field.dtype for field in (*made.signature.inputs, *made.signature.outputs)] == [
        DType.FLOAT64,
        DType.INT64,
    ]
    assert (made.description, made.tags) == ("words", {"k": "v"})
    evidence = tracked.use.browsing.evidence(tracked.ada, Address(made.model, number=made.number))
    assert [(each.check, each.origin) for each in evidence] == [("metrics", Origin.REPORTED)]
    assert evidence[0].measurement.facts["metrics"] == {"accuracy": 0.91}


def test_a_model_whose_bytes_lie_under_a_logged_model_is_found_by_its_run(tracked):
    run = tracked.run(files={})
    old = tracked.logged_model(run, files={"MLmodel": MLMODEL, "model.pkl": b"old"})
    new = tracked.logged_model(run)
    tracked.logged_model(run, name="other", files={"x": b"x"})
    tracked.logged_model(tracked.run(files={}), files={"x": b"of another run"})
    made = tracked.release(f"runs:/{run.id}/model", run.id)
    assert paths(made) == WHOLE
    assert (made.source.run_id, made.source.logged_model_id) == (run.id, new.id)
    assert old.id != new.id
    with pytest.raises((ConflictError, RefusedError)):
        tracked.store(f"{tracked.inside(new.artifact_root)}/model.pkl", b"others")


@pytest.mark.parametrize("model_id_said", [True, False])
def test_a_logged_model_is_a_source_of_its_own(tracked, model_id_said):
    run = tracked.run(files={}, params={"depth": "3"})
    model = tracked.logged_model(run, output=False)
    made = tracked.release(f"models:/{model.id}", logged_model_id=model.id if model_id_said else "")
    assert paths(made) == WHOLE
    assert (made.source.run_id, made.source.logged_model_id) == (run.id, model.id)
    assert made.provenance.hyperparameters == {"depth": "3"}


def test_a_copy_keeps_bytes_signature_and_provenance(tracked):
    run = tracked.run(params={"depth": "3"})
    first = tracked.release(f"runs:/{run.id}/model", run.id)
    tracked.use.outside.create(tracked.ada, "team", "team.copy")
    tracked.use.outside_stages.point(tracked.ada, "team.fraud", "best", "1")
    for number, at in enumerate(
        ("team.fraud/1", "team.fraud@best", "team%2Ffraud/1", "team.fraud/v1.0.0"), 1
    ):
        copy = tracked.release(f"models:/{at}", name="team.copy")
        assert copy.number == number
        assert (copy.digest, copy.files) == (first.digest, first.files)
        assert (copy.signature, copy.provenance) == (first.signature, first.provenance)
        assert copy.source.run_id == run.id


def test_files_named_in_the_tree_are_a_source(tracked):
    run = tracked.run()
    for source in (f"{run.artifact_root}/model", f"{run.artifact_root}/model/"):
        made = tracked.release(source, run.id)
        assert paths(made) == WHOLE
    lone = tracked.release(f"{run.artifact_root}/model/model.pkl", run.id)
    assert [*paths(lone)] == ["model.pkl"]
    assert lone.source.run_id == run.id


def test_the_same_release_again_is_a_version_of_its_own(tracked):
    run = tracked.run()
    one, other = (tracked.release(f"runs:/{run.id}/model", run.id) for _ in range(2))
    assert (one.number, other.number) == (1, 2)
    assert other.digest == one.digest


@pytest.mark.parametrize("source", ["s3://bucket/model", "gs://b/x", "dbfs:/x", "abfss://c@h/x"])
def test_bytes_that_nobody_has_read_stay_in_development(tracked, source):
    made = tracked.release(source)
    assert (made.external, made.source.uri) == (source, source)
    for stage in (Stage.STAGING, Stage.PRODUCTION):
        with pytest.raises(RefusedError, match=r"read|external|bytes"):
            tracked.use.outside_stages.transition(
                tracked.ada, "team.fraud", str(made.number), stage, archive_existing=False
            )
    with pytest.raises(RefusedError):
        tracked.use.outside_stages.point(tracked.ada, "team.fraud", "Production", str(made.number))
    copy = tracked.release(f"models:/team.fraud/{made.number}")
    assert copy.external == source
    with pytest.raises(RefusedError):
        tracked.use.outside_stages.point(tracked.ada, "team.fraud", "staging", str(copy.number))
    for each in (made, copy):
        address = Address(each.model, number=each.number)
        assert tracked.use.browsing.version(tracked.ada, address).stage is Stage.DEVELOPMENT


def test_a_prompt_is_its_text(tracked):
    tracked.use.outside.create(tracked.ada, "team", "team.greeting", tags={"mlflow.prompt.is_prompt": "true"})
    for source in ("dummy-source", "prompt-template"):
        made = tracked.release(source, name="team.greeting", tags=PROMPT)
        assert paths(made) == {"prompt.txt": digest_of(b"Say {{it}}")}
        assert made.external == ""


@pytest.mark.parametrize(
    "tags", [PROMPT, {}, {"mlflow.prompt.is_prompt": "true"}, {**PROMPT, "mlflow.prompt.is_prompt": "TRUE"}]
)
def test_a_model_is_never_a_prompt(tracked, tags):
    with pytest.raises(BadInputError, match="prompts only"):
        tracked.release("dummy-source", tags=tags)
    assert tracked.versions() == ()


@pytest.mark.parametrize(
    "source",
    [
        *(
            "",
            "model",
            "/etc/passwd",
            "./x",
            "file:///etc/passwd",
            "file://host/x",
            "file:/x",
            "C:\\x",
            "~/x",
        ),
        *(
            "http://127.0.0.1/x",
            "https://h/x",
            "ftp://h/x",
            "sftp://h/x",
            "mlflow-artifacts://host/1/x",
            "javascript:x",
        ),
        *(
            "runs://host/abc/model",
            "runs:abc/model",
            "s3:bucket",
            "s3://",
            "s3:/x",
            "data:,x",
            "registry/team/task/1",
        ),
        *(
            "mlflow-artifacts:/registry/team/task/1",
            "mlflow-artifacts:/1/../2",
            "mlflow-artifacts:/1/%2e%2e/2",
        ),
        *(
            "runs:/r/../x",
            "runs:/r/%2e%2e/x",
            "runs:/r/%252e%252e/x",
            "runs:/r/a\\..\\b",
            "runs:/r/a\0",
            "runs:/r/a?x=..",
            "runs:/r/a#..",
            "s3://b/../x",
            "s3://b/%2e%2e/x",
        ),
        *("models:/", "models:/x/", "models:/team.fraud/1/../2"),
    ],
)
def test_no_source_reaches_a_disk_a_host_or_another_place(tracked, source):
    with pytest.raises((BadInputError, NotFoundError)):
        tracked.release(source)
    assert tracked.versions() == ()


def test_a_source_without_files_is_refused(tracked):
    run = tracked.run()
    empty = tracked.run(files={})
    missing = tracked.logged_model(run, files={}, output=False)
    for source in (
        f"runs:/{run.id}/none",
        f"runs:/{run.id}/mode",
        f"runs:/{empty.id}/model",
        f"runs:/{empty.id}",
        f"models:/{missing.id}",
        "models:/m-" + "0" * 32,
        "models:/team.fraud/1",
        "models:/team.fraud@best",
        "models:/none/1",
        f"{run.artifact_root}/none",
        "mlflow-artifacts:/99999/x",
    ):
        with pytest.raises(NotFoundError):
            tracked.release(source)
    assert tracked.versions() == ()


def test_a_source_lies_in_the_run_that_is_named_beside_it(tracked):
    run, other = tracked.run(), tracked.run()
    model = tracked.logged_model(run, output=False)
    for source, run_id, model_id in (
        (f"runs:/{run.id}/model", other.id, ""),
        (f"{run.artifact_root}/model", other.id, ""),
        (f"{run.artifact_root}/model", "", model.id),
        (f"models:/{model.id}", "", "m-" + "1" * 32),
    ):
        with pytest.raises(BadInputError):
            tracked.release(source, run_id, logged_model_id=model_id)
    with pytest.raises(NotFoundError):
        tracked.release("s3://bucket/x", "none")
    assert tracked.versions() == ()


def test_files_of_another_team_are_not_found(tracked):
    world = tracked.world
    run = tracked.run()
    world.use.experiments.create(world.local, "risk", "secret")
    hidden = world.use.experiments.named(world.local, "risk", "secret")
    secret = world.use.runs.create(world.local, NewRun(hidden.id)).run
    world.use.artifacts.store(world.local, f"{tracked.inside(secret.artifact_root)}/model/x", [b"secret"])
    for source in (f"runs:/{secret.id}/model", f"{secret.artifact_root}/model"):
        with pytest.raises(NotFoundError):
            tracked.release(source)
    world.use.outside.create(world.local, "risk", "risk.model")
    with pytest.raises(NotFoundError):
        tracked.release(f"runs:/{run.id}/model", name="risk.model")


def test_a_reader_makes_no_version(tracked):
    run = tracked.run()
    reader = tracked.world.person("rita", "reader")
    with pytest.raises(DeniedError):
        tracked.release(f"runs:/{run.id}/model", run.id, caller=reader)


def test_a_deleted_run_is_no_obstacle_to_what_was_made_from_it(tracked):
    run = tracked.run()
    made = tracked.release(f"runs:/{run.id}/model", run.id)
    tracked.use.runs.delete(tracked.ada, run.id)
    tracked.use.experiments.delete(tracked.ada, tracked.experiment.id)
    again = tracked.use.browsing.version(tracked.ada, Address(made.model, number=1))
    assert paths(again) == WHOLE


@pytest.mark.parametrize("broken", [b"", b"[", b"a: [", b"- x", b"\xff\xfe", b"flavors: 5", b"x" * 5_000_000])
def test_a_broken_description_says_nothing_and_breaks_nothing(tracked, broken):
    run = tracked.run(files={"MLmodel": broken, "requirements.txt": broken[:100], "model.pkl": b"x"})
    made = tracked.release(f"runs:/{run.id}/model", run.id)
    assert made.signature is None
    assert made.provenance.environment is None
