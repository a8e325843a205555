"""Check ``metrics``: the registered model, loaded and scored on a held-out table.

Settings: ``label`` ("" for the one declared with the data), ``positive`` (the class that precision,
recall, f1 and roc_auc speak of when there are two; null takes the one that sorts last).
Facts: ``task``, ``rows``, ``metrics``, ``undefined`` (metric -> why it has no value), and for a
classification ``classes`` and, when there are two, ``positive``.

The scores are computed here, in a trusted process, from predictions; the model saw only inputs.
"""

import csv
import io
import math
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from operator import truediv
from typing import Any, Final

import numpy as np
from sklearn import metrics as sk

from assay.checks.predictions import Predictions, as_text, label_text, predict_evaluation
from assay.checks.settings import CheckProblem, scalar, unmeasured
from assay.checks.tables import TableProblem, is_float, signature_of
from assay.core.evidence import Attachment, Measurement
from assay.core.measuring import CheckCase, ModelProblem
from assay.core.signatures import DType

MAX_CONFUSION_CLASSES: Final = 200
MAX_CLASSES: Final = 10_000
# Whole numbers with more distinct outcomes than this, and no declared classes, are quantities.
MAX_UNDECLARED_CLASSES: Final = 50
_BY_CHANCE: Final = ("roc_auc", "log_loss", "brier")
_QUANTILES: Final = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
Scores = dict[str, Callable[[], Any]]


class Metrics:
    """Scores a classifier or a regressor."""

    name = "metrics"

    def measure(self, case: CheckCase) -> Measurement:
        """Predict, compare, score."""
        try:
            positive = scalar(case.settings.get("positive"), "positive")
            predictions = predict_evaluation(case)
            if _is_regression(case, predictions):
                facts, report = _regression(case, predictions)
            else:
                facts, report = _classification(case, predictions, positive)
        except (CheckProblem, ModelProblem) as error:
            return unmeasured(error)
        return Measurement(
            facts=facts, data=predictions.data, environment=predictions.facts, attachments=report
        )


def _is_regression(case: CheckCase, predictions: Predictions) -> bool:
    """Decide from the declared output first: a number that names no class is an estimate."""
    output = signature_of(case).outputs[0]
    if output.classes or predictions.probabilities or output.dtype in (DType.STRING, DType.BOOLEAN):
        return False
    if predictions.truth.dtype.kind not in "iuf":
        return False
    return is_float(output.dtype) or len(np.unique(predictions.truth)) > MAX_UNDECLARED_CLASSES


def _regression(case: CheckCase, predictions: Predictions) -> tuple[dict[str, Any], tuple[Attachment, ...]]:
    try:
        truth = predictions.truth.astype(np.float64)
        predicted = np.asarray(predictions.predicted, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TableProblem(f"the outcome or the prediction is no number: {error}") from error
    for what, values in (("outcomes", truth), ("predictions", predicted)):
        if not np.isfinite(values).all():
            raise TableProblem(f"{int((~np.isfinite(values)).sum())} {what} are not finite numbers")
    scores: Scores = {
        "mae": lambda: sk.mean_absolute_error(truth, predicted),
        "rmse": lambda: sk.root_mean_squared_error(truth, predicted),
        "median_absolute_error": lambda: sk.median_absolute_error(truth, predicted),
    }
    undefined = {}
    if len(np.unique(truth)) > 1:
        scores["r2"] = lambda: sk.r2_score(truth, predicted)
    else:
        undefined["r2"] = "all outcomes are equal"
    if (truth != 0).all():
        scores["mape"] = lambda: sk.mean_absolute_percentage_error(truth, predicted)
    else:
        undefined["mape"] = "an outcome is 0"
    with np.errstate(over="ignore", invalid="ignore"):
        values, more = _scored(scores)
        residuals = np.quantile(predicted - truth, _QUANTILES)
    table = [["quantile", "predicted - true"], *zip(_QUANTILES, map(float, residuals), strict=True)]
    facts = {"task": "regression", "rows": len(truth), "metrics": values, "undefined": undefined | more}
    return facts, (_attached(case, "residuals.csv", table),)


def _classification(
    case: CheckCase, predictions: Predictions, positive: Any
) -> tuple[dict[str, Any], tuple[Attachment, ...]]:
    truth, predicted = as_text(predictions.truth), as_text(predictions.predicted)
    declared = map(label_text, signature_of(case).outputs[0].classes)
    classes = sorted({*map(str, truth), *map(str, predicted), *predictions.probabilities, *declared})
    if len(classes) > MAX_CLASSES:
        raise TableProblem(f"{len(classes)} different outcomes are no classes; is the label right?")
    scores: Scores = {
        "accuracy": lambda: sk.accuracy_score(truth, predicted),
        "balanced_accuracy": lambda: sk.recall_score(
            truth, predicted, labels=sorted(set(truth)), average="macro", zero_division=0
        ),
        "precision_macro": lambda: sk.precision_score(truth, predicted, average="macro", zero_division=0),
        "recall_macro": lambda: sk.recall_score(truth, predicted, average="macro", zero_division=0),
        "f1_macro": lambda: sk.f1_score(truth, predicted, average="macro", zero_division=0),
    }
    undefined: dict[str, str] = {}
    facts: dict[str, Any] = {"task": "classification", "rows": len(truth), "classes": classes}
    probabilities = _probabilities(predictions, classes)
    if len(classes) == 2:
        favoured = classes[1] if positive is None else label_text(positive)
        if favoured not in classes:
            raise TableProblem(
                f"the positive class {favoured!r} does not occur; classes: {', '.join(classes)}"
            )
        facts["positive"] = favoured
        parts = [_hits(truth == favoured, predicted == favoured)]
        if probabilities is not None:
            parts.append(_chance(truth == favoured, probabilities[:, classes.index(favoured)]))
    else:
        why = f"there are {len(classes)} classes, not two; take the _macro one"
        undefined |= dict.fromkeys(("precision", "recall", "f1"), why)
        parts = [] if probabilities is None else [_chances(truth, probabilities, classes)]
    for part in parts:
        scores |= part[0]
        undefined |= part[1]
    if probabilities is None:
        undefined |= dict.fromkeys(_BY_CHANCE, _why_no_chance(predictions))
    else:
        scores["log_loss"] = lambda: sk.log_loss(truth, probabilities, labels=classes)
    values, more = _scored(scores)
    facts |= {"metrics": values, "undefined": undefined | more}
    return facts, _confusion(case, truth, predicted)


def _hits(actual: Any, said: Any) -> tuple[Scores, dict[str, str]]:
    """Score one class; a quotient without rows in its denominator has no value."""
    found = int((actual & said).sum())
    denominators = {
        "precision": (1, int(said.sum()), "the positive class is never predicted"),
        "recall": (1, int(actual.sum()), "no row is of the positive class"),
        "f1": (2, int(actual.sum() + said.sum()), "the positive class neither occurs nor is predicted"),
    }
    scores: Scores = {
        name: partial(truediv, factor * found, n) for name, (factor, n, _) in denominators.items() if n
    }
    return scores, {name: why for name, (_, n, why) in denominators.items() if not n}


def _chance(actual: Any, chance: Any) -> tuple[Scores, dict[str, str]]:
    scores: Scores = {"brier": lambda: np.mean((chance - actual) ** 2)}
    if 0 < actual.sum() < len(actual):
        return {**scores, "roc_auc": lambda: sk.roc_auc_score(actual, chance)}, {}
    return scores, {"roc_auc": "only one class occurs"}


def _chances(truth: Any, probabilities: Any, classes: list[str]) -> tuple[Scores, dict[str, str]]:
    """Score more than two classes: the mean AUC of one against the rest, and Brier's original sum."""
    actual = truth[:, None] == np.array(classes)[None, :]
    scores: Scores = {"brier": lambda: np.mean(((probabilities - actual) ** 2).sum(axis=1))}
    if len(classes) > 2 and actual.any(axis=0).all():
        columns = range(len(classes))
        each = lambda: np.mean([sk.roc_auc_score(actual[:, i], probabilities[:, i]) for i in columns])  # noqa: E731
        return {**scores, "roc_auc": each}, {}
    return scores, {"roc_auc": "not every class occurs"}


def _probabilities(predictions: Predictions, classes: list[str]) -> Any:
    """Return one column per class in their order, or None when they are no distribution over them."""
    given = predictions.probabilities
    if not given:
        return None
    zeros = np.zeros(len(predictions.truth))
    try:
        matrix = np.column_stack([np.asarray(given.get(name, zeros), dtype=np.float64) for name in classes])
    except (TypeError, ValueError):
        return None
    sums = matrix.sum(axis=1)
    if not np.isfinite(matrix).all() or (matrix < 0).any() or not np.allclose(sums, 1, atol=1e-3):
        return None
    return matrix / sums[:, None]


def _why_no_chance(predictions: Predictions) -> str:
    if predictions.probabilities:
        return "the model's probabilities are no distribution: negative, not finite, or not 1 in sum"
    return "the model gives no probabilities"


def _scored(scores: Mapping[str, Callable[[], Any]]) -> tuple[dict[str, float], dict[str, str]]:
    """Compute each score; one without a finite value is named with the reason."""
    values: dict[str, float] = {}
    undefined: dict[str, str] = {}
    for name, score in scores.items():
        try:
            value = float(score())
        except ValueError as error:
            undefined[name] = str(error)[:300]
            continue
        if math.isfinite(value):
            values[name] = value
        else:
            undefined[name] = "it is not a finite number on these rows"
    return values, undefined


def _confusion(case: CheckCase, truth: Any, predicted: Any) -> tuple[Attachment, ...]:
    classes = sorted({*map(str, truth), *map(str, predicted)})
    if len(classes) > MAX_CONFUSION_CLASSES:
        return ()
    counts = Counter(zip(map(str, truth), map(str, predicted), strict=True))
    table: list[list[Any]] = [["true \\ predicted", *classes]]
    table += [[true, *(counts[true, said] for said in classes)] for true in classes]
    return (_attached(case, "confusion.csv", table),)


def _attached(case: CheckCase, name: str, table: list[Any]) -> Attachment:
    written = io.StringIO()
    csv.writer(written).writerows(table)
    return case.attach(name, written.getvalue().encode(), "text/csv")
