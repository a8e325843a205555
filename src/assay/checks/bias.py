"""Check ``bias``: how often each group of people gets the favourable prediction.

Settings: ``groups`` (axes: lists of columns of the evaluation table, which need not be inputs of
the model), ``favourable`` (the outcome that is good for the person), ``label``. Facts: ``rows``,
``favourable``, ``axes`` with, for each group, whole counts from which the gate forms exact ratios.
"""

import csv
import io
from typing import Any

import numpy as np
import polars as pl

from assay.checks.predictions import Predictions, as_text, label_text, predict_evaluation
from assay.checks.tables import TableProblem
from assay.core.evidence import Measurement
from assay.core.measuring import CheckCase, ModelProblem


class Bias:
    """Counts predictions and outcomes by group."""

    name = "bias"

    def measure(self, case: CheckCase) -> Measurement:
        """Predict, then count on every axis."""
        axes = case.settings.get("groups") or []
        favourable = case.settings.get("favourable")
        if not axes or favourable is None:
            problem = (
                "the policy must name the groups and the favourable outcome: "
                "bias: {groups: [[column]], favourable: OUTCOME}"
            )
            return Measurement(problem=problem)
        try:
            predictions = predict_evaluation(case)
            _check_favourable(predictions, label_text(favourable))
            counted = [count_axis(predictions, list(axis), label_text(favourable)) for axis in axes]
        except (TableProblem, ModelProblem) as error:
            return Measurement(problem=str(error))
        facts = {"rows": predictions.table.height, "favourable": favourable, "axes": counted}
        report = case.attach("groups.csv", _report(counted), "text/csv")
        return Measurement(
            facts=facts, data=predictions.data, environment=predictions.facts, attachments=(report,)
        )


def count_axis(predictions: Predictions, columns: list[str], favourable: str) -> dict[str, Any]:
    """Count one axis; rows with a missing value in one of its columns are counted as unknown.

    Raises:
        TableProblem: the table lacks a column.
    """
    table = predictions.table
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise TableProblem(f"the evaluation table has no column {', '.join(missing)} (column_missing)")
    counts = (
        table.select(columns)
        .with_columns(
            pl.Series("_selected", as_text(predictions.predicted) == favourable),
            pl.Series("_positive", as_text(predictions.truth) == favourable),
        )
        .drop_nulls(columns)
        .group_by(columns)
        .agg(
            pl.len().alias("count"),
            pl.col("_selected").sum().alias("selected"),
            pl.col("_positive").sum().alias("positives"),
            (pl.col("_selected") & pl.col("_positive")).sum().alias("true_positives"),
            (pl.col("_selected") & ~pl.col("_positive")).sum().alias("false_positives"),
        )
        .sort(columns)
    )
    cells = [
        {
            "group": " x ".join(str(row[name]) for name in columns),
            **{name: int(row[name]) for name in ("count", "selected", "positives", "true_positives")},
            "negatives": int(row["count"] - row["positives"]),
            "false_positives": int(row["false_positives"]),
        }
        for row in counts.iter_rows(named=True)
    ]
    known = sum(int(row["count"]) for row in counts.iter_rows(named=True))
    return {"axis": " x ".join(columns), "columns": columns, "unknown": table.height - known, "cells": cells}


def _check_favourable(predictions: Predictions, favourable: str) -> None:
    occurring = {*as_text(predictions.truth), *as_text(predictions.predicted)}
    if favourable not in occurring:
        shown = ", ".join(sorted(map(str, occurring))[:20])
        raise TableProblem(f"the favourable outcome {favourable!r} never occurs; outcomes: {shown}")
    if len(np.unique(as_text(predictions.truth))) < 2:
        raise TableProblem("the evaluation table has one outcome only")


def _report(axes: list[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    names = ["count", "selected", "positives", "true_positives", "negatives", "false_positives"]
    writer.writerow(["axis", "group", *names])
    for axis in axes:
        writer.writerows(
            [axis["axis"], cell["group"], *(cell[name] for name in names)] for cell in axis["cells"]
        )
        writer.writerow([axis["axis"], "(unknown)", axis["unknown"], "", "", "", "", ""])
    return text.getvalue().encode()
