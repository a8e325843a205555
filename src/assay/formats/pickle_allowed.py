"""The reviewed list: names that a pickle of a common model may import.

Exact pairs of module and name, never prefixes, never a name with a dot. Classes may be instantiated
with any arguments; functions only with arguments that fit their predicate; ``VALUES`` may be named but
not called. The list says that nothing foreign is asked for. It does not make a pickle safe to load.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from assay.formats.pickle_arrays import WRAPPER
from assay.formats.pickle_values import Global, Made
from assay.formats.reviewed_numeric import CLASSES as NUMERIC_CLASSES
from assay.formats.reviewed_numeric import UFUNCS
from assay.formats.reviewed_sklearn import CLASSES as SKLEARN_CLASSES
from assay.formats.reviewed_sklearn import FUNCTIONS as SKLEARN_FUNCTIONS

VERSION: Final = "2026-11-1"

Pair = tuple[str, str]
Predicate = Callable[[tuple[Any, ...]], bool]


def _pairs(listed: Mapping[str, str]) -> frozenset[Pair]:
    return frozenset((module, name) for module, names in listed.items() for name in names.split())


_ARRAYS: Final = (("numpy", "ndarray"), ("numpy", "matrix"))
_MASKED: Final = (("numpy.ma", "MaskedArray"), ("numpy.ma.core", "MaskedArray"))
_BIT_GENERATORS: Final = frozenset({"MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"})
_CLASSES: Final = _pairs(NUMERIC_CLASSES) | _pairs(SKLEARN_CLASSES)
VALUES: Final = _pairs(UFUNCS) | _pairs(SKLEARN_FUNCTIONS) | {("numpy", "memmap")}


def _names(*pairs: Pair) -> Callable[[Any], bool]:
    wanted = frozenset(pairs)
    return lambda value: isinstance(value, Global) and value.pair in wanted


def _rebuilds_array(args: tuple[Any, ...]) -> bool:
    return len(args) == 3 and _names(*_ARRAYS, *_MASKED)(args[0])


def _rebuilds_masked(args: tuple[Any, ...]) -> bool:
    return len(args) == 4 and _names(*_MASKED)(args[0]) and _names(*_ARRAYS)(args[1])


def _rebuilds_scalar(args: tuple[Any, ...]) -> bool:
    return 1 <= len(args) <= 2 and isinstance(args[0], Made) and args[0].is_a("numpy", "dtype")


def _reconstructs(args: tuple[Any, ...]) -> bool:
    """``copyreg._reconstructor(cls, object, None)``: protocols 0 and 1 make any instance so."""
    if len(args) != 3 or args[2] is not None or not _names(("builtins", "object"))(args[1]):
        return False
    return isinstance(args[0], Global) and args[0].pair in _CLASSES


def _encodes_latin1(args: tuple[Any, ...]) -> bool:
    return len(args) == 2 and type(args[1]) is str and args[1] == "latin1"


def _names_bit_generator(args: tuple[Any, ...]) -> bool:
    if len(args) > 2 or not all(_is_bit_generator(each) for each in args[:1]):
        return False
    return all(_names(("numpy.random._pickle", "__bit_generator_ctor"))(each) for each in args[1:])


def _is_bit_generator(value: Any) -> bool:
    if isinstance(value, Made) and value.callee is not None:
        return value.callee.pair == ("numpy.random._pickle", "__bit_generator_ctor")
    if isinstance(value, Global):
        return value.name in _BIT_GENERATORS and value.pair in _CLASSES
    return type(value) is str and value in _BIT_GENERATORS


def _unpickles_listed(args: tuple[Any, ...]) -> bool:
    """Cython's ``__pyx_unpickle_X(X, checksum, state)``."""
    return 2 <= len(args) <= 3 and isinstance(args[0], Global) and args[0].pair in _CLASSES


def _makes_pandas(args: tuple[Any, ...]) -> bool:
    return bool(args) and isinstance(args[0], Global) and args[0].pair in _CLASSES


def _views_buffer(args: tuple[Any, ...]) -> bool:
    """``_frombuffer(buffer, dtype, shape, order, axis_order)``."""
    if not 4 <= len(args) <= 5 or not isinstance(args[1], Made):
        return False
    return args[1].is_a("numpy", "dtype")


def _news_listed(args: tuple[Any, ...]) -> bool:
    """Cython's ``newObj(cls)``."""
    return len(args) == 1 and isinstance(args[0], Global) and args[0].pair in _CLASSES


def _any(args: tuple[Any, ...]) -> bool:  # noqa: ARG001 - one shape for all predicates
    return True


_PREDICATES: Final[Mapping[Pair, Predicate]] = {
    **{
        (module, "_reconstruct"): _rebuilds_array
        for module in ("numpy._core.multiarray", "numpy.core.multiarray")
    },
    **{
        (module, "scalar"): _rebuilds_scalar for module in ("numpy._core.multiarray", "numpy.core.multiarray")
    },
    **{(module, "_frombuffer"): _views_buffer for module in ("numpy._core.numeric", "numpy.core.numeric")},
    **{
        (f"sklearn.{module}", "newObj"): _news_listed
        for module in ("metrics._dist_metrics", "neighbors._kd_tree", "neighbors._ball_tree")
    },
    ("copyreg", "_reconstructor"): _reconstructs,
    ("_codecs", "encode"): _encodes_latin1,
    ("numpy.random._pickle", "__bit_generator_ctor"): _names_bit_generator,
    ("numpy.random._pickle", "__generator_ctor"): _names_bit_generator,
    ("numpy.random._pickle", "__randomstate_ctor"): _names_bit_generator,
    ("numpy.random.bit_generator", "__pyx_unpickle_SeedSequence"): _unpickles_listed,
    ("numpy.ma.core", "_mareconstruct"): _rebuilds_masked,
    ("pandas.core.indexes.base", "_new_Index"): _makes_pandas,
    ("pandas._libs.internals", "_unpickle_block"): _any,
    ("pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked"): _unpickles_listed,
}
_EXTENDABLE: Final = frozenset(
    {
        ("collections", "OrderedDict"),
        ("collections", "defaultdict"),
        ("collections", "Counter"),
        ("collections", "deque"),
        ("sklearn.utils._bunch", "Bunch"),
    }
)
_CYTHON: Final = "__pyx_unpickle_"


def allows(module: str, name: str) -> bool:
    """Whether a file may import exactly this."""
    pair = (module, name)
    if "." in name:
        return False
    return (
        pair == WRAPPER
        or pair in _CLASSES
        or pair in VALUES
        or pair in _PREDICATES
        or _is_cython(module, name)
    )


def arguments_fit(callee: Global, args: tuple[Any, ...]) -> bool:
    """Whether a name on the list may be called like this."""
    if callee.pair in _PREDICATES:
        return _PREDICATES[callee.pair](args)
    if callee.pair == WRAPPER:
        return len(args) == 0
    if _is_cython(*callee.pair):
        return _unpickles_listed(args) and args[0].name == callee.name.removeprefix(_CYTHON)
    return callee.pair in _CLASSES


def extends(module: str, name: str) -> bool:
    """Whether instances of this class may be filled by APPEND or SETITEM."""
    return (module, name) in _EXTENDABLE


def restores_from_pair(module: str, name: str) -> bool:
    """Whether what this makes has a ``__setstate__`` that takes a pair."""
    return (module, name) == ("numpy.random._pickle", "__bit_generator_ctor")


def _is_cython(module: str, name: str) -> bool:
    """Whether it is the generated unpickler of a class on the list, in the same module."""
    return name.startswith(_CYTHON) and (module, name.removeprefix(_CYTHON)) in _CLASSES
