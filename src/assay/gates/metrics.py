"""Gate: the model is good enough on held-out data."""

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar

from msgspec import Meta, Struct, field

from assay.core.digests import Digest
from assay.core.dossier import Dossier
from assay.core.errors import BadInputError
from assay.core.evidence import Evidence, Need
from assay.core.provenance import DataRole
from assay.core.verdicts import Finding, Outcome, Verdict
from assay.core.versions import Version
from assay.gates.settings import Count, Days, Label, Name, age
from assay.gates.weighing import Facts, count, met, number, unread, weigh

Thresholds = dict[Name, float]


class Metrics(Struct, frozen=True, forbid_unknown_fields=True):
    """Passes when every named metric was measured and keeps its threshold.

    Attributes:
        minimum: metric -> least value.
        maximum: metric -> greatest value.
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
    label: str = ""
    positive: Label | None = None
    dataset: Digest | None = None
    min_rows: Count = 1
    accept_reported: bool = False
    max_age_days: Days | None = None

    def __post_init__(self) -> None:
        """Check the thresholds.

        Raises:
            BadInputError: none at all, or one that is not a finite number.
        """
        if not self.minimum and not self.maximum:
            raise BadInputError.of("minimum", "must name at least one metric (or maximum must)")
        for side, thresholds in (("minimum", self.minimum), ("maximum", self.maximum)):
            for metric, threshold in thresholds.items():
                if not math.isfinite(threshold):
                    raise BadInputError.of(f"{side}.{metric}", "must be a finite number", str(threshold))

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
        return weigh(self.name, self.need(dossier.version), dossier, self._findings)

    def _findings(self, facts: Facts, evidence: Evidence) -> list[Finding]:  # noqa: ARG002
        found = [
            *(_compare(facts, metric, ">=", least) for metric, least in self.minimum.items()),
            *(_compare(facts, metric, "<=", most) for metric, most in self.maximum.items()),
        ]
        seen, wanted = count(facts, "rows"), max(self.min_rows, 1)
        if seen is None:
            return [*found, unread("rows", "a count")]
        enough = Outcome.PASS if seen >= wanted else Outcome.INCONCLUSIVE
        return [*found, Finding(f"measured on at least {wanted} rows", enough, str(seen))]


def _compare(facts: Facts, metric: str, sign: str, threshold: float) -> Finding:
    measured, undefined = facts.get("metrics"), facts.get("undefined")
    rule = f"{metric} {sign} {threshold:g}"
    value = number(measured, metric) if isinstance(measured, Mapping) else None
    if value is None:
        why = undefined.get(metric, "") if isinstance(undefined, Mapping) else ""
        known = ", ".join(sorted(map(str, measured)))[:300] if isinstance(measured, Mapping) else ""
        detail = str(why) or (f"measured are: {known}" if known else "nothing was measured")
        return Finding(rule, Outcome.INCONCLUSIVE, "missing", detail)
    holds = value >= threshold if sign == ">=" else value <= threshold
    return Finding(rule, met(holds), f"{value:.6g}")
