"""On PostgreSQL, too, questions whose answer is small are answered from an index.

What its planner takes depends on how many rows there are; that an index can answer does not. So it is told
here that walking a whole table is dear.
"""

from contextlib import closing, contextmanager

import pytest
from sqlalchemy import Engine, event

from assay.core.search import VersionQuery
from assay.core.tracking.metrics import Point
from assay.core.tracking.runs import Batch, Run, RunStatus
from assay.core.tracking.searches import Search
from assay.storage.cursors import write_cursor
from contracts.samples import MODEL, entry, later, model, version
from contracts.stores import open_postgresql
from contracts.trace_samples import trace
from contracts.webhook_samples import delivery, hook


@pytest.fixture
def database(tmp_path):
    with closing(open_postgresql(tmp_path)) as one:
        yield one


@contextmanager
def plans():
    found = []

    def note(connection, _cursor, statement, parameters, _context, _many):
        if statement.lstrip("(").startswith(("SELECT", "WITH")):
            own = connection.connection.cursor()
            own.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off", prepare=False)
            own.execute("EXPLAIN " + statement, parameters)
            found.append("\n".join(row[0] for row in own.fetchall()))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def planned(database, ask):
    with plans() as found, database.write() as records:
        ask(records)
    return found


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
    for ask, index, condition in (
        (
            lambda records: records.catalogue.versions(VersionQuery(limit=1, cursor=versions), ("*",)),
            "ix_versions_registered",
            "registered_at <=",
        ),
        (lambda records: records.webhooks.page(1, hooks), "ix_webhooks_created", "created_at <="),
        (
            lambda records: records.traces.search([1], Search(limit=1, cursor=traces)),
            "ix_traces_requested",
            "requested_at_ms <=",
        ),
        (
            lambda records: records.evaluation_records.page("s", 1, write_cursor([1, "r"])),
            "ix_evaluation_records_created",
            "created_at_ms >=",
        ),
    ):
        plan = planned(database, ask)[0]
        assert index in plan
        assert f"Index Cond: ({condition}" in plan or f"AND ({condition}" in plan


def test_texts_are_found_by_their_beginning(database):
    with database.write() as records:
        records.models.add(model())
        records.versions.add(version(1))
        records.audit.append(entry(subject="a/b/1"))
    plan = planned(database, lambda records: records.catalogue.versions(VersionQuery(team="team"), ("*",)))[0]
    assert "(model)::text >= 'team/'" in plan
    assert "Index Cond" in plan
    plan = planned(database, lambda records: records.audit.read(0, 10, "a/b"))[0]
    assert plan.count("ix_audit_events_subject") == 3
    assert plan.count("Index Cond") >= 3
    assert plan.count("Seq Scan") == 0


def test_who_stands_in_production_is_looked_up(database):
    (plan,) = planned(database, lambda records: records.stages.holder(MODEL))
    assert "uq_versions_production" in plan or "ix_versions_stage" in plan
    assert "Seq Scan" not in plan


def test_what_lies_at_a_place_is_looked_up_among_all_points(database):
    with database.write() as records:
        records.runs.add(Run("r", 0, "r", "ada", RunStatus.FINISHED, 0, "mlflow-artifacts:/0/r"), {})
        records.run_logs.log("r", Batch((Point("m", 1.0, 1, 1),)))
    places = [("m", number, number) for number in range(3)]
    plan = planned(database, lambda records: records.moved_things.values_at("r", places))[-1]
    assert "points_pkey" in plan
    assert "Seq Scan on points" not in plan


def test_the_index_by_value_holds_series_at_rest_only(database):
    with database.read() as records:
        asked = "SELECT indexdef FROM pg_indexes WHERE indexname IN ('ix_series_value', 'ix_series_live')"
        found = sorted(row[0] for row in records.connection.exec_driver_sql(asked))
    assert found[0].endswith("(key, run) WHERE (live = true)")
    assert found[1].endswith("(key, value, run) WHERE (live = false)")


@pytest.mark.parametrize("spared", [frozenset(), frozenset({"h1"})], ids=["all", "one spared"])
def test_the_next_message_is_found_in_the_queues_of_the_hooks(database, spared):
    with database.write() as records:
        many = tuple(delivery(f"d{n}", f"h{n % 3}", seq=n) for n in range(3_000))
        records.deliveries.record(3_000, many)
        records.connection.exec_driver_sql("ANALYZE webhook_deliveries")
    (plan,) = planned(database, lambda records: records.deliveries.waiting(later(10), spared))
    # Which of the indexes that begin with the hook it takes depends on what is stored.
    assert plan.count("ix_webhook_deliveries_") >= 3
    assert "Seq Scan" not in plan
