"""Groups of people, as the bias check counted them: read safely, printed for people."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from assay.gates.weighing import Facts, count, rows, text

MAX_TABLE_ROWS: Final = 50
MAX_GROUP_WIDTH: Final = 40


@dataclass(frozen=True, slots=True)
class Cell:
    """One group: how many people, how many of them got the favourable prediction.

    Attributes:
        group: its name.
        count: rows of the evaluation table.
        selected: rows with the favourable prediction.
        positives: rows with the favourable true outcome.
        true_positives: rows with both.
    """

    group: str
    count: int
    selected: int
    positives: int = 0
    true_positives: int = 0

    @property
    def rate(self) -> Fraction:
        """Selection rate; 0 for an empty group."""
        return Fraction(self.selected, self.count) if self.count else Fraction(0)


def read_cells(axis: Facts) -> list[Cell] | None:
    """Return the groups of an axis, or None when a name or count is missing or impossible."""
    found = rows(axis, "cells")
    if found is None:
        return None
    cells = []
    for each in found:
        group = text(each, "group")
        numbers = [count(each, name) for name in ("count", "selected", "positives", "true_positives")]
        if group is None or any(value is None for value in numbers):
            return None
        total, selected, positives, true_positives = (value or 0 for value in numbers)
        if not _possible(total, selected, positives, true_positives):
            return None
        cells.append(Cell(group, total, selected, positives, true_positives))
    return cells


def _possible(total: int, selected: int, positives: int, true_positives: int) -> bool:
    """Tell whether such a group of ``total`` rows can exist (inclusion and exclusion)."""
    both_at_least = max(0, selected + positives - total)
    return (
        selected <= total
        and positives <= total
        and both_at_least <= true_positives <= min(selected, positives)
    )


def group_table(cells: list[Cell], unknown: int = 0) -> str:
    """Return a table for people: group, rows, selected, rate in percent, impact ratio.

    The impact ratio is a group's rate over the highest rate of all groups shown, "n/a" when nobody is
    selected. Of more than 50 groups, the 25 with the lowest and the 25 with the highest rate are shown.

    Args:
        cells: the groups of one axis.
        unknown: rows that belong to no group because a value is missing.
    """
    best = max((cell.rate for cell in cells), default=Fraction(0))
    by_rate = sorted(cells, key=lambda cell: (cell.rate, cell.group))
    half = MAX_TABLE_ROWS // 2
    kept = by_rate if len(cells) <= MAX_TABLE_ROWS else [*by_rate[:half], *by_rate[-half:]]
    width = max([5, *(len(printable(cell.group)) for cell in kept)])
    lines = [f"{'group':<{width}} {'rows':>9} {'selected':>9} {'rate %':>7} {'impact ratio':>12}"]
    for cell in sorted(kept, key=lambda each: each.group):
        ratio = f"{float(cell.rate / best):.3f}" if best and cell.count else "n/a"
        rate = f"{float(cell.rate) * 100:.1f}" if cell.count else "n/a"
        lines.append(
            f"{printable(cell.group):<{width}} {cell.count:>9} {cell.selected:>9} {rate:>7} {ratio:>12}"
        )
    if len(kept) < len(cells):
        lines.append(f"and {len(cells) - len(kept)} groups with rates in between")
    if unknown:
        lines.append(f"and {unknown} rows whose group is unknown, which are in no rate")
    return "\n".join(lines)


def in_words(cell: Cell) -> str:
    """Return e.g. ``female 12/40``: selected of all."""
    return f"{printable(cell.group)} {cell.selected}/{cell.count}"


def printable(group: str) -> str:
    """Return a group's name on one line of at most 40 characters, without control characters."""
    clean = "".join(letter if letter.isprintable() else "?" for letter in group)
    return clean if len(clean) <= MAX_GROUP_WIDTH else clean[: MAX_GROUP_WIDTH - 1] + "…"
