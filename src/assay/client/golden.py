"""Golden predictions: sample rows together with what the live model said about them.

The integration gate later loads the registered bytes elsewhere and demands the same answers.
"""

from pathlib import Path
from typing import Any, Final

from assay.client.capture_signature import PREDICTION
from assay.client.optional import comes_from, library, needed
from assay.client.tables import Table

GOLDEN_ROWS: Final = 100


def record_golden(table: Table, predictions: Any, folder: Path, notes: list[str]) -> Path | None:
    """Write the inputs and a column ``prediction`` as Parquet, or as CSV where nothing writes Parquet.

    Args:
        table: the sample, input columns only.
        predictions: of the live model, one for each row.
        folder: where to write.
        notes: why nothing was written is added.

    Returns:
        The file, or None.
    """
    if len(getattr(predictions, "shape", (0,))) > 1 and predictions.shape[1:] != (1,):
        notes.append("golden predictions: the model gives more than one value a row; not recorded")
        return None
    if not table.columns or table.native is None or PREDICTION in table.names:
        notes.append(
            "golden predictions: need a table with column names, none of them prediction; not recorded"
        )
        return None
    head = table.native[:GOLDEN_ROWS]
    values = predictions[:GOLDEN_ROWS]
    values = values.ravel() if hasattr(values, "ravel") else values
    if comes_from(head, "pandas"):
        return _write_pandas(head.assign(**{PREDICTION: list(values)}), folder)
    if comes_from(head, "polars"):
        polars = needed("polars", "record golden predictions")
        path = folder / "golden.parquet"
        head.with_columns(polars.Series(PREDICTION, list(values))).write_parquet(path)
        return path
    notes.append("golden predictions: need pandas or polars; not recorded")
    return None


def _write_pandas(frame: Any, folder: Path) -> Path:
    if library("pyarrow") is not None:
        path = folder / "golden.parquet"
        frame.to_parquet(path, index=False)
        return path
    path = folder / "golden.csv"
    frame.to_csv(path, index=False)
    return path
