"""Reading what a request says about the state it builds on: If-Match and If-None-Match (RFC 9110, 13.1)."""

import re
from collections.abc import Sequence
from typing import Final

from assay.core.errors import BadInputError
from assay.core.preconditions import ANY, ANY_STATE, Precondition, Tag

MAX_CHARACTERS: Final = 4000
# RFC 9110, 8.8.3: entity-tag = [ %s"W/" ] DQUOTE *etagc DQUOTE; obs-text is what a header says in Latin 1.
_TAG: Final = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_BETWEEN: Final = re.compile(r"[ \t]*(?:,[ \t]*)+")


def precondition(match: Sequence[str], none_match: Sequence[str]) -> Precondition:
    """Return what the values of both headers say together.

    Args:
        match: every value of If-Match.
        none_match: every value of If-None-Match.

    Raises:
        BadInputError: one is no list of entity tags: a condition that is not understood never holds.
    """
    return Precondition(_tags("If-Match", match), _tags("If-None-Match", none_match))


def _tags(name: str, values: Sequence[str]) -> tuple[Tag, ...] | None:
    if not values:
        return None
    text = ", ".join(values).strip(" \t,")
    if text == ANY:
        return ANY_STATE
    found, place = [], 0
    while place < len(text) <= MAX_CHARACTERS:
        match = _TAG.match(text, place)
        if match is None:
            break
        found.append(Tag(match[2], match[1] is not None))
        place = match.end()
        between = _BETWEEN.match(text, place)
        if between is None:
            break
        place = between.end()
    if not found or place < len(text):
        raise BadInputError.of(name, 'must be * or a list of entity tags, e.g. "8f2c"', repr(text[:60]))
    return tuple(found)
