"""Capture: the environment as it is installed, not as somebody wished it."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any, Final

from assay.client import freeze
from assay.core.errors import BadInputError
from assay.core.provenance import Environment, requirement_without_login

_TIMEOUT_S: Final = 60.0
_CONTINUED: Final = re.compile(r"\\\s*\n")
_EDITABLE: Final = re.compile(r"(?:--editable[\s=]|-e)\s*(.*)")
_OPTION: Final = re.compile(r"--[A-Za-z-]+|-[A-Za-z]")


def capture_environment(notes: list[str], python: Path | None = None) -> Environment:
    """Freeze the running environment, or that of another interpreter.

    Args:
        notes: what could not be told is added.
        python: the other interpreter.

    Raises:
        BadInputError: the interpreter cannot be run or is no CPython of today.
    """
    found = freeze.freeze() if python is None else _freeze_of(python)
    if found["nameless_count"]:
        notes.append(
            f"environment: {found['nameless_count']} installed packages have no name and are left out"
        )
    loose = [line for line in found["packages"] if " @ " in line]
    if loose:
        notes.append("environment: not from a package index, so not pinned: " + ", ".join(loose[:10]))
    return Environment(found["python"], found["platform"], tuple(found["packages"]))


def read_requirements(
    path: Path, python: str, platform: str = "", notes: list[str] | None = None
) -> Environment:
    """Read a freeze from a file, one requirement a line; comments and pip's options are left out.

    Addresses lose the login that they carry: what is recorded is shown to everybody who may read.

    Args:
        path: of the file.
        python: version ``X.Y.Z`` that it was frozen with.
        platform: as the capture says it.
        notes: what was left out is added.

    Raises:
        BadInputError: it cannot be read, or ``python`` is no version.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError.of("environment", "must be a readable requirements file", str(error)) from error
    lines = (line.partition(" #")[0].strip() for line in _CONTINUED.sub(" ", text).splitlines())
    found = [line for line in lines if line and not line.startswith("#")]
    options = [line for line in found if line.startswith("-")]
    if notes is not None:
        notes += [f"environment: {_named(line)} is left out" for line in options]
    kept = [_without_options(line) for line in found if not line.startswith("-")]
    return Environment(python, platform, tuple(map(requirement_without_login, kept)))


def _named(line: str) -> str:
    """Say which option of pip's a line is; its value only of an editable installation."""
    editable = _EDITABLE.fullmatch(line)
    if editable:
        return f"the editable installation of {requirement_without_login(editable[1])[:200]}"
    option = _OPTION.match(line)
    return f"pip's option {option[0] if option else '-'}"


def _without_options(line: str) -> str:
    """Take away ``--hash`` options, and blanks around ``==``."""
    return re.sub(r"\s*==\s*", "==", line.partition(" --")[0].strip())


def _freeze_of(python: Path) -> dict[str, Any]:
    command = [str(python), "-I", str(Path(freeze.__file__))]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_TIMEOUT_S, check=True)  # noqa: S603
        found: dict[str, Any] = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise BadInputError.of(
            "python", "must be a Python interpreter that runs", f"{python}: {error}"
        ) from error
    return found
