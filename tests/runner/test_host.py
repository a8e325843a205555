import json
import os
import socket
import uuid
from concurrent.futures import wait
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
from skl2onnx import to_onnx
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from assay.core.measuring import ModelProblem
from assay.core.provenance import Environment
from assay.core.signatures import DType, Field, Signature

IRIS = load_iris()
NAMES = ["a", "b", "c", "d"]
ONE_NUMBER = {"x": ("float64", [1.0, 2.0, 3.0], None)}


@pytest.fixture
def iris(features):
    return features(**{name: ("float64", IRIS.data[:, i], None) for i, name in enumerate(NAMES)})


def iris_signature(*classes):
    return Signature(
        tuple(Field(name, DType.FLOAT64) for name in NAMES), (Field("y", DType.INT64, classes=classes),)
    )


def stored(kind: str, model, pickled) -> bytes:
    if kind == "joblib":
        return pickled(model)
    return skops.io.dumps(model)


@pytest.mark.parametrize("kind", ["joblib", "skops"])
def test_a_classifier_answers_as_it_does_at_home(kind, host_of, pickled, iris, outputs):
    model = LogisticRegression(max_iter=500).fit(IRIS.data, IRIS.target)
    with host_of({"model": stored(kind, model, pickled)}, kind, signature=iris_signature()).open() as loaded:
        answer = outputs(loaded.predict(iris))
        facts = loaded.facts
    assert list(answer) == ["prediction", "probability:0", "probability:1", "probability:2"]
    assert np.array_equal(answer["prediction"], model.predict(IRIS.data))
    shares = np.column_stack([answer[f"probability:{label}"] for label in range(3)])
    assert np.array_equal(shares, model.predict_proba(IRIS.data))
    assert facts["predict_methods"] == ["predict", "predict_proba"]
    assert facts["load_ms"] > 0
    assert facts["packages"]["numpy"] == np.__version__
    assert facts["isolation"]["network"] == "none"
    names = {"digest", "python_version", "tool", "resolved", "build_seconds", "reused"}
    assert set(facts["environment"]) == names
    assert json.loads(json.dumps(facts)) == facts


@pytest.mark.parametrize("kind", ["joblib", "skops"])
def test_a_pipeline_over_mixed_columns_with_missing_values_and_text_labels(
    kind, host_of, pickled, features, outputs
):
    numbers = [1.0, 2.0, np.nan, 4.0, 50.0, 60.0, 70.0, 80.0]
    towns = ["Bonn", "Köln", "Bonn", np.nan, "Ulm", "Ulm", np.nan, "Ulm"]
    flags = [True, False, True, False, True, False, True, False]
    counts = [1, 2, 3, 4, 5, 6, 7, 8]
    frame = pd.DataFrame({"number": numbers, "town": towns, "flag": flags, "count": counts})
    label = ["low", "low", "low", "low", "high", "high", "high", "high"]
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), ["number", "count"]),
            ("texts", make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder()), ["town"]),
            ("flags", "passthrough", ["flag"]),
        ]
    )
    model = make_pipeline(columns, LogisticRegression()).fit(frame, label)
    signature = Signature(
        (
            Field("number", DType.FLOAT64, nullable=True),
            Field("town", DType.STRING, nullable=True),
            Field("flag", DType.BOOLEAN),
            Field("count", DType.INT64),
        ),
        (Field("y", DType.STRING, classes=("high", "low")),),
    )
    mask = [isinstance(each, float) for each in towns]
    # another order than the signature's: the harness restores it
    table = features(
        town=("string", [each if isinstance(each, str) else "" for each in towns], mask),
        count=("int64", counts, None),
        flag=("boolean", flags, None),
        number=("float64", numbers, None),
    )
    with host_of({"m": stored(kind, model, pickled)}, kind, signature=signature).open() as loaded:
        answer = outputs(loaded.predict(table))
    assert answer["prediction"].tolist() == model.predict(frame).tolist()
    assert np.array_equal(answer["probability:high"], model.predict_proba(frame)[:, 0])


@pytest.mark.parametrize("zipmap", [True, False])
def test_an_onnx_classifier_gives_label_and_probabilities(zipmap, host_of, iris, outputs):
    model = LogisticRegression(max_iter=500).fit(IRIS.data, IRIS.target)
    graph = to_onnx(model, IRIS.data[:1].astype("float32"), options={"zipmap": zipmap})
    host = host_of({"model.onnx": graph.SerializeToString()}, "onnx", signature=iris_signature(0, 1, 2))
    with host.open() as loaded:
        answer = outputs(loaded.predict(iris))
        loaded.preload(iris)
        assert loaded.submit(149).result(30) == 2
    assert list(answer) == ["prediction", "probability:0", "probability:1", "probability:2"]
    assert np.array_equal(answer["prediction"], model.predict(IRIS.data))
    assert np.allclose(answer["probability:2"], model.predict_proba(IRIS.data)[:, 2], atol=1e-5)


def test_an_onnx_graph_with_an_input_per_column_is_fed_by_name(host_of, features, outputs):
    frame = pd.DataFrame({"size": np.array([1.0, 2.0, 3.0, 9.0], "float32"), "town": ["a", "b", "a", "b"]})
    columns = ColumnTransformer([("n", StandardScaler(), ["size"]), ("t", OneHotEncoder(), ["town"])])
    model = make_pipeline(columns, LinearRegression()).fit(frame, [1.0, 2.0, 3.0, 4.0])
    graph = to_onnx(model, frame[:1])
    table = features(town=("string", frame["town"].tolist(), None), size=("float32", frame["size"], None))
    with host_of({"m.onnx": graph.SerializeToString()}, "onnx").open() as loaded:
        answer = outputs(loaded.predict(table))
        with pytest.raises(ModelProblem, match="size"):
            loaded.predict(features(town=("string", ["a"], None), size=("string", ["big"], None)))
        with pytest.raises(ModelProblem, match="no input named other"):
            loaded.predict(features(town=("string", ["a"], None), other=("float32", [1.0], None)))
    assert list(answer) == ["prediction"]
    assert np.allclose(answer["prediction"], model.predict(frame), atol=1e-5)


def test_rows_are_answered_one_by_one_while_others_wait(host_of, pickled, iris):
    model = LogisticRegression(max_iter=500).fit(IRIS.data, IRIS.target)
    with host_of({"m": pickled(model)}).open() as loaded:
        loaded.preload(iris)
        futures = [loaded.submit(row) for row in range(150)]
        done = wait(futures, timeout=60).done
        assert len(done) == 150
        assert [future.result() for future in futures] == model.predict(IRIS.data).tolist()
        with pytest.raises(ModelProblem, match="no preloaded row 150"):
            loaded.submit(150).result(30)


def test_a_wrong_input_is_the_models_to_refuse_and_it_goes_on_afterwards(
    host_of, pickled, iris, features, outputs
):
    model = LogisticRegression(max_iter=500).fit(IRIS.data, IRIS.target)
    with host_of({"m": pickled(model)}).open() as loaded:
        with pytest.raises(ModelProblem, match="ValueError") as caught:
            loaded.predict(features(a=("float64", [1.0], None)))
        assert caught.value.limit == ""
        iris = features(**{name: ("float64", IRIS.data[:, i], None) for i, name in enumerate(NAMES)})
        assert len(outputs(loaded.predict(iris))["prediction"]) == 150


def test_a_model_that_prints_does_not_disturb_the_conversation(code_host, features, outputs):
    source = """
class Model:
    def predict(self, X):
        import os, sys
        print("hello")
        os.write(1, b'{"id": 3, "value": 1}\\n')
        sys.stdout.flush()
        os.system("echo from a child")
        assert sys.stdin.read() == ""
        return X[:, 0] * 2
"""
    with code_host(source).open() as loaded:
        assert outputs(loaded.predict(features(**ONE_NUMBER)))["prediction"].tolist() == [2.0, 4.0, 6.0]


def test_what_a_file_does_on_load_is_contained_and_told(code_host, tmp_path, monkeypatch):
    monkeypatch.setenv("ASSAY_TOKEN", "a-secret-token")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "key").write_text("a-secret-key")
    with socket.create_server(("127.0.0.1", 0)) as server:
        source = f"""
import os, socket
def attempt(what, do):
    try:
        found.append(what + "=" + repr(do()))
    except OSError:
        found.append(what + " contained")
found = []
attempt("write", lambda: open({str(tmp_path / "planted")!r}, "w"))
attempt("network", lambda: socket.create_connection(("127.0.0.1", {server.getsockname()[1]}), 5))
attempt("home", lambda: open({str(tmp_path / "home" / "key")!r}).read())
attempt("worker", lambda: open("/proc/{os.getpid()}/environ", "rb").read())
attempt("own files", lambda: open({str(tmp_path / "files" / "model.joblib")!r}, "ab"))
attempt("environment", lambda: open(os.path.join(os.path.dirname(os.__file__), "x.pth"), "w"))
found.append("token=" + repr(os.environ.get("ASSAY_TOKEN")))
raise RuntimeError("; ".join(found))
"""
        with pytest.raises(ModelProblem) as caught, code_host(source).open():
            pass
    assert str(caught.value) == (
        "RuntimeError: write contained; network contained; home contained; worker contained; own files"
        " contained; environment contained; token=None"
    )
    assert not (tmp_path / "planted").exists()


@pytest.mark.parametrize(
    ("body", "limits", "limit"),
    [
        ("while True: pass", {"cpu_seconds": 3}, "time"),
        ("return [bytearray(10**9) for _ in range(100)]", {"memory_bytes": 10**9}, "memory"),
        ("open('f', 'wb').write(bytes(10**6)); return X[:, 0]", {"file_bytes": 10**5}, "file size"),
        (
            "import numpy; numpy.save('f', numpy.zeros(10**6)); return X[:, 0]",
            {"file_bytes": 10**5},
            "file size",
        ),
    ],
)
def test_a_bomb_runs_into_the_limit_that_is_named(body, limits, limit, code_host, features):
    source = f"class Model:\n    def predict(self, X):\n        {body}\n"
    with code_host(source, **limits).open() as loaded, pytest.raises(ModelProblem) as caught:
        loaded.predict(features(**ONE_NUMBER))
    assert caught.value.limit == limit


def test_a_model_that_takes_too_long_is_ended_and_stays_ended(code_host, features):
    source = "class Model:\n    def predict(self, X):\n        import time; time.sleep(600)\n"
    with code_host(source).open() as loaded:
        table = features(**ONE_NUMBER)
        with pytest.raises(ModelProblem, match=r"within 0\.2 s") as caught:
            loaded.predict(table, timeout_s=0.2)
        assert caught.value.limit == "time"
        with pytest.raises(ModelProblem) as caught:
            loaded.predict(table)
        assert caught.value.limit == "time"


def test_a_model_that_dies_fails_every_open_request(code_host, features):
    source = """
class Model:
    def predict(self, X):
        import os, sys
        print("last words", file=sys.stderr, flush=True)
        os._exit(3)
"""
    with code_host(source).open() as loaded:
        loaded.preload(features(**ONE_NUMBER))
        futures = [loaded.submit(row) for row in (0, 1, 2)]
        for future in futures:
            with pytest.raises(ModelProblem, match=r"(?s)exit code 3.*last words"):
                future.result(60)


def test_a_model_that_calls_exit_is_answered_like_one_that_raises(code_host, features):
    source = "class Model:\n    def predict(self, X):\n        raise SystemExit(0)\n"
    with code_host(source).open() as loaded, pytest.raises(ModelProblem, match="SystemExit"):
        loaded.predict(features(**ONE_NUMBER))


FORGERY = """
class Model:
    def predict(self, X):
        import os, sys, json
        frame = sys._getframe()
        while "replies" not in frame.f_locals:
            frame = frame.f_back
        replies, request = frame.f_locals["replies"], frame.f_locals["request"]
        into = request["into"]
        said = ({line}).encode() + b"\\n"
        while said:
            said = said[os.write(replies, said):]
        {more}
        while True: pass
"""


@pytest.mark.parametrize(
    ("line", "more", "said"),
    [
        ("'garbage'", "", "no JSON"),
        ("'{\"id\": NaN}'", "", "no JSON"),
        ("'[' * 100000", "", "no JSON"),
        ("'[]'", "", "answer to nothing"),
        ("'{\"id\": [1]}'", "", "answer to nothing"),
        ("'{\"id\": 77}'", "", "answer to nothing"),
        ("' ' * 10**7", "", "without end|no JSON"),
        ("json.dumps({'id': request['id']})", "", "left no predictions"),
    ],
)
def test_a_forged_reply_is_a_problem_and_never_more(line, more, said, code_host, features):
    source = FORGERY.format(line=line, more=more)
    with code_host(source).open() as loaded, pytest.raises(ModelProblem, match=said):
        loaded.predict(features(**ONE_NUMBER))


@pytest.mark.parametrize(
    ("making", "said"),
    [
        ("os.symlink('/etc/passwd', into)", "left no predictions"),
        ("os.mkdir(into)", "something else than a file"),
        ("os.mkfifo(into)", "something else than a file"),
        ("open(into, 'wb').write(b'PK garbage')", "broken file"),
    ],
)
def test_a_forged_answer_file_is_a_problem_and_never_read(making, said, code_host, features):
    line = "(lambda: (" + making + ", json.dumps({'id': request['id']}))[1])()"
    with (
        code_host(FORGERY.format(line=line, more="")).open() as loaded,
        pytest.raises(ModelProblem, match=said),
    ):
        loaded.predict(features(**ONE_NUMBER))


@pytest.mark.parametrize(
    ("answer", "values"),
    [
        ("['a', None, 'c']", ["a", "", "c"]),
        ("[True, False, True]", [True, False, True]),
        ("[1, 2, 3]", [1, 2, 3]),
        ("np.array([['x'], ['y'], ['z']], dtype=object)", ["x", "y", "z"]),
        ("np.array(['2026-01-01', 'NaT', '1970-01-01'], 'datetime64[ns]')", [1767225600000000, 0, 0]),
        ("np.ones((3, 2))", [[1.0, 1.0]] * 3),
    ],
)
def test_outputs_of_every_plain_kind_come_back(answer, values, code_host, features, outputs):
    source = f"import numpy as np\nclass Model:\n    def predict(self, X): return {answer}\n"
    with code_host(source).open() as loaded:
        assert outputs(loaded.predict(features(**ONE_NUMBER)))["prediction"].tolist() == values


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("[1.0, 2.0]", "2 rows instead of 3"),
        ("['a', 1, 2]", "mixed or strange types: int, str"),
        ("[object()] * 3", "strange types: object"),
        ("np.ones(3) * 1j", "complex"),
        ("None", "strange types|shape|rows|object"),
    ],
)
def test_outputs_that_are_none_are_refused(answer, said, code_host, features):
    source = f"import numpy as np\nclass Model:\n    def predict(self, X): return {answer}\n"
    with code_host(source).open() as loaded, pytest.raises(ModelProblem, match=said):
        loaded.predict(features(**ONE_NUMBER))


def test_a_row_that_is_not_a_number_comes_back_as_none(code_host, features):
    source = "class Model:\n    def predict(self, X): return X[:, 0] * float('nan')\n"
    with code_host(source).open() as loaded:
        loaded.preload(features(**ONE_NUMBER))
        assert loaded.submit(0).result(30) is None


@pytest.mark.parametrize("value", ["1e999", "-1e999", "[1]", "{}", "NaN"])
def test_a_forged_row_is_a_problem(value, code_host, features):
    line = "'{\"id\": ' + str(request['id']) + ', \"value\": ' + '" + value + "}'"
    source = FORGERY.replace('into = request["into"]', "").format(line=line, more="")
    with code_host(source).open() as loaded:
        loaded.preload(features(**ONE_NUMBER))
        with pytest.raises(ModelProblem, match=r"something else than a value|no JSON"):
            loaded.submit(0).result(30)


def test_nothing_of_a_model_outlives_it(code_host, features):
    token = uuid.uuid4().hex
    source = f"""
import subprocess, sys
class Model:
    def __init__(self):
        program = "import time; time.sleep(600) # {token}"
        subprocess.Popen([sys.executable, "-I", "-c", program], start_new_session=True)
    def predict(self, X): return X[:, 0]
"""

    def running() -> bool:
        lines = (entry / "cmdline" for entry in Path("/proc").iterdir() if entry.name.isdigit())
        found = []
        for line in lines:
            try:
                found.append(token in line.read_text())
            except OSError:
                continue
        return any(found)

    with code_host(source).open() as loaded:
        loaded.predict(features(**ONE_NUMBER))
        assert running()
    assert not running()


def test_scratch_of_a_model_is_emptied_and_its_answers_stay(code_host, features, tmp_path):
    source = "class Model:\n    def predict(self, X): open('left', 'w'); return X[:, 0]\n"
    with code_host(source).open() as loaded:
        answer = loaded.predict(features(**ONE_NUMBER))
    assert [path for path in (tmp_path / "scratch").rglob("*") if path.is_file()] == [answer]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"environment": None}, "no environment freeze"),
        ({"environment": Environment("3.11.0", "", ("numpy>=1",))}, "unpinned"),
        ({"format": "unclassified"}, "formats that can be"),
        ({"entrypoint": "elsewhere.joblib"}, "is not there"),
    ],
)
def test_what_cannot_be_opened_is_told_before_anything_runs(changes, said, host_of):
    changes = dict(changes)
    kind = changes.pop("format", "joblib")
    with pytest.raises(ModelProblem, match=said), host_of({"m": b"x"}, kind, **changes).open():
        pass


def test_a_file_that_is_no_model_is_told(host_of, pickled):
    host = host_of({"m": pickled({"a": 1})})
    with pytest.raises(ModelProblem, match="dict, which has no predict"), host.open():
        pass


def test_an_environment_without_what_the_format_needs_is_told(host_of, pickled, frozen):
    packages = tuple(line for line in frozen.packages if line.startswith("numpy=="))
    bare = Environment(frozen.python, "", packages)
    host = host_of({"m": pickled(1)}, environment=bare)
    with pytest.raises(ModelProblem, match="no usable joblib"), host.open():
        pass


def test_features_that_are_no_column_file_are_the_askers_fault(code_host, tmp_path):
    (tmp_path / "f.npz").write_bytes(b"x")
    source = "class Model:\n    def predict(self, X): return X\n"
    with code_host(source).open() as loaded, pytest.raises(ModelProblem, match="no column file"):
        loaded.predict(tmp_path / "f.npz")


PASSING = b"""
import joblib
from pathlib import Path

def test_the_model_is_beside_its_tests(tmp_path):
    assert joblib.load("model.joblib") == {"a": 1}
    (tmp_path / "x").write_text("x")

def test_that_fails():
    assert 1 == 2
"""


def test_a_versions_own_tests_run_and_report(host_of, pickled):
    files = {"model.joblib": pickled({"a": 1}), "tests/test_model.py": PASSING}
    report = host_of(files).run_tests("tests").decode()
    assert 'tests="2"' in report
    assert 'failures="1"' in report
    assert 'errors="0"' in report
    assert "test_that_fails" in report


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"import no_such_thing", "exit code 2.*no_such_thing"),
        (b"", "found no tests"),
        (b"import os; os._exit(0)", "exit code 0"),
        (b"import os; os.kill(os.getpid(), 11)", "SIGSEGV"),
    ],
)
def test_tests_that_do_not_run_to_their_end_are_a_problem(content, said, host_of):
    with pytest.raises(ModelProblem, match=f"(?s){said}"):
        host_of({"m": b"x", "tests/test_it.py": content}).run_tests("tests")


def test_tests_that_hang_run_into_the_limit(host_of):
    content = b"import time\ndef test_it():\n    time.sleep(600)\n"
    with pytest.raises(ModelProblem) as caught:
        host_of({"m": b"x", "tests/test_it.py": content}).run_tests("tests", timeout_s=3.0)
    assert caught.value.limit == "time"


@pytest.mark.parametrize("directory", ["missing", "../x", "/etc", ""])
def test_a_folder_that_is_none_of_the_versions_is_refused(directory, host_of):
    with pytest.raises(ModelProblem, match=r"folder|cannot be run"):
        host_of({"m": b"x"}).run_tests(directory)
