# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help is quick
"""``policy``: which gates guard which stage of which models."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from assay.cli.connection import connect
from assay.cli.options import Json, ModelArgument
from assay.cli.terminal import print_json, print_pairs, print_table, say

if TYPE_CHECKING:
    from assay.wire.views import PolicyView

app = typer.Typer(help="Look at and set policies.", no_args_is_help=True, rich_markup_mode=None)


@app.command("show")
def show_policy(
    model: ModelArgument,
    source: Annotated[
        bool, typer.Option("--source", help="Print the text as it was set, nothing else.")
    ] = False,
    json: Json = False,
) -> None:
    """Show the policy that guards a model."""
    with connect() as registry:
        found = registry.applying_policy(model)
    if json:
        print_json(found)
        return
    if source:
        sys.stdout.write(_text(found))
        return
    _print_head(found)
    for stage, rules in found.document["gates"].items():
        rows = []
        for rule in rules:
            ((gate, settings),) = rule.items()
            rows.append((gate, ", ".join(f"{name}: {value}" for name, value in settings.items())))
        print_table(f"-> {stage}", ("gate", "settings"), rows)


@app.command("set")
def set_policy(
    file: Annotated[str, typer.Argument(metavar="FILE", help="YAML or JSON; - for standard input.")],
    json: Json = False,
) -> None:
    """Put a policy in force."""
    from pathlib import Path

    from assay.core.errors import BadInputError

    try:
        source = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError.of("policy", "must be a readable text file", f"{file}: {error}") from error
    media_type = "application/json" if file.endswith(".json") else "application/yaml"
    with connect() as registry:
        found = registry.set_policy(source, media_type=media_type)
    if json:
        print_json(found)
        return
    say(f"in force: policy for {found.applies_to}, revision {found.revision}, {found.digest.short}")


@app.command("enforce")
def enforce_policy(
    pattern: Annotated[
        str, typer.Argument(metavar="PATTERN", help="*, team/* or team/task; default/* if not given.")
    ] = "default/*",
    json: Json = False,
) -> None:
    """Let no version move before its gates hold.

    What moved ungated before stays where it is, marked; ask for it again with promote to have it judged.
    """
    _switch(pattern, "enforce", json=json)


@app.command("observe")
def observe_policy(
    pattern: Annotated[str, typer.Argument(metavar="PATTERN", help="*, team/* or team/task")],
    json: Json = False,
) -> None:
    """Let versions move at once, marked ungated until their gates hold."""
    _switch(pattern, "observe", json=json)


@app.command("list")
def list_policies(json: Json = False) -> None:
    """List the policies in force."""
    with connect() as registry:
        found = registry.policies()
    if json:
        print_json(found)
        return
    _print_rows(found)


@app.command("history")
def policy_history(
    pattern: Annotated[str, typer.Argument(metavar="PATTERN", help="*, team/* or team/task")],
    json: Json = False,
) -> None:
    """Show every revision of the policy for a pattern."""
    with connect() as registry:
        found = registry.policy_history(pattern)
    if json:
        print_json(found)
        return
    _print_rows(found)


def _switch(pattern: str, mode: str, *, json: bool) -> None:
    with connect() as registry:
        found = registry.switch_policy(pattern, mode)
    if json:
        print_json(found)
        return
    say(
        f"{_mode(found)}s now: policy for {found.applies_to}, revision {found.revision}, {found.digest.short}"
    )


def _mode(found: "PolicyView") -> str:
    """Return the mode; the document leaves the default out."""
    mode: str = found.document.get("mode", "enforce")
    return mode


def _print_head(found: "PolicyView") -> None:
    print_pairs(
        f"policy for {found.applies_to}",
        [
            ("revision", found.revision),
            ("digest", found.digest),
            ("set", f"{found.set_at:%Y-%m-%d %H:%M:%S}Z by {found.set_by}"),
            ("mode", _mode(found)),
            ("stage aliases", _aliases(found)),
            ("description", found.document.get("description")),
        ],
    )


def _aliases(found: "PolicyView") -> str:
    aliases = found.document.get("stage_aliases", {})
    return ", ".join(f"@{alias} is {stage}" for alias, stage in aliases.items())


def _print_rows(found: "tuple[PolicyView, ...]") -> None:
    rows = [
        (
            each.applies_to,
            each.revision,
            _mode(each),
            *(len(each.document["gates"].get(stage, ())) for stage in ("staging", "production")),
            each.set_by,
            each.set_at,
            each.digest.short,
        )
        for each in found
    ]
    columns = (
        "applies to",
        "revision",
        "mode",
        "gates to staging",
        "to production",
        "set by",
        "at",
        "digest",
    )
    print_table("", columns, rows, "no policies")


def _text(found: "PolicyView") -> str:
    """Return the text that was set, or where a program set it, the document as YAML."""
    if found.source:
        return found.source if found.source.endswith("\n") else found.source + "\n"
    import yaml

    text: str = yaml.safe_dump(found.document, sort_keys=False, allow_unicode=True)
    return text
