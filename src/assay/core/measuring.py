"""What a check is given and what it may ask for: the contract between checks and runner.

A check runs beside the data, in the worker. It never loads a model itself: the host does that in a
sandbox which sees features only, never labels, so that a model cannot know what it is graded on.

Tables cross the border as *column files*: NumPy ``.npz`` archives, always read with
``allow_pickle=False``. A column file holds, for column i, the array ``c{i}`` (first axis = rows) and,
where values are missing in a column that has no NaN, a boolean ``m{i}`` that is true where missing; and
``meta``, a 0-d unicode array with the JSON ``{"rows": n, "columns": [{"name", "dtype"}]}``, dtype being a
:class:`assay.core.signatures.DType` value. Strings are fixed-width unicode arrays, instants int64
microseconds since 1970 UTC.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from assay.core.evidence import Attachment, Measurement
from assay.core.provenance import DataReference, DataRole
from assay.core.versions import Version


class ModelProblem(Exception):  # noqa: N818 - it is a finding, not a fault of the registry
    """The model could not be loaded or did not answer; the message says what it said.

    Attributes:
        limit: name of the limit it ran into (``time``, ``memory``, ``file size``), or "".
    """

    def __init__(self, message: str, *, limit: str = "") -> None:
        """Keep message and limit."""
        super().__init__(message)
        self.limit = limit


@dataclass(frozen=True, slots=True)
class DataFile:
    """A data file of the version: its reference, and where its bytes are (None: not stored here)."""

    reference: DataReference
    path: Path | None


class LoadedModel(Protocol):
    """One sandboxed process with the model loaded. Answers requests one after the other."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """``load_ms``, ``python``, ``packages`` really installed, ``isolation``, ``predict_method``s."""
        ...

    def predict(self, features: Path, *, timeout_s: float = 300.0) -> Path:
        """Predict every row of a column file.

        Returns:
            A column file with the outputs, one row per input row. The first column is the
            prediction (the label for a classifier); classifiers that give probabilities add one
            ``probability:<class>`` column per class.

        Raises:
            ModelProblem: the model raised (its message is kept), died, or ran into a limit.
        """
        ...

    def preload(self, features: Path) -> None:
        """Keep a column file in the model process, so that :meth:`submit` can name its rows."""
        ...

    def submit(self, row: int) -> "Future[Any]":
        """Ask for the prediction of one preloaded row without waiting.

        Returns:
            A future resolved, at the instant the answer arrives, with the first output's value (a
            JSON scalar), or failed with :class:`ModelProblem`.
        """
        ...


class ModelHost(Protocol):
    """Opens the version's model in a sandbox, in an environment built from its own freeze."""

    def open(self) -> AbstractContextManager[LoadedModel]:
        """Build or reuse the environment, start the process, load the model.

        Raises:
            ModelProblem: no freeze, the environment cannot be built, or the model does not load.
        """
        ...

    def run_tests(self, directory: str, *, timeout_s: float = 600.0) -> bytes:
        """Run pytest on a directory of the version, in its environment and in the sandbox.

        Returns:
            The JUnit XML it wrote.

        Raises:
            ModelProblem: pytest could not run to its end.
        """
        ...


@dataclass(frozen=True, slots=True)
class CheckCase:
    """Everything one run of a check may use.

    Attributes:
        version: what is measured.
        settings: what the policy's gate wants done (see each check's module).
        files: folder with the version's files under their manifest paths, read-only.
        data: the version's data files by role.
        scratch: an empty folder that is deleted afterwards.
        host: opens the model.
        attach: stores a report with the evidence: (name, content, media type) -> attachment.
    """

    version: Version
    settings: Mapping[str, Any]
    files: Path
    data: Mapping[DataRole, tuple[DataFile, ...]]
    scratch: Path
    host: ModelHost
    attach: Callable[[str, bytes, str], Attachment]


class Check(Protocol):
    """One heavy measurement."""

    name: str

    def measure(self, case: CheckCase) -> Measurement:
        """Measure; what cannot be measured comes back with ``problem`` set, never as an exception."""
        ...
