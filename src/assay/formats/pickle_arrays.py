"""How many raw bytes follow joblib's ``NumpyArrayWrapper`` in a stream.

joblib writes an array as a wrapper object and then, outside of pickle, a pad and the array's bytes
(``joblib/numpy_pickle.py``, ``NumpyArrayWrapper.read_array``). To stay in step with the real reader the
length must be exact, so everything that joblib and NumPy do not write in just this way is refused.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

from assay.formats.pickle_values import Global, Made, Table
from assay.formats.sample import UnparseableError

WRAPPER: Final = ("joblib.numpy_pickle", "NumpyArrayWrapper")
_OLD_KEYS: Final = frozenset({"subclass", "shape", "order", "dtype", "allow_mmap"})
_KEYS: Final = _OLD_KEYS | {"numpy_array_alignment_bytes"}
_ARRAY_CLASSES: Final = frozenset({("numpy", "ndarray"), ("numpy", "matrix"), ("numpy", "memmap")})
# Sizes that NumPy has, by kind; the sizes of the last row are free.
_FIXED: Final = re.compile(r"b1|[iu][1248]|f(?:2|4|8|12|16)|c(?:8|16|24|32)|[mM]8")
_FREE: Final = re.compile(r"([USV])([1-9][0-9]{0,8})")
_UNIT_BYTES: Final = {"U": 4, "S": 1, "V": 1}
_HAS_OBJECTS: Final = 1
_MAX_BYTES: Final = 1 << 48


@dataclass(frozen=True, slots=True)
class ArrayPlan:
    """What follows a wrapper: another pickle stream, or a pad and ``size_bytes`` raw bytes.

    Attributes:
        pad_limit_bytes: the longest pad there can be; 0 when there is none, not even its length.
    """

    pickled: bool
    pad_limit_bytes: int
    size_bytes: int


def read_array_plan(wrapper: Made) -> ArrayPlan:
    """Work out what follows.

    Raises:
        UnparseableError: the wrapper is not as joblib writes it.
    """
    state = wrapper.state
    if wrapper.built != 1 or not isinstance(state, Table) or not state.whole:
        raise UnparseableError("an array is wrapped in a way joblib never writes")
    if state.keys() not in (_KEYS, _OLD_KEYS):
        raise UnparseableError("an array is wrapped in a way joblib never writes")
    subclass = state.get("subclass")
    if not isinstance(subclass, Global) or subclass.pair not in _ARRAY_CLASSES:
        raise UnparseableError("an array is of a class that joblib does not wrap")
    item_bytes = _item_bytes(state.get("dtype"))
    alignment = state.get("numpy_array_alignment_bytes")
    # Such pad lengths are no opcodes: nothing can hide there from a reader that knows no pads.
    if alignment is not None and (type(alignment) is not int or not 1 <= alignment <= 32):
        raise UnparseableError("an array has a malformed alignment")
    size_bytes = _count(state.get("shape")) * (item_bytes or 0)
    if size_bytes > _MAX_BYTES:
        raise UnparseableError("an array is too large", "limit")
    return ArrayPlan(item_bytes is None, alignment or 0, size_bytes)


def _count(shape: Any) -> int:
    if type(shape) is not tuple or len(shape) > 64:
        raise UnparseableError("an array has a malformed shape")
    count, largest = 1, 1
    for size in shape:
        if type(size) is not int or not 0 <= size <= _MAX_BYTES:
            raise UnparseableError("an array has a malformed shape")
        count *= size
        largest *= max(size, 1)
        # The real reader multiplies in 64 bits; a product that wraps around would count otherwise there.
        if largest > _MAX_BYTES:
            raise UnparseableError("an array is too large", "limit")
    return count


def _item_bytes(dtype: Any) -> int | None:
    """Return the size of one element, or None for Python objects."""
    if not isinstance(dtype, Made) or not dtype.is_a("numpy", "dtype") or dtype.built != 1:
        raise UnparseableError("an array has an element type that NumPy does not write")
    args, state = dtype.args, dtype.state
    if not _plain_args(args) or type(state) is not tuple or len(state) not in (8, 9):
        raise UnparseableError("an array has an element type that NumPy does not write")
    code, flags = args[0] if args else "", state[7]
    if state[0] != len(state) - 5 or state[2] is not None or type(flags) is not int:
        raise UnparseableError("an array has an element type that NumPy does not write")
    if code == "O8" and flags & _HAS_OBJECTS and _simple(state):
        return None
    if flags & _HAS_OBJECTS:
        raise UnparseableError("an array mixes objects and numbers")
    if _FIXED.fullmatch(code) and _simple(state):
        return int(code[1:])
    free = _FREE.fullmatch(code)
    if free and state[5] == int(free[2]) * _UNIT_BYTES[free[1]] and type(state[5]) is int:
        return state[5]
    raise UnparseableError(f"an array has an element type that is not known: {code[:20]}")


def _plain_args(args: tuple[Any, ...] | None) -> bool:
    if args is None or len(args) != 3 or type(args[0]) is not str:
        return False
    flags = args[1:]
    return all(type(flag) in (bool, int) for flag in flags) and flags == (False, True)


def _simple(state: tuple[Any, ...]) -> bool:
    """Whether it has neither fields nor a size of its own."""
    sizes = state[5:7]
    return state[3] is None and state[4] is None and all(type(s) is int for s in sizes) and sizes == (-1, -1)
