"""Of what was logged of a model the last word on its held-out data counts, and nothing else does."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.provenance import DataRole
from assay.core.tracking.datasets import CONTEXT_TAG, Dataset, DatasetInput
from assay.core.tracking.logged_models import LoggedModel, ModelPoint
from assay.core.tracking.metrics import Point, newest
from assay.core.tracking.runs import LoggedRun, Run, RunStatus
from assay.formats.mlmodel import PackedModel
from assay.usecases.tracked_points import Logged, told_by
from assay.usecases.tracked_provenance import provenance_of

NAN, INF = float("nan"), float("inf")


def a_set(name, context="eval", rows=0):
    profile = f'{{"num_rows": {rows}}}' if rows else ""
    return DatasetInput(Dataset(name, f"{name}-1", "local", name, "", profile), {CONTEXT_TAG: context})


def a_run(*points, data=(), name="r"):
    return LoggedRun(
        Run(name, 1, "r", "ada", RunStatus.FINISHED, 0, "mlflow-artifacts:/1/r"), points, datasets=data
    )


def a_model(*points, model_id="m"):
    logged = tuple(ModelPoint(point, run) for point, run in points)
    return LoggedModel(model_id, 1, "m", "mlflow-artifacts:/1/m", 0, 0, metrics=logged)


def on(value, at_ms, data="", step=0, key="accuracy"):
    return Point(key, value, at_ms, step, dataset_name=data, dataset_digest=f"{data}-1" if data else "")


def held_out(run):
    return provenance_of(run, PackedModel(), {}).data_digest(DataRole.EVALUATION)


def told(run, *points, siblings=(), others=()):
    found = told_by(Logged(run, a_model(*points), siblings, others), held_out(run))
    return {key: point.value for key, point in found.points.items()}, found.undefined


HELD = (a_set("held", rows=20),)


@pytest.mark.parametrize("last", [NAN, INF, -INF])
def test_no_number_is_never_replaced_by_an_older_one(last):
    run = a_run(on(last, 2, step=1), data=HELD)
    found, undefined = told(run, (on(0.97, 1), "r"), (on(last, 2, step=1), "r"))
    assert found == {}
    assert undefined == {"accuracy": f"the last point is {last}"}
    assert told(run)[0] == {}
    assert told(a_run(data=HELD), (on(0.97, 1, "held"), "e"), (on(last, 2, "held"), "e"))[0] == {}


def test_a_point_on_other_data_says_nothing_of_the_held_out_data():
    data = (*HELD, a_set("train", "training"))
    run = a_run(on(0.99, 5), data=data)
    assert told(run, (on(0.99, 5, "train"), "r")) == ({}, {})
    assert told(run, (on(0.8, 4, "held"), "r"), (on(0.99, 5, "train"), "r"))[0] == {"accuracy": 0.8}
    unknown = (on(0.99, 9, "nobody knows"), "e")
    assert told(a_run(data=data), (on(0.8, 4, "held"), "r"), unknown)[0] == {"accuracy": 0.8}


def test_a_point_that_names_no_data_speaks_of_what_its_run_declares_for_evaluation():
    assert told(a_run(on(0.9, 1), data=HELD))[0] == {"accuracy": 0.9}
    both = (*HELD, a_set("more"))
    assert told(a_run(on(0.9, 1), data=both))[0] == {
        "accuracy": 0.9
    }  # of both together, as the version has it
    other = a_run(data=HELD, name="e")
    assert told(a_run(data=HELD), (on(0.9, 1), "e"), others=(other,))[0] == {"accuracy": 0.9}
    elsewhere = a_run(data=(a_set("elsewhere"),), name="e")
    assert told(a_run(data=HELD), (on(0.9, 1), "e"), others=(elsewhere,)) == ({}, {})


def test_a_run_that_declares_more_evaluation_data_later_leaves_its_unnamed_points_in_doubt():
    before = held_out(a_run(data=HELD))
    run = a_run(on(0.9, 1), data=(*HELD, a_set("more")))
    found = told_by(Logged(run), before)
    assert found.points == {}
    assert "names no data set" in found.undefined["accuracy"]


def test_a_later_point_on_nobody_knows_what_leaves_a_metric_without_value_until_data_is_named():
    run, bare = a_run(data=HELD), a_run(name="e")
    doubt = (on(0.8, 5), "e")
    assert told(run, (on(0.97, 1, "held"), "r"), doubt, others=(bare,))[1].keys() == {"accuracy"}
    assert told(run, (on(0.8, 1, "held"), "r"), doubt, others=(bare,))[0] == {"accuracy": 0.8}
    cleared = told(run, (on(0.97, 1, "held"), "r"), doubt, (on(0.81, 6, "held"), "e"), others=(bare,))
    assert cleared == ({"accuracy": 0.81}, {})


def test_between_runs_the_later_point_counts_whatever_its_step():
    run = a_run(on(0.97, 10, step=100), data=HELD)
    assert told(run, (on(0.8, 20, "held"), "e"))[0] == {"accuracy": 0.8}
    assert told(run, (on(0.8, 5, "held"), "e"))[0] == {"accuracy": 0.97}


def test_what_a_run_logged_of_another_model_is_not_of_this_one():
    run = a_run(on(0.99, 5), data=HELD)
    sibling = a_model((on(0.99, 5, "held"), "r"), model_id="other")
    assert told(run, (on(0.7, 4, "held"), "r"), siblings=(sibling,))[0] == {"accuracy": 0.7}
    assert told(run, siblings=(sibling,)) == ({}, {})


def test_without_held_out_data_what_is_said_is_bound_to_none():
    run = a_run(data=(a_set("train", "training"),))
    assert told(run, (on(0.9, 1, "train"), "r"))[0] == {"accuracy": 0.9}


def test_rows_are_those_of_the_held_out_data():
    run = a_run(on(0.9, 1, "held"), data=(*HELD, a_set("more", rows=500)))
    version = held_out(a_run(data=HELD))
    found = told_by(Logged(run, a_model((on(0.9, 1, "held"), "r"))), version)
    assert found.rows == 20
    counted = a_model((on(0.9, 1, "held"), "r"), (on(7.0, 1, "held", key="example_count"), "r"))
    assert told_by(Logged(run, counted), version).rows == 7


points = st.builds(
    lambda key, value, at, step, data: on(value, at, data, step, key),
    st.sampled_from(["a", "b"]),
    st.sampled_from([0.5, 0.9, NAN, INF]),
    st.integers(0, 4),
    st.integers(0, 2),
    st.sampled_from(["", "held", "train"]),
)


@given(st.lists(st.tuples(points, st.sampled_from(["r", "e"])), max_size=8), st.randoms())
def test_order_of_arrival_never_matters_and_no_value_is_older_than_a_last_word(logged, random):
    run, other = a_run(data=(*HELD, a_set("train", "training"))), a_run(name="e")
    found = told(run, *logged, others=(other,))
    random.shuffle(logged)
    assert told(run, *logged, others=(other,)) == found
    for key, value in found[0].items():
        lasts = []
        for run_id in ("r", "e"):
            counting = ("held", "") if run_id == "r" else ("held",)
            said = [point for point, by in logged if by == run_id and point.dataset_name in counting]
            lasts += [newest(said)[key]] if key in newest(said) else []
        assert math.isfinite(value)
        latest = max(point.timestamp_ms for point in lasts)
        assert value in {point.value for point in lasts if point.timestamp_ms == latest}
