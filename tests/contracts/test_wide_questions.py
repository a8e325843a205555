"""Questions that ask much: answered, or refused in fixed words, and not remembered."""

import logging
from contextlib import closing

import pytest
from sqlalchemy.exc import OperationalError

from assay.core.errors import BadInputError, UnavailableError
from assay.core.tracking.filters import parse_filter
from assay.core.tracking.searches import MAX_DATASETS, Order, Search
from assay.core.tracking.trace_filters import MAX_JUDGED, MAX_SPAN_VALUES, read_trace_filter
from assay.core.tracking.vocabularies import LOGGED_MODELS, RUNS
from assay.storage.keysets import WORN
from assay.storage.sqlite import STATEMENTS_KEPT
from contracts.stores import open_sqlite
from contracts.trace_samples import span, trace
from contracts.tracking_samples import experiment, run

MOST = 500


@pytest.fixture
def stored(database):
    with database.write() as records:
        records.experiments.add(experiment("one", number=1))
        records.runs.add(run("a"), {"t": "x"})
        records.traces.save(trace(1))
        records.spans.put([span(1)])
    return database


def joined(word, one, count=MOST):
    return f" {word} ".join(one.format(number) for number in range(count))


@pytest.mark.parametrize("word", ["AND", "OR"])
@pytest.mark.parametrize("order", [(), (Order("metric", "m0"),)], ids=["by time", "by metric"])
@pytest.mark.parametrize("one", ["tags.a{} != 'x'", "metrics.m{} > 1", "NOT params.a{} = 'x'"])
def test_a_filter_of_as_many_comparisons_as_may_be_is_answered_for_runs(stored, word, order, one):
    question = Search(parse_filter(joined(word, one), RUNS), order)
    with stored.read() as records:
        assert len(records.runs.search((1,), question).items) in (0, 1)


@pytest.mark.parametrize("word", ["AND", "OR"])
@pytest.mark.parametrize(
    ("one", "count"),
    [
        ("span.attributes.a{} = 'x'", MOST),
        ("span.name != 'a{}'", MOST),
        ("feedback.a{} = 'x'", MAX_JUDGED),
        ("tags.a{} = 'x'", MOST),
    ],
)
def test_a_filter_of_as_many_comparisons_as_may_be_is_answered_for_traces(stored, word, one, count):
    question = Search(read_trace_filter(joined(word, one, count)), limit=5)
    with stored.read() as records:
        assert len(records.traces.search((1,), question).items) in (0, 1)


def test_long_lists_for_spans_are_answered_up_to_a_limit(stored):
    values = ",".join(f"'{number}'" for number in range(MAX_SPAN_VALUES))
    question = Search(read_trace_filter(f"span.attributes.a IN ({values})"), limit=5)
    with stored.read() as records:
        assert records.traces.search((1,), question).items == ()
    with pytest.raises(BadInputError, match="at most 100 values"):
        read_trace_filter(f"span.attributes.a IN ({values}, 'more')")
    with pytest.raises(BadInputError, match="at most 100 comparisons with assessments"):
        read_trace_filter(joined("OR", "NOT feedback.a{} = 'x'", MAX_JUDGED + 1))


def test_a_search_for_logged_models_is_answered_with_as_many_data_sets_as_may_be(stored):
    datasets = tuple((f"d{number}", "x") for number in range(MAX_DATASETS))
    condition = parse_filter(joined("AND", "metrics.m{} > 1", 20), LOGGED_MODELS)
    with stored.read() as records:
        assert records.logged_models.search((1,), Search(condition, datasets=datasets)).items == ()


def test_how_wide_questions_are_written_is_not_kept(tmp_path):
    with closing(open_sqlite(tmp_path)) as database:
        kept = database._engine._compiled_cache
        for number in range(20):
            operators = ["=" if number >> place & 1 else "!=" for place in range(20)]
            text = " AND ".join(f"tags.a{place} {each} 'x'" for place, each in enumerate(operators))
            with database.read() as records:
                connection = records.connection.connection.dbapi_connection
                records.runs.search((1,), Search(parse_filter(text, RUNS)))
                assert records.connection.info[WORN]
            with database.read() as records:
                assert records.connection.connection.dbapi_connection is not connection
                assert WORN not in records.connection.info
        assert len(kept) < 20


def test_how_other_questions_are_written_is_kept_of_a_few_hundred_only(stored):
    kept = stored._engine._compiled_cache
    for number in range(2 * STATEMENTS_KEPT):
        operators = ["=" if number >> place & 1 else "!=" for place in range(8)]
        operators[number % 8] = "LIKE" if number % 3 else "ILIKE"
        text = " AND ".join(f"tags.a{place} {each} 'x'" for place, each in enumerate(operators))
        with stored.read() as records:
            records.runs.search((1,), Search(parse_filter(text, RUNS)))
    assert len(kept) <= 1.5 * STATEMENTS_KEPT


@pytest.mark.parametrize(
    "said",
    [
        "Expression tree is too large (maximum depth 1000)",
        "too many columns in result set",
        "too many SQL variables",
        "at most 64 tables in a join",
        "parser stack overflow",
    ],
)
def test_what_a_database_cannot_be_asked_is_refused_in_our_words(tmp_path, said):
    with closing(open_sqlite(tmp_path)) as database, pytest.raises(BadInputError) as refused, database.read():
        raise OperationalError("SELECT secret", None, RuntimeError(said))
    assert str(refused.value) == "the request asks for too much at once"


def test_what_the_database_says_is_for_the_operator_alone(database, caplog):
    caplog.set_level(logging.ERROR)
    said = "disk I/O error in /data/registry.db"
    with pytest.raises(UnavailableError) as refused, database.read():
        raise OperationalError("SELECT secret", None, RuntimeError(said))
    assert said not in f"{refused.value} {refused.value.hint} {refused.value.reasons}"
    number = str(refused.value).split()[-1]
    assert any(number in each.message and said in each.message for each in caplog.records)


def test_a_pattern_looks_at_the_beginning_of_long_texts_and_at_all_of_what_spans_say(stored):
    long = "a" * 70_000
    with stored.write() as records:
        records.runs.add(run("long"), {"t": f"{long}end", "short": "begin"})
        records.spans.put([span(1, attributes={"say_it": f"{long}End of it"})])

    def runs(text):
        with stored.read() as records:
            return [each.run.id for each in records.runs.search((1,), Search(parse_filter(text, RUNS))).items]

    assert runs("tags.t LIKE 'aaa%'") == runs("tags.t ILIKE '%AAA'") == ["long"]
    assert runs("tags.t LIKE '%end'") == runs("tags.t ILIKE '%END'") == []

    def traces(text):
        question = Search(read_trace_filter(text), limit=5)
        with stored.read() as records:
            return len(records.traces.search((1,), question).items)

    for text, count in [
        ("span.attributes.say_it LIKE '%End of%'", 1),
        ("span.attributes.say_it LIKE '%end of%'", 0),
        ("span.attributes.say_it ILIKE '%end OF%'", 1),
        ("span.attributes.say_it LIKE '%of%End%'", 0),
        ("span.attributes.sayXit LIKE '%End of%'", 0),
        ("span.attributes.say_it LIKE '%End_of%'", 0),  # a wildcard for one letter looks less far
        ("span.attributes.say_it LIKE '%aa_a%'", 1),
        ("trace.text LIKE '%End of it%'", 1),
        ("trace.text ILIKE '%END OF%'", 1),
        (f"span.attributes.say_it = '{long[:60_000]}'", 0),
    ]:
        assert traces(text) == count, text


def test_whose_experiments_are_is_asked_at_once(stored):
    with stored.write() as records:
        for number in range(2, 903):
            records.experiments.add(experiment(f"e{number}", team=f"t{number % 2}", number=number))
        found = records.owners.teams([*range(1000)])
        assert len(found) == 902
        assert found[2] == "t0"
        assert records.owners.teams([3]) == {3: "t1"}
        assert records.owners.teams([5000]) == records.owners.teams([]) == {}
