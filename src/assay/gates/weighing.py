"""What gates over evidence share: finding the evidence that counts, and reading facts safely.

Facts are JSON that somebody wrote; a missing, ill-typed, negative or non-finite one is no fact. These
functions are total: they never raise on what they are given.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from assay.core.dossier import Dossier
from assay.core.evidence import Evidence, Need, Origin, newest_usable
from assay.core.provenance import DataRole
from assay.core.verdicts import Finding, Outcome, Verdict, conclude

Facts = Mapping[str, Any]
MAX_COUNT: Final = 10**12
_HOW_TO_NAME: Final = {
    DataRole.TRAINING: "register with --training-data FILE",
    DataRole.EVALUATION: "register with --evaluation-data FILE --label COLUMN",
    DataRole.GOLDEN: "register with --sample FILE, which records predictions",
}


def weigh(
    gate: str,
    need: Need,
    dossier: Dossier,
    judge: Callable[[Facts, Evidence], list[Finding]],
    known: Sequence[Finding] = (),
) -> Verdict:
    """Judge the newest evidence that answers ``need``; without one, or with a problem: inconclusive.

    Args:
        gate: name of the gate.
        need: what it wants to look at.
        dossier: what there is.
        judge: turns facts into findings; never raises.
        known: what the gate found without evidence; part of the verdict in any case.
    """
    found, passed_over = newest_usable(dossier.evidence, need, dossier.version.digest, dossier.now)
    if found is None:
        whose = "measured" if need.measured else "measured or reported"
        how = (
            f"run it with: assay check run {dossier.version.address} {need.check}{_unreported(need, dossier)}"
        )
        rule = f"there must be {whose} evidence of check {need.check}"
        missing = Finding(rule, Outcome.INCONCLUSIVE, "none", "; ".join([*passed_over[:5], how]))
        return conclude(gate, [*known, missing])
    if found.measurement.problem:
        rule = f"check {need.check} must be able to measure"
        why = found.measurement.problem + _unreported(need, dossier)
        findings = [Finding(rule, Outcome.INCONCLUSIVE, "", why)]
    else:
        findings = judge(found.measurement.facts, found)
    return conclude(gate, [*known, *findings], [found.digest], found.origin.value)


def _unreported(need: Need, dossier: Dossier) -> str:
    """Say, where reports would count and there is none, how they come; "" otherwise."""
    source = dossier.version.source
    reported = any((each.check, each.origin) == (need.check, Origin.REPORTED) for each in dossier.evidence)
    if need.measured or need.check != "metrics" or reported or not (source.run_id or source.logged_model_id):
        return ""
    return (
        "; nobody reported it either: what runs logged is filed when somebody who may report evidence "
        "(role contributor, scope evidence) registers the version or asks for the stage"
    )


def unnamed(need: Need, *roles: DataRole) -> list[Finding]:
    """Say which of these data the version does not name: then nothing tells what facts speak of."""
    return [
        Finding(
            f"the version must name its {role.value} data",
            Outcome.INCONCLUSIVE,
            "",
            _HOW_TO_NAME.get(role, ""),
        )
        for role in roles
        if role.value not in need.data
    ]


def number(facts: Facts, name: str) -> float | None:
    """Return a finite number, or None; True and False are no numbers."""
    value = facts.get(name) if isinstance(facts, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return value if math.isfinite(value) else None
    except OverflowError:
        return None


def amount(facts: Facts, name: str) -> float | None:
    """Return a finite number of at least zero, or None."""
    value = number(facts, name)
    return value if value is not None and value >= 0 else None


def count(facts: Facts, name: str) -> int | None:
    """Return a whole number from zero to 10^12, or None."""
    value = facts.get(name) if isinstance(facts, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= MAX_COUNT else None


def flag(facts: Facts, name: str) -> bool | None:
    """Return a truth value, or None."""
    value = facts.get(name) if isinstance(facts, Mapping) else None
    return value if isinstance(value, bool) else None


def text(facts: Facts, name: str, limit: int = 2000) -> str | None:
    """Return at most ``limit`` characters of a text, or None when it is none."""
    value = facts.get(name) if isinstance(facts, Mapping) else None
    return value[:limit] if isinstance(value, str) else None


def texts(facts: Facts, name: str) -> list[str] | None:
    """Return a list of texts, or None when it is anything else."""
    value = facts.get(name) if isinstance(facts, Mapping) else None
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        return None
    return list(value)


def rows(facts: Facts, name: str) -> list[Facts] | None:
    """Return a list of mappings, or None when it is anything else."""
    value = facts.get(name) if isinstance(facts, Mapping) else None
    if not isinstance(value, list | tuple) or not all(isinstance(item, Mapping) for item in value):
        return None
    return list(value)


def unread(name: str, kind: str = "a finite number") -> Finding:
    """Say that a fact which the gate needs is not in the evidence."""
    detail = "measure again, with a check that writes it"
    return Finding(
        f"{name} must be {kind} in the evidence", Outcome.INCONCLUSIVE, "missing or not readable", detail
    )


def met(holds: bool) -> Outcome:
    """PASS or FAIL."""
    return Outcome.PASS if holds else Outcome.FAIL


def shown(holds: bool) -> Outcome:
    """PASS or INCONCLUSIVE: for what must be so before anything can be judged."""
    return Outcome.PASS if holds else Outcome.INCONCLUSIVE
