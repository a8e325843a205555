"""ONNX (onnx/onnx, ``onnx.proto``): a graph of operators with its weights.

Data when every operator is of a standard domain or defined in the file itself, and weights kept in other
files stay inside the version. Field numbers are those of ``onnx.proto``; messages are walked, tensors
are passed over.
"""

from dataclasses import dataclass, field
from typing import Final

from assay.core.digests import check_path
from assay.core.errors import BadInputError
from assay.formats.protobuf import BYTES, VARINT, Field, Messages
from assay.formats.sample import DATA, EFFECTS, Concern, Recognition, Sample, UnparseableError

STANDARD_DOMAINS: Final = frozenset(
    {"", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview.training"}
)
RUNTIME_DOMAINS: Final = frozenset({"com.microsoft"})
MAX_DEPTH: Final = 40
_IR_VERSION, _GRAPH = 1, 7
_MODEL_FIELDS: Final = {1: VARINT, 5: VARINT} | dict.fromkeys((2, 3, 4, 6, 7, 8, 14, 20, 25, 26), BYTES)
# message -> field number -> message that lies there; everything else is passed over.
_INSIDE: Final[dict[str, dict[int, str]]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {
        5: "tensor",
        6: "graph",
        10: "tensor",
        11: "graph",
        22: "sparse",
        23: "sparse",
    },
    "sparse": {1: "tensor", 2: "tensor"},
    "function": {7: "node", 11: "attribute"},
    "tensor": {13: "entry"},
}


@dataclass(slots=True)
class _Found:
    """What the walk gathers: operators used and defined as (domain, name), files of weights."""

    used: set[tuple[str, str]] = field(default_factory=set)
    defined: set[tuple[str, str]] = field(default_factory=set)
    locations: dict[str, tuple[int, int]] = field(default_factory=dict)


def look(sample: Sample) -> Recognition | None:
    """Recognise a ModelProto; whatever parses as one down to its graph is one."""
    if sample.size_bytes < 8 or not _is_model(sample):
        return None
    found = _Found()
    _walk(Messages(sample), "model", (0, sample.size_bytes), found, 0)
    foreign = sorted(f"{domain}:{name}" for domain, name in found.used - found.defined if _foreign(domain))
    runtime = sorted(f"{domain}:{name}" for domain, name in found.used if domain in RUNTIME_DOMAINS)
    concerns = [_location_concern(location) for location in found.locations if not _is_inside(location)]
    if foreign:
        concerns.append(
            Concern("foreign_domain", "medium", f"custom operators: {', '.join(foreign[:20])}"[:500])
        )
    if runtime:
        concerns.append(
            Concern("runtime_domain", "info", f"only in some runtimes: {', '.join(runtime[:20])}"[:500])
        )
    risk = EFFECTS if any(each.severity != "info" for each in concerns) else DATA
    detail = concerns[0].detail if concerns else f"{len(found.used)} kinds of standard operators"
    references = tuple(location for location in found.locations if _is_inside(location))
    return Recognition("onnx", risk, detail, tuple(concerns), references=references)


def _is_model(sample: Sample) -> bool:
    """Whether the whole file is fields of ModelProto, with a version and a graph."""
    seen = set()
    try:
        for each in Messages(sample).fields(0, sample.size_bytes):
            if _MODEL_FIELDS.get(each.number) != each.wire:
                return False
            if each.number == _IR_VERSION and not 1 <= each.value <= 1000:
                return False
            seen.add(each.number)
    except UnparseableError:
        return False
    return {_IR_VERSION, _GRAPH} <= seen


def _walk(messages: Messages, kind: str, span: tuple[int, int], found: _Found, depth: int) -> None:
    """Walk a message and all that lies inside it."""
    if depth > MAX_DEPTH:
        raise UnparseableError("graphs nest too deeply", "limit")
    texts: dict[int, str] = {}
    entries: list[tuple[str, str]] = []
    for each in messages.fields(*span):
        inner = _INSIDE[kind].get(each.number)
        if inner == "entry":
            entries.append(_entry(messages, each))
        elif inner is not None:
            if each.wire != BYTES:
                raise UnparseableError("a message is of the wrong type")
            _walk(messages, inner, (each.start, each.end), found, depth + 1)
        elif (kind, each.number) in _NAMES:
            texts[each.number] = messages.text(each)
    _note(kind, texts, entries, found)


# node: op_type and domain; function: name and domain.
_NAMES: Final = frozenset({("node", 4), ("node", 7), ("function", 1), ("function", 10)})


def _note(kind: str, texts: dict[int, str], entries: list[tuple[str, str]], found: _Found) -> None:
    if kind == "node":
        found.used.add((texts.get(7, ""), texts.get(4, "")))
    elif kind == "function":
        found.defined.add((texts.get(10, ""), texts.get(1, "")))
    for key, value in entries:
        if key == "location":
            found.locations[value] = (0, 0)
    if len(found.used) + len(found.defined) + len(found.locations) > 100_000:
        raise UnparseableError("too many operators", "limit")


def _entry(messages: Messages, outer: Field) -> tuple[str, str]:
    """Read a StringStringEntryProto: 1 key, 2 value."""
    texts = {each.number: messages.text(each) for each in messages.fields(outer.start, outer.end)}
    return texts.get(1, ""), texts.get(2, "")


def _foreign(domain: str) -> bool:
    return domain not in STANDARD_DOMAINS and domain not in RUNTIME_DOMAINS


def _is_inside(location: str) -> bool:
    try:
        check_path(location.removeprefix("./"))
    except BadInputError:
        return False
    return True


def _location_concern(location: str) -> Concern:
    detail = f"weights lie outside the version: {location[:200]!r}"
    return Concern("external_data_location", "critical", detail)
