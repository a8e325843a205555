"""``quota``: what teams and models may store, and what they use."""

from typing import Annotated

import typer

from assay.cli.connection import connect
from assay.cli.durations import size_bytes
from assay.cli.options import Json
from assay.cli.terminal import print_json, print_table, say, size

app = typer.Typer(help="Limit what teams and models may store.", no_args_is_help=True, rich_markup_mode=None)
Owner = Annotated[str, typer.Argument(metavar="TEAM_OR_MODEL", help="team, or team/task")]


@app.command("set")
def set_quota(
    owner: Owner,
    limit: Annotated[str, typer.Argument(metavar="SIZE", help="In all: 500GB, 2TiB, 1000.")],
    json: Json = False,
) -> None:
    """Set how much may be stored; what is there already stays, even if it is more."""
    with connect() as registry:
        quota = registry.set_quota(owner, size_bytes(limit, "size"))
    if json:
        print_json(quota)
        return
    say(f"{quota.owner} uses {size(quota.used_bytes)} of {size(quota.limit_bytes or 0)}")


@app.command("list")
def list_quotas(
    team: Annotated[
        str, typer.Argument(metavar="TEAM", help="This team and each of its models; else every team.")
    ] = "",
    json: Json = False,
) -> None:
    """List what is used, and what may be."""
    with connect() as registry:
        found = registry.quotas(team)
    if json:
        print_json(found)
        return
    rows = [
        (each.owner, size(each.used_bytes), "-" if each.limit_bytes is None else size(each.limit_bytes))
        for each in found
    ]
    print_table("", ("team or model", "used", "quota"), rows, "nothing is used, and no quota is set")


@app.command("remove")
def remove(owner: Owner, json: Json = False) -> None:
    """Take a quota away: as much may be stored as there is room for."""
    with connect() as registry:
        registry.remove_quota(owner)
    if json:
        print_json({"removed": owner})
        return
    say(f"removed the quota of {owner}")


@app.command("recount")
def recount(json: Json = False) -> None:
    """Count anew what is used; needed once after an upgrade while older servers still ran."""
    with connect() as registry:
        found = registry.recount_quotas()
    if json:
        print_json(found)
        return
    rows = [(each.owner, size(each.before_bytes), size(each.used_bytes)) for each in found]
    print_table("", ("team or model", "kept before", "used"), rows, "everything was counted right")
