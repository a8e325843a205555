"""Lengths of time and sizes as people type them: ``90s``, ``24h``, ``7d``; ``500MB``, ``2GiB``."""

import math
import re
from typing import Final

from assay.core.errors import BadInputError

_TIME: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgtp]?)(i?)b?", re.IGNORECASE)


def seconds(text: str, field: str) -> float:
    """Return a length of time in seconds; a number alone counts as seconds.

    Raises:
        BadInputError: it is none.
    """
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise BadInputError.of(field, "must be a time such as 90s, 30m, 24h or 7d", repr(text)[:60])
    return float(match[1]) * _SECONDS[match[2] or "s"]


def size_bytes(text: str, field: str) -> int:
    """Return a size in bytes; ``k``, ``M``, ``G`` are thousands, with an ``i`` behind them 1024.

    Raises:
        BadInputError: it is none.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise BadInputError.of(field, "must be a size such as 500MB, 2GiB or 1000", repr(text)[:60])
    step = 1024 if match[3] else 1000
    amount = float(match[1]) * step ** " kmgtp".index(match[2].lower() or " ")
    if amount == math.inf:
        raise BadInputError.of(field, "must be a size that a store can have", repr(text)[:60])
    return int(amount)
