"""Chat templates: Jinja programs that come with a model. Judged by their text, never rendered."""

import re
from typing import Final

_CODE: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_UNSAFE: Final = re.compile(r"\w*__\w*|\|\s*attr\b|\b(?:import|include|extends)\b|\\x5f|\\u005f|\\137")


def unsafe_parts(template: str) -> tuple[str, ...]:
    """Return what a template uses and no chat needs: dunder names, ``attr``, other templates.

    An unclosed tag is judged to its end.
    """
    spans = [match[0] for match in _CODE.finditer(template)]
    rest = _CODE.sub("", template)
    opened = [rest.find(tag) for tag in ("{{", "{%") if tag in rest]
    if opened:
        spans.append(rest[min(opened) :])
    return tuple(dict.fromkeys(part[:60] for span in spans for part in _UNSAFE.findall(span)))
