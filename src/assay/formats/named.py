"""Formats that are stored and named, told by their first bytes or members; later ones get own modules.

Each entry says how the format is recognised and what loading it can do.
"""

import json
from typing import Final

from assay.formats.recognition import Recognition, Risk, Sample, critical
from assay.formats.zip_files import open_zip

_CODE_MEMBERS: Final = ("data.pkl", "/code/", "constants.pkl", "archive_format", "byteorder")


def recognise_torch(sample: Sample) -> Recognition | None:
    """A zip with ``data.pkl``: PyTorch weights, TorchScript or an exported program; all hold pickle."""
    archive = open_zip(sample)
    if archive is None or not any(name.endswith(("data.pkl", ".pkl")) for name in archive.names):
        return None
    script = any("/code/" in name or name.endswith("constants.pkl") for name in archive.names)
    kind = "torchscript" if script else "torch"
    return Recognition(kind, Risk.CODE, "holds pickle, which executes code on load", archive.dangers)


def recognise_keras(sample: Sample) -> Recognition | None:
    """Keras version 3: a zip with configuration and weights."""
    archive = open_zip(sample)
    if archive is None or not {"config.json", "metadata.json"} <= set(archive.names):
        return None
    return Recognition("keras", Risk.EFFECTS, "layers can carry code", archive.dangers)


def recognise_zip(sample: Sample) -> Recognition | None:
    """Any other zip: nobody looked at every member, so it is not classified."""
    archive = open_zip(sample)
    if archive is None:
        return None
    return Recognition("zip", Risk.UNCLASSIFIED, "an archive of files", archive.dangers)


def recognise_binary(sample: Sample) -> Recognition | None:
    """Formats with a magic of their own."""
    head = sample.head
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return Recognition("hdf5", Risk.EFFECTS, "Keras layers in it can carry code")
    if head.startswith(b"GGUF"):
        return Recognition("gguf", Risk.EFFECTS, "its chat template is a program")
    if head[4:8] == b"TFL3":
        return Recognition("tflite", Risk.EFFECTS, "custom operators were not looked for")
    if head.startswith(b"PAR1"):
        return Recognition("parquet", Risk.DATA, "a table")
    if head.startswith(b"binf") or head[:9] == b"{L\x00\x00\x00\x00\x00\x00\x00":
        return Recognition("xgboost", Risk.DATA, "boosted trees")
    if head[257:262] == b"ustar":
        return Recognition("tar", Risk.UNCLASSIFIED, "an archive of files")
    if head.startswith((b"\x7fELF", b"MZ", b"\xca\xfe\xba\xbe", b"\xcf\xfa\xed\xfe")):
        found = critical("executable", "machine code")
        return Recognition("executable", Risk.CODE, "machine code", (found,))
    if sample.path.endswith("saved_model.pb") and head[:1] == b"\x08":
        return Recognition("savedmodel", Risk.EFFECTS, "operators can read and write files")
    return None


def recognise_text(sample: Sample) -> Recognition | None:
    """Text: known kinds by their content, and otherwise plain text, which no loader runs."""
    try:
        text = sample.head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(sample.head) - 4:
            return None
        text = sample.head[: error.start].decode("utf-8")
    if any(ord(letter) < 32 and letter not in "\t\n\r\f" for letter in text):
        return None
    start = text.lstrip("\ufeff \t\r\n")
    if start.startswith("<") and "<PMML" in text:
        return _pmml(sample)
    if start.startswith("tree\nversion=v"):
        return Recognition("lightgbm", Risk.DATA, "boosted trees as text")
    if start.startswith("{"):
        return _json(sample)
    if sample.path.endswith(".py") or start.startswith("#!"):
        return _source(sample)
    return Recognition("text", Risk.DATA, "text")


def _pmml(sample: Sample) -> Recognition:
    if b"<!DOCTYPE" in sample.head or b"<!ENTITY" in sample.head:
        found = critical("xml_doctype", "a document type can reach other files")
        return Recognition("pmml", Risk.CODE, "XML with a document type", (found,))
    return Recognition("pmml", Risk.DATA, "XML without a document type")


def _json(sample: Sample) -> Recognition:
    content = sample.read_at(0, 1 << 20)
    if b'"auto_map"' in content:
        found = critical("auto_map", "tells a loader to run Python files of this version")
        return Recognition("json", Risk.CODE, "configuration that names code", (found,))
    try:
        document = json.loads(content) if sample.size <= len(content) else None
    except (ValueError, RecursionError):
        return Recognition("text", Risk.DATA, "text")
    if isinstance(document, dict) and {"learner", "version"} <= set(document):
        return Recognition("xgboost", Risk.DATA, "boosted trees as JSON")
    return Recognition("json", Risk.DATA, "text")


def _source(sample: Sample) -> Recognition:
    """Program text. Tests run in the sandbox by themselves; anywhere else a loader may import it."""
    if sample.path.startswith(("tests/", "test/")):
        return Recognition("python", Risk.DATA, "tests: run in the sandbox only, never loaded with the model")
    return Recognition("python", Risk.CODE, "source code beside the model")
