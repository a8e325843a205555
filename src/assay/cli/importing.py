# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help is quick
"""``import``: moving in from another registry, on the data directory itself."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Final

import typer

from assay.cli.operating import Data
from assay.cli.options import Json
from assay.cli.terminal import clean, console, print_json, print_table, say, size, tell

if TYPE_CHECKING:
    from assay.core.moving import MoveReport
    from assay.usecases.moving.ledger import Progress

app = typer.Typer(help="Move in from another registry.", no_args_is_help=True, rich_markup_mode=None)
INCOMPLETE: Final = 1
# So many notes are shown; faults all are.
_SHOWN: Final = 50
# Where nobody watches, a line for each time that so many things have been looked at.
_EVERY: Final = 1000


@app.callback()
def begin() -> None:
    """Keep the name of the source a word of its own, however many there are."""


@app.command("mlflow")
def import_mlflow(  # noqa: PLR0913 - one parameter per option
    uri: Annotated[
        str,
        typer.Argument(
            metavar="URI",
            help="http(s)://HOST:PORT of a server, or its sqlite:///, postgresql:// or mysql://.",
        ),
    ],
    *,
    artifacts: Annotated[
        list[str],
        typer.Option(
            "--artifacts",
            metavar="DIR",
            help="Artifact root of a database; also PLACE=DIR, repeatable; none leaves files out.",
            default_factory=list,
            show_default=False,
        ),
    ],
    team: Annotated[
        str,
        typer.Option(
            "--team",
            metavar="TEAM",
            help="Whose the experiments become, and the models whose names say no team.",
        ),
    ] = "default",
    verify: Annotated[
        str, typer.Option("--verify", metavar="WHICH", help="Files to read again: sample, all or none.")
    ] = "sample",
    again: Annotated[
        bool,
        typer.Option("--again", help="Read the points of unchanged runs too."),
    ] = False,
    data: Data = "",
    json: Json = False,
) -> None:
    """Copy everything that MLflow keeps; run it again at any time to go on or to bring what is new.

    A server may be running on the data directory meanwhile. Ends with 1 when something is not here as
    it is there and nothing explains it.
    """
    from assay.app import read_settings
    from assay.app.moving import open_mlflow, open_moving
    from assay.usecases.moving.importing import MoveOptions

    options = MoveOptions(team, verify, again)
    settings = read_settings(os.environ, data=data or None)
    with (
        open_mlflow(uri, artifacts, os.environ) as source,
        open_moving(settings) as (moving, caller),
        _progress() as progress,
    ):
        report = moving.move(caller, source, options, progress)
    if json:
        print_json(_document(report))
    else:
        _print(report)
    if not report.complete:
        raise typer.Exit(INCOMPLETE)


def _document(report: "MoveReport") -> dict[str, object]:
    from assay.core.canonical import plain

    said: dict[str, object] = plain(report)
    return {**said, "complete": report.complete}


def _print(report: "MoveReport") -> None:
    rows = [
        (kind, count.found, count.here, count.added, count.changed, count.excused)
        for kind, count in report.counts.items()
        if count.found
    ]
    columns = ("kind", "at the source", "equal here", "added", "changed", "explained")
    print_table(f"from {report.source}", columns, rows, "nothing was found")
    faults = [each for each in report.findings if not each.explained]
    notes = [each for each in report.findings if each.explained]
    for each in (*faults, *notes[:_SHOWN]):
        mark = "note" if each.explained else "DIFFERENT"
        say(f"{mark}: {each.kind} {each.name}: {each.what}", style="" if each.explained else "bold red")
        if each.advice:
            say(f"  {each.advice}", style="dim")
    more = report.finding_count - len(faults) - min(len(notes), _SHOWN)
    if more > 0:
        say(f"and {more} notes more; --json shows {len(report.findings)} findings")
    say(f"read again and compared: {report.verified_files} files, {size(report.verified_bytes)}")
    if report.complete:
        say("complete: everything is here as it is there, or explained above", style="bold green")
    else:
        say("not complete: run it again when what is named above is mended", style="bold red")


@contextmanager
def _progress() -> "Iterator[Progress]":
    """Show what is being moved on standard error: in place where a person watches, else in lines."""
    stream = console(error=True)
    if not stream.is_terminal:

        def line(kind: str, count: int, where: str) -> None:
            if count == 1 or count % _EVERY == 0:
                tell(f"{kind} {count}: {where[:100]}")

        yield line
        return
    from rich.progress import Progress as Bars
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        TextColumn("{task.completed}", markup=False),
        TextColumn("{task.fields[where]}", markup=False),
        TimeElapsedColumn(),
    )
    with Bars(*columns, console=stream) as bars:
        tasks: dict[str, object] = {}

        def row(kind: str, count: int, where: str) -> None:
            if kind not in tasks:
                tasks[kind] = bars.add_task(kind, total=None, where="")
            bars.update(tasks[kind], completed=count, where=clean(where)[:60])  # type: ignore[arg-type]

        yield row
