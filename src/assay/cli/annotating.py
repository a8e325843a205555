# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help is quick
"""``tag``: what people say about a model or a version."""

from typing import Annotated

import typer

from assay.cli.connection import connect
from assay.cli.options import Json, pairs
from assay.cli.terminal import print_json, print_pairs


def add_to(app: typer.Typer) -> None:
    """Add this command."""
    app.command("tag", rich_help_panel="Register")(tag)


def tag(  # noqa: PLR0913 - one parameter per option
    *,
    what: Annotated[str, typer.Argument(metavar="ADDRESS", help="A model (team/task) or a version of it.")],
    tags: Annotated[
        list[str],
        typer.Argument(metavar="KEY=VALUE", help="Tags to set.", default_factory=list, show_default=False),
    ],
    remove: Annotated[
        list[str],
        typer.Option(
            "--remove", metavar="KEY", help="Take a tag away.", default_factory=list, show_default=False
        ),
    ],
    label: Annotated[
        list[str],
        typer.Option(
            "--label", metavar="LABEL", help="Add a label.", default_factory=list, show_default=False
        ),
    ],
    remove_label: Annotated[
        list[str],
        typer.Option(
            "--remove-label",
            metavar="LABEL",
            help="Take a label away.",
            default_factory=list,
            show_default=False,
        ),
    ],
    description: Annotated[
        str | None, typer.Option("--description", metavar="TEXT", help="New description.")
    ] = None,
    json: Json = False,
) -> None:
    """Set tags, labels and the description of a model or a version."""
    from assay.core.errors import BadInputError
    from assay.wire.requests import Annotation

    given: dict[str, str | None] = {**dict.fromkeys(remove), **pairs(tags, "tag")}
    change = Annotation(description, given, tuple(label), tuple(remove_label))
    if change == Annotation():
        raise BadInputError.of("tag", "give KEY=VALUE, --remove, --label, --remove-label or --description")
    with connect() as registry:
        if "@" not in what and what.count("/") == 1:
            model = registry.annotate_model(what, change)
            found, name = (model.description, model.tags, model.labels), str(model.name)
            document: object = model
        else:
            version = registry.annotate_version(what, change)
            found, name = (version.description, version.tags, version.labels), version.address
            document = version
    if json:
        print_json(document)
        return
    written = ", ".join(f"{key}={value}" for key, value in sorted(found[1].items()))
    print_pairs(name, [("description", found[0]), ("tags", written), ("labels", found[2])])
