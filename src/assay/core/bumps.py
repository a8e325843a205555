"""The bump law: which version number a new version must at least take (DESIGN section 5)."""

import math
from dataclasses import dataclass
from typing import Final

from assay.core.errors import Reason, RefusedError
from assay.core.provenance import DataReference, DataRole, Provenance
from assay.core.semver import FIRST, Bump, SemVer
from assay.core.signatures import Signature, diff_signatures
from assay.core.versions import Version

METRIC_RELATIVE_TOLERANCE: Final = 1e-3


@dataclass(frozen=True, slots=True)
class RequiredBump:
    """The smallest allowed ``bump`` and every reason for it."""

    bump: Bump
    reasons: tuple[str, ...]


def required_bump(old: Version, signature: Signature | None, provenance: Provenance) -> RequiredBump:
    """Compare with the newest version of the model."""
    found = [*_signature_reasons(old.signature, signature), *_content_reasons(old.provenance, provenance)]
    largest = max((bump for bump, _ in found), key=lambda bump: bump.size, default=Bump.PATCH)
    reasons = tuple(text for bump, text in found if bump is largest)
    fallback = ("same signature, data, hyperparameters and code; metrics equal within tolerance",)
    return RequiredBump(largest, reasons or fallback)


def next_version(
    newest: Version | None, highest: SemVer | None, required: RequiredBump | None, asked: SemVer | None
) -> SemVer:
    """Return the version number to take.

    Args:
        newest: the version compared with; None for the first of a model.
        highest: the greatest number ever given in this model, deleted ones included.
        required: what the comparison with ``newest`` demands.
        asked: the number the caller wants; None takes the smallest allowed (``auto``).

    Raises:
        RefusedError: ``asked`` is no step up, or a smaller step than required, with the reasons.
    """
    if newest is None or required is None or highest is None:
        return asked or (FIRST if highest is None else highest.bumped(Bump.MAJOR))
    smallest = max(highest, newest.semver).bumped(required.bump)
    if asked is None:
        return smallest
    reasons = [Reason("version", f"must be {required.bump.value.upper()}", text) for text in required.reasons]
    if asked <= highest:
        reason = Reason(
            "version", f"must be above {highest}, which this model already had", f"asked for {asked}"
        )
        raise RefusedError(f"{asked} is not above {highest}", [reason], hint=f"ask for {smallest} or auto")
    if asked.bump_from(newest.semver).size < required.bump.size:
        message = f"{asked} is too small a step from {newest.semver}: at least {smallest}"
        raise RefusedError(message, reasons, hint=f"ask for {smallest} or auto")
    return asked


def _signature_reasons(old: Signature | None, new: Signature | None) -> list[tuple[Bump, str]]:
    if old is None and new is None:
        return [(Bump.MINOR, "neither version has a signature, so equality cannot be shown")]
    if old is None or new is None:
        which = "the new version has" if new is None else "the former version had"
        return [(Bump.MAJOR, f"{which} no signature, so compatibility cannot be shown")]
    changes = diff_signatures(old, new)
    return [(Bump.MAJOR if change.breaking else Bump.MINOR, str(change)) for change in changes]


def _content_reasons(old: Provenance, new: Provenance) -> list[tuple[Bump, str]]:
    reasons = []
    if _digests(old) != _digests(new):
        reasons.append("training data changed")
    if old.hyperparameters is None or new.hyperparameters is None:
        reasons.append("hyperparameters are not recorded, so equality cannot be shown")
    elif dict(old.hyperparameters) != dict(new.hyperparameters):
        both = {**old.hyperparameters, **new.hyperparameters}
        changed = sorted(
            k for k in both if old.hyperparameters.get(k, ...) != new.hyperparameters.get(k, ...)
        )
        reasons.append("hyperparameters changed: " + ", ".join(changed[:10]))
    if old.architecture != new.architecture:
        reasons.append(
            f"architecture changed: {old.architecture or 'unknown'} -> {new.architecture or 'unknown'}"
        )
    if not _same_code(old, new):
        reasons.append("code changed, or equality cannot be shown")
    reasons += _metric_reasons(old, new)
    return [(Bump.MINOR, reason) for reason in reasons]


def _digests(provenance: Provenance) -> list[str]:
    training: tuple[DataReference, ...] = provenance.data_of(DataRole.TRAINING)
    return sorted(reference.digest for reference in training)


def _same_code(old: Provenance, new: Provenance) -> bool:
    if old.code is None or new.code is None:
        return False
    if old.code.source_digest and new.code.source_digest:
        return old.code.source_digest == new.code.source_digest
    clean = not old.code.dirty and not new.code.dirty
    return clean and old.code.commit == new.code.commit


def _metric_reasons(old: Provenance, new: Provenance) -> list[str]:
    if not old.metrics or not new.metrics:
        return ["held-out metrics are not recorded, so equality cannot be shown"]
    reasons = []
    for name in sorted({*old.metrics, *new.metrics}):
        before, after = old.metrics.get(name), new.metrics.get(name)
        if before is None or after is None:
            reasons.append(f"metric {name} is recorded for one of the two only")
        elif not math.isclose(before, after, rel_tol=METRIC_RELATIVE_TOLERANCE, abs_tol=1e-9):
            reasons.append(f"metric {name} moved beyond tolerance: {before:g} -> {after:g}")
    return reasons
