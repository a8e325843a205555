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
        truth: the label column, as the table has it.
        predicted: the model's first output.
        probabilities: class (as text) -> probability, empty where the model gives none.
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
        TableProblem: the data or the signature cannot serve.
        ModelProblem: the model cannot be loaded or does not answer.
    """
    role = DataRole.EVALUATION
    table = load_table(case, role)
    if table.height == 0:
        raise TableProblem("the evaluation table has no rows (empty_table)")
    label = label_of(case, role, table)
    if table[label].null_count():
        raise TableProblem(f"the label column {label!r} has {table[label].null_count()} missing values")
    signature = signature_of(case)
    if any(field.name == label for field in signature.inputs):
        raise TableProblem(f"the label column {label!r} is also an input of the model")
    features = write_columns(case.scratch / "features.npz", feature_table(table, signature), signature.inputs)
    with case.host.open() as model:
        outputs = read_columns(model.predict(features))
        facts = dict(model.facts)
    names = list(outputs)
    if not names or len(outputs[names[0]]) != table.height:
        raise TableProblem(
            f"the model gave {len(outputs[names[0]]) if names else 0} predictions for {table.height} rows"
        )
    probabilities = {
        name.removeprefix(PROBABILITY): outputs[name] for name in names if name.startswith(PROBABILITY)
    }
    digest = case.version.provenance.data_digest(role)
    data = {} if digest is None else {role.value: digest}
    return Predictions(table, table[label].to_numpy(), outputs[names[0]], probabilities, facts, data)


def as_text(values: Any) -> Any:
    """Return class labels as text, so that 1, 1.0, True and "1" from two sources can be compared."""
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
