"""The ``MLmodel`` file: what MLflow writes beside a model about its signature and flavours.

Source: MLflow's documentation of the model format, "Storage format", and of signatures. The file is
YAML; it is read with a loader that makes nothing but texts, lists and mappings (no numbers, dates or
merges, which short files can make long work of), and nothing in it is believed to be more than a
statement of whoever wrote it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from assay.core.errors import BadInputError
from assay.core.signatures import DType, Field, Signature

NAME: Final = "MLmodel"
LOADER: Final[Any] = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
MAX_BYTES: Final = 4 * 1024 * 1024
_COLUMNS: Final = {
    "boolean": DType.BOOLEAN,
    "integer": DType.INT32,
    "long": DType.INT64,
    "float": DType.FLOAT32,
    "double": DType.FLOAT64,
    "string": DType.STRING,
    "binary": DType.BINARY,
    "datetime": DType.DATETIME,
}
_TENSORS: Final = {
    "bool": DType.BOOLEAN,
    "object": DType.STRING,
    "str": DType.STRING,
    **{each.value: each for each in DType if each.value[-1].isdigit()},
}


@dataclass(frozen=True, slots=True)
class PackedModel:
    """What the file says.

    Attributes:
        flavors: names, e.g. ``python_function``, ``sklearn``.
        entrypoint: path of the file that holds the model, "" where that is not said.
        signature: None when there is none, or one that Assay's types cannot express.
        python: version it was written with, "" where that is not said.
        example: path of the input example, "" for none.
        architecture: what kind of model it is, e.g. ``sklearn``.
    """

    flavors: tuple[str, ...] = ()
    entrypoint: str = ""
    signature: Signature | None = None
    python: str = ""
    example: str = ""
    architecture: str = ""


def read_mlmodel(content: bytes) -> PackedModel:
    """Read the file.

    Raises:
        BadInputError: it is no YAML mapping, or larger than 4 MiB.
    """
    if len(content) > MAX_BYTES:
        raise BadInputError.of(NAME, f"must be at most {MAX_BYTES} bytes", str(len(content)))
    try:
        said = yaml.load(content, Loader=LOADER)  # noqa: S506 - see above
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadInputError.of(NAME, "must be YAML", str(error)[:200]) from error
    if not isinstance(said, Mapping):
        raise BadInputError.of(NAME, "must be a YAML mapping")
    flavors = _mapping(said.get("flavors"))
    function = _mapping(flavors.get("python_function"))
    others = [name for name in flavors if name != "python_function"]
    example = _mapping(said.get("saved_input_example_info")).get("artifact_path", "")
    return PackedModel(
        tuple(str(name) for name in flavors),
        _entrypoint(flavors, function),
        _signature(said.get("signature")),
        _text(function.get("python_version")),
        _text(example),
        _text(others[0]) if others else "",
    )


def _entrypoint(flavors: Mapping[str, Any], function: Mapping[str, Any]) -> str:
    for flavor in (*flavors.values(), function):
        for key in ("pickled_model", "model_path", "data", "model_data"):
            path = _text(_mapping(flavor).get(key))
            if path and not path.startswith(("/", "..")):
                return path
    return ""


def _signature(said: Any) -> Signature | None:
    written = _mapping(said)
    inputs, outputs = _fields(written.get("inputs"), "input"), _fields(written.get("outputs"), "output")
    if not inputs or not outputs:
        return None
    try:
        return Signature(inputs, tuple(_always(field) for field in outputs))
    except BadInputError:
        return None


def _fields(said: Any, unnamed: str) -> tuple[Field, ...]:
    try:
        listed = json.loads(said) if isinstance(said, str) else said
    except (ValueError, RecursionError):
        return ()
    if not isinstance(listed, list):
        return ()
    found = [
        _field(_mapping(each), f"{unnamed}_{place}" if len(listed) > 1 else unnamed)
        for place, each in enumerate(listed)
    ]
    return tuple(each for each in found if each) if all(found) else ()


def _field(said: Mapping[str, Any], unnamed: str) -> Field | None:
    """Return the field; None for kinds that Assay's types do not express (objects, maps)."""
    name, kind = _text(said.get("name")) or unnamed, said.get("type")
    required = said.get("required", True) is not False and said.get("optional", False) is not True
    shape: tuple[int, ...] | None = None
    if kind == "tensor":
        spec = _mapping(said.get("tensor-spec"))
        dtype = _TENSORS.get(_text(spec.get("dtype")).split("<")[0])
        sizes = spec.get("shape")
        shape = (
            tuple(sizes) if isinstance(sizes, list) and all(isinstance(size, int) for size in sizes) else None
        )
        if shape is None:
            return None
    elif kind == "array":
        items = _mapping(said.get("items"))
        dtype, shape = _COLUMNS.get(_text(items.get("type"))), (-1,)
    else:
        dtype = _COLUMNS.get(_text(kind))
    try:
        return None if dtype is None else Field(name, dtype, shape, required=required)
    except BadInputError:
        return None


def _always(field: Field) -> Field:
    return field if field.required else Field(field.name, field.dtype, field.shape, nullable=True)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
