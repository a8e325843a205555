import io
import json
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.core.measuring import ModelProblem
from assay.runner.answers import prove_column_file, take_out


def column_file(rows=2, columns=(("prediction", "float64"),), **arrays) -> dict[str, np.ndarray]:
    described = {"rows": rows, "columns": [{"name": name, "dtype": dtype} for name, dtype in columns]}
    return {"meta": np.array(json.dumps(described)), "c0": np.zeros(2), **arrays}


def saved(arrays, *, save=np.savez) -> bytes:
    buffer = io.BytesIO()
    save(buffer, **arrays)
    return buffer.getvalue()


def prove(content: bytes, tmp_path, row_count: int = 2) -> None:
    path = tmp_path / "answer.npz"
    path.write_bytes(content)
    prove_column_file(path, row_count=row_count)


@pytest.mark.parametrize(
    "arrays",
    [
        column_file(),
        column_file(m0=np.array([True, False])),
        column_file(columns=[("prediction", "string")], c0=np.array(["a", "b"])),
        column_file(columns=[("prediction", "datetime")], c0=np.array([1, 2])),
        column_file(c0=np.zeros((2, 3))),
        column_file(
            columns=[("prediction", "int64"), ("probability:1", "float32")],
            c0=np.array([1, 2]),
            c1=np.zeros(2, "f4"),
        ),
    ],
)
def test_column_files_of_predictions_pass(arrays, tmp_path):
    prove(saved(arrays), tmp_path)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        (column_file(rows=3), "3 rows instead of 2"),
        (column_file(rows=10**9), "rows instead"),
        (column_file(c0=np.zeros(3)), "shape"),
        (column_file(c0=np.float64(1)), "shape"),
        (column_file(c0=np.zeros((10**12, 0))), "shape"),
        (column_file(c0=np.array(["a", "b"])), "not float64"),
        (column_file(c0=np.array([None, "x"], dtype=object)), "pickle"),
        (column_file(m0=np.zeros(2)), "mask"),
        (column_file(m0=np.zeros(3, bool)), "mask"),
        (column_file(columns=[("y", "float64")]), "first column"),
        (column_file(columns=[]), "first column"),
        (column_file(columns=[("prediction", "float64")] * 2, c1=np.zeros(2)), "unique"),
        (column_file(columns=[("prediction", "float64"), (3, "float64")], c1=np.zeros(2)), "texts"),
        (column_file(columns=[("prediction", "float64"), ("z", "float64")]), "c1"),
        (column_file(columns=[("prediction", "complex128")]), "complex128"),
        (column_file(meta=np.array("[]")), "broken"),
        (column_file(meta=np.array("[" * 100_000)), "broken"),
        (column_file(meta=np.array([1])), "not text"),
        ({"c0": np.zeros(2)}, "meta"),
        (column_file(other=np.zeros(2)), "unexpected members"),
    ],
)
def test_everything_else_is_refused(arrays, said, tmp_path):
    with pytest.raises(ModelProblem, match=said):
        prove(saved(arrays), tmp_path)


def test_what_would_unpack_to_more_than_it_is_is_refused_unread(tmp_path):
    with pytest.raises(ModelProblem, match="compressed"):
        prove(saved(column_file(c0=np.zeros(10**6)), save=np.savez_compressed), tmp_path)


def test_a_member_named_twice_is_refused(tmp_path):
    path = tmp_path / "twice.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("c0.npy", b"x")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("c0.npy", b"x")
    with pytest.raises(ModelProblem, match="unexpected members"):
        prove_column_file(path, row_count=2)


GOOD = saved(column_file(columns=[("prediction", "string")], c0=np.array(["a", "b"])))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_damage_to_a_file_gets_further_than_a_problem(tmp_path_factory, data):
    content = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "answer.npz"
    path.write_bytes(bytes(content[: data.draw(st.integers(1, len(content)))]))
    try:
        prove_column_file(path, row_count=2)
    except ModelProblem:
        return
    with np.load(path, allow_pickle=False) as archive:
        assert len(archive["c0"]) == 2


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_at_all_get_further_than_a_problem(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("noise") / "answer.npz"
    path.write_bytes(content)
    with pytest.raises(ModelProblem):
        prove_column_file(path, row_count=2)


def test_an_answer_is_copied_out_of_reach(tmp_path):
    (tmp_path / "theirs").write_bytes(b"answer")
    taken = take_out(tmp_path / "theirs", tmp_path / "ours", limit_bytes=6, what="report")
    (tmp_path / "theirs").write_bytes(b"changed")
    assert taken.read_bytes() == b"answer"


def test_an_answer_that_is_too_large_or_a_link_is_not_copied(tmp_path):
    (tmp_path / "theirs").write_bytes(b"answer")
    (tmp_path / "link").symlink_to(tmp_path / "theirs")
    with pytest.raises(ModelProblem) as caught:
        take_out(tmp_path / "theirs", tmp_path / "ours", limit_bytes=5, what="report")
    assert caught.value.limit == "file size"
    with pytest.raises(ModelProblem, match="left no report"):
        take_out(tmp_path / "link", tmp_path / "ours", limit_bytes=100, what="report")
    assert not (tmp_path / "ours").exists()
