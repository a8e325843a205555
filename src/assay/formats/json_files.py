"""JSON: data, except where a key tells a loader to import or run something.

Hugging Face's ``auto_map`` names Python files beside the model that its loader runs; ``_target_`` (Hydra,
NeMo) names a callable (CVE-2025-23304); a chat template is a program that the loader renders.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

from assay.formats.sample import CODE, DATA, EFFECTS, Concern, Recognition, Sample, UnparseableError
from assay.formats.templates import unsafe_parts

MAX_BYTES: Final = 48 * 1024**2
_BLANK: Final = b"\xef\xbb\xbf \t\r\n"


def look(sample: Sample) -> Recognition | None:
    """Recognise JSON: one document, or one object per line."""
    if not sample.head.lstrip(_BLANK).startswith((b"{", b"[")):
        return None
    if sample.size_bytes > MAX_BYTES:
        return _judge_large(sample)
    try:
        text = sample.read_at(0, sample.size_bytes).decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    documents = _documents(text)
    if documents is None:
        return None
    if len(documents) == 1 and isinstance(documents[0], dict) and {"learner", "version"} <= set(documents[0]):
        return Recognition("xgboost", DATA, "boosted trees as JSON")
    return judge("json", documents)


def _judge_large(sample: Sample) -> Recognition | None:
    if sample.head.lstrip(_BLANK).startswith(b'{"learner":{'):
        return Recognition("xgboost", DATA, "boosted trees as JSON, too many to be looked at one by one")
    if b"\0" in sample.head:
        return None
    raise UnparseableError("too large to be looked into", "limit")


def _documents(text: str) -> list[Any] | None:
    try:
        return [json.loads(text)]
    except RecursionError as error:
        raise UnparseableError("nests too deeply", "limit") from error
    except ValueError:
        pass
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except RecursionError as error:
        raise UnparseableError("nests too deeply", "limit") from error
    except ValueError:
        return None


def judge(name: str, documents: Any) -> Recognition:
    """Judge a document by the keys in it."""
    concerns: list[Concern] = []
    scripts: dict[str, None] = {}
    templates: list[str] = []
    for key, value in _pairs(documents):
        if key == "auto_map":
            references = [each for _, each in _leaves(value)]
            scripts |= dict.fromkeys(_script(each) for each in references)
            detail = f"the loader runs Python of this version: {', '.join(references)}"
            concerns.append(Concern("auto_map", "high", detail[:500]))
        elif key == "_target_":
            concerns.append(Concern("target", "high", f"the loader calls {str(value)[:200]}"))
        elif key == "chat_template":
            templates += [each for _, each in _leaves(value)]
    unsafe = [part for template in templates for part in unsafe_parts(template)]
    if unsafe:
        detail = f"the chat template uses {', '.join(unsafe[:10])}"[:500]
        concerns.append(Concern("template_unsafe", "critical", detail))
    if concerns:
        return Recognition(name, CODE, concerns[0].detail, tuple(concerns[:50]), scripts=tuple(scripts))
    if templates:
        return Recognition(name, EFFECTS, "a chat template that the loader renders")
    return Recognition(name, DATA, "text")


def _pairs(document: Any) -> Iterator[tuple[str, Any]]:
    """Give every key with its value, at any depth."""
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield from ((key, each) for key, each in value.items() if isinstance(key, str))
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def _leaves(value: Any) -> Iterator[tuple[str, str]]:
    """Give every text below a value."""
    if isinstance(value, str):
        yield "", value
    for key, each in _pairs({"": value}):
        if isinstance(each, str) and each is not value:
            yield key, each
        elif isinstance(each, list):
            yield from ((key, text) for text in each if isinstance(text, str))


def _script(reference: str) -> str:
    """Return the file behind ``modeling_x.Class`` or ``repository--modeling_x.Class``."""
    module = reference.rpartition("--")[2].rpartition(".")[0]
    return module.replace(".", "/") + ".py"
