"""What runs on a node of a cluster, without a cluster: kept bytes, demands, and who is not heard of."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from assay.core.digests import digest_of
from assay.core.errors import BadInputError, UnavailableError
from assay.runner.cluster import connection
from assay.runner.cluster.cache import DamagedError, NodeCache
from assay.runner.cluster.connection import Cluster, check_address, check_installed
from assay.runner.cluster.isolation import probed, what_lacks
from assay.runner.cluster.node import NodeRefusedError, node_folder

STRONG = {
    "namespaces": ["user", "pid", "network", "ipc"],
    "landlock": 4,
    "system_calls": "filtered",
    "process_count": 128,
    "network": "none",
}
CONTENT = b"weights" * 100_000
DIGEST = digest_of(CONTENT)


@pytest.fixture
def cache(tmp_path):
    return NodeCache(tmp_path)


def keep(cache, content):
    digest = digest_of(content)
    for start in range(0, len(content), 250_000):
        cache.add(digest, content[start : start + 250_000])
    cache.complete(digest)
    return digest


def test_what_came_in_pieces_comes_back_whole(cache):
    assert not cache.has(DIGEST)
    keep(cache, CONTENT)
    assert cache.has(DIGEST)
    assert b"".join(cache.read(DIGEST)) == CONTENT


@pytest.mark.parametrize("damage", [b"", CONTENT[:-1], b"other", CONTENT + b"more"])
def test_bytes_that_were_changed_are_refused_and_gone(cache, tmp_path, damage):
    keep(cache, CONTENT)
    (tmp_path / DIGEST.hex).write_bytes(damage)
    with pytest.raises(DamagedError):
        list(cache.read(DIGEST))
    assert not cache.has(DIGEST)


def test_what_came_wrong_is_never_used(cache):
    cache.add(DIGEST, b"something else")
    cache.complete(DIGEST)
    with pytest.raises(DamagedError):
        list(cache.read(DIGEST))


def test_what_was_not_used_for_long_goes_first(tmp_path):
    cache = NodeCache(tmp_path, limit_bytes=25)
    first, second = keep(cache, b"a" * 10), keep(cache, b"b" * 10)
    for age, digest in ((1000, second), (2000, first)):
        os.utime(tmp_path / digest.hex, (time.time() - age,) * 2)
    assert b"".join(cache.read(first)) == b"a" * 10  # used now, so it stays
    third = keep(cache, b"c" * 10)
    assert [cache.has(each) for each in (first, second, third)] == [True, False, True]


@pytest.mark.parametrize(
    ("change", "lacking"),
    [
        ({}, ()),
        ({"system_calls": "all"}, ("the filter of system calls",)),
        ({"landlock": 0}, ("the allow-list of files (Landlock)",)),
        ({"network": "host"}, ("a network that leads nowhere",)),
        ({"namespaces": ["user"]}, ("a ipc namespace", "a network namespace", "a pid namespace")),
        ({"process_count": 0}, ("the limit on processes",)),
    ],
)
def test_a_node_must_contain_models_as_the_worker_does(change, lacking):
    assert what_lacks({**STRONG, **change}, STRONG) == lacking


def test_a_node_without_the_least_is_refused_whatever_the_worker_has():
    assert len(what_lacks({}, {})) == 3


def test_this_machine_can_be_a_node(tmp_path):
    own = probed(tmp_path)
    assert what_lacks(own, own) == ()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_others_can_read_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("ASSAY_NODE_DATA", str(tmp_path / "node"))
    assert {each.name for each in node_folder().iterdir()} == {"cache", "environments", "jobs"}
    (tmp_path / "node").chmod(0o755)
    with pytest.raises(NodeRefusedError, match="closed to others"):
        node_folder()


@pytest.mark.parametrize("address", ["", "host", "http://h:1", "ray://", "h:port", "local", "h:1 --x"])
def test_what_is_no_address_of_a_cluster_is_bad_input(address):
    with pytest.raises(BadInputError, match="HOST:PORT"):
        check_address(address)


@pytest.mark.parametrize("address", ["auto", "10.0.0.5:6379", "ray://head.example.org:10001", "[::1]:6379"])
def test_addresses_of_clusters(address):
    assert check_address(address) == address


def test_a_missing_package_says_what_to_install(monkeypatch):
    monkeypatch.setattr(connection, "find_spec", lambda name: None)
    with pytest.raises(UnavailableError) as caught:
        check_installed("auto")
    assert caught.value.hint == "pip install 'ray>=2.50'"


def test_a_cluster_that_is_not_there_is_said_at_once():
    with pytest.raises(UnavailableError, match="nobody listens"):
        Cluster("127.0.0.1:9")


SILENT = """
import sys, time
from assay import __version__
from assay.runner.cluster.isolation import probed
from assay.runner.cluster.node import Demand, NodeJob
one = NodeJob(Demand(__version__, {}, float(sys.argv[1])))
one.greet()
folder = one._make_folder("job_1")
print(folder, flush=True)
time.sleep(60)
"""


def silent_node(root, silence_s):
    variables = {**os.environ, "ASSAY_NODE_DATA": str(root / "node")}
    command = [sys.executable, "-c", SILENT, str(silence_s)]
    return subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True)


def test_a_node_that_does_not_hear_from_its_worker_ends_and_leaves_nothing(tmp_path):
    with silent_node(tmp_path, 2) as node:
        assert "job_1-" in node.stdout.readline()
        assert node.wait(30) == 1
    assert [each.name for each in (tmp_path / "node" / "jobs").iterdir()] == ["all.lock"]


def test_what_a_killed_node_left_is_swept_by_the_next_and_what_lives_is_not(tmp_path):
    with silent_node(tmp_path, 60) as dead, silent_node(tmp_path, 60) as alive:
        left, kept = dead.stdout.readline().strip(), alive.stdout.readline().strip()
        dead.kill()
        dead.wait()
        with silent_node(tmp_path, 60) as other:
            other.stdout.readline()
            assert not Path(left).exists()
            assert Path(kept).exists()
            other.kill()
        alive.kill()
