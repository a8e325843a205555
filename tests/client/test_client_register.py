"""Registering: one call brings a model with all its surroundings."""

import inspect

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from skl2onnx import to_onnx
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from assay.client.registering import Details
from assay.core.errors import BadInputError
from assay.core.provenance import DataRole, Environment, Hardware
from assay.core.signatures import DType, Field, Signature


@pytest.fixture(scope="module")
def frame():
    generator = np.random.default_rng(7)
    age = generator.integers(18, 90, 120).astype(float)
    age[::10] = np.nan
    city = generator.choice(["Rome", "Oslo"], 120)
    outcome = np.where((np.nan_to_num(age, nan=40) > 50) ^ (city == "Oslo"), "yes", "no")
    return pd.DataFrame({"age": age, "city": city, "outcome": outcome})


@pytest.fixture(scope="module")
def model(frame):
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["age"]), (OneHotEncoder(), ["city"])
    )
    return make_pipeline(columns, LogisticRegression(C=0.5)).fit(frame[["age", "city"]], frame["outcome"])


@pytest.fixture
def files(frame, model, tmp_path):
    """A folder with training and evaluation tables and the model file."""
    frame[:80].to_csv(tmp_path / "training.csv", index=False)
    frame[80:].to_csv(tmp_path / "evaluation.csv", index=False)
    joblib.dump(model, tmp_path / "model.joblib")
    skops.io.dump(model, tmp_path / "model.skops")
    return tmp_path


@pytest.mark.parametrize("name", ["model.joblib", "model.skops"])
def test_everything_that_can_be_found_out_is_registered(name, client, fake, files):
    done = client.register(
        "team/task",
        files / name,
        data=files / "training.csv",
        evaluation=files / "evaluation.csv",
        label="outcome",
        sample=files / "evaluation.csv",
        metrics={"accuracy": 0.9},
        tags={"owner": "ann"},
        labels=["tabular"],
    )
    wanted = fake.received
    assert done.is_new
    assert wanted.signature == Signature(
        (Field("age", DType.FLOAT64, nullable=True), Field("city", DType.STRING)),
        (Field("prediction", DType.STRING, classes=("no", "yes")),),
    )
    found = wanted.provenance
    assert found.hyperparameters["logisticregression__C"] == 0.5
    assert found.architecture.startswith("Pipeline(ColumnTransformer(")
    assert [each.role for each in found.data] == [DataRole.TRAINING, DataRole.EVALUATION, DataRole.GOLDEN]
    assert [each.row_count for each in found.data] == [80, 40, 40]
    assert [each.label for each in found.data] == ["outcome", "outcome", ""]
    assert isinstance(found.environment, Environment)
    assert isinstance(found.hardware, Hardware)
    assert dict(found.metrics) == {"accuracy": 0.9}
    assert (wanted.version, dict(wanted.tags), wanted.labels) == ("auto", {"owner": "ann"}, ("tabular",))


def test_golden_predictions_are_those_of_the_live_model(client, fake, files, model, frame):
    client.register("team/task", files / "model.joblib", sample=files / "evaluation.csv", label="outcome")
    (golden,) = fake.received.provenance.data_of(DataRole.GOLDEN)
    path = files / "golden.parquet"
    path.write_bytes(fake.blobs[golden.digest])
    found = pd.read_parquet(path)
    assert list(found["prediction"]) == list(model.predict(frame[["age", "city"]][80:]))


def test_a_live_estimator_is_asked_and_no_file_is_loaded(client, fake, frame, model, tmp_path):
    path = tmp_path / "model.unknown"
    path.write_bytes(b"weights")
    client.register("team/task", path, estimator=model, sample=frame.head(10), label="outcome")
    assert fake.received.signature.outputs[0].classes == ("no", "yes")
    assert fake.received.provenance.hyperparameters["logisticregression__C"] == 0.5


def test_an_onnx_model_is_asked_like_any_other(client, fake, tmp_path):
    table = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0]}).astype("float32")
    labels = np.array([0, 0, 1, 1])
    graph = to_onnx(LogisticRegression().fit(table.to_numpy(), labels), table.to_numpy()[:1])
    (tmp_path / "model.onnx").write_bytes(graph.SerializeToString())
    sample = table.assign(y=labels)
    sample.to_csv(tmp_path / "sample.csv", index=False)
    client.register("team/task", tmp_path / "model.onnx", sample=tmp_path / "sample.csv", label="y")
    signature = fake.received.signature
    assert [field.name for field in signature.inputs] == ["a", "b"]
    assert signature.outputs == (Field("prediction", DType.INT64, classes=(0, 1)),)
    client.register("team/task", tmp_path / "model.onnx", load=True)
    assert fake.received.signature.inputs[0].shape == (-1, 2)


def test_a_bare_file_is_registered_with_what_is_known_and_the_rest_is_noted(client, fake, tmp_path):
    path = tmp_path / "weights.bin"
    path.write_bytes(b"weights")
    done = client.register("team/task", path)
    provenance = fake.received.provenance
    assert fake.received.signature is None
    assert provenance.hyperparameters is None
    assert provenance.data == ()
    subjects = {note.partition(":")[0] for note in done.notes}
    assert {"signature", "hyperparameters", "data", "metrics"} <= subjects
    assert provenance.environment is not None


def test_data_that_stays_at_home_is_named_but_not_sent(client, fake, files):
    client.register("team/task", files / "model.joblib", data=files / "training.csv", upload_data=False)
    (reference,) = fake.received.provenance.data
    assert reference.digest not in fake.blobs
    assert set(fake.blobs) == {entry.digest for entry in fake.received.files}


def test_a_folder_becomes_a_version_with_its_tests_beside_it(client, fake, files, tmp_path_factory):
    tests = tmp_path_factory.mktemp("elsewhere") / "tests"
    tests.mkdir()
    (tests / "test_model.py").write_text("def test_nothing(): pass\n")
    folder = files / "version"
    folder.mkdir()
    (files / "model.joblib").rename(folder / "model.joblib")
    client.register("team/task", folder, include=[tests])
    assert [entry.path for entry in fake.received.files] == ["model.joblib", "tests/test_model.py"]


def test_what_is_told_is_taken_and_not_inferred(client, fake, files):
    signature = Signature((Field("x", DType.FLOAT32),), (Field("y", DType.FLOAT32),))
    environment = Environment("3.11.4", "", ("numpy==2.1.0",))
    client.register(
        "team/task",
        files / "model.joblib",
        version="v2.0.0",
        signature=signature,
        hyperparameters={"c": 1},
        environment=environment,
        commit="a" * 40,
        repository="https://example.org/r",
        source=files / "training.csv",
    )
    wanted = fake.received
    assert (wanted.version, wanted.signature) == ("v2.0.0", signature)
    assert wanted.provenance.environment == environment
    assert wanted.provenance.hyperparameters == {"c": 1}
    assert wanted.provenance.code.commit == "a" * 40
    assert wanted.provenance.code.source_digest is not None


def test_the_model_is_not_loaded_unless_it_is_asked_for(client, tmp_path):
    path = tmp_path / "model.joblib"
    path.write_bytes(b"this would not load")
    client.register("team/task", path)
    with pytest.raises(BadInputError, match="must be a model that loads here"):
        client.register("team/task", path, load=True)


def test_a_sample_that_does_not_fit_the_model_is_refused_before_anything_is_sent(client, fake, files):
    sample = pd.DataFrame({"age": ["not a number"], "city": ["Rome"]})
    with pytest.raises(BadInputError, match="sample"):
        client.register("team/task", files / "model.joblib", sample=sample)
    assert fake.asked == []


@pytest.mark.parametrize(
    ("details", "field"),
    [
        ({"metrics": {"a": "0.9"}}, "metrics.a"),
        ({"metrics": {"a": True}}, "metrics.a"),
        ({"metrics": {"a": float("nan")}}, "metrics.a"),
        ({"data": "nowhere.csv"}, "path"),
        ({"repository": "somewhere"}, "commit"),
    ],
)
def test_bad_details_are_refused_before_anything_is_sent(details, field, client, fake, files):
    with pytest.raises(BadInputError, match=field):
        client.register("team/task", files / "model.joblib", **details)
    assert fake.asked == []


def test_a_bad_model_name_is_refused_before_a_file_is_read(client, fake, tmp_path):
    with pytest.raises(BadInputError, match="team/task"):
        client.register("task", tmp_path / "missing")
    assert fake.asked == []


def test_an_unknown_detail_is_a_mistake_in_the_program(client, files):
    with pytest.raises(TypeError, match="metric"):
        client.register("team/task", files / "model.joblib", metric={})


def test_files_are_uploaded_before_the_version_names_them(client, fake, files):
    seen = []
    client.register(
        "team/task",
        files / "model.joblib",
        data=files / "training.csv",
        progress=lambda *report: seen.append(report[2]),
    )
    assert [request.method for request in fake.asked] == ["HEAD", "PUT", "HEAD", "PUT", "POST"]
    assert set(seen) == {"model.joblib", "training.csv"}


def test_every_detail_is_documented():
    text = inspect.getdoc(Details)
    assert [name for name in Details.__annotations__ if name not in text] == []
