# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help is quick
"""``serve``, ``worker``, ``migrate``: for whoever runs a registry. Only these open the server's rooms."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.options import Json
from assay.cli.terminal import print_json, say

if TYPE_CHECKING:
    from assay.app import Settings

PANEL = "Operate"
Data = Annotated[
    str, typer.Option("--data", metavar="DIR", help="Data directory; else ASSAY_DATA, else ./assay-data.")
]


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("serve", rich_help_panel=PANEL)(serve)
    app.command("worker", rich_help_panel=PANEL)(worker)
    app.command("migrate", rich_help_panel=PANEL)(migrate)


def serve(
    *,
    host: Annotated[str, typer.Option("--host", metavar="HOST", help="Address to listen on.")] = "",
    port: Annotated[
        int | None, typer.Option("--port", metavar="PORT", min=0, max=65535, help="Port to listen on.")
    ] = None,
    data: Data = "",
    auth: Annotated[
        str, typer.Option("--auth", metavar="MODE", help="required: no request without a token.")
    ] = "",
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="COUNT", help="Built-in workers that run checks.")
    ] = None,
) -> None:
    """Run the registry: the server and its built-in worker."""
    from assay.app.server import serve as run_server

    run_server(_settings(host=host, port=port, data=data, auth=auth, workers=workers))


def worker(
    data: Data = "",
    once: Annotated[bool, typer.Option("--once", help="End when there is nothing to do.")] = False,
) -> None:
    """Run checks for a registry on the same data directory, beside its server."""
    from assay.app.worker import work

    work(_settings(data=data), once=once)


def migrate(data: Data = "", json: Json = False) -> None:
    """Bring the database of a data directory to this version's form, and found it if it is new."""
    from assay.app import open_registry

    settings = _settings(data=data)
    with open_registry(settings):
        pass
    if json:
        print_json({"data": str(settings.data)})
        return
    say(f"the registry in {settings.data} is up to date")


def _settings(**given: Any) -> "Settings":
    from assay.app import Settings

    return Settings(**{name: value for name, value in given.items() if value not in ("", None)})
