"""Files that say what a model was built with: ``requirements.txt``, ``conda.yaml``, ``python_env.yaml``.

Sources: pip's requirements file format; conda's environment file; MLflow's ``python_env.yaml``; PEP 508
for the conditions of requirements.

MLflow names the packages that a model uses itself, and not what these need. With
``MLFLOW_LOCK_MODEL_DEPENDENCIES=true`` it names them all, and says so in a comment of its own.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import yaml
from packaging.markers import UndefinedEnvironmentName
from packaging.requirements import Requirement

from assay.core.errors import BadInputError
from assay.core.provenance import Environment, requirement_without_login
from assay.formats.mlmodel import LOADER

NAMES: Final = ("requirements.txt", "conda.yaml", "python_env.yaml")
MAX_BYTES: Final = 1024 * 1024
_PYTHON: Final = re.compile(r"\d+\.\d+\.\d+\S{0,32}")
_LOCKED: Final = re.compile(r"^# Locked requirements\s*$", re.MULTILINE)
_CONDA: Final = re.compile(r"([A-Za-z0-9._-]+)=([^=<>!~\s]+)(?:=.*)?")


def read_freeze(files: Mapping[str, bytes], python: str = "") -> Environment | None:
    """Return the environment that the files beside a model describe.

    Args:
        files: name -> content, of those of :data:`NAMES` that there are.
        python: its version, where another file says it.

    Returns:
        None when no version of Python or no package is named, or what is named breaks a rule.
    """
    conda, plain = _conda(files.get("conda.yaml", b"")), _python_env(files.get("python_env.yaml", b""))
    listed = _decoded(files.get("requirements.txt", b""))
    version = next((each for each in (plain, conda[0], python) if _PYTHON.fullmatch(each)), "")
    if not version:
        return None
    packages = [
        line for each in _requirements(listed) or conda[1] if (line := _where_checks_run(each, version))
    ]
    if not packages:
        return None
    try:
        return Environment(version, packages=tuple(packages), complete=bool(_LOCKED.search(listed)))
    except BadInputError:
        return None


def _where_checks_run(line: str, python: str) -> str:
    """Return a requirement without its condition, "" where that does not hold on Linux with this Python."""
    if ";" not in line:
        return line
    there = {
        "os_name": "posix",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "python_version": ".".join(python.split(".")[:2]),
        "python_full_version": python,
    }
    try:
        condition = Requirement(line).marker
        holds = condition is None or condition.evaluate(there)
    except (ValueError, UndefinedEnvironmentName, RecursionError):
        return line  # no requirement, or one that compares what cannot be compared
    return line.partition(";")[0].strip() if holds else ""


def _requirements(text: str) -> list[str]:
    """Return the requirements, without comments and options; a line that goes on is joined."""
    text = text.replace("\\\r\n", " ").replace("\\\n", " ")
    lines = (re.sub(r"(^|\s)#.*$", "", line).strip() for line in text.splitlines())
    return _usable(line.split(" --hash")[0].strip() for line in lines)


def _usable(lines: Iterable[str]) -> list[str]:
    """Leave out pip's options, and logins: what is recorded is shown to everybody who may read."""
    return [requirement_without_login(line) for line in lines if line and not line.startswith("-")]


def _conda(content: bytes) -> tuple[str, list[str]]:
    """Return (Python version, packages) of a conda environment."""
    listed = _loaded(content).get("dependencies")
    python, packages = "", []
    for each in listed if isinstance(listed, list) else []:
        match = _CONDA.fullmatch(each.replace("==", "=")) if isinstance(each, str) else None
        if match and match[1] == "python":
            python = match[2]
        elif isinstance(each, dict) and isinstance(each.get("pip"), list):
            packages += _usable(line.strip() for line in each["pip"] if isinstance(line, str))
    return python, packages


def _python_env(content: bytes) -> str:
    said = _loaded(content).get("python")
    return said if isinstance(said, str) else ""


def _loaded(content: bytes) -> Mapping[str, Any]:
    try:
        said = yaml.load(content, Loader=LOADER) if 0 < len(content) <= MAX_BYTES else {}  # noqa: S506 - texts only
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return said if isinstance(said, Mapping) else {}


def _decoded(content: bytes) -> str:
    return content.decode(errors="replace") if len(content) <= MAX_BYTES else ""
