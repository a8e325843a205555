"""Files are told by content, whatever they are called, and nothing in them runs."""

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import struct
import sys
import zipfile
import zlib

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from skl2onnx import to_onnx
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from assay.core.versions import FileFormat
from assay.formats import Risk, find_entrypoint, recognise, recognise_files, worst

X, Y = load_iris(return_X_y=True)
TABLE = pd.DataFrame(X, columns=list("abcd")).assign(kind=np.where(Y == 0, "u", "v"))
MIXED = make_column_transformer(
    (make_pipeline(SimpleImputer(), StandardScaler()), list("abcd")),
    (OneHotEncoder(handle_unknown="ignore"), ["kind"]),
)
MODELS = {
    "logistic": make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y),
    "forest": RandomForestClassifier(3).fit(X, Y),
    "histogram": HistGradientBoostingClassifier(max_iter=3).fit(X, Y),
    "mixed": make_pipeline(MIXED, GradientBoostingClassifier(n_estimators=2)).fit(
        TABLE, np.array(["x", "y", "z"])[Y]
    ),
}
# Callables that a hostile pickle names (reference list of the literature); the argument is harmless.
GADGETS = [
    "os system", "posix system", "builtins eval", "builtins exec", "pip main", "pkgutil resolve_name",
    "timeit timeit", "cProfile run", "runpy run_path", "code interact", "numpy.f2py.crackfortran getlincoef",
    "ensurepip _run_pip",
    "doctest debug_script", "trace Trace.run", "bdb Bdb.run",
    "ctypes CDLL", "_pickle loads", "cloudpickle loads",
    "joblib.numpy_pickle load", "importlib import_module",
    "webbrowser open", "urllib.request urlopen",
    "shutil rmtree", "operator methodcaller", "functools partial", "types FunctionType", "marshal loads",
    "logging.config _resolve", "sklearn.utils os.system", "sklearn.datasets fetch_openml", "my_module do_it",
]  # fmt: skip


def look(content, name="file", *, deep=True):
    return recognise(name, io.BytesIO(content), deep=deep)


def gadget(name, protocol=4):
    module, function = name.split(" ")
    if protocol == 0:
        return f"c{module}\n{function}\n(S'x'\ntR.".encode()
    text = lambda part: b"\x8c" + bytes([len(part)]) + part.encode()  # noqa: E731
    return b"\x80\x04" + text(module) + text(function) + b"\x93" + text("x") + b"\x85R."


def archive(members, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return out.getvalue()


def dumped(model, compress=0):
    out = io.BytesIO()
    joblib.dump(model, out, compress=compress)
    return out.getvalue()


@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_skops_model_of_reviewed_types_is_data(name):
    found = look(skops.io.dumps(MODELS[name]), "model.bin")
    assert (found.format, found.risk, found.dangers) == ("skops", Risk.DATA, ())


@pytest.mark.parametrize("compress", [0, 3, ("bz2", 3), ("xz", 3), ("gzip", 3)], ids=str)
@pytest.mark.parametrize("name", sorted(MODELS))
def test_joblib_is_code_and_a_common_model_in_it_names_nothing_foreign(name, compress):
    found = look(dumped(MODELS[name], compress), "weights.dat")
    assert (found.format, found.risk, found.dangers) == ("joblib", Risk.CODE, ())


def test_joblib_is_named_already_at_registration():
    found = look(dumped(MODELS["forest"]), "data.csv", deep=False)
    assert (found.format, found.risk) == ("joblib", Risk.CODE)


def test_an_onnx_graph_of_standard_operators_is_data():
    model = to_onnx(MODELS["logistic"], X[:1].astype(np.float32)).SerializeToString()
    assert (look(model).format, look(model).risk) == ("onnx", Risk.DATA)


def test_onnx_weights_outside_the_version_are_found():
    def field(number, content):
        return bytes([number << 3 | 2, len(content)]) + content

    entry = field(1, b"location") + field(2, b"../../etc/passwd")
    model = b"\x08\x08" + field(7, field(5, field(13, entry))) + field(8, field(1, b"") + b"\x10\x0f")
    assert look(model).format == "onnx"
    assert [danger.rule for danger in look(model).dangers] == ["external_data"]


def test_onnx_operators_of_another_domain_have_effects():
    opset = b"\x0a\x05evil!\x10\x01"
    model = b"\x08\x08" + b"\x3a\x00" + bytes([8 << 3 | 2, len(opset)]) + opset
    assert look(model).risk is Risk.EFFECTS


@pytest.mark.parametrize("protocol", [0, 4])
@pytest.mark.parametrize("name", GADGETS)
def test_every_gadget_is_found_under_any_file_name(name, protocol):
    for path in ("model.pkl", "weights.bin", "notes.txt", "table.csv"):
        found = look(gadget(name, protocol), path)
        assert found.risk is Risk.CODE
        assert any(danger.severity in ("critical", "high") for danger in found.dangers)


@pytest.mark.parametrize("squeeze", [zlib.compress, gzip.compress, bz2.compress, lzma.compress])
def test_a_gadget_is_found_behind_compression(squeeze):
    assert look(squeeze(squeeze(gadget("os system")))).dangers


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps({"a": 1}) + gadget("os system"),
        gadget("os system")[:-1],
        b"(S'x'\nios\nsystem\n.",
        b"\x80\x02(cos\nsystem\nS'x'\no.",
        b"\x80\x04\x82\x01.",
        gadget("os system").replace(b"R.", b"R0N."),
    ],
    ids=["second stream", "truncated", "INST", "OBJ", "EXT1", "result popped"],
)
def test_opcode_tricks_do_not_hide(content):
    assert any(danger.severity in ("critical", "high") for danger in look(content).dangers)


def test_skops_with_a_function_is_code():
    schema = json.loads(zipfile.ZipFile(io.BytesIO(skops.io.dumps(MODELS["logistic"]))).read("schema.json"))
    schema["content"] = {"__class__": "system", "__module__": "os", "__loader__": "FunctionNode"}
    found = look(archive({"schema.json": json.dumps(schema)}))
    assert found.risk is Risk.CODE
    assert "os.system" in found.dangers[0].detail


def test_arrays_are_data_unless_they_hold_objects():
    out = io.BytesIO()
    np.save(out, np.arange(3))
    assert look(out.getvalue()).risk is Risk.DATA
    objects = io.BytesIO()
    np.save(objects, np.array([{}], dtype=object), allow_pickle=True)
    assert look(objects.getvalue()).risk is Risk.CODE
    packed = io.BytesIO()
    np.savez(packed, a=np.arange(3))
    assert (look(packed.getvalue()).format, look(packed.getvalue()).risk) == ("npz", Risk.DATA)


def safetensors(header, buffer=b""):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + buffer


def test_safetensors_must_fill_its_buffer_exactly():
    entry = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    assert look(safetensors({"w": entry}, bytes(8))).risk is Risk.DATA
    for broken in (
        safetensors({"w": entry}, bytes(7)),
        safetensors({"w": entry, "v": {**entry, "data_offsets": [4, 12]}}, bytes(12)),
        safetensors({"w": {**entry, "shape": [3]}}, bytes(8)),
        struct.pack("<Q", 1 << 62) + b"{}",
    ):
        assert look(broken).risk is Risk.UNCLASSIFIED


@pytest.mark.parametrize(
    ("content", "kind", "risk"),
    [
        (b"", "empty", Risk.DATA),
        (b"a,b\n1,2\n", "text", Risk.DATA),
        ("Größe, naïve\n".encode(), "text", Risk.DATA),
        (b'{"a": 1}', "json", Risk.DATA),
        (b'{"auto_map": {"AutoModel": "m.M"}}', "json", Risk.CODE),
        (b"\x89HDF\r\n\x1a\n" + bytes(50), "hdf5", Risk.EFFECTS),
        (b"GGUF" + bytes(50), "gguf", Risk.EFFECTS),
        (bytes(4) + b"TFL3" + bytes(50), "tflite", Risk.EFFECTS),
        (b"PAR1" + bytes(50), "parquet", Risk.DATA),
        (b'<?xml version="1.0"?><PMML version="4.4"/>', "pmml", Risk.DATA),
        (b'<?xml version="1.0"?><!DOCTYPE x><PMML version="4.4"/>', "pmml", Risk.CODE),
        (b"\x7fELF" + bytes(50), "executable", Risk.CODE),
        (b"\x00\x01\x02\xff" * 20, "unclassified", Risk.UNCLASSIFIED),
        (archive({"a/data.pkl": b"x", "a/version": b"3"}), "torch", Risk.CODE),
        (archive({"config.json": b"{}", "metadata.json": b"{}"}), "keras", Risk.EFFECTS),
        (archive({"readme": b"x"}), "zip", Risk.UNCLASSIFIED),
    ],
)
def test_other_formats_are_named(content, kind, risk):
    found = look(content, "model.onnx")
    assert (found.format, found.risk) == (kind, risk)


def test_program_text_counts_as_code_except_tests():
    assert look(b"import os\n", "modeling.py").risk is Risk.CODE
    assert look(b"import os\n", "tests/test_model.py").risk is Risk.DATA


def test_an_archive_that_readers_would_read_differently_is_refused():
    content = bytearray(archive({"schema.json": b"{}", "a.npy": b"x"}))
    content[content.index(b"schema.json")] = ord("S")  # the local header only
    assert "archive_header" in {danger.rule for danger in look(bytes(content)).dangers}
    assert "archive_path" in {danger.rule for danger in look(archive({"../x": b""})).dangers}


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_mutated_pickles_never_raise_and_never_become_data(data):
    content = bytearray(dumped(MODELS["logistic"]))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(2, len(content) - 1))] = data.draw(st.integers(0, 255))
    assert look(bytes(content)).risk in (Risk.CODE, Risk.UNCLASSIFIED)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400), st.booleans())
def test_no_content_makes_recognition_raise(content, deep):
    assert look(content, deep=deep).format


@given(st.sampled_from([skops.io.dumps(MODELS["logistic"]), dumped(MODELS["forest"])]), st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_a_truncated_file_never_raises(content, share):
    assert look(content[: int(len(content) * share)]).format


def test_a_scan_imports_opens_and_starts_nothing():
    seen = []
    armed = True

    def watch(event, _arguments):
        if armed and event in (
            "import",
            "os.system",
            "subprocess.Popen",
            "socket.connect",
            "exec",
            "compile",
        ):
            seen.append(event)

    sys.addaudithook(watch)
    for name in GADGETS:
        look(gadget(name))
    for model in MODELS.values():
        look(dumped(model, 3))
    armed = False
    assert not seen


def test_declared_lengths_beyond_the_file_cost_no_memory():
    huge = b"\x80\x04\x8e" + struct.pack("<Q", 1 << 60) + b"x"
    assert look(huge).risk is Risk.CODE


def test_the_entry_point_is_the_one_loadable_file():
    def of(*kinds):
        return find_entrypoint([FileFormat(f"f{i}", kind, "data") for i, kind in enumerate(kinds)])

    assert of("skops", "text", "python") == "f0"
    assert of("text") == ""
    assert of("skops", "onnx") == ""


def test_files_are_closed_again(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(gadget("os system"))
    opened = []

    def opener():
        opened.append(path.open("rb"))
        return opened[-1]

    (found,) = recognise_files([("x", opener)])
    assert (found.path, found.format, found.risk) == ("x", "pickle", "code")
    assert opened[0].closed


def test_the_worst_of_nothing_is_unclassified():
    assert worst([]) is Risk.UNCLASSIFIED
    assert worst([Risk.DATA, Risk.CODE]) is Risk.CODE
    assert os.name  # the module whose function the gadgets name is untouched
