"""Plain text: Markdown, requirements, CSV, YAML, Python source. Data: no loader runs it.

Python source is text too: nothing opens it together with the model. Tests run in their own sandboxed
process, where they are meant to run. Source becomes code when a configuration of the version tells its
loader to run it (``auto_map``): that is judged over all files, in :mod:`assay.formats.recognising`.

YAML is judged by its text: a tag that builds Python objects, or ``_target_``, makes it code.
"""

import ast
import re
from typing import Final

from assay.formats.sample import CODE, DATA, EFFECTS, Concern, Recognition, Sample, UnparseableError
from assay.formats.templates import unsafe_parts

MAX_BYTES: Final = 32 * 1024**2
_MAX_SOURCE_LETTERS: Final = 256 * 1024
_EDGE_BYTES: Final = 64 * 1024
_CONTROL: Final = bytes(set(range(32)) - set(b"\t\n\r\f\x1b")) + b"\x7f"
_PYTHON: Final = re.compile(
    r"^(?:from [\w.]+ import |import [\w.]+|def \w+\(|async def \w+\(|class \w+[:(]|if __name__ ==)",
    re.MULTILINE,
)
_YAML_CODE: Final = re.compile(r"!!?python/[\w/]+|!<tag:yaml\.org,2002:python/|tag:yaml\.org,2002:python/")
_TARGET: Final = re.compile(r"(?:^|[\s{,\-\"'])_target_[\"']?\s*:\s*(\S+)", re.MULTILINE)


def look(sample: Sample) -> Recognition | None:
    """Recognise UTF-8 text without control characters."""
    if sample.size_bytes > MAX_BYTES:
        return _judge_large(sample)
    text = _decode(sample.read_at(0, sample.size_bytes), cut=False)
    if text is None:
        return None
    if text.lstrip().startswith(("{%", "{{", "{#")):
        return _judge_template(text)
    concerns = _concerns(text)
    if concerns and not _is_python(text):
        return Recognition("yaml", CODE, concerns[0].detail, concerns)
    if _PYTHON.search(text):
        return Recognition("python", DATA, "Python source: not loaded together with the model")
    return Recognition("text", DATA, "text")


def _concerns(text: str) -> tuple[Concern, ...]:
    found = []
    if tag := _YAML_CODE.search(text):
        found.append(Concern("yaml_python", "high", f"builds Python objects: {tag[0][:100]}"))
    if target := _TARGET.search(text):
        found.append(Concern("target", "high", f"the loader calls {target[1][:200]}"))
    if '"auto_map"' in text:
        found.append(Concern("auto_map", "high", "not JSON, and names Python for the loader to run"))
    return tuple(found)


def _is_python(text: str) -> bool:
    """Whether it is source, in which such words stand in texts or comments: it parses as nothing else."""
    if len(text) > _MAX_SOURCE_LETTERS:
        return False
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return _PYTHON.search(text) is not None


def _judge_template(text: str) -> Recognition:
    unsafe = unsafe_parts(text)
    if unsafe:
        detail = f"the template uses {', '.join(unsafe[:10])}"[:500]
        return Recognition("template", CODE, detail, (Concern("template_unsafe", "critical", detail),))
    return Recognition("template", EFFECTS, "a template that the loader renders")


def _judge_large(sample: Sample) -> Recognition | None:
    """Large text is a table or a log: it counts when its lines look like rows, at both ends."""
    head, tail = sample.read_at(0, _EDGE_BYTES), sample.tail(_EDGE_BYTES)
    first, last = _decode(head, cut=True), _decode(tail, cut=True)
    if first is None or last is None:
        return None
    separators = [mark for mark in ",;\t|" if all(mark in line for line in first.splitlines()[:20])]
    if not separators:
        raise UnparseableError("too large to be looked into", "limit")
    return Recognition("text", DATA, "a large table as text")


def _decode(content: bytes, *, cut: bool) -> str | None:
    """Return the text, or None when it is none; a cut piece may begin and end inside a letter."""
    if cut:
        content = content.lstrip(bytes(range(0x80, 0xC0)))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if not cut or error.start < len(content) - 3:
            return None
        text = content[: error.start].decode("utf-8-sig", "replace")
    return None if content.translate(None, _CONTROL) != content else text
