"""Thresholds on held-out data."""

import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.digests import digest_of
from assay.core.evidence import Origin
from assay.core.provenance import DataRole
from assay.core.verdicts import Outcome


def judge(bench, gate, values, **changes):
    return bench.judge(gate, bench.facts("metrics", metrics=values, **changes))


@given(value=st.floats(0, 1), least=st.floats(0, 1))
def test_a_minimum_holds_from_the_threshold_on(value, least, bench):
    verdict = judge(bench, bench.gate("metrics", minimum={"accuracy": least}), {"accuracy": value})
    assert verdict.outcome is (Outcome.PASS if value >= least else Outcome.FAIL)


@given(value=st.floats(0, 100), most=st.floats(0, 100))
def test_a_maximum_holds_up_to_the_threshold(value, most, bench):
    verdict = judge(bench, bench.gate("metrics", maximum={"rmse": most}), {"rmse": value})
    assert verdict.outcome is (Outcome.PASS if value <= most else Outcome.FAIL)


def test_every_threshold_that_is_missed_is_named_with_what_was_measured(bench):
    gate = bench.gate(
        "metrics", minimum={"accuracy": 0.95, "f1": 0.9, "recall": 0.5}, maximum={"log_loss": 0.1}
    )
    verdict = judge(bench, gate, {"accuracy": 0.91, "f1": 0.95, "recall": 0.4, "log_loss": 0.3})
    text = " / ".join(verdict.reasons)
    assert verdict.outcome is Outcome.FAIL
    for said in (
        "accuracy >= 0.95; measured 0.91",
        "recall >= 0.5; measured 0.4",
        "log_loss <= 0.1; measured 0.3",
    ):
        assert said in text
    assert "f1" not in text


def test_rounding_never_hides_why_a_threshold_was_missed(bench):
    close = math.nextafter(0.95, 0)
    (reason,) = judge(bench, bench.gate("metrics", minimum={"accuracy": 0.95}), {"accuracy": close}).reasons
    assert "measured 0.9499999" in reason


def test_a_metric_that_was_not_measured_is_inconclusive_and_says_why(bench):
    gate = bench.gate("metrics", minimum={"roc_auc": 0.9})
    verdict = judge(bench, gate, {"accuracy": 0.97})
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "one class only" in verdict.reasons[0]
    verdict = judge(bench, gate, {"accuracy": 0.97}, undefined={})
    assert "measured are: accuracy" in verdict.reasons[0]


@pytest.mark.parametrize("value", [None, "0.99", True, [0.99], "NaN", {}])
def test_what_is_no_number_is_inconclusive(value, bench):
    gate = bench.gate("metrics", minimum={"accuracy": 0.5})
    assert judge(bench, gate, {"accuracy": value}).outcome is Outcome.INCONCLUSIVE


def test_a_policy_without_thresholds_asks_nothing_and_is_inconclusive(bench):
    verdict = judge(bench, bench.gate("metrics"), {"accuracy": 1.0})
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "minimum" in verdict.reasons[0]


@pytest.mark.parametrize(("rows", "holds"), [(49, False), (50, True), (0, False)])
def test_too_few_rows_are_inconclusive(rows, holds, bench):
    gate = bench.gate("metrics", minimum={"accuracy": 0.5}, min_rows=50)
    verdict = bench.judge(gate, bench.facts("metrics", rows=rows))
    assert verdict.outcome is (Outcome.PASS if holds else Outcome.INCONCLUSIVE)


def test_no_rows_at_all_are_never_enough(bench):
    gate = bench.gate("metrics", minimum={"accuracy": 0.5}, min_rows=0)
    assert bench.judge(gate, bench.facts("metrics", rows=0)).outcome is Outcome.INCONCLUSIVE


def test_reported_numbers_count_only_where_the_policy_says_so_and_stay_reported(bench):
    facts = bench.facts("metrics")
    gate = bench.gate("metrics", minimum={"accuracy": 0.95})
    assert bench.judge(gate, facts, origin=Origin.REPORTED).outcome is Outcome.INCONCLUSIVE
    open_gate = bench.gate("metrics", minimum={"accuracy": 0.95}, accept_reported=True)
    verdict = bench.judge(open_gate, facts, origin=Origin.REPORTED)
    assert (verdict.outcome, verdict.origin) == (Outcome.PASS, "reported")


def test_reported_numbers_about_another_table_do_not_count(bench):
    gate = bench.gate("metrics", minimum={"accuracy": 0.95}, accept_reported=True)
    data = {"evaluation": digest_of(b"an easier table")}
    verdict = bench.judge(gate, bench.facts("metrics"), origin=Origin.REPORTED, data=data)
    assert verdict.outcome is Outcome.INCONCLUSIVE


def test_the_policy_can_pin_the_evaluation_table(bench):
    named = bench.version.provenance.data_digest(DataRole.EVALUATION)
    gate = bench.gate("metrics", minimum={"accuracy": 0.95}, dataset=str(named))
    assert bench.judge(gate, bench.facts("metrics")).outcome is Outcome.PASS
    other = digest_of(b"the one table")
    gate = bench.gate("metrics", minimum={"accuracy": 0.95}, dataset=str(other))
    measured = {"evaluation": named}
    verdict = bench.judge(gate, bench.facts("metrics"), data=measured)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert str(other) in verdict.reasons[0]
    assert str(named) in verdict.reasons[0]
    verdict = bench.judge(gate, bench.facts("metrics"), data={"evaluation": other})
    assert verdict.outcome is Outcome.INCONCLUSIVE


def test_reported_numbers_must_be_about_the_table_that_the_policy_pins(bench):
    pinned = digest_of(b"the one table")
    gate = bench.gate("metrics", minimum={"accuracy": 0.95}, dataset=str(pinned), accept_reported=True)
    named = bench.version.provenance.data_digest(DataRole.EVALUATION)
    for table, expected in ((pinned, Outcome.PASS), (named, Outcome.INCONCLUSIVE)):
        data = {"evaluation": table}
        verdict = bench.judge(gate, bench.facts("metrics"), origin=Origin.REPORTED, data=data)
        assert verdict.outcome is expected


def test_label_and_positive_class_are_part_of_what_is_asked_for(bench):
    gate = bench.gate("metrics", minimum={"f1": 0.5}, label="y", positive="yes")
    assert gate.need(bench.version).settings == {"label": "y", "positive": "yes"}
    facts = bench.facts("metrics", metrics={"f1": 0.9})
    assert not bench.judge(gate, facts, settings={"label": "y", "positive": "no"}).holds


@pytest.mark.parametrize(
    ("times", "holds"),
    [
        ({"accuracy": 29}, True),
        ({"accuracy": 29, "loss": 400}, True),
        ({"accuracy": 31, "loss": 1}, False),
        ({"loss": 1}, False),
        ("soon", False),
        (None, False),
    ],
)
def test_metrics_that_were_logged_one_by_one_are_each_as_old_as_they_are(times, holds, bench):
    gate = bench.gate("metrics", minimum={"accuracy": 0.5}, max_age_days=30)
    if isinstance(times, dict):
        times = {key: (bench.now - timedelta(days=days)).isoformat() for key, days in times.items()}
    verdict = judge(bench, gate, {"accuracy": 0.9, "loss": 0.1}, logged_at=times)
    assert verdict.outcome is (Outcome.PASS if holds else Outcome.INCONCLUSIVE)
    old = bench.gate("metrics", minimum={"accuracy": 0.5})
    assert judge(bench, old, {"accuracy": 0.9}, logged_at=times).outcome is Outcome.PASS


@pytest.mark.parametrize(
    "said", [5, "", "soon", "2026-01-01T00:00:00", "2026-13-01T00:00:00+00:00", [], None]
)
def test_what_is_no_aware_instant_is_no_time(said, bench):
    gate = bench.gate("metrics", minimum={"accuracy": 0.5}, max_age_days=30)
    verdict = judge(bench, gate, {"accuracy": 0.9}, logged_at={"accuracy": said})
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "nothing tells when it was logged" in " / ".join(verdict.reasons)
