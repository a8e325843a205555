"""Check ``bias``: how often each group of people gets the favourable prediction.

Settings: ``groups`` (axes: lists of columns of the evaluation table, which need not be inputs of
the model), ``favourable`` (the outcome that is good for the person), ``label``. Facts: ``rows``,
``favourable``, ``axes`` with, for each group, whole counts from which the gate forms exact ratios.

A row whose group is not known (null, NaN, empty text) is in no cell and is counted as ``unknown``.
"""

import csv
import io
from typing import Any, Final

import numpy as np
import polars as pl

from assay.checks.predictions import Predictions, as_text, label_text, predict_evaluation
from assay.checks.settings import CheckProblem, scalar, texts, unmeasured
from assay.checks.tables import TableProblem, reading
from assay.core.evidence import Measurement
from assay.core.measuring import CheckCase, ModelProblem

MAX_GROUPS: Final = 1000
COUNTS: Final = ("count", "selected", "positives", "true_positives", "negatives", "false_positives")


class Bias:
    """Counts predictions and outcomes by group."""

    name = "bias"

    def measure(self, case: CheckCase) -> Measurement:
        """Predict, then count on every axis."""
        try:
            axes = _axes(case)
            favourable = scalar(case.settings.get("favourable"), "favourable")
            if not axes or favourable is None:
                problem = (
                    "the policy must name the groups and the favourable outcome: "
                    "bias: {groups: [[column]], favourable: OUTCOME}"
                )
                return Measurement(problem=problem)
            predictions = predict_evaluation(case)
            _check_favourable(predictions, label_text(favourable))
            counted = [count_axis(predictions, axis, label_text(favourable)) for axis in axes]
        except (CheckProblem, ModelProblem) as error:
            return unmeasured(error)
        facts = {"rows": predictions.table.height, "favourable": favourable, "axes": counted}
        report = case.attach("groups.csv", _report(counted), "text/csv")
        return Measurement(
            facts=facts, data=predictions.data, environment=predictions.facts, attachments=(report,)
        )


def _axes(case: CheckCase) -> list[list[str]]:
    given = case.settings.get("groups") or []
    if not isinstance(given, list | tuple):
        raise CheckProblem("setting groups must be a list of lists of columns")
    axes = [texts(axis, "groups") for axis in given]
    if not all(axis and len(set(axis)) == len(axis) for axis in axes):
        raise CheckProblem("setting groups: every axis must name at least one column, and none twice")
    return axes


def count_axis(predictions: Predictions, columns: list[str], favourable: str) -> dict[str, Any]:
    """Count one axis; rows whose group is not known in one of its columns are counted as unknown.

    Raises:
        TableProblem: the table lacks a column, or it has so many values that they are no groups.
    """
    table = predictions.table
    name = " x ".join(columns)
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise TableProblem(f"the evaluation table has no column {', '.join(missing)} (column_missing)")
    # Columns get names of our own, so that no name in the data can clash.
    keys = [f"g{index}" for index in range(len(columns))]
    with reading(f"axis {name} cannot be counted"):
        known = pl.DataFrame(
            [
                *(_known(table[column]).alias(key) for column, key in zip(columns, keys, strict=True)),
                pl.Series("said", as_text(predictions.predicted) == favourable),
                pl.Series("true", as_text(predictions.truth) == favourable),
            ]
        ).drop_nulls(keys)
        said, true = pl.col("said"), pl.col("true")
        counts = (
            known.group_by(keys)
            .agg(
                pl.len().alias("count"),
                said.sum().alias("selected"),
                true.sum().alias("positives"),
                (said & true).sum().alias("true_positives"),
                (~true).sum().alias("negatives"),
                (said & ~true).sum().alias("false_positives"),
            )
            .sort(keys)
        )
    if counts.height > MAX_GROUPS:
        raise TableProblem(
            f"axis {name} has {counts.height} different values; at most {MAX_GROUPS} are groups"
        )
    cells = [
        {"group": " x ".join(str(row[key]) for key in keys), **{each: int(row[each]) for each in COUNTS}}
        for row in counts.iter_rows(named=True)
    ]
    return {"axis": name, "columns": columns, "unknown": table.height - known.height, "cells": cells}


def _known(column: pl.Series) -> pl.Series:
    """Return the column with everything that names no group as null."""
    if column.dtype.is_float():
        return column.fill_nan(None)
    if column.dtype in (pl.Categorical, pl.Enum):
        column = column.cast(pl.String)
    if column.dtype == pl.String:
        return column.to_frame("g").select(pl.when(pl.col("g").str.strip_chars() != "").then(pl.col("g")))[
            "g"
        ]
    return column


def _check_favourable(predictions: Predictions, favourable: str) -> None:
    occurring = {*as_text(predictions.truth), *as_text(predictions.predicted)}
    if favourable not in occurring:
        shown = ", ".join(sorted(map(str, occurring))[:20])
        raise TableProblem(f"the favourable outcome {favourable!r} never occurs; outcomes: {shown}")
    if len(np.unique(as_text(predictions.truth))) < 2:
        raise TableProblem("the evaluation table has one outcome only")


def _report(axes: list[dict[str, Any]]) -> bytes:
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(["axis", "group", *COUNTS])
    for axis in axes:
        writer.writerows(
            [axis["axis"], cell["group"], *(cell[each] for each in COUNTS)] for cell in axis["cells"]
        )
        writer.writerow([axis["axis"], "(unknown)", axis["unknown"], "", "", "", "", ""])
    return written.getvalue().encode()
