"""Options that many commands share, and how a version is named on the command line."""

from typing import Annotated

import typer

from assay.core.errors import BadInputError, Reason

Json = Annotated[bool, typer.Option("--json", help="Print the registry's document as JSON.")]
Comment = Annotated[
    str, typer.Option("--comment", "-m", metavar="TEXT", help="A sentence that stays with the decision.")
]
AddressArgument = Annotated[
    str, typer.Argument(metavar="ADDRESS", help="team/task/v1.2.0, team/task/12 or team/task@alias")
]
OptionalAddress = Annotated[
    str | None,
    typer.Argument(metavar="ADDRESS", help="team/task/v1.2.0, team/task/12 or team/task@alias"),
]
ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="team/task")]
ModelOption = Annotated[
    str, typer.Option("--model", metavar="TEAM/TASK", help="Instead of ADDRESS, with --version.")
]
VersionOption = Annotated[
    str, typer.Option("--version", metavar="VERSION", help="v1.2.0, a number or @alias.")
]
Limit = Annotated[int, typer.Option("--limit", metavar="COUNT", min=1, help="Show at most so many rows.")]
Cursor = Annotated[str, typer.Option("--cursor", metavar="CURSOR", help="Go on behind a page, with --json.")]
DataDirectory = Annotated[
    str,
    typer.Option(
        "--data",
        metavar="DIR",
        help="Work on the registry of this data directory itself, without a server; "
        "ASSAY_DATABASE and ASSAY_BLOBS count.",
    ),
]
DatabasePlace = Annotated[
    str,
    typer.Option(
        "--database",
        metavar="URL",
        help="postgresql://...; SQLite in the data directory by default. Better set as ASSAY_DATABASE.",
    ),
]
BlobsPlace = Annotated[
    str,
    typer.Option(
        "--blobs",
        metavar="PLACE",
        help="Where files are kept: a folder, s3://BUCKET/PREFIX, gs://... or az://...; ASSAY_BLOBS, or "
        "blobs in the data directory, by default.",
    ),
]


def one_address(address: str | None, model: str, version: str) -> str:
    """Return the address, given as a whole or as ``--model`` and ``--version``.

    Raises:
        BadInputError: both forms, neither, or half of one.
    """
    rule = "give ADDRESS (team/task/v1.2.0), or --model TEAM/TASK --version VERSION"
    if address and not (model or version):
        return address
    if address or not (model and version):
        raise BadInputError(rule, [Reason("address", rule)])
    return f"{model}{version}" if version.startswith("@") else f"{model}/{version}"


def pairs(items: list[str], field: str) -> dict[str, str]:
    """Read ``key=value`` items.

    Raises:
        BadInputError: items without ``=`` or key; all of them are named.
    """
    broken = [item for item in items if not item.partition("=")[0] or "=" not in item]
    if broken:
        raise BadInputError(
            f"{field} must be KEY=VALUE", [Reason(field, "must be KEY=VALUE", item[:100]) for item in broken]
        )
    return {key: value for key, _, value in (item.partition("=") for item in items)}


def numbers(items: list[str], field: str) -> dict[str, float]:
    """Read ``name=number`` items.

    Raises:
        BadInputError: items of another form; all of them are named.
    """
    found, broken = {}, []
    for name, text in pairs(items, field).items():
        try:
            found[name] = float(text)
        except ValueError:
            broken.append(Reason(f"{field}.{name}", "must be a number", text[:100]))
    if broken:
        raise BadInputError(f"{field} must be NAME=NUMBER", broken)
    return found
