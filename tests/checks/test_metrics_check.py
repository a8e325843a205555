"""Check ``metrics``: scores of the loaded model, equal to those of the library's own functions."""

import csv
import io
import math

import numpy as np
import polars as pl
import pytest
from sklearn import metrics as sk

from assay.checks.metrics import Metrics
from assay.core.measuring import ModelProblem


class Fixed:
    """Predicts what it was told, whatever it is asked; with probabilities when it has some."""

    def __init__(self, answers, shares=None, classes=()):
        self.answers, self.classes_ = np.asarray(answers), classes
        if shares is not None:
            self.predict_proba = lambda frame: np.asarray(shares, dtype=float)

    def predict(self, frame):
        return self.answers


def measure(bench, trained, name="e.parquet", label="outcome", **settings):
    path = bench.table(name, trained.table)
    return Metrics().measure(
        bench.case(trained.estimator, trained.signature, label=label, settings=settings, evaluation=path)
    )


def judge(bench, signature, truth, answers, output, *, classes=(), shares=None, named=(), **more):
    """Measure fixed answers against a truth."""
    table = pl.DataFrame({"x": range(len(truth)), "y": truth})
    case = bench.case(
        Fixed(answers, shares, named),
        signature({"x": "int64"}, output, classes),
        label="y",
        evaluation=bench.table("e.parquet", table),
        **more,
    )
    return Metrics().measure(case)


CLASSES = [("bad", "good"), (0, 1), (False, True), (0.0, 1.0), ("01", "02"), ("False", "True")]


@pytest.mark.parametrize("name", ["e.parquet", "e.csv"])
@pytest.mark.parametrize("declare", [True, False])
@pytest.mark.parametrize("classes", CLASSES, ids=str)
def test_scores_of_two_classes_equal_the_librarys_whatever_the_labels_are(
    bench, classifier, classes, declare, name
):
    if classes == (0.0, 1.0) and name == "e.csv":
        name = "e.parquet"
    trained = classifier(classes, declare=declare)
    found = measure(bench, trained, name)
    frame = trained.table.to_pandas()
    inputs = frame[["age", "income"]]
    truth = (frame["outcome"] == classes[1]).to_numpy()
    predicted = trained.estimator.predict(inputs) == np.array(classes)[1]
    chance = trained.estimator.predict_proba(inputs)[:, 1]
    assert found.problem == ""
    assert (found.facts["task"], found.facts["rows"], found.facts["undefined"]) == ("classification", 300, {})
    assert found.facts["metrics"] == pytest.approx(
        {
            "accuracy": sk.accuracy_score(truth, predicted),
            "balanced_accuracy": sk.balanced_accuracy_score(truth, predicted),
            "precision": sk.precision_score(truth, predicted),
            "recall": sk.recall_score(truth, predicted),
            "f1": sk.f1_score(truth, predicted),
            "precision_macro": sk.precision_score(truth, predicted, average="macro"),
            "recall_macro": sk.recall_score(truth, predicted, average="macro"),
            "f1_macro": sk.f1_score(truth, predicted, average="macro"),
            "roc_auc": sk.roc_auc_score(truth, chance),
            "log_loss": sk.log_loss(truth, chance),
            "brier": sk.brier_score_loss(truth, chance),
        }
    )
    assert set(map(type, found.facts["metrics"].values())) == {float}
    case = bench.host.opened[0]
    assert found.environment == case.facts


def test_the_model_sees_inputs_and_nothing_else(bench, classifier):
    measure(bench, classifier())
    assert [list(frame.columns) for frame in bench.host.opened[0].seen] == [["age", "income"]]


def test_the_positive_class_can_be_named(bench, classifier):
    trained = classifier()
    frame = trained.table.to_pandas()
    predicted = trained.estimator.predict(frame[["age", "income"]])
    for positive in ("bad", "good"):
        facts = measure(bench, trained, positive=positive).facts
        assert facts["positive"] == positive
        recall = sk.recall_score(frame["outcome"], predicted, pos_label=positive)
        assert facts["metrics"]["recall"] == pytest.approx(recall)
    assert measure(bench, classifier((0, 1)), positive=True).facts["positive"] == "1"
    assert "'excellent' does not occur" in measure(bench, trained, positive="excellent").problem


def test_confusions_are_attached(bench, signature):
    found = judge(bench, signature, ["a", "a", "b", "c"], ["a", "b", "b", "c"], "string")
    assert [each.name for each in found.attachments] == ["confusion.csv"]
    rows = list(csv.reader(io.StringIO(bench.attached["confusion.csv"].decode())))
    assert rows[1:] == [["a", "1", "1", "0"], ["b", "0", "1", "0"], ["c", "0", "0", "1"]]


def test_scores_of_three_classes(bench, signature):
    truth, answers = ["a", "a", "b", "c", "c"], ["a", "b", "b", "c", "a"]
    shares = [[0.7, 0.2, 0.1], [0.3, 0.4, 0.3], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6], [0.5, 0.2, 0.3]]
    found = judge(bench, signature, truth, answers, "string", shares=shares, named="abc").facts
    expected = {
        "accuracy": 0.6,
        "balanced_accuracy": (0.5 + 1 + 0.5) / 3,
        "f1_macro": sk.f1_score(truth, answers, average="macro"),
        "roc_auc": sk.roc_auc_score(truth, shares, multi_class="ovr", average="macro"),
        "log_loss": sk.log_loss(truth, shares),
        "brier": np.mean(
            [
                sum((p - (c == t)) ** 2 for p, c in zip(row, "abc", strict=True))
                for row, t in zip(shares, truth, strict=True)
            ]
        ),
    }
    assert {name: found["metrics"][name] for name in expected} == pytest.approx(expected)
    assert set(found["undefined"]) == {"precision", "recall", "f1"}
    assert "3 classes" in found["undefined"]["recall"]
    assert "positive" not in found


def test_regression_scores_equal_the_librarys(bench, regressor):
    found = measure(bench, regressor)
    frame = regressor.table.to_pandas()
    predicted = regressor.estimator.predict(frame[["age"]])
    pair = (frame["outcome"], predicted)
    assert found.problem == ""
    assert found.facts["task"] == "regression"
    assert found.facts["metrics"] == pytest.approx(
        {
            "mae": sk.mean_absolute_error(*pair),
            "rmse": sk.root_mean_squared_error(*pair),
            "r2": sk.r2_score(*pair),
            "mape": sk.mean_absolute_percentage_error(*pair),
            "median_absolute_error": sk.median_absolute_error(*pair),
        }
    )
    assert "residuals.csv" in bench.attached


@pytest.mark.parametrize(
    ("truth", "output", "classes", "task"),
    [
        ([0.5, 1.5], "float64", (), "regression"),
        ([1, 2], "float64", (), "regression"),
        ([1, 2], "float64", (1.0, 2.0), "classification"),
        ([1, 2], "int64", (), "classification"),
        (list(range(60)), "int64", (), "regression"),
        (list(range(60)), "int64", tuple(range(60)), "classification"),
        (["a", "b"], "string", (), "classification"),
        ([True, False], "boolean", (), "classification"),
    ],
)
def test_the_task_follows_from_what_the_output_is(bench, signature, truth, output, classes, task):
    answers = np.array(truth, dtype="float64" if output == "float64" else None)
    assert judge(bench, signature, truth, answers, output, classes=classes).facts["task"] == task


@pytest.mark.parametrize(
    ("truth", "answers", "undefined"),
    [
        (
            [0, 0],
            [0, 0],
            {"recall": "no row", "precision": "never predicted", "f1": "neither", "roc_auc": "one"},
        ),
        ([0, 1], [0, 0], {"precision": "never predicted"}),
        ([0, 0], [0, 1], {"recall": "no row", "roc_auc": "one class"}),
    ],
)
def test_a_score_without_a_value_is_named_with_its_reason_never_nan(
    bench, signature, truth, answers, undefined
):
    shares = [[0.9, 0.1], [0.6, 0.4]]
    facts = judge(
        bench, signature, truth, answers, "int64", classes=(0, 1), shares=shares, named=(0, 1)
    ).facts
    assert set(facts["undefined"]) == set(undefined)
    assert all(words in facts["undefined"][name] for name, words in undefined.items())
    assert all(map(math.isfinite, facts["metrics"].values()))


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        (None, "gives no probabilities"),
        ([[0.5, 0.9], [0.5, 0.5]], "no distribution"),
        ([[-0.5, 1.5], [0.5, 0.5]], "no distribution"),
        ([[math.nan, 0.5], [0.5, 0.5]], "no distribution"),
    ],
)
def test_without_probabilities_their_scores_are_undefined(bench, signature, shares, words):
    named = (0, 1) if shares else ()
    facts = judge(bench, signature, [0, 1], [0, 1], "int64", shares=shares, named=named).facts
    assert set(facts["undefined"]) == {"roc_auc", "log_loss", "brier"}
    assert all(words in why for why in facts["undefined"].values())


def test_regression_scores_that_have_no_value_are_undefined(bench, signature):
    facts = judge(bench, signature, [0.0, 0.0], [0.1, 0.2], "float64").facts
    assert facts["undefined"] == {"r2": "all outcomes are equal", "mape": "an outcome is 0"}
    assert facts["metrics"]["mae"] == pytest.approx(0.15)
    facts = judge(bench, signature, [1.0, 2.0], [1e200, -1e200], "float64").facts
    assert "rmse" in facts["undefined"]


@pytest.mark.parametrize(
    ("truth", "answers", "output", "words"),
    [
        ([0.0, math.inf], [0.0, 1.0], "float64", "1 outcomes are not finite"),
        ([0.0, 1.0], [0.0, math.inf], "float64", "1 predictions are not finite"),
        ([0.0, 1.0], [0.0, math.nan], "float64", "no value for 1 of 2"),
        ([0.0, math.nan], [0.0, 1.0], "float64", "1 missing"),
        ([None, "a"], ["a", "a"], "string", "1 missing"),
        ([0, 1], [0], "int64", "1 predictions for 2 rows"),
        ([0, 1], [[0, 1], [1, 0]], "int64", "more than one value"),
    ],
)
def test_answers_that_cannot_be_scored_are_a_problem(bench, signature, truth, answers, output, words):
    found = judge(bench, signature, truth, answers, output)
    assert words in found.problem
    assert not found.facts


def test_an_empty_table_is_a_problem(bench, classifier):
    trained = classifier()
    path = bench.table("e.parquet", trained.table.head(0))
    case = bench.case(trained.estimator, trained.signature, label="outcome", evaluation=path)
    assert "empty_table" in Metrics().measure(case).problem


def test_a_label_among_the_inputs_is_a_problem(bench, classifier):
    trained = classifier()
    assert "also an input" in measure(bench, trained, label="income").problem


def test_what_the_model_says_is_kept_when_it_does_not_answer(bench, classifier):
    trained = classifier()
    path = bench.table("e.parquet", trained.table)
    broken = ModelProblem("No module named 'secret'")
    case = bench.case(trained.estimator, trained.signature, label="outcome", evaluation=path, problem=broken)
    assert Metrics().measure(case).problem == "No module named 'secret'"


@pytest.mark.parametrize("positive", [["good"], {"a": 1}])
def test_a_positive_class_of_another_shape_is_a_problem(bench, classifier, positive):
    assert "positive" in measure(bench, classifier(), positive=positive).problem


def test_without_a_signature_nobody_knows_the_inputs(bench, classifier):
    trained = classifier()
    path = bench.table("e.parquet", trained.table)
    assert "--sample" in Metrics().measure(bench.case(trained.estimator, evaluation=path)).problem
