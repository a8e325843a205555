# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help is quick
"""``assay``: all commands in one place, and the one place where errors become exit codes."""

import os
import sys
from typing import Annotated, NoReturn

import typer

from assay import __version__
from assay.cli import (
    accounts,
    aliases,
    annotating,
    auditing,
    browsing,
    checking,
    doctor,
    importing,
    operating,
    policies,
    promoting,
    quotas,
    registering,
    sign_in_admin,
    signing_in,
    staging,
    storing,
    webhooks,
)
from assay.cli.connection import CONNECTION, Connection
from assay.core.errors import AssayError

# Help is written plainly: the richer form would have to import Rich before a single line is shown.
app = typer.Typer(
    name="assay",
    help="A model registry in which every gate on the way to Production is measured.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"assay {__version__}")
        raise typer.Exit


@app.callback()
def begin(
    url: Annotated[
        str, typer.Option("--url", metavar="URL", help="Of the registry; else ASSAY_URL, else this machine.")
    ] = "",
    timeout_s: Annotated[
        float,
        typer.Option(
            "--request-timeout", metavar="SECONDS", min=0.1, help="Seconds to wait for each answer."
        ),
    ] = 60.0,
    version: Annotated[  # noqa: ARG001 - Typer calls the callback
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Set up the connection; the token is taken from ASSAY_TOKEN only, so that no process list shows it."""
    CONNECTION.set(Connection(url, timeout_s))


browsing.add_to(app)
registering.add_to(app)
annotating.add_to(app)
promoting.add_to(app)
staging.add_to(app)
doctor.add_to(app)
operating.add_to(app)
storing.add_to(app)
accounts.add_to(app)
signing_in.add_to(app)
app.add_typer(aliases.app, name="alias")
app.add_typer(checking.app, name="check")
app.add_typer(policies.app, name="policy")
app.add_typer(promoting.promotions, name="promotions")
app.add_typer(auditing.app, name="audit")
app.add_typer(importing.app, name="import")
app.add_typer(accounts.tokens, name="token")
app.add_typer(accounts.principals, name="principal")
app.add_typer(accounts.grants, name="grant")
app.add_typer(sign_in_admin.sign_in, name="sign-in")
app.add_typer(sign_in_admin.publishers, name="publisher")
app.add_typer(webhooks.app, name="webhook")
app.add_typer(quotas.app, name="quota")


def run(arguments: list[str] | None = None) -> NoReturn:
    """Run one command and end the process with its exit code.

    0 done, 2 bad input, 3 refused by gates, 4 conflict, 5 not found, 6 denied, 7 unavailable.

    Args:
        arguments: what was typed behind ``assay``; those of the process when left out.
    """
    typed = sys.argv[1:] if arguments is None else arguments
    try:
        app(args=typed, prog_name="assay")
    except AssayError as error:
        from assay.cli.terminal import print_error

        sys.exit(print_error(error, as_json="--json" in typed))
    except BrokenPipeError:
        # Whoever read our output has seen enough (``assay list | head``).
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    sys.exit(0)
