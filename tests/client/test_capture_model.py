"""What an estimator, a sample and data files say of themselves."""

import csv
import io
import json
import math
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from assay.client import optional, tables
from assay.client.capture_data import capture_data, row_count
from assay.client.capture_model import capture_architecture, capture_hyperparameters
from assay.client.capture_signature import class_labels, input_fields, input_table, label_field, output_field
from assay.client.golden import record_golden
from assay.client.tables import as_table, table_format
from assay.core.errors import BadInputError
from assay.core.provenance import DataReference, DataRole, Provenance, TableFormat
from assay.core.signatures import DType


class Estimator:
    """Anything with ``get_params``."""

    def __init__(self, **params):
        self._params = params

    def get_params(self):
        return self._params


def test_hyperparameters_are_scalars_as_they_are_and_everything_else_as_text():
    found = capture_hyperparameters(
        Estimator(
            c=0.5,
            n=3,
            flag=True,
            none=None,
            kind="rbf",
            array=np.float32(0.25),
            count=np.int64(7),
            inner=LogisticRegression(),
            function=math.sqrt,
            weights={"a": 1},
            limit=math.inf,
        ),
        [],
    )
    assert found == {
        "c": 0.5,
        "n": 3,
        "flag": True,
        "none": None,
        "kind": "rbf",
        "array": 0.25,
        "count": 7,
        "inner": "LogisticRegression",
        "function": "math.sqrt",
        "weights": "{'a': 1}",
        "limit": "inf",
    }
    json.dumps(found, allow_nan=False)
    Provenance(hyperparameters=found)


def test_two_runs_of_the_same_training_have_the_same_hyperparameters():
    def make():
        return Pipeline([("f", FunctionTransformer(lambda x: x)), ("m", LogisticRegression())])

    assert capture_hyperparameters(make(), []) == capture_hyperparameters(make(), [])


def test_without_get_params_there_are_none_and_a_note():
    notes = []
    assert capture_hyperparameters(object(), notes) is None
    assert notes[0].startswith("hyperparameters:")


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (LogisticRegression(), "LogisticRegression"),
        (
            Pipeline([("s", StandardScaler()), ("m", LogisticRegression())]),
            "Pipeline(StandardScaler > LogisticRegression)",
        ),
        (
            Pipeline(
                [
                    ("c", ColumnTransformer([("n", StandardScaler(), ["a"]), ("t", "passthrough", ["b"])])),
                    ("m", DecisionTreeClassifier()),
                ]
            ),
            "Pipeline(ColumnTransformer(StandardScaler, passthrough) > DecisionTreeClassifier)",
        ),
        (
            VotingClassifier([("a", LogisticRegression()), ("b", DecisionTreeClassifier())]),
            "VotingClassifier(LogisticRegression, DecisionTreeClassifier)",
        ),
    ],
)
def test_the_architecture_is_the_chain_of_class_names(model, text):
    assert capture_architecture(model) == text


FRAME = {
    "whole": [1, 2, 3],
    "real": [0.5, None, 1.5],
    "text": ["a", "b", None],
    "flag": [True, False, True],
}
EXPECTED = [
    ("whole", DType.INT64, False),
    ("real", DType.FLOAT64, True),
    ("text", DType.STRING, True),
    ("flag", DType.BOOLEAN, False),
]


def columns(table):
    return [(each.name, each.dtype, each.nullable) for each in table.columns]


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_a_frame_is_described_alike_whatever_library_holds_it(make):
    assert columns(as_table(make(FRAME))) == EXPECTED


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_file_is_described_like_the_frame(suffix, tmp_path):
    path = tmp_path / f"sample.{suffix}"
    frame = pd.DataFrame(FRAME)
    frame.to_csv(path, index=False) if suffix == "csv" else frame.to_parquet(path, index=False)
    assert columns(as_table(path)) == EXPECTED
    assert columns(as_table(str(path))) == EXPECTED


@pytest.mark.parametrize("missing", [{"pandas"}, {"pandas", "polars"}])
def test_a_csv_file_is_described_alike_without_pandas(missing, tmp_path, monkeypatch):
    path = tmp_path / "sample.csv"
    pd.DataFrame(FRAME).to_csv(path, index=False)
    monkeypatch.setattr(tables, "library", lambda name: None if name in missing else optional.library(name))
    assert columns(as_table(path)) == EXPECTED


def test_parquet_without_a_reader_says_what_to_install(tmp_path, monkeypatch):
    path = tmp_path / "sample.parquet"
    pd.DataFrame(FRAME).to_parquet(path)
    monkeypatch.setattr(tables, "library", lambda name: None)
    with pytest.raises(BadInputError, match="polars"):
        as_table(path)


@pytest.mark.parametrize(
    ("series", "dtype", "is_nullable"),
    [
        (pd.Series([1, 2], dtype="int8"), DType.INT8, False),
        (pd.Series([1, None], dtype="Int32"), DType.INT32, True),
        (pd.Series([1.0], dtype="float32"), DType.FLOAT32, False),
        (pd.Series(["a", "b"], dtype="category"), DType.STRING, False),
        (pd.Series([1, 2], dtype="category"), DType.INT64, False),
        (pd.Series([True, None], dtype="boolean"), DType.BOOLEAN, True),
        (pd.Series(pd.to_datetime(["2026-01-01", None])), DType.DATETIME, True),
        (pd.Series(["a", None], dtype="object"), DType.STRING, True),
        (pd.Series([True, None], dtype="object"), DType.BOOLEAN, True),
        (pd.Series(["a", 1], dtype="object"), None, False),
    ],
)
def test_every_kind_of_series_has_its_dtype(series, dtype, is_nullable):
    (column,) = as_table(pd.DataFrame({"x": series})).columns
    assert (column.dtype, column.nullable) == (dtype, is_nullable)


def test_columns_of_mixed_values_are_named_and_refused():
    with pytest.raises(BadInputError, match="odd"):
        input_fields(as_table(pd.DataFrame({"fine": [1], "odd": pd.Series([["list"]], dtype="object")})))


def test_an_array_is_one_tensor_of_any_number_of_rows():
    (field,) = input_fields(as_table(np.zeros((5, 3), dtype="float32")))
    assert (field.name, field.dtype, field.shape) == ("input", DType.FLOAT32, (-1, 3))


@pytest.mark.parametrize("sample", [3, None, [1, 2], {"a": 1}])
def test_what_is_no_table_is_refused(sample):
    with pytest.raises(BadInputError, match="sample"):
        as_table(sample)


@pytest.mark.parametrize("content", [b"\x00\x01", b"PAR1 but not really"])
def test_a_broken_file_is_refused(content, tmp_path):
    path = tmp_path / "sample.csv"
    path.write_bytes(content)
    with pytest.raises(BadInputError, match="sample"):
        as_table(path)


def test_the_inputs_are_what_the_estimator_was_fitted_with_in_its_order():
    frame = pd.DataFrame({"id": [1, 2], "b": [0.0, 1.0], "a": [1.0, 0.0], "y": [0, 1]})
    model = LogisticRegression().fit(frame[["a", "b"]], frame["y"])
    assert input_table(as_table(frame), model, "y").names == ("a", "b")
    assert input_table(as_table(frame), None, "y").names == ("id", "b", "a")
    with pytest.raises(BadInputError, match="a"):
        input_table(as_table(frame[["b"]]), model, "y")


@pytest.mark.parametrize(
    ("labels", "dtype", "classes"),
    [
        (["no", "yes"], DType.STRING, ("no", "yes")),
        ([0, 1], DType.INT64, (0, 1)),
        ([False, True], DType.BOOLEAN, (False, True)),
    ],
)
def test_the_classes_are_those_of_the_estimator(labels, dtype, classes):
    frame = pd.DataFrame({"a": [0.0, 1.0]})
    model = LogisticRegression().fit(frame, labels)
    field = output_field(model.predict(frame), model, (), [])
    assert (field.name, field.dtype, field.classes) == ("prediction", dtype, classes)
    assert all(type(label) in (str, int, bool) for label in field.classes)


def test_the_label_column_names_the_classes_where_no_model_does():
    table = as_table(pd.DataFrame({"a": [1.0, 2.0], "y": ["b", "a"], "n": [1, 2]}))
    assert label_field(table, "y").classes == ("a", "b")
    assert label_field(table, "n").classes == ()
    assert label_field(table, "absent") is None


def test_classes_that_are_no_flat_list_are_left_absent_and_noted():
    model = Estimator()
    model.classes_ = [np.array([0, 1]), np.array([0, 1])]
    notes = []
    assert class_labels(model) is None
    assert output_field(np.zeros((2, 2)), model, (), notes).classes == ()
    assert notes


def test_golden_predictions_are_the_inputs_and_what_the_model_said(tmp_path):
    table = as_table(pd.DataFrame({"a": range(300)}))
    path = record_golden(table, np.arange(300) * 2, tmp_path, [])
    found = pd.read_parquet(path)
    assert list(found.columns) == ["a", "prediction"]
    assert len(found) == 100
    assert (found["prediction"] == found["a"] * 2).all()


@pytest.mark.parametrize(
    ("sample", "predictions"),
    [
        (np.zeros((3, 2)), np.zeros(3)),
        (pd.DataFrame({"prediction": [1]}), np.zeros(1)),
        (pd.DataFrame({"a": [1]}), np.zeros((1, 2))),
    ],
)
def test_golden_predictions_that_cannot_be_recorded_are_noted(sample, predictions, tmp_path):
    notes = []
    assert record_golden(as_table(sample), predictions, tmp_path, notes) is None
    assert notes[0].startswith("golden predictions:")


def test_data_files_are_told_by_digest_size_kind_and_rows(tmp_path):
    csv, parquet, other = tmp_path / "a.csv", tmp_path / "b.dat", tmp_path / "c.bin"
    csv.write_text('x,y\n1,"two\nlines"\n\n3,4\n')
    pd.DataFrame({"x": [1, 2, 3]}).to_parquet(parquet)
    other.write_bytes(b"\x00\x01")
    found = [each for each, _ in capture_data(DataRole.TRAINING, [csv, parquet, other], "y", [])]
    assert [(each.name, each.table, each.row_count, each.label) for each in found] == [
        ("a.csv", TableFormat.CSV, 2, "y"),
        ("b.dat", TableFormat.PARQUET, 3, "y"),
        ("c.bin", None, None, ""),
    ]
    assert [each.size_bytes for each in found] == [each.stat().st_size for each in (csv, parquet, other)]


def test_a_reference_to_data_elsewhere_is_taken_as_it_is():
    reference = DataReference(DataRole.TRAINING, "sha256:" + "0" * 64, 5, "s3://bucket/x")
    assert capture_data(DataRole.TRAINING, [reference], "", []) == [(reference, None)]


def test_rows_that_cannot_be_counted_are_absent_and_noted(tmp_path):
    path = tmp_path / "latin.csv"
    path.write_bytes("x\ngrün\n".encode("latin-1"))
    notes = []
    ((reference, _),) = capture_data(DataRole.EVALUATION, [path], "", notes)
    assert reference.row_count is None
    assert "latin.csv" in notes[0]


@given(st.lists(st.lists(st.text(max_size=5), min_size=2, max_size=2), max_size=20))
def test_rows_are_counted_as_pandas_counts_them(rows):
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([["a", "b"], *rows])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.csv"
        path.write_text(text.getvalue().replace("\0", ""), encoding="utf-8", newline="")
        assert row_count(path, TableFormat.CSV) == len(rows)


def test_a_csv_file_is_told_by_its_name_and_parquet_by_its_bytes(tmp_path):
    for name, content in (("a.txt", b"x\n1\n"), ("b.csv", b"\x00\x01"), ("none.csv", None)):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        assert table_format(tmp_path / name) is None


def test_of_a_parquet_file_only_the_first_rows_are_read(tmp_path, monkeypatch):
    path = tmp_path / "sample.parquet"
    frame = pd.DataFrame({"x": range(50_000), "y": 0.5}, index=pd.RangeIndex(7, 50_007))
    frame.to_parquet(path, row_group_size=4_000)
    read = []
    real = parquet.ParquetFile.iter_batches

    def counting(self, *args, **more):
        for batch in real(self, *args, **more):
            read.append(batch.num_rows)
            yield batch

    monkeypatch.setattr(parquet.ParquetFile, "iter_batches", counting)
    table = as_table(path)
    assert len(table.native) == tables.MAX_ROWS
    assert tables.MAX_ROWS <= sum(read) < 2 * tables.MAX_ROWS
    assert columns(table) == [("x", DType.INT64, False), ("y", DType.FLOAT64, False)]


def test_a_parquet_file_without_rows_keeps_its_columns(tmp_path):
    path = tmp_path / "sample.parquet"
    pd.DataFrame({"x": pd.Series([], dtype="int64")}).to_parquet(path)
    assert columns(as_table(path)) == [("x", DType.INT64, False)]
