"""Each format is recognised in a file that its own library wrote, whatever the file is called."""

import bz2
import gzip
import io
import json
import lzma
import pickle
import struct
import tarfile
import zipfile

import numpy as np
import onnx
import pandas as pd
import pytest
import skops.io
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from sklearn.ensemble import RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier

from formats.hostile import field, zipped

MODELS = ("logistic", "forest", "boosting")
COMPRESSIONS = (0, 3, ("zlib", 3), ("gzip", 3), ("bz2", 3), ("xz", 3), ("lzma", 3))


def verdict(found) -> str:
    return next(each.detail for each in found.concerns if each.rule == "verdict").removeprefix(
        "pickle verdict: "
    )


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("compress", COMPRESSIONS, ids=str)
def test_joblib_of_common_pipelines_is_code_with_reviewed_names_only(look, joblib_file, model, compress):
    found = look(joblib_file(model, compress))
    assert (found.format, found.risk, verdict(found)) == ("joblib", "code", "allow_listed")
    assert {each.severity for each in found.concerns} == {"info"}
    assert "joblib.numpy_pickle.NumpyArrayWrapper" in found.globals
    assert "executes code on load" in found.detail


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_of_every_protocol_are_code_with_reviewed_names_only(look, models, model, protocol):
    found = look(pickle.dumps(models[model], protocol), "model.txt")
    assert (found.format, found.risk, verdict(found)) == ("pickle", "code", "allow_listed")


def test_joblib_of_object_arrays_is_read_through(look, tmp_path):
    import joblib

    value = {"names": np.array(["a", None, 3], dtype=object), "more": np.arange(6.0).reshape(2, 3).T}
    joblib.dump([value, np.datetime64("2026-01-01"), np.array(["2026-01-01"], dtype="M8[D]")], tmp_path / "x")
    found = look((tmp_path / "x").read_bytes())
    assert (found.format, verdict(found)) == ("joblib", "allow_listed")


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_skops_of_common_pipelines_is_data(look, models, model, compression):
    found = look(skops.io.dumps(models[model], compression=compression), "model.pkl")
    assert (found.format, found.risk, found.concerns) == ("skops", "data", ())
    assert "sklearn.pipeline.Pipeline" in found.globals


def test_skops_with_a_type_of_ones_own_is_code_and_names_it(look):
    found = look(skops.io.dumps(OwnModel()))
    assert (found.format, found.risk) == ("skops", "code")
    assert any("OwnModel" in each.detail for each in found.concerns)


def test_skops_with_a_native_tree_of_indices_that_nobody_checks_is_code(look, table):
    frame, labels = table
    model = KNeighborsClassifier(algorithm="kd_tree").fit(frame[["income"]], labels)
    assert look(skops.io.dumps(model)).risk == "code"


@pytest.mark.parametrize("part", ["operator", "partial", "method", "function"])
def test_skops_with_something_callable_is_code(look, part):
    import functools
    import operator
    import os

    values = {
        "operator": operator.methodcaller("upper"),
        "partial": functools.partial(len, "x"),
        "method": OwnModel().fit,
        "function": os.path.join,
    }
    assert look(skops.io.dumps(values[part])).risk == "code"


class OwnModel:
    def fit(self) -> None: ...


def test_onnx_of_a_forest_is_data(look, table):
    frame, labels = table
    model = RandomForestClassifier(3).fit(frame[["income"]].to_numpy(), labels)
    converted = to_onnx(model, frame[["income"]].to_numpy().astype("float32"))
    found = look(converted.SerializeToString(), "model.txt")
    assert (found.format, found.risk, found.concerns) == ("onnx", "data", ())


def onnx_model(domain: str = "", functions=()) -> onnx.ModelProto:
    sides = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    node = helper.make_node("Relu", ["x"], ["y"], domain=domain)
    graph = helper.make_graph([node], "g", sides[:1], sides[1:])
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid(domain or "ai.onnx.ml", 1)]
    return helper.make_model(graph, opset_imports=opsets, functions=functions)


def test_onnx_with_custom_operators_has_effects(look):
    found = look(onnx_model("com.example").SerializeToString())
    assert (found.format, found.risk) == ("onnx", "effects")
    assert [each.rule for each in found.concerns] == ["foreign_domain"]


def test_onnx_with_operators_of_one_runtime_stays_data_and_says_so(look):
    found = look(onnx_model("com.microsoft").SerializeToString())
    assert (found.risk, [each.severity for each in found.concerns]) == ("data", ["info"])


def test_onnx_with_functions_of_its_own_is_data(look):
    inner = helper.make_node("Neg", ["a"], ["b"])
    opsets = [helper.make_opsetid("", 18)]
    own = helper.make_function("local", "Relu", ["a"], ["b"], [inner], opsets)
    assert look(onnx_model("local", [own]).SerializeToString()).risk == "data"


def test_numpy_arrays_are_data_and_object_arrays_code(look):
    def saved(save, *arrays) -> bytes:
        target = io.BytesIO()
        save(target, *arrays)
        return target.getvalue()

    records = np.zeros(3, dtype=[("a", "f8"), ("b", "U4", (2,)), ("c", [("d", "i4")])])
    objects = np.array([None, 1], dtype=object)
    mixed = np.zeros(2, dtype=[("a", "f8"), ("b", "O")])
    for array in (np.arange(5), records, np.zeros((0, 3)), np.array(3.0), np.array(["2026"], "M8[Y]")):
        assert (look(saved(np.save, array)).format, look(saved(np.save, array)).risk) == ("npy", "data")
    for array in (objects, mixed):
        assert look(saved(np.save, array)).risk == "code"
    assert (look(saved(np.savez, records, np.ones(3))).format) == "npz"
    assert look(saved(np.savez_compressed, np.ones(3000), records)).risk == "data"
    assert look(saved(np.savez, np.ones(3), objects)).risk == "code"


def safetensors(header: object, data: bytes = bytes(8)) -> bytes:
    raw = json.dumps(header).encode() if not isinstance(header, bytes) else header
    return struct.pack("<Q", len(raw)) + raw + data


GOOD = {"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}, "__metadata__": {"format": "pt"}}


def test_safetensors_is_data(look):
    assert (look(safetensors(GOOD)).format, look(safetensors(GOOD)).risk) == ("safetensors", "data")


@pytest.mark.parametrize(
    "content",
    [
        struct.pack("<Q", 2**62) + b"{}",
        safetensors(GOOD, bytes(9)),
        safetensors(GOOD, bytes(7)),
        safetensors({"w": {**GOOD["w"], "data_offsets": [0, 4]}}),
        safetensors({"w": {**GOOD["w"], "dtype": "F99"}}),
        safetensors({"w": {**GOOD["w"], "shape": [-2]}}),
        safetensors({"v": GOOD["w"], "w": GOOD["w"]}),
        safetensors({"w": {**GOOD["w"], "data_offsets": [8, 16]}}, bytes(16)),
        safetensors({"__metadata__": {"a": 1}}, b""),
        safetensors(b'{"w":1,"w":2}', b""),
        safetensors(b"{", b""),
    ],
    ids=str,
)
def test_a_broken_safetensors_header_is_code(look, content):
    assert (look(content).format, look(content).risk) == ("safetensors", "code")


def test_tables_are_data(look, table):
    parquet, feather = io.BytesIO(), io.BytesIO()
    table[0].to_parquet(parquet)
    table[0].to_feather(feather)
    assert (look(parquet.getvalue()).format, look(parquet.getvalue()).risk) == ("parquet", "data")
    assert (look(feather.getvalue()).format, look(feather.getvalue()).risk) == ("arrow", "data")


@pytest.mark.parametrize("shift", range(3))
def test_parquet_with_a_python_extension_type_is_code(look, shift):
    import base64

    footer = base64.b64encode(bytes(shift) + b"arrow.py_extension_type" + bytes(9))
    content = b"PAR1" + footer + struct.pack("<I", len(footer)) + b"PAR1"
    assert look(content).risk == "code"


def gguf(pairs: dict[str, str]) -> bytes:
    def text(word: str) -> bytes:
        return struct.pack("<Q", len(word.encode())) + word.encode()

    body = b"".join(text(key) + struct.pack("<I", 8) + text(value) for key, value in pairs.items())
    array = text("list") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("b")
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(pairs) + 1) + body + array


def test_gguf_is_as_harmless_as_its_chat_template(look):
    plain, unsafe = "{% for m in messages %}{{ m.content }}{% endfor %}", "{{ x.__class__ }}"
    assert look(gguf({"general.name": "x"})).risk == "data"
    assert look(gguf({"tokenizer.chat_template": plain})).risk == "effects"
    assert look(gguf({"tokenizer.chat_template": unsafe})).risk == "code"
    assert look(gguf({"tokenizer.chat_template": "{{ x|attr('a') }}"})).risk == "code"
    assert look(gguf({"tokenizer.chat_template": plain})[:-1]).risk == "code"


def tflite(custom: str = "") -> bytes:
    import flatbuffers

    builder = flatbuffers.Builder(0)
    name = builder.CreateString(custom) if custom else None
    builder.StartObject(4)
    builder.PrependInt8Slot(0, 32 if custom else 5, 0)
    if name is not None:
        builder.PrependUOffsetTRelativeSlot(1, name, 0)
    operator = builder.EndObject()
    builder.StartVector(4, 1, 4)
    builder.PrependUOffsetTRelative(operator)
    operators = builder.EndVector()
    builder.StartObject(5)
    builder.PrependUint32Slot(0, 3, 0)
    builder.PrependUOffsetTRelativeSlot(1, operators, 0)
    builder.Finish(builder.EndObject(), file_identifier=b"TFL3")
    return bytes(builder.Output())


def test_tflite_is_data_without_custom_operators(look):
    assert (look(tflite()).format, look(tflite()).risk) == ("tflite", "data")
    found = look(tflite("FlexReadFile"))
    assert (found.risk, "FlexReadFile" in found.detail) == ("effects", True)


def test_pmml_is_data_without_a_document_type(look):
    body = "<PMML version='4.4'><Header/></PMML>"
    assert (look(body.encode()).format, look(body.encode()).risk) == ("pmml", "data")
    assert look(("<?xml version='1.0'?>" + body).encode("utf-16")).risk != "data"
    entity = "<?xml version='1.0'?><!DOCTYPE PMML [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>" + body
    assert (look(entity.encode()).risk, look(entity.encode()).concerns[0].rule) == ("code", "xml_doctype")


def saved_model(*operators: str) -> bytes:
    nodes = b"".join(field(1, field(1, b"n") + field(2, each.encode())) for each in operators[:1])
    inner = b"".join(field(3, field(1, b"n") + field(2, each.encode())) for each in operators[1:])
    graph = nodes + field(2, field(1, inner))
    return field(1, 1) + field(2, field(2, graph))


def test_saved_models_have_effects_and_file_operators_make_them_code(look):
    plain = look(saved_model("RestoreV2", "SaveV2", "MatMul"))
    assert (plain.format, plain.risk) == ("savedmodel", "effects")
    assert look(saved_model("MatMul", "ReadFile")).risk == "code"
    assert look(saved_model("WriteFile")).risk == "code"


def keras(configuration: object) -> bytes:
    members = {"metadata.json": b"{}", "config.json": json.dumps(configuration).encode()}
    return zipped({**members, "model.weights.h5": b"\x89HDF\r\n\x1a\n"})


@pytest.mark.parametrize(
    ("layer", "risk"),
    [
        ({"module": "keras.layers", "class_name": "Dense"}, "effects"),
        ({"module": "keras.layers", "class_name": "Lambda"}, "code"),
        ({"module": "subprocess", "class_name": "run"}, "code"),
        ({"module": "keras.utils", "class_name": "function", "config": "get_file"}, "code"),
        ({"module": "builtins", "class_name": "exec"}, "code"),
    ],
)
def test_keras_archives_have_effects_and_foreign_layers_make_them_code(look, layer, risk):
    found = look(keras({"config": {"layers": [layer]}}))
    assert (found.format, found.risk) == ("keras", risk)


def test_hdf5_has_effects_and_a_lambda_layer_makes_it_code(look):
    assert look(b"\x89HDF\r\n\x1a\n" + bytes(100)).risk == "effects"
    assert look(b"\x89HDF\r\n\x1a\n" + b'{"class_name": "Lambda"}').risk == "code"


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b'{"learner": {}, "version": [2, 1, 0]}', "xgboost"),
        (b"{L\0\0\0\0\0\0\0\x07learner{", "xgboost"),
        (b"tree\nversion=v4\nnum_class=1\n", "lightgbm"),
        (b"CBM1\x01\0\0\0", "catboost"),
        (b"# Model\n\nA **text** of many words.\n", "text"),
        ("age,Größe\n1,2\n".encode(), "text"),
        (b"numpy==2.4.6\nscikit-learn==1.9.1\n", "text"),
        (b"name: model\nsteps:\n  - a\n", "text"),
        (b'{"a": [1, 2]}', "json"),
        (b'{"a": 1}\n{"a": 2}\n', "json"),
        (b"import os\n\n\ndef test_it():\n    assert os\n", "python"),
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "png"),
        (b"", "empty"),
    ],
)
def test_plain_files_are_data(look, content, name):
    assert (look(content, "m.pkl").format, look(content, "m.pkl").risk) == (name, "data")


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b'{"auto_map": {"AutoModel": "modeling_x.Model"}}', "json"),
        (b'{"a": {"_target_": "os.system"}}', "json"),
        (b"model:\n  _target_: os.system\n", "yaml"),
        (b"{model: {_target_: os.system}}\n", "yaml"),
        (b"a: !!python/object/apply:os.system [x]\n", "yaml"),
        (b"--- !!python/name:os.system\n---\nimport os\n", "yaml"),
        (b'{"chat_template": "{{ a.__class__ }}"}', "json"),
        (b"{% set x = y.__globals__ %}", "template"),
        (b"\x7fELF" + bytes(60), "program"),
        (b"\xa7\r\r\n" + bytes(60), "program"),
    ],
)
def test_files_that_name_code_for_a_loader_are_code(look, content, name):
    found = look(content)
    assert found.risk == "code"
    assert any(each.severity in ("high", "critical") for each in found.concerns)
    assert name in (found.format, "program")


def test_source_that_only_speaks_of_yaml_tags_is_data(look):
    assert look(b'import yaml\n\nTEXT = """a: !!python/object x"""\n').risk == "data"


def test_templates_have_effects(look):
    assert look(b"{% for m in messages %}{{ m }}{% endfor %}").risk == "effects"
    assert look(b'{"chat_template": "{{ a.content }}"}').risk == "effects"


def test_what_nothing_recognises_is_unclassified(look):
    found = look(bytes(range(256)) * 8)
    assert (found.format, found.risk) == ("unclassified", "unclassified")


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed_files_are_what_is_inside_but_under_their_own_name(look, pack, table):
    csv = look(pack(table[0].to_csv().encode()))
    assert (csv.format in ("gzip", "bzip2", "xz"), csv.risk) == (True, "data")
    assert look(pack(onnx_model("com.example").SerializeToString())).risk == "effects"
    assert look(pack(bytes(range(256)))).risk == "unclassified"


def test_archives_are_as_harmful_as_their_worst_member(look):
    def tarred(members: dict[str, bytes]) -> bytes:
        target = io.BytesIO()
        with tarfile.open(fileobj=target, mode="w") as archive:
            for name, content in members.items():
                entry = tarfile.TarInfo(name)
                entry.size, entry.mtime = len(content), 1.5
                archive.addfile(entry, io.BytesIO(content))
        return target.getvalue()

    tame, wild = {"a.txt": b"hello", "b/c.json": b"{}"}, {"a.txt": b"hello", "b.txt": pickle.dumps(1)}
    assert (look(zipped(tame)).format, look(zipped(tame)).risk) == ("zip", "data")
    assert (look(tarred(tame)).format, look(tarred(tame)).risk) == ("tar", "data")
    assert look(zipped(wild)).risk == look(tarred(wild)).risk == "code"
    assert look(gzip.compress(tarred(wild))).risk == "code"
    assert look(zipped({"inner.zip": zipped(wild)})).risk == "code"
    assert look(tarred({"model_config.yaml": b"_target_: os.system\n"})).risk == "code"


def test_a_data_frame_of_numbers_pickles_without_foreign_names(look):
    found = look(pickle.dumps(pd.DataFrame([[1.0, 2.0]])))
    assert (found.risk, verdict(found)) == ("code", "allow_listed")
