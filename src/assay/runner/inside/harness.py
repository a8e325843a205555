"""Inside the sandbox: loads the model and answers requests. A script for the model's own Python.

It knows nothing of the registry: standard library, NumPy, and what the model's environment has. Requests
and replies are JSON lines on private copies of standard input and output, one reply per request, in order;
what the model prints goes to standard error. Started as ``python -I -B harness.py``.

Requests: ``{"id", "op", ...}`` with

* ``load``: ``format`` (joblib, skops, onnx), ``path``, ``inputs`` (the signature's names in order),
  ``classes`` (of its first output); replies ``facts``
* ``predict``: ``features``, ``into`` (paths of column files, see assay.core.measuring)
* ``preload``: ``features``; then ``row``: ``row``; replies ``value``
* ``exit``

Tables become a pandas DataFrame when the model was fitted with column names, or when a column holds text or
instants and pandas is there; else a 2-D array in the signature's order. Missing values are NaN (NaT for
instants), as pandas reads them from a file.
"""

import errno
import importlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

# Its folder comes last, so that nothing of the model's environment is shadowed.
sys.path.append(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - as plain as can be
tables: Any = importlib.import_module("harness_columns")
ModelError: Any = tables.ModelError
Column = tuple[str, str, Any, Any]  # name, dtype, values, mask of missing ones or None


class Caught:
    """Keeps whatever the model raises: it may raise anything, and the next request must be answered."""

    def __init__(self) -> None:
        self.error: BaseException | None = None

    def __enter__(self) -> "Caught":
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        self.error = error
        return error is not None


def library(name: str) -> Any:
    """Import what a format needs.

    Raises:
        ModelError: the model's environment does not have it.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ModelError(f"the model's environment has no usable {name}: {error}") from error


class PythonModel:
    """A fitted estimator, or anything else with ``predict``."""

    def __init__(self, model: Any, names: Sequence[str]) -> None:
        self._model = model
        self._names = names
        if not callable(getattr(model, "predict", None)):
            raise ModelError(f"the file holds a {type(model).__name__}, which has no predict")
        self._proba = callable(getattr(model, "predict_proba", None))
        self.methods = ["predict", "predict_proba"] if self._proba else ["predict"]
        self.kind = f"{type(model).__module__}.{type(model).__qualname__}"
        self._by_name = getattr(model, "feature_names_in_", None) is not None
        self._has_pandas = importlib.util.find_spec("pandas") is not None

    def inputs(self, columns: list[Column]) -> Any:
        """Turn columns into what the estimator takes."""
        columns = tables.ordered(columns, self._names)
        if len(columns) == 1 and columns[0][2].ndim > 1:
            return columns[0][2]
        if any(column[2].ndim > 1 for column in columns):
            raise ModelError("an estimator takes columns, or one tensor; not several tensors")
        values = {column[0]: tables.numeric(column) for column in columns}
        mixed = any(each.dtype.kind in "OM" for each in values.values())
        if self._has_pandas and (self._by_name or mixed):
            pandas = library("pandas")
            return pandas.DataFrame({name: series(pandas, each) for name, each in values.items()})
        if not mixed:
            return np.column_stack(list(values.values()))
        return np.column_stack([each.astype(object) for each in values.values()])

    def outputs(self, inputs: Any) -> list[tuple[str, Any]]:
        """Predict; return the prediction and, where there are some, a probability per class."""
        columns = [("prediction", tables.flat(self._model.predict(inputs)))]
        if self._proba:
            shares = np.asarray(self._model.predict_proba(inputs))
            classes = getattr(self._model, "classes_", range(shares.shape[-1]))
            if shares.ndim == 2 and len(classes) == shares.shape[1]:
                columns += [
                    (f"probability:{tables.plain(label)}", shares[:, i]) for i, label in enumerate(classes)
                ]
        return columns

    def row(self, inputs: Any, index: int) -> Any:
        """Predict one row; return its first output."""
        one = inputs.iloc[index : index + 1] if hasattr(inputs, "iloc") else inputs[index : index + 1]
        return tables.flat(self._model.predict(one))[0]


def series(pandas: Any, values: Any) -> Any:
    """Make a series with the type that reading a file gives: text is ``str`` from pandas 3 on."""
    is_text = values.dtype.kind == "O" and not any(isinstance(each, bool) for each in values)
    by_type = "str" if is_text and int(pandas.__version__.split(".")[0]) >= 3 else None
    return pandas.Series(values, dtype=by_type)


class OnnxModel:
    """An ONNX graph on the CPU, one thread."""

    def __init__(self, path: str, names: Sequence[str], classes: Sequence[Any]) -> None:
        runtime = library("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self._inputs = self._session.get_inputs()
        self._first = self._session.get_outputs()[0].name
        self._names = names
        self._classes = classes
        self.kind = "onnx"
        self.methods = [output.name for output in self._session.get_outputs()]

    def inputs(self, columns: list[Column]) -> Any:
        """Turn columns into what the graph takes."""
        columns = tables.ordered(columns, self._names)
        if len(self._inputs) == 1 and columns[0][2].ndim == 1:
            return {self._inputs[0].name: self._stacked(columns)}
        wanted = {each.name: each for each in self._inputs}
        if not any(column[0] in wanted for column in columns) and len(columns) == len(wanted):
            # Converters rename inputs whose names are no identifiers; then the order counts.
            return {
                each.name: tables.fit(column, each)
                for column, each in zip(columns, self._inputs, strict=True)
            }
        unknown = [column[0] for column in columns if column[0] not in wanted]
        if unknown:
            raise ModelError(f"the graph has no input named {', '.join(unknown[:5])}")
        return {column[0]: tables.fit(column, wanted[column[0]]) for column in columns}

    def _stacked(self, columns: list[Column]) -> Any:
        only = self._inputs[0]
        stacked = np.column_stack([tables.fit(column, only).reshape(-1) for column in columns])
        return stacked.reshape(-1) if len(only.shape) == 1 and stacked.shape[1] == 1 else stacked

    def outputs(self, inputs: Any) -> list[tuple[str, Any]]:
        """Predict; return the prediction and, where there are some, a probability per class."""
        first, *others = self._session.run(None, inputs)
        columns = [("prediction", tables.flat(first))]
        if others and isinstance(others[0], list):  # ZipMap: one dictionary per row
            labels = list(others[0][0]) if others[0] else []
            columns += [
                (f"probability:{label}", np.array([each[label] for each in others[0]])) for label in labels
            ]
        elif others and getattr(others[0], "ndim", 0) == 2 and others[0].dtype.kind == "f":
            shares = others[0]
            known = len(self._classes) == shares.shape[1]
            labels = list(self._classes) if known else list(range(shares.shape[1]))
            columns += [(f"probability:{label}", shares[:, i]) for i, label in enumerate(labels)]
        return columns

    def row(self, inputs: Any, index: int) -> Any:
        """Predict one row; return its first output."""
        one = {name: values[index : index + 1] for name, values in inputs.items()}
        return tables.flat(self._session.run([self._first], one)[0])[0]


def load(request: dict[str, Any]) -> Any:
    """Load by format; this is where a code-carrying file runs its code."""
    path, names = request["path"], request["inputs"]
    if request["format"] == "onnx":
        return OnnxModel(path, names, request["classes"])
    if request["format"] == "skops":
        skops = library("skops.io")
        return PythonModel(skops.load(path, trusted=skops.get_untrusted_types(file=path)), names)
    if request["format"] == "joblib":
        return PythonModel(library("joblib").load(path), names)
    raise ModelError(f"format {request['format']!r} cannot be loaded here")


class Server:
    """Holds the model and the preloaded rows, and answers one request after the other."""

    def __init__(self) -> None:
        self._model: Any = None
        self._rows: Any = None
        self._row_count = 0

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do what is asked; what the model raises becomes the reply."""
        operations: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "load": self._load,
            "predict": self._predict,
            "preload": self._preload,
            "row": self._row,
        }
        with Caught() as caught:
            return operations[request["op"]](request)
        return describe(caught.error)

    def _load(self, request: dict[str, Any]) -> dict[str, Any]:
        began = time.perf_counter()
        self._model = load(request)
        load_ms = (time.perf_counter() - began) * 1000
        packages = {str(each.metadata["Name"]): each.version for each in importlib.metadata.distributions()}
        facts = {
            "load_ms": round(load_ms, 3),
            "python": platform.python_version(),
            "packages": dict(sorted(packages.items())),
            "predict_methods": self._model.methods,
            "model_type": self._model.kind,
        }
        return {"facts": facts}

    def _predict(self, request: dict[str, Any]) -> dict[str, Any]:
        inputs = self._model.inputs(tables.read_columns(request["features"]))
        tables.write_columns(request["into"], self._model.outputs(inputs))
        return {}

    def _preload(self, request: dict[str, Any]) -> dict[str, Any]:
        columns = tables.read_columns(request["features"])
        self._rows, self._row_count = self._model.inputs(columns), len(columns[0][2])
        return {}

    def _row(self, request: dict[str, Any]) -> dict[str, Any]:
        if not 0 <= request["row"] < self._row_count:
            raise ModelError(f"there is no preloaded row {request['row']}")
        value = self._model.row(self._rows, request["row"])
        return {"value": tables.plain(np.ravel(value)[0])}


def describe(error: BaseException | None) -> dict[str, Any]:
    """Return an error as a reply: what was raised, and the limit behind it if there is one."""
    limit = ""
    cause, depth = error, 0
    while cause is not None and depth < 20:
        if isinstance(cause, MemoryError):
            limit = "memory"
        elif isinstance(cause, OSError) and cause.errno == errno.EFBIG:
            limit = "file size"
        cause, depth = cause.__cause__ or cause.__context__, depth + 1
    with Caught() as caught:
        text = str(error)
    if caught.error is not None:
        text = "(its message cannot be shown)"
    name = "" if isinstance(error, ModelError) else f"{type(error).__name__}: "
    return {"error": f"{name}{text}"[:4000], "limit": limit}


def main() -> None:
    """Answer until told to stop or nobody asks any more."""
    # Copies made by os.dup are not inherited by programs that the model starts.
    requests = os.fdopen(os.dup(0), "rb", buffering=1 << 16)
    replies = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    server = Server()
    for line in requests:
        request = json.loads(line)
        if request["op"] == "exit":
            break
        reply = json.dumps({"id": request["id"], **server.answer(request)}, allow_nan=False).encode() + b"\n"
        while reply:
            reply = reply[os.write(replies, reply) :]
    os._exit(0)


if __name__ == "__main__":
    main()
