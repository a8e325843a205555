"""What metrics, parameters and tags may be called, and how long what they hold may be.

The texts of the errors are those that users of tracking clients know and search for.
"""

import json
import posixpath
import re
from functools import lru_cache
from typing import Final

from assay.core.errors import BadInputError, Reason

MAX_KEY_LENGTH: Final = 250
MAX_PARAM_LENGTH: Final = 65_535
MAX_RUN_TAG_LENGTH: Final = 1_000_000
MAX_EXPERIMENT_TAG_LENGTH: Final = 20_000
_KEY: Final = re.compile(r"[/\w.\- :]*")
_CHARACTERS: Final = (
    "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) "
    "and slashes (/)."
)


def check_key(name: str, field: str = "key", words: str = "key") -> str:
    """Return ``name`` when it may name a metric, parameter or tag: a path that stands only for itself.

    Args:
        name: as sent.
        field: where it stands in the request.
        words: what the length rule calls it.

    Raises:
        BadInputError: other characters, a path like ``../x`` or ``a//b``, longer than 250 characters.
    """
    problem = _problem(name)
    if problem:
        raise invalid(field, name, problem)
    if len(name) > MAX_KEY_LENGTH:
        raise too_long(words, MAX_KEY_LENGTH)
    return name


def is_key(name: str) -> bool:
    """Tell whether :func:`check_key` would let the name pass."""
    return len(name) <= MAX_KEY_LENGTH and not _problem(name)


def check_value(value: str, words: str, limit: int) -> str:
    """Return ``value`` when it has at most ``limit`` characters; nothing is ever cut.

    Raises:
        BadInputError: it is longer, or holds NUL or a lone surrogate.
    """
    if len(value) > limit:
        raise too_long(words, limit)
    if "\0" in value or not _is_unicode(value):
        raise BadInputError.of(words, "must not contain NUL or lone surrogates")
    return value


def invalid(field: str, value: object, rule: str = "") -> BadInputError:
    """Return the error for a value that breaks a rule."""
    shown = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)[:500]
    message = f"Invalid value {shown} for parameter '{field}' supplied" + (f": {rule}" if rule else ".")
    return BadInputError(message, [Reason(field, rule or "is invalid")])


def too_long(words: str, limit: int) -> BadInputError:
    """Return the error for a text that is too long."""
    message = f"'{words}' exceeds the maximum length of {limit} characters"
    return BadInputError(message, [Reason(words, f"must be at most {limit} characters")])


@lru_cache(maxsize=20_000)
def _problem(name: str) -> str:
    if not _KEY.fullmatch(name):
        return _CHARACTERS
    normal = posixpath.normpath(name)
    if normal != name or normal == "." or normal.startswith(("..", "/")):
        return (
            "Names may be treated as files in certain cases, and must not resolve to other names when "
            f"treated as such. This name would resolve to {normal!r}"
        )
    return ""


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
