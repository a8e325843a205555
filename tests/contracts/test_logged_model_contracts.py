"""What every store must do with logged models."""

import math
from contextlib import closing
from dataclasses import replace

import pytest

from assay.core.errors import BadInputError, ConflictError
from assay.core.tracking.filters import parse_filter
from assay.core.tracking.logged_models import LoggedModelStatus, ModelPoint
from assay.core.tracking.metrics import Point
from assay.core.tracking.searches import Order, Search
from assay.core.tracking.vocabularies import LOGGED_MODELS
from contracts.tracking_samples import FOREIGN_CURSORS, all_pages, experiment, log, logged_model, run


def about(number, key, value, at=0, step=0, data=("", "")):
    return Point(key, value, at, step, logged_model(number).id, *data)


@pytest.fixture
def stored(database):
    """Five logged models in experiment 1, one in experiment 2, and what two runs measured of them."""
    with database.write() as records:
        for number in (1, 2):
            records.experiments.add(experiment(f"e{number}", number=number))
        for name in "ab":
            records.runs.add(run(name), {})
        for number in range(1, 7):
            records.logged_models.add(
                logged_model(
                    number,
                    2 if number == 6 else 1,
                    at=1000 + number // 2,
                    tags={"color": "red" if number % 2 else "blue"},
                    params={"depth": str(number)} if number > 1 else {},
                    source_run_id="a" if number < 3 else "",
                    model_type="external" if number == 3 else "",
                )
            )
    log(
        database,
        "a",
        about(1, "acc", 0.5, data=("iris", "d1")),
        about(1, "acc", 0.9, at=1, data=("wine", "d2")),
        about(2, "acc", 0.7, data=("iris", "d1")),
        about(3, "acc", math.nan),
        about(4, "acc", -math.inf, step=-1),
        about(77, "acc", 1.0),
    )
    log(database, "b", about(2, "loss", 3.0, step=4))
    return database


def got(database, *numbers, **more):
    with database.read() as records:
        return records.logged_models.get([logged_model(number).id for number in numbers], **more)


def found(database, text="", order=(), experiments=(1, 2), limit=2, datasets=()):
    condition = parse_filter(text, LOGGED_MODELS)

    def ask(cursor):
        with database.read() as records:
            asked = Search(condition, tuple(order), limit=limit, cursor=cursor, datasets=datasets)
            return records.logged_models.search(experiments, asked)

    return [int(each.name.removeprefix("model")) for each in all_pages(ask)]


def test_what_was_stored_is_there_after_opening_again(open_database):
    wanted = logged_model(
        7, name="é ☃", model_type="t", source_run_id="r", tags={"b": "2", "a": ""}, params={"p": "x" * 9000}
    )
    with closing(open_database()) as one, one.write() as records:
        records.logged_models.add(wanted)
    with closing(open_database()) as two:
        assert got(two, 7, 8) == (wanted,)


def test_an_id_is_taken_for_ever(stored):
    with stored.write() as records:
        records.logged_models.delete(logged_model(2).id, 5000)
    for number in (1, 2):
        with pytest.raises(ConflictError), stored.write() as records:
            records.logged_models.add(logged_model(number))


def test_models_come_in_the_order_asked_and_unknown_ids_are_left_out(stored):
    assert [each.name for each in got(stored, 4, 99, 1, 6)] == ["model4", "model1", "model6"]
    assert got(stored) == ()


def test_a_bare_model_is_itself_without_what_was_said_of_it(stored):
    for whole, bare in zip(got(stored, 2, 6), got(stored, 2, 99, 6, bare=True), strict=True):
        assert bare == replace(whole, tags={}, params={}, metrics=())
        assert whole.tags


@pytest.mark.parametrize("status", LoggedModelStatus)
def test_a_status_is_set_again_and_again(stored, status):
    key = logged_model(1).id
    with stored.write() as records:
        records.logged_models.finish(key, LoggedModelStatus.READY, "", 2000)
        records.logged_models.finish(key, status, "why é", 3000)
    one, other = got(stored, 1, 2)
    assert (one.status, one.status_message, one.updated_at_ms) == (status, "why é", 3000)
    assert (one.created_at_ms, other.status) == (1000, LoggedModelStatus.PENDING)


def test_tags_change_and_parameters_do_not(stored):
    key = logged_model(2).id
    with stored.write() as records:
        records.logged_models.annotate(key, {"color": "green", "n": "1"}, {"depth": "9", "new": "x"})
        records.logged_models.annotate("m-none", {"n": "1"}, {})
        assert records.logged_models.remove_tag(key, "n")
        assert not records.logged_models.remove_tag(key, "n")
        assert not records.logged_models.remove_tag("m-none", "n")
    one, other = got(stored, 2, 3)
    assert (one.tags, one.params) == ({"color": "green"}, {"depth": "2", "new": "x"})
    assert (other.tags, other.params) == ({"color": "red"}, {"depth": "3"})


def test_points_that_name_a_model_show_with_it_and_with_their_run(stored):
    one, two, three, four = got(stored, 1, 2, 3, 4)
    iris, wine = ("iris", "d1"), ("wine", "d2")
    assert one.metrics == (
        ModelPoint(Point("acc", 0.5, 0, 0, "", *iris), "a"),
        ModelPoint(Point("acc", 0.9, 1, 0, "", *wine), "a"),
    )
    assert [(each.point.key, each.run_id) for each in two.metrics] == [("acc", "a"), ("loss", "b")]
    assert math.isnan(three.metrics[0].point.value)
    assert (four.metrics[0].point.value, four.metrics[0].point.step) == (-math.inf, -1)
    log(stored, "a", about(1, "acc", 0.5, data=iris))
    assert got(stored, 1) == (one,)
    with stored.read() as records:
        assert [each.value for each in records.run_logs.history("b", "loss", 9).items] == [3.0]


def test_a_deleted_model_is_hidden_for_ever_but_for_who_asks_for_it(stored):
    with stored.write() as records:
        records.logged_models.delete(logged_model(2).id, 5000)
    assert [each.name for each in got(stored, 1, 2)] == ["model1"]
    hidden = got(stored, 1, 2, deleted=True)[1]
    assert (hidden.deleted_at_ms, hidden.params) == (5000, {"depth": "2"})
    assert found(stored) == [6, 4, 5, 3, 1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {1, 2, 3, 4, 5, 6}),
        ("name = 'model3'", {3}),
        ("name ILIKE 'MODEL_'", {1, 2, 3, 4, 5, 6}),
        ("name LIKE 'MODEL_'", set()),
        ("name IN ('model1', 'model2', 'x')", {1, 2}),
        ("model_type = 'external'", {3}),
        ("status = 'LOGGED_MODEL_PENDING'", {1, 2, 3, 4, 5, 6}),
        ("source_run_id = 'a'", {1, 2}),
        ("creation_timestamp >= 1002", {4, 5, 6}),
        ("last_updated_timestamp < 1001", {1}),
        ("tags.color = 'red'", {1, 3, 5}),
        ("tags.color != 'red'", {2, 4, 6}),
        ("params.depth = '2'", {2}),
        ("params.depth != '2'", {3, 4, 5, 6}),
        ("params.depth IS NULL", {1}),
        ("NOT params.depth = '2'", {1, 3, 4, 5, 6}),
        ("metrics.acc > 0.6", {1, 2}),
        ("metrics.acc <= 0.5", {1, 4}),
        ("metrics.acc != 0.5", {1, 2, 3, 4}),
        ("metrics.loss = 3", {2}),
        ("metrics.none > 0", set()),
        ("metrics.acc > 0.6 AND tags.color = 'blue'", {2}),
        ("metrics.acc > 0.6 OR name = 'model5'", {1, 2, 5}),
    ],
)
def test_conditions_find_what_they_say(stored, text, expected):
    assert set(found(stored, text)) == expected


def test_metric_conditions_can_be_limited_to_data_sets(stored):
    assert found(stored, "metrics.acc > 0.6", datasets=(("iris", ""),)) == [2]
    assert found(stored, "metrics.acc > 0.6", datasets=(("wine", "d2"),)) == [1]
    assert found(stored, "metrics.acc > 0.6", datasets=(("wine", "d1"),)) == []
    assert found(stored, "metrics.acc > 0.6", datasets=(("wine", "d2"), ("iris", "d1"))) == [2, 1]


def test_a_search_on_data_sets_finds_models_with_any_metric_on_one_of_them(stored):
    assert found(stored, datasets=(("wine", "d2"),)) == [1]
    assert found(stored, datasets=(("wine", "d2"), ("iris", ""))) == [2, 1]
    assert found(stored, "tags.color = 'red'", datasets=(("wine", "d2"),)) == [1]
    assert found(stored, datasets=(("wine", "none"),)) == []


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ((), [6, 4, 5, 2, 3, 1]),
        ((Order("attribute", "name", descending=True),), [6, 5, 4, 3, 2, 1]),
        ((Order("attribute", "created_at_ms"),), [1, 2, 3, 4, 5, 6]),
        ((Order("metric", "acc"),), [4, 2, 1, 6, 5, 3]),
        ((Order("metric", "acc", descending=True),), [1, 2, 4, 6, 5, 3]),
        ((Order("metric", "acc", dataset_name="iris"),), [1, 2, 6, 4, 5, 3]),
        ((Order("metric", "acc", dataset_name="wine", dataset_digest="d2"),), [1, 6, 4, 5, 2, 3]),
        ((Order("metric", "acc", dataset_name="wine", dataset_digest="?"),), [6, 4, 5, 2, 3, 1]),
    ],
    ids=str,
)
@pytest.mark.parametrize("limit", [1, 2, 5, 100])
def test_pages_follow_one_another_in_order(stored, order, expected, limit):
    assert found(stored, order=order, limit=limit) == expected


def test_of_what_two_runs_measured_at_once_the_first_run_counts(stored):
    log(stored, "b", about(1, "both", 0.1), about(2, "both", 0.2))
    log(stored, "a", about(1, "both", 0.9), about(2, "both", 0.8))
    assert found(stored, order=(Order("metric", "both"),))[:2] == [2, 1]


def test_a_search_sees_the_experiments_it_is_about(stored):
    assert found(stored, experiments=(2,)) == [6]
    assert found(stored, experiments=(1,)) == [4, 5, 2, 3, 1]
    assert found(stored, experiments=()) == found(stored, experiments=(9,)) == []


@pytest.mark.parametrize("cursor", FOREIGN_CURSORS)
@pytest.mark.parametrize("order", [(), (Order("metric", "acc"),)], ids=str)
def test_a_cursor_of_ones_own_making_is_refused(stored, order, cursor):
    with stored.read() as records, pytest.raises(BadInputError, match="Invalid page token"):
        records.logged_models.search([1], Search(order=order, cursor=cursor))
