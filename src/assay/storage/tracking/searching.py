"""Searches over runs, experiments and logged models in SQL; each answers a page of ids.

The usual order (newest first) pages by key, so that what is logged meanwhile neither shifts nor
repeats a page; orders of one's own page by place. A metric that is asked for is looked up from the
side that has fewer rows, which a quick count of its index tells. The index by value knows only series
that rest: those of runs that go on are asked for beside it (``live`` in ``storage.tracking_tables``).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Select,
    Table,
    and_,
    case,
    exists,
    false,
    func,
    or_,
    select,
    true,
    union_all,
)

from assay.core.search import Page
from assay.core.tracking.experiments import View
from assay.core.tracking.searches import AllOf, Comparison, Condition, Operator, Order, Search
from assay.storage import tracking_tables as t
from assay.storage.cursors import read_cursor, write_cursor
from assay.storage.tracking.conditions import compare, to_sql

# Up to so many matches it pays to list them first; with more, they are met soon enough on the way.
_FEW: Final = 5000
# A column to order by, and whether downwards.
Sorted = tuple[Any, bool]
_ABSENT: Final = (Operator.IS_NULL, Operator.IS_NOT_NULL)


def search_experiments(connection: Connection, search: Search, teams: tuple[str, ...]) -> Page[int]:
    """Return a page of experiment ids, newest first unless ordered otherwise."""
    e, tag = t.experiments.c, t.experiment_tags.c

    def test(asked: Comparison) -> ColumnElement[bool]:
        if asked.kind == "tag":
            return _word(t.experiment_tags, tag.experiment == e.id, asked)
        return compare(e[asked.key], asked)

    def value(order: Order) -> Any:
        if order.kind == "tag":
            return select(tag.value).where(tag.experiment == e.id, tag.key == order.key).scalar_subquery()
        return e[order.key]

    conditions = [to_sql(search.condition, test)]
    if teams != ("*",):
        conditions.append(e.team.in_(teams))
    if search.view is not View.ALL:
        conditions.append(e.deleted == (search.view is View.DELETED))
    query = select(e.id).where(*conditions)
    order = _ordered(search.order, value, (e.created_at_ms, True), (e.id, False))
    return _by_place(connection, query.order_by(*_as_sql(order)), search)


def search_runs(connection: Connection, experiment_ids: Sequence[int], search: Search) -> Page[str]:
    """Return a page of run ids, newest start first unless ordered otherwise."""
    r = t.runs.c
    conditions = [r.experiment.in_(list(experiment_ids)), *_viewed(r.deleted_at_ms, search.view)]
    parts = search.condition.parts if isinstance(search.condition, AllOf) else (search.condition,)
    for part in parts:
        listed = isinstance(part, Comparison) and part.kind == "metric" and _is_rare(connection, part)
        conditions.append(
            _listed(part) if listed and isinstance(part, Comparison) else to_sql(part, _test_run)
        )
    if not search.order:
        return _newest_first(connection, conditions, search)
    first = search.order[0]
    if first.kind == "metric":
        return _by_metric(connection, conditions, search, parts)
    order = _ordered(search.order, _run_value, (r.started_at_ms, True), (r.id, False))
    return _by_place(connection, select(r.id).where(*conditions).order_by(*_as_sql(order)), search)


def search_logged_models(connection: Connection, experiment_ids: Sequence[int], search: Search) -> Page[str]:
    """Return a page of logged model ids, newest first unless ordered otherwise."""
    m, point = t.logged_models.c, t.logged_model_metrics.c
    words: Mapping[str, Table] = {"tag": t.logged_model_tags, "param": t.logged_model_params}

    def on_datasets() -> ColumnElement[bool]:
        wanted = [
            and_(point.dataset_name == name, *([point.dataset_digest == digest] if digest else []))
            for name, digest in search.datasets
        ]
        return or_(false(), *wanted) if wanted else point.model == m.seq

    def test(asked: Comparison) -> ColumnElement[bool]:
        if asked.kind in words:
            table = words[asked.kind]
            return _word(table, table.c.model == m.seq, asked)
        if asked.kind == "metric":
            found = and_(point.model == m.seq, point.key == asked.key, on_datasets())
            return exists().where(found, _number(point.value, point.is_nan, asked))
        return compare(m[asked.key], asked)

    def value(order: Order) -> Any:
        if order.kind in words:
            c = words[order.kind].c
            return select(c.value).where(c.model == m.seq, c.key == order.key).scalar_subquery()
        if order.kind != "metric":
            return m[order.key]
        found = [point.model == m.seq, point.key == order.key, ~point.is_nan]
        found += [point.dataset_name == order.dataset_name] if order.dataset_name else []
        found += [point.dataset_digest == order.dataset_digest] if order.dataset_digest else []
        latest = select(point.value).where(*found).order_by(point.timestamp_ms.desc(), point.step.desc())
        return latest.limit(1).scalar_subquery()

    place = (m.experiment.in_(list(experiment_ids)), m.deleted_at_ms.is_(None))
    query = select(m.id).where(*place, to_sql(search.condition, test))
    order = _ordered(search.order, value, (m.created_at_ms, True), (m.id, False))
    return _by_place(connection, query.order_by(*_as_sql(order)), search)


def _test_run(asked: Comparison) -> ColumnElement[bool]:
    r, s = t.runs.c, t.series.alias().c  # the question around it may look at a series of its own
    if asked.kind == "metric":
        return exists().where(s.run == r.seq, s.key == asked.key, _number(s.value, s.is_nan, asked))
    if asked.kind in ("param", "tag"):
        table = t.run_params if asked.kind == "param" else t.run_tags
        return _word(table, table.c.run == r.seq, asked)
    if asked.kind == "dataset":
        d, used = t.datasets.c, t.run_datasets.c
        column = used.context if asked.key == "context" else d[asked.key]
        return exists().where(used.run == r.seq, used.dataset == d.id, compare(column, asked))
    return compare(r[asked.key], asked)


def _run_value(order: Order) -> Any:
    r, s = t.runs.c, t.series.alias().c  # the question around it may look at a series of its own
    if order.kind == "metric":
        number = case((s.is_nan, None), else_=s.value)
        return select(number).where(s.run == r.seq, s.key == order.key).scalar_subquery()
    if order.kind in ("param", "tag"):
        c = (t.run_params if order.kind == "param" else t.run_tags).c
        return select(c.value).where(c.run == r.seq, c.key == order.key).scalar_subquery()
    return r[order.key]


def _word(table: Table, same: ColumnElement[bool], asked: Comparison) -> ColumnElement[bool]:
    """Test a tag or parameter; ``!=`` holds only for things that have it."""
    there = exists().where(same, table.c.key == asked.key)
    if asked.operator is Operator.IS_NULL:
        return ~there
    return there if asked.operator in _ABSENT else there.where(compare(table.c.value, asked))


def _is_rare(connection: Connection, asked: Comparison) -> bool:
    some = _runs_with(asked).limit(_FEW + 1).subquery()
    return connection.execute(select(func.count()).select_from(some)).scalar_one() <= _FEW


def _number(value: Any, is_nan: Any, asked: Comparison) -> ColumnElement[bool]:
    """Test a metric; NaN is unlike every number, and neither above nor below any."""
    if asked.operator is Operator.UNEQUAL:
        return or_(is_nan, compare(value, asked))
    return and_(~is_nan, compare(value, asked))


def _listed(asked: Comparison) -> ColumnElement[bool]:
    return t.runs.c.seq.in_(_runs_with(asked))


def _runs_with(asked: Comparison) -> CompoundSelect[Any]:
    """Return the question for the runs with a metric like that."""
    s = t.series.c
    found = select(s.run).where(s.key == asked.key, _number(s.value, s.is_nan, asked))
    return union_all(*(found.where(half) for half in _halves()))


def _halves() -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Return the two kinds of series; each has an index of its own."""
    live = t.series.c.live
    return live == false(), live == true()


def _newest_first(
    connection: Connection, conditions: Sequence[ColumnElement[bool]], search: Search
) -> Page[str]:
    r = t.runs.c
    query = select(r.id, r.started_at_ms).where(*conditions)
    if search.cursor:
        at_ms, last = read_cursor(search.cursor, (int, str))
        query = query.where(or_(r.started_at_ms < at_ms, and_(r.started_at_ms == at_ms, r.id > last)))
    rows = connection.execute(query.order_by(r.started_at_ms.desc(), r.id).limit(search.limit + 1)).all()
    shown = rows[: search.limit]
    more = write_cursor([shown[-1].started_at_ms, shown[-1].id]) if len(rows) > search.limit else ""
    return Page(tuple(row.id for row in shown), more)


def _by_metric(
    connection: Connection,
    conditions: Sequence[ColumnElement[bool]],
    search: Search,
    parts: Sequence[Condition],
) -> Page[str]:
    """Walk the metric's own index; runs without it, and NaN, follow when all others were shown."""
    first, r, s = search.order[0], t.runs.c, t.series.c
    rest = _ordered(search.order[1:], _run_value, (r.started_at_ms, True), (r.id, False))
    own = [
        part
        for part in parts
        if isinstance(part, Comparison)
        and (part.kind, part.key) == ("metric", first.key)
        and part.operator is not Operator.UNEQUAL  # which NaN fulfils, too
    ]
    joined = select(r.id).join(t.series, and_(s.run == r.seq, s.key == first.key))
    having = joined.where(*conditions, ~s.is_nan, *(compare(s.value, part) for part in own))
    place = _place(search.cursor)
    walked = _in_order(having, [(s.value, first.descending), *rest])
    found = list(connection.execute(walked.limit(search.limit + 1).offset(place)).scalars())
    if len(found) <= search.limit and not own:
        before = connection.execute(select(func.count()).select_from(having.subquery())).scalar_one()
        lacking = select(r.id).outerjoin(t.series, and_(s.run == r.seq, s.key == first.key))
        others = lacking.where(*conditions, or_(s.run.is_(None), s.is_nan))
        others = others.order_by(s.run.is_(None), *_as_sql(rest))
        wanted = others.limit(search.limit + 1 - len(found)).offset(max(0, place - before))
        found += connection.execute(wanted).scalars()
    return _page(found, place, search)


def _in_order(query: Select[Any], order: Sequence[Sorted]) -> CompoundSelect[Any]:
    """Return the same rows in order, each kind of series from its own index."""
    shown = query.add_columns(*(column.label(f"order_{place}") for place, (column, _) in enumerate(order)))
    both = union_all(*(shown.where(half) for half in _halves()))
    columns = list(both.selected_columns)[1:]
    pairs = zip(columns, order, strict=True)
    return both.order_by(*(column.desc() if descending else column for column, (_, descending) in pairs))


def _by_place(connection: Connection, query: Any, search: Search) -> Page[Any]:
    place = _place(search.cursor)
    found = list(connection.execute(query.limit(search.limit + 1).offset(place)).scalars())
    return _page(found, place, search)


def _page(found: list[Any], place: int, search: Search) -> Page[Any]:
    more = write_cursor([place + search.limit]) if len(found) > search.limit else ""
    return Page(tuple(found[: search.limit]), more)


def _place(cursor: str) -> int:
    if not cursor:
        return 0
    (place,) = read_cursor(cursor, (int,))
    return max(0, int(place))


def _ordered(orders: Sequence[Order], value: Callable[[Order], Any], *then: Sorted) -> list[Sorted]:
    """Return what to order by; what a thing does not have comes last, NaN of runs before that."""
    found: list[Sorted] = []
    for order in orders:
        column = value(order)
        if value is _run_value and order.kind == "metric":
            found.append((func.coalesce(_is_nan(order), 2), False))
        elif getattr(column, "nullable", True):  # else an index gives the order by itself
            found.append((column.is_(None), False))
        found.append((column, order.descending))
    named = {id(column) for column, _ in found}
    return [*found, *(each for each in then if id(each[0]) not in named)]


def _is_nan(order: Order) -> Any:
    """Return 0 for a run whose metric is a number, 1 for NaN, NULL for a run without it."""
    s = t.series.alias().c
    said = case((s.is_nan, 1), else_=0)
    return select(said).where(s.run == t.runs.c.seq, s.key == order.key).scalar_subquery()


def _as_sql(order: Sequence[Sorted]) -> list[Any]:
    return [column.desc() if descending else column for column, descending in order]


def _viewed(deleted_at: Any, view: View) -> list[ColumnElement[bool]]:
    if view is View.ALL:
        return []
    return [deleted_at.is_(None) if view is View.ACTIVE else deleted_at.is_not(None)]
