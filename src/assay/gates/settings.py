"""Kinds of settings that gates share. None of them can be NaN or infinite."""

from datetime import timedelta
from fractions import Fraction
from typing import Annotated

from msgspec import Meta

Count = Annotated[int, Meta(ge=0, le=10**12)]
Positive = Annotated[int, Meta(ge=1, le=10**12)]
Days = Annotated[float, Meta(gt=0, le=36500)]
Share = Annotated[float, Meta(ge=0, le=1)]
Name = Annotated[str, Meta(min_length=1, max_length=512)]
Column = Annotated[str, Meta(max_length=512)]
Label = (
    Annotated[str, Meta(max_length=512)]
    | Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
    | Annotated[float, Meta(ge=-1e300, le=1e300)]
    | bool
)


def age(days: float | None) -> timedelta | None:
    """Return how old evidence may be; None for any age."""
    return None if days is None else timedelta(days=days)


def exact(threshold: float) -> Fraction:
    """Return a threshold as it was written: 0.1 is one tenth, not the nearest binary number."""
    return Fraction(str(threshold))
