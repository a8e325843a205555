"""What gates over evidence share: finding the evidence that counts, and reading facts safely.

Facts are JSON that somebody wrote; a missing, ill-typed or non-finite one is no fact. These
functions are total: they never raise on what they are given.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from assay.core.dossier import Dossier
from assay.core.evidence import Evidence, Need, newest_usable
from assay.core.verdicts import Finding, Outcome, Verdict, conclude

Facts = Mapping[str, Any]


def weigh(
    gate: str, need: Need, dossier: Dossier, judge: Callable[[Facts, Evidence], list[Finding]]
) -> Verdict:
    """Judge the newest evidence that answers ``need``; without one, or with a problem: inconclusive."""
    found, passed_over = newest_usable(dossier.evidence, need, dossier.version.digest, dossier.now)
    if found is None:
        whose = "measured" if need.measured else "valid"
        detail = (
            "; ".join(passed_over[:5])
            or f"run it with: assay check run {dossier.version.address} {need.check}"
        )
        rule = f"there must be {whose} evidence of check {need.check}"
        return conclude(gate, [Finding(rule, Outcome.INCONCLUSIVE, "none", detail)])
    if found.measurement.problem:
        finding = Finding(
            f"check {need.check} must be able to measure", Outcome.INCONCLUSIVE, "", found.measurement.problem
        )
        return conclude(gate, [finding], [found.digest], found.origin.value)
    return conclude(gate, judge(found.measurement.facts, found), [found.digest], found.origin.value)


def number(facts: Facts, name: str) -> float | None:
    """Return a finite number, or None; True and False are no numbers."""
    value = facts.get(name) if isinstance(facts, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return value if math.isfinite(value) else None
    except OverflowError:
        return None


def count(facts: Facts, name: str) -> int | None:
    """Return a whole number of at least zero, or None."""
    value = facts.get(name) if isinstance(facts, Mapping) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def flag(facts: Facts, name: str) -> bool | None:
    """Return a truth value, or None."""
    value = facts.get(name) if isinstance(facts, Mapping) else None
    return value if isinstance(value, bool) else None


def rows(facts: Facts, name: str) -> list[Facts] | None:
    """Return a list of mappings, or None when it is anything else."""
    value = facts.get(name) if isinstance(facts, Mapping) else None
    if not isinstance(value, list | tuple) or not all(isinstance(item, Mapping) for item in value):
        return None
    return list(value)


def unread(name: str, kind: str = "a finite number") -> Finding:
    """Say that a fact which the gate needs is not in the evidence."""
    return Finding(f"{name} must be {kind} in the evidence", Outcome.INCONCLUSIVE, "missing or not readable")


def met(holds: bool) -> Outcome:
    """PASS or FAIL."""
    return Outcome.PASS if holds else Outcome.FAIL
