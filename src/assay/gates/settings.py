"""Kinds of settings that gates share."""

from datetime import timedelta
from typing import Annotated

from msgspec import Meta

Count = Annotated[int, Meta(ge=0, le=10**12)]
Positive = Annotated[int, Meta(ge=1, le=10**12)]
Days = Annotated[float, Meta(gt=0, le=36500)]
Share = Annotated[float, Meta(ge=0, le=1)]
Name = Annotated[str, Meta(min_length=1, max_length=512)]
Label = str | int | float | bool


def age(days: float | None) -> timedelta | None:
    """Return how old evidence may be; None for any age."""
    return None if days is None else timedelta(days=days)
