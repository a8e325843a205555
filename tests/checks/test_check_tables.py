"""Tables come in as they were meant, cross the border as column files, or are refused."""

import json
from contextlib import suppress
from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.checks.predictions import is_missing
from assay.checks.tables import (
    NULLS,
    TableProblem,
    feature_table,
    label_of,
    load_table,
    read_columns,
    write_columns,
)
from assay.core.provenance import DataRole
from assay.core.signatures import DType, Field, Signature

EVALUATION = DataRole.EVALUATION
DAY = datetime.fromisoformat("2024-01-31")
SECOND = datetime.fromisoformat("1970-01-01T00:00:01")
OUT = (Field("prediction", DType.FLOAT64),)


def cast(values, dtype):
    column = values if isinstance(values, pl.Series) else pl.Series("x", values)
    wanted = Signature((Field("x", DType(dtype)),), OUT)
    return feature_table(column.alias("x").to_frame(), wanted)["x"]


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([1.0, 2.0, None], "int64", [1, 2, None]),
        ([1.0, float("nan")], "int32", [1, None]),
        (["1", "2"], "int64", [1, 2]),
        ([1, 2], "float64", [1.0, 2.0]),
        (["1.5", None], "float32", [1.5, None]),
        ([True, None], "boolean", [True, None]),
        (["True", "false", None, "0"], "boolean", [True, False, None, False]),
        ([1, 0], "boolean", [True, False]),
        ([1.0, 0.0, None], "boolean", [True, False, None]),
        ([7, None], "string", ["7", None]),
        (pl.Series(["a", "b"], dtype=pl.Categorical), "string", ["a", "b"]),
        ([None, None], "float64", [None, None]),
        ([None, None], "boolean", [None, None]),
        (["2024-01-31", None], "date", [DAY, None]),
        (["2024-01-31T10:20:30"], "datetime", [datetime.fromisoformat("2024-01-31T10:20:30")]),
        ([date(2024, 1, 31)], "datetime", [DAY]),
        (pl.Series([DAY.replace(tzinfo=UTC)]), "datetime", [DAY]),
    ],
)
def test_a_value_that_the_dtype_can_hold_keeps_its_meaning(values, dtype, expected):
    assert cast(values, dtype).to_list() == expected


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1.5], "int64"),
        ([float("inf")], "int64"),
        ([300], "int8"),
        ([-1], "uint8"),
        (["one"], "int64"),
        (["one"], "float64"),
        ([1e39], "float32"),
        ([1e5], "float16"),
        ([2], "boolean"),
        ([0.5], "boolean"),
        (["yes"], "boolean"),
        ([1.5], "string"),
        ([True], "string"),
        (["soon"], "datetime"),
        ([20240131], "date"),
        ([DAY], "float64"),
        ([DAY], "int64"),
        ([[1.0]], "float64"),
        (["x"], "binary"),
    ],
)
def test_a_value_that_would_change_its_meaning_is_refused(values, dtype):
    with pytest.raises(TableProblem, match="x is"):
        cast(values, dtype)


def test_all_columns_that_do_not_fit_are_named_at_once(signature):
    table = pl.DataFrame({"a": ["x"], "b": [1.5], "c": [1]})
    with pytest.raises(TableProblem, match=r"a is not int64.*b is not int64"):
        feature_table(table, signature(dict.fromkeys("abc", "int64"), "int64"))


def test_features_are_the_inputs_alone_in_their_order(signature):
    table = pl.DataFrame({"label": [1], "b": [2], "a": [3], "id": [4]})
    found = feature_table(table, signature({"a": "int64", "b": "int64", "extra": "int64?"}, "int64"))
    assert found.columns == ["a", "b"]


def test_a_missing_input_is_named(signature):
    with pytest.raises(TableProblem, match="b"):
        feature_table(pl.DataFrame({"a": [1]}), signature({"a": "int64", "b": "int64"}, "int64"))


def test_tensors_are_not_read_from_tables():
    wanted = Signature((Field("x", DType.FLOAT64, (-1, 3)),), OUT)
    with pytest.raises(TableProblem, match="tensor"):
        feature_table(pl.DataFrame({"x": [1.0]}), wanted)


COLUMNS = st.fixed_dictionaries(
    {
        "float64": st.lists(st.none() | st.floats(allow_nan=False), min_size=4, max_size=4),
        "float32": st.lists(st.floats(width=32, allow_nan=False), min_size=4, max_size=4),
        "float16": st.lists(st.floats(width=16, allow_nan=False), min_size=4, max_size=4),
        "int8": st.lists(st.none() | st.integers(-128, 127), min_size=4, max_size=4),
        "uint64": st.lists(st.none() | st.integers(0, 2**64 - 1), min_size=4, max_size=4),
        "boolean": st.lists(st.none() | st.booleans(), min_size=4, max_size=4),
        # NumPy drops NUL at the end of a text of fixed width.
        "string": st.lists(
            st.none()
            | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5),
            min_size=4,
            max_size=4,
        ),
    }
)
TYPES = {"float64": pl.Float64, "float32": pl.Float32, "float16": pl.Float32, "int8": pl.Int8}
TYPES |= {"uint64": pl.UInt64, "boolean": pl.Boolean, "string": pl.String}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(columns=COLUMNS)
def test_what_is_written_as_a_column_file_is_read_again(tmp_path, columns):
    table = pl.DataFrame({name: pl.Series(values, dtype=TYPES[name]) for name, values in columns.items()})
    fields = [Field(name, DType(name)) for name in columns]
    outputs = read_columns(write_columns(tmp_path / "columns.npz", table, fields))
    assert list(outputs.values) == list(columns)
    assert outputs.dtypes == {name: DType(name) for name in columns}
    for name, values in columns.items():
        found = [None if is_missing(each) else each for each in outputs.values[name].tolist()]
        assert found == values


def test_a_column_file_has_the_layout_that_the_contract_states(tmp_path):
    table = pl.DataFrame(
        {
            "n": [1, None],
            "f": [1.5, None],
            "s": ["ä", None],
            "t": [datetime.fromisoformat("1970-01-01T00:00:01"), None],
        }
    )
    kinds = {"n": DType.INT64, "f": DType.FLOAT16, "s": DType.STRING, "t": DType.DATETIME}
    fields = [Field(name, kind) for name, kind in kinds.items()]
    with np.load(write_columns(tmp_path / "c.npz", table, fields), allow_pickle=False) as archive:
        assert sorted(archive) == ["c0", "c1", "c2", "c3", "m0", "m2", "m3", "meta"]
        described = [{"name": name, "dtype": kind.value} for name, kind in kinds.items()]
        assert json.loads(str(archive["meta"])) == {"rows": 2, "columns": described}
        assert archive["meta"].shape == ()
        assert [archive[f"c{i}"].dtype.str for i in range(4)] == ["<i8", "<f2", "<U1", "<i8"]
        assert np.isnan(archive["c1"][1])
        assert archive["c3"][0] == 1_000_000
        assert archive["m0"].tolist() == [False, True]


def test_an_empty_table_has_a_column_file_too(tmp_path):
    table = pl.DataFrame({"s": pl.Series([], dtype=pl.String), "f": pl.Series([], dtype=pl.Float64)})
    fields = [Field("s", DType.STRING), Field("f", DType.FLOAT64)]
    outputs = read_columns(write_columns(tmp_path / "c.npz", table, fields))
    assert [len(each) for each in outputs.values.values()] == [0, 0]


def test_texts_too_long_for_one_width_are_refused_before_memory_is_taken(tmp_path):
    table = pl.DataFrame({"s": ["x" * 1_000_000, *[""] * 2_000]})
    with pytest.raises(TableProblem, match="too large"):
        write_columns(tmp_path / "c.npz", table, [Field("s", DType.STRING)])


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"meta": np.array("no json")},
        {"meta": np.array('{"rows": 1, "columns": []}')},
        {"meta": np.array('{"rows": 1, "columns": [{"name": "a", "dtype": "int64"}]}')},
        {"meta": np.array('{"rows": 2, "columns": [{"name": "a", "dtype": "int64"}]}'), "c0": np.array([1])},
        {"meta": np.array('{"rows": 1, "columns": [{"name": "a", "dtype": "odd"}]}'), "c0": np.array([1])},
        {"meta": np.array('{"rows": 1, "columns": 5}'), "c0": np.array([1])},
        {"meta": np.array("[]"), "c0": np.array([1])},
    ],
)
def test_an_output_that_is_no_column_file_is_refused(tmp_path, content):
    path = tmp_path / "out.npz"
    np.savez(path, **content)
    with pytest.raises(TableProblem):
        read_columns(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04broken", b"\x80\x04K\x01."])
def test_an_output_that_is_no_archive_is_refused(tmp_path, content):
    path = tmp_path / "out.npz"
    path.write_bytes(content)
    with pytest.raises(TableProblem):
        read_columns(path)


def test_a_pickle_in_an_output_is_never_opened(tmp_path):
    path = tmp_path / "out.npz"
    meta = np.array('{"rows": 1, "columns": [{"name": "a", "dtype": "string"}]}')
    np.savez(path, meta=meta, c0=np.array([{"a": 1}], dtype=object))
    with pytest.raises(TableProblem, match="allow_pickle"):
        read_columns(path)


def test_csv_and_parquet_of_the_same_table_give_the_same_features(bench, signature):
    table = pl.DataFrame(
        {"n": [1, 2, None], "f": [0.5, None, -1.0], "b": [True, False, None], "s": ["007", "é", None]}
    )
    wanted = signature({"n": "int64", "f": "float64", "b": "boolean", "s": "string"}, "int64")
    found = [
        feature_table(
            load_table(bench.case(None, wanted, evaluation=bench.table(name, table)), EVALUATION), wanted
        )
        for name in ("e.csv", "e.parquet")
    ]
    assert found[0].equals(found[1])
    assert found[0]["s"].to_list() == ["007", "é", None]


def test_every_way_to_write_a_missing_value_in_csv_is_missing(bench, signature):
    rows = "\n".join(f"{mark},1" for mark in NULLS)
    case = bench.case(
        None, signature({"s": "string"}, "int64"), evaluation=bench.table("e.csv", f"s,y\n{rows}\n")
    )
    assert load_table(case, EVALUATION)["s"].null_count() == len(NULLS)


def test_text_labels_are_read_as_they_are_written(bench, signature):
    wanted = signature({"a": "int64"}, "string", ("01", "02"))
    case = bench.case(None, wanted, label="y", evaluation=bench.table("e.csv", "a,y\n1,01\n2,02\n"))
    assert load_table(case, EVALUATION)["y"].to_list() == ["01", "02"]


def test_several_files_of_a_role_are_one_table(bench, signature):
    paths = [bench.table("1.csv", "a\n1\n2\n"), bench.table("2.parquet", pl.DataFrame({"a": [0.5]}))]
    case = bench.case(None, signature({"a": "float64"}, "int64"), evaluation=paths)
    assert load_table(case, EVALUATION)["a"].to_list() == [1.0, 2.0, 0.5]


PARQUET_BYTES = b"PAR1" + bytes(40) + b"PAR1"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("e.csv", b"", "empty"),
        ("e.csv", b"a,b\n1\n2,3,4\n", "evaluation data"),
        ("e.csv", b"a\n\xff\xfe\n", "evaluation data"),
        ("e.parquet", b"", "evaluation data"),
        ("e.parquet", b"a,b\n1,2\n", "evaluation data"),
        ("e.parquet", PARQUET_BYTES, "evaluation data"),
        ("e.txt", b"a\n1\n", "CSV or Parquet"),
    ],
)
def test_a_table_that_cannot_be_read_is_a_problem(bench, name, content, words):
    case = bench.case(evaluation=bench.table(name, content))
    with pytest.raises(TableProblem, match=words):
        load_table(case, EVALUATION)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 800), flipped=st.integers(0, 800), bits=st.integers(1, 255))
def test_a_damaged_parquet_file_is_a_table_or_a_problem(bench, cut, flipped, bits):
    path = bench.table("e.parquet", pl.DataFrame({"a": [1, 2, 3], "s": ["x", "y", None]}))
    content = bytearray(path.read_bytes())
    content[flipped % len(content)] ^= bits
    case = bench.case(
        evaluation=bench.table("e.parquet", bytes(content[: len(content) - cut % len(content)]))
    )
    with suppress(TableProblem):
        assert load_table(case, EVALUATION).width >= 0


def test_files_of_one_role_that_do_not_fit_together_are_a_problem(bench):
    paths = [bench.table("1.csv", "a\n1\n"), bench.table("2.csv", "b\n1\n")]
    with pytest.raises(TableProblem):
        load_table(bench.case(evaluation=paths), EVALUATION)


def test_data_that_is_not_here_says_how_to_supply_it(bench):
    path = bench.table("e.csv", "a\n1\n")
    with pytest.raises(TableProblem, match="--evaluation-data FILE"):
        load_table(bench.case(), EVALUATION)
    with pytest.raises(TableProblem, match="--upload-data"):
        load_table(bench.case(evaluation=path, stored=False), EVALUATION)


@pytest.mark.parametrize(
    ("values", "words"),
    [([1.0, float("nan")], "1 missing"), ([1.0, None], "1 missing"), ([None, None], "2 missing")],
)
def test_a_missing_outcome_is_a_problem(bench, values, words):
    table = pl.DataFrame({"y": values})
    case = bench.case(label="y", evaluation=bench.table("e.parquet", table))
    with pytest.raises(TableProblem, match=words):
        label_of(case, EVALUATION, table)


def test_the_policy_names_the_label_before_the_data_does(bench):
    table = pl.DataFrame({"y": [1], "z": [2]})
    path = bench.table("e.parquet", table)
    assert label_of(bench.case(label="y", evaluation=path), EVALUATION, table) == "y"
    assert label_of(bench.case(label="y", settings={"label": "z"}, evaluation=path), EVALUATION, table) == "z"
    with pytest.raises(TableProblem, match="no column 'gone'"):
        label_of(bench.case(settings={"label": "gone"}, evaluation=path), EVALUATION, table)
    with pytest.raises(TableProblem, match="--label"):
        label_of(bench.case(evaluation=path), EVALUATION, table)
