"""Points of metrics in SQL: the last ones of each run in the order they came, the others by series.

A step of a training writes one point of each of its metrics. Were each put beside its predecessor at
once, a thousand metrics would mean a thousand pages to write; so a run gathers its points first, and
when there are enough of them they are sorted in together. Whoever reads looks at both places; a point
that is in both, or twice among the gathered, is one.
"""

from collections.abc import Mapping, Sequence
from math import isnan
from operator import eq
from typing import Any, Final

from sqlalchemy import (
    CompoundSelect,
    Connection,
    Select,
    and_,
    bindparam,
    delete,
    func,
    literal_column,
    or_,
    select,
    true,
    tuple_,
    union,
    union_all,
)

from assay.core.tracking.metrics import Point
from assay.storage import tracking_tables as t
from assay.storage.prepared import Bulk, Insert, Prepared

# At least this many points of a run are sorted in at once; so many are looked through when one is read.
GATHERED: Final = 16_384

p, f, s, r = t.points.c, t.fresh_points.c, t.series.c, t.runs.c
POINT_ORDER: Final = ("timestamp_ms", "step", "value", "is_nan")
_NAMES: Final = ("series", *POINT_ORDER)
_GATHERED: Final = ("run", "number", *_NAMES)
_RUN: Final[Any] = bindparam("run")
_SETTLED: Final = select(*(f[name] for name in _NAMES)).where(f.run == _RUN).distinct()


def _sorting_in(insert_into: Insert) -> Any:
    ordered = _SETTLED.order_by(*(f[name] for name in _NAMES))
    return insert_into(t.points).from_select(list(_NAMES), ordered).on_conflict_do_nothing()


_GATHER: Final = Bulk(t.fresh_points, _GATHERED)
_SORT_IN: Final = Prepared(_sorting_in)
_TAKE_OUT: Final = Prepared(delete(t.fresh_points).where(f.run == _RUN))
# As a part of another question: how many points the run of the outer question has gathered.
GATHERED_COUNT: Final = (
    select(func.coalesce(func.max(f.number), literal_column("0")))
    .where(f.run == r.seq)
    .correlate(t.runs)
    .scalar_subquery()
)


def add_points(
    connection: Connection, run: int, gathered: int, series: Mapping[str, int], points: Sequence[Point]
) -> None:
    """Add points to a run that has gathered some already.

    Args:
        connection: of a transaction that writes.
        run: the number of the run.
        gathered: how many points it has gathered (:data:`GATHERED_COUNT`).
        series: the numbers of the run's series by key; that of each point must be among them.
        points: what is added.
    """
    # As numbers.kept does; written out, because this is done for a thousand points at once.
    rows = [
        (run, number, series[key], at_ms, step, 0.0 if isnan(value) else value, isnan(value))
        for number, (key, value, at_ms, step, _, _, _) in enumerate(points, gathered + 1)
    ]
    _GATHER.run(connection, rows)
    if gathered + len(rows) >= GATHERED:
        _SORT_IN.run(connection, run=run)
        _TAKE_OUT.run(connection, run=run)


def points_of(run: int, series: int, after: Sequence[Any] = ()) -> CompoundSelect[Any]:
    """Return the question for the points of a series, each once, as (time, step, value, is NaN).

    Args:
        run: whose series it is.
        series: its number.
        after: only points behind this one, in the order of the columns.
    """
    halves = []
    for columns, place in ((p, p.series == series), (f, (f.run == run) & (f.series == series))):
        key = [columns[name] for name in POINT_ORDER]
        half = select(*key).where(place)
        halves.append(half.where(tuple_(*key) > tuple_(*after)) if after else half)
    return union(*halves)


def points_at(run: int, places: Sequence[tuple[int, int, int]]) -> CompoundSelect[Any]:
    """Return the question for (series, time, step, value, is NaN) of the points at some places, each once.

    Args:
        run: whose points.
        places: series, time and step of each; not very many.
    """
    halves = []
    for columns, own in ((p, true()), (f, f.run == run)):
        key = (columns.series, columns.timestamp_ms, columns.step)
        # Of a list of tuples SQLite would look at every point that there is.
        at = [and_(*map(eq, key, place)) for place in places]
        halves.append(select(*(columns[name] for name in _NAMES)).where(own, or_(*at)))
    return union(*halves)


def counted_points(run_ids: Sequence[str]) -> Select[tuple[str, int]]:
    """Return the question for (run, how many points it has), of those runs that have some.

    However many points there are, only the gathered ones are held while they are counted.
    """
    asked = r.id.in_(list(run_ids))
    counted = select(s.run.label("run"), func.count().label("points")).join(t.points, p.series == s.id)
    sorted_in = counted.join(t.runs, r.seq == s.run).where(asked).group_by(s.run)
    place = tuple_(*(p[name] for name in _NAMES))
    twice = select(p.series).where(place == tuple_(*(f[name] for name in _NAMES))).correlate(t.fresh_points)
    distinct = select(f.run, *(f[name] for name in _NAMES)).join(t.runs, r.seq == f.run).distinct()
    gathered = distinct.where(asked, ~twice.exists()).subquery()
    settling = select(gathered.c.run.label("run"), func.count().label("points")).group_by(gathered.c.run)
    every = union_all(sorted_in, settling).subquery()
    found = select(r.id, func.sum(every.c.points)).join(every, every.c.run == r.seq)
    return found.group_by(r.id)
