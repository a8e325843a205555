"""Gate: what the model was graded on is not what it was taught."""

from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from assay.core.digests import Digest
from assay.core.dossier import Dossier
from assay.core.evidence import Evidence, Need
from assay.core.provenance import DataRole
from assay.core.verdicts import Finding, Outcome, Verdict
from assay.core.versions import Version
from assay.gates.settings import Count, Days, Name, age
from assay.gates.weighing import Facts, count, flag, met, unread, weigh


class Leakage(Struct, frozen=True, forbid_unknown_fields=True):
    """Passes when (nearly) no evaluation row occurs in the training data.

    Attributes:
        max_duplicate_rows: this many evaluation rows may have a twin (same inputs) in training.
        label: column with the true outcome; "" takes the one declared with the data.
        ignore_columns: left out of the comparison, e.g. row identifiers.
        max_age_days: older measurements do not count.
    """

    name: ClassVar[str] = "leakage"
    check: ClassVar[str | None] = "leakage"
    max_duplicate_rows: Count = 0
    label: str = ""
    ignore_columns: Annotated[list[Name], Meta(max_length=1000)] = []
    max_age_days: Days | None = None

    def need(self, version: Version) -> Need:
        """Return what evidence this gate wants."""
        data: dict[str, Digest] = {}
        for role in (DataRole.TRAINING, DataRole.EVALUATION):
            digest = version.provenance.data_digest(role)
            if digest is not None:
                data[role.value] = digest
        settings = {"label": self.label, "ignore_columns": list(self.ignore_columns)}
        return Need("leakage", settings, max_age=age(self.max_age_days), data=data)

    def judge(self, dossier: Dossier) -> Verdict:
        """Judge; the same table on both sides fails whatever was counted."""
        return weigh(self.name, self.need(dossier.version), dossier, self._findings)

    def _findings(self, facts: Facts, evidence: Evidence) -> list[Finding]:  # noqa: ARG002
        same, inside = flag(facts, "same_digest"), flag(facts, "evaluation_inside_training")
        found = [
            _must_not("the evaluation table must not be the training table", same, "same_digest"),
            _must_not(
                "the evaluation rows must not all lie in the training table",
                inside,
                "evaluation_inside_training",
            ),
        ]
        for name in ("training_rows", "evaluation_rows"):
            value = count(facts, name)
            if value is None:
                found.append(unread(name, "a count"))
            elif value == 0:
                found.append(Finding(f"{name} must not be empty", Outcome.INCONCLUSIVE, "0"))
        twins = count(facts, "feature_duplicates")
        if twins is None:
            return [*found, unread("feature_duplicates", "a count")]
        limit = f"at most {self.max_duplicate_rows} evaluation rows may occur in the training data"
        examples = facts.get("examples")
        detail = "take them out of one side and register again" if twins > self.max_duplicate_rows else ""
        if detail and isinstance(examples, list) and examples:
            detail = f"e.g. evaluation rows {', '.join(map(str, examples[:8]))}; {detail}"
        of = f"{twins} of {count(facts, 'evaluation_rows')}"
        return [*found, Finding(limit, met(twins <= self.max_duplicate_rows), of, detail)]


def _must_not(rule: str, value: bool | None, name: str) -> Finding:
    if value is None:
        return unread(name, "true or false")
    return Finding(rule, met(not value), "it is" if value else "it is not")
