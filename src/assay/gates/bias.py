"""Gate: the model treats groups of people alike, as far as the policy demands.

Rates are compared as exact fractions: a ratio of exactly 4/5 passes, which binary floating point
gets wrong (reference page bias-audit, section 1). The four-fifths rule is a statistical convention
(29 CFR 1607.4(D)), the threshold is the policy's own; nothing here is called compliance.

One group alone, or nobody selected at all, is inconclusive and not "not applicable": a gate that is
not applicable lets a version through, and here nothing was compared (law 3). A policy for models
that decide nothing about people leaves this gate out by a decision that can be seen.
"""

import re
from fractions import Fraction
from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from assay.core.dossier import Dossier
from assay.core.errors import BadInputError
from assay.core.evidence import Evidence, Need
from assay.core.provenance import DataRole
from assay.core.verdicts import Finding, Outcome, Verdict, conclude
from assay.core.versions import Version
from assay.gates.groups import Cell, group_table, in_words, printable, read_cells
from assay.gates.settings import Column, Days, Label, Name, Positive, Share, age, exact
from assay.gates.weighing import Facts, count, met, rows, shown, texts, unnamed, unread, weigh

_RATIO = re.compile(r"[0-9]{1,9}(/[0-9]{1,9}|\.[0-9]{1,17})?")


class Bias(Struct, frozen=True, forbid_unknown_fields=True):
    """Passes when, on every axis, selection rates lie close enough together.

    Groups below ``min_group_count`` are not compared, because chance alone would decide; they make
    the answer inconclusive, unless the larger groups already fail.

    Attributes:
        groups: axes; each a list of columns of the evaluation table, e.g. [[sex], [sex, race]].
        favourable: the predicted outcome that is good for the person; it is never guessed.
        label: column with the true outcome; "" takes the one declared with the data.
        max_disparity: greatest difference of two groups' selection rates.
        min_impact_ratio: least ratio of a group's rate to the highest one, e.g. "4/5"; not asked for
            by default, because no law that this gate could know prescribes one.
        max_equal_opportunity_difference: greatest difference of two groups' true positive rates.
        min_group_count: a smaller group makes the answer inconclusive.
        max_age_days: older measurements do not count.
    """

    name: ClassVar[str] = "bias"
    check: ClassVar[str | None] = "bias"
    groups: Annotated[list[Annotated[list[Name], Meta(min_length=1, max_length=5)]], Meta(max_length=20)] = []
    favourable: Label | None = None
    label: Column = ""
    max_disparity: Share | None = 0.1
    min_impact_ratio: Annotated[str, Meta(max_length=40)] | float | None = None
    max_equal_opportunity_difference: Share | None = None
    min_group_count: Positive = 30
    max_age_days: Days | None = None

    def __post_init__(self) -> None:
        """Check the thresholds.

        Raises:
            BadInputError: a ratio outside 0..1 or not readable, or no threshold at all.
        """
        if self.min_impact_ratio is not None:
            _ratio(self.min_impact_ratio)
        elif self.max_disparity is None and self.max_equal_opportunity_difference is None:
            raise BadInputError.of("max_disparity", "some threshold must be set")

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
        undeclared = self._undeclared()
        if undeclared:
            return conclude(self.name, undeclared)
        need = self.need(dossier.version)
        return weigh(self.name, need, dossier, self._findings, unnamed(need, DataRole.EVALUATION))

    def _undeclared(self) -> list[Finding]:
        """The default policy cannot know whom a model is about: only its owners can say."""
        how = "set a policy for the model with bias: {groups: [[COLUMN]], favourable: OUTCOME}"
        found = []
        if not self.groups:
            found.append(Finding("the policy must name groups", Outcome.INCONCLUSIVE, "none", how))
        if self.favourable is None:
            rule = "the policy must name the favourable outcome"
            found.append(Finding(rule, Outcome.INCONCLUSIVE, "none", f"it is never guessed: {how}"))
        return found

    def _findings(self, facts: Facts, evidence: Evidence) -> list[Finding]:  # noqa: ARG002
        axes, total = rows(facts, "axes"), count(facts, "rows")
        if axes is None or total is None:
            return [unread("axes", "a list")] * (axes is None) + [unread("rows", "a count")] * (total is None)
        found = []
        for wanted in self.groups:
            name = printable(" x ".join(wanted))
            counted = [axis for axis in axes if texts(axis, "columns") == wanted]
            if len(counted) != 1:
                found.append(unread(f"axis {name}", "counted once"))
            else:
                found += self._judge_axis(name, counted[0], total)
        return found

    def _judge_axis(self, name: str, axis: Facts, total: int) -> list[Finding]:
        cells, unknown = read_cells(axis), count(axis, "unknown")
        if cells is None or unknown is None:
            return [unread(f"axis {name}", "a list of groups with possible counts, and a count of unknowns")]
        if sum(cell.count for cell in cells) + unknown != total:
            rule = f"{name}: groups and unknowns must add up to all rows"
            return [
                Finding(rule, Outcome.INCONCLUSIVE, f"{unknown} unknown of {total}", "axis_totals_differ")
            ]
        present = sorted((cell for cell in cells if cell.count > 0), key=lambda cell: cell.group)
        if len(present) < 2:
            rule = f"{name}: at least two groups must occur"
            detail = "single_category: evaluate on data in which the groups occur"
            return [Finding(rule, Outcome.INCONCLUSIVE, str(len(present)), detail)]
        large = [cell for cell in present if cell.count >= self.min_group_count]
        compared = self._compare(name, large) if len(large) > 1 else []
        found = [self._large_enough(name, present, unknown), *compared]
        return _with_table(found, group_table(present, unknown))

    def _large_enough(self, name: str, cells: list[Cell], unknown: int) -> Finding:
        small = [cell for cell in cells if cell.count < self.min_group_count]
        rule = f"{name}: every group must have at least {self.min_group_count} rows"
        smallest = min(cells, key=lambda cell: (cell.count, cell.group))
        measured = f"{smallest.count} in {printable(smallest.group)}, {unknown} rows of unknown group"
        detail = ""
        if small:
            names = ", ".join(f"{printable(cell.group)} ({cell.count})" for cell in small[:20])
            detail = f"too small to compare: {names}; evaluate on more rows"
        return Finding(rule, shown(not small), measured, detail)

    def _compare(self, name: str, cells: list[Cell]) -> list[Finding]:
        highest = max(cells, key=lambda cell: (cell.rate, cell.group))
        lowest = min(cells, key=lambda cell: (cell.rate, cell.group))
        if highest.rate == 0:
            rule = f"{name}: some group must get the favourable outcome"
            return [
                Finding(rule, Outcome.INCONCLUSIVE, "nobody does", "rate_max_zero: no ratio can be formed")
            ]
        between = f"({in_words(lowest)} against {in_words(highest)})"
        found = []
        if self.max_disparity is not None:
            spread = highest.rate - lowest.rate
            rule = f"{name}: selection rates differ by at most {self.max_disparity}"
            holds = spread <= exact(self.max_disparity)
            found.append(_judged(rule, f"{float(spread):.4f} {between}", holds=holds))
        if self.min_impact_ratio is not None:
            impact, least = lowest.rate / highest.rate, _ratio(self.min_impact_ratio)
            rule = f"{name}: impact ratio is at least {self.min_impact_ratio}"
            found.append(_judged(rule, f"{float(impact):.4f} {between}", holds=impact >= least))
        if self.max_equal_opportunity_difference is not None:
            found.append(_opportunity(name, cells, self.max_equal_opportunity_difference))
        return found


def _opportunity(name: str, cells: list[Cell], limit: float) -> Finding:
    rule = f"{name}: true positive rates differ by at most {limit}"
    empty = [printable(cell.group) for cell in cells if cell.positives == 0]
    if empty:
        detail = f"no row with the favourable true outcome in: {', '.join(empty[:20])}"
        return Finding(rule, Outcome.INCONCLUSIVE, "not defined", detail)
    rates = [(Fraction(cell.true_positives, cell.positives), cell.group) for cell in cells]
    (low, lowest), (high, highest) = min(rates), max(rates)
    measured = f"{float(high - low):.4f} ({printable(lowest)} against {printable(highest)})"
    return _judged(rule, measured, holds=high - low <= exact(limit))


def _judged(rule: str, measured: str, *, holds: bool) -> Finding:
    advice = (
        "look for what lowers the rate of that group: its share of the training data, a proxy, the cut-off"
    )
    return Finding(rule, met(holds), measured, "" if holds else advice)


def _with_table(found: list[Finding], table: str) -> list[Finding]:
    """Put the table where a person looks: with what stands in the way, otherwise with the last rule."""
    open_rules = [index for index, each in enumerate(found) if not each.outcome.holds]
    place = open_rules[0] if open_rules else len(found) - 1
    chosen = found[place]
    detail = f"{chosen.detail}\n{table}" if chosen.detail else f"\n{table}"
    found[place] = Finding(chosen.rule, chosen.outcome, chosen.measured, detail)
    return found


def _ratio(written: str | float) -> Fraction:
    """Return a ratio as it was written.

    Raises:
        BadInputError: not readable, or outside (0, 1].
    """
    rule = "must be a number or a fraction such as 4/5, above 0 and at most 1"
    if isinstance(written, str) and not _RATIO.fullmatch(written):
        raise BadInputError.of("min_impact_ratio", rule, repr(written))
    try:
        ratio = Fraction(str(written))
    except (ValueError, ZeroDivisionError):
        raise BadInputError.of("min_impact_ratio", rule, repr(written)) from None
    if not 0 < ratio <= 1:
        raise BadInputError.of("min_impact_ratio", rule, repr(written))
    return ratio
