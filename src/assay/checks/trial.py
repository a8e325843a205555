"""The steps of check ``integration`` that need a running model."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from assay.checks.predictions import PROBABILITY, class_named, is_missing, label_text
from assay.checks.tables import (
    GOLDEN_COLUMN,
    Outputs,
    TableProblem,
    feature_table,
    is_float,
    is_integer,
    read_columns,
    signature_of,
    write_columns,
)
from assay.core.measuring import CheckCase, LoadedModel, ModelProblem
from assay.core.signatures import ACCEPTS, DType, Field

Step = tuple[bool, str]
# How far one row alone may be from the same row in a batch: libraries sum in another order then.
PRECISION: Final = {DType.FLOAT16: 1e-2, DType.FLOAT32: 1e-4}


class Trial:
    """Asks a model what its callers would ask, and what they should not.

    Attributes:
        golden_rows: recorded predictions that were compared.
        golden_mismatches: those that did not come out again.
    """

    def __init__(self, case: CheckCase, model: LoadedModel, tolerance: float) -> None:
        """Keep the means; ``tolerance`` is relative."""
        self._case = case
        self._model = model
        self._tolerance = tolerance
        self._written = 0
        self.golden_rows = 0
        self.golden_mismatches = 0

    def signature_holds(self, sample: pl.DataFrame) -> Step:
        """Outputs are as declared; one row alone gives what it gives in the batch.

        Raises:
            CheckProblem: the sample does not fit the signature, or the output cannot be read.
            ModelProblem: the model does not answer.
        """
        signature = signature_of(self._case)
        features = feature_table(sample, signature)
        outputs = self._predict(features, signature.inputs)
        wrong = output_problems(outputs, signature.outputs[0], features.height)
        tolerance = max(self._tolerance, PRECISION.get(outputs.first_dtype, 0.0))
        for row in sorted({0, features.height - 1}) if not wrong else ():
            alone = self._predict(features.slice(row, 1), signature.inputs)
            if len(alone.first) != 1 or not same(outputs.first[row], alone.first[0], tolerance):
                wrong.append(f"row {row} alone gives another answer than in a batch of {features.height}")
        return (not wrong, "; ".join(wrong) or f"{features.height} rows answered as declared")

    def wrong_input_is_refused(self, sample: pl.DataFrame) -> Step:
        """A required column left out, and text where a number belongs, must each raise.

        Raises:
            CheckProblem: the sample does not fit the signature.
            ModelProblem: the model ran into a limit, or died.
        """
        signature = signature_of(self._case)
        features = feature_table(sample, signature)
        required = [field for field in signature.inputs if field.required]
        trials: list[tuple[str, pl.DataFrame, Sequence[Field]]] = []
        if required and len(features.columns) > 1:
            name = required[0].name
            trials.append((f"a table without column {name!r}", features.drop(name), signature.inputs))
        numeric = next((each for each in required if is_float(each.dtype) or is_integer(each.dtype)), None)
        if numeric is not None:
            texts = features.with_columns(pl.lit("not a number").alias(numeric.name))
            fields = [
                Field(each.name, DType.STRING) if each is numeric else each for each in signature.inputs
            ]
            trials.append((f"text in column {numeric.name!r}", texts, fields))
        if not trials and required:
            name = f"not {required[0].name}"
            fields = [Field(name, required[0].dtype)]
            trials.append(
                (f"column {name!r} instead of its own", features.rename({required[0].name: name}), fields)
            )
        if not trials:
            return (False, "every input is optional, so no input is wrong")
        accepted = [what for what, table, fields in trials if not self._refuses(table, fields, features)]
        if accepted:
            return (False, "the model accepted " + " and ".join(accepted))
        return (True, "refused: " + " and ".join(what for what, _, _ in trials))

    def golden_comes_out(self, golden: pl.DataFrame) -> Step:
        """Each recorded prediction must come out again.

        Raises:
            CheckProblem: the table does not fit the signature, or the output cannot be read.
            ModelProblem: the model does not answer.
        """
        recorded = golden[GOLDEN_COLUMN].to_list()
        self.golden_rows = self.golden_mismatches = len(recorded)
        signature = signature_of(self._case)
        first = self._predict(feature_table(golden, signature), signature.inputs).first
        if len(first) != len(recorded):
            return (False, f"{len(first)} outputs for {len(recorded)} rows")
        pairs = enumerate(zip(recorded, first, strict=True))
        differing = [row for row, (old, new) in pairs if not same(old, new, self._tolerance)]
        self.golden_mismatches = len(differing)
        if not differing:
            return (True, f"{len(recorded)} recorded predictions came out again")
        shown = ", ".join(f"row {row}: {recorded[row]} is now {first[row]}" for row in differing[:5])
        return (False, f"{len(differing)} of {len(recorded)} differ: {shown}")

    def _refuses(self, table: pl.DataFrame, fields: Sequence[Field], valid: pl.DataFrame) -> bool:
        """Whether the model raises; running into a limit is no refusal, nor is dying."""
        try:
            self._predict(table, fields)
        except TableProblem:
            return False
        except ModelProblem as problem:
            if problem.limit:
                raise ModelProblem(
                    f"a wrong input broke the model: {problem}", limit=problem.limit
                ) from problem
            self._lives_on(valid, problem)
            return True
        return False

    def _lives_on(self, valid: pl.DataFrame, refusal: ModelProblem) -> None:
        try:
            self._predict(valid.head(1), signature_of(self._case).inputs)
        except ModelProblem as problem:
            raise ModelProblem(f"a wrong input broke the model: {refusal}", limit=problem.limit) from problem

    def _predict(self, table: pl.DataFrame, fields: Sequence[Field]) -> Outputs:
        self._written += 1
        path: Path = self._case.scratch / f"trial-{self._written}.npz"
        return read_columns(self._model.predict(write_columns(path, table, fields)))


def output_problems(outputs: Outputs, declared: Field, row_count: int) -> list[str]:
    """Name everything in which the outputs differ from what the signature declares."""
    first = outputs.first
    if len(first) != row_count:
        return [f"{len(first)} outputs for {row_count} rows"]
    found = []
    if outputs.first_dtype not in ACCEPTS[declared.dtype]:
        found.append(f"the output is {outputs.first_dtype.value}, declared is {declared.dtype.value}")
    shape, wanted = first.shape[1:], (declared.shape or (-1,))[1:]
    if len(shape) != len(wanted) or any(b not in (-1, a) for a, b in zip(shape, wanted, strict=True)):
        found.append(f"the output of a row has shape {list(shape)}, declared is {list(wanted)}")
    missing = sum(map(is_missing, np.ravel(first)))
    if missing and not declared.nullable:
        found.append(f"{missing} outputs are missing")
    if declared.classes:
        allowed = {label_text(label) for label in declared.classes}
        named = {
            class_named(name.removeprefix(PROBABILITY), first)
            for name in outputs.values
            if name.startswith(PROBABILITY)
        }
        strange = sorted(({label_text(value) for value in np.ravel(first)} | named) - allowed)
        if strange:
            found.append(f"outputs outside the class set: {', '.join(strange[:5])}")
        lost = sorted(allowed - named) if named else []
        if lost:
            found.append(f"no probability for class {', '.join(lost[:5])}")
    return found


def same(recorded: Any, value: Any, tolerance: float) -> bool:
    """Whether a value equals the recorded one: numbers within the tolerance, labels exactly.

    What is missing equals nothing.
    """
    one, two = np.ravel(np.asarray(recorded, dtype=object)), np.ravel(np.asarray(value, dtype=object))
    return len(one) == len(two) and all(alike(a, b, tolerance) for a, b in zip(one, two, strict=True))


def alike(recorded: Any, value: Any, tolerance: float) -> bool:
    """Whether two single values are :func:`same`."""
    if is_missing(recorded) or is_missing(value):
        return False
    if isinstance(recorded, float | np.floating) or isinstance(value, float | np.floating):
        try:
            return math.isclose(float(recorded), float(value), rel_tol=tolerance, abs_tol=1e-12)
        except (TypeError, ValueError):
            return False
    return label_text(recorded) == label_text(value)
