"""Write the reference pages that follow from the code: gates, checks, formats, errors, settings, roles.

Run by ``make docs``; ``tests/house`` fails when a page is not what this would write.
"""

import inspect
import re
import sys
from collections.abc import Callable
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from assay.app import Settings
from assay.checks.catalogue import CHECKS
from assay.core.access import ROLE_WORDS, Action, Role
from assay.core.errors import LEAVES
from assay.core.figures import Figures
from assay.core.sign_in import SignInRules
from assay.doors.mlflow.errors import ERRORS as FOREIGN_ERRORS
from assay.doors.native.errors import ERRORS, REFUSALS
from assay.doors.operating.families import (
    PROCESS,
    blob_families,
    database_families,
    process_families,
    server_families,
)
from assay.formats import FORMATS
from assay.gates import DEFAULT_POLICY, GATES
from assay.http.counters import Counters
from assay.http.exchanges import Exchange

PAGES = Path(__file__).resolve().parent.parent / "docs" / "reference"
EXIT_CODES = {"bad_input": 2, "refused": 3, "conflict": 4, "not_found": 5, "denied": 6, "unavailable": 7}
NOTE = "<!-- Written by `make docs` from the code; change it there. -->\n\n"


def gates() -> str:
    """Return the page of gates and their settings."""
    parts = ["# Gates\n", "A policy names gates and may give each its settings. Defaults are in brackets.\n"]
    for name, gate in sorted(GATES.items()):
        parts.append(f"## `{name}`\n\n{_first_paragraph(gate)}\n")
        module = _first_paragraph(sys.modules[gate.__module__]).removeprefix("Gate: ")
        parts.append(f"In short: {module}\n")
        parts.append(
            f"Needs check: `{gate.check}`.\n" if gate.check else "Reads the version and the request alone.\n"
        )
        texts = _attributes(gate)
        infos = msgspec.structs.fields(gate)
        if infos:
            rows = [f"| `{info.name}` | {_default(info)} | {texts.get(info.name, '')} |" for info in infos]
            parts.append("| setting | default | meaning |\n|---|---|---|\n" + "\n".join(rows) + "\n")
    parts.append("## The default policy\n\nGuards every model for which no other policy was set.\n")
    for stage, rules in DEFAULT_POLICY.gates.items():
        listed = ", ".join(
            f"`{rule.gate}`" + (f" {dict(rule.settings)}" if rule.settings else "") for rule in rules
        )
        parts.append(f"- **{stage}**: {listed}")
    return "\n".join(parts) + "\n"


def checks() -> str:
    """Return the page of checks."""
    parts = ["# Checks\n", "What a worker measures, with the facts each writes into its evidence.\n"]
    for name, check in sorted(CHECKS.items()):
        text = inspect.getdoc(sys.modules[type(check).__module__]) or ""
        parts.append(f"## `{name}`\n\n{text.replace('``', '`')}\n")
    return "\n".join(parts)


def formats() -> str:
    """Return the page of formats."""
    parts = ["# Formats\n", "How files are recognised: by content, in this order; nothing is executed.\n"]
    parts += [f"- `{each.name}`" + (" (the runner can load it)" if each.loadable else "") for each in FORMATS]
    parts.append(
        "\nRisk is `data`, `effects` (loading can reach files), `code` (loading runs code) or\n"
        "`unclassified` (handled as code). joblib and pickle are code: they execute on load. skops and\n"
        "ONNX are data as long as every type or operator domain in them is known."
    )
    return "\n".join(parts) + "\n"


def errors() -> str:
    """Return the page of errors."""
    parts = [
        "# Errors\n",
        "The library raises these, the command line ends with their exit codes, and the native API answers a",
        "document with `kind`, `message`, `reasons` and `hint`. MLflow's clients get the same errors in",
        "their own form.\n",
        "| kind | what to do | HTTP | exit code | to MLflow's clients |\n|---|---|---|---|---|",
    ]
    for leaf in sorted(LEAVES, key=lambda each: EXIT_CODES[each.kind]):
        foreign = "{} `{}`".format(*FOREIGN_ERRORS[leaf])
        row = (_first_paragraph(leaf), str(ERRORS[leaf]), str(EXIT_CODES[leaf.kind]), foreign)
        parts.append(f"| `{leaf.kind}` ({leaf.__name__}) | {' | '.join(row)} |")
    parts += [
        "\n## Statuses that say more\n",
        "The native API, `/readyz` and `/metrics` answer these where they say more than the status of",
        "the kind. A 409 with `Retry-After` says that the same request is still under way.\n",
        "| HTTP | kind | what happened |\n|---|---|---|",
    ]
    for status, (kind, text) in REFUSALS.items():
        parts.append(f"| {status} | {f'`{kind}`' if kind else 'none, and no document'} | {text} |")
    parts += [
        "\nMLflow's clients get 401 `UNAUTHENTICATED`, 429 `REQUEST_LIMIT_EXCEEDED`, 404",
        "`ENDPOINT_NOT_FOUND` for a path without a route, and 413 and 416 with `INVALID_PARAMETER_VALUE`.",
    ]
    return "\n".join(parts) + "\n"


def settings() -> str:
    """Return the page of settings."""
    head = (
        "# Settings\n\nDefaults, then `assay.toml`, then `ASSAY_*`, then arguments of the command line.\n\n"
        "| setting | environment | default | meaning |\n|---|---|---|---|\n"
    )
    texts = _attributes(Settings)
    rows = []
    table: list[str] = []
    for each in (one for one in fields(Settings) if one.name != "sign_in"):
        default = "none" if each.default in (MISSING, (), "") else str(each.default)
        rows.append(f"| `{each.name}` | `ASSAY_{each.name.upper()}` | `{default}` | {texts[each.name]} |")
    head_of_table = (
        "\n\n## The table `[sign_in]`\n\nHow [people sign in](../how-to/sign-in.md) and "
        "[CI jobs](../how-to/ci.md) come in.\n\n"
        "| setting | environment | default | meaning |\n|---|---|---|---|\n"
    )
    texts = _attributes(SignInRules)
    for each in fields(SignInRules):
        default = "none" if each.default == "" else str(each.default)
        name = f"ASSAY_SIGN_IN_{each.name.upper()}"
        words = texts[each.name]
        table.append(f"| `sign_in.{each.name}` | `{name}` | `{default}` | {words} |")
    head_of_table += "\n".join(table)
    client = "\n\nClients read `ASSAY_URL` (default `http://127.0.0.1:8640`) and `ASSAY_TOKEN`; without one\n"
    client += "the token that `assay login` keeps (`ASSAY_CREDENTIALS` says in which file).\n"
    return head + "\n".join(rows) + head_of_table + client


def metrics() -> str:
    """Return the page of metrics."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    exchange = Exchange("", "GET", "/", "native", "/", status=200)
    counters = Counters()
    counters.add(exchange)
    figures = Figures({"queued": 1}, moment, {"promoted": 1}, {"waiting": 1}, moment)
    groups = {
        "Of this server": server_families(counters, 1, (1, 1)),
        "Of the database, the same at every server": database_families(figures, moment),
        "Of stored blobs, the same at every server": blob_families(1, 1),
        "Of this process, on Linux": process_families(dict.fromkeys(PROCESS, 1)),
    }
    parts = [
        "# Metrics\n",
        "What `/metrics` shows, and to whom: [how to operate a server](../how-to/operate.md).\n",
    ]
    for title, families in groups.items():
        parts.append(f"## {title}\n\n| name | kind | labels | meaning |\n|---|---|---|---|")
        for each in families:
            labels = ", ".join(f"`{name}`" for name in each.samples[0].labels if name != "le")
            parts.append(f"| `{each.name}` | {each.kind} | {labels} | {each.words} |")
        parts.append("")
    return "\n".join(parts)


def access() -> str:
    """Return the page of roles and scopes."""
    head = "# Roles, rights and scopes\n\nEach role includes all before it. A grant is a role on `*`,\n"
    head += "`team/*` or `team/task`, for all stages or some. A token narrows its owner by scopes and by a\n"
    head += "pattern, and makes none that carries more than itself, for nobody. A token that carries\n"
    head += "`approve` is made by its owner, or by the operator at the registry's machine\n"
    head += "(`assay token create --data DIR`).\n"
    head += "\n| role | adds |\n|---|---|\n"
    roles = "\n".join(f"| `{role.value}` | {ROLE_WORDS[role]} |" for role in Role)
    table = "\n\n| to | least role | token scope |\n|---|---|---|\n"
    rows = "\n".join(
        f"| {action.words} | `{action.role.value}` | `{action.scope.value}` |" for action in Action
    )
    return head + roles + table + rows + "\n"


WRITERS: dict[str, Callable[[], str]] = {
    "gates.md": gates,
    "checks.md": checks,
    "formats.md": formats,
    "errors.md": errors,
    "settings.md": settings,
    "access.md": access,
    "metrics.md": metrics,
}


def page(name: str) -> str:
    """Return the text of one page."""
    return NOTE + WRITERS[name]()


def _first_paragraph(thing: object) -> str:
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split()).replace("``", "`")


def _attributes(kind: type) -> dict[str, str]:
    """Read the ``Attributes:`` section of a docstring; one line may explain two names."""
    _, _, section = (inspect.getdoc(kind) or "").partition("Attributes:\n")
    found: dict[str, str] = {}
    current = ""
    for line in section.splitlines():
        match = re.match(r" {4}(\w+): (.*)", line)
        if match:
            current = match[1]
            found[current] = match[2]
        elif current and line.startswith("     "):
            found[current] += " " + line.strip()
    return {name: text.replace("``", "`").replace("|", "\\|") for name, text in found.items()}


def _default(info: "msgspec.structs.FieldInfo") -> str:
    if info.default is not msgspec.NODEFAULT:
        return f"`{info.default}`"
    if info.default_factory is not msgspec.NODEFAULT:
        return f"`{info.default_factory()}`"
    return "must be given"


def main() -> None:
    """Write every page."""
    for name in WRITERS:
        (PAGES / name).write_text(page(name), "utf-8")


if __name__ == "__main__":
    main()
