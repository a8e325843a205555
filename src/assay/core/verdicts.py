"""Verdicts: what a gate answers, with everything it looked at and every reason at once."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from assay.core.digests import Digest


class Outcome(Enum):
    """Four answers. Only PASS and NOT_APPLICABLE let a version through."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NOT_APPLICABLE = "not_applicable"

    @property
    def holds(self) -> bool:
        """Whether a promotion may go on."""
        return self in (Outcome.PASS, Outcome.NOT_APPLICABLE)


_WORST_FIRST: Final = (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS, Outcome.NOT_APPLICABLE)


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule and how it was met.

    Attributes:
        rule: the rule in words, e.g. ``accuracy >= 0.95``.
        outcome: how this rule alone came out.
        measured: the measured value as text; empty when there is none.
        detail: what a person needs to mend it.
    """

    rule: str
    outcome: Outcome
    measured: str = ""
    detail: str = ""

    def __str__(self) -> str:
        parts = [self.rule]
        if self.measured:
            parts.append(f"measured {self.measured}")
        if self.detail:
            parts.append(self.detail)
        return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A gate's answer about one version.

    Attributes:
        gate: name of the gate.
        outcome: the worst of the findings; inconclusive when there is none.
        findings: every rule looked at.
        evidence: digests of the evidence it rests on.
        origin: ``measured``, ``reported`` or ``declared`` (read off the version itself).
    """

    gate: str
    outcome: Outcome
    findings: tuple[Finding, ...]
    evidence: tuple[Digest, ...] = ()
    origin: str = "declared"

    @property
    def holds(self) -> bool:
        """Whether this gate lets the version through."""
        return self.outcome.holds

    @property
    def reasons(self) -> tuple[str, ...]:
        """The findings that stand in the way, as sentences."""
        return tuple(str(finding) for finding in self.findings if not finding.outcome.holds)


def conclude(
    gate: str, findings: Iterable[Finding], evidence: Iterable[Digest] = (), origin: str = "declared"
) -> Verdict:
    """Take the worst outcome; no finding at all is inconclusive (law 3)."""
    found = tuple(findings)
    outcomes = {finding.outcome for finding in found}
    worst = next((outcome for outcome in _WORST_FIRST if outcome in outcomes), Outcome.INCONCLUSIVE)
    if not found:
        found = (Finding("something must be measured", Outcome.INCONCLUSIVE),)
    return Verdict(gate, worst, found, tuple(evidence), origin)
