"""Questions whose answer is small take little, however much is stored beside it.

How long they take depends on the machine; what SQLite says that it will do does not.
"""

from contextlib import closing

import pytest

from assay.core.search import VersionQuery
from assay.core.tracking.filters import parse_filter
from assay.core.tracking.metrics import Point
from assay.core.tracking.runs import Batch, Run, RunStatus
from assay.core.tracking.searches import Search
from assay.core.tracking.vocabularies import LOGGED_MODELS
from assay.storage.cursors import write_cursor
from contracts.query_plans import plans
from contracts.samples import entry, later, model, version
from contracts.stores import open_sqlite
from contracts.trace_samples import trace
from contracts.webhook_samples import delivery, hook


@pytest.fixture
def database(tmp_path):
    with closing(open_sqlite(tmp_path)) as one:
        yield one


def planned(database, ask):
    """Return the plan of the first question that ``ask`` asks of the records."""
    with plans() as found, database.read() as records:
        ask(records)
    return found[0]


def all_planned(database, ask):
    """Return the steps of the plans of all that ``ask`` asks of the records."""
    with plans() as found, database.write() as records:
        ask(records)
    return [step for plan in found for step in plan]


def test_the_next_page_begins_where_the_one_before_ended(database):
    with database.write() as records:
        records.models.add(model())
        for number in range(1, 4):
            records.versions.add(version(number))
            records.webhooks.add(hook(f"h{number}", number))
            records.traces.save(trace(number))
        versions = records.catalogue.versions(VersionQuery(limit=1), ("*",)).next_cursor
        hooks = records.webhooks.page(1).next_cursor
        traces = records.traces.search([1], Search(limit=1)).next_cursor
    for ask, index in (
        (
            lambda records: records.catalogue.versions(VersionQuery(limit=1, cursor=versions), ("*",)),
            "ix_versions_registered (registered_at<?)",
        ),
        (lambda records: records.webhooks.page(1, hooks), "ix_webhooks_created (created_at<?)"),
        (
            lambda records: records.traces.search([1], Search(limit=1, cursor=traces)),
            "ix_traces_requested (experiment=? AND requested_at_ms<?)",
        ),
        (
            lambda records: records.evaluation_records.page("s", 1, write_cursor([1, "r"])),
            "ix_evaluation_records_created (set_id=? AND created_at_ms>?)",
        ),
    ):
        assert index in " ".join(planned(database, ask))


def test_events_about_a_subject_are_found_without_reading_the_others(database):
    with database.write() as records:
        for subject in ("a/b", "a/b/1", "a/b@x", "c/d"):
            records.audit.append(entry(subject=subject))
    steps = planned(database, lambda records: records.audit.read(2, 10, "a/b"))
    index = "SEARCH audit_events USING COVERING INDEX ix_audit_events_subject"
    assert f"{index} (subject=? AND seq>?)" in steps
    assert steps.count(f"{index} (subject>? AND subject<?)") == 2
    assert [step for step in steps if step.startswith("SCAN audit_events")] == []


def test_a_metric_of_a_logged_model_is_looked_up_with_its_model(database):
    search = Search(parse_filter("metrics.acc > 0.5", LOGGED_MODELS))
    steps = planned(database, lambda records: records.logged_models.search([1], search))
    looked_up = [step for step in steps if "logged_model_metrics" in step]
    assert looked_up == ["SEARCH logged_model_metrics USING PRIMARY KEY (model=? AND key=?)"]


def test_what_lies_at_a_place_is_looked_up_among_all_points(database):
    with database.write() as records:
        records.runs.add(Run("r", 0, "r", "ada", RunStatus.FINISHED, 0, "mlflow-artifacts:/0/r"), {})
        records.run_logs.log("r", Batch((Point("m", 1.0, 1, 1),)))
    places = [("m", number, number) for number in range(100)]
    steps = all_planned(database, lambda records: records.moved_things.values_at("r", places))
    wanted = "SEARCH points USING PRIMARY KEY (series=? AND timestamp_ms=? AND step=?)"
    assert {step for step in steps if " points" in step} == {wanted}


@pytest.mark.parametrize("spared", [frozenset(), frozenset({"h1"})], ids=["all", "one spared"])
def test_the_next_message_is_found_without_walking_or_sorting_the_queue(database, spared):
    with database.write() as records:
        records.deliveries.record(9, tuple(delivery(f"d{n}", f"h{n % 3}", seq=n) for n in range(9)))
    for ask in (
        lambda records: records.deliveries.waiting(later(10), spared),
        lambda records: records.deliveries.lease("one", later(10), later(100), spared),
    ):
        steps = all_planned(database, ask)
        assert [step for step in steps if step.startswith("SCAN webhook_deliveries")] == []
        queue = "USING INDEX ix_webhook_deliveries_queue (hook=? AND state=?)"
        assert len([step for step in steps if step.endswith(queue)]) == 2
        # What is sorted is the first messages of the hooks, at the very end.
        sorts = [place for place, step in enumerate(steps) if "TEMP B-TREE" in step]
        assert len(sorts) == 1
        assert "webhook_deliveries USING INDEX sqlite_autoindex" in steps[sorts[0] - 1]


def test_who_may_see_one_team_is_not_shown_the_others_by_reading_them(database):
    steps = planned(database, lambda records: records.catalogue.versions(VersionQuery(), ("team/*",)))
    assert any("ix_models_team (team=?)" in step for step in steps)
