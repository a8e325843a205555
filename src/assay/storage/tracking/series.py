"""Series in SQL: the metrics of a run, each with a number and the point that counts in it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import isnan
from typing import Any, Final

from sqlalchemy import Connection, bindparam, literal_column, not_, select, tuple_

from assay.core.tracking.metrics import Point
from assay.storage import tracking_tables as t
from assay.storage.prepared import AT_ONCE, Bulk, Prepared

s = t.series.c
_COUNTS: Final = ("value", "is_nan", "step", "timestamp_ms")
_BEGUN: Final = ("run", "key", *_COUNTS, "live")
_KNOWN: Final = ("id", *_BEGUN)


def _looking_up(count: int) -> Prepared:
    keys: list[Any] = [bindparam(f"key_{place}") for place in range(count)]
    return Prepared(select(s.key, s.id).where(s.run == bindparam("run"), s.key.in_(keys)))


def _rank(each: Any) -> Any:
    """As ``core.tracking.metrics.rank`` has it."""
    return tuple_(each["step"], each["timestamp_ms"], not_(each["is_nan"]), each["value"])


def _later_counts(names: Sequence[str]) -> Callable[[Any], Any]:
    """Return what to do about a series that is there: the later point counts, whoever came first."""

    def finish(statement: Any) -> Any:
        new = statement.excluded
        changed = {name: new[name] for name in _COUNTS}
        return statement.on_conflict_do_update(
            index_elements=names, set_=changed, where=_rank(new) > _rank(s)
        )

    return finish


_LOOK_UP_ONE: Final = _looking_up(1)
_LOOK_UP: Final = _looking_up(AT_ONCE)
_READ_ON: Final = Prepared(
    select(s.key, s.id)
    .where(s.run == bindparam("run"))
    .order_by(s.key)
    .limit(bindparam("at_most"))
    .offset(literal_column("0"))
)
_BEGIN: Final = Bulk(t.series, _BEGUN, _later_counts(["run", "key"]))
# Said whole, as if they were not there: a database does that for many rows at once.
_RENEW: Final = Bulk(t.series, _KNOWN, _later_counts(["id"]))


def renew_series(
    connection: Connection, run: int, newest: Mapping[str, Point], *, live: bool
) -> Mapping[str, int]:
    """Begin the series that are not there, bring the others up to date; return their numbers by key.

    Args:
        connection: of a transaction that writes.
        run: the number of the run.
        newest: of each key the new point that counts among the new ones.
        live: the run goes on.
    """
    known = _numbers(connection, run, list(newest))
    # A NaN as numbers.kept has it; written out, because this is done for a thousand series at once.
    rows = [
        (run, key, 0.0 if isnan(value) else value, isnan(value), step, at_ms, live)
        for key, value, at_ms, step, _, _, _ in newest.values()
    ]
    _RENEW.run(connection, [(known[row[1]], *row) for row in rows if row[1] in known])
    begun = [row for row in rows if row[1] not in known]
    if not begun:
        return known
    _BEGIN.run(connection, begun)
    return known | _numbers(connection, run, [row[1] for row in begun])


def _numbers(connection: Connection, run: int, keys: Sequence[str]) -> dict[str, int]:
    if len(keys) == 1:
        return _pairs(_LOOK_UP_ONE.all(connection, run=run, key_0=keys[0]))
    # Who logs many metrics mostly logs all that the run has: reading on is quicker than looking up.
    found = _pairs(_READ_ON.all(connection, run=run, at_most=2 * len(keys)))
    keys = [key for key in keys if key not in found]
    for start in range(0, len(keys), AT_ONCE):
        portion = keys[start : start + AT_ONCE]
        filled = [*portion, *[portion[-1]] * (AT_ONCE - len(portion))]
        asked = {f"key_{place}": key for place, key in enumerate(filled)}
        found |= _pairs(_LOOK_UP.all(connection, run=run, **asked))
    return found


def _pairs(rows: Iterable[Any]) -> dict[str, int]:
    return dict(rows)
