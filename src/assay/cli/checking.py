# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help is quick
"""``check``: have checks run by a worker, or report what was measured elsewhere."""

import time
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli import patience
from assay.cli.connection import connect
from assay.cli.options import AddressArgument, Json, ModelOption, OptionalAddress, VersionOption, one_address
from assay.cli.terminal import print_json, print_pairs, print_table, say, waiting

if TYPE_CHECKING:
    from assay.client import Client
    from assay.core.jobs import Job
    from assay.core.versions import Version
    from assay.wire.requests import NewEvidence
    from assay.wire.views import FiledEvidence

app = typer.Typer(help="Run checks and report evidence.", no_args_is_help=True, rich_markup_mode=None)


@app.command("run")
def run_checks(
    *,
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="ADDRESS CHECK",
            help="A version, then checks; none: the policy's.",
            default_factory=list,
            show_default=False,
        ),
    ],
    model: ModelOption = "",
    version: VersionOption = "",
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the evidence.")] = False,
    timeout_s: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", min=0, help="Give up waiting after SECONDS.")
    ] = 1800.0,
    json: Json = False,
) -> None:
    """Queue checks for a worker; with --wait show what they measured."""
    whole = bool(what) and not (model or version)
    address = one_address(what[0] if whole else None, model, version)
    names = what[1:] if whole else what
    with connect() as registry:
        found = registry.version(address)
        wanted = names or _demanded(registry, found)
        jobs = [registry.run_check(found.address, name) for name in wanted]
        if wait:
            jobs = _wait(registry, found.address, jobs, timeout_s)
        filed = _evidence_of(registry, found.address, jobs) if wait else []
    if json:
        print_json(filed if wait else jobs)
    else:
        _show(jobs, filed)
    if any(each.evidence.measurement.problem for each in filed) or any(job.problem for job in jobs):
        raise typer.Exit(3)


@app.command("report")
def report(  # noqa: PLR0913 - one parameter per option
    *,
    address: OptionalAddress = None,
    check: Annotated[
        str, typer.Option("--check", metavar="NAME", help="Name of the check, e.g. unit_tests.")
    ] = "",
    junit: Annotated[str, typer.Option("--junit", metavar="FILE", help="JUnit XML of a test run.")] = "",
    facts: Annotated[
        str, typer.Option("--facts", metavar="FILE", help="JSON object with what was found.")
    ] = "",
    commit: Annotated[
        str, typer.Option("--commit", metavar="HASH", help="Commit that the tests ran on; else git's.")
    ] = "",
    model: ModelOption = "",
    version: VersionOption = "",
    json: Json = False,
) -> None:
    """Report what was measured elsewhere; it stays marked as reported for ever."""
    from assay.core.errors import BadInputError

    target = one_address(address, model, version)
    if not check or bool(junit) == bool(facts):
        raise BadInputError.of("check", "give --check NAME and one of --junit FILE and --facts FILE")
    with connect() as registry:
        found = registry.version(target)
        sent = (
            _from_junit(registry, found, check, junit, commit) if junit else _from_facts(found, check, facts)
        )
        filed = registry.report_evidence(found.address, sent)
    if json:
        print_json(filed)
        return
    say(f"filed {check} as reported by {filed.evidence.reporter}: {filed.digest.short}")
    _print_evidence([filed])


@app.command("list")
def list_checks(address: AddressArgument, json: Json = False) -> None:
    """List queued, running and finished checks of a version."""
    with connect() as registry:
        jobs = registry.checks(address)
    if json:
        print_json(jobs)
        return
    _show(list(jobs), [])


def _demanded(registry: "Client", version: "Version") -> list[str]:
    """Return the checks that the applying policy's gates need, in its order."""
    from assay.checks import CHECK_NAMES
    from assay.core.policies import Policy
    from assay.gates import build_all

    policy = Policy.parse(registry.applying_policy(version.model).document)
    needs = [gate.need(version) for stage in policy.gates for gate in build_all(policy, stage)]
    names = dict.fromkeys(need.check for need in needs if need is not None)
    return [name for name in names if name in CHECK_NAMES]


def _wait(registry: "Client", address: str, jobs: "list[Job]", timeout_s: float) -> "list[Job]":
    from assay.core.errors import UnavailableError
    from assay.core.jobs import JobState

    deadline = time.monotonic() + timeout_s
    ended = (JobState.DONE, JobState.FAILED)
    hint = f"they go on; look with: assay check list {address}. Is a worker running?"
    with waiting(f"{address}: waiting for {len(jobs)} checks"):
        while True:
            known = {
                job.id: job for job in patience.ask_until(deadline, partial(registry.checks, address), hint)
            }
            jobs = [known.get(job.id, job) for job in jobs]
            if all(job.state in ended for job in jobs):
                return jobs
            if time.monotonic() >= deadline:
                raise UnavailableError(f"checks are still running after {timeout_s:g} s", hint=hint)
            time.sleep(patience.POLL_S)  # the server tells nobody when a check is done: it is asked


def _evidence_of(registry: "Client", address: str, jobs: "list[Job]") -> "list[FiledEvidence]":
    wanted = {job.evidence for job in jobs if job.evidence}
    return [each for each in registry.evidence(address) if each.digest in wanted]


def _from_junit(registry: "Client", version: "Version", check: str, path: str, commit: str) -> "NewEvidence":
    from datetime import UTC, datetime

    from assay.client.capture_code import capture_code
    from assay.wire.requests import NewEvidence

    code = None if commit else capture_code([])
    file = registry.upload_blob(path)
    return NewEvidence(
        check=check,
        subject=version.digest,
        measured_at=datetime.now(UTC),
        junit=file.digest,
        commit=commit or (code.commit if code else ""),
    )


def _from_facts(version: "Version", check: str, path: str) -> "NewEvidence":
    """Read a JSON file: the facts themselves, or a measurement with ``facts``, ``data``, ``settings``."""
    from datetime import UTC, datetime

    from assay.core.evidence import Measurement
    from assay.wire.codec import convert_strict
    from assay.wire.requests import NewEvidence

    document = _read_object(path)
    if "facts" not in document:
        return NewEvidence(check, version.digest, datetime.now(UTC), Measurement(facts=document))
    settings = document.pop("settings", {})
    measured_at = document.pop("measured_at", None)
    body = {
        "check": check,
        "subject": version.digest,
        "measured_at": measured_at or datetime.now(UTC).isoformat(),
        "measurement": document,
        "settings": settings,
    }
    return convert_strict(body, NewEvidence)


def _read_object(path: str) -> dict[str, Any]:
    import json
    from pathlib import Path

    from assay.core.errors import BadInputError

    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInputError.of("facts", "must be a readable JSON file", f"{path}: {error}") from error
    if not isinstance(document, dict):
        raise BadInputError.of("facts", "must be a JSON object", path)
    return document


def _show(jobs: "list[Job]", filed: "list[FiledEvidence]") -> None:
    rows = [(job.id, job.check, job.state.value, job.attempts, job.created_at, job.problem) for job in jobs]
    print_table("checks", ("job", "check", "state", "attempts", "queued", "problem"), rows)
    _print_evidence(filed)


def _print_evidence(filed: "list[FiledEvidence]") -> None:
    for each in filed:
        measurement = each.evidence.measurement
        title = f"{each.evidence.check} ({each.evidence.origin.value}, {each.digest.short})"
        items: list[tuple[str, object]] = [("problem", measurement.problem)]
        items += [(name, _plain(value)) for name, value in measurement.facts.items()]
        print_pairs(title, items)


def _plain(value: Any) -> object:
    import json

    if not isinstance(value, dict | list):
        return value
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 400 else f"{text[:397]}..."
