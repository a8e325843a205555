"""Capture: what an estimator says of itself."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from assay.client.local_model import OnnxModel
from assay.core.provenance import Scalar

_ADDRESS: Final = re.compile(r" at 0x[0-9a-fA-F]+")
_MAX_TEXT: Final = 1000
_MAX_ARCHITECTURE: Final = 1000
_PARTS: Final = ("estimator", "base_estimator", "final_estimator", "regressor", "classifier")


def capture_hyperparameters(model: Any, notes: list[str]) -> Mapping[str, Scalar] | None:
    """Return ``get_params()``: numbers, texts, booleans and None as they are, all else as text.

    Args:
        model: an estimator with ``get_params``.
        notes: what could not be told is added.
    """
    if not callable(getattr(model, "get_params", None)):
        notes.append(f"hyperparameters: {type(model).__name__} has no get_params; give them")
        return None
    return {str(name): _scalar(value) for name, value in sorted(model.get_params().items())}


def capture_architecture(model: Any) -> str:
    """Return the class names of the model and its parts: ``Pipeline(StandardScaler > SVC)``."""
    if isinstance(model, OnnxModel):
        return model.producer[:_MAX_ARCHITECTURE]
    text = _chain(model, 0)
    return text if len(text) <= _MAX_ARCHITECTURE else text[: _MAX_ARCHITECTURE - 3] + "..."


def _chain(model: Any, depth: int) -> str:
    name = type(model).__name__ if not isinstance(model, str) else model
    parts = [_chain(part, depth + 1) for part in _parts(model)] if depth < 8 else []
    joint = " > " if hasattr(model, "steps") else ", "
    return f"{name}({joint.join(parts)})" if parts else name


def _parts(model: Any) -> Iterator[Any]:
    """Yield the estimators inside, by the names scikit-learn gives such places."""
    for place in ("steps", "transformers", "transformer_list", "estimators"):
        items = getattr(model, place, None)
        if isinstance(items, list):
            yield from (item[1] if isinstance(item, tuple) else item for item in items)
            return
    for place in _PARTS:
        part = getattr(model, place, None)
        if part is not None and callable(getattr(part, "get_params", None)):
            yield part


def _scalar(value: Any) -> Scalar:
    if callable(getattr(value, "item", None)) and getattr(value, "ndim", None) == 0:
        value = value.item()
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if isinstance(value, str):
        return value[:_MAX_TEXT]
    if callable(getattr(value, "get_params", None)):
        return type(value).__name__
    if callable(value) and hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    # An address would make every run of the same training look different.
    return _ADDRESS.sub("", " ".join(repr(value).split()))[:_MAX_TEXT]
