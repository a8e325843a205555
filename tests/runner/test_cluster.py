"""Checks on a real Ray cluster of two nodes: the same evidence as here, whatever dies."""

import os
import platform
import re
import shutil
import signal
import tempfile
from pathlib import Path

import numpy as np
import pytest
import yaml

from assay.core.evidence import Origin
from assay.core.jobs import JobState
from assay.core.names import Address, ModelName
from assay.core.provenance import Environment
from assay.wire.requests import NewPromotion, Statement
from runner.cluster_registry import ClusterRegistry
from runner.conftest import CodeModel, freeze
from runner.ray_cluster import RayCluster, command_of, parent_of, state_of, wait_for

CHECKS = {
    "unit_tests": {"directory": "tests"},
    "metrics": {},
    "leakage": {},
    "bias": {"groups": [["site"]], "favourable": 0},
    "integration": {},
    "load": {"rate_per_s": 20, "duration_s": 3, "bound_ms": 2000},
    "scan": {},
}
SLOW = b"import time\n\ndef test_it():\n    time.sleep(%d)\n"
# What may differ between two runs of one check, on one machine as well: how long things took and whether
# an environment was there already.
TIMES = {
    "load_ms", "build_seconds", "reused", "duration_s", "time_s", "measured_s", "latency_ms", "rate_per_s",
}  # fmt: skip


@pytest.fixture(scope="module")
def frozen():
    return Environment(platform.python_version(), "", freeze("scikit-learn", "pandas", "joblib"))


class ArrayModel(CodeModel):
    """One whose file is told from a plain pickle: joblib's own form of an array lies in it."""

    def __reduce__(self):
        function, (source,) = super().__reduce__()
        return function, (source, {"array": np.zeros(3)})


@pytest.fixture(scope="module")
def cluster():
    # Ray's sockets need short paths.
    root = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
    one = RayCluster(root)
    try:
        one.add("second")
        yield one
    finally:
        one.stop()
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def registry(tmp_path, frozen, pickled):
    one = ClusterRegistry(tmp_path, frozen, pickled)
    yield one
    one.means.database.close()


def without_times(value):
    """Facts without what is never twice the same."""
    if isinstance(value, str):
        return re.sub(r"loaded in \d+ ms", "loaded", value)
    if isinstance(value, dict):
        return {name: without_times(each) for name, each in value.items() if name not in TIMES}
    return [without_times(each) for each in value] if isinstance(value, list | tuple) else value


def measured(registry, address):
    """The evidence of each check, newest last."""
    found = {}
    for each in registry.evidence(address):
        found.setdefault(each.check, []).append(each)
    return found


def test_evidence_from_a_cluster_is_what_this_machine_measures(cluster, registry):
    address = registry.register()
    for check, settings in CHECKS.items():
        registry.queue(address, check, settings)
    registry.work_here()
    here = {check: found[0] for check, found in measured(registry, address).items()}
    for check, settings in CHECKS.items():
        registry.queue(address, check, settings)
    with registry.worker(cluster.address, "--once") as worker:
        assert worker.wait(300) == 0, registry.said()
    nodes = set()
    for check, found in measured(registry, address).items():
        (there,) = [each for each in found if each.digest != here[check].digest]
        local, remote = here[check].measurement, there.measurement
        assert (local.problem, remote.problem) == ("", "")
        assert there.origin is Origin.MEASURED
        assert remote.data == local.data
        assert set(remote.facts) == set(local.facts)
        if check != "load":
            assert without_times(remote.facts) == without_times(local.facts)
        nodes.add(remote.environment["node"]["node"])
        elsewhere = {name: each for name, each in remote.environment.items() if name != "node"}
        assert without_times(elsewhere) == without_times(dict(local.environment))
    assert len(nodes) == 2


def test_bytes_that_were_damaged_on_a_node_are_sent_again(cluster, registry):
    address = registry.register(name=ModelName("garden/damaged"), rows=148)
    for node in cluster.nodes:
        for path in (node.data / "cache").glob("*"):
            path.write_bytes(b"something else")
    registry.queue(address, "metrics")
    registry.queue(address, "scan")
    with registry.worker(cluster.address, "--once") as worker:
        assert worker.wait(200) == 0, registry.said()
    found = measured(registry, address)
    assert [found[check][0].measurement.problem for check in ("metrics", "scan")] == ["", ""]
    assert "sent again" in registry.said()


def test_a_job_whose_node_dies_is_done_by_another(cluster, registry):
    address = registry.register(tests=SLOW % 12, name=ModelName("garden/slow"))
    job = registry.queue(address, "unit_tests", {"directory": "tests"})
    with registry.worker(cluster.address):
        node = wait_for(lambda: next((each for each in cluster.nodes if each.jobs()), None), 90)
        if node is cluster.nodes[0]:  # where the head is, what runs the job dies; elsewhere the whole node
            for pid in node.jobs():
                os.kill(parent_of(pid), signal.SIGKILL)
        else:
            node.kill()
            cluster.nodes.remove(node)
            cluster.add("third")
        wait_for(lambda: registry.job(job).attempts == 2, 90)
        wait_for(lambda: registry.job(job).state is JobState.DONE, 90)
    (found,) = measured(registry, address)["unit_tests"]
    assert found.measurement.problem == ""


def test_cancelling_ends_what_runs_on_the_node(cluster, registry):
    gates = "staging: [{unit_tests: {directory: tests}}]\n  production: [file_security]"
    policy = f"applies_to: garden/*\ngates:\n  {gates}\n"
    registry.use.policies.set(registry.local, policy, yaml.safe_load(policy))
    address = registry.register(tests=SLOW % 300, name=ModelName("garden/endless"))
    promotion = registry.use.promoting.request(registry.local, address, NewPromotion("staging"))
    with registry.worker(cluster.address):
        pids = wait_for(lambda: [pid for node in cluster.nodes for pid in node.jobs()], 90)
        registry.use.promoting.cancel(registry.local, promotion.id, Statement())
        wait_for(lambda: not any(alive(pid) for pid in pids), 40)
    (job,) = registry.use.reporting.jobs(registry.local, address)
    assert (job.state, promotion.id in job.problem) == (JobState.FAILED, True)
    assert registry.evidence(address) == ()


def test_what_a_killed_worker_ran_ends_and_reports_nothing(cluster, registry):
    address = registry.register(tests=SLOW % 300, name=ModelName("garden/orphan"))
    job = registry.queue(address, "unit_tests", {"directory": "tests"})
    with registry.worker(cluster.address) as worker:
        pids = wait_for(lambda: [pid for node in cluster.nodes for pid in node.jobs()], 90)
        children = [
            int(each)
            for path in Path(f"/proc/{worker.pid}/task").glob("*/children")
            for each in path.read_text().split()
        ]
        worker.kill()
        for child in children:
            os.kill(child, signal.SIGKILL)
        wait_for(lambda: not any(alive(pid) for pid in pids), 60)
    stored = registry.job(job)
    assert (stored.state, stored.attempts) == (JobState.LEASED, 1)
    assert registry.evidence(address) == ()


def alive(pid):
    return state_of(pid) not in ("", "Z") and b"assay.runner.job" in command_of(pid)


def test_a_hostile_model_is_contained_on_the_node_as_here(cluster, registry, tmp_path):
    host, _, port = cluster.address.rpartition(":")
    escape = f"""
import os, socket
found = []
def attempt(what, do):
    try:
        found.append(what + "=" + repr(do()))
    except OSError:
        found.append(what + " contained")
attempt("write", lambda: open({str(tmp_path / "planted")!r}, "w"))
attempt("cluster", lambda: socket.create_connection(({host!r}, {port}), 5))
attempt("sockets", lambda: os.listdir({str(cluster.root / "r")!r}))
raise RuntimeError("; ".join(found))
"""
    huge = "class Model:\n    def predict(self, X): return bytearray(64 << 30)\n"
    bomb = """
import os, time
class Model:
    def predict(self, X):
        for _ in range(60):
            if os.fork() == 0:
                time.sleep(600)
        os._exit(3)
"""
    said = {
        "escape": "write contained; cluster contained; sockets contained",
        "huge": "MemoryError",
        "bomb": "exit code 3",
    }
    for name, text in (("escape", escape), ("huge", huge), ("bomb", bomb)):
        registry.queue(registry.register(ArrayModel(text), name=ModelName(f"garden/{name}")), "integration")
    registry.work_here()
    for name in said:
        registry.queue(address_of(name), "integration")
    with registry.worker(cluster.address, "--once") as worker:
        assert worker.wait(200) == 0, registry.said()
    for name, words in said.items():
        found = measured(registry, address_of(name))["integration"]
        there, here = sorted(
            (each.measurement for each in found), key=lambda one: "node" not in one.environment
        )
        assert words in str(there.facts)
        assert without_times(there.facts) == without_times(here.facts)
    assert not (tmp_path / "planted").exists()
    assert not [pid for node in cluster.nodes for pid in node.pids() if b"harness.py" in command_of(pid)]


def address_of(name):
    return Address.parse(f"garden/{name}/v1.0.0")


def test_without_its_cluster_a_job_waits_and_the_log_says_why(registry):
    """Last, as it ends a cluster of its own."""
    root = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
    own = RayCluster(root)
    try:
        address = registry.register(tests=SLOW % 300, name=ModelName("garden/left"))
        job = registry.queue(address, "unit_tests", {"directory": "tests"})
        with registry.worker(own.address):
            wait_for(own.nodes[0].jobs, 120)
            own.stop()
            wait_for(lambda: registry.job(job).state is JobState.QUEUED, 45)
            assert registry.job(job).attempts == 0
            wait_for(lambda: "cannot be reached" in registry.said(), 30)
        assert "the Ray cluster is gone" in registry.said()
        assert registry.evidence(address) == ()
    finally:
        own.stop()
        shutil.rmtree(root, ignore_errors=True)
