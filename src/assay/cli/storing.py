# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help is quick
"""``gc`` and what else looks after stored bytes."""

from typing import TYPE_CHECKING, Annotated, Final

import typer

from assay.cli.connection import connect
from assay.cli.direct import local_use, settings_of
from assay.cli.durations import seconds, size_bytes
from assay.cli.options import BlobsPlace, DatabasePlace, DataDirectory, Json
from assay.cli.terminal import print_json, say, size
from assay.core.errors import Reason, UnavailableError

if TYPE_CHECKING:
    from assay.wire.upkeep import Collected

PANEL = "Operate"
_REPAIR: Final = "send those files again: assay scrub says what is damaged"


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("gc", rich_help_panel=PANEL)(collect)
    app.command("scrub", rich_help_panel=PANEL)(scrub)
    app.command("backup", rich_help_panel=PANEL)(back_up)
    app.command("restore-backup", rich_help_panel=PANEL)(restore)


def collect(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")] = False,
    grace: Annotated[
        str,
        typer.Option(
            "--grace",
            metavar="TIME",
            help="How long bytes stay after they came, and again once nothing names them: 24h, 7d.",
        ),
    ] = "24h",
    data: DataDirectory = "",
    database: DatabasePlace = "",
    blobs: BlobsPlace = "",
    json: Json = False,
) -> None:
    """Take away stored bytes that nothing names; the server may run meanwhile."""
    grace_s = seconds(grace, "grace")
    if data or database or blobs:
        from assay.wire.upkeep import Collect

        with local_use(settings_of(data, database, blobs)) as (use, caller):
            done = use.collecting.collect(caller, Collect(dry_run, grace_s))
    else:
        with connect() as registry:
            done = registry.collect(dry_run=dry_run, grace_s=grace_s)
    if json:
        print_json(done)
    else:
        _tell(done, grace)


def scrub(
    *,
    data: Annotated[
        str, typer.Option("--data", metavar="DIR", help="Data directory to read; assay-data by default.")
    ] = "",
    database: DatabasePlace = "",
    blobs: BlobsPlace = "",
    rate: Annotated[
        str, typer.Option("--rate", metavar="SIZE", help="Read at most so much in a second: 50MB, 200MiB.")
    ] = "",
    anew: Annotated[
        bool, typer.Option("--anew", help="Begin at the beginning, wherever the last one stopped.")
    ] = False,
    json: Json = False,
) -> None:
    """Read every stored file anew, tell what is damaged, unreadable or gone; the server may run meanwhile."""
    import time

    limit = size_bytes(rate, "rate") if rate else 0
    count = read = 0
    problems = []
    with local_use(settings_of(data, database, blobs)) as (use, caller):
        begun = time.monotonic()
        for each in use.scrubbing.scrub(caller, anew=anew):
            count, read = count + 1, read + each.size_bytes
            if each.problem:
                problems.append(each)
                if not json:
                    say(f"{each.problem}: {each.digest}")
            if limit:  # no faster on average than the operator allows
                time.sleep(max(0.0, read / limit - (time.monotonic() - begun)))
    if json:
        print_json({"blobs": count, "size_bytes": read, "problems": problems})
    else:
        say(f"looked at {count} blobs, {size(read)}; {len(problems)} damaged, unreadable or gone")
    if problems:
        reasons = [Reason(each.digest, f"is {each.problem}") for each in problems[:100]]
        hint = "send those files again, or bring them back from a backup"
        raise UnavailableError(f"{len(problems)} blobs are damaged, unreadable or gone", reasons, hint=hint)


def back_up(
    directory: Annotated[
        str, typer.Argument(metavar="DIR", help="Where backups are kept; made when missing.")
    ],
    *,
    data: Annotated[
        str, typer.Option("--data", metavar="DIR", help="Data directory to copy; assay-data by default.")
    ] = "",
    database: DatabasePlace = "",
    blobs: BlobsPlace = "",
    with_secrets: Annotated[
        bool,
        typer.Option(
            "--with-secrets", help="Also copy the keys of the registry; keep DIR as safe as they are."
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Copy a registry, with every file that something names; the server may run meanwhile."""
    from pathlib import Path

    from assay.app.backups import back_up as copy

    done = copy(settings_of(data, database, blobs), Path(directory), secrets=with_secrets)
    manifest = done.manifest
    if json:
        print_json(done)
    else:
        there = manifest.blobs.lines - len(manifest.missing)
        word = f"NOT whole: {len(manifest.missing)} blobs are missing" if manifest.missing else "whole"
        say(f"{directory}: {word}; {there} blobs, {size(manifest.size_bytes)}")
        say(f"copied now: {done.copied} blobs, {size(done.copied_bytes)}")
        say(f"audit head {manifest.audit_seq} {manifest.audit_head}: keep it elsewhere")
        if not with_secrets:
            say("without the keys of the registry: secrets of webhooks have to be set anew after a restore")
    if manifest.missing:
        reasons = [Reason(each, "is gone or damaged") for each in manifest.missing[:100]]
        raise UnavailableError(f"{len(manifest.missing)} blobs could not be copied", reasons, hint=_REPAIR)


def restore(
    directory: Annotated[str, typer.Argument(metavar="DIR", help="What assay backup wrote.")],
    *,
    data: Annotated[
        str, typer.Option("--data", metavar="DIR", help="Data directory to make; assay-data by default.")
    ] = "",
    database: DatabasePlace = "",
    blobs: BlobsPlace = "",
    accept_missing: Annotated[
        bool, typer.Option("--accept-missing", help="Restore also what lacked files when it was copied.")
    ] = False,
    json: Json = False,
) -> None:
    """Bring a registry back from a backup, verified, into a data directory that holds none."""
    from pathlib import Path

    from assay.app.backups import restore as bring_back

    settings = settings_of(data, database, blobs)
    manifest = bring_back(settings, Path(directory), accept_missing=accept_missing)
    if json:
        print_json(manifest)
        return
    say(f"{settings.data}: restored as of {manifest.created_at:%Y-%m-%d %H:%M:%S} UTC, verified")
    say(f"{manifest.blobs.lines - len(manifest.missing)} blobs, {manifest.audit_seq} audit events")


def _tell(done: "Collected", grace: str) -> None:
    word = "would be " if done.dry_run else ""
    say(f"{word}removed: {done.removed} blobs, {size(done.removed_bytes)}")
    condemned = f"{word}condemned: {done.condemned} blobs"
    if done.dry_run:
        condemned += f", {size(done.condemned_bytes)}"
    say(f"{condemned}; they go in {grace}, unless something names them until then")
    if done.adopted or done.uploads:
        say(f"found unknown in the store: {done.adopted}; forgotten uploads dropped: {done.uploads}")
