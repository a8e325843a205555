# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help is quick
"""``register``: a trained model on this machine becomes a version."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.connection import connect
from assay.cli.options import Json, numbers, pairs
from assay.cli.terminal import print_json, print_pairs, progress_bars, size, tell

if TYPE_CHECKING:
    from assay.client.registering import Registered
    from assay.core.provenance import Environment, Scalar

Files = list[str]


def add_to(app: typer.Typer) -> None:
    """Add this command."""
    app.command("register", rich_help_panel="Register")(register)


def register(  # noqa: PLR0913 - one parameter per option
    *,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="team/task; created when it is new.")],
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="A model file, or a folder with all its files.")
    ],
    version: Annotated[
        str, typer.Option("--version", metavar="VERSION", help="v1.2.0, or auto for the smallest step.")
    ] = "auto",
    data: Annotated[
        Files,
        typer.Option(
            "--data",
            "--training-data",
            metavar="FILE",
            help="Training data; repeatable.",
            default_factory=list,
            show_default=False,
        ),
    ],
    validation: Annotated[
        Files,
        typer.Option(
            "--validation",
            "--validation-data",
            metavar="FILE",
            help="Validation data.",
            default_factory=list,
            show_default=False,
        ),
    ],
    evaluation: Annotated[
        Files,
        typer.Option(
            "--evaluation",
            "--evaluation-data",
            metavar="FILE",
            help="Held-out data.",
            default_factory=list,
            show_default=False,
        ),
    ],
    golden: Annotated[
        Files,
        typer.Option(
            "--golden",
            "--golden-data",
            metavar="FILE",
            help="Inputs with a column prediction; else recorded from --sample.",
            default_factory=list,
            show_default=False,
        ),
    ],
    label: Annotated[
        str, typer.Option("--label", metavar="COLUMN", help="Column with the true outcome.")
    ] = "",
    upload_data: Annotated[
        bool, typer.Option("--upload-data/--no-upload-data", help="Store the data, or its digests only.")
    ] = True,
    sample: Annotated[
        str,
        typer.Option(
            "--sample",
            metavar="FILE",
            help="CSV or Parquet as the model takes it. Loads the model file here, in your process.",
        ),
    ] = "",
    load: Annotated[
        bool, typer.Option("--load", help="Load the model file here to read its parameters.")
    ] = False,
    parameter: Annotated[
        Files,
        typer.Option(
            "--param", metavar="NAME=VALUE", help="Hyperparameter.", default_factory=list, show_default=False
        ),
    ],
    metric: Annotated[
        Files,
        typer.Option(
            "--metric",
            metavar="NAME=NUMBER",
            help="Held-out metric.",
            default_factory=list,
            show_default=False,
        ),
    ],
    source: Annotated[
        str, typer.Option("--source", metavar="PATH", help="Training source, file or folder, to be digested.")
    ] = "",
    commit: Annotated[
        str, typer.Option("--commit", metavar="HASH", help="Code commit, where git is not at hand.")
    ] = "",
    repository: Annotated[
        str, typer.Option("--repository", metavar="URL", help="Where that commit lives.")
    ] = "",
    python: Annotated[
        str, typer.Option("--python", metavar="PATH", help="Interpreter of the training environment.")
    ] = "",
    requirements: Annotated[
        str,
        typer.Option(
            "--requirements",
            metavar="FILE",
            help="A freeze of the training environment; with --python-version.",
        ),
    ] = "",
    python_version: Annotated[
        str, typer.Option("--python-version", metavar="X.Y.Z", help="X.Y.Z it was frozen with.")
    ] = "",
    include: Annotated[
        Files,
        typer.Option(
            "--include",
            metavar="PATH",
            help="Further file or folder, e.g. tests.",
            default_factory=list,
            show_default=False,
        ),
    ],
    entrypoint: Annotated[
        str, typer.Option("--entrypoint", metavar="PATH", help="The model file in the folder.")
    ] = "",
    description: Annotated[str, typer.Option("--description", metavar="TEXT", help="For people.")] = "",
    tag: Annotated[
        Files,
        typer.Option("--tag", metavar="KEY=VALUE", help="Tag.", default_factory=list, show_default=False),
    ],
    labels: Annotated[
        Files,
        typer.Option("--add-label", metavar="LABEL", help="Label.", default_factory=list, show_default=False),
    ],
    json: Json = False,
) -> None:
    """Register a version with everything that can be found out about it.

    Captured are: the git commit, the freeze of this Python, the hardware, the estimator's
    hyperparameters, the signature of the sample, and the digests of the data.
    """
    details: dict[str, Any] = {
        "version": version,
        "data": data,
        "validation": validation,
        "evaluation": evaluation,
        "golden": golden,
        "label": label,
        "upload_data": upload_data,
        "sample": sample,
        "load": load,
        "hyperparameters": _parameters(parameter),
        "metrics": numbers(metric, "metric"),
        "source": source,
        "commit": commit,
        "repository": repository,
        "python": python,
        "environment": _environment(requirements, python_version),
        "include": include,
        "entrypoint": entrypoint,
        "description": description,
        "tags": pairs(tag, "tag"),
        "labels": labels,
    }
    given = {name: value for name, value in details.items() if value not in ("", [], {}, None)}
    with connect() as registry, progress_bars() as progress:
        done = registry.register(model, path, **given, progress=progress)
    _report(done, json=json)


def _report(done: "Registered", *, json: bool) -> None:
    version = done.version
    for note in done.notes:
        tell(f"not captured: {note}", style="yellow")
    if json:
        print_json(version)
        return
    print_pairs(
        f"registered {version.address}" if done.is_new else f"{version.address} is exactly this already",
        [
            ("number", version.number),
            ("digest", version.digest),
            ("size", f"{size(version.size_bytes)} in {len(version.files)} files"),
            ("format", version.format),
            ("why this number", version.bump_reasons),
            ("missing", version.provenance.missing),
        ],
    )
    tell(f"next: assay promote {version.address} --stage staging --wait")


def _environment(requirements: str, python_version: str) -> "Environment | None":
    from pathlib import Path

    from assay.client.capture_environment import read_requirements
    from assay.core.errors import BadInputError

    if not requirements and not python_version:
        return None
    if not (requirements and python_version):
        raise BadInputError.of("requirements", "--requirements and --python-version go together")
    notes: list[str] = []
    found = read_requirements(Path(requirements), python_version, notes=notes)
    for note in notes:
        tell(f"not captured: {note}", style="yellow")
    return found


def _parameters(items: list[str]) -> "dict[str, Scalar]":
    """Read values as JSON scalars where they are such, else as text."""
    import json

    found: dict[str, Scalar] = {}
    for name, text in pairs(items, "param").items():
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        found[name] = value if value is None or isinstance(value, str | int | float | bool) else text
    return found
