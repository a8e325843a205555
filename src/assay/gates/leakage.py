"""Gate: what the model was graded on is not what it was taught."""

from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from assay.core.digests import Digest
from assay.core.dossier import Dossier
from assay.core.evidence import Evidence, Need
from assay.core.provenance import DataRole
from assay.core.verdicts import Finding, Outcome, Verdict
from assay.core.versions import Version
from assay.gates.settings import Column, Count, Days, Name, age
from assay.gates.weighing import Facts, count, flag, met, unnamed, unread, weigh

_COUNTS = (
    "training_rows",
    "evaluation_rows",
    "feature_duplicates",
    "labelled_duplicates",
    "conflicting_duplicates",
)


class Leakage(Struct, frozen=True, forbid_unknown_fields=True):
    """Passes when (nearly) no evaluation row occurs in the training data.

    The same file used for training or validation and for evaluation fails by its digest, without
    any row being read. When the training table is not stored, nothing can be compared: inconclusive.

    Attributes:
        max_duplicate_rows: this many evaluation rows may have a twin in training; a twin has the
            same inputs, whatever its outcome.
        label: column with the true outcome; "" takes the one declared with the data.
        ignore_columns: left out of the comparison, e.g. row identifiers.
        max_age_days: older measurements do not count.
    """

    name: ClassVar[str] = "leakage"
    check: ClassVar[str | None] = "leakage"
    max_duplicate_rows: Count = 0
    label: Column = ""
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
        """Judge; the same file on both sides fails whatever was counted, or could not be."""
        need = self.need(dossier.version)
        known = [
            *unnamed(need, DataRole.TRAINING, DataRole.EVALUATION),
            *_shared_files(dossier.version),
        ]
        return weigh(self.name, need, dossier, self._findings, known)

    def _findings(self, facts: Facts, evidence: Evidence) -> list[Finding]:  # noqa: ARG002
        found = [
            _must_not(facts, "same_digest", "the evaluation table must not be the training table"),
            _must_not(
                facts,
                "evaluation_inside_training",
                "the evaluation rows must not all lie in the training table",
            ),
        ]
        counts = {name: count(facts, name) for name in _COUNTS}
        missing = [unread(name, "a count") for name, value in counts.items() if value is None]
        if missing:
            return [*found, *missing]
        training, evaluation, twins, labelled, conflicting = (value or 0 for value in counts.values())
        if not training or not evaluation:
            sizes = f"{training} training rows, {evaluation} evaluation rows"
            return [
                *found,
                Finding(
                    "neither table may be empty", Outcome.INCONCLUSIVE, sizes, "register tables with rows"
                ),
            ]
        if twins > evaluation or labelled + conflicting > twins:
            rule = "the duplicates counted must be possible"
            sizes = f"{twins} of {evaluation}, {labelled} and {conflicting} by outcome"
            return [*found, Finding(rule, Outcome.INCONCLUSIVE, sizes, "measure again")]
        rule = f"at most {self.max_duplicate_rows} evaluation rows may occur in the training data"
        holds = twins <= self.max_duplicate_rows
        detail = "" if holds else _advice(facts, labelled, conflicting)
        return [*found, Finding(rule, met(holds), f"{twins} of {evaluation}", detail)]


def _shared_files(version: Version) -> list[Finding]:
    """Digests alone decide this, so that a table that cannot be read does not hide it."""
    provenance = version.provenance
    graded = {each.digest for each in provenance.data_of(DataRole.EVALUATION)}
    found = []
    for role in (DataRole.TRAINING, DataRole.VALIDATION):
        shared = [each for each in provenance.data_of(role) if each.digest in graded]
        if shared:
            names = ", ".join(each.name or each.digest.short for each in shared[:5])
            rule = f"no evaluation file may also be a {role.value} file"
            detail = "hold out other rows for the evaluation and register again"
            found.append(Finding(rule, Outcome.FAIL, names, detail))
    return found


def _must_not(facts: Facts, name: str, rule: str) -> Finding:
    value = flag(facts, name)
    if value is None:
        return unread(name, "true or false")
    detail = "hold out other rows for the evaluation and register again" if value else ""
    return Finding(rule, met(not value), "it is so" if value else "it is not so", detail)


def _advice(facts: Facts, labelled: int, conflicting: int) -> str:
    examples = facts.get("examples")
    numbers = (
        [str(each) for each in examples if type(each) is int and 0 <= each < 10**12]
        if isinstance(examples, list | tuple)
        else []
    )
    where = f"e.g. evaluation rows {', '.join(numbers[:8])}; " if numbers else ""
    outcomes = f"{labelled} with the same outcome, {conflicting} with another; "
    return f"{outcomes}{where}take them out of one side and register again"
