"""The list of formats, most telling first. A new format is a new line here."""

from collections.abc import Callable, Iterable, Sequence
from typing import BinaryIO, Final

from assay.core.versions import FileFormat
from assay.formats import named, onnx, pickle_family, skops, tensors
from assay.formats.recognition import FormatEntry, Recognition, Risk, Sample

FORMATS: Final[tuple[FormatEntry, ...]] = (
    FormatEntry("skops", skops.recognise, loadable=True),
    FormatEntry("npz", tensors.recognise_npz),
    FormatEntry("torch", named.recognise_torch),
    FormatEntry("keras", named.recognise_keras),
    FormatEntry("zip", named.recognise_zip),
    FormatEntry("npy", tensors.recognise_npy),
    FormatEntry("safetensors", tensors.recognise_safetensors),
    FormatEntry("binary", named.recognise_binary),
    FormatEntry("onnx", onnx.recognise, loadable=True),
    FormatEntry("pickle", pickle_family.recognise, loadable=True),
    FormatEntry("text", named.recognise_text),
)
LOADABLE: Final = frozenset({"skops", "onnx", "joblib", "pickle"})
UNCLASSIFIED: Final = Recognition("unclassified", Risk.UNCLASSIFIED, "nothing recognised it")


def recognise(path: str, source: BinaryIO, *, deep: bool = False) -> Recognition:
    """Say what a file is, by its content.

    Args:
        path: its name in the version, for context only.
        source: seekable.
        deep: inspect all of it for dangers, not only as far as naming it needs.
    """
    sample = Sample(path, source, deep=deep)
    if sample.size == 0:
        return Recognition("empty", Risk.DATA, "no bytes")
    found = (entry.recognise(sample) for entry in FORMATS)
    return next((each for each in found if each is not None), UNCLASSIFIED)


def recognise_files(files: Iterable[tuple[str, Callable[[], BinaryIO]]]) -> tuple[FileFormat, ...]:
    """Say for each (path, opener) what the file is."""
    found = []
    for path, opener in files:
        with opener() as source:
            each = recognise(path, source)
        found.append(FileFormat(path, each.format, each.risk.value, each.detail))
    return tuple(found)


def find_entrypoint(formats: Sequence[FileFormat]) -> str:
    """Return the one model file that the runner can load; "" when there is none or more than one."""
    loadable = [each.path for each in formats if each.format in LOADABLE]
    return loadable[0] if len(loadable) == 1 else ""


def worst(risks: Iterable[Risk]) -> Risk:
    """Return the worst; of nothing, unclassified."""
    return max(risks, key=lambda risk: risk.rank, default=Risk.UNCLASSIFIED)
