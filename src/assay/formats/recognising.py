"""Recognise files by their content: one alone, and all of a version together."""

import posixpath
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import BinaryIO, Final

from assay.core.versions import FileFormat
from assay.formats.catalogue import FORMATS, LOADABLE
from assay.formats.pickles import BROKEN
from assay.formats.sample import (
    CODE,
    DATA,
    REGISTERING,
    UNCLASSIFIED,
    Budget,
    Concern,
    Meter,
    Recognition,
    Sample,
    UnparseableError,
    unparseable,
    with_concern,
    worst_risk,
)

MAX_DEPTH: Final = 4
_UNKNOWN: Final = Recognition(
    UNCLASSIFIED,
    UNCLASSIFIED,
    "no known format: handled as code",
    (Concern("unknown_format", "high", "nothing recognises its content"),),
)
_EMPTY: Final = Recognition("empty", DATA, "no bytes")


def recognise(path: str, source: BinaryIO, budget: Budget = REGISTERING) -> Recognition:
    """Say what a file is, by its content alone; whatever cannot be read completely is code.

    Args:
        path: its name, which is never looked at to decide.
        source: seekable; read in bounded pieces.
        budget: how much work it may cause.

    Raises:
        OSError: the bytes cannot be read.
    """
    return _recognise(path, source, Meter(budget), 0)


def _recognise(path: str, source: BinaryIO, meter: Meter, depth: int) -> Recognition:
    def look_inside(name: str, content: BinaryIO) -> Recognition:
        return _recognise(name, content, meter, depth + 1)

    if depth > MAX_DEPTH:
        return unparseable("nested", UnparseableError("files are packed in files too many times", "limit"))
    try:
        sample = Sample.of(path, source, meter, depth, look_inside)
    except UnparseableError as error:
        return unparseable(UNCLASSIFIED, error)
    if not sample.size_bytes:
        return _EMPTY
    for each in FORMATS:
        try:
            found = each.look(sample)
        except UnparseableError as error:
            return unparseable(each.name, error)
        except (*BROKEN, struct.error) as error:
            # A stranger's bytes that surprise a parser are those bytes' fault.
            return unparseable(each.name, UnparseableError(f"{type(error).__name__}: {error}"[:200]))
        if found is not None:
            return found
    return _UNKNOWN


def judge_together(found: Mapping[str, Recognition]) -> dict[str, Recognition]:
    """Follow what files say about each other.

    Weights that an ONNX model keeps in another file are data; a Python file that a configuration has its
    loader run is code; a file that is asked for and not there is said.
    """
    judged = dict(found)
    for path, each in found.items():
        folder = posixpath.dirname(path)
        for reference in each.references:
            target = posixpath.normpath(posixpath.join(folder, reference))
            if target not in found:
                missing = Concern("missing_file", "high", f"{reference[:200]} is not in the version")
                judged[path] = with_concern(judged[path], missing, each.risk)
            elif found[target].format == UNCLASSIFIED:
                judged[target] = Recognition(f"{each.format}-data", DATA, f"weights of {path}"[:500])
        for script in each.scripts:
            target = posixpath.normpath(posixpath.join(folder, script))
            if target in found:
                run = Concern("loaded_script", "high", f"{path[:200]} has its loader run this file")
                judged[target] = replace(with_concern(judged[target], run, CODE), detail=run.detail)
    return judged


def recognise_files(files: Iterable[tuple[str, Callable[[], BinaryIO]]]) -> tuple[FileFormat, ...]:
    """Say for each (path, opener) what the file is.

    Raises:
        OSError: bytes cannot be read.
    """
    found = {}
    for path, open_file in files:
        with open_file() as source:
            found[path] = recognise(path, source, REGISTERING)
    judged = judge_together(found)
    return tuple(FileFormat(path, each.format, each.risk, each.detail) for path, each in judged.items())


def find_entrypoint(formats: Sequence[FileFormat]) -> str:
    """Return the path of the one file that the runner can load; "" when there is none or more than one."""
    loadable = [each.path for each in formats if each.format in LOADABLE]
    return loadable[0] if len(loadable) == 1 else ""


def version_risk(found: Mapping[str, Recognition]) -> str:
    """Return the risk of a version: that of its worst file."""
    return worst_risk([each.risk for each in found.values()])
