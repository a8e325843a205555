"""Sample tables, whatever library holds them: column names, element types, missing values.

pandas and polars are used where installed; a CSV file can be described without either.
"""

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from assay.client.optional import comes_from, library, needed
from assay.core.errors import BadInputError
from assay.core.provenance import TableFormat
from assay.core.signatures import DType

MAX_ROWS: Final = 10_000
_PARQUET_MAGIC: Final = b"PAR1"
_NAMES: Final = {
    **{dtype.value: dtype for dtype in DType},
    "bool": DType.BOOLEAN,
    "boolean": DType.BOOLEAN,
    "str": DType.STRING,
    "utf8": DType.STRING,
    "enum": DType.STRING,
    "categorical": DType.STRING,
}
_KINDS: Final = (
    (bool, DType.BOOLEAN),
    (int, DType.INT64),
    (float, DType.FLOAT64),
    (str, DType.STRING),
    (bytes, DType.BINARY),
    (datetime, DType.DATETIME),
    (date, DType.DATE),
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column: ``dtype`` is None where its values have no type in common."""

    name: str
    dtype: DType | None
    nullable: bool


@dataclass(frozen=True, slots=True)
class Table:
    """The first rows of a sample.

    Attributes:
        columns: empty for an array without column names.
        native: what a model is given: a DataFrame, an array, or None where no library can hold it.
        shape: of an array; None for a table.
        array_column: dtype and missing values of an array.
    """

    columns: tuple[Column, ...]
    native: Any
    shape: tuple[int, ...] | None = None
    array_column: Column | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(column.name for column in self.columns)

    def select(self, names: Sequence[str]) -> "Table":
        """Return only those columns, in that order.

        Raises:
            BadInputError: some are not there; all of them are named.
        """
        missing = [name for name in names if name not in self.names]
        if missing:
            raise BadInputError.of(
                "sample", "must have every column the model wants", ", ".join(missing[:20])
            )
        found = {column.name: column for column in self.columns}
        native = None if self.native is None else self.native[list(names)]
        return replace(self, columns=tuple(found[name] for name in names), native=native)


def as_table(sample: Any) -> Table:
    """Describe a DataFrame, an array, or the CSV or Parquet file at a path; the first 10,000 rows of it.

    Raises:
        BadInputError: nothing of that kind, or it cannot be read.
    """
    if isinstance(sample, str | Path):
        return read_table(Path(sample))
    if comes_from(sample, "pandas") and hasattr(sample, "columns"):
        return _from_pandas(sample)
    if comes_from(sample, "polars") and hasattr(sample, "columns"):
        return _from_polars(sample)
    if comes_from(sample, "numpy") and getattr(sample, "ndim", 0) >= 1:
        return _from_array(sample)
    rule = "must be a pandas or polars DataFrame, a NumPy array, or a CSV or Parquet file"
    raise BadInputError.of("sample", rule, type(sample).__name__)


def table_format(path: Path) -> TableFormat | None:
    """Tell how a table is stored: Parquet by its content, CSV by its name; None for neither."""
    try:
        with path.open("rb") as file:
            head = file.read(4)
    except OSError:
        return None
    if head == _PARQUET_MAGIC:
        return TableFormat.PARQUET
    return TableFormat.CSV if path.suffix.lower() == ".csv" and b"\0" not in head else None


def read_table(path: Path) -> Table:
    """Read the first 10,000 rows of a CSV or Parquet file.

    Raises:
        BadInputError: it cannot be read, is neither, or no installed library reads Parquet.
    """
    kind = table_format(path)
    if kind is None:
        raise BadInputError.of("sample", "must be a readable CSV or Parquet file", str(path))
    pandas, polars = library("pandas"), library("polars")
    try:
        if kind is TableFormat.CSV:
            if pandas is not None:
                return _from_pandas(pandas.read_csv(path, nrows=MAX_ROWS))
            if polars is not None:
                return _from_polars(polars.read_csv(path, n_rows=MAX_ROWS))
            return _from_csv(path)
        if pandas is not None and library("pyarrow") is not None:
            return _from_pandas(_parquet_head(path))
        if polars is not None:
            return _from_polars(polars.read_parquet(path, n_rows=MAX_ROWS))
    except (OSError, ValueError) as error:
        raise BadInputError.of("sample", "must be a readable table", f"{path}: {error}"[:500]) from error
    raise BadInputError.of("sample", "needs pandas with pyarrow, or polars, to read Parquet", str(path))


def dtype_named(name: str) -> DType | None:
    """Return the dtype that NumPy, pandas or polars call ``name``."""
    plain = name.lower().partition("(")[0].partition("[")[0]
    if plain.startswith("datetime"):
        return DType.DATETIME
    return _NAMES.get(plain)


def describe_values(values: Iterable[Any]) -> tuple[DType | None, bool]:
    """Return the one dtype of Python values, None where they have none in common; and whether some miss."""
    kinds, nullable = set(), False
    for value in values:
        if _is_missing(value):
            nullable = True
            continue
        kinds.add(next((dtype for kind, dtype in _KINDS if isinstance(value, kind)), None))
    if kinds == {DType.INT64, DType.FLOAT64}:
        return DType.FLOAT64, nullable
    return (kinds.pop() if len(kinds) == 1 else None), nullable


def _is_missing(value: Any) -> bool:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and math.isnan(value)


def _from_pandas(frame: Any) -> Table:
    frame = frame.head(MAX_ROWS)
    columns = []
    for position, name in enumerate(frame.columns):
        series = frame.iloc[:, position]
        kind = getattr(series.dtype, "categories", series).dtype
        dtype = dtype_named(str(kind))
        nullable = bool(series.isna().any())
        if dtype is None or str(kind) == "object":
            dtype, _ = describe_values(series.dropna().tolist())
        columns.append(Column(_name(name), dtype, nullable))
    return Table(tuple(columns), frame)


def _from_polars(frame: Any) -> Table:
    frame = frame.head(MAX_ROWS)
    columns = []
    for series in frame.get_columns():
        dtype = dtype_named(str(series.dtype))
        floats = dtype in (DType.FLOAT32, DType.FLOAT64)
        nullable = bool(series.null_count()) or (floats and bool(series.is_nan().any()))
        columns.append(Column(series.name, dtype, nullable))
    return Table(tuple(columns), frame)


def _from_array(array: Any) -> Table:
    head = array[:MAX_ROWS]
    if array.dtype.names:
        return Table(tuple(_array_column(head[name], name) for name in array.dtype.names), head)
    return Table((), head, tuple(array.shape), _array_column(head, "input"))


def _array_column(array: Any, name: str) -> Column:
    if array.dtype.kind in "US":
        return Column(name, DType.STRING if array.dtype.kind == "U" else DType.BINARY, False)
    if array.dtype.kind == "O":
        return Column(name, *describe_values(array.ravel().tolist()))
    nullable = array.dtype.kind == "f" and bool(needed("numpy", "read arrays").isnan(array).any())
    return Column(name, dtype_named(array.dtype.name), nullable)


def _parquet_head(path: Path) -> Any:
    """Return the first rows of a Parquet file as a pandas DataFrame; no more of it is read."""
    arrow, parquet = needed("pyarrow", "read Parquet"), needed("pyarrow.parquet", "read Parquet")
    with parquet.ParquetFile(path) as file:
        batches, row_count = [], 0
        for batch in file.iter_batches(batch_size=MAX_ROWS):
            batches.append(batch)
            row_count += batch.num_rows
            if row_count >= MAX_ROWS:
                break
        table = arrow.Table.from_batches(batches, schema=file.schema_arrow)
    return table.slice(0, MAX_ROWS).to_pandas()


def _from_csv(path: Path) -> Table:
    """Describe a CSV file with the standard library alone."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        try:
            rows = [row for row, _ in zip(reader, range(MAX_ROWS), strict=False)]
        except csv.Error as error:
            raise BadInputError.of("sample", "must be a readable table", f"{path}: {error}") from error
    columns = []
    for name in reader.fieldnames or ():
        values = [_parse(row.get(name) or "") for row in rows]
        dtype, nullable = describe_values(values)
        if nullable and dtype is DType.INT64:
            # As DataFrame libraries give it to a model: whole numbers with gaps become floats.
            dtype = DType.FLOAT64
        columns.append(Column(name, dtype, nullable))
    return Table(tuple(columns), None)


def _parse(text: str) -> Any:
    if not text:
        return None
    if text in ("True", "False", "true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _name(name: Any) -> str:
    if not isinstance(name, str):
        raise BadInputError.of("sample", "column names must be texts", repr(name)[:100])
    return name
