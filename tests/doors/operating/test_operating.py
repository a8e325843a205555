"""The operators' door: readiness and metrics."""

import json
import shutil
import threading
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from assay.app import server, watching
from assay.app.settings import Settings
from assay.app.watching import BlobUsage, process_stats
from assay.core.errors import UnavailableError
from assay.doors.operating.admitted import KEPT_S, MOST, Admitted
from assay.doors.operating.exposition import Family, Sample, exposition
from assay.http.counters import Counters
from assay.http.exchanges import Exchanges
from assay.http.limits import Limits
from assay.storage.database import SqlDatabase
from doors.native.asgi import ask
from doors.native.native_world import BLOB, NativeWorld


class Watch:
    """The whole server but the network."""

    def __init__(self, root, **values):
        self.world = NativeWorld(root)
        self.counters = Counters()
        self.requests = Exchanges(self.counters.add)
        settings = Settings(data=root, **values)
        self.app = self.requests.before(
            server.build_app(self.world.use, self.world.means.clock, settings, self.requests, self.counters)
        )

    def ask(self, path, token="", method="GET", **more):
        headers = [("Authorization", f"Bearer {token}")] if token else []
        return ask(self.app, method, path, headers, **more)

    def samples(self, **more):
        answer = self.ask("/metrics", **more)
        assert answer.status == 200, answer.body
        found = {}
        for family in text_string_to_metric_families(answer.body.decode()):
            for each in family.samples:
                found[each.name, tuple(sorted(each.labels.items()))] = each.value
        return found


def away(*_words, **_more):
    """Stand for a database that does not answer."""
    raise UnavailableError("the database does not answer")


@pytest.fixture
def watch(tmp_path):
    made = Watch(tmp_path)
    yield made
    made.world.close()


@pytest.fixture
def guarded(tmp_path):
    made = Watch(tmp_path, auth="required")
    yield made
    made.world.close()


def test_it_is_ready_when_database_and_blobs_answer(watch):
    answer = watch.ask("/readyz")
    assert (answer.status, answer.json) == (200, {"status": "ready", "reasons": []})
    assert watch.ask("/readyz", method="HEAD").body == b""
    assert watch.ask("/readyz", method="POST").status == 400


def test_it_is_not_ready_over_another_schema(watch):
    with watch.world.means.database.write() as records:
        row = "'9999', 'post', 0"
        records.connection.execute(text(f"INSERT INTO schema_history VALUES ({row})"))
    answer = watch.ask("/readyz")
    assert answer.status == 503
    assert answer.json["reasons"][0]["field"] == "database"
    assert "assay migrate" in answer.json["reasons"][0]["rule"]


def test_it_is_not_ready_without_its_blobs(watch, tmp_path):
    shutil.rmtree(tmp_path / "blobs")
    answer = watch.ask("/readyz")
    assert (answer.status, answer.json["reasons"][0]["field"]) == (503, "blobs")


def test_it_is_not_ready_when_it_is_about_to_end(watch):
    watch.requests.closing = True
    answer = watch.ask("/readyz")
    assert (answer.status, answer.json["reasons"][0]["field"]) == (503, "shutdown")


def test_a_server_whose_database_is_away_lives_and_is_not_ready(watch, monkeypatch):
    monkeypatch.setattr(SqlDatabase, "read", away)
    answer = watch.ask("/healthz")
    assert (answer.status, answer.json["status"]) == (200, "ok")
    answer = watch.ask("/readyz")
    assert (answer.status, answer.json["reasons"][0]["field"]) == (503, "database")


def test_readiness_needs_no_login(guarded):
    assert guarded.ask("/readyz").status == 200


def test_requests_are_counted_by_route_and_never_by_name(watch):
    watch.ask("/api/v1/models/secret-team/secret-task")
    watch.ask("/api/2.0/mlflow/registered-models/get?name=nothing")
    watch.ask("/no/such/secret-path")
    samples = watch.samples()
    key = (
        ("door", "native"),
        ("method", "GET"),
        ("route", "/api/v1/models/{team}/{task}"),
        ("status", "4xx"),
    )
    assert samples["assay_http_requests_total", key] == 1
    timed = (*key[:3], ("le", "+Inf"))
    assert samples["assay_http_request_duration_seconds_bucket", tuple(sorted(timed))] == 1
    unknown = (("door", "native"), ("method", "GET"), ("route", "none"), ("status", "4xx"))
    assert samples["assay_http_requests_total", unknown] == 1
    labels = json.dumps([list(key) for key in samples])
    assert "/api/2.0/mlflow/registered-models/get" in labels
    assert "secret" not in labels


def test_buckets_grow_and_end_with_the_count(watch):
    for _ in range(5):
        watch.ask("/api/v1/whoami")
    counts = [
        (float(dict(labels)["le"]), value)
        for (name, labels), value in watch.samples().items()
        if name.endswith("_bucket") and dict(labels)["route"] == "/api/v1/whoami"
    ]
    values = [value for _, value in sorted(counts)]
    assert values == sorted(values)
    assert values[-1] == 5


def test_what_the_database_holds_is_told(watch):
    version = watch.world.version()
    address = f"/models/team/task/versions/{version['number']}"
    watch.world.send("POST", f"{address}/checks", body={"check": "load"})
    watch.world.send("POST", f"{address}/promotions", body={"stage": "Staging"})
    samples = watch.samples()
    assert samples["assay_database_up", ()] == 1
    assert samples["assay_jobs", (("state", "queued"),)] >= 1
    assert samples["assay_jobs_oldest_queued_seconds", ()] >= 0
    assert sum(value for (name, _), value in samples.items() if name == "assay_promotions") == 1
    assert samples["assay_promotions", (("outcome", "expired"),)] == 0
    assert samples["assay_webhook_messages", (("state", "failed"),)] == 0
    assert samples["assay_database_connections_in_use", ()] == 0
    assert samples["process_resident_memory_bytes", ()] > 1e6
    assert samples["assay_http_requests_in_flight", ()] == 1  # this one


def test_without_a_database_there_are_metrics_all_the_same(watch):
    with watch.world.means.database.write() as records:
        records.connection.execute(text("ALTER TABLE jobs RENAME TO jobs_gone"))
    samples = watch.samples()
    assert samples["assay_database_up", ()] == 0
    assert ("process_open_fds", ()) in samples


def test_while_the_database_is_away_only_who_was_let_in_before_sees_that_it_is(guarded, monkeypatch):
    every = guarded.world.token("every", "reader", "*", ["read"])
    other = guarded.world.token("other", "reader", "*", ["read"])
    one = guarded.world.token("one", "reader", "team/*")
    assert guarded.ask("/metrics", token=every).status == 200
    assert guarded.ask("/metrics", token=one).status == 403
    with monkeypatch.context() as gone:
        gone.setattr(SqlDatabase, "read", away)
        gone.setattr(SqlDatabase, "write", away)
        samples = guarded.samples(token=every)
        assert samples["assay_database_up", ()] == 0
        assert ("process_open_fds", ()) in samples
        assert any(name == "assay_http_requests_total" for name, _ in samples)
        of_the_database = ("assay_jobs", "assay_promotions", "assay_webhook", "assay_blob")
        assert not any(name.startswith(of_the_database) for name, _ in samples)
        for token in (other, one, "assay_nonsense"):
            assert guarded.ask("/metrics", token=token).status in (401, 503)
        assert guarded.ask("/metrics").status == 401
    assert guarded.samples(token=every)["assay_database_up", ()] == 1


def test_who_needs_no_token_at_this_machine_sees_that_the_database_is_away(watch, monkeypatch):
    assert watch.samples()["assay_database_up", ()] == 1
    monkeypatch.setattr(SqlDatabase, "read", away)
    assert watch.samples()["assay_database_up", ()] == 0
    through_a_proxy = [("X-Forwarded-For", "192.0.2.1")]
    assert ask(watch.app, "GET", "/metrics", through_a_proxy).status == 401


def test_who_was_let_in_is_remembered_for_an_hour_and_not_once_turned_away():
    now = [0.0]
    admitted = Admitted(lambda: now[0])
    assert not admitted.lately("one")
    admitted.let_in("one")
    admitted.let_in("two")
    admitted.turned_away("two")
    now[0] = KEPT_S - 1
    assert admitted.lately("one")
    assert not admitted.lately("two")
    assert not admitted.lately("")
    now[0] = KEPT_S
    assert not admitted.lately("one")
    for number in range(MOST + 1):
        admitted.let_in(str(number))
    assert not admitted.lately("0")
    assert admitted.lately("1")


def test_who_asks_too_often_is_told_when_to_come_back(tmp_path):
    watch = Watch(tmp_path, auth="required")
    watch.requests = Exchanges(watch.counters.add, Limits(1, 1))
    watch.app = watch.requests.before(watch.app._app)
    answers = [watch.ask("/metrics", token=watch.world.admin) for _ in range(3)]
    assert answers[-1].status == 429
    assert int(answers[-1].headers["retry-after"]) >= 1
    watch.world.close()


def test_failed_sign_ins_are_counted(guarded):
    guarded.ask("/api/v1/whoami", token="assay_nonsense")
    guarded.ask("/api/v1/whoami")  # no credentials: nobody tried
    samples = guarded.samples(token=guarded.world.admin)
    assert samples["assay_sign_ins_failed_total", ()] == 1


def test_metrics_want_somebody_who_may_read_everything(guarded):
    assert guarded.ask("/metrics").status == 401
    one = guarded.world.token("one", "reader", "team/*")
    every = guarded.world.token("every", "reader", "*", ["read"])
    assert guarded.ask("/metrics", token=one).status == 403
    assert guarded.ask("/metrics", token=every).status == 200


def test_metrics_can_be_opened(tmp_path):
    watch = Watch(tmp_path, auth="required", metrics="open")
    assert watch.ask("/metrics").status == 200
    assert watch.ask("/metrics", method="HEAD").body == b""
    watch.world.close()


def test_a_foreign_page_reads_no_metrics(watch):
    headers = [("Origin", "https://evil.example")]
    assert ask(watch.app, "GET", "/metrics", headers).status == 403


@pytest.mark.parametrize("value", ["plain", 'a"b', "a\\b", "a\nb", "ü", "\\n"])
def test_labels_come_back_as_they_were(value):
    family = Family("assay_x", "gauge", 'words with \\ and \n in them "', (Sample(1, {"label": value}),))
    (read,) = text_string_to_metric_families(exposition([family]).decode())
    assert read.samples[0].labels == {"label": value}


def test_blobs_are_counted_whatever_the_store(watch, monkeypatch):
    monkeypatch.setattr(watching, "KEPT_AT_LEAST_S", 0)
    monkeypatch.setattr(watching, "KEPT_AT_MOST_S", 0)
    assert watch.samples()["assay_blobs", ()] == 0
    watch.world.version()
    while (samples := watch.samples())["assay_blobs", ()] == 0:
        pass
    assert samples["assay_blobs", ()] == 1
    assert samples["assay_blob_bytes", ()] == len(BLOB)


def test_blobs_are_counted_beside_the_requests_and_the_seldomer_the_longer_it_takes(monkeypatch):
    let_go, found, counts = threading.Event(), [(1, 3)], []

    def count():
        counts.append(1)
        let_go.wait(30)
        return found[0]

    monkeypatch.setattr(watching, "FIRST_WAIT_S", 0.01)
    usage = BlobUsage(count)
    assert usage() is None
    assert usage() is None
    assert len(counts) == 1, "it is not counted twice at once"
    let_go.set()
    while usage() is None:
        pass
    assert usage() == (1, 3)
    assert len(counts) == 1
    assert usage._due - time.monotonic() > watching.KEPT_AT_LEAST_S / 2


def test_a_count_that_fails_leaves_the_last_one():
    found = [(1, 3)]

    def count():
        if not found:
            raise UnavailableError("gone")
        return found.pop()

    usage = BlobUsage(count)
    assert usage() == (1, 3)
    usage._due = 0.0
    usage()
    while usage._due == 0.0:
        time.sleep(0.001)
    assert usage() == (1, 3)


def test_the_process_is_described():
    stats = process_stats()
    assert stats["process_cpu_seconds_total"] > 0
    assert 0 < stats["process_open_fds"] < stats["process_max_fds"]
    assert stats["process_start_time_seconds"] > 1e9
