# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help is quick
"""``gc`` and what else looks after stored bytes."""

from typing import TYPE_CHECKING, Annotated

import typer

from assay.cli.connection import connect
from assay.cli.direct import local_use
from assay.cli.durations import seconds
from assay.cli.options import DataDirectory, Json
from assay.cli.terminal import print_json, say, size

if TYPE_CHECKING:
    from assay.wire.upkeep import Collected

PANEL = "Operate"


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("gc", rich_help_panel=PANEL)(collect)


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
    json: Json = False,
) -> None:
    """Take away stored bytes that nothing names; the server may run meanwhile."""
    grace_s = seconds(grace, "grace")
    if data:
        from assay.wire.upkeep import Collect

        with local_use(data) as (use, caller):
            done = use.collecting.collect(caller, Collect(dry_run, grace_s))
    else:
        with connect() as registry:
            done = registry.collect(dry_run=dry_run, grace_s=grace_s)
    if json:
        print_json(done)
    else:
        _tell(done, grace)


def _tell(done: "Collected", grace: str) -> None:
    word = "would be " if done.dry_run else ""
    say(f"{word}removed: {done.removed} blobs, {size(done.removed_bytes)}")
    condemned = f"{word}condemned: {done.condemned} blobs"
    if done.dry_run:
        condemned += f", {size(done.condemned_bytes)}"
    say(f"{condemned}; they go in {grace}, unless something names them until then")
    if done.adopted or done.uploads:
        say(f"found unknown in the store: {done.adopted}; forgotten uploads dropped: {done.uploads}")
