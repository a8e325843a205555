# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help is quick
"""``alias``: movable names for versions. Stage names are no aliases: moving one is a promotion."""

from typing import Annotated

import typer

from assay.cli.connection import connect
from assay.cli.options import AddressArgument, Json, ModelArgument
from assay.cli.terminal import print_json, print_table, say

app = typer.Typer(help="Move names that point at versions.", no_args_is_help=True, rich_markup_mode=None)
Alias = Annotated[str, typer.Argument(metavar="ALIAS", help="Name of the alias, without @.")]


@app.command("set")
def set_alias(address: AddressArgument, alias: Alias, json: Json = False) -> None:
    """Point ALIAS of the model at the version."""
    from assay.core.names import Address

    found = Address.parse(address)
    version = f"@{found.alias}" if found.alias is not None else str(found.semver or found.number)
    with connect() as registry:
        target = registry.set_alias(found.model, alias, version)
    if json:
        print_json({"address": str(target)})
        return
    say(f"{found.model}@{alias} -> {target}")


@app.command("remove")
def remove_alias(model: ModelArgument, alias: Alias, json: Json = False) -> None:
    """Take ALIAS away from the model."""
    with connect() as registry:
        registry.remove_alias(model, alias)
    if json:
        print_json({"removed": f"{model}@{alias}"})
        return
    say(f"removed {model}@{alias}")


@app.command("list")
def list_aliases(model: ModelArgument, json: Json = False) -> None:
    """List the aliases of a model."""
    from assay.core.names import ModelName
    from assay.core.search import VersionQuery

    name = ModelName(model)
    with connect() as registry:
        registry.model(name)
        versions = list(registry.all_versions(VersionQuery(team=name.team, task=name.task, limit=1000)))
    found = {alias: each for each in versions for alias in each.aliases}
    if json:
        print_json({alias: each.address for alias, each in sorted(found.items())})
        return
    rows = [(f"@{alias}", each.address, each.stage) for alias, each in sorted(found.items())]
    print_table("", ("alias", "version", "stage"), rows, "no aliases")
