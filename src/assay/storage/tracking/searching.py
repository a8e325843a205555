"""Searches over runs, experiments and logged models in SQL; each answers a page of ids.

Every order pages by key (``storage.keysets``), so that what is logged meanwhile neither shifts nor
repeats a page. A metric that is asked for is looked up from the side that has fewer rows, which a quick
count of its index tells. The index by value knows only series that rest: those of runs that go on are
asked for beside it (``live`` in ``storage.tracking_tables``).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
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
from assay.storage.deadlines import SEARCH_S, within
from assay.storage.keysets import (
    Key,
    ask,
    beyond,
    place_of,
    read_page,
    read_place,
    read_rows,
    write_place,
)
from assay.storage.tracking.conditions import all_of, any_of, compare, compare_word, to_sql

# Up to so many matches it pays to list them first; with more, they are met soon enough on the way.
_FEW: Final = 5000
# Where a run stands in the order by a metric: with a number, with NaN, without it.
_NUMBER, _NAN, _LACKING = 0, 1, 2


def search_experiments(connection: Connection, search: Search, teams: tuple[str, ...]) -> Page[int]:
    """Return a page of experiment ids.

    Newest first and then by id unless ordered otherwise; what an order leaves open goes by id, the
    greatest first.
    """
    e, tag = t.experiments.c, t.experiment_tags.c

    def test(asked: Comparison) -> ColumnElement[bool]:
        if asked.kind == "tag":
            return compare_word(t.experiment_tags, tag.experiment == e.id, asked)
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
    then = [Key.of(e.id, descending=True)]
    if not search.order:
        then = [Key.of(e.created_at_ms, descending=True), Key.of(e.id)]
    keys = _keys(search.order, value, *then)
    return _page(connection, select(e.id).where(*conditions), keys, search)


def search_runs(connection: Connection, experiment_ids: Sequence[int], search: Search) -> Page[str]:
    """Return a page of run ids, newest start first unless ordered otherwise."""
    r = t.runs.c
    asked: list[ColumnElement[bool]] = []
    parts = search.condition.parts if isinstance(search.condition, AllOf) else (search.condition,)
    for part in parts:
        listed = isinstance(part, Comparison) and part.kind == "metric" and _is_rare(connection, part)
        asked.append(_listed(part) if listed and isinstance(part, Comparison) else to_sql(part, _test_run))
    place = r.experiment.in_(list(experiment_ids)), *_viewed(r.deleted_at_ms, search.view)
    conditions = [*place, all_of(asked)]
    if search.order and search.order[0].kind == "metric":
        return _by_metric(connection, conditions, search, parts)
    return _page(connection, select(r.id).where(*conditions), _run_keys(search.order), search)


def search_logged_models(connection: Connection, experiment_ids: Sequence[int], search: Search) -> Page[str]:
    """Return a page of logged model ids, newest first unless ordered otherwise."""
    m, point = t.logged_models.c, t.logged_model_metrics.c
    words: Mapping[str, Table] = {"tag": t.logged_model_tags, "param": t.logged_model_params}

    def on_datasets() -> ColumnElement[bool]:
        wanted = [
            and_(point.dataset_name == name, *([point.dataset_digest == digest] if digest else []))
            for name, digest in search.datasets
        ]
        return any_of(wanted) if wanted else point.model == m.seq

    def test(asked: Comparison) -> ColumnElement[bool]:
        if asked.kind in words:
            table = words[asked.kind]
            return compare_word(table, table.c.model == m.seq, asked)
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
        newest = point.timestamp_ms.desc(), point.step.desc(), point.run_id
        latest = select(point.value).where(*found).order_by(*newest)
        return latest.limit(1).scalar_subquery()

    place: list[ColumnElement[bool]] = [m.experiment.in_(list(experiment_ids)), m.deleted_at_ms.is_(None)]
    if search.datasets:
        place.append(exists().where(point.model == m.seq, on_datasets()))
    query = select(m.id).where(*place, to_sql(search.condition, test))
    keys = _keys(search.order, value, Key.of(m.created_at_ms, descending=True), Key.of(m.id))
    return _page(connection, query, keys, search)


def _test_run(asked: Comparison) -> ColumnElement[bool]:
    r, s = t.runs.c, t.series.alias().c  # the question around it may look at a series of its own
    if asked.kind == "metric":
        return exists().where(s.run == r.seq, s.key == asked.key, _number(s.value, s.is_nan, asked))
    if asked.kind in ("param", "tag"):
        table = t.run_params if asked.kind == "param" else t.run_tags
        return compare_word(table, table.c.run == r.seq, asked)
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


def _by_metric(
    connection: Connection,
    conditions: Sequence[ColumnElement[bool]],
    search: Search,
    parts: Sequence[Condition],
) -> Page[str]:
    """Walk the metric's own index; runs with NaN, then those without it, follow when it was walked.

    A place in this order is where a run stands, its number (None but for numbers), and the other keys.
    """
    first, r, s = search.order[0], t.runs.c, t.series.c
    rest = _run_keys(search.order[1:])
    own = [
        part
        for part in parts
        if isinstance(part, Comparison)
        and (part.kind, part.key) == ("metric", first.key)
        and part.operator is not Operator.UNEQUAL  # which NaN fulfils, too
    ]
    stands, *after = read_place(search, [int, float | None, *(key.kind for key in rest)]) or [_NUMBER]
    found: list[tuple[str, list[Any]]] = []
    if stands == _NUMBER:
        number = Key.of(s.value, first.descending)
        joined = select(r.id).join(t.series, and_(s.run == r.seq, s.key == first.key))
        having = joined.where(*conditions, ~s.is_nan, all_of([compare(s.value, part) for part in own]))
        walked = _in_order(having.where(beyond([number, *rest], after)) if after else having, [number, *rest])
        with within(connection, SEARCH_S):
            rows = ask(connection, walked.limit(search.limit + 1), search.is_wide).all()
        found = [(row[0], [_NUMBER, *row[1:]]) for row in rows]
    if len(found) <= search.limit and not own:
        lacking = select(r.id).outerjoin(t.series, and_(s.run == r.seq, s.key == first.key))
        others = lacking.where(*conditions, or_(s.run.is_(None), s.is_nan))
        keys = [Key(case((s.run.is_(None), _LACKING), else_=_NAN), False, int, False), *rest]
        place = None if stands == _NUMBER else [stands, *after[1:]]
        for row in read_rows(connection, others, keys, place, search.limit + 1 - len(found), search.is_wide):
            where, *further = place_of(row, keys)
            found.append((row["id"], [where, None, *further]))
    more = write_place(search, found[search.limit - 1][1]) if len(found) > search.limit else ""
    return Page(tuple(run_id for run_id, _ in found[: search.limit]), more)


def _in_order(query: Select[Any], keys: Sequence[Key]) -> CompoundSelect[Any]:
    """Return the same rows in order, with their keys, each kind of series from its own index."""
    shown = query.add_columns(*(key.column.label(f"order_{place}") for place, key in enumerate(keys)))
    both = union_all(*(shown.where(half) for half in _halves()))
    columns = list(both.selected_columns)[1:]
    pairs = zip(columns, keys, strict=True)
    return both.order_by(*(replace(key, column=column).in_order for column, key in pairs))


def _page(connection: Connection, query: Select[Any], keys: Sequence[Key], search: Search) -> Page[Any]:
    rows, more = read_page(connection, query, keys, search)
    return Page(tuple(row["id"] for row in rows), more)


def _keys(orders: Sequence[Order], value: Callable[[Order], Any], *then: Key) -> list[Key]:
    """Return what to order by; what a thing does not have comes last, NaN of runs before that."""
    found: list[Key] = []
    for order in orders:
        if value is _run_value and order.kind == "metric":
            found.append(Key(func.coalesce(_is_nan(order), _LACKING), False, int, False))
        found.append(Key.of(value(order), order.descending))
    named = {id(key.column) for key in found}
    return [*found, *(key for key in then if id(key.column) not in named)]


def _run_keys(orders: Sequence[Order]) -> list[Key]:
    r = t.runs.c
    return _keys(orders, _run_value, Key.of(r.started_at_ms, descending=True), Key.of(r.id))


def _is_nan(order: Order) -> Any:
    """Return for a run where it stands in the order by a metric; NULL for a run without it."""
    s = t.series.alias().c
    said = case((s.is_nan, _NAN), else_=_NUMBER)
    return select(said).where(s.run == t.runs.c.seq, s.key == order.key).scalar_subquery()


def _viewed(deleted_at: Any, view: View) -> list[ColumnElement[bool]]:
    if view is View.ALL:
        return []
    return [deleted_at.is_(None) if view is View.ACTIVE else deleted_at.is_not(None)]
