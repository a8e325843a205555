"""Check ``integration``: the model in a fresh environment, built from the version's own freeze.

Settings: ``tolerance`` (relative, for numbers). Facts: ``steps``, each with ``name``, ``passed``,
``detail``: environment and load (it starts), signature (outputs are as declared, a batch of one
equals its row in the batch of all), wrong_input (a missing column and text for a number are
refused), golden (recorded predictions come out again); ``golden_rows``, ``golden_mismatches``,
``load_ms``, ``build_seconds``, ``environment_digest``.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from assay.checks.predictions import label_text
from assay.checks.tables import (
    GOLDEN_COLUMN,
    TableProblem,
    feature_table,
    is_float,
    is_integer,
    load_table,
    read_columns,
    signature_of,
    write_columns,
)
from assay.core.evidence import Measurement
from assay.core.measuring import CheckCase, LoadedModel, ModelProblem
from assay.core.provenance import DataRole
from assay.core.signatures import DType, Field, Signature

STEPS = ("environment", "load", "signature", "wrong_input", "golden")
Step = tuple[bool, str]


class Integration:
    """Starts the model anew and tries what a caller would."""

    name = "integration"

    def measure(self, case: CheckCase) -> Measurement:
        """Take every step; one that failed does not hide the others that can still be taken."""
        steps: dict[str, Step] = dict.fromkeys(STEPS, (False, "not reached"))
        facts: dict[str, Any] = {"golden_rows": 0, "golden_mismatches": 0}
        environment: dict[str, Any] = {}
        data = {}
        digest = case.version.provenance.data_digest(DataRole.GOLDEN)
        if digest is not None:
            data[DataRole.GOLDEN.value] = digest
        try:
            signature = signature_of(case)
            golden = load_table(case, DataRole.GOLDEN)
        except TableProblem as error:
            advice = "assay register --sample DATA records the signature and golden predictions"
            return Measurement(problem=f"{error}; {advice}", data=data)
        try:
            with case.host.open() as model:
                steps["environment"] = (True, "built from the version's freeze")
                steps["load"] = (True, f"loaded in {float(model.facts.get('load_ms', 0)):.0f} ms")
                environment = dict(model.facts)
                trial = _Trial(case, model, signature, golden)
                steps["signature"] = trial.signature_holds()
                steps["wrong_input"] = trial.wrong_input_is_refused()
                steps["golden"], counts = trial.golden_comes_out()
                facts |= counts
        except ModelProblem as error:
            reached = next(name for name in STEPS if steps[name] == (False, "not reached"))
            steps[reached] = (False, str(error)[:4000])
        except TableProblem as error:
            return Measurement(problem=str(error), data=data)
        facts["steps"] = [
            {"name": name, "passed": done, "detail": text} for name, (done, text) in steps.items()
        ]
        facts |= _built(environment)
        return Measurement(facts=facts, data=data, environment=environment)


def _built(environment: dict[str, Any]) -> dict[str, Any]:
    """Return what is known of how environment and model came up."""
    built = environment.get("environment", {})
    names = {"build_seconds": "build_seconds", "digest": "environment_digest"}
    found = {name: built[key] for key, name in names.items() if key in built}
    return found | ({"load_ms": environment["load_ms"]} if "load_ms" in environment else {})


class _Trial:
    """The steps that need a running model."""

    def __init__(
        self, case: CheckCase, model: LoadedModel, signature: Signature, golden: pl.DataFrame
    ) -> None:
        self._scratch = case.scratch
        self._tolerance = float(case.settings.get("tolerance", 1e-6))
        self._model = model
        self._signature = signature
        self._golden = golden
        self._features = feature_table(golden, signature)
        self._count = 0

    def signature_holds(self) -> Step:
        """Outputs have the declared kind and classes; one row alone gives what it gives in the batch."""
        outputs = read_columns(self._model.predict(self._write(self._features, self._signature.inputs)))
        first = next(iter(outputs.values()), np.array([]))
        declared = self._signature.outputs[0]
        wrong = _kind_problem(first, declared)
        if len(first) != self._features.height:
            wrong = f"{len(first)} outputs for {self._features.height} rows"
        alone = read_columns(self._model.predict(self._write(self._features.head(1), self._signature.inputs)))
        single = next(iter(alone.values()), np.array([]))
        if not wrong and (len(single) != 1 or not self._equal(single[0], first[0])):
            wrong = "a batch of one gives another answer than the same row in a batch"
        return (not wrong, wrong or f"{self._features.height} rows answered as declared")

    def wrong_input_is_refused(self) -> Step:
        """A required column left out, and text where a number belongs, must each raise."""
        accepted = []
        required = [field for field in self._signature.inputs if field.required]
        if len(self._features.columns) > 1 and required:
            dropped = required[0].name
            if not self._refuses(self._features.drop(dropped), self._signature.inputs):
                accepted.append(f"a table without column {dropped!r}")
        numeric = next((f for f in required if is_float(f.dtype) or is_integer(f.dtype)), None)
        if numeric is not None:
            text = self._features.with_columns(pl.lit("not a number").alias(numeric.name))
            fields = [Field(f.name, DType.STRING) if f is numeric else f for f in self._signature.inputs]
            if not self._refuses(text, fields):
                accepted.append(f"text in column {numeric.name!r}")
        if accepted:
            return (False, "the model accepted " + " and ".join(accepted))
        return (True, "a missing column and text for a number are refused")

    def golden_comes_out(self) -> tuple[Step, dict[str, int]]:
        """Each recorded prediction must come out again."""
        if GOLDEN_COLUMN not in self._golden.columns or self._golden.height == 0:
            text = f"the golden table needs rows and a column {GOLDEN_COLUMN!r}"
            return (False, text), {"golden_rows": 0, "golden_mismatches": 0}
        outputs = read_columns(self._model.predict(self._write(self._features, self._signature.inputs)))
        first = next(iter(outputs.values()), np.array([]))
        recorded = self._golden[GOLDEN_COLUMN].to_list()
        differing = [i for i, pair in enumerate(zip(recorded, first, strict=False)) if not self._equal(*pair)]
        missing = abs(len(recorded) - len(first))
        counts = {"golden_rows": len(recorded), "golden_mismatches": len(differing) + missing}
        if not counts["golden_mismatches"]:
            return (True, f"{len(recorded)} recorded predictions came out again"), counts
        shown = ", ".join(f"row {i}: {recorded[i]!r} is now {first[i]!r}" for i in differing[:5])
        return (False, f"{counts['golden_mismatches']} of {len(recorded)} differ: {shown}"), counts

    def _refuses(self, table: pl.DataFrame, fields: "tuple[Field, ...] | list[Field]") -> bool:
        """Whether the model raises; dying or running into a limit is no refusal."""
        try:
            self._model.predict(self._write(table, fields))
        except ModelProblem as error:
            if error.limit:
                raise
            return True
        return False

    def _write(self, table: pl.DataFrame, fields: "tuple[Field, ...] | list[Field]") -> Path:
        self._count += 1
        return write_columns(self._scratch / f"trial-{self._count}.npz", table, fields)

    def _equal(self, recorded: Any, value: Any) -> bool:
        if isinstance(recorded, float) or isinstance(value, float | np.floating):
            try:
                return math.isclose(float(recorded), float(value), rel_tol=self._tolerance, abs_tol=1e-12)
            except (TypeError, ValueError):
                return False
        return label_text(recorded) == label_text(value)


def _kind_problem(values: Any, declared: Field) -> str:
    kind = np.asarray(values).dtype.kind
    if declared.classes:
        allowed = {label_text(label) for label in declared.classes}
        strange = sorted({label_text(value) for value in values} - allowed)
        return f"outputs outside the class set: {', '.join(strange[:5])}" if strange else ""
    wanted = "f" if is_float(declared.dtype) else "iu" if is_integer(declared.dtype) else ""
    if wanted and kind not in wanted + "O":
        return f"output is of kind {np.asarray(values).dtype}, declared {declared.dtype.value}"
    return ""
