"""How a model, a version and a difference look to a person."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from assay.cli.terminal import cell, print_pairs, print_table, say, size
from assay.core.comparison import Change, VersionDiff
from assay.core.provenance import Provenance
from assay.core.signatures import Field, Signature
from assay.core.stages import Stage
from assay.core.versions import Model, Version
from assay.wire.views import FiledEvidence

MAX_PARAMETERS: Final = 40


def print_model(model: Model) -> None:
    """Print what is known of a model itself."""
    print_pairs(
        model.name,
        [
            ("description", model.description),
            ("created", f"{cell(model.created_at)} by {model.created_by}"),
            ("tags", _joined(model.tags.items())),
            ("labels", model.labels),
        ],
    )


def print_version(version: Version, evidence: Sequence[FiledEvidence]) -> None:
    """Print everything about a version."""
    print_pairs(
        version.address,
        [
            ("number", version.number),
            ("stage", stage_cell(version.stage, version.ungated)),
            ("aliases", version.aliases),
            ("digest", version.digest),
            ("size", f"{size(version.size_bytes)} in {len(version.files)} files"),
            ("bytes", f"external, unverified: {version.external}" if version.external else ""),
            ("entry point", version.entrypoint),
            ("registered", f"{cell(version.registered_at)} by {version.registered_by}"),
            ("why this number", version.bump_reasons),
            ("description", version.description),
            ("tags", _joined(version.tags.items())),
            ("labels", version.labels),
        ],
    )
    risks = {each.path: each for each in version.formats}
    print_table(
        "files",
        ("path", "size", "format", "risk", "digest"),
        [
            (
                entry.path,
                size(entry.size_bytes),
                risks[entry.path].format if entry.path in risks else "-",
                risks[entry.path].risk if entry.path in risks else "-",
                entry.digest.short,
            )
            for entry in version.files
        ],
    )
    _print_signature(version.signature)
    _print_provenance(version.provenance)
    _print_evidence(evidence)


def stage_cell(stage: Stage, ungated: Sequence[str]) -> object:
    """Return a stage as it is shown: with the gates that do not hold, where the version is ungated."""
    return f"{stage} (ungated: {', '.join(ungated)})" if ungated else stage


def print_diff(diff: VersionDiff) -> None:
    """Print what differs, section by section."""
    say(f"{diff.left} -> {diff.right}", style="bold")
    if diff.same:
        say("nothing differs")
        return
    if diff.signature_note:
        say(f"signature: {diff.signature_note}")
    if diff.signature:
        rows = [
            (
                each.side,
                each.name,
                each.change,
                each.before,
                each.after,
                "breaking" if each.breaking else "compatible",
            )
            for each in diff.signature
        ]
        print_table("signature", ("side", "name", "change", "before", "after", "callers"), rows)
    for title in ("metrics", "hyperparameters", "environment", "files", "data", "provenance"):
        changes: tuple[Change, ...] = getattr(diff, title)
        if changes:
            rows_of = [(each.name, _short(each.before), _short(each.after)) for each in changes]
            print_table(title, ("name", "before", "after"), rows_of)


def _print_signature(signature: Signature | None) -> None:
    if signature is None:
        say("signature: none", style="yellow")
        return
    rows = [("in", *_field(each)) for each in signature.inputs] + [
        ("out", *_field(each)) for each in signature.outputs
    ]
    print_table("signature", ("side", "name", "type", "missing values", "classes"), rows)


def _field(field: Field) -> tuple[str, str, str, str]:
    shape = "" if field.shape is None else str(list(field.shape))
    optional = "" if field.required else " (optional)"
    missing = "allowed" if field.nullable else "refused"
    return field.name, f"{field.dtype.value}{shape}{optional}", missing, cell(field.classes)


def _print_provenance(found: Provenance) -> None:
    code, environment, hardware = found.code, found.environment, found.hardware
    print_pairs(
        "provenance",
        [
            ("missing", found.missing),
            ("architecture", found.architecture),
            ("code", f"{code.commit}{' (dirty)' if code.dirty else ''} {code.repository}" if code else ""),
            (
                "environment",
                f"Python {environment.python}, {len(environment.packages)} packages" if environment else "",
            ),
            ("unpinned", environment.unpinned if environment else ()),
            (
                "hardware",
                f"{hardware.cpu_count} x {hardware.cpu}, {size(hardware.memory_bytes)}" if hardware else "",
            ),
            ("accelerators", hardware.accelerators if hardware else ()),
        ],
    )
    if found.data:
        rows = [
            (
                each.role.value,
                each.name,
                each.table.value if each.table else "-",
                each.row_count,
                each.digest.short,
            )
            for each in found.data
        ]
        print_table("data", ("role", "name", "table", "rows", "digest"), rows)
    if found.hyperparameters:
        parameters = sorted(found.hyperparameters.items())
        print_table("hyperparameters", ("name", "value"), parameters[:MAX_PARAMETERS])
        if len(parameters) > MAX_PARAMETERS:
            say(f"and {len(parameters) - MAX_PARAMETERS} more: --json shows them all", style="dim")
    if found.metrics:
        print_table("metrics, as told at registration", ("name", "value"), sorted(found.metrics.items()))


def _print_evidence(filed: Sequence[FiledEvidence]) -> None:
    rows = [
        (
            each.evidence.check,
            each.evidence.origin.value,
            each.evidence.reporter,
            each.evidence.measured_at,
            each.evidence.measurement.problem or facts_line(each.evidence.measurement.facts),
            each.digest.short,
        )
        for each in filed
    ]
    print_table(
        "evidence", ("check", "origin", "by", "measured", "what", "digest"), rows, "nothing measured yet"
    )


def facts_line(facts: Any) -> str:
    """Return the plain facts of a measurement on one line; tables in it are counted."""
    parts = []
    for name, value in facts.items():
        if isinstance(value, dict | list):
            parts.append(f"{name}: {len(value)} entries")
        else:
            parts.append(f"{name}={cell(value)}")
    text = ", ".join(parts)
    return text if len(text) <= 240 else text[:237] + "..."


def _short(value: object) -> str:
    text = cell(value)
    return text[7:19] if text.startswith("sha256:") else text


def _joined(items: Iterable[tuple[str, object]]) -> str:
    return ", ".join(f"{key}={cell(value)}" for key, value in items)
