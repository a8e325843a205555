"""Groups are compared as exact fractions; ground truth from published audits."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.verdicts import Outcome
from assay.gates import group_table, read_cells

# Worked example of 6 RCNY 5-301(b): (group, applicants, selected)
MEN = [
    ("M Hispanic", 205, 90),
    ("M White", 412, 215),
    ("M Black", 226, 95),
    ("M NHPI", 87, 37),
    ("M Asian", 321, 167),
    ("M AIAN", 24, 11),
    ("M Two+", 115, 52),
]
WOMEN = [
    ("F Hispanic", 190, 82),
    ("F White", 385, 197),
    ("F Black", 164, 75),
    ("F NHPI", 32, 15),
    ("F Asian", 295, 135),
    ("F AIAN", 17, 7),
    ("F Two+", 98, 44),
]
PUBLISHED_RATIOS = {
    "M Hispanic": ".841", "M White": "1.000", "M Black": ".806", "M NHPI": ".815", "M Asian": ".997",
    "M AIAN": ".878", "M Two+": ".866", "F Hispanic": ".827", "F White": ".981", "F Black": ".876",
    "F NHPI": ".898", "F Asian": ".877", "F AIAN": ".789", "F Two+": ".860",
}  # fmt: skip
# COMPAS two-year file, prediction "not low": (race, TN, FP, FN, TP)
COMPAS = [
    ("African-American", 990, 805, 532, 1369),
    ("Caucasian", 1139, 349, 461, 505),
    ("Hispanic", 318, 87, 129, 103),
    ("Other", 208, 36, 90, 43),
    ("Asian", 21, 2, 3, 6),
    ("Native American", 5, 3, 1, 9),
]


def compare(bench, cells, *, unknown=0, **settings):
    """Judge one axis of (group, count, selected[, positives, true positives])."""
    plain = {"groups": [["sex"]], "favourable": "yes", "min_group_count": 1}
    gate = bench.gate("bias", **{**plain, **settings})
    return bench.judge(gate, bench.axis_facts(*(bench.cell(*each) for each in cells), unknown=unknown))


def only_ratio(bench, cells, ratio="4/5", **settings):
    return compare(bench, cells, max_disparity=None, min_impact_ratio=ratio, **settings)


def boundary_pairs():
    """Counts (a of n against b of m), n and m below 60, of ratio exactly 4/5 that floats put below it."""
    for m in range(1, 60):
        for b in range(1, m + 1):
            for n in range(1, 60):
                a, rest = divmod(4 * b * n, 5 * m)
                if rest == 0 and (a / n) / (b / m) < 0.8:
                    yield a, n, b, m


def test_a_ratio_of_exactly_four_fifths_passes_where_floats_would_fail_it(bench):
    pairs = list(boundary_pairs())
    assert len(pairs) == 1053
    for a, n, b, m in pairs:
        assert only_ratio(bench, [("x", n, a), ("y", m, b)]).outcome is Outcome.PASS, (a, n, b, m)


COUNTS = st.integers(1, 60).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))


@given(one=COUNTS, two=COUNTS.filter(lambda counts: counts[1] > 0))
def test_ratios_and_differences_are_compared_exactly(one, two, bench):
    rates = sorted([Fraction(one[1], one[0]), Fraction(two[1], two[0])])
    cells = [("x", *one), ("y", *two)]
    ratio = only_ratio(bench, cells)
    assert ratio.outcome is (Outcome.PASS if 5 * rates[0] >= 4 * rates[1] else Outcome.FAIL)
    spread = compare(bench, cells, max_disparity=0.1)
    assert spread.outcome is (Outcome.PASS if rates[1] - rates[0] <= Fraction(1, 10) else Outcome.FAIL)


def test_a_difference_of_exactly_the_threshold_passes_where_floats_would_fail_it(bench):
    assert 0.8 - 0.7 > 0.1
    assert compare(bench, [("x", 10, 8), ("y", 10, 7)], max_disparity=0.1).outcome is Outcome.PASS
    assert compare(bench, [("x", 1000, 800), ("y", 1000, 699)], max_disparity=0.1).outcome is Outcome.FAIL


def test_the_worked_example_of_the_city_comes_out_as_published(bench):
    cells = read_cells({"cells": [bench.cell(*each) for each in MEN + WOMEN]})
    lines = {line[:12].strip(): line.split()[-1] for line in group_table(cells).splitlines()[1:]}
    assert lines == {
        group: ("0" + ratio if ratio[0] == "." else ratio) for group, ratio in PUBLISHED_RATIOS.items()
    }


def test_the_worked_example_by_sex(bench):
    totals = [
        (name, sum(n for _, n, _ in rows), sum(s for _, _, s in rows))
        for name, rows in (("M", MEN), ("F", WOMEN))
    ]
    assert totals == [("M", 1390, 667), ("F", 1181, 555)]
    assert only_ratio(bench, totals, 0.979).holds
    assert not only_ratio(bench, totals, 0.98).holds


def test_the_smallest_group_of_the_worked_example_decides_only_where_it_is_large_enough(bench):
    assert only_ratio(bench, MEN + WOMEN, min_group_count=17).outcome is Outcome.FAIL
    verdict = only_ratio(bench, MEN + WOMEN, min_group_count=30)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "F AIAN (17)" in verdict.reasons[0]
    assert "M AIAN (24)" in verdict.reasons[0]


@pytest.mark.parametrize(("selected", "holds"), [(45, False), (48, True), (51, True)])
def test_rates_of_the_questions_and_answers_of_1979(selected, holds, bench):
    """44 FR 11996: against a rate of 60 %, 45 % indicates impact, 48 and 51 % do not."""
    assert only_ratio(bench, [("White", 100, 60), ("other", 100, selected)]).holds is holds


def test_compas_agrees_with_the_field_standard_library(bench):
    """fairlearn 0.15.0 by race: difference .45711759..., ratio .31432360..., TPR range of the counts."""
    cells = [(race, tn + fp + fn + tp, fp + tp, fn + tp, tp) for race, tn, fp, fn, tp in COMPAS]
    assert compare(bench, cells, max_disparity=0.4571175950486296).holds
    assert not compare(bench, cells, max_disparity=0.4571175950486294).holds
    assert only_ratio(bench, cells, 0.3143236074270557).holds
    assert not only_ratio(bench, cells, 0.3143236074270558).holds
    chances = [Fraction(tp, fn + tp) for _, _, _, fn, tp in COMPAS]
    between = float(max(chances) - min(chances))
    for limit, holds in ((between + 1e-9, True), (between - 1e-9, False)):
        verdict = compare(bench, cells, max_disparity=None, max_equal_opportunity_difference=limit)
        assert verdict.holds is holds


def test_equal_opportunity_needs_true_outcomes_in_every_group(bench):
    cells = [("x", 40, 10, 0, 0), ("y", 40, 10, 10, 5)]
    verdict = compare(bench, cells, max_equal_opportunity_difference=0.5)
    assert verdict.outcome is Outcome.INCONCLUSIVE


CELLS = st.lists(
    st.integers(1, 80).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), min_size=1, max_size=6
).map(lambda counts: [(f"g{index}", *each) for index, each in enumerate(counts)])


@given(cells=CELLS, data=st.data())
def test_the_order_of_groups_does_not_matter(cells, data, bench):
    settings = {"min_impact_ratio": "4/5", "min_group_count": 20}
    mixed = data.draw(st.permutations(cells))
    assert compare(bench, cells, **settings).findings == compare(bench, mixed, **settings).findings


@given(cells=CELLS, data=st.data())
def test_the_names_of_groups_do_not_matter(cells, data, bench):
    names = data.draw(st.permutations([name for name, *_ in cells]))
    renamed = [(name, *counts) for name, (_, *counts) in zip(names, cells, strict=True)]
    settings = {"min_impact_ratio": "4/5", "min_group_count": 20}
    one, two = compare(bench, cells, **settings), compare(bench, renamed, **settings)
    assert [(each.rule, each.outcome) for each in one.findings] == [
        (each.rule, each.outcome) for each in two.findings
    ]


@given(cells=CELLS)
def test_a_group_that_does_not_occur_changes_nothing(cells, bench):
    assert compare(bench, [*cells, ("nobody", 0, 0)]).findings == compare(bench, cells).findings


@given(cells=CELLS, factor=st.integers(1, 1000))
def test_rates_decide_and_not_counts(cells, factor, bench):
    many = [(name, factor * n, factor * selected) for name, n, selected in cells]
    assert compare(bench, many).outcome is compare(bench, cells).outcome


@given(cells=CELLS, limits=st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted))
def test_a_wider_threshold_never_refuses_what_a_narrower_one_lets_through(cells, limits, bench):
    narrow, wide = (compare(bench, cells, max_disparity=limit) for limit in limits)
    assert wide.holds or not narrow.holds


def test_a_group_below_the_floor_is_inconclusive_and_is_not_compared(bench):
    verdict = compare(bench, [("x", 100, 50), ("y", 100, 50), ("z", 29, 0)], min_group_count=30)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "z (29)" in verdict.reasons[0]
    assert compare(bench, [("x", 100, 50), ("y", 30, 15)], min_group_count=30).outcome is Outcome.PASS


def test_large_groups_that_differ_fail_whatever_the_small_ones_do(bench):
    verdict = compare(bench, [("x", 100, 90), ("y", 100, 10), ("z", 5, 2)], min_group_count=30)
    assert verdict.outcome is Outcome.FAIL


def test_two_groups_of_which_one_is_too_small_are_inconclusive(bench):
    assert compare(bench, [("x", 100, 90), ("y", 5, 0)], min_group_count=30).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("cells", [[], [("x", 50, 20)], [("x", 50, 20), ("y", 0, 0)]])
def test_one_group_alone_lets_nothing_through(cells, bench):
    verdict = compare(bench, cells)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "single_category" in verdict.reasons[0]


def test_a_model_that_selects_nobody_lets_nothing_through(bench):
    verdict = compare(bench, [("x", 50, 0), ("y", 50, 0)], min_impact_ratio="4/5")
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "rate_max_zero" in " ".join(verdict.reasons)


def test_nobody_selected_among_the_large_groups_lets_nothing_through(bench):
    cells = [("x", 50, 0), ("y", 50, 0), ("z", 2, 1)]
    assert compare(bench, cells, min_impact_ratio="4/5", min_group_count=30).outcome is Outcome.INCONCLUSIVE


def test_without_declared_groups_it_says_how_to_declare_them(bench):
    gate = bench.gate("bias")
    for verdict in (gate.judge(bench.dossier()), bench.judge(gate, {}, problem="no groups")):
        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert len(verdict.reasons) == 2
        assert all("groups: [[COLUMN]], favourable: OUTCOME" in reason for reason in verdict.reasons)


@pytest.mark.parametrize("settings", [{"groups": [["sex"]]}, {"favourable": "yes"}])
def test_half_a_declaration_is_none(settings, bench):
    gate = bench.gate("bias", **settings)
    facts = bench.axis_facts(bench.cell("x", 100, 50), bench.cell("y", 100, 50))
    assert bench.judge(gate, facts).outcome is Outcome.INCONCLUSIVE


def test_every_axis_that_was_asked_for_must_be_there_and_hold(bench):
    fair = bench.axis_facts(bench.cell("x", 100, 50), bench.cell("y", 100, 50))
    unfair = bench.axis_facts(bench.cell("x", 100, 90), bench.cell("y", 100, 10), columns=("sex", "race"))
    gate = bench.gate("bias", groups=[["sex"], ["sex", "race"]], favourable="yes")
    assert bench.judge(gate, fair).outcome is Outcome.INCONCLUSIVE
    both = {**fair, "axes": [*fair["axes"], *unfair["axes"]]}
    verdict = bench.judge(gate, both)
    assert verdict.outcome is Outcome.FAIL
    assert all("sex x race" in reason for reason in verdict.reasons)


def test_an_axis_counted_twice_is_not_believed(bench):
    fair = bench.axis_facts(bench.cell("x", 100, 50), bench.cell("y", 100, 50))
    unfair = bench.axis_facts(bench.cell("x", 100, 90), bench.cell("y", 100, 10))
    gate = bench.gate("bias", groups=[["sex"]], favourable="yes")
    for axes in ([*fair["axes"], *unfair["axes"]], [*unfair["axes"], *fair["axes"]]):
        assert bench.judge(gate, {**fair, "axes": axes}).outcome is Outcome.INCONCLUSIVE


def test_rows_of_unknown_group_are_stated_and_must_add_up(bench):
    verdict = compare(bench, [("x", 100, 50), ("y", 100, 50)], unknown=7)
    assert verdict.holds
    assert any("7 rows of unknown group" in finding.measured for finding in verdict.findings)
    facts = bench.axis_facts(bench.cell("x", 100, 50), bench.cell("y", 100, 50))
    gate = bench.gate("bias", groups=[["sex"]], favourable="yes")
    verdict = bench.judge(gate, {**facts, "rows": 900})
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "axis_totals_differ" in verdict.reasons[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"selected": 101},
        {"positives": 101},
        {"positives": 10, "true_positives": 11},
        {"selected": 10, "positives": 50, "true_positives": 11},
        {"selected": 90, "positives": 90, "true_positives": 79},
        {"selected": -1},
        {"count": 100.0},
        {"count": True},
        {"group": None},
        {"group": 7},
    ],
)
def test_impossible_counts_are_not_believed(changes, bench):
    facts = bench.axis_facts(bench.cell("x", 100, 50), bench.cell("y", 100, 50))
    facts["axes"][0]["cells"][0] |= changes
    gate = bench.gate("bias", groups=[["sex"]], favourable="yes")
    assert bench.judge(gate, facts).outcome is Outcome.INCONCLUSIVE


def test_the_table_stands_in_the_reasons_of_a_refusal_and_in_the_findings_of_a_pass(bench):
    refused = compare(bench, [("women", 80, 20), ("men", 120, 60)], min_impact_ratio="4/5")
    for row in (
        "women        80        20    25.0        0.500",
        "men         120        60    50.0        1.000",
    ):
        assert row in "\n".join(refused.reasons)
    assert "women 20/80 against men 60/120" in refused.reasons[0]
    passed = compare(bench, [("women", 80, 40), ("men", 120, 60)])
    assert any("women        80        40" in finding.detail for finding in passed.findings)


def test_no_verdict_speaks_of_compliance(bench):
    for selected in (10, 50):
        verdict = only_ratio(bench, [("x", 100, 50), ("y", 100, selected)])
        words = " ".join(str(finding) for finding in verdict.findings).lower()
        assert not any(word in words for word in ("ll144", "local law", "complian", "eeoc"))


def test_a_table_of_very_many_groups_keeps_both_ends_and_says_what_it_leaves_out(bench):
    cells = read_cells({"cells": [bench.cell(f"g{n:03}", 1000, n) for n in range(300)]})
    lines = group_table(cells, unknown=4).splitlines()
    shown = {line.split()[0] for line in lines[1:51]}
    assert shown == {f"g{n:03}" for n in (*range(25), *range(275, 300))}
    assert lines[51:] == [
        "and 250 groups with rates in between",
        "and 4 rows whose group is unknown, which are in no rate",
    ]


def test_a_group_name_cannot_break_or_colour_the_table(bench):
    cells = read_cells({"cells": [bench.cell("a\nb\x1b[31m", 10, 5), bench.cell("y" * 400, 10, 5)]})
    table = group_table(cells)
    assert len(table.splitlines()) == 3
    assert "\x1b" not in table
    assert max(map(len, table.splitlines())) < 100


def test_the_table_of_nobody_prints_no_ratio(bench):
    cells = read_cells({"cells": [bench.cell("x", 10, 0), bench.cell("y", 0, 0)]})
    assert [line.split()[-1] for line in group_table(cells).splitlines()[1:]] == ["n/a", "n/a"]
    assert group_table([]).startswith("group")
