"""Check ``leakage``: do evaluation rows occur in the training data?

Settings: ``label``, ``ignore_columns``. Facts, counted in evaluation rows: ``feature_duplicates``
(same inputs occur in training), ``labelled_duplicates`` (same inputs and outcome),
``conflicting_duplicates`` (same inputs, only other outcomes), ``duplicates_within_evaluation``;
``same_digest``, ``evaluation_inside_training``, ``training_rows``, ``evaluation_rows``, ``columns``,
``narrowed_columns``, ``examples`` (row numbers from 0).

Values are compared by what they mean, not by how a file writes them: 1 equals 1.0 and -0.0 equals
0.0, null and NaN are one missing value that equals itself, text is compared in Unicode form NFC, and
instants by the moment they name. A column that is float32 on one side and float64 on the other is compared
as float32 (``narrowed_columns``): otherwise nothing would ever match.

The training table is streamed past the evaluation table and never held as a whole.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import polars as pl

from assay.checks.predictions import looked_at
from assay.checks.settings import CheckProblem, text, texts, unmeasured
from assay.checks.tables import TableProblem, reading, scan_table
from assay.core.evidence import Measurement
from assay.core.measuring import CheckCase
from assay.core.provenance import DataRole

MAX_EXAMPLES: Final = 20
_TEXTS: Final = (pl.String, pl.Categorical, pl.Enum)
_UNITS: Final = ("ns", "us", "ms")
_ROW: Final = "row"
_Pair = tuple[pl.Expr, pl.Expr]


class Leakage:
    """Compares training and evaluation tables, row by row."""

    name = "leakage"

    def measure(self, case: CheckCase) -> Measurement:
        """Compare digests first, then rows."""
        provenance = case.version.provenance
        data = looked_at(case, DataRole.TRAINING, DataRole.EVALUATION)
        training = {reference.digest for reference in provenance.data_of(DataRole.TRAINING)}
        shared = any(reference.digest in training for reference in provenance.data_of(DataRole.EVALUATION))
        try:
            facts = compare(
                scan_table(case, DataRole.TRAINING),
                scan_table(case, DataRole.EVALUATION),
                _label(case),
                _inputs(case),
                ignored=texts(case.settings.get("ignore_columns"), "ignore_columns"),
            )
        except CheckProblem as error:
            problem = str(error)
            if shared:  # equal digests are the worst leak, and need no row to be read
                problem = f"training and evaluation name the same file; besides: {problem}"
            said = unmeasured(error)
            return replace(said, facts={**said.facts, "same_digest": shared}, data=data, problem=problem)
        return Measurement(facts={**facts, "same_digest": shared}, data=data)


def compare(
    training: pl.LazyFrame,
    evaluation: pl.LazyFrame,
    label: str,
    inputs: dict[str, bool] | None,
    *,
    ignored: Sequence[str] = (),
) -> dict[str, Any]:
    """Count the overlap of two tables.

    Args:
        training: the table the model learned from.
        evaluation: the table it is graded on.
        label: column with the outcome; "" when there is none.
        inputs: the columns to compare -> whether both tables must have them; None takes all that both have.
        ignored: columns left out.

    Raises:
        TableProblem: a table is empty or unreadable, a column is missing, or of two different kinds.
    """
    with reading("the tables cannot be compared"):
        sides = (training.collect_schema(), evaluation.collect_schema())
        common = [name for name in sides[1] if name in sides[0]]
        features = _features(common, label, inputs, ignored)
        compared = [*features, *([label] if label else [])]
        schemas = [
            _schema(table, side, other, compared)
            for table, side, other in zip((training, evaluation), sides, reversed(sides), strict=True)
        ]
        pairs = [_canonical(name, schemas[0][name], schemas[1][name]) for name in compared]
        counted = _count(training, evaluation, pairs, len(features))
    narrowed = [
        name for name in features if {schemas[0][name], schemas[1][name]} == {pl.Float32(), pl.Float64()}
    ]
    return {**counted, "columns": features, "narrowed_columns": narrowed}


def _features(
    common: list[str], label: str, inputs: dict[str, bool] | None, ignored: Sequence[str]
) -> list[str]:
    left_out = {label, *ignored}
    wanted = common if inputs is None else list(inputs)
    features = [name for name in wanted if name not in left_out and name in common]
    required = [name for name, needed in (inputs or {}).items() if needed and name not in left_out]
    missing = [name for name in [*required, *([label] if label else [])] if name not in common]
    if missing:
        raise TableProblem(f"one side lacks the columns {', '.join(missing[:10])} (column_missing)")
    if not features:
        raise TableProblem("the tables have no column to compare in common (column_missing)")
    return features


def _schema(
    table: pl.LazyFrame, side: pl.Schema, other: pl.Schema, names: Sequence[str]
) -> dict[str, pl.DataType]:
    """Return the dtypes; a text column without any value, as CSV gives an empty one, is of no kind."""
    found = {name: side[name] for name in names}
    doubtful = [name for name in names if side[name] == pl.String and other[name] not in _TEXTS]
    if doubtful:
        counts = table.select(pl.col(doubtful).count()).collect(engine="streaming")
        found |= {name: pl.Null() for name in doubtful if counts[name].item() == 0}
    return found


def _count(
    training: pl.LazyFrame, evaluation: pl.LazyFrame, pairs: list[_Pair], width: int
) -> dict[str, Any]:
    """Count rows; the first ``width`` pairs are inputs, one more is the outcome."""
    # Columns get names of our own, so that no name in the data can clash.
    names = [f"c{index}" for index in range(len(pairs))]
    features = names[:width]
    taught = training.select([pair[0].alias(name) for pair, name in zip(pairs, names, strict=True)])
    graded = evaluation.select(
        [pair[1].alias(name) for pair, name in zip(pairs, names, strict=True)]
    ).collect(engine="streaming")
    training_rows = int(training.select(pl.len()).collect(engine="streaming").item())
    if training_rows == 0 or graded.height == 0:
        raise TableProblem(
            f"the {'evaluation' if training_rows else 'training'} table has no rows (empty_table)"
        )
    asked = graded.lazy().select(features).unique()
    hits = taught.join(asked, on=features, how="semi", nulls_equal=True).unique().collect(engine="streaming")
    numbered = graded.with_row_index(_ROW)
    twins = numbered.join(hits.select(features).unique(), on=features, how="semi", nulls_equal=True)
    exact = numbered.join(hits, on=names, how="semi", nulls_equal=True).height if len(names) > width else None
    inside = twins.height if exact is None else exact
    return {
        "training_rows": training_rows,
        "evaluation_rows": graded.height,
        "feature_duplicates": twins.height,
        "labelled_duplicates": exact or 0,
        "conflicting_duplicates": 0 if exact is None else twins.height - exact,
        "evaluation_inside_training": inside == graded.height,
        "duplicates_within_evaluation": graded.height - graded.unique().height,
        "examples": twins[_ROW].sort().head(MAX_EXAMPLES).to_list(),
    }


def _canonical(name: str, left: pl.DataType, right: pl.DataType) -> _Pair:
    """Bring one column of both tables to the same kind and the same spelling.

    Raises:
        TableProblem: the two are of kinds that cannot be compared.
    """
    known = right if left == pl.Null() else left
    columns = tuple(_or_nothing(name, known if kind == pl.Null() else None) for kind in (left, right))
    kinds = (known, known if right == pl.Null() else right)
    if isinstance(kinds[0], pl.Datetime) and isinstance(kinds[1], pl.Datetime):
        _check_zones(name, kinds[0], kinds[1])
        unit = min((kind.time_unit for kind in kinds if isinstance(kind, pl.Datetime)), key=_UNITS.index)
        return columns[0].dt.cast_time_unit(unit).to_physical(), columns[1].dt.cast_time_unit(
            unit
        ).to_physical()
    if all(kind in _TEXTS for kind in kinds):
        return _text(columns[0]), _text(columns[1])
    if all(kind.is_numeric() or kind == pl.Boolean for kind in kinds):
        return _number(columns[0], kinds), _number(columns[1], kinds)
    if kinds[0] != kinds[1]:
        raise TableProblem(f"column {name} is {left} in training, {right} in evaluation (dtype_mismatch)")
    return columns[0], columns[1]


def _or_nothing(name: str, kind: pl.DataType | None) -> pl.Expr:
    """Return the column, or where it has no value at all as many nulls of another kind."""
    column = pl.col(name)
    return column if kind is None else pl.when(column.is_null()).then(pl.lit(None, dtype=kind))


def _text(column: pl.Expr) -> pl.Expr:
    return column.cast(pl.String).str.normalize("NFC")


def _number(column: pl.Expr, kinds: tuple[pl.DataType, pl.DataType]) -> pl.Expr:
    if all(kind.is_integer() or kind == pl.Boolean for kind in kinds):
        return column.cast(pl.Int128)
    narrow = pl.Float32() in kinds and all(kind.is_float() for kind in kinds)
    # Adding zero turns -0.0 into 0.0.
    return column.cast(pl.Float32 if narrow else pl.Float64).fill_nan(None) + 0.0


def _check_zones(name: str, left: pl.Datetime, right: pl.Datetime) -> None:
    if (left.time_zone is None) != (right.time_zone is None):
        raise TableProblem(f"column {name} has a time zone on one side only (dtype_mismatch)")


def _label(case: CheckCase) -> str:
    declared = [
        file.reference.label
        for role in (DataRole.EVALUATION, DataRole.TRAINING)
        for file in case.data.get(role, ())
        if file.reference.label
    ]
    return text(case, "label", next(iter(declared), ""))


def _inputs(case: CheckCase) -> dict[str, bool] | None:
    """The model's inputs and whether they are required; None without a signature."""
    signature = case.version.signature
    return None if signature is None else {field.name: field.required for field in signature.inputs}
