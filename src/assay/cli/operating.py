# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help is quick
"""``serve``, ``worker``, ``migrate``: for whoever runs a registry. Only these open the server's rooms."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.options import BlobsPlace, DatabasePlace, Json
from assay.cli.terminal import print_json, say

if TYPE_CHECKING:
    from assay.app import Settings

PANEL = "Operate"
Data = Annotated[str, typer.Option("--data", metavar="DIR", help="Data directory; assay-data by default.")]


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("serve", rich_help_panel=PANEL)(serve)
    app.command("worker", rich_help_panel=PANEL)(worker)
    app.command("migrate", rich_help_panel=PANEL)(migrate)


def serve(  # noqa: PLR0913 - one for each setting that is changed often
    *,
    host: Annotated[
        str, typer.Option("--host", metavar="HOST", help="Address to listen on; 127.0.0.1 by default.")
    ] = "",
    port: Annotated[
        int | None,
        typer.Option("--port", metavar="PORT", min=0, max=65535, help="Port to listen on; 8640 by default."),
    ] = None,
    data: Data = "",
    database: DatabasePlace = "",
    auth: Annotated[
        str,
        typer.Option(
            "--auth", metavar="MODE", help="local: this machine needs no token; required: everybody does."
        ),
    ] = "",
    workers: Annotated[
        int | None,
        typer.Option("--workers", metavar="COUNT", help="Built-in workers that run checks; 1 by default."),
    ] = None,
    public_url: Annotated[
        str,
        typer.Option(
            "--public-url", metavar="URL", help="How clients reach the server, e.g. through a proxy."
        ),
    ] = "",
    blobs: BlobsPlace = "",
    redirect_downloads: Annotated[
        str,
        typer.Option(
            "--redirect-downloads",
            metavar="WHOM",
            help="Send downloads to the object store: off, asked (clients that ask), all; off by default.",
        ),
    ] = "",
) -> None:
    """Run the registry: the server and its built-in worker."""
    given = {"host": host, "port": port, "data": data, "database": database, "auth": auth, "workers": workers}
    given |= {"blobs": blobs, "redirect_downloads": redirect_downloads}
    with _refusals_logged():
        from assay.app.server import serve as run_server

        run_server(_settings(**given, public_url=public_url))


def worker(
    data: Data = "",
    database: DatabasePlace = "",
    blobs: BlobsPlace = "",
    once: Annotated[bool, typer.Option("--once", help="End when there is nothing to do.")] = False,
    ray: Annotated[
        str,
        typer.Option(
            "--ray", metavar="ADDRESS", help="Run them on a Ray cluster: auto, HOST:PORT or ray://HOST:PORT."
        ),
    ] = "",
) -> None:
    """Run checks for a registry on the same data directory, beside its server."""
    with _refusals_logged():
        from assay.app.worker import work

        work(_settings(data=data, database=database, blobs=blobs, ray=ray), once=once)


def migrate(
    data: Data = "",
    database: DatabasePlace = "",
    pre: Annotated[
        bool, typer.Option("--pre", help="Only what old servers can go on with; before the new ones start.")
    ] = False,
    post: Annotated[
        bool, typer.Option("--post", help="Only the rest; when no old server runs any more.")
    ] = False,
    json: Json = False,
) -> None:
    """Bring the registry's database to the form that this version of the program wants."""
    from assay.app.upgrade import upgrade_database
    from assay.core.errors import BadInputError

    if pre and post:
        raise BadInputError.of("pre", "must not be given together with --post: without both, all is done")
    settings = _settings(data=data, database=database)
    half = "pre" if pre else "post" if post else ""
    applied = upgrade_database(settings, half)
    if json:
        print_json({"database": settings.database_shown, "applied": applied})
        return
    say(f"{settings.database_shown}: " + (", ".join(applied) if applied else "nothing to do"))


@contextmanager
def _refusals_logged() -> Iterator[None]:
    """Say in the log why a server ends, where machines read the log; people are told as by any command."""
    from assay.core.errors import AssayError

    try:
        yield
    except AssayError as error:
        from assay.app.logs import log_end, write_logs
        from assay.app.settings import log_format_wanted
        from assay.cli.terminal import EXIT_CODES

        form = log_format_wanted(os.environ)
        if form == "text":
            raise
        write_logs(form, "info")
        log_end(error)
        raise typer.Exit(EXIT_CODES.get(error.kind, 1)) from error


def _settings(**given: Any) -> "Settings":
    from assay.app import read_settings

    return read_settings(os.environ, **{name: value for name, value in given.items() if value != ""})
