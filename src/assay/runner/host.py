"""Opens a version's model in the sandbox, in an environment built from the version's own freeze."""

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from assay.core.digests import check_path
from assay.core.errors import BadInputError
from assay.core.measuring import LoadedModel, ModelProblem
from assay.core.versions import Version
from assay.runner.answers import prove_column_file, row_count_of, take_out
from assay.runner.conversation import Conversation
from assay.runner.environments import BuiltEnvironment, Environments
from assay.runner.sandbox import Confined, Ending, Limits, Sandbox, problem_of, run_confined

__all__ = ["Limits", "SandboxHost", "SandboxedModel"]

HARNESS: Final = Path(__file__).with_name("inside") / "harness.py"
LOADABLE: Final = ("joblib", "skops", "onnx")
# pytest and all it needs; what the freeze pins itself is kept.
PYTEST: Final = ("pytest==8.4.2", "pluggy==1.6.0", "iniconfig==2.1.0", "packaging==25.0", "pygments==2.19.2")
_MAX_JUNIT_BYTES: Final = 16 * 1024**2
_PRELOAD_TIMEOUT_S: Final = 300.0
_MAX_FILES_LOOKED_AT: Final = 10_000
_HUGE: Final = float("inf")


@dataclass(frozen=True, slots=True)
class SandboxHost:
    """A :class:`assay.core.measuring.ModelHost`.

    Attributes:
        version: whose model it opens.
        files: folder with the version's files under their manifest paths.
        environments: where environments are built and kept.
        scratch: a folder of the host's own; created when it is not there. Whoever made it deletes it.
        limits: what a model process may use.
    """

    version: Version
    files: Path
    environments: Environments
    scratch: Path
    limits: Limits = field(default_factory=Limits)

    @contextmanager
    def open(self) -> Iterator[LoadedModel]:
        """Build or reuse the environment, start the process, load the model.

        Raises:
            ModelProblem: no freeze, the environment cannot be built, the format is none that can be
                loaded, or the model does not load.
        """
        entrypoint = self._entrypoint()
        environment = self._environment()
        with self._folder() as folder:
            work, inputs, results = folder / "work", folder / "inputs", folder / "results"
            for each in (work, inputs, results):
                each.mkdir()
            confined = Confined(
                argv=(str(environment.python), "-I", "-B", str(HARNESS)),
                scratch=work,
                readable=(*_readable(environment), self.files.absolute(), HARNESS.parent, inputs),
                limits=self.limits,
            )
            with Sandbox(confined, interactive=True) as sandbox:
                model = SandboxedModel(sandbox, environment, folder, self.limits)
                try:
                    model.load(self._load_request(entrypoint))
                    yield model
                finally:
                    sandbox.close()
                    model.join()

    def run_tests(self, directory: str, *, timeout_s: float = 600.0) -> bytes:
        """Run pytest on a directory of the version, in its environment and in the sandbox.

        It runs in the folder of the version's files, so that tests find the model by its manifest path;
        what they write goes to ``tmp_path``.

        Returns:
            The JUnit XML it wrote; failed tests are in it.

        Raises:
            ModelProblem: no freeze, the environment cannot be built, the directory is not there, or
                pytest could not run to its end (its last words are kept).
        """
        tests = self._directory(directory)
        environment = self._environment(PYTEST)
        with self._folder() as folder:
            report = folder / "work" / "junit.xml"
            report.parent.mkdir()
            report_to = ("--junitxml", str(report), "--color=no")
            options = ("-p", "no:cacheprovider", "-o", "addopts=", *self._own_configuration(), *report_to)
            confined = Confined(
                argv=(str(environment.python), "-B", "-m", "pytest", *options, str(tests)),
                scratch=report.parent,
                readable=(*_readable(environment), self.files.absolute()),
                limits=replace(self.limits, wall_seconds=min(timeout_s, self.limits.wall_seconds)),
                cwd=self.files.absolute(),
            )
            ending, output, errors, _ = run_confined(confined, timeout_s=timeout_s + 5.0)
            if ending.limit or ending.signal or ending.exit_code not in (0, 1) or not report.is_file():
                raise _unfinished(ending, output, errors)
            taken = take_out(report, folder / "junit.xml", limit_bytes=_MAX_JUNIT_BYTES, what="test report")
            return taken.read_bytes()

    def _own_configuration(self) -> tuple[str, ...]:
        """Return the options that keep pytest from looking for configuration outside the version."""
        here = self.files.absolute()
        config = here / "pytest.ini"
        chosen = str(config) if config.is_file() else os.devnull
        return ("-c", chosen, "--rootdir", str(here), "--confcutdir", str(here))

    @contextmanager
    def _folder(self) -> Iterator[Path]:
        """Make a folder for one sandboxed process; results stay for the check to read."""
        try:
            self.scratch.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(prefix="model-", dir=self.scratch.absolute()))
        except OSError as error:
            raise ModelProblem(f"the sandbox has no place to work: {error}") from error
        try:
            yield folder
        finally:
            for name in ("work", "inputs"):
                shutil.rmtree(folder / name, ignore_errors=True)

    def _environment(self, also: tuple[str, ...] = ()) -> BuiltEnvironment:
        environment = self.version.provenance.environment
        if environment is None or not environment.packages:
            raise ModelProblem("the version has no environment freeze, so its model cannot be opened")
        return self.environments.build(environment, also=also)

    def _entrypoint(self) -> Path:
        if not self.version.entrypoint or self.version.format not in LOADABLE:
            known = ", ".join(LOADABLE)
            found = f"{self.version.entrypoint or 'no entry point'} ({self.version.format})"
            raise ModelProblem(f"the model cannot be opened: {found}; formats that can be: {known}")
        path = self.files.absolute() / self.version.entrypoint
        if not path.is_file():
            raise ModelProblem(f"the file {self.version.entrypoint} of the version is not there")
        return path

    def _directory(self, directory: str) -> Path:
        try:
            tests = self.files.absolute() / check_path(directory.rstrip("/"), "directory")
        except BadInputError as error:
            raise ModelProblem(f"the tests cannot be run: {error}") from error
        if not tests.is_dir():
            raise ModelProblem(f"the version has no folder {directory!r} with tests")
        return tests

    def _load_request(self, entrypoint: Path) -> Mapping[str, Any]:
        signature = self.version.signature
        return {
            "format": self.version.format,
            "path": str(entrypoint),
            "inputs": [each.name for each in signature.inputs] if signature else [],
            "classes": list(signature.outputs[0].classes) if signature else [],
        }


class SandboxedModel:
    """A :class:`assay.core.measuring.LoadedModel`: the worker's end of one model process."""

    def __init__(self, sandbox: Sandbox, environment: BuiltEnvironment, folder: Path, limits: Limits) -> None:
        """Start talking; :meth:`load` comes first."""
        self._sandbox = sandbox
        self._environment = environment
        self._folder = folder
        self._limits = limits
        self._conversation = Conversation(sandbox)
        self._numbers = itertools.count()
        self._facts: dict[str, Any] = {}

    @property
    def facts(self) -> Mapping[str, Any]:
        """``load_ms``, ``python``, ``packages``, ``predict_methods``, ``model_type`` as the process said;
        ``isolation`` and ``environment`` (digest, tool, build seconds, reused) as the worker knows.
        """
        return self._facts

    def load(self, request: Mapping[str, Any]) -> None:
        """Have the process load the model.

        Raises:
            ModelProblem: it does not load.
        """
        reply = self._ask("load", self._limits.wall_seconds, request)
        self._facts = {
            **_loading_facts(reply.get("facts")),
            "isolation": dict(self._sandbox.isolation),
            "environment": self._environment.facts,
        }

    def join(self) -> None:
        """Wait for the reader thread; the sandbox must be closed already."""
        self._conversation.join()

    def predict(self, features: Path, *, timeout_s: float = 300.0) -> Path:
        """Predict every row of a column file.

        Returns:
            A column file with the outputs; the model cannot reach it any more.

        Raises:
            ModelProblem: the model raised, died, ran into a limit, or answered nonsense.
        """
        row_count = row_count_of(features)
        placed = self._place(features)
        written = self._folder / "work" / f"out-{placed.name}"
        request = {"features": str(placed), "into": str(written)}
        self._ask("predict", timeout_s, request)
        target = self._folder / "results" / placed.name
        limit_bytes = self._limits.file_bytes
        taken = take_out(written, target, limit_bytes=limit_bytes, what="predictions")
        prove_column_file(taken, row_count=row_count)
        written.unlink(missing_ok=True)
        placed.unlink(missing_ok=True)
        return taken

    def preload(self, features: Path) -> None:
        """Keep a column file in the model process, so that :meth:`submit` can name its rows.

        Raises:
            ModelProblem: the process cannot read it.
        """
        self._ask("preload", _PRELOAD_TIMEOUT_S, {"features": str(self._place(features))})

    def submit(self, row: int) -> "Future[Any]":
        """Ask for the prediction of one preloaded row without waiting.

        Returns:
            A future resolved, at the instant the answer arrives, with the first output's value (a
            JSON scalar; None for a missing or not finite number), or failed with ModelProblem.
        """
        answered: Future[Any] = Future()
        answered.set_running_or_notify_cancel()
        self._conversation.send("row", row=row).add_done_callback(lambda reply: _pass_on(reply, answered))
        return answered

    def _ask(self, op: str, timeout_s: float, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ask and wait; a file that has grown to the limit explains what libraries report in many ways."""
        try:
            return self._conversation.ask(op, timeout_s=timeout_s, **request)
        except ModelProblem as problem:
            if not problem.limit and _holds_file_of(self._folder / "work", self._limits.file_bytes):
                raise ModelProblem(str(problem), limit="file size") from problem
            raise

    def _place(self, features: Path) -> Path:
        """Copy features to where the process can read, and only read, them."""
        target = self._folder / "inputs" / f"{next(self._numbers)}.npz"
        try:
            return Path(shutil.copyfile(features, target))
        except OSError as error:
            raise ModelProblem(f"the features cannot be given to the model: {error}") from error


def _holds_file_of(folder: Path, size_bytes: int) -> bool:
    """Tell whether a folder has a file of at least that size among its first ones."""
    paths = (Path(parent, name) for parent, _, names in os.walk(folder) for name in names)
    for path in itertools.islice(paths, _MAX_FILES_LOOKED_AT):
        with suppress(OSError):
            if path.lstat().st_size >= size_bytes:
                return True
    return False


def _pass_on(reply: "Future[dict[str, Any]]", answered: "Future[Any]") -> None:
    problem = reply.exception()
    if problem is not None:
        answered.set_exception(problem)
        return
    value = reply.result().get("value")
    if value is None or isinstance(value, str | bool) or _is_number(value):
        answered.set_result(value)
    else:
        answered.set_exception(ModelProblem("the model process answered with something else than a value"))


def _is_number(value: Any) -> bool:
    """Tell whether it is a number that others can compute with; ``1e999`` is JSON too."""
    return isinstance(value, int | float) and abs(value) < _HUGE


def _loading_facts(facts: Any) -> dict[str, Any]:
    """Keep of what the process says of itself what has the form it should have."""
    said = facts if isinstance(facts, dict) else {}
    packages = said.get("packages")
    if not isinstance(packages, dict) or not _is_number(said.get("load_ms")):
        raise ModelProblem("the model process says nothing sensible about what it loaded")
    return {
        "load_ms": float(said["load_ms"]),
        "python": str(said.get("python"))[:100],
        "packages": {str(name)[:200]: str(version)[:200] for name, version in packages.items()},
        "predict_methods": [str(each)[:200] for each in said.get("predict_methods", [])][:100],
        "model_type": str(said.get("model_type"))[:500],
    }


def _readable(environment: BuiltEnvironment) -> tuple[Path, ...]:
    return (environment.folder, *environment.readable)


def _unfinished(ending: Ending, output: str, errors: str) -> ModelProblem:
    if ending.exit_code == 5 and not ending.limit:
        return ModelProblem("pytest found no tests")
    return problem_of(ending, "pytest", f"{output[-3000:]}\n{errors[-1000:]}")
