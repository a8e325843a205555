"""Check ``integration``: the model in a fresh environment, built from the version's own freeze.

Settings: ``tolerance`` (relative, for numbers). Facts: ``steps``, each with ``name``, ``passed``,
``detail``: environment and load (it starts), signature (outputs are as declared, a batch of one
equals its row in the batch of all), wrong_input (a missing column and text for a number are
refused, and the model lives on), golden (recorded predictions come out again); ``golden_rows``,
``golden_mismatches``, ``load_ms``, ``build_seconds``, ``environment_digest``.

Every step is listed. One that failed hides no other, unless no model is there to take them with.
"""

from collections.abc import Callable
from typing import Any, Final

import polars as pl

from assay.checks.predictions import looked_at
from assay.checks.settings import CheckProblem, share
from assay.checks.tables import GOLDEN_COLUMN, TableProblem, load_table, signature_of
from assay.checks.trial import Step, Trial
from assay.core.evidence import Measurement
from assay.core.measuring import CheckCase, ModelProblem
from assay.core.provenance import DataRole

STEPS: Final = ("environment", "load", "signature", "wrong_input", "golden")
NOT_REACHED: Final = (False, "not reached")
SAMPLE_ROWS: Final = 100
_RECORD: Final = "assay register --sample DATA records golden predictions"


class Integration:
    """Starts the model anew and tries what a caller would."""

    name = "integration"

    def measure(self, case: CheckCase) -> Measurement:
        """Take every step and say of each how it went."""
        steps: dict[str, Step] = dict.fromkeys(STEPS, NOT_REACHED)
        facts: dict[str, Any] = {"golden_rows": 0, "golden_mismatches": 0}
        environment: dict[str, Any] = {}
        try:
            tolerance = share(case.settings, "tolerance", 1e-6)
        except CheckProblem as problem:
            return Measurement(problem=str(problem))
        golden = _table(case, DataRole.GOLDEN)
        sample, roles = golden, [DataRole.GOLDEN]
        if isinstance(golden, str):
            sample, roles = _table(case, DataRole.EVALUATION), [DataRole.GOLDEN, DataRole.EVALUATION]
        try:
            with case.host.open() as model:
                environment = dict(model.facts)
                steps["environment"] = (True, "built from the version's freeze")
                steps["load"] = (True, f"loaded in {float(environment.get('load_ms', 0)):.0f} ms")
                trial = Trial(case, model, tolerance)
                steps["signature"] = _taken(lambda: trial.signature_holds(_rows(sample)))
                steps["wrong_input"] = _taken(lambda: trial.wrong_input_is_refused(_rows(sample)))
                steps["golden"] = _taken(lambda: trial.golden_comes_out(_golden(golden)))
                facts |= {"golden_rows": trial.golden_rows, "golden_mismatches": trial.golden_mismatches}
        except ModelProblem as problem:
            # Opening is one act: environment, process and model. The message says which of them it was.
            steps["environment"] = (False, f"the model did not come up: {problem}"[:4000])
        facts["steps"] = [
            {"name": name, "passed": done, "detail": detail} for name, (done, detail) in steps.items()
        ]
        facts |= _built(environment)
        return Measurement(facts=facts, data=looked_at(case, *roles), environment=environment)


def _taken(step: Callable[[], Step]) -> Step:
    """Take a step; what keeps it from being taken is why it failed."""
    try:
        return step()
    except (CheckProblem, ModelProblem) as problem:
        return (False, str(problem)[:4000])


def _table(case: CheckCase, role: DataRole) -> pl.DataFrame | str:
    """Return the table, or why there is none."""
    try:
        signature_of(case)
        return load_table(case, role)
    except CheckProblem as problem:
        return str(problem)


def _rows(sample: pl.DataFrame | str) -> pl.DataFrame:
    if isinstance(sample, str) or sample.height == 0:
        why = sample if isinstance(sample, str) else "the table is empty"
        raise TableProblem(f"there are no rows to try: {why}; {_RECORD}")
    return sample.head(SAMPLE_ROWS)


def _golden(golden: pl.DataFrame | str) -> pl.DataFrame:
    if isinstance(golden, str):
        raise TableProblem(f"{golden}; {_RECORD}")
    if GOLDEN_COLUMN not in golden.columns or golden.height == 0:
        raise TableProblem(f"the golden table needs rows and a column {GOLDEN_COLUMN!r}; {_RECORD}")
    return golden


def _built(environment: dict[str, Any]) -> dict[str, Any]:
    """Return what is known of how environment and model came up."""
    built = environment.get("environment")
    names = {"build_seconds": "build_seconds", "digest": "environment_digest"}
    found = (
        {name: built[key] for key, name in names.items() if key in built} if isinstance(built, dict) else {}
    )
    return found | ({"load_ms": environment["load_ms"]} if "load_ms" in environment else {})
