"""ONNX: a graph of standard operators with its weights (onnx/onnx, ``onnx.proto``).

Data, as long as every operator domain is standard and weights kept in other files stay inside the
version. ModelProto: 1 ir_version, 7 graph, 8 opset_import (1 domain, 2 version), 25 functions.
GraphProto: 1 node, 5 initializer, 15 sparse_initializer. TensorProto: 13 external_data (1 key, 2 value).
"""

from typing import Final

from assay.formats.protobuf import fields
from assay.formats.recognition import Danger, Recognition, Risk, Sample, critical

STANDARD_DOMAINS: Final = frozenset(
    {"", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview.training"}
)
MAX_BYTES: Final = 2 << 30
MAX_DEPTH: Final = 30


def recognise(sample: Sample) -> Recognition | None:
    """Recognise a ModelProto; look at its domains and, in depth, at where its weights lie."""
    if not sample.head.startswith(b"\x08") or sample.size > MAX_BYTES:
        return None
    model = fields(sample.read_at(0, sample.size))
    if model is None:
        return None
    numbers = {number for number, _, _ in model}
    if not {1, 7} <= numbers or not all(kind == 2 for number, kind, _ in model if number in (7, 8, 25)):
        return None
    domains = sorted(
        {_domain(value) for number, _, value in model if number == 8 and isinstance(value, bytes)}
    )
    foreign = [domain for domain in domains if domain not in STANDARD_DOMAINS]
    dangers = _external(model, 0) if sample.deep else []
    if foreign:
        detail = f"operators of other domains: {', '.join(foreign[:10])}"
        return Recognition("onnx", Risk.EFFECTS, detail, tuple(dangers))
    risk = Risk.CODE if dangers else Risk.DATA
    return Recognition("onnx", risk, "a graph of standard operators", tuple(dangers))


def _domain(opset: bytes) -> str:
    found = [value for number, kind, value in fields(opset) or [] if number == 1 and kind == 2]
    return found[0].decode("utf-8", "replace") if found and isinstance(found[0], bytes) else ""


def _external(message: "list[tuple[int, int, int | bytes]]", depth: int) -> list[Danger]:
    """Find external-data locations that leave the version, in every graph and tensor below."""
    if depth > MAX_DEPTH:
        return [critical("unparseable", "graphs nest too deeply")]
    found: list[Danger] = []
    for number, kind, value in message:
        if kind != 2 or not isinstance(value, bytes):
            continue
        if number == 13:
            location = _location(value)
            if location is not None and not _inside(location):
                found.append(critical("external_data", f"weights outside the version: {location[:200]!r}"))
        elif _may_hold_graphs(number, depth):
            inner = fields(value)
            if inner is not None:
                found += _external(inner, depth + 1)
    return found


def _may_hold_graphs(number: int, depth: int) -> bool:
    """Model: graph and functions; graph: nodes and tensors; node: attributes; attribute: tensors, graphs."""
    return number in ((7, 25) if depth == 0 else (1, 5, 6, 7, 10, 11, 15, 22, 23))


def _location(entry: bytes) -> str | None:
    pairs = {number: value for number, kind, value in fields(entry) or [] if kind == 2}
    if pairs.get(1) == b"location" and isinstance(pairs.get(2), bytes):
        value = pairs[2]
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else None
    return None


def _inside(location: str) -> bool:
    parts = location.replace("\\", "/").split("/")
    return (
        bool(location) and not location.startswith(("/", "\\")) and ".." not in parts and ":" not in parts[0]
    )
