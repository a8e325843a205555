"""Gate: the model works in a fresh environment built from its own freeze."""

from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from assay.core.dossier import Dossier
from assay.core.evidence import Evidence, Need
from assay.core.provenance import DataRole
from assay.core.verdicts import Finding, Verdict
from assay.core.versions import Version
from assay.gates.settings import Days, Positive, age
from assay.gates.weighing import Facts, count, flag, met, rows, text, unnamed, unread, weigh

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
        need = self.need(dossier.version)
        return weigh(self.name, need, dossier, self._findings, unnamed(need, DataRole.GOLDEN))

    def _findings(self, facts: Facts, evidence: Evidence) -> list[Finding]:  # noqa: ARG002
        return [*_steps(facts), *self._golden(facts)]

    def _golden(self, facts: Facts) -> list[Finding]:
        golden, differing = count(facts, "golden_rows"), count(facts, "golden_mismatches")
        found = []
        if golden is None:
            found.append(unread("golden_rows", "a count"))
        else:
            enough = golden >= self.min_golden_rows
            detail = "" if enough else "register with --sample FILE of more rows"
            rule = f"at least {self.min_golden_rows} recorded predictions must be tried"
            found.append(Finding(rule, met(enough), str(golden), detail))
        if differing is None:
            return [*found, unread("golden_mismatches", "a count")]
        detail = "the environment or the model differs from what recorded them" if differing else ""
        rule = "every recorded prediction must come out again"
        return [*found, Finding(rule, met(differing == 0), f"{differing} differ", detail)]


def _steps(facts: Facts) -> list[Finding]:
    """Judge every step that was written down, so that a second entry cannot hide the first."""
    steps = rows(facts, "steps")
    if steps is None:
        return [unread("steps", "a list")]
    found = []
    for step in steps:
        name, passed = text(step, "name", 80), flag(step, "passed")
        if name is None or passed is None:
            found.append(unread("every step", "a name with true or false"))
            continue
        said = text(step, "detail") or ("" if passed else "build the environment from the freeze and try it")
        found.append(Finding(f"step {name} must succeed", met(passed), "it did" if passed else "no", said))
    done = {text(step, "name") for step in steps}
    return [*found, *(unread(f"step {name}", "done") for name in STEPS if name not in done)]
