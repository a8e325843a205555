"""Environments of models: a fresh virtual environment from a version's freeze, built once per digest.

Only wheels are installed: a source build would run foreign code outside the sandbox. Nothing but the
freeze is installed (no dependency is resolved), because a resolved one would not be what the version was
made with; but where the freeze names only what the model uses itself, the rest is resolved, and evidence
says to what.
After the installation nothing here starts the environment's own Python: a ``.pth`` file of an installed
package would run with it. Byte code is therefore compiled by the base interpreter.

Layout: ``<root>/<digest hex>/`` is a complete environment (built beside it, then renamed),
``<root>/<digest hex>.lock`` serialises its builders across processes.
"""

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from assay.core.measuring import ModelProblem
from assay.core.provenance import Environment

# PEP 440 in its widest normal form; ``$`` must not pass, pip expands variables in requirement files.
_PINNED: Final = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)==(?P<version>[A-Za-z0-9.!+_-]+)"
)
_ASSAY: Final = re.compile(
    r"assay\s*(==|@).*|-e .*[#&]egg=assay|# Editable .*\(assay==[^)]*\)",
    re.IGNORECASE,
)
_CREDENTIALS: Final = re.compile(r"(?<=://)[^/\s@]+@")
_MARKER: Final = "assay-environment.json"
_BUILD_TIMEOUT_S: Final = 1800.0
_TAIL: Final = 3000
_INHERITED: Final = frozenset(
    {
        "PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TMPDIR", "NETRC", "XDG_CACHE_HOME",
        "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "XDG_DATA_HOME", "SSL_CERT_FILE", "SSL_CERT_DIR",
        "SSL_CLIENT_CERT",
        "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
        "http_proxy", "https_proxy", "all_proxy", "no_proxy",
    }
)  # fmt: skip
# These would move the installation elsewhere or pick another interpreter.
_DIVERTING: Final = frozenset(
    {
        "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PIP_PYTHON", "PIP_REQUIREMENT", "PIP_EDITABLE",
        "PIP_NO_BINARY", "PIP_DRY_RUN", "PIP_DOWNLOAD", "PIP_CONSTRAINT",
        "UV_PYTHON", "UV_SYSTEM_PYTHON", "UV_NO_BINARY", "UV_CONSTRAINT", "UV_OVERRIDE",
        "UV_PROJECT_ENVIRONMENT", "UV_COMPILE_BYTECODE",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class BuiltEnvironment:
    """A complete environment on disk.

    Attributes:
        python: its interpreter.
        folder: its root.
        readable: folders outside it that its interpreter needs (the base installation).
        digest: names the freeze it was built from.
        python_version: what the interpreter really is, X.Y.Z.
        tool: what installed it.
        resolved: what was installed besides the freeze, as name==version.
        build_seconds: how long that took, whenever it was.
        reused: it was there already.
    """

    python: Path
    folder: Path
    readable: tuple[Path, ...]
    digest: str
    python_version: str
    tool: str
    resolved: tuple[str, ...]
    build_seconds: float
    reused: bool

    @property
    def facts(self) -> dict[str, Any]:
        """What evidence keeps of it, in JSON's kinds."""
        kept = ("digest", "python_version", "tool", "build_seconds", "reused")
        found = {name: value for name, value in asdict(self).items() if name in kept}
        return found | {"resolved": list(self.resolved)}


@dataclass(frozen=True, slots=True)
class _Interpreter:
    """A Python that can found an environment: how to call it, X.Y.Z, and its base folders."""

    command: str
    version: str
    folders: tuple[str, ...]


class Environments:
    """Builds environments under one folder and keeps them."""

    def __init__(self, root: Path) -> None:
        """Use ``root``; it is created at the first build."""
        self._root = root.absolute()

    def build(self, environment: Environment, *, also: Sequence[str] = ()) -> BuiltEnvironment:
        """Return the environment of a freeze, building it when it is not there yet.

        Args:
            environment: the freeze.
            also: pinned lines to add where the freeze does not name the package itself.

        Raises:
            ModelProblem: a line is not pinned, no such Python is here, or the installation failed;
                the message carries the end of the installer's output.
        """
        wanted = replace(environment, packages=_with(environment.packages, also))
        lines = requirements(wanted)
        digest = wanted.digest
        folder = self._root / digest.hex
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            ready = _read(folder)
            if ready is not None:
                return ready
            with self._locked(digest.hex):
                ready = _read(folder)
                return ready or self._build(folder, wanted, lines)
        except OSError as error:
            raise ModelProblem(f"the environment cannot be built: {error}") from error

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        with (self._root / f"{name}.lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _build(self, folder: Path, wanted: Environment, lines: Sequence[str]) -> BuiltEnvironment:
        """Build beside ``folder``, then rename; only called with the lock held."""
        for left_over in self._root.glob(f"{folder.name}.building-*"):
            shutil.rmtree(left_over, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
        interpreter = _find_interpreter(wanted.python)
        partial = Path(tempfile.mkdtemp(prefix=f"{folder.name}.building-", dir=self._root))
        try:
            began = time.monotonic()
            tool = _install(partial, interpreter, lines, resolve=not wanted.complete)
            facts = {
                "digest": str(wanted.digest),
                "python_version": interpreter.version,
                "tool": tool,
                "resolved": _besides(partial, lines),
                "build_seconds": round(time.monotonic() - began, 3),
                "readable": interpreter.folders,
            }
            (partial / _MARKER).write_text(json.dumps(facts))
            partial.rename(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        built = _read(folder)
        if built is None:
            raise ModelProblem("the environment was built but is not usable")
        return replace(built, reused=False)


def requirements(environment: Environment) -> tuple[str, ...]:
    """Return the freeze's lines as pinned requirements, without the registry's own package.

    Raises:
        ModelProblem: there is none, or lines that do not pin one released version; all are named.
    """
    pinned: dict[str, str] = {}
    reasons = []
    for line in (each.strip() for each in environment.packages):
        if _ASSAY.fullmatch(line):
            continue
        found = _PINNED.fullmatch(line)
        if found is None:
            reasons.append(f"{_CREDENTIALS.sub('', line)[:120]!r} {_why_unpinned(line)}")
            continue
        key = _key(found["name"])
        if pinned.setdefault(key, line) != line:
            reasons.append(f"{line!r} contradicts {pinned[key]!r}")
    if reasons:
        raise ModelProblem("the environment cannot be rebuilt from its freeze: " + "; ".join(reasons[:20]))
    if not pinned:
        raise ModelProblem("the version's freeze names no packages")
    return tuple(pinned[key] for key in sorted(pinned))


def _why_unpinned(line: str) -> str:
    if line.startswith("-e"):
        return "is an editable installation, which exists on one machine only"
    if "@" in line:
        return "is installed from a file or address, not a released version"
    return "is unpinned: it must be name==version"


def _key(name: str) -> str:
    """Normalise a project name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _with(packages: tuple[str, ...], also: Sequence[str]) -> tuple[str, ...]:
    there = {_key(line.partition("==")[0]) for line in packages}
    return (*packages, *(line for line in also if _key(line.partition("==")[0]) not in there))


def _read(folder: Path) -> BuiltEnvironment | None:
    """Read a complete environment; None when there is none or its base Python has gone."""
    python = folder / "bin" / "python"
    try:
        facts = json.loads((folder / _MARKER).read_bytes())
        if not os.access(python, os.X_OK):
            return None
        return BuiltEnvironment(
            python=python,
            folder=folder,
            readable=tuple(map(Path, facts["readable"])),
            digest=facts["digest"],
            python_version=facts["python_version"],
            tool=facts["tool"],
            resolved=tuple(facts["resolved"]),
            build_seconds=facts["build_seconds"],
            reused=True,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _find_interpreter(wanted: str) -> _Interpreter:
    """Find a Python with the wanted major and minor version.

    Raises:
        ModelProblem: there is none.
    """
    series = ".".join(wanted.split(".")[:2])
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    candidates = [sys.executable] if series == own else [shutil.which(f"python{series}"), _from_uv(series)]
    for command in candidates:
        found = _probe(command) if command else None
        if found is not None and found.version.startswith(f"{series}."):
            return found
    raise ModelProblem(
        f"the version was made with Python {wanted}; this worker runs {own} and finds no python{series}"
    )


def _probe(command: str) -> _Interpreter | None:
    program = (
        "import json, os, platform, sys; print(json.dumps([platform.python_version(),"
        " sys.base_prefix, sys.base_exec_prefix, os.path.dirname(os.path.realpath(sys.executable)),"
        # Debian keeps sitecustomize.py there
        " '/etc/python%d.%d' % sys.version_info[:2]]))"
    )
    try:
        done = subprocess.run(  # noqa: S603 - fixed programs, no shell
            [command, "-I", "-S", "-c", program],
            capture_output=True,
            timeout=30,
            check=True,
            stdin=subprocess.DEVNULL,
        )
        version, *folders = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return _Interpreter(command, version, tuple(sorted(set(folders))))


def _uv() -> tuple[str, ...] | None:
    if find_spec("uv") is not None:
        return (sys.executable, "-m", "uv")
    found = shutil.which("uv")
    return (found,) if found else None


def _from_uv(series: str) -> str | None:
    """Ask uv for an interpreter that is installed already; it must not download one."""
    uv = _uv()
    if uv is None:
        return None
    command = [*uv, "python", "find", "--no-project", "--no-python-downloads", series]
    done = subprocess.run(  # noqa: S603 - fixed programs, no shell
        command, capture_output=True, check=False, env=build_variables(), stdin=subprocess.DEVNULL
    )
    return done.stdout.decode().strip() or None if done.returncode == 0 else None


def _besides(folder: Path, lines: Sequence[str]) -> list[str]:
    """Return what is installed besides the lines, as the folders of its metadata are called (PEP 376)."""
    named = {_key(line.partition("==")[0]) for line in lines}
    found = [
        path.name.removesuffix(".dist-info").partition("-") for path in _libraries(folder, "*.dist-info")
    ]
    return sorted(f"{name}=={version}" for name, _, version in found if _key(name) not in named)


def _libraries(folder: Path, inside: str = "") -> list[Path]:
    # lib64 is often another name of lib.
    return sorted({path.resolve() for path in folder.glob(f"lib*/python*/site-packages/{inside}")})


def _install(folder: Path, interpreter: _Interpreter, lines: Sequence[str], *, resolve: bool) -> str:
    """Create the environment, install the lines, compile; return which tool did it.

    Args:
        folder: where it comes to be.
        interpreter: whose.
        lines: pinned requirements.
        resolve: whether what they need is installed too.

    Raises:
        ModelProblem: a step failed.
    """
    listed = folder / "requirements.txt"
    uv = _uv()
    python = str(folder / "bin" / "python")
    exact = ["--only-binary", ":all:", *([] if resolve else ["--no-deps"]), "-r", str(listed)]
    if uv is not None:
        tool = "uv"
        venv = [*uv, "venv", "--no-project", "--allow-existing", "--python", interpreter.command, str(folder)]
        install = [*uv, "pip", "install", "--python", python, *exact]
    elif find_spec("pip") is not None:
        tool = "pip"
        venv = [interpreter.command, "-I", "-m", "venv", "--without-pip", str(folder)]
        install = [
            sys.executable,
            "-m",
            "pip",
            "--python",
            python,
            "install",
            "--no-input",
            "--no-compile",
            *exact,
        ]
    else:
        raise ModelProblem("the worker has neither uv nor pip to build the environment with")
    _run(venv)
    listed.write_text("\n".join(lines) + "\n")
    _run(install)
    libraries = [str(path) for path in _libraries(folder)]
    # Some packages ship files that no Python can compile; they fail when imported, not here.
    compiler = [interpreter.command, "-I", "-S", "-m", "compileall", "-qq", "-x", r"[/\\]tests?[/\\]"]
    subprocess.run(  # noqa: S603 - fixed programs, no shell
        [*compiler, *libraries],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=_BUILD_TIMEOUT_S,
    )
    return tool


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - fixed programs, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=build_variables(),
            timeout=_BUILD_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        said = f"the environment was not built within {_BUILD_TIMEOUT_S:g} s"
        raise ModelProblem(said, limit="time") from error
    if done.returncode != 0:
        tail = _CREDENTIALS.sub("", done.stdout.decode(errors="replace")).strip()[-_TAIL:]
        raise ModelProblem(f"the environment cannot be built; the installer said: {tail}")


def build_variables() -> dict[str, str]:
    """Return what the installer inherits: index configuration, proxies and certificates of the operator.

    The sandbox inherits none of it.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if (name in _INHERITED or name.startswith(("PIP_", "UV_"))) and name not in _DIVERTING
    }
    return {**kept, "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}
