"""Capture: the signature, read off a sample and what the model made of it."""

from collections.abc import Sequence
from typing import Any, Final

from assay.client.local_model import OnnxModel, onnx_element
from assay.client.tables import Column, Table, describe_values, dtype_named
from assay.core.errors import BadInputError
from assay.core.signatures import ClassLabel, DType, Field, Signature

PREDICTION: Final = "prediction"
_LABEL_KINDS: Final = (DType.STRING, DType.BOOLEAN)


def input_table(table: Table, model: Any, label: str) -> Table:
    """Return the columns of the sample that the model wants, in its order.

    A fitted estimator names them (``feature_names_in_``), an ONNX model its inputs; otherwise they
    are all but the label.

    Raises:
        BadInputError: columns are missing.
    """
    if not table.columns:
        return table
    if isinstance(model, OnnxModel) and {each.name for each in model.inputs} <= set(table.names):
        return table.select([each.name for each in model.inputs])
    named = getattr(model, "feature_names_in_", None)
    if named is not None:
        return table.select([str(name) for name in named])
    return table.select([name for name in table.names if name != label])


def input_fields(table: Table) -> tuple[Field, ...]:
    """Return the inputs: a column each, or one tensor of any number of rows.

    Raises:
        BadInputError: a column holds values of no common type; all such are named.
    """
    if table.array_column is not None and table.shape is not None:
        return (_field(table.array_column, (-1, *table.shape[1:])),)
    mixed = [column.name for column in table.columns if column.dtype is None]
    if mixed:
        rule = "every column must hold values of one type"
        raise BadInputError.of("sample", rule, ", ".join(mixed[:20]))
    return tuple(_field(column) for column in table.columns)


def output_field(predictions: Any, model: Any, labels: tuple[ClassLabel, ...], notes: list[str]) -> Field:
    """Return the output, with the closed set of classes where the estimator or the labels name it.

    Args:
        predictions: what the model said about the sample.
        model: the live model, or None.
        labels: the distinct true outcomes in the sample, taken where the model names no classes.
        notes: what could not be told is added.

    Raises:
        BadInputError: the predictions have no type that a signature can say.
    """
    dtype, shape = _describe(predictions)
    if dtype is None:
        raise BadInputError.of("predictions", "must hold values of one type", type(predictions).__name__)
    classes = class_labels(model)
    if classes is None:
        notes.append("signature: the classes are not one list of texts, numbers or booleans; left absent")
    if classes == () and labels and _is_classifier(model, dtype):
        classes = labels
    return Field(PREDICTION, dtype, shape, classes=classes or ())


def label_field(table: Table, label: str) -> Field | None:
    """Return the output as the label column tells it, where no model can be asked."""
    column = next((each for each in table.columns if each.name == label), None)
    if column is None or column.dtype is None or table.native is None:
        return None
    classes = labels_in(table, label) if column.dtype in _LABEL_KINDS else ()
    return Field(PREDICTION, column.dtype, classes=classes)


def labels_in(table: Table, label: str) -> tuple[ClassLabel, ...]:
    """Return the distinct texts, whole numbers or booleans of the label column, in order."""
    if not label or label not in table.names or table.native is None:
        return ()
    found = {value for value in _values(table.native[label]) if isinstance(value, str | int)}
    return tuple(sorted(found, key=lambda value: (str(type(value)), value)))


def _is_classifier(model: Any, dtype: DType) -> bool:
    """Tell whether outputs are classes: texts and booleans are; a graph gives them with probabilities."""
    return dtype in _LABEL_KINDS or (isinstance(model, OnnxModel) and len(model.outputs) > 1)


def class_labels(model: Any) -> tuple[ClassLabel, ...] | None:
    """Return ``classes_`` of a classifier, () when there is none, None when it is no flat list."""
    classes = getattr(model, "classes_", None)
    if classes is None:
        return ()
    found = _values(classes)
    if not all(isinstance(label, str | int | float | bool) for label in found):
        return None
    return tuple(found)


def onnx_signature(model: OnnxModel, notes: list[str]) -> Signature | None:
    """Return the signature that an ONNX file declares; maps and sequences have no place in one."""
    sides = []
    for those in (model.inputs, model.outputs):
        fields = []
        for each in those:
            dtype = dtype_named(onnx_element(each.type).replace("object", "string"))
            if dtype is None or not each.type.startswith("tensor("):
                notes.append(f"signature: {each.name} is a {each.type}, which a signature cannot say")
                continue
            shape = tuple(size if isinstance(size, int) else -1 for size in each.shape)
            fields.append(Field(each.name, dtype, shape))
        sides.append(tuple(fields))
    return Signature(sides[0], sides[1]) if all(sides) else None


def _field(column: Column, shape: tuple[int, ...] | None = None) -> Field:
    if column.dtype is None:
        raise BadInputError.of("sample", "must hold values of one type", column.name)
    return Field(column.name, column.dtype, shape, nullable=column.nullable)


def _describe(predictions: Any) -> tuple[DType | None, tuple[int, ...] | None]:
    sizes: Sequence[int] = getattr(predictions, "shape", ())
    shape = (-1, *sizes[1:]) if len(sizes) > 1 and sizes[1:] != (1,) else None
    kind = getattr(predictions, "dtype", None)
    named = dtype_named(str(kind)) if kind is not None else None
    if named is None:
        values = predictions.ravel() if hasattr(predictions, "ravel") and shape else predictions
        named, _ = describe_values(_values(values))
    return named, shape


def _values(values: Any) -> list[Any]:
    for method in ("tolist", "to_list"):
        if hasattr(values, method):
            found: list[Any] = getattr(values, method)()
            return found
    return list(values)
