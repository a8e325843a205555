"""Gate: the model is good enough on held-out data."""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, ClassVar

from msgspec import Meta, Struct, field

from assay.core.digests import Digest
from assay.core.dossier import Dossier
from assay.core.errors import BadInputError, Reason
from assay.core.evidence import LOGGED_AT, Evidence, Need, logged_at
from assay.core.provenance import DataRole
from assay.core.verdicts import Finding, Outcome, Verdict, conclude
from assay.core.versions import Version
from assay.gates.settings import Column, Count, Days, Label, Name, age
from assay.gates.weighing import Facts, count, met, number, shown, text, unnamed, unread, weigh

Thresholds = dict[Name, float]


class Metrics(Struct, frozen=True, forbid_unknown_fields=True):
    """Passes when every named metric was measured and keeps its threshold.

    Without any threshold nothing is asked of the model, and the answer is inconclusive.

    Attributes:
        minimum: metric -> least value. maximum: metric -> greatest value.
        label: column with the true outcome; "" takes the one declared with the data.
        positive: for two classes, the one that precision, recall and f1 speak of.
        dataset: digest of the evaluation table this policy insists on.
        min_rows: with fewer rows the answer is inconclusive.
        accept_reported: numbers that somebody sent count too (they are not measured here).
        max_age_days: older measurements do not count.
    """

    name: ClassVar[str] = "metrics"
    check: ClassVar[str | None] = "metrics"
    minimum: Annotated[Thresholds, Meta(max_length=100)] = field(default_factory=dict)
    maximum: Annotated[Thresholds, Meta(max_length=100)] = field(default_factory=dict)
    label: Column = ""
    positive: Label | None = None
    dataset: Digest | None = None
    min_rows: Count = 1
    accept_reported: bool = False
    max_age_days: Days | None = None

    def __post_init__(self) -> None:
        """Check the thresholds.

        Raises:
            BadInputError: with each that is not a finite number.
        """
        reasons = [
            Reason(f"{side}.{metric}", "must be a finite number", str(threshold))
            for side, thresholds in (("minimum", self.minimum), ("maximum", self.maximum))
            for metric, threshold in thresholds.items()
            if not math.isfinite(threshold)
        ]
        if reasons:
            raise BadInputError("; ".join(map(str, reasons)), reasons)

    def need(self, version: Version) -> Need:
        """Return what evidence this gate wants."""
        digest = self.dataset or version.provenance.data_digest(DataRole.EVALUATION)
        return Need(
            "metrics",
            {"label": self.label, "positive": self.positive},
            measured=not self.accept_reported,
            max_age=age(self.max_age_days),
            data={} if digest is None else {"evaluation": digest},
        )

    def judge(self, dossier: Dossier) -> Verdict:
        """Compare; a missing metric and NaN are inconclusive."""
        if not self.minimum and not self.maximum:
            rule, detail = "the policy must name a threshold", "e.g. metrics: {minimum: {accuracy: 0.95}}"
            return conclude(self.name, [Finding(rule, Outcome.INCONCLUSIVE, "none", detail)])
        need = self.need(dossier.version)
        known = [*unnamed(need, DataRole.EVALUATION), *self._pinned(dossier.version)]

        def found(facts: Facts, evidence: Evidence) -> list[Finding]:  # noqa: ARG001
            return self._findings(facts, dossier.now)

        return weigh(self.name, need, dossier, found, known)

    def _pinned(self, version: Version) -> list[Finding]:
        """The registry measures on the table the version names; it must be the one the policy pins."""
        named = version.provenance.data_digest(DataRole.EVALUATION)
        if self.dataset is None or self.accept_reported or named == self.dataset:
            return []
        rule = f"the evaluation data must be {self.dataset}"
        detail = "register again with the table that the policy pins"
        return [Finding(rule, Outcome.INCONCLUSIVE, str(named or "none"), detail)]

    def _findings(self, facts: Facts, now: datetime) -> list[Finding]:
        rules = [
            *((metric, ">=", least) for metric, least in self.minimum.items()),
            *((metric, "<=", most) for metric, most in self.maximum.items()),
        ]
        compared = [(metric, _compare(facts, metric, sign, value)) for metric, sign, value in rules]
        found = [self._in_time(facts, metric, each, now) for metric, each in compared]
        seen = count(facts, "rows")
        if seen is None:
            return [*found, unread("rows", "a count")]
        wanted = max(self.min_rows, 1)
        rule, enough = f"measured on at least {wanted} rows", seen >= wanted
        detail = "" if enough else "register with a larger evaluation table"
        return [*found, Finding(rule, shown(enough), str(seen), detail)]

    def _in_time(self, facts: Facts, metric: str, found: Finding, now: datetime) -> Finding:
        """Metrics that were logged one by one are filed together; each has an age of its own."""
        oldest = age(self.max_age_days)
        if oldest is None or LOGGED_AT not in facts or found.outcome is Outcome.INCONCLUSIVE:
            return found
        at = logged_at(facts, metric)
        if at is not None and now - at <= oldest:
            return found
        said = f"expired: logged at {at:%Y-%m-%d %H:%M} UTC" if at else "nothing tells when it was logged"
        return Finding(found.rule, Outcome.INCONCLUSIVE, found.measured, f"{said}; log or measure it anew")


def _compare(facts: Facts, metric: str, sign: str, threshold: float) -> Finding:
    measured, undefined = facts.get("metrics"), facts.get("undefined")
    rule = f"{metric} {sign} {threshold}"
    value = number(measured, metric) if isinstance(measured, Mapping) else None
    if value is None:
        why = text(undefined, metric, 500) if isinstance(undefined, Mapping) else None
        known = ", ".join(sorted(map(str, measured)))[:300] if isinstance(measured, Mapping) else ""
        detail = why or (f"measured are: {known}" if known else "nothing was measured")
        return Finding(rule, Outcome.INCONCLUSIVE, "missing", detail)
    holds = value >= threshold if sign == ">=" else value <= threshold
    detail = "" if holds else "train a better model, or let those who own the policy change it"
    return Finding(rule, met(holds), _rounded(value, threshold), detail)


def _rounded(value: float, threshold: float) -> str:
    """Six digits, or all of them where rounding would hide on which side of the threshold it lies."""
    rounded = f"{value:.6g}"
    same_side = (float(rounded) < threshold, float(rounded) > threshold) == (
        value < threshold,
        value > threshold,
    )
    return rounded if same_side else repr(float(value))
