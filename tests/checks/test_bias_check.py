"""Check ``bias`` counts people by group, as fairlearn does on the same data."""

import csv
import io
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from fairlearn.metrics import MetricFrame, count, false_positive_rate, selection_rate, true_positive_rate
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.checks.bias import COUNTS, MAX_GROUPS, Bias, count_axis
from assay.checks.predictions import as_text
from assay.checks.tables import TableProblem


def counted(table, truth, predicted, columns, favourable="1"):
    predictions = SimpleNamespace(table=table, truth=np.asarray(truth), predicted=np.asarray(predicted))
    return count_axis(predictions, columns, favourable)


ROWS = st.lists(
    st.tuples(st.sampled_from(["f", "m"]), st.sampled_from(["a", "b", "c"]), st.booleans(), st.booleans()),
    min_size=1,
    max_size=80,
)


@settings(max_examples=40, deadline=None)
@given(rows=ROWS, columns=st.sampled_from([["sex"], ["race"], ["sex", "race"]]))
def test_counts_agree_with_fairlearn(rows, columns):
    sex, race, truth, predicted = (list(each) for each in zip(*rows, strict=True))
    table = pl.DataFrame({"sex": sex, "race": race})
    axis = counted(table, truth, predicted, columns)
    rates = {"count": count, "sr": selection_rate, "tpr": true_positive_rate, "fpr": false_positive_rate}
    frame = MetricFrame(
        metrics=rates,
        y_true=np.array(truth, dtype=int),
        y_pred=np.array(predicted, dtype=int),
        sensitive_features=table.select(columns).to_pandas(),
    )
    # Intersections that do not occur are NaN there and absent here.
    expected = frame.by_group.dropna(subset=["count"])
    assert len(axis["cells"]) == len(expected)
    for key, row in expected.iterrows():
        name = key if isinstance(key, str) else " x ".join(key)
        cell = next(each for each in axis["cells"] if each["group"] == name)
        assert cell["count"] == row["count"]
        assert cell["selected"] / cell["count"] == pytest.approx(row["sr"])
        # fairlearn writes 0 where there is nobody to divide by.
        assert cell["true_positives"] / max(cell["positives"], 1) == pytest.approx(row["tpr"])
        assert cell["false_positives"] / max(cell["negatives"], 1) == pytest.approx(row["fpr"])


@given(
    st.lists(
        st.tuples(st.sampled_from(["f", "m", None, ""]), st.booleans(), st.booleans()),
        min_size=1,
        max_size=50,
    )
)
def test_everybody_is_in_one_cell_or_unknown(rows):
    sex, truth, predicted = (list(each) for each in zip(*rows, strict=True))
    axis = counted(pl.DataFrame({"sex": pl.Series(sex, dtype=pl.String)}), truth, predicted, ["sex"])
    assert axis["unknown"] == sum(not each for each in sex)
    assert sum(cell["count"] for cell in axis["cells"]) + axis["unknown"] == len(rows)
    for cell in axis["cells"]:
        assert cell["positives"] + cell["negatives"] == cell["count"]
        assert cell["true_positives"] + cell["false_positives"] == cell["selected"]


def test_the_published_compas_counts_come_out():
    # propublica/compas-analysis, two-year file: TN, FP, FN, TP per group.
    published = {
        "African-American": (990, 805, 532, 1369),
        "Caucasian": (1139, 349, 461, 505),
        "Hispanic": (318, 87, 129, 103),
        "Asian": (21, 2, 3, 6),
    }
    race, truth, predicted = [], [], []
    for group, (tn, fp, fn, tp) in published.items():
        race += [group] * (tn + fp + fn + tp)
        truth += [0] * (tn + fp) + [1] * (fn + tp)
        predicted += [0] * tn + [1] * fp + [0] * fn + [1] * tp
    axis = counted(pl.DataFrame({"race": race}), truth, predicted, ["race"])
    cells = {cell["group"]: cell for cell in axis["cells"]}
    assert cells.keys() == published.keys()
    for group, (tn, fp, fn, tp) in published.items():
        expected = (tn + fp + fn + tp, fp + tp, fn + tp, tp, tn + fp, fp)
        assert tuple(cells[group][name] for name in COUNTS) == expected
    assert cells["Caucasian"]["false_positives"] / cells["Caucasian"]["negatives"] == pytest.approx(
        0.2345, abs=1e-4
    )


def test_a_group_that_is_not_known_is_in_no_cell():
    groups = pl.DataFrame({"g": [1.0, float("nan"), None, 2.0], "h": ["a", "b", "c", " "]})
    assert counted(groups, [1, 0, 1, 0], [1, 1, 1, 1], ["g"])["unknown"] == 2
    axis = counted(groups, [1, 0, 1, 0], [1, 1, 1, 1], ["g", "h"])
    assert (axis["axis"], axis["unknown"], axis["cells"][0]["group"]) == ("g x h", 3, "1.0 x a")


def test_group_columns_may_have_any_name_and_kind():
    groups = pl.DataFrame({"count": [True, False], "said": pl.Series(["a", None], dtype=pl.Categorical)})
    assert [each["group"] for each in counted(groups, [1, 0], [1, 0], ["count"])["cells"]] == [
        "False",
        "True",
    ]
    assert counted(groups, [1, 0], [1, 0], ["said"])["unknown"] == 1


def test_a_column_with_very_many_values_is_no_group():
    number = MAX_GROUPS + 1
    with pytest.raises(TableProblem, match=f"{number} different values"):
        counted(pl.DataFrame({"id": range(number)}), [1] * number, [1] * number, ["id"])


def measure(bench, trained, **settings):
    path = bench.table("e.parquet", trained.table)
    case = bench.case(
        trained.estimator, trained.signature, label="outcome", settings=settings, evaluation=path
    )
    return Bias().measure(case)


@pytest.mark.parametrize(
    ("classes", "favourable"), [(("bad", "good"), "good"), ((0, 1), 1), ((False, True), True), ((0, 1), 0)]
)
def test_the_models_own_predictions_are_counted(bench, classifier, classes, favourable):
    trained = classifier(classes)
    found = measure(bench, trained, groups=[["sex"], ["sex", "race"]], favourable=favourable)
    assert found.problem == ""
    assert [axis["axis"] for axis in found.facts["axes"]] == ["sex", "sex x race"]
    frame = trained.table.to_pandas()
    said = as_text(trained.estimator.predict(frame[["age", "income"]])) == as_text([favourable])[0]
    by_sex = {cell["group"]: cell for cell in found.facts["axes"][0]["cells"]}
    for group in ("f", "m"):
        assert by_sex[group]["selected"] == (said & (frame["sex"] == group)).sum()
    assert len(found.facts["axes"][1]["cells"]) == 6
    assert (found.facts["rows"], found.facts["favourable"]) == (300, favourable)
    assert list(bench.host.opened[0].seen[0].columns) == ["age", "income"]
    rows = list(csv.reader(io.StringIO(bench.attached["groups.csv"].decode())))
    assert len(rows) == 1 + 2 + 1 + 6 + 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "must name the groups and the favourable outcome"),
        ({"groups": [["sex"]]}, "favourable"),
        ({"favourable": "good"}, "groups"),
        ({"groups": [["sex"]], "favourable": "excellent"}, "never occurs; outcomes: bad, good"),
        ({"groups": [["sex"]], "favourable": ["good"]}, "favourable"),
        ({"groups": [["gone"]], "favourable": "good"}, "gone"),
        ({"groups": ["sex"], "favourable": "good"}, "groups"),
        ({"groups": "sex", "favourable": "good"}, "groups"),
        ({"groups": [[]], "favourable": "good"}, "at least one column"),
        ({"groups": [["sex", "sex"]], "favourable": "good"}, "none twice"),
        ({"groups": [[1]], "favourable": "good"}, "groups"),
        ({"groups": [["income"]], "favourable": "good", "label": 5}, "label"),
    ],
)
def test_what_is_not_declared_is_not_guessed(bench, classifier, settings, words):
    found = measure(bench, classifier(), **settings)
    assert words in found.problem
    assert not found.facts
