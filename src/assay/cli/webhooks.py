# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help is quick
"""``webhook``: who is told of what happens."""

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from assay.cli.connection import connect
from assay.cli.options import Json, Limit
from assay.cli.terminal import print_json, print_pairs, print_table, say, tell

if TYPE_CHECKING:
    from assay.wire.views import HookView

FAILED = 3
SECRET = "ASSAY_WEBHOOK_SECRET"  # the name of a variable, no secret
app = typer.Typer(help="Have programs told of what happens.", no_args_is_help=True, rich_markup_mode=None)
Webhook = Annotated[str, typer.Argument(metavar="WEBHOOK", help="Its id.")]
Url = Annotated[
    str, typer.Option("--url", metavar="URL", help="https://...; public, or a host of webhook_hosts.")
]
Events = Annotated[
    list[str],
    typer.Option(
        "--on",
        metavar="EVENT",
        help="e.g. model_version.transitioned; repeatable.",
        default_factory=list,
        show_default=False,
    ),
]
Secret = Annotated[
    str,
    typer.Option(
        "--secret-file",
        metavar="FILE",
        help=f"What messages are signed with; - for standard input; else {SECRET}.",
    ),
]
Description = Annotated[str | None, typer.Option("--description", metavar="TEXT", help="What it is for.")]


@app.command("add")
def add(  # noqa: PLR0913 - one parameter per option
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Letters, digits, dots, _ and -.")],
    url: Annotated[str, typer.Argument(metavar="URL", help="https://...; it is looked up and checked.")],
    on: Events,
    description: Description = None,
    secret_file: Secret = "",
    disabled: Annotated[
        bool, typer.Option("--disabled", help="Tell it nothing until it is enabled.")
    ] = False,
    json: Json = False,
) -> None:
    """Have a program told of what happens from now on."""
    from assay.wire.requests import NewHook

    status = "DISABLED" if disabled else "ACTIVE"
    wanted = NewHook(name, url, tuple(on), description or "", _secret(secret_file) or "", status)
    with connect() as registry:
        made = registry.create_webhook(wanted)
    if json:
        print_json(made)
        return
    _print(made)
    tell(f"next: assay webhook test {made.id}")


@app.command("list")
def list_webhooks(json: Json = False) -> None:
    """List webhooks, newest first."""
    with connect() as registry:
        found = tuple(registry.all_webhooks())
    if json:
        print_json(found)
        return
    rows = [(each.id, each.name, each.status, each.signed, each.events, each.url) for each in found]
    print_table("", ("webhook", "name", "status", "signed", "told of", "where to"), rows, "no webhooks")


@app.command("show")
def show(webhook: Webhook, json: Json = False) -> None:
    """Show a webhook; its secret is never shown."""
    with connect() as registry:
        found = registry.webhook(webhook)
    if json:
        print_json(found)
        return
    _print(found)


@app.command("change")
def change(  # noqa: PLR0913 - one parameter per option
    *,
    webhook: Webhook,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="A new name.")] = "",
    url: Url = "",
    on: Events,
    description: Description = None,
    secret_file: Secret = "",
    unsigned: Annotated[bool, typer.Option("--unsigned", help="Take its secret away.")] = False,
    enabled: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Whether it is told.", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """Change a webhook; what is not named stays."""
    from assay.wire.requests import HookChange

    change = HookChange(
        name or None,
        url or None,
        tuple(on) or None,
        description,
        "" if unsigned else _secret(secret_file),
        None if enabled is None else "ACTIVE" if enabled else "DISABLED",
    )
    with connect() as registry:
        found = registry.change_webhook(webhook, change)
    if json:
        print_json(found)
        return
    _print(found)


@app.command("remove")
def remove(webhook: Webhook, json: Json = False) -> None:
    """Take a webhook away; what still waits for it is not sent."""
    with connect() as registry:
        registry.remove_webhook(webhook)
    if json:
        print_json({"removed": webhook})
        return
    say(f"removed {webhook}")


@app.command("test")
def send_example(
    webhook: Webhook,
    event: Annotated[
        str, typer.Option("--event", metavar="EVENT", help="Of this kind; else the first it is told of.")
    ] = "",
    json: Json = False,
) -> None:
    """Send an example now; ends with 3 when it did not arrive."""
    with connect() as registry:
        found = registry.test_webhook(webhook, event)
    if json:
        print_json(found)
    elif found.delivered:
        say(f"delivered: answered {found.status}", style="bold green")
    else:
        say(f"not delivered: {found.problem}", style="bold red")
    if not found.delivered:
        raise typer.Exit(FAILED)


@app.command("deliveries")
def deliveries(webhook: Webhook, limit: Limit = 50, json: Json = False) -> None:
    """Show the newest messages to a webhook, and how they went."""
    with connect() as registry:
        found = registry.webhook_deliveries(webhook, limit=limit)
    if json:
        print_json(found)
        return
    rows = [
        (
            each.id,
            each.event,
            each.event_seq,
            each.state,
            each.attempts,
            each.response_status,
            each.ended_at or each.due_at,
            each.problem,
        )
        for each in found
    ]
    columns = ("message", "of", "event", "state", "attempts", "answer", "at", "problem")
    print_table("", columns, rows, "no messages")


def _secret(file: str) -> str | None:
    """Return the secret from a file or the environment, never from an option: process lists show those."""
    from pathlib import Path

    from assay.core.errors import BadInputError

    if not file:
        return os.environ.get(SECRET) or None
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError.of("secret", "must be a readable text file", f"{file}: {error}") from error
    return text.strip("\r\n")


def _print(found: "HookView") -> None:
    print_pairs(
        found.name,
        [
            ("webhook", found.id),
            ("where to", found.url),
            ("told of", ", ".join(found.events)),
            ("description", found.description),
            ("status", found.status),
            ("signed", found.signed),
            ("created", found.created_at),
            ("changed", found.changed_at),
        ],
    )
