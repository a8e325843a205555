"""Gate: the version is no larger than its deployment can bear."""

from typing import ClassVar

from msgspec import Struct

from assay.core.dossier import Dossier
from assay.core.evidence import Need
from assay.core.verdicts import Finding, Verdict, conclude
from assay.core.versions import Version
from assay.gates.settings import Positive
from assay.gates.weighing import met


class SizeBudget(Struct, frozen=True, forbid_unknown_fields=True):
    """Passes when all files together stay within the budget.

    Attributes:
        max_bytes: the budget; 2 GiB by default.
    """

    name: ClassVar[str] = "size_budget"
    check: ClassVar[str | None] = None
    max_bytes: Positive = 2 * 1024**3

    def need(self, version: Version) -> Need | None:  # noqa: ARG002 - one shape for all gates
        """No evidence: the version itself says it."""
        return None

    def judge(self, dossier: Dossier) -> Verdict:
        """Compare."""
        size_bytes = dossier.version.size_bytes
        rule, holds = f"all files together at most {self.max_bytes:,} bytes", size_bytes <= self.max_bytes
        advice = "" if holds else "leave out what serving does not need, or compress or prune the model"
        return conclude(self.name, [Finding(rule, met(holds), f"{size_bytes:,} bytes", advice)])
