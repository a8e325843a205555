"""The filter language: what filters mean, what is refused and in which words, and what nobody can break."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.core.errors import BadInputError
from assay.core.tracking import vocabularies
from assay.core.tracking.filter_shapes import MAX_COMPARISONS, MAX_DEPTH
from assay.core.tracking.filter_tokens import MAX_TOKENS
from assay.core.tracking.filters import (
    MAX_LENGTH,
    MAX_PATTERN_LENGTH,
    MAX_PATTERNS,
    parse_filter,
    parse_order,
    parse_order_field,
)
from assay.core.tracking.searches import EVERYTHING, AllOf, AnyOf, Comparison, Not, Operator, Order
from assay.core.tracking.vocabularies import (
    EXPERIMENTS,
    LOGGED_MODELS,
    MODEL_VERSIONS,
    REGISTERED_MODELS,
    RUNS,
)

EVERY = [RUNS, EXPERIMENTS, REGISTERED_MODELS, MODEL_VERSIONS, LOGGED_MODELS]
PROMPT = "mlflow.prompt.is_prompt"


def one(kind, key, operator, value=None):
    return Comparison(kind, key, Operator(operator), value)


def metric(operator, value, key="m"):
    return one("metric", key, operator, value)


A, B, C = (one("param", key, "=", "1") for key in "abc")


def p(key):
    return f"params.{key} = '1'"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Nothing asked, nothing refused.
        ("", EVERYTHING),
        # Metrics: numbers of every form.
        ("metrics.m = 1", metric("=", 1.0)),
        ("metric.m != -1", metric("!=", -1.0)),
        ("metrics.m>1e-3", metric(">", 0.001)),
        ("metrics.m >= .5", metric(">=", 0.5)),
        ("metrics.m\n<\t2.", metric("<", 2.0)),
        ("metrics.m <= 1E5", metric("<=", 100000.0)),
        ("metrics.`a b` > 1", metric(">", 1.0, "a b")),
        ('metrics."a.b/c" > 1', metric(">", 1.0, "a.b/c")),
        ("metrics.a.b.c > 1", metric(">", 1.0, "a.b.c")),
        ("metrics.É > 1", metric(">", 1.0, "É")),
        # Parameters and tags: texts in either quotes.
        ("params.p = 'x'", one("param", "p", "=", "x")),
        ('parameter.p != "x y"', one("param", "p", "!=", "x y")),
        ("parameters.p LIKE '%x_'", one("param", "p", "LIKE", "%x_")),
        ("param.p ILIKE 'X'", one("param", "p", "ILIKE", "X")),
        ("params.p = ''", one("param", "p", "=", "")),
        ("params.p = 'AND OR NOT ( ) \"'", one("param", "p", "=", 'AND OR NOT ( ) "')),
        ("params.p = 'é ☃'", one("param", "p", "=", "é ☃")),
        ("tags.t is null", one("tag", "t", "IS NULL")),
        ("tag.`my key` IS NOT NULL", one("tag", "my key", "IS NOT NULL")),
        ("tags.mlflow.user = 'me'", one("tag", "mlflow.user", "=", "me")),
        ("tags.t like 'x'", one("tag", "t", "LIKE", "x")),
        # Attributes, with and without a prefix.
        ("status = 'FINISHED'", one("attribute", "status", "=", "FINISHED")),
        ("attribute.status = 'x'", one("attribute", "status", "=", "x")),
        ("attributes.run_id IN ('a', \"b\",'c')", one("attribute", "id", "IN", ("a", "b", "c"))),
        ("attr.run_name NOT IN ('a')", one("attribute", "name", "NOT IN", ("a",))),
        ("run.user_id LIKE 'a%'", one("attribute", "user_name", "LIKE", "a%")),
        ("artifact_uri ILIKE 'x'", one("attribute", "artifact_root", "ILIKE", "x")),
        ("`run name` = 'x'", one("attribute", "name", "=", "x")),
        ("start_time > 1664067852747", one("attribute", "started_at_ms", ">", 1664067852747)),
        ("created != 5", one("attribute", "started_at_ms", "!=", 5)),
        ("end_time <= -1", one("attribute", "ended_at_ms", "<=", -1)),
        ("dataset.name = 'd'", one("dataset", "name", "=", "d")),
        ("datasets.digest IN ('d')", one("dataset", "digest", "IN", ("d",))),
        ("datasets.context ILIKE 'Tr%'", one("dataset", "context", "ILIKE", "Tr%")),
        # AND binds more tightly than OR; keywords in any case.
        (f"{p('a')} AND {p('b')}", AllOf((A, B))),
        (f"{p('a')} and {p('b')} aNd {p('c')}", AllOf((A, B, C))),
        (f"{p('a')} OR {p('b')}", AnyOf((A, B))),
        (f"{p('a')} OR {p('b')} AND {p('c')}", AnyOf((A, AllOf((B, C))))),
        (f"{p('a')} AND {p('b')} OR {p('c')}", AnyOf((AllOf((A, B)), C))),
        (f"{p('a')} AND ({p('b')} OR {p('c')})", AllOf((A, AnyOf((B, C))))),
        (f"NOT {p('a')}", Not(A)),
        (f"NOT {p('a')} AND {p('b')}", AllOf((Not(A), B))),
        (f"not ({p('a')} or {p('b')})", Not(AnyOf((A, B)))),
        (f"NOT NOT {p('a')}", Not(Not(A))),
        (f"(({p('a')}))", A),
        # As stock reads them.
        (f"AND {p('a')}", A),
        (f"{p('a')} AND", A),
        (f"{p('a')} {p('b')}", AllOf((A, B))),
    ],
)
def test_filters_over_runs_mean_what_they_say(text, expected):
    assert parse_filter(text, RUNS) == expected


@pytest.mark.parametrize(
    ("vocabulary", "text", "expected"),
    [
        (EXPERIMENTS, "name = 'e'", one("attribute", "name", "=", "e")),
        (EXPERIMENTS, "attribute.creation_time > 5", one("attribute", "created_at_ms", ">", 5)),
        (EXPERIMENTS, "experiment_id = ' 007 '", one("attribute", "id", "=", "7")),
        (EXPERIMENTS, "experiment_id IN ('1', '2')", one("attribute", "id", "IN", ("1", "2"))),
        (EXPERIMENTS, "tags.t IS NULL", one("tag", "t", "IS NULL")),
        (REGISTERED_MODELS, "name ILIKE '%x'", one("attribute", "known_as", "ILIKE", "%x")),
        (REGISTERED_MODELS, "name IN ('a','b')", one("attribute", "known_as", "IN", ("a", "b"))),
        (REGISTERED_MODELS, f"tags.`{PROMPT}` != 'true'", one("tag", PROMPT, "!=", "true")),
        (REGISTERED_MODELS, "alias = 'champion'", one("attribute", "alias", "=", "champion")),
        (MODEL_VERSIONS, "name='m'", one("attribute", "known_as", "=", "m")),
        (MODEL_VERSIONS, "run_id IN ('r')", one("attribute", "run_id", "IN", ("r",))),
        (MODEL_VERSIONS, "version_number = '3'", one("attribute", "number", "=", 3)),
        (MODEL_VERSIONS, "version_number > 3", one("attribute", "number", ">", 3)),
        (MODEL_VERSIONS, "stage = 'Production'", one("attribute", "stage", "=", "Production")),
        (LOGGED_MODELS, "name = 'm'", one("attribute", "name", "=", "m")),
        (LOGGED_MODELS, "creation_time > 5", one("attribute", "created_at_ms", ">", 5)),
        (LOGGED_MODELS, "metrics.acc > 0.5", metric(">", 0.5, "acc")),
        (LOGGED_MODELS, "params.lr = 0.01", one("param", "lr", "=", "0.01")),
        (LOGGED_MODELS, "attributes.status IN ('READY')", one("attribute", "status", "IN", ("READY",))),
    ],
)
def test_filters_over_other_things_mean_what_they_say(vocabulary, text, expected):
    assert parse_filter(text, vocabulary) == expected


@pytest.mark.parametrize(
    ("vocabulary", "text", "message"),
    [
        (RUNS, "foo = 'x'", "Invalid attribute key 'foo' specified. Valid keys are '{'"),
        (RUNS, "foo.k = 'x'", "Invalid entity type 'foo'. Valid values are ["),
        (RUNS, "metrics.m = 'a'", "Expected numeric value type for metric. Found 'a'"),
        (RUNS, "metrics.m = '1'", "Expected numeric value type for metric. Found '1'"),
        (RUNS, "metrics.m IS NULL", "IS NULL / IS NOT NULL is only supported for tags and params"),
        (RUNS, "metrics.m LIKE 1", "Invalid comparator 'LIKE' not one of '"),
        (RUNS, "metrics.m IN (1)", "Expected numeric value type for metric"),
        (RUNS, "params.p > '1'", "Invalid comparator '>' not one of '"),
        (RUNS, "params.p = x", "Parameter value is either not quoted or unidentified quote types"),
        (RUNS, "params.p = 5", "Expected a quoted string value for parameter (e.g. 'my-value'). Got value 5"),
        (RUNS, "tags.t = 5", "Expected a quoted string value for tag"),
        (RUNS, "start_time > 'x'", "Expected numeric value type for numeric attribute: start_time"),
        (RUNS, "status > 'x'", "Invalid comparator '>' not one of '"),
        (RUNS, "status IS NULL", "IS NULL / IS NOT NULL is only supported for tags and params"),
        (RUNS, "run_id IN ()", "While parsing a list in the query, expected a non-empty list"),
        (RUNS, "run_id IN (1)", "While parsing a list in the query, expected string value"),
        (RUNS, "run_id IN 'x'", "Invalid clause(s) in filter string"),
        (RUNS, "datasets.foo = 'x'", "Invalid dataset key 'foo' specified"),
        (RUNS, "metrics.m BETWEEN 1 AND 2", "Invalid clause(s) in filter string"),
        (RUNS, " \n ", "Invalid filter ' \n '. Could not be parsed"),
        (RUNS, f"{p('a')};", "Invalid clause(s) in filter string: ';'"),
        (RUNS, "metrics.m", "Invalid clause(s) in filter string: 'metrics.m'"),
        (RUNS, f"({p('a')}", "Invalid clause(s) in filter string"),
        (RUNS, f"{p('a')})", "Invalid clause(s) in filter string: ')'"),
        (RUNS, f"{p('a')} OR", "Invalid clause(s) in filter string"),
        (RUNS, "NOT", "Invalid clause(s) in filter string: 'NOT'"),
        (RUNS, "()", "Invalid clause(s) in filter string"),
        (RUNS, f"{p('a')}; {p('b')}", "Search filter contained multiple expression"),
        (RUNS, "'x' = params.p", "Invalid comparison clause. Expected 'Identifier' found"),
        (RUNS, "params.p = 'x' -- and more", "Invalid clause(s) in filter string: '-- and more'"),
        (RUNS, "params.p = 'it's'", "Invalid clause(s) in filter string"),
        (EXPERIMENTS, "foo = 'x'", "Invalid attribute key 'foo' specified"),
        (EXPERIMENTS, "metrics.m > 1", "Invalid entity type 'metrics'. Valid entity types are"),
        (EXPERIMENTS, "experiment_id = 'x'", "Invalid experiment ID 'x'"),
        (EXPERIMENTS, "creation_time > 1.5", "Invalid value for numeric attribute 'creation_time'"),
        (EXPERIMENTS, "name IS NULL", "IS NULL / IS NOT NULL is only supported for tags"),
        (REGISTERED_MODELS, "foo = 'x'", "Invalid attribute key 'foo' specified"),
        (REGISTERED_MODELS, "name > 'x'", "Invalid comparator for attribute: >"),
        (MODEL_VERSIONS, "name > 'x'", "Invalid comparator for attribute: >"),
        (MODEL_VERSIONS, "version_number = 'x'", "Invalid value for numeric attribute 'version_number'"),
        (
            MODEL_VERSIONS,
            "run_id = 5",
            "Only the '{'creation_timestamp', 'last_updated_timestamp', 'version_",
        ),
        (LOGGED_MODELS, "foo = 'x'", "Invalid attribute key 'foo' specified"),
        (LOGGED_MODELS, "foo.k = 'x'", "Invalid entity type: 'foo'. Expected one of"),
        (LOGGED_MODELS, "metrics.m", "Invalid filter string: 'metrics.m'. Expected a list of comparisons"),
    ],
)
def test_what_is_refused_is_refused_in_the_words_users_know(vocabulary, text, message):
    with pytest.raises(BadInputError) as refused:
        parse_filter(text, vocabulary)
    assert refused.value.message.startswith(message), refused.value.message


def test_a_refusal_names_no_key_beyond_those_clients_know():
    with pytest.raises(BadInputError, match="Valid keys") as refused:
        parse_filter("foo = 'x'", REGISTERED_MODELS)
    assert "alias" not in refused.value.message


@pytest.mark.parametrize(
    "text",
    [
        "(" * (MAX_DEPTH + 1) + p("a") + ")" * (MAX_DEPTH + 1),
        "NOT " * (MAX_DEPTH + 1) + p("a"),
        "NOT (" * 5000 + p("a") + ")" * 5000,
        "(" * MAX_LENGTH,
        " AND ".join([p("a")] * (MAX_COMPARISONS + 1)),
        "x " * (MAX_TOKENS + 1),
        "x" * (MAX_LENGTH + 1),
        f"params.a LIKE '{'%' * (MAX_PATTERN_LENGTH + 1)}'",
        f"params.a ILIKE '{'%' * (MAX_PATTERN_LENGTH + 1)}'",
        " OR ".join([p("a").replace("=", "LIKE")] * (MAX_PATTERNS + 1)),
        " OR ".join([f"params.a ILIKE '{'%' * 900}'"] * 6),
        "params.a = 'x\0'",
        "params.`\ud800` = 'x'",
    ],
    ids=[
        "depth",
        "not",
        "deep",
        "open",
        "many",
        "tokens",
        "long",
        "like",
        "ilike",
        "patterns",
        "letters",
        "nul",
        "surrogate",
    ],
)
@pytest.mark.parametrize("vocabulary", [RUNS, LOGGED_MODELS], ids=["runs", "logged models"])
def test_filters_have_limits(vocabulary, text):
    with pytest.raises(BadInputError):
        parse_filter(text, vocabulary)


def test_filters_up_to_the_limits_are_read():
    parse_filter("(" * MAX_DEPTH + p("a") + ")" * MAX_DEPTH, RUNS)
    parse_filter(" AND ".join([p("a")] * MAX_COMPARISONS), RUNS)
    parse_filter(f"params.a LIKE '{'%' * MAX_PATTERN_LENGTH}'", RUNS)
    parse_filter(" OR ".join(["params.a LIKE 'x'"] * MAX_PATTERNS), RUNS)
    found = parse_filter(f"run_id IN ({','.join(['0123456789abcdef'.join(chr(39) * 2)] * 5000)})", RUNS)
    assert len(found.value) == 5000


# What a filter is made of, so that random ones come near to meaning something.
PIECES = [
    *(
        "metrics.m",
        "params.p",
        "tags.`a b`",
        "status",
        "name",
        "version_number",
        "run_id",
        "start_time",
        "foo",
    ),
    *("experiment_id", "dataset.name", 'metrics."x"', "a.b.c", "`", "``", "'", '"', "''", "\\'", "\\", "'x'"),
    *('"x"', "'it''s'", "1", "-1", "1e5", "1e999", ".5", "1.2.3", "0x1", "nan", "inf", "9" * 400, "¹", "١"),
    *("=", "!=", "<>", "<", ">", "<=", ">=", "==", "~", "LIKE", "ilike", "RLIKE", "IN", "NOT IN", "IS NULL"),
    *(
        "IS",
        "NOT",
        "NULL",
        "AND",
        "OR",
        "BETWEEN",
        "TRUE",
        "(",
        ")",
        "()",
        ",",
        ";",
        "--",
        "/*",
        "*/",
        "#",
        "# ",
    ),
    *(
        " ",
        "\n",
        "\t",
        "\0",
        "\x85",
        "é",
        "☃",
        "\ud800",
        "\U0001d11e",
        "[",
        "]",
        "*",
        "%",
        "{",
        "}",
        "{x}",
        "{0}",
    ),
]
hostile = st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from(PIECES), max_size=14).map("".join),
    st.lists(st.sampled_from(PIECES), max_size=14).map(" ".join),
)


@settings(max_examples=400)
@given(hostile, st.sampled_from(EVERY))
def test_no_text_does_anything_but_mean_something_or_be_refused(text, vocabulary):
    said = []
    for read in (
        lambda: parse_filter(text, vocabulary),
        lambda: parse_order([text], vocabulary),
        lambda: parse_order([text, text], vocabulary),
        lambda: parse_order_field(text, vocabulary),
    ):
        try:
            read()
        except BadInputError as error:
            said.append(error)
    assert all(each.reasons and str(each) for each in said)


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "'",
            '"',
            "`",
            "/*",
            "/* '",
            " ",
            "\n",
            "(",
            ")",
            "a IN (",
            "a IN ('b',",
            "a = (",
            "a LIKE (",
            "a NOT IN (",
        ),
        *(
            "a.",
            "a.`",
            'a."',
            "a.[",
            "a.b(",
            "a-",
            "a - ",
            "1.",
            "--",
            "#",
            "[",
            "\\'",
            "NOT ",
            "AND ",
            "IS NOT ",
            "< ",
        ),
    ],
)
def test_no_text_takes_long_to_be_read(piece):
    text = ("x " + piece * MAX_LENGTH)[:MAX_LENGTH]
    before = time.process_time()
    for read in (parse_filter, lambda text, vocabulary: parse_order([text], vocabulary)):
        with pytest.raises(BadInputError):
            read(text, RUNS)
    assert time.process_time() - before < 5


@given(st.text(max_size=30).filter(lambda text: "`" not in text))
def test_a_key_in_backticks_is_that_key(key):
    try:
        found = parse_filter(f"tags.`{key}` IS NULL", RUNS)
    except BadInputError:
        assert "\0" in key or not key.isprintable()
        return
    assert found == one("tag", key, "IS NULL")


@given(st.text(max_size=30).filter(lambda text: "'" not in text and "\0" not in text))
def test_a_text_in_quotes_is_that_text(text):
    try:
        found = parse_filter(f"params.p = '{text}'", RUNS)
    except BadInputError:
        assert text.endswith("\\") or any("\ud800" <= letter <= "\udfff" for letter in text)
        return
    assert found == one("param", "p", "=", text)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_that_number(value):
    assert parse_filter(f"metrics.m = {value!r}", RUNS) == metric("=", value)


numbers_of_tree = st.integers(0, 3)
trees = st.recursive(
    st.sampled_from([A, B, C]),
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(lambda parts: AllOf(tuple(parts)), st.lists(inner, min_size=2, max_size=3)),
        st.builds(lambda parts: AnyOf(tuple(parts)), st.lists(inner, min_size=2, max_size=3)),
    ),
    max_leaves=8,
)


def written(tree):
    if isinstance(tree, Comparison):
        return p(tree.key)
    if isinstance(tree, Not):
        return f"NOT ({written(tree.part)})"
    word = " AND " if isinstance(tree, AllOf) else " OR "
    return word.join(f"({written(part)})" for part in tree.parts)


@given(trees)
def test_parentheses_make_any_tree(tree):
    assert parse_filter(written(tree), RUNS) == tree


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        ("metrics.m", Order("metric", "m")),
        ("metrics.`a b` DESC", Order("metric", "a b", descending=True)),
        (" params.p   asc ", Order("param", "p")),
        ("tags.t Desc", Order("tag", "t", descending=True)),
        ("start_time", Order("attribute", "started_at_ms")),
        ("attribute.run_name DESC", Order("attribute", "name", descending=True)),
        ("Created DESC", Order("attribute", "started_at_ms", descending=True)),
    ],
)
def test_orders_mean_what_they_say(clause, expected):
    assert parse_order([clause], RUNS) == (expected,)


@pytest.mark.parametrize(
    ("vocabulary", "clauses", "message"),
    [
        (RUNS, ["foo"], "Invalid attribute key 'foo' specified"),
        (RUNS, ["metrics.m UP"], "Invalid ordering key in order_by clause 'metrics.m UP'"),
        (RUNS, ["metrics.m DESC please"], "Invalid order_by clause 'metrics.m DESC please'"),
        (RUNS, [""], "Invalid order_by clause ''"),
        (RUNS, ["metrics.m", "metric.m DESC"], "`order_by` contains duplicate fields"),
        (RUNS, ["dataset.name"], "Invalid identifier type 'dataset'"),
        (EXPERIMENTS, ["tags.t"], "Invalid order_by entity: tag"),
        (REGISTERED_MODELS, ["creation_timestamp"], "Invalid order by key 'creation_timestamp' specified"),
        (REGISTERED_MODELS, ["tags.t"], "Invalid order by key 'tags.t' specified"),
        (REGISTERED_MODELS, ["timestamp", "last_updated_timestamp"], "`order_by` contains duplicate fields"),
        (MODEL_VERSIONS, ["run_id"], "Invalid attribute key 'run_id' specified"),
    ],
)
def test_what_cannot_be_ordered_by_is_refused_in_the_words_users_know(vocabulary, clauses, message):
    with pytest.raises(BadInputError) as refused:
        parse_order(clauses, vocabulary)
    assert refused.value.message.startswith(message), refused.value.message


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("metrics.a.b c", Order("metric", "a.b c")),
        ("attributes.creation_time", Order("attribute", "created_at_ms")),
        ("name", Order("attribute", "name")),
    ],
)
def test_a_lone_field_is_all_that_stands_there(name, expected):
    assert parse_order_field(name, LOGGED_MODELS) == expected


@pytest.mark.parametrize("name", ["params.p", "tags.t", "foo", "", "metrics"])
def test_a_lone_field_that_cannot_be_ordered_by_is_refused(name):
    with pytest.raises(BadInputError, match="Invalid order by field name"):
        parse_order_field(name, LOGGED_MODELS)


@pytest.mark.parametrize("vocabulary", EVERY)
def test_every_attribute_can_be_asked_for(vocabulary):
    for key in {*vocabulary.texts, *vocabulary.numbers}:
        value = "'7'" if key in vocabulary.texts else "7"
        found = parse_filter(f"`{key}` = {value}", vocabulary)
        assert found.kind == vocabularies.ATTRIBUTE
    for key in vocabulary.order:
        assert parse_order([f"`{key}`"], vocabulary)
