"""Predictions of the held-out table, beside its true outcomes. Labels never enter the sandbox."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from assay.checks.tables import (
    TableProblem,
    feature_table,
    label_of,
    load_table,
    read_columns,
    signature_of,
    write_columns,
)
from assay.core.digests import Digest
from assay.core.measuring import CheckCase
from assay.core.provenance import DataRole

PROBABILITY = "probability:"


@dataclass(frozen=True, slots=True)
class Predictions:
    """One row per evaluation row.

    Attributes:
        table: the evaluation table, all columns.
        truth: the label column, as the table has it; none is missing.
        predicted: the model's first output; none is missing.
        probabilities: class (as :func:`label_text` writes it) -> probability, empty where none are given.
        facts: what the model process told of itself.
        data: the digest of what was looked at, by role.
    """

    table: pl.DataFrame
    truth: Any
    predicted: Any
    probabilities: Mapping[str, Any]
    facts: Mapping[str, Any]
    data: Mapping[str, Digest]


def predict_evaluation(case: CheckCase) -> Predictions:
    """Have the sandboxed model predict the evaluation table.

    Raises:
        CheckProblem: the data, the settings or the signature cannot serve, or a prediction is missing.
        ModelProblem: the model cannot be loaded or does not answer.
    """
    role = DataRole.EVALUATION
    signature = signature_of(case)
    table = load_table(case, role)
    if table.height == 0:
        raise TableProblem("the evaluation table has no rows (empty_table)")
    label = label_of(case, role, table)
    if any(field.name == label for field in signature.inputs):
        raise TableProblem(f"the label column {label!r} is also an input of the model")
    features = write_columns(case.scratch / "features.npz", feature_table(table, signature), signature.inputs)
    with case.host.open() as model:
        outputs = read_columns(model.predict(features))
        facts = dict(model.facts)
    predicted = outputs.first
    if len(predicted) != table.height:
        raise TableProblem(f"the model gave {len(predicted)} predictions for {table.height} rows")
    if predicted.ndim != 1:
        raise TableProblem("the model gives more than one value a row, which cannot be compared with a label")
    missing = sum(map(is_missing, predicted))
    if missing:
        raise TableProblem(f"the model gave no value for {missing} of {table.height} rows")
    probabilities = {
        class_named(name.removeprefix(PROBABILITY), predicted): values
        for name, values in outputs.values.items()
        if name.startswith(PROBABILITY)
    }
    return Predictions(table, table[label].to_numpy(), predicted, probabilities, facts, looked_at(case, role))


def looked_at(case: CheckCase, *roles: DataRole) -> dict[str, Digest]:
    """Return the digest of the version's data, by role, for the roles that it declares."""
    digests = {role.value: case.version.provenance.data_digest(role) for role in roles}
    return {role: digest for role, digest in digests.items() if digest is not None}


def is_missing(value: Any) -> bool:
    """Whether a single value stands for nothing: None or NaN."""
    return value is None or (isinstance(value, float | np.floating) and bool(np.isnan(value)))


def as_text(values: Any) -> Any:
    """Return class labels as text, so that 1, 1.0, True and "True" from two sources can be compared."""
    return np.array([label_text(value) for value in values], dtype=np.str_)


def label_text(value: Any) -> str:
    """Return one class label as text; whole floats lose their fraction, truth values become 0 and 1."""
    if isinstance(value, bool | np.bool_):
        return str(int(value))
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    if isinstance(value, str) and value in ("True", "False"):
        return str(int(value == "True"))
    return str(value)


def class_named(name: str, predicted: Any) -> str:
    """Return the class that a probability column is named after, as the predictions write it.

    Names are text, whatever the class is: ``1.0`` names the class 1 of a model that predicts numbers, but
    stays ``1.0`` when it predicts text.
    """
    if np.asarray(predicted).dtype.kind == "f":
        try:
            return label_text(float(name))
        except ValueError:
            return name
    return label_text(name)
