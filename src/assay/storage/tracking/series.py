"""Series in SQL: the metrics of a run, each with a number and the point that counts in it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, bindparam, literal_column, not_, select, tuple_, update

from assay.core.tracking.metrics import Point
from assay.storage import tracking_tables as t
from assay.storage.prepared import Insert, Prepared
from assay.storage.tracking.numbers import kept

s = t.series.c
# So many keys are looked up with one statement; a shorter list is filled up.
_AT_ONCE: Final = 100
_COUNTS: Final = ("value", "is_nan", "step", "timestamp_ms")
_BEGUN: Final = ("run", "key", *_COUNTS, "live")
_RENEWED: Final = ("number", *(f"new_{name}" for name in _COUNTS))


def _looking_up(count: int) -> Prepared:
    keys: list[Any] = [bindparam(f"key_{place}") for place in range(count)]
    return Prepared(select(s.key, s.id).where(s.run == bindparam("run"), s.key.in_(keys)))


def _rank(each: Any) -> Any:
    """As ``core.tracking.metrics.rank`` has it."""
    return tuple_(each["step"], each["timestamp_ms"], not_(each["is_nan"]), each["value"])


def _beginning(insert_into: Insert) -> Any:
    """Return the statement that begins a series; if another writer was first, the later point counts."""
    values = {name: bindparam(name, type_=s[name].type) for name in _BEGUN}
    statement = insert_into(t.series).values(values)
    new = statement.excluded
    changed = {name: new[name] for name in _COUNTS}
    return statement.on_conflict_do_update(
        index_elements=["run", "key"], set_=changed, where=_rank(new) > _rank(s)
    )


def _renewing() -> Any:
    new = {name: bindparam(f"new_{name}", type_=s[name].type) for name in _COUNTS}
    return update(t.series).where(s.id == bindparam("number"), _rank(new) > _rank(s)).values(new)


_LOOK_UP_ONE: Final = _looking_up(1)
_LOOK_UP: Final = _looking_up(_AT_ONCE)
_READ_ON: Final = Prepared(
    select(s.key, s.id)
    .where(s.run == bindparam("run"))
    .order_by(s.key)
    .limit(bindparam("at_most"))
    .offset(literal_column("0"))
)
_BEGIN: Final = Prepared(_beginning)
_RENEW: Final = Prepared(_renewing())


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
    renewed = [(known[key], *_counting(point)) for key, point in newest.items() if key in known]
    _RENEW.run_rows(connection, _RENEWED, renewed)
    begun = [(run, key, *_counting(point), live) for key, point in newest.items() if key not in known]
    if not begun:
        return known
    _BEGIN.run_rows(connection, _BEGUN, begun)
    return known | _numbers(connection, run, [row[1] for row in begun])


def _counting(point: Point) -> tuple[Any, ...]:
    return *kept(point.value), point.step, point.timestamp_ms


def _numbers(connection: Connection, run: int, keys: Sequence[str]) -> dict[str, int]:
    if len(keys) == 1:
        return _pairs(_LOOK_UP_ONE.all(connection, run=run, key_0=keys[0]))
    # Who logs many metrics mostly logs all that the run has: reading on is quicker than looking up.
    found = _pairs(_READ_ON.all(connection, run=run, at_most=2 * len(keys)))
    keys = [key for key in keys if key not in found]
    for start in range(0, len(keys), _AT_ONCE):
        portion = keys[start : start + _AT_ONCE]
        filled = [*portion, *[portion[-1]] * (_AT_ONCE - len(portion))]
        asked = {f"key_{place}": key for place, key in enumerate(filled)}
        found |= _pairs(_LOOK_UP.all(connection, run=run, **asked))
    return found


def _pairs(rows: Iterable[Any]) -> dict[str, int]:
    return dict(rows)
