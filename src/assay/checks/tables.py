"""Tables: reading Parquet and CSV, and the column files that cross into the sandbox.

The column file's layout is defined in :mod:`assay.core.measuring`. A value that its column's dtype cannot
hold is a problem, never quietly changed: the model would be measured on other data than was named.
"""

import json
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from assay.checks.settings import CheckProblem, text
from assay.core.measuring import CheckCase, DataFile
from assay.core.provenance import DataRole, TableFormat
from assay.core.signatures import DType, Field, Signature

GOLDEN_COLUMN: Final = "prediction"
MAX_TEXT_BYTES: Final = 4 * 1024**3
# What pandas takes for missing in a CSV file, so that model and check see the same table.
NULLS: Final = (
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
    *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
)
_SIGNED: Final = {DType.INT8: pl.Int8, DType.INT16: pl.Int16, DType.INT32: pl.Int32, DType.INT64: pl.Int64}
_UNSIGNED: Final = {
    DType.UINT8: pl.UInt8,
    DType.UINT16: pl.UInt16,
    DType.UINT32: pl.UInt32,
    DType.UINT64: pl.UInt64,
}
_INTEGERS: Final[dict[DType, Any]] = {**_SIGNED, **_UNSIGNED}
_FLOATS: Final[dict[DType, Any]] = {
    DType.FLOAT16: np.float16,
    DType.FLOAT32: np.float32,
    DType.FLOAT64: np.float64,
}
_TRUTHS: Final = {"true": True, "false": False, "1": True, "0": False}
# A panic in polars' compiled part is no PolarsError, and not even an Exception.
_UNREADABLE: Final = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, UnicodeDecodeError)


class TableProblem(CheckProblem):
    """The table cannot serve; the message says why and what to do."""


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn every way in which a table can be unreadable into a :class:`TableProblem`.

    Raises:
        TableProblem: the body met a broken file or values that do not fit together.
    """
    try:
        yield
    except _UNREADABLE as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise TableProblem(f"{what}: {said[0][:300]}") from error


def scan_table(case: CheckCase, role: DataRole) -> pl.LazyFrame:
    """Open all data files of a role as one table, without reading more than its schema.

    Text inputs and text outcomes are read from CSV as they are written: ``007`` stays ``007``.

    Raises:
        TableProblem: none declared, bytes not stored, not a table, or not readable.
    """
    files = case.data.get(role, ())
    if not files:
        raise TableProblem(
            f"the version declares no {role.value} data: register it again with --{role.value}-data FILE",
            lacks=f"{role.value} data",
        )
    with reading(f"{role.value} data cannot be read as a table"):
        table = pl.concat([_scan(file, role, _texts(case, file)) for file in files], how="vertical_relaxed")
        table.collect_schema()
    return table


def load_table(case: CheckCase, role: DataRole) -> pl.DataFrame:
    """Read all data files of a role into one table.

    Raises:
        TableProblem: as for :func:`scan_table`.
    """
    table = scan_table(case, role)
    with reading(f"{role.value} data cannot be read as a table"):
        return table.collect()


def _texts(case: CheckCase, file: DataFile) -> list[str]:
    """Name the columns that the signature says are text."""
    signature = case.version.signature
    if signature is None:
        return []
    outcome = [file.reference.label, text(case, "label"), GOLDEN_COLUMN]
    found = [field.name for field in signature.inputs if field.dtype is DType.STRING]
    return [*found, *(outcome if signature.outputs[0].dtype is DType.STRING else [])]


def _scan(file: DataFile, role: DataRole, texts: Sequence[str]) -> pl.LazyFrame:
    reference = file.reference
    if file.path is None:
        name = reference.name or reference.digest
        raise TableProblem(
            f"the bytes of {role.value} data {name} are not in the registry: register again with "
            f"--{role.value}-data FILE --upload-data"
        )
    if reference.table is TableFormat.PARQUET:
        return pl.scan_parquet(file.path, glob=False)
    if reference.table is TableFormat.CSV:
        return pl.scan_csv(
            file.path,
            glob=False,
            infer_schema_length=None,
            null_values=list(NULLS),
            schema_overrides=dict.fromkeys(texts, pl.String),
            try_parse_dates=False,
        )
    raise TableProblem(f"{role.value} data are not declared as a CSV or Parquet table")


def signature_of(case: CheckCase) -> Signature:
    """Return the version's signature.

    Raises:
        TableProblem: it has none, so nobody knows which columns are inputs.
    """
    if case.version.signature is None:
        message = "the version has no signature: register it again with --sample DATA"
        raise TableProblem(message, lacks="a signature")
    return case.version.signature


def label_of(case: CheckCase, role: DataRole, table: pl.DataFrame) -> str:
    """Return the name of the column with the true outcome, in which no value is missing.

    Raises:
        CheckProblem: none is declared, the table does not have it, or values are missing.
    """
    declared = next((file.reference.label for file in case.data.get(role, ()) if file.reference.label), "")
    label = text(case, "label", declared)
    if not label:
        raise TableProblem(
            "no label column is declared: register with --label COLUMN, or name it in the policy"
        )
    if label not in table.columns:
        raise TableProblem(f"the {role.value} table has no column {label!r} (column_missing)")
    missing = int(without_nan(table[label]).null_count())
    if missing:
        raise TableProblem(
            f"the label column {label!r} of the {role.value} table has {missing} missing values"
        )
    return label


def without_nan(column: pl.Series) -> pl.Series:
    """Return the column with NaN, which stands for a missing value in tables, as null."""
    return column.fill_nan(None) if column.dtype.is_float() else column


def feature_table(table: pl.DataFrame, signature: Signature) -> pl.DataFrame:
    """Keep the signature's inputs, in its order, with its dtypes; labels stay behind.

    Raises:
        TableProblem: a required input is missing or holds a value that its dtype cannot; all such
            inputs are named.
    """
    missing = [field.name for field in signature.inputs if field.required and field.name not in table.columns]
    if missing:
        raise TableProblem(f"the table lacks the inputs {', '.join(missing[:10])} (column_missing)")
    columns, problems = [], []
    for field in signature.inputs:
        if field.name in table.columns:
            try:
                columns.append(_cast(table[field.name], field).alias(field.name))
            except TableProblem as problem:
                problems.append(str(problem))
    if problems:
        raise TableProblem("; ".join(problems[:10]) + " (dtype_mismatch)")
    return pl.DataFrame(columns)


def _cast(column: pl.Series, field: Field) -> pl.Series:
    """Give a column the field's dtype.

    Raises:
        TableProblem: a value would change its meaning.
    """
    if field.shape is not None or field.dtype is DType.BINARY:
        raise TableProblem(
            f"input {field.name} is a tensor or binary, which CSV and Parquet columns cannot give"
        )
    with reading(f"input {field.name} is not {field.dtype.value}"):
        if column.dtype == pl.Null:
            column = column.cast(pl.String)
        if field.dtype in _FLOATS:
            return _floats(column, field)
        if field.dtype in _INTEGERS:
            return _integers(column, field)
        if field.dtype is DType.BOOLEAN:
            return _truths(column, field)
        return _letters(column, field) if field.dtype is DType.STRING else _instants(column, field)


def _wrong(field: Field, detail: str) -> TableProblem:
    return TableProblem(f"input {field.name} is not {field.dtype.value}: {detail}")


def _floats(column: pl.Series, field: Field) -> pl.Series:
    if column.dtype.is_temporal():
        raise _wrong(field, f"it is {column.dtype}")
    wide = column.cast(pl.Float64, strict=True)
    if field.dtype is DType.FLOAT64:
        return wide
    narrow = wide.cast(pl.Float32)
    limit = float(np.finfo(_FLOATS[field.dtype]).max)
    if bool((wide.is_finite() & (wide.abs() > limit)).any()):
        raise _wrong(field, "a value is too large")
    return narrow


def _integers(column: pl.Series, field: Field) -> pl.Series:
    if column.dtype.is_temporal():
        raise _wrong(field, f"it is {column.dtype}")
    column = without_nan(column)
    if (column.dtype.is_float() or column.dtype.is_decimal()) and not bool(
        (column.cast(pl.Float64) % 1 == 0).all()
    ):
        raise _wrong(field, "a value is not whole")
    return column.cast(_INTEGERS[field.dtype], strict=True)


def _truths(column: pl.Series, field: Field) -> pl.Series:
    if column.dtype == pl.Boolean:
        return column
    if column.dtype.is_float():
        column = without_nan(column)
        column = column.cast(pl.Int64) if bool((column % 1 == 0).all()) else column
    words = column.cast(pl.String).str.to_lowercase()
    truths = words.replace_strict(_TRUTHS, default=None, return_dtype=pl.Boolean)
    if truths.null_count() != words.null_count():
        raise _wrong(field, "a value is neither true nor false")
    return truths


def _letters(column: pl.Series, field: Field) -> pl.Series:
    if column.dtype in (pl.String, pl.Categorical, pl.Enum) or column.dtype.is_integer():
        return column.cast(pl.String)
    raise _wrong(field, f"it is {column.dtype}")


def _instants(column: pl.Series, field: Field) -> pl.Series:
    if column.dtype == pl.String:
        return column.str.to_datetime(time_unit="us", strict=True)
    if column.dtype == pl.Date or isinstance(column.dtype, pl.Datetime):
        # An aware instant keeps its UTC value, which is what a column file holds.
        return column.cast(pl.Datetime("us"))
    raise _wrong(field, f"it is {column.dtype}")


def write_columns(path: Path, table: pl.DataFrame, fields: Sequence[Field]) -> Path:
    """Write a table as a column file; ``fields`` names the dtype of each of its columns.

    Raises:
        TableProblem: texts are so long that the file, with one width for all, would be too large.
    """
    arrays: dict[str, Any] = {}
    meta = []
    by_name = {field.name: field for field in fields}
    for index, name in enumerate(table.columns):
        field = by_name[name]
        array, mask = _array(table[name], field)
        arrays[f"c{index}"] = array
        if mask is not None:
            arrays[f"m{index}"] = mask
        meta.append({"name": name, "dtype": field.dtype.value})
    arrays["meta"] = np.array(json.dumps({"rows": table.height, "columns": meta}))
    with path.open("wb") as file:
        np.savez(file, **arrays)
    return path


def _array(column: pl.Series, field: Field) -> tuple[Any, Any]:
    if field.dtype in _FLOATS:
        return column.fill_null(float("nan")).to_numpy().astype(_FLOATS[field.dtype]), None
    nulls = column.is_null()
    mask = nulls.to_numpy() if nulls.any() else None
    if field.dtype is DType.STRING:
        return _fixed_width(column.fill_null(""), field), mask
    if field.dtype is DType.BOOLEAN:
        return column.fill_null(value=False).to_numpy(), mask
    if field.dtype in (DType.DATE, DType.DATETIME):
        return column.cast(pl.Datetime("us")).dt.epoch("us").fill_null(0).to_numpy(), mask
    return column.fill_null(0).to_numpy(), mask


def _fixed_width(column: pl.Series, field: Field) -> Any:
    if column.is_empty():
        return np.array([], dtype="<U1")
    longest = column.str.len_chars().max()
    if isinstance(longest, int) and longest * 4 * len(column) > MAX_TEXT_BYTES:
        raise TableProblem(
            f"input {field.name} has {len(column)} texts of up to {longest} letters: too large"
        )
    return np.array(column.to_list(), dtype=np.str_)


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a model said: ``values`` and ``dtypes`` by column name, in its order; missing values are None."""

    values: dict[str, Any]
    dtypes: dict[str, DType]

    @property
    def first(self) -> Any:
        """The prediction."""
        return next(iter(self.values.values()))

    @property
    def first_dtype(self) -> DType:
        """The prediction's dtype."""
        return next(iter(self.dtypes.values()))


def read_columns(path: Path) -> Outputs:
    """Read a column file that came out of the sandbox.

    Raises:
        TableProblem: it is not a well-formed column file, or has no column.
    """
    values: dict[str, Any] = {}
    dtypes: dict[str, DType] = {}
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            meta = json.loads(str(archive["meta"][()]))
            for index, column in enumerate(meta["columns"]):
                array = archive[f"c{index}"]
                if len(array) != meta["rows"]:
                    raise TableProblem(f"the model's output has {len(array)} rows, not {meta['rows']}")
                if f"m{index}" in archive:
                    array = np.where(archive[f"m{index}"], None, array.astype(object))
                values[str(column["name"])] = array
                dtypes[str(column["name"])] = DType(column["dtype"])
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise TableProblem(f"the model's output cannot be read: {error}") from error
    if not values:
        raise TableProblem("the model's output has no column")
    return Outputs(values, dtypes)


def is_float(dtype: DType) -> bool:
    """Whether it is a floating-point dtype."""
    return dtype in _FLOATS


def is_integer(dtype: DType) -> bool:
    """Whether it is a whole-number dtype."""
    return dtype in _INTEGERS
