"""What changed between two versions: signature, metrics, hyperparameters, environment, files, data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assay.core.provenance import Environment
from assay.core.signatures import SignatureChange, diff_signatures
from assay.core.versions import Version


@dataclass(frozen=True, slots=True)
class Change:
    """One item that differs; ``before`` or ``after`` is None where it is absent."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class VersionDiff:
    """Everything that differs from ``left`` to ``right``; equal items are left out."""

    left: str
    right: str
    signature: tuple[SignatureChange, ...]
    signature_note: str
    metrics: tuple[Change, ...]
    hyperparameters: tuple[Change, ...]
    environment: tuple[Change, ...]
    files: tuple[Change, ...]
    data: tuple[Change, ...]
    provenance: tuple[Change, ...]

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        parts = (self.signature, self.metrics, self.hyperparameters, self.environment, self.files)
        return not any((*parts, self.data, self.provenance, self.signature_note))


def diff_versions(left: Version, right: Version) -> VersionDiff:
    """Compare two versions, of one model or of two."""
    old, new = left.provenance, right.provenance
    changes: tuple[SignatureChange, ...] = ()
    note = ""
    if left.signature and right.signature:
        changes = diff_signatures(left.signature, right.signature)
    elif left.signature or right.signature:
        note = f"only {(left if left.signature else right).address} has a signature"
    return VersionDiff(
        left=left.address,
        right=right.address,
        signature=changes,
        signature_note=note,
        metrics=_changes(old.metrics, new.metrics),
        hyperparameters=_changes(old.hyperparameters or {}, new.hyperparameters or {}),
        environment=_changes(_packages(old.environment), _packages(new.environment)),
        files=_changes(
            {entry.path: entry.digest for entry in left.files},
            {entry.path: entry.digest for entry in right.files},
        ),
        data=_changes(
            {f"{each.role.value} {each.name}".strip(): each.digest for each in old.data},
            {f"{each.role.value} {each.name}".strip(): each.digest for each in new.data},
        ),
        provenance=_changes(_facts(left), _facts(right)),
    )


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    names = sorted({*before, *after})
    return tuple(
        Change(name, before.get(name), after.get(name))
        for name in names
        if name not in before or name not in after or before[name] != after[name]
    )


def _packages(environment: Environment | None) -> dict[str, str]:
    if environment is None:
        return {}
    found = {"python": environment.python, "platform": environment.platform}
    for line in environment.packages:
        name, _, version = line.partition("==")
        found[name] = version or line
    return found


def _facts(version: Version) -> dict[str, Any]:
    code, hardware = version.provenance.code, version.provenance.hardware
    return {
        "architecture": version.provenance.architecture,
        "format": version.format,
        "size_bytes": version.size_bytes,
        "commit": code.commit if code else None,
        "dirty": code.dirty if code else None,
        "hardware": f"{hardware.cpu_count} x {hardware.cpu}" if hardware else None,
    }
