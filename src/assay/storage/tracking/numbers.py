"""How numbers lie in the database: a NaN, which SQLite cannot keep, is 0 with a flag beside it."""

import math


def kept(value: float) -> tuple[float, bool]:
    """Return (value, is_nan) as they are stored."""
    return (0.0, True) if math.isnan(value) else (value, False)


def shown(value: float, is_nan: bool) -> float:
    """Return the number that a stored pair means."""
    return math.nan if is_nan else value
