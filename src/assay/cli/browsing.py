# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help is quick
"""``list``, ``show``, ``search``, ``resolve``, ``diff``, ``download``, ``history``, ``delete``."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from assay.cli.connection import connect
from assay.cli.options import AddressArgument, Cursor, Json, Limit, ModelArgument
from assay.cli.terminal import print_json, print_table, progress_bars, say, size, tell

if TYPE_CHECKING:
    from assay.core.search import ModelQuery, VersionQuery, VersionSummary

TagFilter = Annotated[
    list[str],
    typer.Option(
        "--tag",
        metavar="KEY[=VALUE]",
        help="Has this tag; repeatable.",
        default_factory=list,
        show_default=False,
    ),
]
LabelFilter = Annotated[str, typer.Option("--label", metavar="LABEL", help="Has this label.")]
PANEL = "Look"


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("list", rich_help_panel=PANEL)(list_models)
    app.command("show", rich_help_panel=PANEL)(show)
    app.command("search", rich_help_panel=PANEL)(search)
    app.command("resolve", rich_help_panel=PANEL)(resolve)
    app.command("diff", rich_help_panel=PANEL)(diff)
    app.command("download", rich_help_panel=PANEL)(download)
    app.command("history", rich_help_panel=PANEL)(history)
    app.command("delete", rich_help_panel=PANEL)(delete)


def list_models(  # noqa: PLR0913 - one parameter per option
    *,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="team/task: list its versions.")] = "",
    team: Annotated[str, typer.Option("--team", metavar="TEAM", help="Only models of this team.")] = "",
    tag: TagFilter,
    label: LabelFilter = "",
    text: Annotated[str, typer.Option("--text", metavar="WORDS", help="Every word occurs.")] = "",
    limit: Limit = 200,
    cursor: Cursor = "",
    json: Json = False,
) -> None:
    """List models, or the versions of one model."""
    from assay.core.names import ModelName
    from assay.core.search import MAX_PAGE, ModelQuery, VersionQuery

    page = min(limit, MAX_PAGE)
    if model:
        name = ModelName(model)
        query = VersionQuery(
            name.team, name.task, None, _tags(tag), label or None, text=text, limit=page, cursor=cursor
        )
        _print_versions(query, limit, json=json)
        return
    _print_models(ModelQuery(team or None, _tags(tag), label or None, text, page, cursor), limit, json=json)


def show(
    what: Annotated[str, typer.Argument(metavar="ADDRESS", help="A model (team/task) or a version of it.")],
    json: Json = False,
) -> None:
    """Show all of a model or of a version."""
    from assay.cli.version_views import print_model, print_version
    from assay.core.names import Address
    from assay.core.search import VersionQuery

    with connect() as registry:
        if "@" not in what and what.count("/") == 1:
            model = registry.model(what)
            if json:
                print_json(model)
                return
            query = VersionQuery(model.name.team, model.name.task, limit=10)
            print_model(model)
            _version_table(registry.versions(query).items, "newest versions")
            return
        version = registry.version(Address.parse(what))
        if json:
            print_json(version)
            return
        print_version(version, registry.evidence(version.address))


def search(  # noqa: PLR0913 - one parameter per option
    *,
    text: Annotated[
        list[str],
        typer.Argument(
            metavar="WORD", help="Words that all occur.", default_factory=list, show_default=False
        ),
    ],
    team: Annotated[str, typer.Option("--team", metavar="TEAM", help="Of this team.")] = "",
    task: Annotated[str, typer.Option("--task", metavar="TASK", help="Of this task.")] = "",
    stage: Annotated[str, typer.Option("--stage", metavar="STAGE", help="In this stage.")] = "",
    tag: TagFilter,
    label: LabelFilter = "",
    metric: Annotated[
        list[str],
        typer.Option(
            "--metric",
            metavar="CONDITION",
            help="NAME>=NUMBER; repeatable.",
            default_factory=list,
            show_default=False,
        ),
    ],
    digest: Annotated[str, typer.Option("--digest", metavar="DIGEST", help="With this digest.")] = "",
    after: Annotated[
        str, typer.Option("--registered-after", metavar="INSTANT", help="ISO 8601 instant, inclusive.")
    ] = "",
    before: Annotated[
        str, typer.Option("--registered-before", metavar="INSTANT", help="ISO 8601 instant, exclusive.")
    ] = "",
    limit: Limit = 200,
    cursor: Cursor = "",
    json: Json = False,
) -> None:
    """Search versions by team, task, stage, tag, label, metric, time and words."""
    from assay.core.digests import Digest
    from assay.core.search import MAX_PAGE, MetricCondition, VersionQuery
    from assay.core.stages import Stage

    query = VersionQuery(
        team=team or None,
        task=task or None,
        stage=Stage.parse(stage) if stage else None,
        tags=_tags(tag),
        label=label or None,
        metrics=tuple(map(MetricCondition.parse, metric)),
        text=" ".join(text),
        digest=Digest(digest) if digest else None,
        registered_after=_instant(after, "registered-after"),
        registered_before=_instant(before, "registered-before"),
        limit=min(limit, MAX_PAGE),
        cursor=cursor,
    )
    _print_versions(query, limit, json=json)


def resolve(address: AddressArgument, json: Json = False) -> None:
    """Say which version an address means."""
    from assay.cli.version_views import stage_cell

    with connect() as registry:
        found = registry.resolve(address)
    if json:
        print_json(found)
        return
    say(f"{found.address}  {stage_cell(found.stage, found.ungated)}  {found.digest}")


def diff(
    left: Annotated[str, typer.Argument(metavar="LEFT", help="Address of the older version.")],
    right: Annotated[str, typer.Argument(metavar="RIGHT", help="Address of the newer version.")],
    json: Json = False,
) -> None:
    """Show what changed from one version to another."""
    from assay.cli.version_views import print_diff

    with connect() as registry:
        found = registry.diff(left, right)
    if json:
        print_json(found)
        return
    print_diff(found)


def download(
    address: AddressArgument,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="PATH", help="Folder, or file with --file.")
    ] = "",
    file: Annotated[str, typer.Option("--file", metavar="PATH", help="Only this file of the version.")] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that differ.")] = False,
    json: Json = False,
) -> None:
    """Download a version, verified; a broken download goes on where it stopped."""
    from pathlib import Path

    with connect() as registry, progress_bars() as progress:
        if file:
            place = Path(output or Path(file).name)
            place = place / Path(file).name if place.is_dir() else place
            version = registry.version(address)
            registry.download_file(version.address, file, place, overwrite=overwrite, progress=progress)
        else:
            version = registry.version(address)
            place = Path(output or f"{version.model.task}-{version.semver}")
            version = registry.download(version.address, place, overwrite=overwrite, progress=progress)
    if json:
        print_json(version)
        return
    say(f"{version.address}  {size(version.size_bytes)}  {version.digest.short}  -> {place}")


def history(model: ModelArgument, json: Json = False) -> None:
    """Tell every change of stage of a model: who had Production when, and why."""
    from assay.cli.version_views import stage_cell

    with connect() as registry:
        moves = registry.history(model)
    if json:
        print_json(moves)
        return
    rows = [
        (
            move.at,
            str(move.semver),
            f"{stage_cell(move.source, move.left_ungated)} -> {stage_cell(move.target, move.ungated)}",
            move.verb,
            move.actor,
            move.comment,
        )
        for move in moves
    ]
    print_table(f"history of {model}", ("at", "version", "stage", "how", "who", "comment"), rows)


def delete(
    address: AddressArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Delete a version; its number is never given again."""
    with connect() as registry:
        version = registry.resolve(address)
        if not yes:
            typer.confirm(f"Delete {version.address} ({version.digest.short})?", abort=True, err=True)
        registry.delete_version(version.address)
    if json:
        print_json({"deleted": version.address})
        return
    say(f"deleted {version.address}")


def _print_models(query: "ModelQuery", limit: int, *, json: bool) -> None:
    with connect() as registry:
        if json:
            print_json(registry.models(query))
            return
        rows = [
            (each.name, each.version_count, each.latest, each.staging, each.production, each.description[:60])
            for each, _ in zip(registry.all_models(query), range(limit), strict=False)
        ]
    print_table(
        "", ("model", "versions", "latest", "staging", "production", "description"), rows, "no models yet"
    )
    if not rows:
        tell("register one with: assay register TEAM/TASK PATH")


def _print_versions(query: "VersionQuery", limit: int, *, json: bool) -> None:
    with connect() as registry:
        if json:
            print_json(registry.versions(query))
            return
        found = [each for each, _ in zip(registry.all_versions(query), range(limit), strict=False)]
    _version_table(found, "")


def _version_table(found: "Iterable[VersionSummary]", title: str) -> None:
    from assay.cli.version_views import stage_cell

    rows = [
        (
            each.address,
            each.number,
            stage_cell(each.stage, each.ungated),
            each.format,
            size(each.size_bytes),
            " ".join(f"{name}={value:.4g}" for name, value in sorted(each.metrics.items())[:4]),
            ", ".join((*(f"@{alias}" for alias in each.aliases), *each.labels)),
            each.registered_at,
        )
        for each in found
    ]
    columns = ("version", "number", "stage", "format", "size", "metrics", "aliases, labels", "registered")
    print_table(title, columns, rows, "no versions found")


def _tags(items: list[str]) -> dict[str, str | None]:
    split = [item.partition("=") for item in items]
    return {key: value if equals else None for key, equals, value in split}


def _instant(text: str, field: str) -> datetime | None:

    from assay.core.errors import BadInputError

    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInputError.of(field, "must be an ISO 8601 instant", repr(text)[:60]) from error
    return at if at.tzinfo else at.astimezone()
