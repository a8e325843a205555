"""The worker of a cluster over nodes in this process: what it does when nodes refuse, die, or are gone."""

import hashlib
import threading

import pytest

from assay.app.registry import open_means
from assay.app.settings import Settings
from assay.core.digests import FileEntry
from assay.core.errors import UnavailableError
from assay.core.evidence import Origin
from assay.core.jobs import MAX_ATTEMPTS, JobState, ended
from assay.core.names import Address, ModelName
from assay.runner.cluster import worker as cluster_worker
from assay.runner.cluster.connection import ClusterGoneError, GivenUpError, Needs, NodeLostError
from assay.runner.cluster.node import NodeJob, NodeRefusedError
from assay.runner.cluster.worker import ClusterWorker
from assay.runner.worker import WorkerSettings
from assay.usecases.bundle import UseCases
from assay.usecases.checking import Checking
from assay.wire.requests import NewVersion, RunCheck

CONTENT = b"weights" * 2_000_000  # more than three pieces


class FakeCluster:
    """Calls methods of nodes at once; ``troubles`` are raised instead, by the name of the method."""

    def __init__(self, **troubles):
        self.troubles = troubles
        self.called = []
        self.nodes = []
        self.ended = []
        self.most_open = 0
        self.open = 0

    def capacity(self, needs):
        return 2

    def place(self, demand, needs):
        self.nodes.append(NodeJob(demand))
        return self.nodes[-1]

    def begin(self, method, *arguments):
        name = method.__name__
        self.called.append((name, arguments))
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        trouble = self.troubles.get(name)
        if callable(trouble) and not isinstance(trouble, type):
            trouble = trouble(method)
        return trouble if isinstance(trouble, Exception) else method(*arguments)

    def wait(self, begun, wanted):
        self.open -= 1
        if isinstance(begun, Exception):
            raise begun
        if not wanted():
            raise GivenUpError
        return begun

    def call(self, method, *arguments, wanted):
        return self.wait(self.begin(method, *arguments), wanted)

    def end(self, node_job):
        node_job.close()
        self.ended.append(node_job)


@pytest.fixture
def use(tmp_path, monkeypatch):
    monkeypatch.setenv("ASSAY_NODE_DATA", str(tmp_path / "node"))
    monkeypatch.setattr(cluster_worker, "_LOOK_S", 0.05)
    means = open_means(Settings(data=tmp_path / "data"))
    one = UseCases.over(means)
    local = one.access.local()
    digest = "sha256:" + hashlib.sha256(CONTENT).hexdigest()
    digest, size = one.registration.store_blob(local, [CONTENT], digest, len(CONTENT))
    one.registration.register(local, ModelName("a/b"), NewVersion((FileEntry("m", digest, size),)))
    one.reporting.request_check(local, address(), RunCheck("scan", {}))
    monkeypatch.setattr(UseCases, "means", means, raising=False)
    yield one
    means.database.close()


def address():
    return Address.parse("a/b/1")


def run(use, cluster, root, **settings):
    """Work until there is nothing left."""
    paths = WorkerSettings(root / "environments", root / "scratch", poll_s=0.05, **settings)
    worker = ClusterWorker(Checking(use.means), use.means.blobs, paths, cluster, Needs())
    worker.run("worker:here", threading.Event(), once=True)
    assert cluster.ended == cluster.nodes
    assert not list((root / "node" / "jobs").glob("job_*")) if (root / "node").exists() else True


def job(use):
    (one,) = use.reporting.jobs(use.access.local(), address())
    return one


def evidence(use):
    return use.browsing.evidence(use.access.local(), address())


def test_a_node_measures_what_the_worker_files_under_its_own_name(use, tmp_path):
    cluster = FakeCluster()
    run(use, cluster, tmp_path)
    (filed,) = evidence(use)
    assert (filed.origin, filed.reporter, filed.measurement.problem) == (Origin.MEASURED, "worker:here", "")
    assert set(filed.measurement.environment["node"]) == {"host", "node"}
    assert job(use).state is JobState.DONE


def test_files_go_in_pieces_few_at_a_time_and_once(use, tmp_path):
    cluster = FakeCluster()
    run(use, cluster, tmp_path)
    sent = [arguments[1] for name, arguments in cluster.called if name == "add"]
    assert b"".join(sent) == CONTENT
    assert max(map(len, sent)) <= cluster_worker.CHUNK_BYTES
    assert cluster.most_open <= cluster_worker.CHUNKS_UNDER_WAY
    use.reporting.request_check(use.access.local(), address(), RunCheck("scan", {}))
    again = FakeCluster()
    run(use, again, tmp_path)
    assert "add" not in {name for name, _ in again.called}
    assert len(evidence(use)) == 2


def test_bytes_that_were_damaged_on_the_node_are_sent_again(use, tmp_path):
    run(use, FakeCluster(), tmp_path)
    for path in (tmp_path / "node" / "cache").iterdir():
        path.write_bytes(b"other")
    use.reporting.request_check(use.access.local(), address(), RunCheck("scan", {}))
    cluster = FakeCluster()
    run(use, cluster, tmp_path)
    assert "add" in {name for name, _ in cluster.called}
    assert [each.measurement.problem for each in evidence(use)] == ["", ""]


def test_a_job_whose_node_dies_each_time_fails_with_the_reason(use, tmp_path):
    cluster = FakeCluster(look=NodeLostError("the actor died"))
    run(use, cluster, tmp_path)
    assert len(cluster.nodes) == MAX_ATTEMPTS
    (filed,) = evidence(use)
    assert filed.measurement.problem == (
        "given up after 3 attempts, the last time: the node that ran it was lost: the actor died"
    )


def test_a_job_whose_node_dies_once_is_measured_by_the_next(use, tmp_path):
    died = []

    def die_once(method):
        if not died:
            died.append(method)
            return NodeLostError("gone")
        return None

    run(use, FakeCluster(look=die_once), tmp_path)
    assert (job(use).state, job(use).attempts) == (JobState.DONE, 2)


def test_without_its_cluster_a_job_waits_and_no_attempt_was_made(use, tmp_path):
    cluster = FakeCluster(missing=ClusterGoneError("nobody listens"))
    with pytest.raises(ClusterGoneError, match="given back"):
        run(use, cluster, tmp_path)
    assert (job(use).state, job(use).attempts, evidence(use)) == (JobState.QUEUED, 0, ())


def test_a_node_that_cannot_contain_models_runs_nothing(use, tmp_path):
    cluster = FakeCluster(greet=NodeRefusedError("node n cannot contain a model: it lacks a filter"))
    run(use, cluster, tmp_path)
    (filed,) = evidence(use)
    assert filed.measurement.problem == "not run: node n cannot contain a model: it lacks a filter"
    assert {name for name, _ in cluster.called} == {"greet"}


def test_a_job_that_was_cancelled_ends_on_the_node_and_files_nothing(use, tmp_path, monkeypatch):
    monkeypatch.setattr("assay.runner.holding.RENEW_S", 0.0)

    def cancel(method):
        with use.means.database.write() as records:
            stored = records.jobs.of_version(ModelName("a/b"), 1)[0]
            records.jobs.change(stored, ended(stored, "cancelled"))

    cluster = FakeCluster(look=cancel)
    run(use, cluster, tmp_path)
    assert "result" not in {name for name, _ in cluster.called}
    assert (job(use).problem, evidence(use)) == ("cancelled", ())


def test_a_job_that_takes_too_long_is_stopped_and_told(use, tmp_path):
    run(use, FakeCluster(), tmp_path, job_s=-1.0)
    (filed,) = evidence(use)
    assert filed.measurement.problem in ("stopped after -1 s", "")


def test_a_cluster_without_room_gives_the_job_back(use, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster_worker, "PLACED_WITHIN_S", -1.0)
    stop = threading.Event()
    cluster = FakeCluster()
    paths = WorkerSettings(tmp_path / "environments", tmp_path / "scratch")
    worker = ClusterWorker(Checking(use.means), use.means.blobs, paths, cluster, Needs())
    threading.Timer(1.0, stop.set).start()
    worker.run("worker:here", stop)
    assert (job(use).state, job(use).attempts, evidence(use)) == (JobState.QUEUED, 0, ())


def test_a_database_that_is_away_loses_no_job(use, tmp_path, monkeypatch):
    def away(*_):
        raise UnavailableError("away")

    cluster = FakeCluster(look=NodeLostError("gone"))
    monkeypatch.setattr(Checking, "give_back", away)
    run(use, cluster, tmp_path)
    assert job(use).state is JobState.LEASED  # its lease runs out by itself
