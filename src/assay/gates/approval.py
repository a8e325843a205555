"""Gate: people who did not make it have said yes to exactly this."""

from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from assay.core.dossier import Decision, Dossier
from assay.core.evidence import Need
from assay.core.verdicts import Finding, Outcome, Verdict, conclude
from assay.core.versions import Version


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
        """Count each person's newest word on this request; requester and registrar have none."""
        counted = _standing(dossier)
        yes = sorted(each.person for each in counted if each.approve)
        findings = [
            Finding("nobody may have rejected it", Outcome.FAIL, each.person, each.comment)
            for each in sorted(counted, key=lambda decision: decision.person)
            if not each.approve
        ]
        people = "1 person" if self.count == 1 else f"{self.count} people"
        rule = f"{people} other than requester and registrar must approve"
        missing = self.count - len(yes)
        if missing <= 0:
            return conclude(
                self.name, [*findings, Finding(rule, Outcome.PASS, ", ".join(yes))], origin="people"
            )
        approvals = "1 approval" if missing == 1 else f"{missing} approvals"
        void = len({each.person for each in dossier.decisions}) - len(counted)
        detail = f"waiting for {approvals}"
        if void:
            detail += (
                f"; the word of {void} more does not count: given on another request, "
                "without the right, or on their own work"
            )
        waiting = Finding(rule, Outcome.INCONCLUSIVE, ", ".join(yes) or "nobody yet", detail)
        return conclude(self.name, [*findings, waiting], origin="people")


def _standing(dossier: Dossier) -> list[Decision]:
    """Return each person's newest decision among those that count; of two at one instant, the no."""
    about = dossier.request_digest
    involved = {dossier.requester, dossier.version.registered_by}
    newest: dict[str, Decision] = {}
    for decision in sorted(dossier.decisions, key=lambda each: (each.at, not each.approve)):
        bound = decision.request_digest == about
        if bound and decision.person in dossier.eligible and decision.person not in involved:
            newest[decision.person] = decision
    return list(newest.values())
