"""Canonical JSON and the digests taken over it.

One text for one value: keys sorted by code point, no white space, UTF-8, as RFC 8785 orders it.
Numbers are written as Python writes them; NaN and infinities have no canonical form.
"""

import dataclasses
import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from fractions import Fraction
from typing import Any

from assay.core.digests import Digest, digest_of
from assay.core.errors import BadInputError


def plain(value: Any, field: str = "document") -> Any:
    """Reduce a value to JSON's own kinds (dict, list, str, int, float, bool, None).

    Dataclasses become objects, enums their value, instants ISO 8601 in UTC, everything that
    is a string in its JSON form (model names, digests, semantic versions) that string.

    Raises:
        BadInputError: NaN, an infinity, a naive instant, or a type with no JSON form.
    """
    if value is None or isinstance(value, bool | int) or type(value) is str:
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise BadInputError.of(field, "must be a finite number", repr(value))
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item, f"{field}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, f"{field}[{index}]") for index, item in enumerate(value)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [each.name for each in dataclasses.fields(value)]
        return {name: plain(getattr(value, name), f"{field}.{name}") for name in names}
    return _scalar(value, field)


def _scalar(value: Any, field: str) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, set | frozenset):
        return sorted(plain(item, field) for item in value)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise BadInputError.of(field, "must be an aware instant")
        try:
            return value.astimezone(UTC).isoformat()
        except OverflowError as error:
            raise BadInputError.of(field, "must lie in the years 1 to 9999 in UTC") from error
    if isinstance(value, str | Fraction) or getattr(value, "is_text", False):
        return str(value)
    raise BadInputError.of(field, "has no JSON form", type(value).__name__)


def canonical_json(value: Any) -> bytes:
    """Return the one UTF-8 text of ``value``.

    Raises:
        BadInputError: see :func:`plain`.
    """
    text = json.dumps(
        plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode("utf-8", "surrogatepass")


def canonical_digest(value: Any) -> Digest:
    """Return ``sha256:`` + hex over :func:`canonical_json` of ``value``."""
    return digest_of(canonical_json(value))
