"""``demote``, ``archive``, ``restore``, ``rollback``: steps that no gate guards."""

from typing import TYPE_CHECKING, Annotated

import typer

from assay.cli.connection import connect
from assay.cli.options import AddressArgument, Comment, Json, ModelArgument
from assay.cli.terminal import print_json, say, tell
from assay.cli.version_views import stage_cell

if TYPE_CHECKING:
    from assay.core.promotions import StageMove

PANEL = "Promote"


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("demote", rich_help_panel=PANEL)(demote)
    app.command("archive", rich_help_panel=PANEL)(archive)
    app.command("restore", rich_help_panel=PANEL)(restore)
    app.command("rollback", rich_help_panel=PANEL)(rollback)


def demote(address: AddressArgument, comment: Comment = "", json: Json = False) -> None:
    """Take a version from Staging back to Development."""
    with connect() as registry:
        _report(registry.demote(address, comment), json=json)


def archive(address: AddressArgument, comment: Comment = "", json: Json = False) -> None:
    """Retire a version; it stays for reproduction and rollback."""
    with connect() as registry:
        _report(registry.archive(address, comment), json=json)


def restore(address: AddressArgument, comment: Comment = "", json: Json = False) -> None:
    """Bring an archived version back to Development."""
    with connect() as registry:
        _report(registry.restore(address, comment), json=json)


def rollback(
    model: ModelArgument,
    to: Annotated[
        str, typer.Option("--to", metavar="VERSION", help="v1.2.0 or a number; else the previous.")
    ] = "",
    comment: Comment = "",
    json: Json = False,
) -> None:
    """Bring the previous Production version back at once.

    No gate is asked, in either mode of the policy. Where those of the version did not hold when it left, it
    comes back marked ungated, and the answer says so.
    """
    with connect() as registry:
        _report(registry.roll_back(model, to=to, comment=comment), json=json)


def _report(move: "StageMove", *, json: bool) -> None:
    if json:
        print_json(move)
        return
    say(f"{move.model}/{move.semver}: {move.source} -> {stage_cell(move.target, move.ungated)}")
    if move.ungated:
        again = f"assay promote {move.model}/{move.semver} --stage {move.target.value.lower()}"
        tell(f"it has never passed its gates; to have them judge it: {again}")
