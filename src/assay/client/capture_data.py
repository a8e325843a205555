"""Capture: data files as digest, size, kind and row count."""

import csv
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Final

from assay.client.optional import library
from assay.client.tables import table_format
from assay.client.uploading import LocalFile, collect_files
from assay.core.errors import BadInputError
from assay.core.provenance import DataReference, DataRole, TableFormat

Source = str | PathLike[str] | DataReference
_FIELD_LIMIT: Final = 16 * 1024 * 1024


def capture_data(
    role: DataRole, sources: Iterable[Source], label: str, notes: list[str]
) -> list[tuple[DataReference, LocalFile | None]]:
    """Digest data files; a folder stands for every file below it.

    Args:
        role: what the data is for.
        sources: paths, or references to data that lies elsewhere and is taken as it is.
        label: column with the true outcome; recorded for tables only.
        notes: what could not be told is added.

    Returns:
        References, each with the file where there is one.

    Raises:
        BadInputError: a file cannot be read, or a table to be graded on has no column ``label``.
    """
    found: list[tuple[DataReference, LocalFile | None]] = []
    for source in sources:
        if isinstance(source, DataReference):
            found.append((source, None))
            continue
        found += [(refer(role, file, label, notes), file) for file in collect_files(Path(source))]
    return found


def refer(role: DataRole, file: LocalFile, label: str, notes: list[str]) -> DataReference:
    """Return the reference to one file.

    Raises:
        BadInputError: an evaluation table has no column ``label``.
    """
    kind = table_format(file.path)
    if role is DataRole.EVALUATION and kind is not None:
        _check_label(file, kind, label, notes)
    count = row_count(file.path, kind)
    if kind is not None and count is None:
        notes.append(f"data: the rows of {file.name} could not be counted")
    return DataReference(role, file.digest, file.size_bytes, file.name, kind, label if kind else "", count)


def row_count(path: Path, kind: TableFormat | None) -> int | None:
    """Return the number of rows, the header not counted; None when it cannot be told."""
    if kind is TableFormat.PARQUET:
        return _parquet_rows(path)
    return _csv_rows(path) if kind is TableFormat.CSV else None


def _check_label(file: LocalFile, kind: TableFormat, label: str, notes: list[str]) -> None:
    if not label:
        notes.append(f"label: not told, so {file.name} cannot be graded on; give --label COLUMN")
        return
    columns = _columns(file.path, kind)
    if columns is not None and label not in columns:
        shown = ", ".join(columns[:30])
        raise BadInputError.of("label", f"must be a column of {file.name}", f"{label!r}; columns: {shown}")


def _columns(path: Path, kind: TableFormat) -> list[str] | None:
    """Return the column names, None when they cannot be told."""
    parquet = library("pyarrow.parquet")
    try:
        if kind is TableFormat.PARQUET:
            return None if parquet is None else list(map(str, parquet.read_schema(path).names))
        with path.open(encoding="utf-8-sig", newline="") as file:
            return next(csv.reader(file), None)
    except (OSError, UnicodeDecodeError, ValueError, csv.Error):
        return None


def _csv_rows(path: Path) -> int | None:
    limit = csv.field_size_limit(_FIELD_LIMIT)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return max(sum(1 for row in csv.reader(file) if row) - 1, 0)
    except (OSError, UnicodeDecodeError, csv.Error):
        return None
    finally:
        csv.field_size_limit(limit)


def _parquet_rows(path: Path) -> int | None:
    parquet, polars = library("pyarrow.parquet"), library("polars")
    try:
        if parquet is not None:
            return int(parquet.read_metadata(path).num_rows)
        if polars is not None:
            return int(polars.scan_parquet(path).select(polars.len()).collect().item())
    except (OSError, ValueError):
        return None
    return None
