"""skops: scikit-learn models as a zip of JSON and arrays (skops.io, MIT).

``schema.json`` names every type that the loader would build. Types known to be plain data or
reviewed estimators keep the file in class data; others, and functions or methods, make it code:
the loader would import them once somebody trusts them.
"""

import json
from collections.abc import Iterable
from typing import Any, Final

from assay.formats.pickle_allowed import allows
from assay.formats.recognition import Danger, Recognition, Risk, Sample, critical
from assay.formats.zip_files import open_zip

_PLAIN: Final = frozenset(
    {
        ("numpy", "ndarray"),
        ("numpy", "generic"),
        ("numpy", "random"),
        ("numpy.random._generator", "Generator"),
        ("numpy.random.mtrand", "RandomState"),
        ("builtins", "NoneType"),
        ("collections", "OrderedDict"),
        ("scipy.sparse", "spmatrix"),
    }
)
MAX_DEPTH: Final = 200


def recognise(sample: Sample) -> Recognition | None:
    """Recognise a skops file and list the types it names."""
    archive = open_zip(sample)
    if archive is None or "schema.json" not in archive.names:
        return None
    content = archive.read("schema.json")
    try:
        schema = json.loads(content or b"")
    except (ValueError, RecursionError):
        schema = None
    if not isinstance(schema, dict) or "__loader__" not in schema:
        return None
    found: set[tuple[str, str]] = set()
    whole = _collect(schema, found, 0)
    foreign = sorted(f"{module}.{name}" for module, name in found if not _known(module, name))
    dangers: list[Danger] = list(archive.dangers)
    if not whole:
        dangers.append(critical("unparseable", "the schema nests too deeply"))
    names = tuple(sorted(f"{module}.{name}" for module, name in found))
    if foreign:
        detail = f"names types that were not reviewed: {', '.join(foreign[:50])}"
        return Recognition("skops", Risk.CODE, detail, (*dangers, critical("foreign_types", detail)), names)
    risk = Risk.CODE if dangers else Risk.DATA
    return Recognition("skops", risk, "JSON and arrays; every type is reviewed", tuple(dangers), names)


def _collect(node: Any, found: set[tuple[str, str]], depth: int) -> bool:
    """Gather every (module, class) below ``node``; False when it nests too deeply."""
    if depth > MAX_DEPTH:
        return False
    if isinstance(node, list):
        return _collect_all(node, found, depth)
    if not isinstance(node, dict):
        return True
    if "__class__" in node or "__module__" in node:
        found.add((str(node.get("__module__")), str(node.get("__class__"))))
    return _collect_all(node.values(), found, depth)


def _collect_all(nodes: Iterable[Any], found: set[tuple[str, str]], depth: int) -> bool:
    whole = True
    for node in nodes:
        whole = _collect(node, found, depth + 1) and whole
    return whole


def _known(module: str, name: str) -> bool:
    if "." in name:
        return False
    numpy_scalar = module == "numpy" and name.rstrip("_0123456789") in (
        "bool", "int", "uint", "float", "complex", "str", "bytes", "datetime", "timedelta", "dtype"
    )  # fmt: skip
    return numpy_scalar or (module, name) in _PLAIN or allows(module, name)
