"""Tables: reading Parquet and CSV, and the column files that cross into the sandbox.

The column file's layout is defined in :mod:`assay.core.measuring`.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from assay.core.measuring import CheckCase, DataFile
from assay.core.provenance import DataRole, TableFormat
from assay.core.signatures import DType, Field, Signature

GOLDEN_COLUMN: Final = "prediction"
NULLS: Final = ("", "NA", "NaN", "nan", "null", "None")
_POLARS: Final[dict[DType, Any]] = {
    DType.BOOLEAN: pl.Boolean,
    DType.INT8: pl.Int8,
    DType.INT16: pl.Int16,
    DType.INT32: pl.Int32,
    DType.INT64: pl.Int64,
    DType.UINT8: pl.UInt8,
    DType.UINT16: pl.UInt16,
    DType.UINT32: pl.UInt32,
    DType.UINT64: pl.UInt64,
    DType.FLOAT16: pl.Float32,
    DType.FLOAT32: pl.Float32,
    DType.FLOAT64: pl.Float64,
    DType.STRING: pl.String,
    DType.DATE: pl.Datetime("us"),
    DType.DATETIME: pl.Datetime("us"),
}
_INTEGERS: Final = frozenset(
    {DType.INT8, DType.INT16, DType.INT32, DType.INT64, DType.UINT8, DType.UINT16, DType.UINT32, DType.UINT64}
)
_FLOATS: Final = frozenset({DType.FLOAT16, DType.FLOAT32, DType.FLOAT64})


class TableProblem(Exception):  # noqa: N818 - a finding about the data, not a fault of the registry
    """The table cannot serve; the message says why and what to do."""


def load_table(case: CheckCase, role: DataRole) -> pl.DataFrame:
    """Read all data files of a role into one table.

    Raises:
        TableProblem: none declared, bytes not stored, not a table, or not readable.
    """
    files = case.data.get(role, ())
    if not files:
        raise TableProblem(
            f"the version declares no {role.value} data: register with --{role.value}-data FILE"
        )
    return pl.concat([_read(file, role) for file in files], how="vertical_relaxed")


def _read(file: DataFile, role: DataRole) -> pl.DataFrame:
    reference = file.reference
    if file.path is None:
        name = reference.name or reference.digest
        raise TableProblem(f"the bytes of {role.value} data {name} are not in the registry: upload them")
    try:
        if reference.table is TableFormat.PARQUET:
            return pl.read_parquet(file.path)
        if reference.table is TableFormat.CSV:
            return pl.read_csv(
                file.path, infer_schema_length=None, null_values=list(NULLS), try_parse_dates=False
            )
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
        raise TableProblem(f"{role.value} data cannot be read as a table: {error}") from error
    raise TableProblem(f"{role.value} data are not declared as a CSV or Parquet table")


def signature_of(case: CheckCase) -> Signature:
    """Return the version's signature.

    Raises:
        TableProblem: it has none, so nobody knows which columns are inputs.
    """
    if case.version.signature is None:
        raise TableProblem("the version has no signature: register with --sample DATA")
    return case.version.signature


def label_of(case: CheckCase, role: DataRole, table: pl.DataFrame) -> str:
    """Return the name of the column with the true outcome.

    Raises:
        TableProblem: none is declared, or the table does not have it.
    """
    declared = next((file.reference.label for file in case.data.get(role, ()) if file.reference.label), "")
    label = str(case.settings.get("label") or declared)
    if not label:
        raise TableProblem(
            "no label column is declared: register with --label COLUMN, or name it in the policy"
        )
    if label not in table.columns:
        raise TableProblem(f"the {role.value} table has no column {label!r} (column_missing)")
    return label


def feature_table(table: pl.DataFrame, signature: Signature) -> pl.DataFrame:
    """Keep the signature's inputs, in its order, with its dtypes.

    Raises:
        TableProblem: a required input is missing or cannot be read as its dtype.
    """
    missing = [field.name for field in signature.inputs if field.required and field.name not in table.columns]
    if missing:
        raise TableProblem(f"the table lacks the inputs {', '.join(missing[:10])} (column_missing)")
    columns = []
    for field in signature.inputs:
        if field.name in table.columns:
            try:
                columns.append(table[field.name].cast(_polars(field), strict=True).alias(field.name))
            except pl.exceptions.PolarsError as error:
                text = str(error).splitlines()[0][:300]
                raise TableProblem(
                    f"input {field.name} is not {field.dtype.value}: {text} (dtype_mismatch)"
                ) from error
    return pl.DataFrame(columns)


def _polars(field: Field) -> Any:
    if field.shape is not None or field.dtype not in _POLARS:
        raise TableProblem(
            f"input {field.name} is a tensor; tables of tensors are not read from CSV or Parquet"
        )
    return _POLARS[field.dtype]


def write_columns(path: Path, table: pl.DataFrame, fields: Sequence[Field]) -> Path:
    """Write a table as a column file; ``fields`` names the dtype of each of its columns."""
    arrays: dict[str, Any] = {}
    meta = []
    by_name = {field.name: field for field in fields}
    for index, name in enumerate(table.columns):
        field = by_name[name]
        array, mask = _array(table[name], field.dtype)
        arrays[f"c{index}"] = array
        if mask is not None:
            arrays[f"m{index}"] = mask
        meta.append({"name": name, "dtype": field.dtype.value})
    arrays["meta"] = np.array(json.dumps({"rows": table.height, "columns": meta}))
    with path.open("wb") as file:
        np.savez(file, **arrays)
    return path


def _array(column: pl.Series, dtype: DType) -> tuple[Any, Any]:
    if dtype in _FLOATS:
        return column.fill_null(float("nan")).to_numpy(), None
    nulls = column.is_null()
    mask = nulls.to_numpy() if nulls.any() else None
    if dtype is DType.STRING:
        values = column.fill_null("").to_list()
        return np.array(values, dtype=np.str_) if values else np.array([], dtype="<U1"), mask
    if dtype is DType.BOOLEAN:
        return column.fill_null(value=False).to_numpy(), mask
    if dtype in (DType.DATE, DType.DATETIME):
        return column.cast(pl.Datetime("us")).dt.epoch("us").fill_null(0).to_numpy(), mask
    return column.fill_null(0).to_numpy(), mask


def read_columns(path: Path) -> dict[str, Any]:
    """Read a column file that came out of the sandbox: name -> array; missing values as None.

    Raises:
        TableProblem: it is not a well-formed column file.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            meta = json.loads(str(archive["meta"][()]))
            found: dict[str, Any] = {}
            for index, column in enumerate(meta["columns"]):
                values = archive[f"c{index}"]
                if len(values) != meta["rows"]:
                    raise TableProblem(f"the model's output has {len(values)} rows, not {meta['rows']}")
                if f"m{index}" in archive:
                    values = np.where(archive[f"m{index}"], None, values.astype(object))
                found[str(column["name"])] = values
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        raise TableProblem(f"the model's output cannot be read: {error}") from error
    return found


def is_float(dtype: DType) -> bool:
    """Whether it is a floating-point dtype."""
    return dtype in _FLOATS


def is_integer(dtype: DType) -> bool:
    """Whether it is a whole-number dtype."""
    return dtype in _INTEGERS
