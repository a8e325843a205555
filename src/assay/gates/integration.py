"""Gate: the model works in a fresh environment built from its own freeze."""

from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from assay.core.dossier import Dossier
from assay.core.evidence import Evidence, Need
from assay.core.provenance import DataRole
from assay.core.verdicts import Finding, Verdict
from assay.core.versions import Version
from assay.gates.settings import Days, Positive, age
from assay.gates.weighing import Facts, count, met, rows, unread, weigh

STEPS = ("environment", "load", "signature", "wrong_input", "golden")


class Integration(Struct, frozen=True, forbid_unknown_fields=True):
    """Passes when environment, loading, signature, refusal of wrong input and golden predictions hold.

    Attributes:
        tolerance: how far, relatively, a number may be from its recorded prediction.
        min_golden_rows: at least this many recorded predictions.
        max_age_days: older measurements do not count.
    """

    name: ClassVar[str] = "integration"
    check: ClassVar[str | None] = "integration"
    tolerance: Annotated[float, Meta(ge=0, le=0.1)] = 1e-6
    min_golden_rows: Positive = 1
    max_age_days: Days | None = None

    def need(self, version: Version) -> Need:
        """Return what evidence this gate wants."""
        digest = version.provenance.data_digest(DataRole.GOLDEN)
        data = {} if digest is None else {"golden": digest}
        return Need("integration", {"tolerance": self.tolerance}, max_age=age(self.max_age_days), data=data)

    def judge(self, dossier: Dossier) -> Verdict:
        """Judge; a step that is missing counts as not done."""
        return weigh(self.name, self.need(dossier.version), dossier, self._findings)

    def _findings(self, facts: Facts, evidence: Evidence) -> list[Finding]:  # noqa: ARG002
        steps = rows(facts, "steps")
        if steps is None:
            return [unread("steps", "a list")]
        by_name = {str(step.get("name")): step for step in steps}
        found = []
        for name in STEPS:
            step = by_name.get(name)
            if step is None or not isinstance(step.get("passed"), bool):
                found.append(unread(f"step {name}", "done"))
                continue
            passed = met(bool(step["passed"]))
            found.append(Finding(f"step {name} must succeed", passed, "", str(step.get("detail", ""))[:2000]))
        golden = count(facts, "golden_rows")
        if golden is None:
            return [*found, unread("golden_rows", "a count")]
        rule = f"at least {self.min_golden_rows} recorded predictions must be reproduced"
        return [*found, Finding(rule, met(golden >= self.min_golden_rows), str(golden))]
