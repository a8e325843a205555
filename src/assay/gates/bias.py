"""Gate: the model treats groups of people alike, as far as the policy demands.

Rates are compared as exact fractions: a ratio of exactly 4/5 passes, which binary floating point
gets wrong (reference page bias-audit, section 1). The four-fifths rule is a statistical convention
(29 CFR 1607.4(D)), the threshold is the policy's own; nothing here is called compliance.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from assay.core.dossier import Dossier
from assay.core.errors import BadInputError
from assay.core.evidence import Evidence, Need
from assay.core.provenance import DataRole
from assay.core.verdicts import Finding, Outcome, Verdict
from assay.core.versions import Version
from assay.gates.settings import Days, Label, Name, Positive, Share, age
from assay.gates.weighing import Facts, count, met, rows, unread, weigh


@dataclass(frozen=True, slots=True)
class Cell:
    """One group: how many people, how many of them got the favourable prediction."""

    group: str
    count: int
    selected: int
    positives: int = 0
    true_positives: int = 0

    @property
    def rate(self) -> Fraction:
        """Selection rate; 0 for an empty group."""
        return Fraction(self.selected, self.count) if self.count else Fraction(0)


class Bias(Struct, frozen=True, forbid_unknown_fields=True):
    """Passes when, on every axis, selection rates lie close enough together.

    Attributes:
        groups: axes; each a list of columns of the evaluation table, e.g. [[sex], [sex, race]].
        favourable: the predicted outcome that is good for the person; it is never guessed.
        label: column with the true outcome; "" takes the one declared with the data.
        max_disparity: greatest difference of two groups' selection rates.
        min_impact_ratio: least ratio of a group's rate to the highest one, e.g. "4/5".
        max_equal_opportunity_difference: greatest difference of two groups' true positive rates.
        min_group_count: a smaller group makes the answer inconclusive.
        max_age_days: older measurements do not count.
    """

    name: ClassVar[str] = "bias"
    check: ClassVar[str | None] = "bias"
    groups: Annotated[list[Annotated[list[Name], Meta(min_length=1, max_length=5)]], Meta(max_length=20)] = []
    favourable: Label | None = None
    label: str = ""
    max_disparity: Share | None = 0.1
    min_impact_ratio: str | float | None = None
    max_equal_opportunity_difference: Share | None = None
    min_group_count: Positive = 30
    max_age_days: Days | None = None

    def __post_init__(self) -> None:
        """Check the thresholds.

        Raises:
            BadInputError: a ratio outside 0..1 or not readable, or no threshold at all.
        """
        ratio = self._ratio()
        if ratio is not None and not 0 < ratio <= 1:
            raise BadInputError.of(
                "min_impact_ratio", "must be above 0 and at most 1", str(self.min_impact_ratio)
            )
        if ratio is None and self.max_disparity is None and self.max_equal_opportunity_difference is None:
            raise BadInputError.of("max_disparity", "some threshold must be set")

    def _ratio(self) -> Fraction | None:
        if self.min_impact_ratio is None:
            return None
        try:
            return Fraction(str(self.min_impact_ratio))
        except (ValueError, ZeroDivisionError):
            raise BadInputError.of("min_impact_ratio", "must be a number or a fraction such as 4/5") from None

    def need(self, version: Version) -> Need:
        """Return what evidence this gate wants."""
        digest = version.provenance.data_digest(DataRole.EVALUATION)
        settings = {
            "groups": [list(axis) for axis in self.groups],
            "favourable": self.favourable,
            "label": self.label,
        }
        data = {} if digest is None else {"evaluation": digest}
        return Need("bias", settings, max_age=age(self.max_age_days), data=data)

    def judge(self, dossier: Dossier) -> Verdict:
        """Judge every axis; without declared groups and outcome nothing can be said."""
        return weigh(self.name, self.need(dossier.version), dossier, self._findings)

    def _findings(self, facts: Facts, evidence: Evidence) -> list[Finding]:  # noqa: ARG002
        found = []
        if not self.groups:
            found.append(
                Finding("the policy must name groups", Outcome.INCONCLUSIVE, "", "bias: {groups: [[column]]}")
            )
        if self.favourable is None:
            found.append(Finding("the policy must name the favourable outcome", Outcome.INCONCLUSIVE))
        axes = rows(facts, "axes")
        if axes is None:
            return [*found, unread("axes", "a list")]
        by_columns = {_columns(axis): axis for axis in axes}
        for wanted in self.groups:
            axis = by_columns.get(tuple(wanted))
            if axis is None:
                found.append(unread("axis " + " x ".join(wanted), "counted"))
            else:
                found += self._judge_axis(" x ".join(wanted), axis)
        return found

    def _judge_axis(self, name: str, axis: Facts) -> list[Finding]:
        cells = read_cells(axis)
        if cells is None:
            return [unread(f"axis {name}", "a list of groups with counts")]
        present = [cell for cell in cells if cell.count > 0]
        if len(present) < 2:
            rule = f"{name}: at least two groups must occur"
            return [Finding(rule, Outcome.INCONCLUSIVE, str(len(present)), "single_category")]
        small = [f"{cell.group} ({cell.count})" for cell in present if cell.count < self.min_group_count]
        enough = Outcome.INCONCLUSIVE if small else Outcome.PASS
        rule = f"{name}: every group must have at least {self.min_group_count} rows"
        found = [Finding(rule, enough, ", ".join(small) or f"{min(cell.count for cell in present)} or more")]
        if max(cell.rate for cell in present) == 0:
            detail = "nobody gets the favourable outcome: no ratio can be formed"
            return [
                *found,
                Finding(f"{name}: some group must be selected", Outcome.INCONCLUSIVE, "0", detail),
            ]
        return [*found, *self._compare(name, present)]

    def _compare(self, name: str, cells: list[Cell]) -> list[Finding]:
        highest = max(cells, key=lambda cell: (cell.rate, cell.group))
        lowest = min(cells, key=lambda cell: (cell.rate, cell.group))
        table = group_table(cells)
        found = []
        if self.max_disparity is not None:
            spread = highest.rate - lowest.rate
            rule = f"{name}: selection rates differ by at most {self.max_disparity:g}"
            holds = spread <= Fraction(str(self.max_disparity))
            found.append(
                Finding(
                    rule,
                    met(holds),
                    f"{float(spread):.4f} ({lowest.group} to {highest.group})",
                    "" if holds else table,
                )
            )
        ratio = self._ratio()
        if ratio is not None:
            impact = lowest.rate / highest.rate
            rule = f"{name}: impact ratio is at least {ratio}"
            holds = impact >= ratio
            found.append(
                Finding(
                    rule,
                    met(holds),
                    f"{float(impact):.4f} ({lowest.group} to {highest.group})",
                    "" if holds else table,
                )
            )
        if self.max_equal_opportunity_difference is not None:
            found.append(self._opportunity(name, cells, Fraction(str(self.max_equal_opportunity_difference))))
        return found

    def _opportunity(self, name: str, cells: list[Cell], limit: Fraction) -> Finding:
        rule = f"{name}: true positive rates differ by at most {float(limit):g}"
        if any(cell.positives == 0 for cell in cells):
            return Finding(
                rule, Outcome.INCONCLUSIVE, "", "a group has no row with the favourable true outcome"
            )
        rates = [Fraction(cell.true_positives, cell.positives) for cell in cells]
        spread = max(rates) - min(rates)
        return Finding(rule, met(spread <= limit), f"{float(spread):.4f}")


def read_cells(axis: Facts) -> list[Cell] | None:
    """Return the groups of an axis, or None when counts are missing or impossible."""
    found = rows(axis, "cells")
    if found is None:
        return None
    cells = []
    for each in found:
        numbers = [count(each, name) for name in ("count", "selected", "positives", "true_positives")]
        if any(value is None for value in numbers):
            return None
        total, selected, positives, true_positives = (value or 0 for value in numbers)
        if selected > total or positives > total or true_positives > min(positives, selected):
            return None
        cells.append(Cell(str(each.get("group", "")), total, selected, positives, true_positives))
    return cells


def group_table(cells: list[Cell]) -> str:
    """Return a table for people: group, rows, selected, rate in percent, ratio to the highest rate."""
    best = max((cell.rate for cell in cells), default=Fraction(0))
    lines = [f"{'group':<20} {'rows':>7} {'selected':>9} {'rate %':>7} {'ratio':>6}"]
    for cell in sorted(cells, key=lambda each: each.group):
        ratio = f"{float(cell.rate / best):.3f}" if best else "n/a"
        rate = float(cell.rate) * 100
        lines.append(f"{cell.group[:20]:<20} {cell.count:>7} {cell.selected:>9} {rate:>7.1f} {ratio:>6}")
    return "\n" + "\n".join(lines)


def _columns(axis: Mapping[str, object]) -> tuple[str, ...]:
    columns = axis.get("columns")
    return tuple(map(str, columns)) if isinstance(columns, list | tuple) else ()
