# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help is quick
"""``audit``: read the log of every write, keep it, and prove what is in it."""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from assay.cli import audit_verifying
from assay.cli.audit_verifying import BROKEN, remember
from assay.cli.connection import connect
from assay.cli.options import Json, Limit
from assay.cli.terminal import clean, print_json, print_table, say, tell

if TYPE_CHECKING:
    from assay.client import Client
    from assay.core.audit import AuditEvent

app = typer.Typer(help="Read, keep and verify the audit log.", no_args_is_help=True, rich_markup_mode=None)
Subject = Annotated[
    str, typer.Option("--subject", metavar="ADDRESS", help="Only about this model or version.")
]
Save = Annotated[str, typer.Option("--save", metavar="FILE", help="Write it there, not to standard output.")]
app.command("verify")(audit_verifying.verify)
app.command("verify-proof")(audit_verifying.verify_proof)


@app.command("export")
def export(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Else standard output.")] = "",
    json: Json = False,
) -> None:
    """Write the whole log with its key and heads to one file, for verify FILE on any machine."""
    from pathlib import Path

    from assay.client.downloading import writing

    with connect() as registry:
        pieces = registry.export_audit()
        if not file:
            for piece in pieces:
                sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
            return
        count = 0
        place = Path(file)
        with writing(place), place.open("wb") as lines:
            for piece in pieces:
                lines.write(piece)
                count += len(piece)
    if json:
        print_json({"file": file, "size_bytes": count})
        return
    say(f"{count} bytes -> {file}")
    tell(f"anywhere: assay audit verify {file}")


@app.command("head")
def head(save: Save = "", forget: audit_verifying.Forget = False, json: Json = False) -> None:
    """Print a signed head, to be kept elsewhere; ends with 3 when it does not fit the last one seen."""
    from assay.client.seen_heads import SeenHeads, look_at_head

    with connect() as registry:
        seen = SeenHeads()
        if forget:
            seen.forget(registry.url)
        report = look_at_head(registry, seen)
    if not report.problem:
        remember(seen, report.seen)
    if json:
        print_json(report)
    elif report.problem:
        say(f"broken: {report.problem}", style="bold red")
        tell("keep the head of before and ask the operator; to begin anew: assay audit head --forget")
    elif not save:
        sys.stdout.write(clean(report.head.note))
    if report.problem:
        raise typer.Exit(BROKEN)
    if save:
        _write(save, report.head.note)
    tell(f"{report.head.size} events; signed by {report.seen.key}")


@app.command("prove")
def prove(
    event: Annotated[
        str,
        typer.Argument(metavar="EVENT", help="Number of an event, or an address: the newest event about it."),
    ],
    save: Save = "",
    json: Json = False,
) -> None:
    """Write a proof that an event is in the log, for verify-proof on any machine."""
    from assay.core.audit_files import proof_text

    with connect() as registry:
        proven = registry.audit_proof(_seq(registry, event))
    text = proof_text(proven)
    if save:
        _write(save, text)
    if json:
        print_json(proven)
    elif not save:
        sys.stdout.write(clean(text))
    tell(f"event {proven.event.seq}, {proven.event.verb} {proven.event.subject}, in {proven.size} events")


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


def _seq(registry: "Client", event: str) -> int:
    """Return the number of the event meant.

    Raises:
        BadInputError: it is neither a number nor an address.
        NotFoundError: nothing happened to that address.
    """
    from collections import deque

    from assay.core.errors import BadInputError, NotFoundError
    from assay.core.names import Address, ModelName

    if event.isascii() and event.isdigit():
        if len(event) > 15:
            raise BadInputError.of("event", "must be the number of an event", event[:60])
        return int(event)
    subject = str(ModelName(event)) if event.count("/") == 1 and "@" not in event else ""
    if not subject:
        address = Address.parse(event)
        subject = event if address.semver is not None else registry.resolve(event).address
    found = deque(registry.all_audit(subject=subject), maxlen=1)
    if not found:
        raise NotFoundError(f"there is no event about {subject}", hint="assay audit show")
    return found[0].seq


def _write(file: str, text: str) -> None:
    from pathlib import Path

    from assay.client.downloading import writing

    place = Path(file)
    with writing(place):
        place.write_text(text, "utf-8", newline="\n")
    say(f"-> {file}")
