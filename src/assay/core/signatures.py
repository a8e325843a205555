"""The signature of a model: the schema of its inputs and outputs, and what changed between two.

A field without ``shape`` is a column of a table; a field with one is a tensor, -1 standing for a
dimension of any length. Proof of who made something is an attestation, never a signature.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import Enum
from typing import Final

from assay.core.errors import BadInputError
from assay.core.names import check_text

ClassLabel = str | int | float | bool
MAX_FIELDS: Final = 10_000


class DType(Enum):
    """Element types of columns and tensors."""

    BOOLEAN = "boolean"
    INT8 = "int8"
    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"
    UINT8 = "uint8"
    UINT16 = "uint16"
    UINT32 = "uint32"
    UINT64 = "uint64"
    FLOAT16 = "float16"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    STRING = "string"
    BINARY = "binary"
    DATE = "date"
    DATETIME = "datetime"


def _accepted() -> dict[DType, frozenset[DType]]:
    """Tell for each dtype which dtypes' every value it can hold without loss."""
    exact = {DType.FLOAT16: 11, DType.FLOAT32: 24, DType.FLOAT64: 53}
    signed = {DType.INT8: 8, DType.INT16: 16, DType.INT32: 32, DType.INT64: 64}
    unsigned = {DType.UINT8: 8, DType.UINT16: 16, DType.UINT32: 32, DType.UINT64: 64}
    table = {dtype: {dtype} for dtype in DType}
    for wide, bits in signed.items():
        table[wide] |= {narrow for narrow, n in signed.items() if n <= bits}
        table[wide] |= {narrow for narrow, n in unsigned.items() if n < bits} | {DType.BOOLEAN}
    for wide, bits in unsigned.items():
        table[wide] |= {narrow for narrow, n in unsigned.items() if n <= bits} | {DType.BOOLEAN}
    for wide, bits in exact.items():
        table[wide] |= {narrow for narrow, n in exact.items() if n <= bits} | {DType.BOOLEAN}
        table[wide] |= {narrow for narrow, n in signed.items() if n - 1 <= bits}
        table[wide] |= {narrow for narrow, n in unsigned.items() if n <= bits}
    table[DType.DATETIME].add(DType.DATE)
    return {dtype: frozenset(held) for dtype, held in table.items()}


ACCEPTS: Final[Mapping[DType, frozenset[DType]]] = _accepted()


@dataclass(frozen=True, slots=True)
class Field:
    """One named input or output.

    Attributes:
        name: as the caller addresses it.
        dtype: element type.
        shape: None for a column; for a tensor its dimensions, -1 for any length.
        required: an optional input may be left out. Outputs are always required.
        nullable: missing values are allowed.
        classes: for an output that names a class, the closed set of its values.
    """

    name: str
    dtype: DType
    shape: tuple[int, ...] | None = None
    required: bool = True
    nullable: bool = False
    classes: tuple[ClassLabel, ...] = ()

    def __post_init__(self) -> None:
        """Check name, shape, classes.

        Raises:
            BadInputError: an empty or overlong name, a dimension below -1, repeated classes.
        """
        check_text(self.name, "signature.name", limit_bytes=512, empty=False)
        if any(size < -1 for size in self.shape or ()):
            raise BadInputError.of(
                f"signature[{self.name}].shape", "dimensions must be -1 or more", str(self.shape)
            )
        if len({(type(label), label) for label in self.classes}) != len(self.classes):
            raise BadInputError.of(f"signature[{self.name}].classes", "must not repeat")


@dataclass(frozen=True, slots=True)
class Signature:
    """All ``inputs`` and ``outputs`` of a model, in the order it expects and gives them."""

    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]

    def __post_init__(self) -> None:
        """Check that both sides are there and names are unique.

        Raises:
            BadInputError: a side is empty or too long, a name is used twice, an output is optional.
        """
        for side, those in (("inputs", self.inputs), ("outputs", self.outputs)):
            if not those or len(those) > MAX_FIELDS:
                raise BadInputError.of(
                    f"signature.{side}", f"must have 1 to {MAX_FIELDS} fields", str(len(those))
                )
            names = [field.name for field in those]
            twice = (
                sorted({name for name in names if names.count(name) > 1})
                if len(set(names)) < len(names)
                else []
            )
            if twice:
                raise BadInputError.of(f"signature.{side}", "names must be unique", ", ".join(twice[:5]))
        if not all(field.required for field in self.outputs):
            raise BadInputError.of("signature.outputs", "an output cannot be optional")


@dataclass(frozen=True, slots=True)
class SignatureChange:
    """One difference: on which ``side``, of which field, and whether callers break."""

    side: str
    name: str
    change: str
    before: str
    after: str
    breaking: bool

    def __str__(self) -> str:
        kind = "breaking" if self.breaking else "compatible"
        return f"{self.side[:-1]} {self.name!r} {self.change}: {self.before} -> {self.after} ({kind})"


def diff_signatures(old: Signature, new: Signature) -> tuple[SignatureChange, ...]:
    """Return every difference from ``old`` to ``new``, inputs first, in field order.

    Breaking for inputs: removed, renamed, narrowed, newly required, or moved to another position.
    Breaking for outputs: any change of name, type, shape or class set.
    """
    return (*_diff_side("inputs", old.inputs, new.inputs), *_diff_side("outputs", old.outputs, new.outputs))


def _diff_side(side: str, old: tuple[Field, ...], new: tuple[Field, ...]) -> list[SignatureChange]:
    before = {field.name: field for field in old}
    after = {field.name: field for field in new}
    renamed = _renames(old, new)
    changes: list[SignatureChange] = []
    for field in old:
        if field.name in renamed:
            changes.append(
                SignatureChange(side, field.name, "renamed", field.name, renamed[field.name], True)
            )
        elif field.name not in after:
            changes.append(SignatureChange(side, field.name, "removed", _describe(field), "-", True))
        else:
            changes += _diff_field(side, field, after[field.name])
    for field in new:
        if field.name not in before and field.name not in renamed.values():
            breaking = side == "outputs" or field.required
            change = (
                "added" if side == "outputs" else f"added as {'required' if field.required else 'optional'}"
            )
            changes.append(SignatureChange(side, field.name, change, "-", _describe(field), breaking))
    kept_old = [field.name for field in old if field.name in after]
    kept_new = [field.name for field in new if field.name in before]
    if kept_old != kept_new:
        changes.append(
            SignatureChange(side, "(order)", "reordered", ", ".join(kept_old), ", ".join(kept_new), True)
        )
    return changes


def _renames(old: tuple[Field, ...], new: tuple[Field, ...]) -> dict[str, str]:
    """Pair a vanished name with a fresh one that stands in its place and is otherwise equal."""
    if len(old) != len(new):
        return {}
    old_names = {field.name for field in old}
    new_names = {field.name for field in new}
    return {
        one.name: two.name
        for one, two in zip(old, new, strict=True)
        if one.name not in new_names and two.name not in old_names and _rest(one) == _rest(two)
    }


def _rest(field: Field) -> tuple[object, ...]:
    return tuple(getattr(field, each.name) for each in fields(field) if each.name != "name")


def _diff_field(side: str, old: Field, new: Field) -> list[SignatureChange]:
    def change(what: str, before: object, after: object, breaking: bool) -> SignatureChange:
        return SignatureChange(side, old.name, what, str(before), str(after), breaking or side == "outputs")

    found = []
    if old.dtype is not new.dtype:
        narrowed = old.dtype not in ACCEPTS[new.dtype]
        found.append(
            change("narrowed" if narrowed else "widened", old.dtype.value, new.dtype.value, narrowed)
        )
    if old.shape != new.shape:
        found.append(change("changed shape", old.shape, new.shape, not _shape_accepts(new.shape, old.shape)))
    if old.required != new.required:
        what = "newly required" if new.required else "made optional"
        found.append(change(what, f"required={old.required}", f"required={new.required}", new.required))
    if old.nullable != new.nullable:
        what = "no longer takes missing values" if old.nullable else "takes missing values"
        found.append(change(what, f"nullable={old.nullable}", f"nullable={new.nullable}", old.nullable))
    if old.classes != new.classes:
        gone = not set(map(repr, old.classes)) <= set(map(repr, new.classes)) or not old.classes
        found.append(change("changed classes", list(old.classes), list(new.classes), gone))
    return found


def _shape_accepts(wide: tuple[int, ...] | None, narrow: tuple[int, ...] | None) -> bool:
    if wide is None or narrow is None or len(wide) != len(narrow):
        return False
    return all(a in (-1, b) for a, b in zip(wide, narrow, strict=True))


def _describe(field: Field) -> str:
    shape = "" if field.shape is None else str(list(field.shape))
    return field.dtype.value + shape + ("" if field.required else ", optional")
