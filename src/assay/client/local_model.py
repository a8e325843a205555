"""Opening the user's own model in the user's own process.

This happens only where the user names a file of this machine and asks for it: it may run code that
the file carries. The registry never does it (law 9).
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from assay.client.optional import library, needed
from assay.client.tables import Table
from assay.core.errors import BadInputError

SUFFIXES: Final = (".skops", ".joblib", ".pkl", ".pickle", ".onnx")
# What a loader or an estimator raises of its own; bugs of this program are not among them.
_FAULTS: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


def find_model_file(path: Path, entrypoint: str = "") -> Path | None:
    """Return the one file that can be opened here, or None when there is none or more than one."""
    if entrypoint and path.is_dir():
        return path / entrypoint
    if path.is_file():
        return path if path.suffix.lower() in SUFFIXES else None
    found = [each for each in sorted(path.rglob("*")) if each.suffix.lower() in SUFFIXES]
    return found[0] if len(found) == 1 else None


def open_model(path: Path) -> Any:
    """Load a joblib, pickle, skops or ONNX file and return what answers ``predict``.

    Raises:
        BadInputError: the library for it is not installed, or the file does not load.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise BadInputError.of(
            "path", "must end in one of " + ", ".join(SUFFIXES) + " to be opened", str(path)
        )
    if suffix == ".onnx":
        return OnnxModel(path)
    name = "skops.io" if suffix == ".skops" else "joblib"
    loader = needed(name, f"open {path.name}")
    try:
        if suffix == ".skops":
            return loader.load(path, trusted=loader.get_untrusted_types(file=path))
        return loader.load(path)
    except _FAULTS as error:
        raise BadInputError.of(
            "path", "must be a model that loads here", f"{path.name}: {_say(error)}"
        ) from error


def predict(model: Any, table: Table) -> Any:
    """Return what ``model`` predicts for the rows of the sample.

    Raises:
        BadInputError: it has no ``predict``, or does not answer.
    """
    if table.native is None:
        raise BadInputError.of("sample", "needs pandas or polars to be given to the model")
    if not callable(getattr(model, "predict", None)):
        raise BadInputError.of("model", "must have a method predict", type(model).__name__)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return model.predict(table.native)
    except _FAULTS as error:
        raise BadInputError.of("sample", "must be what the model takes", _say(error)) from error


class OnnxModel:
    """An ONNX file in ONNX Runtime, answering like an estimator."""

    def __init__(self, path: Path) -> None:
        """Open the file on the CPU.

        Raises:
            BadInputError: onnxruntime is not installed, or the file does not load.
        """
        runtime = needed("onnxruntime", f"open {path.name}")
        self._faults: tuple[type[Exception], ...] = (*_FAULTS, *_own_faults())
        try:
            self._session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        except self._faults as error:
            raise BadInputError.of("path", "must be a model that loads here", _say(error)) from error

    @property
    def inputs(self) -> Sequence[Any]:
        """Name, type and shape of each input."""
        found: Sequence[Any] = self._session.get_inputs()
        return found

    @property
    def outputs(self) -> Sequence[Any]:
        """Name, type and shape of each output."""
        found: Sequence[Any] = self._session.get_outputs()
        return found

    @property
    def producer(self) -> str:
        """What wrote the file and what its graph is called, as the file says."""
        meta = self._session.get_modelmeta()
        return " ".join(filter(None, ["ONNX", meta.graph_name, f"({meta.producer_name})"]))

    def predict(self, rows: Any) -> Any:
        """Return the first output, one row for each row given.

        Raises:
            ValueError: the rows do not fit.
        """
        try:
            return self._session.run([self.outputs[0].name], self._feed(rows))[0]
        except self._faults as error:
            raise ValueError(_say(error)) from error

    def _feed(self, rows: Any) -> dict[str, Any]:
        if not hasattr(rows, "columns"):
            return {self.inputs[0].name: rows.astype(onnx_element(self.inputs[0].type))}
        if len(self.inputs) == 1:
            return {self.inputs[0].name: rows.to_numpy().astype(onnx_element(self.inputs[0].type))}
        return {
            each.name: rows[each.name].to_numpy().reshape(-1, 1).astype(onnx_element(each.type))
            for each in self.inputs
        }


_ONNX_NAMES: Final = {"float": "float32", "double": "float64", "bool": "bool", "string": "object"}


def onnx_element(kind: str) -> str:
    """Return the NumPy name of the element in ``tensor(float)``."""
    element = kind.removeprefix("tensor(").removesuffix(")")
    return _ONNX_NAMES.get(element, element)


def _own_faults() -> tuple[type[Exception], ...]:
    """Return the errors of ONNX Runtime, which share no parent of their own."""
    module = library("onnxruntime.capi.onnxruntime_pybind11_state")
    found = vars(module).values() if module else ()
    return tuple(each for each in found if isinstance(each, type) and issubclass(each, Exception))


def _say(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:1000]
