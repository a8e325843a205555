"""Check ``metrics``: the registered model, loaded and scored on a held-out table.

Settings: ``label`` ("" for the one declared with the data), ``positive`` (the class that precision,
recall, f1 and roc_auc speak of when there are two; null takes the one that sorts last).
Facts: ``task``, ``rows``, ``metrics``, ``undefined`` (metric -> why it has no value), ``positive``.

The scores are computed here, in a trusted process, from predictions; the model saw only inputs.
"""

import csv
import io
import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from sklearn import metrics as sk

from assay.checks.predictions import Predictions, as_text, label_text, predict_evaluation
from assay.checks.tables import TableProblem, is_float, signature_of
from assay.core.evidence import Attachment, Measurement
from assay.core.measuring import CheckCase, ModelProblem

MAX_CONFUSION_CLASSES: Final = 200


class Metrics:
    """Scores a classifier or a regressor."""

    name = "metrics"

    def measure(self, case: CheckCase) -> Measurement:
        """Predict, compare, score."""
        try:
            predictions = predict_evaluation(case)
            if _is_regression(case, predictions):
                facts = _regression(predictions)
                attachments: tuple[Attachment, ...] = ()
            else:
                facts = _classification(predictions, case.settings.get("positive"))
                attachments = _confusion(case, predictions)
        except (TableProblem, ModelProblem) as error:
            return Measurement(problem=str(error))
        return Measurement(
            facts=facts, data=predictions.data, environment=predictions.facts, attachments=attachments
        )


def _is_regression(case: CheckCase, predictions: Predictions) -> bool:
    """A number that is neither from a class set nor has probabilities is an estimate."""
    output = signature_of(case).outputs[0]
    return is_float(output.dtype) and not output.classes and not predictions.probabilities


def _regression(predictions: Predictions) -> dict[str, Any]:
    try:
        truth = predictions.truth.astype(np.float64)
        predicted = np.asarray(predictions.predicted, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TableProblem(f"the outcome or the prediction is no number: {error}") from error
    if not np.isfinite(predicted).all():
        raise TableProblem(f"{int((~np.isfinite(predicted)).sum())} predictions are not finite numbers")
    scores: dict[str, Callable[[], Any]] = {
        "mae": lambda: sk.mean_absolute_error(truth, predicted),
        "rmse": lambda: sk.root_mean_squared_error(truth, predicted),
        "r2": lambda: sk.r2_score(truth, predicted) if len(truth) > 1 else math.nan,
        "median_absolute_error": lambda: sk.median_absolute_error(truth, predicted),
        "mape": lambda: (
            sk.mean_absolute_percentage_error(truth, predicted) if (truth != 0).all() else math.nan
        ),
    }
    values, undefined = _scored(scores)
    return {"task": "regression", "rows": len(truth), "metrics": values, "undefined": undefined}


def _classification(predictions: Predictions, positive: Any) -> dict[str, Any]:
    truth, predicted = as_text(predictions.truth), as_text(predictions.predicted)
    classes = sorted({*truth, *predicted, *predictions.probabilities})
    scores: dict[str, Callable[[], Any]] = {
        "accuracy": lambda: sk.accuracy_score(truth, predicted),
        "balanced_accuracy": lambda: sk.recall_score(
            truth, predicted, labels=sorted(set(truth)), average="macro", zero_division=0
        ),
        "precision_macro": lambda: sk.precision_score(truth, predicted, average="macro", zero_division=0),
        "recall_macro": lambda: sk.recall_score(truth, predicted, average="macro", zero_division=0),
        "f1_macro": lambda: sk.f1_score(truth, predicted, average="macro", zero_division=0),
    }
    facts: dict[str, Any] = {"task": "classification", "rows": len(truth), "classes": list(map(str, classes))}
    probabilities = _probabilities(predictions, classes)
    if len(classes) == 2:
        favoured = classes[1] if positive is None else label_text(positive)
        if favoured not in classes:
            raise TableProblem(
                f"the positive class {favoured!r} does not occur; classes: {', '.join(classes)}"
            )
        facts["positive"] = str(favoured)
        scores |= _binary(truth, predicted, favoured, probabilities, classes)
    if probabilities is not None:
        scores["log_loss"] = lambda: sk.log_loss(truth, probabilities, labels=classes)
    values, undefined = _scored(scores)
    if probabilities is None:
        undefined |= dict.fromkeys(("roc_auc", "log_loss", "brier"), "the model gives no probabilities")
    return {**facts, "metrics": values, "undefined": undefined}


def _binary(
    truth: Any, predicted: Any, positive: str, probabilities: Any, classes: list[str]
) -> dict[str, Callable[[], Any]]:
    actual, said = truth == positive, predicted == positive
    scores: dict[str, Callable[[], Any]] = {
        "precision": lambda: sk.precision_score(actual, said, zero_division=np.nan),
        "recall": lambda: sk.recall_score(actual, said, zero_division=np.nan),
        "f1": lambda: sk.f1_score(actual, said, zero_division=np.nan),
    }
    if probabilities is not None:
        chance = probabilities[:, classes.index(positive)]
        two = 0 < actual.sum() < len(actual)
        scores["roc_auc"] = lambda: sk.roc_auc_score(actual, chance) if two else math.nan
        scores["brier"] = lambda: float(np.mean((chance - actual) ** 2))
    return scores


def _probabilities(predictions: Predictions, classes: list[str]) -> Any:
    """Return one column per class in their order, or None when they are no distribution over them."""
    given = {label_text(name): values for name, values in predictions.probabilities.items()}
    if not given or not set(given) <= set(classes):
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
            undefined[name] = "is not defined on these rows"
    return values, undefined


def _confusion(case: CheckCase, predictions: Predictions) -> tuple[Attachment, ...]:
    truth, predicted = as_text(predictions.truth), as_text(predictions.predicted)
    classes = sorted({*truth, *predicted})
    if len(classes) > MAX_CONFUSION_CLASSES:
        return ()
    matrix = sk.confusion_matrix(truth, predicted, labels=classes)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["true \\ predicted", *classes])
    writer.writerows([name, *map(int, row)] for name, row in zip(classes, matrix, strict=True))
    return (case.attach("confusion.csv", text.getvalue().encode(), "text/csv"),)
