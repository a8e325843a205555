"""Check ``leakage``: do evaluation rows occur in the training data?

Settings: ``label``, ``ignore_columns``. Facts, counted in evaluation rows: ``feature_duplicates``
(same inputs occur in training), ``labelled_duplicates`` (same inputs and outcome),
``conflicting_duplicates`` (same inputs, only other outcomes), ``duplicates_within_evaluation``;
``same_digest``, ``evaluation_inside_training``, ``training_rows``, ``evaluation_rows``, ``columns``,
``examples`` (row numbers from 0).

Values are compared by what they mean, not by how a file writes them: 1 equals 1.0 and -0.0 equals
0.0, missing equals missing, text is compared in Unicode form NFC.
"""

from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from assay.checks.tables import TableProblem, load_table
from assay.core.digests import Digest
from assay.core.evidence import Measurement
from assay.core.measuring import CheckCase
from assay.core.provenance import DataRole

MAX_EXAMPLES: Final = 20


class Leakage:
    """Compares training and evaluation tables, row by row."""

    name = "leakage"

    def measure(self, case: CheckCase) -> Measurement:
        """Compare digests first, then rows."""
        provenance = case.version.provenance
        digests = {
            role.value: provenance.data_digest(role) for role in (DataRole.TRAINING, DataRole.EVALUATION)
        }
        data = {role: digest for role, digest in digests.items() if digest is not None}
        training = {reference.digest for reference in provenance.data_of(DataRole.TRAINING)}
        shared = any(reference.digest in training for reference in provenance.data_of(DataRole.EVALUATION))
        try:
            facts = compare(
                load_table(case, DataRole.TRAINING),
                load_table(case, DataRole.EVALUATION),
                _label(case),
                _compared(case),
            )
        except TableProblem as error:
            return _unmeasured(str(error), data, shared=shared)
        return Measurement(facts={**facts, "same_digest": shared}, data=data)


def compare(
    training: pl.DataFrame, evaluation: pl.DataFrame, label: str, columns: list[str] | None
) -> dict[str, Any]:
    """Count the overlap of two tables.

    Args:
        training: the table the model learned from.
        evaluation: the table it is graded on.
        label: column with the outcome; "" when there is none.
        columns: the inputs to compare; None takes all columns that both tables have.

    Raises:
        TableProblem: a table is empty, a column is missing, or its kind differs between the two.
    """
    if training.height == 0 or evaluation.height == 0:
        raise TableProblem("a table has no rows (empty_table)")
    common = [name for name in evaluation.columns if name in training.columns and name != label]
    features = common if columns is None else [name for name in columns if name != label]
    missing = [name for name in features if name not in common]
    if missing or not features:
        raise TableProblem(f"columns to compare are missing on one side: {', '.join(missing[:10]) or 'all'}")
    names = [*features, *([label] if label else [])]
    both = [_canonical(training, evaluation, name) for name in names]
    taught = pl.DataFrame([pair[0] for pair in both])
    graded = pl.DataFrame([pair[1] for pair in both]).with_row_index("_row")
    twins = graded.join(taught.select(features).unique(), on=features, how="semi", nulls_equal=True)
    exact = twins.join(taught.unique(), on=names, how="semi", nulls_equal=True) if label else twins
    return {
        "training_rows": training.height,
        "evaluation_rows": evaluation.height,
        "feature_duplicates": twins.height,
        "labelled_duplicates": exact.height if label else 0,
        "conflicting_duplicates": twins.height - exact.height if label else 0,
        "evaluation_inside_training": exact.height == evaluation.height,
        "duplicates_within_evaluation": graded.height - graded.select(names).unique().height,
        "columns": features,
        "examples": twins["_row"].sort().head(MAX_EXAMPLES).to_list(),
    }


def _canonical(training: pl.DataFrame, evaluation: pl.DataFrame, name: str) -> tuple[pl.Series, pl.Series]:
    """Bring one column of both tables to the same kind and the same spelling."""
    left, right = training[name], evaluation[name]
    kinds = (left.dtype, right.dtype)
    if all(kind.is_integer() or kind == pl.Null for kind in kinds):
        return left.cast(pl.Int128), right.cast(pl.Int128)
    if all(kind.is_numeric() or kind == pl.Null for kind in kinds):
        return _number(left), _number(right)
    if all(kind in (pl.String, pl.Categorical, pl.Null) for kind in kinds):
        return _text(left), _text(right)
    if kinds[0] != kinds[1]:
        raise TableProblem(
            f"column {name} is {kinds[0]} in training, {kinds[1]} in evaluation (dtype_mismatch)"
        )
    return left, right


def _number(column: pl.Series) -> pl.Series:
    # Adding zero turns -0.0 into 0.0; a NaN is a missing value here.
    return (column.cast(pl.Float64) + 0.0).fill_nan(None)


def _text(column: pl.Series) -> pl.Series:
    return column.cast(pl.String).str.normalize("NFC")


def _label(case: CheckCase) -> str:
    declared = [
        file.reference.label
        for role in (DataRole.EVALUATION, DataRole.TRAINING)
        for file in case.data.get(role, ())
        if file.reference.label
    ]
    return str(case.settings.get("label") or next(iter(declared), ""))


def _compared(case: CheckCase) -> list[str] | None:
    """The model's inputs, without those the policy ignores; all common columns without a signature."""
    ignored = set(case.settings.get("ignore_columns") or [])
    signature = case.version.signature
    if signature is None:
        return None
    return [field.name for field in signature.inputs if field.name not in ignored and field.required]


def _unmeasured(problem: str, data: Mapping[str, Digest], *, shared: bool) -> Measurement:
    if shared:  # equal digests are the worst leak, and need no row to be read
        problem = f"training and evaluation name the same file; besides: {problem}"
    return Measurement(facts={"same_digest": shared}, data=data, problem=problem)
