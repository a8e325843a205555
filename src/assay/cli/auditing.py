# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help is quick
"""``audit``: read, keep and verify the log of every write."""

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from assay.cli.connection import connect
from assay.cli.options import Json, Limit
from assay.cli.terminal import print_json, print_table, say, tell

if TYPE_CHECKING:
    from assay.core.audit import AuditEvent
    from assay.core.digests import Digest

BROKEN = 3
app = typer.Typer(help="Read and verify the audit log.", no_args_is_help=True, rich_markup_mode=None)
Subject = Annotated[
    str, typer.Option("--subject", metavar="ADDRESS", help="Only about this model or version.")
]


@app.command("verify")
def verify(
    *,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="An export; without it the server's log is read.")
    ] = "",
    head: Annotated[
        list[str],
        typer.Option(
            "--head",
            metavar="SEQ:HASH",
            help="A head kept elsewhere.",
            default_factory=list,
            show_default=False,
        ),
    ],
    json: Json = False,
) -> None:
    """Verify the chain on this machine; ends with 3 when it is broken."""
    from assay.core.audit import verify_chain

    kept = dict(map(_head, head))
    if file:
        report = verify_chain(_read(file), kept)
    else:
        with connect() as registry:
            report = verify_chain(registry.all_audit(), kept)
    if json:
        print_json(report)
    elif report.whole:
        say(f"whole: {report.event_count} events", style="bold green")
        say(f"head {report.event_count}:{report.head}")
        tell("keep the head elsewhere; later: assay audit verify --head SEQ:HASH")
    else:
        say(f"broken: {report.problem}", style="bold red")
        say(f"whole up to {report.event_count}:{report.head}")
    if not report.whole:
        raise typer.Exit(BROKEN)


@app.command("export")
def export(
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="Else standard output.")] = "",
    json: Json = False,
) -> None:
    """Write the whole log as JSON lines, ready for verify FILE on any machine."""
    from pathlib import Path

    from assay.client.downloading import writing
    from assay.wire import codec

    with connect() as registry:
        events = registry.all_audit()
        if not output:
            for event in events:
                sys.stdout.buffer.write(codec.encode(event) + b"\n")
            sys.stdout.buffer.flush()
            return
        count = 0
        place = Path(output)
        with writing(place), place.open("wb") as lines:
            for event in events:
                lines.write(codec.encode(event) + b"\n")
                count += 1
    if json:
        print_json({"event_count": count, "file": output})
        return
    say(f"{count} events -> {output}")


@app.command("show")
def show(subject: Subject = "", limit: Limit = 50, json: Json = False) -> None:
    """Show the newest events."""
    from collections import deque

    with connect() as registry:
        events: Iterable[AuditEvent] = deque(registry.all_audit(subject=subject), maxlen=limit)
    if json:
        print_json(list(events))
        return
    rows = [(each.seq, each.at, each.actor, each.verb, each.subject, each.hash.short) for each in events]
    print_table("", ("event", "at", "who", "verb", "subject", "hash"), rows, "no events")


def _head(text: str) -> "tuple[int, Digest]":
    from assay.core.digests import Digest
    from assay.core.errors import BadInputError

    seq, _, digest = text.partition(":")
    if not seq.isdecimal() or int(seq) < 1:
        raise BadInputError.of("head", "must be SEQ:HASH", text[:100])
    return int(seq), Digest(digest)


def _read(file: str) -> "Iterator[AuditEvent]":
    """Yield the events of an export.

    Raises:
        BadInputError: the file cannot be read, or a line is no event.
    """
    from pathlib import Path

    from assay.core.audit import AuditEvent
    from assay.core.errors import BadInputError
    from assay.wire import codec

    try:
        with Path(file).open("rb") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    yield codec.decode_strict(line, AuditEvent)
                except BadInputError as error:
                    raise BadInputError(f"{file}, line {number}: {error.message}", error.reasons) from error
    except OSError as error:
        raise BadInputError.of("file", "must be readable", f"{file}: {error.strerror or error}") from error
