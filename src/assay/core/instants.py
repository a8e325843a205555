"""Instants as clients of tracking write them: whole milliseconds since 1970 UTC."""

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def milliseconds(at: datetime) -> int:
    """Return an instant in whole milliseconds since 1970 UTC; what lies between two is the earlier one."""
    return (at - _EPOCH) // _MILLISECOND
