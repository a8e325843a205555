"""Files that MLflow writes beside a model: what they say, and that nothing in them is executed."""

import json
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.errors import BadInputError
from assay.core.signatures import DType, Field
from assay.formats.freezes import read_freeze
from assay.formats.mlmodel import MAX_BYTES, PackedModel, read_mlmodel

SKLEARN = b"""
artifact_path: model
flavors:
  python_function:
    env: {conda: conda.yaml, virtualenv: python_env.yaml}
    loader_module: mlflow.sklearn
    model_path: model.pkl
    python_version: 3.11.7
  sklearn:
    code: null
    pickled_model: model.pkl
    serialization_format: cloudpickle
    sklearn_version: 1.5.0
mlflow_version: 3.17.2
model_id: m-0123
run_id: abc
saved_input_example_info:
  artifact_path: input_example.json
  type: dataframe
signature:
  inputs: '[{"type": "double", "name": "a b", "required": true},
    {"type": "long", "name": "n", "required": false}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]'
  params: null
utc_time_created: '2026-01-01 12:00:00.000000'
"""


def test_what_the_client_writes_for_a_model_of_scikit_learn():
    found = read_mlmodel(SKLEARN)
    assert found.flavors == ("python_function", "sklearn")
    assert (found.entrypoint, found.architecture) == ("model.pkl", "sklearn")
    assert (found.python, found.example) == ("3.11.7", "input_example.json")
    assert found.signature.inputs == (Field("a b", DType.FLOAT64), Field("n", DType.INT64, required=False))
    assert found.signature.outputs == (Field("output", DType.INT64, (-1,)),)


def signed(inputs, outputs=({"type": "long"},)):
    said = {"signature": {"inputs": json.dumps(inputs), "outputs": json.dumps(outputs)}}
    found = read_mlmodel(json.dumps(said).encode()).signature
    return found and found.inputs


@pytest.mark.parametrize(
    ("column", "field"),
    [
        ({"type": "boolean"}, Field("input", DType.BOOLEAN)),
        ({"type": "integer", "name": "i"}, Field("i", DType.INT32)),
        ({"type": "float"}, Field("input", DType.FLOAT32)),
        ({"type": "string"}, Field("input", DType.STRING)),
        ({"type": "binary"}, Field("input", DType.BINARY)),
        ({"type": "datetime"}, Field("input", DType.DATETIME)),
        ({"type": "double", "optional": True}, Field("input", DType.FLOAT64, required=False)),
        ({"type": "array", "items": {"type": "double"}}, Field("input", DType.FLOAT64, (-1,))),
        (
            {"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 3]}},
            Field("input", DType.FLOAT32, (-1, 3)),
        ),
        (
            {"type": "tensor", "tensor-spec": {"dtype": "object", "shape": [2]}},
            Field("input", DType.STRING, (2,)),
        ),
        (
            {"type": "tensor", "tensor-spec": {"dtype": "str<U3", "shape": []}},
            Field("input", DType.STRING, ()),
        ),
    ],
)
def test_kinds_of_columns_and_tensors(column, field):
    assert signed([column]) == (field,)


@pytest.mark.parametrize(
    "inputs",
    [
        [{"type": "object", "properties": {}}],
        [{"type": "map", "values": {"type": "long"}}],
        [{"type": "any"}],
        [{"type": "double", "name": "a"}, {"type": "nonsense", "name": "b"}],
        [{"type": "double", "name": "a"}, {"type": "double", "name": "a"}],
        [{"type": "tensor", "tensor-spec": {"dtype": "complex128", "shape": [-1]}}],
        [{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-2]}}],
        [{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": "x"}}],
        [{"type": "tensor", "tensor-spec": {"dtype": ["float32"], "shape": [1.5]}}],
        [{"type": "tensor"}],
        [{"type": "double", "name": "x" * 600}],
        [5, None, "x"],
        [],
        {},
        None,
        "x",
        [{"type": "double", "name": f"c{number}"} for number in range(10_001)],
    ],
)
def test_a_signature_that_our_types_do_not_express_is_none(inputs):
    assert signed(inputs) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"text",
        b"- a",
        b"a: [",
        b"\xff\xfe\x00",
        b"a: \0",
        b"? [a]\n: 1",
        b"{{}: 1}",
        b"a: 1\n--- \nb: 2",
        b"a: *nobody",
        b"[" * 1_000_000,
        b"{a: " * 500_000,
        b"- " * 500_000,
        b"a: " + b"x" * MAX_BYTES,
    ],
    ids=range(14),
)
def test_what_is_no_such_file(content):
    with pytest.raises(BadInputError, match="MLmodel"):
        read_mlmodel(content)


@pytest.mark.parametrize(
    "content",
    [
        b"flavors: !!python/object/apply:os.system ['touch /tmp/owned']",
        b"flavors: !!python/name:os.system",
        b"!!python/object/new:os._exit [1]",
        b"signature: !!python/object/apply:builtins.exec ['raise SystemExit']",
    ],
)
def test_a_tag_makes_no_object(content):
    try:
        found = read_mlmodel(content)
    except BadInputError:
        return
    assert found == PackedModel()


def multiplied(line, levels):
    """A short text in which every line says the one before nine times."""
    lines = (
        f"a{number}: &a{number} " + line.format(",".join([f"*a{number - 1}"] * 9))
        for number in range(1, levels)
    )
    return "\n".join(["a0: &a0 {x: y}", *lines, f"flavors: *a{levels - 1}"]).encode()


@pytest.mark.parametrize(
    "content",
    [
        multiplied("[{0}]", 12),
        multiplied("{{<<: [{0}]}}", 9),
        b"x: " + b"9" * 3_000_000,
        b"x: " + b"1:" * 1_000_000 + b"1",
        b"x: 0x" + b"f" * 3_000_000,
        b"flavors: {2001-13-45: 1, 1.5: {data: x}}",
    ],
    ids=["lists", "merges", "digits", "sixties", "hex", "dates"],
)
def test_a_short_file_makes_no_long_work(content):
    before = time.process_time()
    for read in (
        read_mlmodel,
        lambda content: read_freeze({"conda.yaml": content, "python_env.yaml": content}),
    ):
        try:
            read(content)
        except BadInputError:
            continue
    assert time.process_time() - before < 5


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode(errors="replace")))
def test_any_bytes_say_something_or_are_refused(content):
    with suppress(BadInputError):
        read_mlmodel(content)
    read_freeze({"requirements.txt": content, "conda.yaml": content, "python_env.yaml": content}, "3.11.1")


nonsense = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("ab1é/", max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "name", "items", "shape", "tensor-spec", "data"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@given(nonsense, nonsense, nonsense)
def test_wrong_kinds_in_the_right_places_say_nothing(flavors, inputs, example):
    said = {
        "flavors": {"python_function": flavors, "other": flavors},
        "signature": {"inputs": json.dumps(inputs), "outputs": inputs},
        "saved_input_example_info": example,
    }
    found = read_mlmodel(json.dumps(said).encode())
    assert found.flavors == ("python_function", "other")


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "..", ""])
def test_an_entry_point_lies_beside_the_file(path):
    said = {"flavors": {"sklearn": {"pickled_model": path}, "x": {"data": "model"}}}
    assert read_mlmodel(json.dumps(said).encode()).entrypoint == "model"


CONDA = b"""
channels: [conda-forge]
dependencies:
- python=3.11.7
- pip<=23
- pip:
  - mlflow==3.17.2
  - numpy==2.0.0
name: mlflow-env
"""


@pytest.mark.parametrize(
    ("files", "python", "packages"),
    [
        (
            {"requirements.txt": b"a==1\nb==2\n", "python_env.yaml": b"python: 3.11.7\n"},
            "3.11.7",
            ("a==1", "b==2"),
        ),
        ({"conda.yaml": CONDA}, "3.11.7", ("mlflow==3.17.2", "numpy==2.0.0")),
        ({"conda.yaml": CONDA, "requirements.txt": b"a==1"}, "3.11.7", ("a==1",)),
        (
            {"conda.yaml": CONDA, "python_env.yaml": b"python: 3.12.1"},
            "3.12.1",
            ("mlflow==3.17.2", "numpy==2.0.0"),
        ),
        ({"requirements.txt": b"a==1"}, "3.10.2", ("a==1",)),
        (
            {"requirements.txt": b"# c\n\na==1 # why\n-r other.txt\n--index-url x\nb==2 --hash=sha256:x\r\n"},
            "3.10.2",
            ("a==1", "b==2"),
        ),
        (
            {"requirements.txt": b"a==1; \\\n python_version > '3'"},
            "3.10.2",
            ("a==1",),
        ),
        (
            {
                "requirements.txt": b"a==1 ; sys_platform == 'win32'\nb==2 ; sys_platform == 'linux'\n"
                b"c==3 ; python_full_version < '3.10'\nd==4 ; nonsense\n"
            },
            "3.10.2",
            ("b==2", "d==4 ; nonsense"),
        ),
    ],
)
def test_freezes_say_python_and_packages(files, python, packages):
    found = read_freeze(files, "3.10.2")
    assert (found.python, found.packages) == (python, packages)


@pytest.mark.parametrize(
    "line", ['a==1; os_name ~= "posix"', 'a==1; python_version ~= "abc"', "a==1; " + "(" * 100_000]
)
def test_conditions_that_mean_nothing_stay_as_they_are(line):
    found = read_freeze({"requirements.txt": f"b==1\n{line}".encode()[:900_000]}, "3.11.4")
    assert found is None or found.packages == ("b==1", line)
    assert read_freeze({"requirements.txt": line.encode()}) is None


def test_only_a_locked_list_names_the_whole_environment():
    locked = b"# Original requirements\n# a\n#\n# Locked requirements\na==1\nb==2 ; sys_platform == 'linux'\n"
    found = read_freeze({"requirements.txt": locked}, "3.11.1")
    assert (found.packages, found.complete) == (("a==1", "b==2"), True)
    named = read_freeze({"requirements.txt": b"a==1\nb==2\n"}, "3.11.1")
    assert (named.packages, named.complete) == (("a==1", "b==2"), False)
    assert named.digest != found.digest


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"requirements.txt": b""},
        {"requirements.txt": b"# nothing\n-r x\n"},
        {"conda.yaml": b"dependencies: python=3.11.7"},
        {"conda.yaml": b"- x"},
        {"conda.yaml": b"dependencies: [{pip: x}, {pip: [[a]]}, 5]"},
        {"requirements.txt": b"a==1\0"},
        {"requirements.txt": b"x" * 2000},
        {"requirements.txt": b"a==1\n" * 300_000},
        {"requirements.txt": b"\n".join(b"p%d==1" % number for number in range(6000))},
    ],
    ids=range(10),
)
def test_files_that_freeze_nothing(files):
    assert read_freeze(files, "3.11.1") is None


def test_without_a_full_version_of_python_nothing_is_frozen():
    files = {"requirements.txt": b"a==1", "python_env.yaml": b"python: 3.11"}
    assert read_freeze(files) is None
    assert read_freeze(files, "3.11") is None
    assert read_freeze(files, "3.11.0rc1").python == "3.11.0rc1"


def test_a_freeze_keeps_neither_options_nor_logins():
    lines = [
        "-i https://ann:s3cret@example.org/simple",
        "-r base.txt",
        "x @ https://ann:s3cret@h.example/x.whl",
    ]
    plain = {"requirements.txt": "\n".join(lines).encode()}
    conda = {"conda.yaml": json.dumps({"dependencies": ["python=3.11.1", {"pip": lines}]}).encode()}
    for files in (plain, conda):
        assert read_freeze(files, "3.11.1").packages == ("x @ https://h.example/x.whl",)
