"""Laws of this room: no exception, nothing executed, harm stays harm, versions judged as a whole."""

import contextlib
import io
import json
import pickle
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from assay.core.versions import FileFormat
from assay.formats import FORMATS, LOADABLE, RISKS, find_entrypoint, recognise, recognise_files, worst_risk
from assay.formats.recognising import judge_together, version_risk
from formats.hostile import SYSTEM, call, tricks, whole, zipped

SAFE = {
    "skops": skops.io.dumps({"a": [1, 2.0, "x"], "b": np.arange(4)}),
    "text": b"# A model\n\nIt predicts.\n",
    "json": b'{"a": [1, {"b": null}]}',
    "zip": zipped({"a.txt": b"hello"}),
}
HARMFUL = {**tricks(), "joblib": pickle.dumps(np.arange(9)), "torch": zipped({"a/data.pkl": SYSTEM})}
HARMFUL.pop("long_text_only")
mutations = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True), st.sampled_from(["set", "cut", "insert"]), st.integers(0, 255)
    ),
    min_size=1,
    max_size=4,
)


def mutated(content: bytes, changes: list[tuple[float, str, int]]) -> bytes:
    raw = bytearray(content)
    for place, kind, value in changes:
        at = int(place * len(raw))
        if kind == "set" and raw:
            raw[at] = value
        elif kind == "cut":
            del raw[at : at + value]
        else:
            raw[at:at] = bytes([value])
    return bytes(raw)


@pytest.mark.parametrize("name", [*SAFE, *HARMFUL])
@given(changes=mutations)
@settings(max_examples=40, deadline=None)
def test_no_bytes_raise_and_every_answer_is_a_risk(name, changes):
    found = recognise("x", io.BytesIO(mutated({**SAFE, **HARMFUL}[name], changes)))
    assert found.risk in RISKS
    assert found.format
    assert all(each.rule and each.severity and each.detail for each in found.concerns)


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_no_random_bytes_raise(content):
    assert recognise("x", io.BytesIO(content)).risk in RISKS


SIGNED = {name: each for name, each in HARMFUL.items() if each[:1] == b"\x80"}


@pytest.mark.parametrize("name", SIGNED)
@given(changes=mutations)
@settings(max_examples=40, deadline=None)
def test_no_change_behind_its_signature_turns_a_pickle_into_data(name, changes):
    content = SIGNED[name][:2] + mutated(SIGNED[name][2:], changes)
    assert recognise("x", io.BytesIO(content)).risk == "code"


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_nothing_behind_a_call_takes_it_back(behind):
    found = recognise("x", io.BytesIO(whole(call("os.system"))[:-1] + behind))
    assert (found.risk, "os.system" in found.globals) == ("code", True)


@given(st.integers(0, len(SAFE["skops"]) - 1))
@settings(max_examples=100, deadline=None)
def test_no_part_of_a_skops_file_is_data_under_its_name(length):
    found = recognise("x", io.BytesIO(SAFE["skops"][:length]))
    assert found.risk != "data" or found.format in ("empty", "text")


_WATCH: dict[str, Any] = {"on": False, "seen": []}
_FORBIDDEN = (
    "import",
    "exec",
    "subprocess",
    "os.",
    "socket.",
    "pickle.",
    "marshal.",
    "ctypes.",
    "shutil.",
    "tempfile.",
)


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if not _WATCH["on"]:
        return
    if (event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+")) or (
        event.startswith(_FORBIDDEN) and not str(args[0]).startswith("encodings")
    ):
        _WATCH["seen"].append((event, args))


sys.addaudithook(_hook)


@contextlib.contextmanager
def watched() -> Iterator[list[Any]]:
    _WATCH.update(on=True, seen=[])
    try:
        yield _WATCH["seen"]
    finally:
        _WATCH["on"] = False


def test_the_watch_sees_what_it_should(tmp_path):
    with watched() as seen:
        (tmp_path / "x").open("w").close()
        pickle.loads(pickle.dumps(pickle.dumps))
    assert {event for event, _ in seen} >= {"open", "pickle.find_class"}


def test_nothing_is_imported_opened_for_writing_or_started_by_looking():
    contents = [*SAFE.values(), *HARMFUL.values()]
    with watched() as seen:
        for each in contents:
            recognise("x", io.BytesIO(each))
    assert seen == []


def test_the_worst_of_nothing_or_of_nonsense_is_unclassified():
    assert worst_risk([]) == worst_risk(["data", "fine"]) == "unclassified"
    assert [worst_risk(RISKS[: n + 1]) for n in range(4)] == list(RISKS)


def test_every_format_has_its_own_name_and_a_risk():
    assert len({each.name for each in FORMATS}) == len(FORMATS)
    assert {each.risk for each in FORMATS} <= set(RISKS)
    assert {"joblib", "skops", "onnx"} == LOADABLE
    assert not any(each.runs_code_on_load for each in FORMATS if each.risk in ("data", "effects"))


def formats(**files: str) -> list[FileFormat]:
    return [FileFormat(path, name, "data") for path, name in files.items()]


def test_the_entry_point_is_the_one_file_that_can_be_loaded():
    assert find_entrypoint(formats(model="skops", readme="text")) == "model"
    assert find_entrypoint(formats(readme="text", weights="pickle")) == ""
    assert find_entrypoint(formats(one="skops", two="onnx")) == ""
    assert find_entrypoint([]) == ""


def opened(files: dict[str, bytes]):
    return [(path, lambda content=content: io.BytesIO(content)) for path, content in files.items()]


def test_a_version_with_tests_and_requirements_stays_data():
    files = {
        "model.skops": SAFE["skops"],
        "README.md": SAFE["text"],
        "requirements.txt": b"numpy==2.4.6\n",
        "tests/test_model.py": b"import os\n\n\ndef test_it():\n    assert os.getcwd()\n",
        "tests/__init__.py": b"",
    }
    found = recognise_files(opened(files))
    assert [each.path for each in found] == list(files)
    assert {each.risk for each in found} == {"data"}
    assert find_entrypoint(found) == "model.skops"


def test_python_that_a_configuration_has_its_loader_run_is_code():
    config = json.dumps(
        {"auto_map": {"AutoModel": ["modeling_x.Model", None], "AutoConfig": "other--conf.x.C"}}
    )
    files = {
        "hf/config.json": config.encode(),
        "hf/modeling_x.py": b"import os\n",
        "hf/conf/x.py": b"import os\n",
        "tests/modeling_x.py": b"import os\n",
    }
    risks = {each.path: each.risk for each in recognise_files(opened(files))}
    assert risks == {
        "hf/config.json": "code",
        "hf/modeling_x.py": "code",
        "hf/conf/x.py": "code",
        "tests/modeling_x.py": "data",
    }


def model_with_weights(location: str, nested: bool = False) -> bytes:
    tensor = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    tensor.ClearField("float_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location
    side = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])]
    if nested:
        inner = helper.make_graph([helper.make_node("Constant", [], ["y"], value=tensor)], "inner", [], side)
        condition = helper.make_tensor_value_info("c", TensorProto.BOOL, [])
        node = helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
        graph = helper.make_graph([node], "g", [condition], side)
    else:
        graph = helper.make_graph([helper.make_node("Identity", ["w"], ["y"])], "g", [], side, [tensor])
    return onnx.ModelProto.SerializeToString(helper.make_model(graph))


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize(
    "location", ["../w.bin", "/etc/passwd", "sub/../../w.bin", "C:\\w.bin", "a\\..\\w", ""]
)
def test_onnx_weights_outside_the_version_are_critical(location, nested):
    found = recognise("m.onnx", io.BytesIO(model_with_weights(location, nested)))
    assert (found.format, found.risk) == ("onnx", "effects")
    assert [each.severity for each in found.concerns] == ["critical"]


def test_onnx_weights_in_a_file_of_the_version_are_data_and_a_missing_one_is_said():
    files = {"m/model.onnx": model_with_weights("w.bin"), "m/w.bin": bytes(range(128, 256))}
    assert {each.path: each.risk for each in recognise_files(opened(files))} == {
        "m/model.onnx": "data",
        "m/w.bin": "data",
    }
    found = recognise("m/model.onnx", io.BytesIO(files["m/model.onnx"]))
    judged = judge_together({"m/model.onnx": found})
    assert [each.rule for each in judged["m/model.onnx"].concerns] == ["missing_file"]
    hidden = {**files, "m/w.bin": SYSTEM}
    assert {each.path: each.risk for each in recognise_files(opened(hidden))}["m/w.bin"] == "code"


def test_the_risk_of_a_version_is_that_of_its_worst_file():
    found = {name: recognise(name, io.BytesIO(each)) for name, each in SAFE.items()}
    assert version_risk(found) == "data"
    assert version_risk({**found, "x": recognise("x", io.BytesIO(SYSTEM))}) == "code"
    assert version_risk({}) == "unclassified"
