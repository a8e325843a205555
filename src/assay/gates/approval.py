"""Gate: people who did not make it have said yes to exactly this."""

from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from assay.core.dossier import Decision, Dossier
from assay.core.evidence import Need
from assay.core.verdicts import Finding, Outcome, Verdict, conclude
from assay.core.versions import Version
from assay.gates.weighing import met


class Approval(Struct, frozen=True, forbid_unknown_fields=True):
    """Passes when enough eligible people approved this very request and nobody rejected it.

    Attributes:
        count: how many different people.
    """

    name: ClassVar[str] = "approval"
    check: ClassVar[str | None] = None
    count: Annotated[int, Meta(ge=1, le=20)] = 1

    def need(self, version: Version) -> Need | None:  # noqa: ARG002 - one shape for all gates
        """No evidence: people are asked."""
        return None

    def judge(self, dossier: Dossier) -> Verdict:
        """Count each person's newest word; requester and registrar have none."""
        newest: dict[str, Decision] = {}
        for decision in sorted(dossier.decisions, key=lambda each: each.at):
            newest[decision.person] = decision
        about = dossier.request_digest
        involved = {dossier.requester, dossier.version.registered_by}
        counted = [
            each
            for each in newest.values()
            if about is not None
            and each.request_digest == about
            and each.person in dossier.eligible
            and each.person not in involved
        ]
        no = [each for each in counted if not each.approve]
        yes = [each.person for each in counted if each.approve]
        findings = [
            Finding("nobody may have rejected it", met(holds=False), each.person, each.comment) for each in no
        ]
        people = "1 person" if self.count == 1 else f"{self.count} people"
        rule = f"{people} other than requester and registrar must approve"
        missing = self.count - len(yes)
        if missing > 0:
            void = len(newest) - len(counted)
            detail = f"waiting for {missing}" + (f"; {void} earlier decisions do not count" if void else "")
            findings.append(Finding(rule, Outcome.INCONCLUSIVE, ", ".join(yes) or "nobody yet", detail))
        else:
            findings.append(Finding(rule, Outcome.PASS, ", ".join(sorted(yes))))
        return conclude(self.name, findings, origin="people")
