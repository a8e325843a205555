"""skops (skops.io, MIT): a zip of ``schema.json``, arrays and bytes that describes objects.

The schema is a tree of nodes ``{"__loader__", "__module__", "__class__", ...}``; loading imports the
class and fills it. A file is data when every node is of a class that its loader's row names below (what
skops 0.16 trusts by itself, plus reviewed additions), and code otherwise, with the foreign names listed.

Trees are trusted only after a look at their node tables (:mod:`assay.formats.skops_trees`).
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from assay.formats.archives import MAX_MEMBER_BYTES
from assay.formats.numpy_arrays import layout_in
from assay.formats.pickles import BROKEN
from assay.formats.reviewed_numeric import CLASSES as NUMERIC
from assay.formats.reviewed_numeric import UFUNCS
from assay.formats.reviewed_sklearn import CLASSES as SKLEARN
from assay.formats.reviewed_sklearn import FUNCTIONS
from assay.formats.sample import (
    CODE,
    DATA,
    MAX_CONCERNS,
    Concern,
    Recognition,
    Sample,
    UnparseableError,
    worst_risk,
)
from assay.formats.skops_trees import TREE, check_trees
from assay.formats.zips import Archive, archive_of

SCHEMA: Final = "schema.json"
MAX_SCHEMA_BYTES: Final = 64 * 1024**2

_NEWEST_PROTOCOL: Final = 2


def _listed(*tables: Mapping[str, str], under: str = "") -> frozenset[str]:
    return frozenset(
        f"{module}.{name}"
        for table in tables
        for module, names in table.items()
        if module.startswith(under)
        for name in names.split()
    )


_DTYPES: Final = _listed(NUMERIC, under="numpy") - {"numpy.ndarray", "numpy.matrix", "numpy.dtype"}
_BUILTINS: Final = _listed({"builtins": "int float str bool list set map tuple"})
_LOSSES: Final = _listed(SKLEARN, under="sklearn._loss._loss") | _listed(
    SKLEARN, under="sklearn.linear_model._sgd_fast"
)
# Native trees of indices: skops itself does not trust them, and nobody checks their content here.
_UNCHECKED: Final = _listed(SKLEARN, under="sklearn.neighbors._kd_tree") | _listed(
    SKLEARN, under="sklearn.neighbors._ball_tree"
)
_OBJECTS: Final = _listed(SKLEARN) - _LOSSES - _UNCHECKED - {TREE}
_BIT_GENERATORS: Final = frozenset({"MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"})
_KNOWN: Final[dict[str, frozenset[str]]] = {
    "DictNode": frozenset({"builtins.dict", "collections.OrderedDict", "sklearn.utils._bunch.Bunch"}),
    "DefaultDictNode": frozenset({"collections.defaultdict"}),
    "ListNode": frozenset({"builtins.list"}),
    "SetNode": frozenset({"builtins.set"}),
    "TupleNode": frozenset({"builtins.tuple"}),
    "BytesNode": frozenset({"builtins.bytes"}),
    "BytearrayNode": frozenset({"builtins.bytearray"}),
    "SliceNode": frozenset({"builtins.slice"}),
    "JsonNode": frozenset({"builtins.str"}),
    "TypeNode": _BUILTINS | _DTYPES,
    "FunctionNode": _listed(UFUNCS, FUNCTIONS),
    "NdArrayNode": _DTYPES | {"numpy.ndarray"},
    "MaskedArrayNode": frozenset({"numpy.ma.MaskedArray", "numpy.ma.core.MaskedArray"}),
    "DTypeNode": frozenset({"numpy.dtype"}),
    "RandomStateNode": frozenset({"numpy.random.mtrand.RandomState", "numpy.random.RandomState"}),
    "RandomGeneratorNode": frozenset({"numpy.random._generator.Generator", "numpy.random.Generator"}),
    "SparseMatrixNode": _listed(NUMERIC, under="scipy.sparse"),
    "ObjectNode": _OBJECTS,
    "LossNode": _LOSSES,
    "TreeNode": frozenset({TREE}),
}


def look(sample: Sample) -> Recognition | None:
    """Recognise a skops file and judge every type it names."""
    archive = archive_of(sample)
    if archive is None or SCHEMA not in archive.entries:
        return None
    schema = _read_schema(archive)
    names, foreign, files = _inspect(schema)
    concerns = [Concern("foreign_type", "high", f"{name} is not on the reviewed list") for name in foreign]
    concerns += _check_arrays(archive, files)
    concerns += check_trees(archive, schema)
    others = [name for name in archive.entries if name != SCHEMA and name not in files]
    inside = [sample.look_inside(name, archive.open(name, MAX_MEMBER_BYTES)) for name in others]
    concerns += [each for found in inside for each in found.concerns]
    detail = "every type it names is on the reviewed list"
    if concerns:
        detail = f"names types that nobody reviewed: {', '.join(foreign)}" if foreign else concerns[0].detail
    risk = worst_risk([CODE if concerns else DATA, *(found.risk for found in inside)])
    return Recognition("skops", risk, detail[:500], tuple(concerns[:MAX_CONCERNS]), tuple(sorted(names)))


def _read_schema(archive: Archive) -> dict[str, Any]:
    try:
        schema = json.loads(archive.read(SCHEMA, MAX_SCHEMA_BYTES))
    except UnparseableError:
        raise
    except BROKEN as error:
        raise UnparseableError("the schema is no JSON", "invalid_header") from error
    protocol = schema.get("protocol") if isinstance(schema, dict) else None
    if type(protocol) is not int or not 0 < protocol <= _NEWEST_PROTOCOL or "__loader__" not in schema:
        raise UnparseableError("the schema is of a protocol that is not known", "invalid_header")
    return dict(schema)


def _walk(schema: Any) -> Iterator[dict[str, Any]]:
    """Give every object of the document."""
    waiting = [schema]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield value
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def _inspect(schema: dict[str, Any]) -> tuple[set[str], list[str], dict[str, str]]:
    """Return all names, the foreign ones, and the files that nodes refer to, with their loader."""
    names: set[str] = set()
    foreign: dict[str, None] = {}
    files: dict[str, str] = {}
    for node in _walk(schema):
        if not {"__loader__", "__class__", "__module__"} & set(node):
            continue
        loader, name = str(node.get("__loader__")), f"{node.get('__module__')}.{node.get('__class__')}"
        names.add(name)
        if "." in str(node.get("__class__")) or name not in _KNOWN.get(loader, frozenset()):
            foreign[_foreign_name(node, loader, name)] = None
        if loader == "RandomGeneratorNode" and not _names_bit_generator(node):
            foreign["a random generator of no known kind"] = None
        if isinstance(node.get("file"), str):
            files[node["file"]] = loader
    return names, list(foreign), files


def _foreign_name(node: dict[str, Any], loader: str, name: str) -> str:
    content = node.get("content")
    method = content.get("func") if loader == "MethodNode" and isinstance(content, dict) else None
    known = "" if loader in _KNOWN else f" ({loader})"
    return f"{name}.{method}"[:300] if isinstance(method, str) else f"{name}{known}"[:300]


def _names_bit_generator(node: dict[str, Any]) -> bool:
    """The kind is a text deep inside the state, which the loader looks up and calls."""
    try:
        text = node["content"]["bit_generator"]["content"]["bit_generator"]["content"]
        return isinstance(text, str) and json.loads(text) in _BIT_GENERATORS
    except (KeyError, TypeError, *BROKEN):
        return False


def _check_arrays(archive: Archive, files: dict[str, str]) -> list[Concern]:
    """Arrays are read without pickle; one that needs it has no business here."""
    found = []
    for name, loader in files.items():
        if name not in archive.entries:
            found.append(Concern("missing_member", "high", f"{name[:200]} is not in the archive"))
        elif loader == "NdArrayNode" and layout_in(archive, name).objects:
            found.append(Concern("object_array", "high", f"{name[:200]} holds Python objects"))
    return found
