"""Keras v3 archives and HDF5 files: layers are built from a configuration that can name code.

Never plain data: the class is effects, and code when a Lambda layer, a module outside Keras or one of its
utilities is named (CVE-2025-1550, CVE-2025-12060). HDF5 is not parsed; texts in it are searched.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

from assay.formats.archives import MAX_MEMBER_BYTES
from assay.formats.sample import CODE, EFFECTS, Concern, Recognition, Sample, UnparseableError
from assay.formats.zips import archive_of

_HDF5: Final = b"\x89HDF\r\n\x1a\n"
_CONFIGURATION: Final = "config.json"
_SEARCHED_BYTES: Final = 256 * 1024**2
_CHUNK: Final = 1 << 20
_LAMBDA: Final = (b'"class_name": "Lambda"', b'"class_name":"Lambda"', b"__lambda__")
_UTILITIES: Final = frozenset({"get_file", "Lambda", "__lambda__", "load_model", "load_weights", "save_img"})


def look(sample: Sample) -> Recognition | None:
    """Recognise a Keras v3 archive."""
    archive = archive_of(sample)
    if archive is None or not {_CONFIGURATION, "metadata.json"} <= set(archive.entries):
        return None
    try:
        configuration = json.loads(archive.read(_CONFIGURATION, MAX_MEMBER_BYTES))
    except UnparseableError:
        raise
    except (ValueError, RecursionError) as error:
        raise UnparseableError("the configuration is no JSON", "invalid_header") from error
    foreign = sorted(set(_foreign(configuration)))
    if foreign:
        concern = Concern(
            "keras_code", "critical", f"the configuration names code: {', '.join(foreign)}"[:500]
        )
        return Recognition("keras", CODE, concern.detail, (concern,))
    others = [name for name in archive.entries if name.endswith((".pkl", ".py", ".pickle"))]
    if others:
        concern = Concern("keras_code", "high", f"it carries {', '.join(others[:10])}"[:500])
        return Recognition("keras", CODE, concern.detail, (concern,))
    return Recognition("keras", EFFECTS, "layers of Keras only")


def _foreign(configuration: Any) -> Iterator[str]:
    """Give every class or function that is not a plain part of Keras."""
    waiting = [configuration]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            waiting += value.values()
            if name := _code_name(value):
                yield name


def _code_name(part: dict[str, Any]) -> str:
    """Name what a part of the configuration asks for when it is not plain Keras, else ""."""
    module, name, config = part.get("module"), part.get("class_name"), part.get("config")
    if isinstance(module, str) and module.partition(".")[0] not in ("keras", "builtins"):
        return f"{module}.{name}"[:200]
    if isinstance(name, str) and (name in _UTILITIES or (module == "builtins" and name != "function")):
        return f"{module}.{name}"[:200]
    return f"{module}.{config}"[:200] if isinstance(config, str) and config in _UTILITIES else ""


def look_hdf5(sample: Sample) -> Recognition | None:
    """Recognise an HDF5 file; Keras kept whole models in it before version 3."""
    if not sample.head.startswith(_HDF5):
        return None
    sample.source.seek(0)
    kept, searched = b"", 0
    while searched < _SEARCHED_BYTES and (chunk := sample.source.read(_CHUNK)):
        searched += len(chunk)
        if any(word in kept + chunk for word in _LAMBDA):
            concern = Concern("keras_code", "critical", "a Lambda layer carries Python bytecode")
            return Recognition("hdf5", CODE, concern.detail, (concern,))
        kept = chunk[-32:]
    if searched < sample.size_bytes:
        raise UnparseableError("too large to be searched", "limit")
    return Recognition("hdf5", EFFECTS, "HDF5 can hold Keras layers and links to other files")
