"""What every store must do with searches over runs, told by a plain reading of the same question."""

import itertools
import math
import re
from dataclasses import dataclass, replace
from operator import eq, ge, gt, le, lt, ne

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.core.errors import BadInputError
from assay.core.tracking.datasets import CONTEXT_TAG, Dataset, DatasetInput
from assay.core.tracking.experiments import View
from assay.core.tracking.filter_shapes import MAX_DEPTH
from assay.core.tracking.filters import parse_filter, parse_order
from assay.core.tracking.metrics import Point
from assay.core.tracking.runs import Batch, RunStatus
from assay.core.tracking.searches import AllOf, AnyOf, Comparison, Not, Operator, Order, Search
from assay.core.tracking.vocabularies import RUNS
from contracts.tracking_samples import FOREIGN_CURSORS, all_pages, experiment, log, run

WORDS = ["", "a", "A", "ab", "aB", "a%", "a_b", "[a]", "a*", "?", "É", "é", "10", "9", "a\nb", "!", "\\", "'"]
PATTERNS = [
    "%",
    "_",
    "a%",
    "A%",
    "%b",
    "a_",
    "[a]",
    "%\\%",
    "é",
    "É",
    "",
    "a!%",
    "%*",
    "?",
    "__",
    "%\n%",
    "'",
]
NUMBERS = [math.nan, math.inf, -math.inf, -1.0, 0.0, 0.5, 2.0]
SIMPLE = {
    Operator.EQUAL: eq,
    Operator.UNEQUAL: ne,
    Operator.ABOVE: gt,
    Operator.AT_LEAST: ge,
    Operator.BELOW: lt,
    Operator.AT_MOST: le,
}
TEXT_OPERATORS = [Operator.EQUAL, Operator.UNEQUAL, Operator.LIKE, Operator.ILIKE]
ATTRIBUTES = {
    "id": "id",
    "name": "name",
    "user_name": "user",
    "status": "status",
    "artifact_root": "artifact_root",
}
TIMES = ["started_at_ms", "ended_at_ms"]


@dataclass(frozen=True)
class Facts:
    """A run as a plain reading sees it."""

    run: object
    metrics: dict
    params: dict
    tags: dict
    datasets: tuple

    def attribute(self, key):
        value = getattr(self.run, ATTRIBUTES.get(key, key))
        return value.value if isinstance(value, RunStatus) else value


def text_holds(value, operator, wanted):
    if operator in (Operator.LIKE, Operator.ILIKE):
        if operator is Operator.ILIKE:
            value, wanted = value.lower(), wanted.lower()
        pattern = "".join({"%": ".*", "_": "."}.get(each, re.escape(each)) for each in wanted)
        return re.fullmatch(pattern, value, re.DOTALL) is not None
    if operator in (Operator.IN, Operator.NOT_IN):
        return (value in wanted) is (operator is Operator.IN)
    return SIMPLE[operator](value, wanted)


def holds(condition, facts):
    if isinstance(condition, AllOf | AnyOf):
        every = all if isinstance(condition, AllOf) else any
        return every(holds(part, facts) for part in condition.parts)
    if isinstance(condition, Not):
        return not holds(condition.part, facts)
    kind, key, operator, wanted = condition.kind, condition.key, condition.operator, condition.value
    if kind == "dataset":
        return any(text_holds(getattr(each, key), operator, wanted) for each in facts.datasets)
    if kind == "attribute":
        value = facts.attribute(key)
        if key in TIMES:
            return value is not None and SIMPLE[operator](value, wanted)
        return text_holds(value, operator, wanted)
    kept = {"metric": facts.metrics, "param": facts.params, "tag": facts.tags}[kind]
    if operator in (Operator.IS_NULL, Operator.IS_NOT_NULL):
        return (key in kept) is (operator is Operator.IS_NOT_NULL)
    if key not in kept:
        return False
    if kind == "metric":
        return SIMPLE[operator](kept[key], wanted)  # Python's NaN is unlike everything, too
    return text_holds(kept[key], operator, wanted)


def in_order(found, orders):
    """Sort as asked: what has a value first, then NaN, then what has none; newest start, then id."""
    listed = sorted(found, key=lambda facts: (-facts.run.started_at_ms, facts.run.id))
    for order in reversed(orders):
        there, nan, lacking = [], [], []
        for facts in listed:
            kept = {"metric": facts.metrics, "param": facts.params, "tag": facts.tags}.get(order.kind)
            value = facts.attribute(order.key) if kept is None else kept.get(order.key)
            if value is None:
                lacking.append(facts)
            elif isinstance(value, float) and math.isnan(value):
                nan.append(facts)
            else:
                there.append((value, facts))
        there.sort(key=lambda pair: pair[0], reverse=order.descending)
        if order.descending:  # reverse keeps ties as they were
            there = [pair for _, pairs in itertools.groupby(there, lambda pair: pair[0]) for pair in pairs]
        listed = [facts for _, facts in there] + nan + lacking
    return listed


numbers = st.sampled_from(NUMBERS)
words, keys = st.sampled_from(WORDS), st.sampled_from(["k", "K", "l"])
facts_of_runs = st.builds(
    lambda **said: said,
    started=st.integers(0, 2),
    ended_at_ms=st.none() | st.integers(0, 3),
    name=words,
    user=words,
    status=st.sampled_from(RunStatus),
    deleted_at_ms=st.sampled_from([None, None, None, 5]),
    metrics=st.dictionaries(keys, numbers, max_size=3),
    params=st.dictionaries(keys, words, max_size=3),
    tags=st.dictionaries(keys, words, max_size=3),
    datasets=st.lists(
        st.builds(
            lambda name, digest, context: DatasetInput(
                Dataset(name, digest), {CONTEXT_TAG: context} if context else {}
            ),
            words,
            st.sampled_from(["d", "D"]),
            st.sampled_from(["", "train"]),
        ),
        max_size=2,
        unique_by=lambda each: (each.dataset.name, each.dataset.digest),
    ),
)


def texts(kind, key):
    return st.one_of(
        st.builds(Comparison, st.just(kind), key, st.sampled_from(TEXT_OPERATORS), words),
        st.builds(
            Comparison,
            st.just(kind),
            key,
            st.sampled_from([Operator.LIKE, Operator.ILIKE]),
            st.sampled_from(PATTERNS),
        ),
    )


def lists(kind, key):
    chosen = st.lists(words, min_size=1, max_size=3).map(tuple)
    return st.builds(Comparison, st.just(kind), key, st.sampled_from([Operator.IN, Operator.NOT_IN]), chosen)


def presence(kind):
    operators = st.sampled_from([Operator.IS_NULL, Operator.IS_NOT_NULL])
    return st.builds(Comparison, st.just(kind), keys, operators, st.none())


comparisons = st.one_of(
    st.builds(
        Comparison,
        st.just("metric"),
        keys,
        st.sampled_from([*SIMPLE]),
        st.sampled_from([-1.0, 0.0, 0.5, 3.0]),
    ),
    texts("param", keys),
    presence("param"),
    texts("tag", keys),
    presence("tag"),
    texts("dataset", st.sampled_from(["name", "digest", "context"])),
    lists("dataset", st.just("name")),
    texts("attribute", st.sampled_from([*ATTRIBUTES])),
    lists("attribute", st.sampled_from(["name", "user_name"])),
    st.builds(
        Comparison,
        st.just("attribute"),
        st.sampled_from(TIMES),
        st.sampled_from([*SIMPLE]),
        st.integers(-1, 3),
    ),
)
conditions = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.builds(AllOf, st.lists(inner, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Not, inner),
    ),
    max_leaves=5,
)
orders = st.lists(
    st.one_of(
        st.builds(Order, st.sampled_from(["metric", "param", "tag"]), keys, st.booleans()),
        st.builds(Order, st.just("attribute"), st.sampled_from([*ATTRIBUTES, *TIMES]), st.booleans()),
    ),
    max_size=3,
    unique_by=lambda order: (order.kind, order.key),
)
a_database_again = settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
_names = itertools.count()


def fill(database, said):
    """Store runs in an experiment of their own; return its id and what a plain reading sees."""
    name = f"e{next(_names)}"
    found = []
    with database.write() as records:
        place = records.experiments.add(experiment(name)).id
        for number, each in enumerate(said):
            facts = dict(each)
            metrics, params, tags, data = (
                facts.pop(kind) for kind in ("metrics", "params", "tags", "datasets")
            )
            one = run(f"{name}-{number}", place, **facts)
            records.runs.add(one, tags)
            before = tuple(Point(key, 0.25, 0, -1) for key in metrics)
            points = tuple(Point(key, value, 1) for key, value in metrics.items())
            records.run_logs.log(one.id, Batch(before + points, params))
            records.run_logs.add_inputs(one.id, data, [])
            used = tuple(SimpleData(each.dataset.name, each.dataset.digest, each.context) for each in data)
            found.append(Facts(one, metrics, params, tags, used))
    return place, found


@dataclass(frozen=True)
class SimpleData:
    name: str
    digest: str
    context: str


def ids(database, place, search):
    def ask(cursor):
        with database.read() as records:
            page = records.runs.search([place], replace(search, cursor=cursor))
        assert len(page.items) <= search.limit
        return page

    return [each.run.id for each in all_pages(ask)]


@a_database_again
@given(said=st.lists(facts_of_runs, max_size=7), condition=conditions)
def test_conditions_find_what_a_plain_reading_finds(database, said, condition):
    place, every = fill(database, said)
    wanted = [facts.run.id for facts in every if facts.run.deleted_at_ms is None and holds(condition, facts)]
    assert sorted(ids(database, place, Search(condition))) == sorted(wanted)


@a_database_again
@given(
    said=st.lists(facts_of_runs, max_size=9),
    condition=comparisons | st.just(AllOf(())),
    order=orders,
    limit=st.integers(1, 4),
    view=st.sampled_from(View),
)
def test_pages_in_any_order_show_every_run_once(database, said, condition, order, limit, view):
    place, every = fill(database, said)
    shown = [
        facts
        for facts in every
        if view is View.ALL or (facts.run.deleted_at_ms is not None) is (view is View.DELETED)
    ]
    wanted = in_order([facts for facts in shown if holds(condition, facts)], order)
    found = ids(database, place, Search(condition, tuple(order), view, limit))
    assert found == [facts.run.id for facts in wanted]


@pytest.fixture
def stored(database):
    """A database with ten runs, r0 to r9, whose metric is their number."""
    with database.write() as records:
        for number in (1, 2):
            records.experiments.add(experiment(f"e{number}", number=number))
        for number in range(10):
            records.runs.add(run(f"r{number}", 1 + number // 8, 100 + number), {"n": str(number)})
    for number in range(10):
        log(database, f"r{number}", Point("m", float(number), 0), params={"p": "x"})
    return database


def asked(database, text="", *order, experiments=(1, 2)):
    search = Search(parse_filter(text, RUNS), parse_order(order, RUNS))
    with database.read() as records:
        return [int(each.run.id[1:]) for each in records.runs.search(experiments, search).items]


def test_a_search_sees_the_experiments_it_is_about(stored):
    assert asked(stored) == [*range(9, -1, -1)]
    assert asked(stored, experiments=(2,)) == [9, 8]
    assert asked(stored, experiments=(2, 2, 77)) == [9, 8]
    assert asked(stored, experiments=()) == []


def test_words_become_what_they_mean(stored):
    assert asked(stored, "metrics.m >= 3 AND metrics.m < 6", "metrics.m") == [3, 4, 5]
    assert asked(stored, "metrics.m > 7 OR tags.n = '0'", "tags.n DESC") == [9, 8, 0]
    assert asked(stored, "NOT (metrics.m > 1)") == [1, 0]
    assert asked(stored, "attributes.run_id IN ('r1', 'r2')", "start_time ASC") == [1, 2]


def test_nan_comes_after_numbers_and_before_nothing_wherever_it_is_ordered_by(stored):
    log(stored, "r1", Point("x", math.nan, 0))
    log(stored, "r2", Point("x", math.inf, 0), Point("x", 1.0, 0, -1))
    log(stored, "r3", Point("x", -1.0, 0))
    rest = [9, 8, 7, 6, 5, 4, 0]
    for before in ((), ("params.p",)):
        assert asked(stored, "", *before, "metrics.x") == [3, 2, 1, *rest]
        assert asked(stored, "", *before, "metrics.x DESC") == [2, 3, 1, *rest]


def test_runs_come_with_all_they_logged(stored):
    with stored.read() as records:
        (found,) = records.runs.search([1, 2], Search(parse_filter("metrics.m = 4", RUNS))).items
        assert (found,) == records.runs.logged(["r4"])
    assert (found.params, found.tags, found.metrics) == ({"p": "x"}, {"n": "4"}, (Point("m", 4.0, 0),))


def test_the_longest_filter_that_is_read_can_be_asked(stored):
    five_hundred = " OR ".join(f"metrics.m = {number % 12}" for number in range(500))
    assert asked(stored, five_hundred) == [*range(9, -1, -1)]
    nested = "(" * MAX_DEPTH + "tags.n = '1'" + ")" * MAX_DEPTH
    assert asked(stored, nested) == [1]
    assert asked(stored, "NOT " * MAX_DEPTH + "tags.n = '1'") == [1]
    deep = "tags.n = '2'"
    for _ in range(MAX_DEPTH // 2):
        deep = f"params.p = 'x' AND (end_time > 5 OR (metrics.m > 0 AND {deep}))"
    with pytest.raises(BadInputError, match="nested"):
        asked(stored, f"(({deep}))")
    for order in ((), ("metrics.m",), ("tags.n",), ("metrics.m", "metrics.x DESC", "params.p", "tags.n")):
        assert asked(stored, deep, *order) == [2]
    many = ",".join(f"'r{number}'" for number in range(9000))
    assert asked(stored, f"run_id IN ({many})") == [*range(9, -1, -1)]
    assert asked(stored, f"params.p LIKE '{'%' * 1_000}'") == [*range(9, -1, -1)]
    assert asked(stored, f"params.p ILIKE '{'[!' * 500}'") == []
    assert asked(stored, f"metrics.m < 1{'0' * 400}") == [*range(9, -1, -1)]


def test_runs_begun_meanwhile_neither_shift_nor_repeat_a_page(stored):
    with stored.read() as records:
        first = records.runs.search([1, 2], Search(limit=4))
    with stored.write() as records:
        records.runs.add(run("newest", 1, 999), {})
        records.runs.save(replace(run("r9", 2, 109), deleted_at_ms=1))
    with stored.read() as records:
        rest = records.runs.search([1, 2], Search(limit=100, cursor=first.next_cursor))
    assert [each.run.id for each in (*first.items, *rest.items)] == [f"r{n}" for n in range(9, -1, -1)]


@pytest.mark.parametrize("cursor", FOREIGN_CURSORS)
@pytest.mark.parametrize("order", [(), ("metrics.m",), ("params.p DESC", "metrics.m")], ids=str)
def test_a_cursor_of_ones_own_making_is_refused(stored, order, cursor):
    wanted = Search(order=parse_order(order, RUNS), cursor=cursor)
    with stored.read() as records, pytest.raises(BadInputError, match="Invalid page token"):
        records.runs.search([1], wanted)
