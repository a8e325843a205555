# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help is quick
"""``doctor``: what works here and what does not, before somebody finds out the hard way."""

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from assay.cli.connection import connect
from assay.cli.options import Json
from assay.cli.terminal import print_json, print_table, size

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

PACKAGES: Final = (
    "assay",
    "httpx",
    "msgspec",
    "granian",
    "sqlalchemy",
    "alembic",
    "typer",
    "rich",
)
CHECK_PACKAGES: Final = ("numpy", "polars", "pyarrow", "scikit-learn", "skops", "onnxruntime")
MIN_FREE_BYTES: Final = 1024**3
MAX_SKEW_S: Final = 5.0
OK, WARNING, PROBLEM = "ok", "warning", "problem"
UNAVAILABLE: Final = 7


@dataclass(frozen=True, slots=True)
class Symptom:
    """One thing looked at: ``state`` is ok, warning or problem."""

    what: str
    state: str
    found: str
    advice: str = ""


def add_to(app: typer.Typer) -> None:
    """Add this command."""
    app.command("doctor", rich_help_panel="Operate")(doctor)


def doctor(
    data: Annotated[
        str, typer.Option("--data", metavar="DIR", help="Data directory of a local registry.")
    ] = "",
    json: Json = False,
) -> None:
    """Look at Python, packages, server, clock, data directory and sandbox; ends with 7 on a problem."""
    here = [*_directory(_data_directory(data)), *_database(data)]
    symptoms = [*_python(), *_packages(), *_server(), *here, *_sandbox(), *_uv()]
    if json:
        print_json(symptoms)
    else:
        rows = [(each.what, each.state, each.found, each.advice) for each in symptoms]
        print_table("", ("what", "state", "found", "advice"), rows)
    if any(each.state == PROBLEM for each in symptoms):
        raise typer.Exit(UNAVAILABLE)


def _data_directory(given: str) -> Path:
    return Path(given or os.environ.get("ASSAY_DATA", "") or "assay-data")


def _python() -> Iterator[Symptom]:
    good = sys.version_info >= (3, 11)
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    yield Symptom("python", OK if good else PROBLEM, found, "" if good else "needs 3.11 or newer")


def _packages() -> Iterator[Symptom]:
    for name in PACKAGES:
        version = _installed(name)
        yield Symptom(name, OK if version else WARNING, version or "not installed")
    missing = [name for name in CHECK_PACKAGES if not _installed(name)]
    if missing:
        advice = "checks and capture that need them will say so; pip install '.[checks]' in the checkout"
        yield Symptom("packages for checks", WARNING, "missing: " + ", ".join(missing), advice)
    else:
        yield Symptom("packages for checks", OK, "all installed")


def _installed(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _server() -> Iterator[Symptom]:
    from assay.core.errors import AssayError

    with connect() as registry:
        try:
            health = registry.health()
        except AssayError as error:
            yield Symptom("server", PROBLEM, f"{registry.url}: {error.message}", error.hint)
            return
        good = health.status == "ok"
        yield Symptom(
            "server", OK if good else PROBLEM, f"{registry.url}: {health.status}, version {health.version}"
        )
        yield clock_skew(health.at, _now())
        try:
            who = registry.whoami()
        except AssayError as error:
            yield Symptom("login", PROBLEM, error.message, error.hint)
            return
        yield Symptom("login", OK, f"{who.principal.name} ({', '.join(who.scopes)} on {who.pattern})")


def _now() -> "datetime":
    from datetime import UTC, datetime

    return datetime.now(UTC)


def clock_skew(server_at: "datetime", here_at: "datetime") -> Symptom:
    """Judge how far this machine's clock is from the server's."""
    skew_s = (here_at - server_at).total_seconds()
    far = abs(skew_s) > MAX_SKEW_S
    advice = "set the clock: evidence from the future is refused" if far else ""
    return Symptom("clock", WARNING if far else OK, f"{skew_s:+.1f} s from the server's", advice)


def _directory(directory: Path) -> Iterator[Symptom]:
    nearest = next(each for each in (directory.absolute(), *directory.absolute().parents) if each.exists())
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        found = f"{nearest}: {error.strerror or error}"
        yield Symptom("data directory", PROBLEM, found, "give another with --data")
        return
    there = "" if directory.exists() else " (does not exist yet)"
    yield Symptom("data directory", OK, f"{directory.absolute()} can be written to{there}")
    free_bytes = shutil.disk_usage(nearest).free
    low = free_bytes < MIN_FREE_BYTES
    yield Symptom("disk", WARNING if low else OK, f"{size(free_bytes)} free", "make room" if low else "")


def _database(data: str) -> Iterator[Symptom]:
    """Look at the database that the settings name; one in a folder is looked at when it is there."""
    from assay.app import look_at_database, read_settings
    from assay.core.errors import AssayError

    try:
        settings = read_settings(os.environ, data=data or None)
        if not settings.database and not (settings.data / "assay.db").exists():
            return
        seen = look_at_database(settings)
    except AssayError as error:
        yield Symptom("database", PROBLEM, str(error), error.hint)
        return
    found = f"{settings.database_shown}: {seen.kind}, schema {seen.schema or 'none yet'}"
    if seen.unknown:
        yield Symptom("database", WARNING, found, "a newer program uses it; run that one")
    elif seen.schema and seen.lacking:
        yield Symptom("database", WARNING, found, "run assay migrate")
    else:
        yield Symptom("database", OK, found)
    for doubt in seen.doubts:
        yield Symptom("database: durability", WARNING, doubt, "what was acknowledged can be lost; set it on")


def _sandbox() -> Iterator[Symptom]:
    """Start a harmless program as a model would be started and see what the kernel grants."""
    from assay.core.measuring import ModelProblem
    from assay.runner.sandbox import Confined, run_confined

    if platform.system() != "Linux":
        yield Symptom("sandbox", WARNING, "only Linux isolates models", "run workers on Linux")
        return
    program = shutil.which("true") or "/bin/true"
    with tempfile.TemporaryDirectory(prefix="assay-") as scratch:
        try:
            _, _, _, isolation = run_confined(Confined((program,), Path(scratch), ()), timeout_s=30.0)
        except ModelProblem as error:
            yield Symptom("sandbox", PROBLEM, str(error), "models cannot be measured here")
            return
    yield from judge_isolation(isolation)


def judge_isolation(isolation: "Mapping[str, object]") -> Iterator[Symptom]:
    """Say which of the kernel's means keep a model in."""
    landlock = isolation["landlock"]
    advice = "" if landlock else "models can read what the worker can; use a kernel with Landlock"
    found = f"version {landlock}" if landlock else "not offered by the kernel"
    yield Symptom("sandbox: files (Landlock)", OK if landlock else WARNING, found, advice)
    network = isolation["network"]
    advice = "" if network == "none" else "models may reach the network from here"
    yield Symptom("sandbox: network", OK if network == "none" else WARNING, str(network), advice)
    calls = isolation["system_calls"]
    yield Symptom("sandbox: system calls", OK if calls == "filtered" else WARNING, str(calls))


def _uv() -> Iterator[Symptom]:
    found = _installed("uv") or shutil.which("uv")
    advice = "" if found else "environments are built with pip, which is slower"
    yield Symptom("uv", OK if found else WARNING, str(found or "not found"), advice)
