"""Inside the sandbox: column files to inputs, outputs to column files. NumPy alone.

Missing values become NaN (NaT for instants), as pandas reads them from a file.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

INSTANTS: Final = ("date", "datetime")
SAME_NAME: Final = (
    "float16",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "bool",
)
ONNX_TYPES: Final = {f"tensor({name})": name for name in SAME_NAME} | {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(string)": "object",
}
Column = tuple[str, str, Any, Any]  # name, dtype, values, mask of missing ones or None


class ModelError(Exception):
    """The model cannot be used as asked; the message is for people."""


def read_columns(path: str) -> list[Column]:
    """Read a column file."""
    with np.load(path, allow_pickle=False) as archive:
        meta = json.loads(str(archive["meta"]))
        return [
            (each["name"], each["dtype"], archive[f"c{i}"], archive.get(f"m{i}"))
            for i, each in enumerate(meta["columns"])
        ]


def write_columns(path: str, columns: Sequence[tuple[str, Any]]) -> None:
    """Write named outputs, one row per first axis, as a column file."""
    arrays: dict[str, Any] = {}
    described = []
    for index, (name, values) in enumerate(columns):
        array, mask, dtype = storable(values)
        arrays[f"c{index}"] = array
        if mask is not None:
            arrays[f"m{index}"] = mask
        described.append({"name": name, "dtype": dtype})
    arrays["meta"] = np.array(json.dumps({"rows": len(arrays["c0"]), "columns": described}))
    with open(path, "wb") as file:  # noqa: PTH123 - as plain as can be
        np.savez(file, **arrays)


def storable(values: Any) -> tuple[Any, Any, str]:
    """Return values as an array without objects, a mask of missing ones or None, and the dtype's name."""
    array = np.asarray(values)
    mask = None
    if array.dtype.kind == "O":
        missing = np.array([is_missing(each) for each in array.ravel()], dtype=bool).reshape(array.shape)
        array, mask = settle(array, missing), missing if missing.any() else None
    if array.dtype.kind == "M":
        mask = np.isnat(array)
        whole = array.astype("datetime64[us]").astype("int64")
        return np.where(mask, 0, whole), mask if mask.any() else None, "datetime"
    if array.dtype.kind in "US":
        return array.astype(str), mask, "string"
    if array.dtype.kind == "b":
        return array, mask, "boolean"
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        array = array.astype("float64")
    if array.dtype.kind in "iuf":
        return array, mask, array.dtype.name
    raise ModelError(f"the model answers with values of type {array.dtype}")


def is_missing(value: Any) -> Any:
    """Tell whether a single value stands for nothing: None, NaN, NaT, NA."""
    named = type(value).__name__ in ("NoneType", "NAType", "NaTType")
    return named or (isinstance(value, float) and np.isnan(value))


def settle(array: Any, missing: Any) -> Any:
    """Give an array of Python objects one plain type.

    Raises:
        ModelError: they have none in common.
    """
    values = (each.item() if hasattr(each, "item") else each for each in array[~missing])
    kinds = {type(each).__name__ for each in values}
    filled = array.copy()
    if kinds <= {"str"}:
        filled[missing] = ""
        return filled.astype(str)
    if kinds <= {"bool"}:
        filled[missing] = False
        return filled.astype(bool)
    if kinds <= {"int", "float"}:
        filled[missing] = 0 if kinds == {"int"} else np.nan
        return filled.astype("int64" if kinds == {"int"} else "float64")
    raise ModelError(f"the model answers with values of mixed or strange types: {', '.join(sorted(kinds))}")


def plain(value: Any) -> Any:
    """Return a scalar as JSON has it; what is missing or not finite becomes None."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and not np.isfinite(value):
        return None
    if value is None or isinstance(value, str | bool | int | float):
        return value
    return str(value)


def numeric(column: Column) -> Any:
    """Return a column's values as an array in which missing ones are NaN or NaT."""
    _, dtype, values, mask = column
    if dtype in INSTANTS:
        values = values.astype("datetime64[us]")
        return np.where(mask, np.datetime64("NaT"), values) if mask is not None else values
    if values.dtype.kind in "US":
        texts = values.astype(object)
        if mask is not None:
            texts[mask] = np.nan
        return texts
    if mask is None or not mask.any():
        return values
    if values.dtype.kind == "b":
        objects = values.astype(object)
        objects[mask] = np.nan
        return objects
    return np.where(mask, np.nan, values.astype("float64"))


def ordered(columns: list[Column], names: Sequence[str]) -> list[Column]:
    """Put columns in the signature's order; those it does not name come last."""
    position = {name: index for index, name in enumerate(names)}
    return sorted(columns, key=lambda column: position.get(column[0], len(position)))


def flat(values: Any) -> Any:
    """Return predictions as an array; a single output per row loses its axis."""
    # A list keeps its values' types this way; NumPy would make texts of all when one is.
    array = np.array(values, dtype=object) if isinstance(values, list) else np.asarray(values)
    return array.reshape(-1) if array.ndim == 2 and array.shape[1] == 1 else array


def fit(column: Column, wanted: Any) -> Any:
    """Give a column the element type and rank of a graph's input.

    Raises:
        ModelError: its values cannot be held by that type without being changed.
    """
    name, _, values, mask = column
    target = ONNX_TYPES.get(wanted.type)
    if target is None:
        raise ModelError(f"input {wanted.name!r} has type {wanted.type}, which tables cannot give")
    is_text = values.dtype.kind in "US"
    if is_text != (target == "object"):
        raise ModelError(f"column {name!r} is {values.dtype}, the graph wants {wanted.type}")
    if is_text:
        # skl2onnx takes the empty text for a missing one.
        values = np.where(mask, "", values) if mask is not None else values
        given = values.astype(object)
    else:
        values = numeric(column)
        with np.errstate(invalid="ignore"):
            given = values.astype(target)
        if np.dtype(target).kind in "iub" and not np.array_equal(given, values):
            raise ModelError(f"column {name!r} holds values that {wanted.type} cannot")
    return given.reshape(-1, 1) if given.ndim == 1 and len(wanted.shape) == 2 else given
