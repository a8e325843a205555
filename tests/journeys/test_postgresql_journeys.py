"""A registry whose records are in PostgreSQL, through real processes."""

import hashlib
import json
import os
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

import postgres
from journeys.live_server import ASSAY, LiveServer

EASY = {"applies_to": "team/*", "gates": {"staging": ["size_budget"], "production": ["size_budget"]}}
CONTENT = b"weights"
DIGEST = "sha256:" + hashlib.sha256(CONTENT).hexdigest()
PASSWORD = "never-to-be-shown"


@pytest.fixture
def cluster():
    one = postgres.scratch_cluster(hasty=False)
    one.run("CREATE DATABASE assay")
    yield one
    postgres.discard(one)


def address(cluster):
    return cluster.url().replace("//assay@", f"//assay:{PASSWORD}@")


@contextmanager
def server(root, cluster, *words):
    one = LiveServer(root, "--database", address(cluster), *words)
    try:
        yield one
    finally:
        one.stop()


def assay(cluster, root, *words):
    """Run ``assay`` with its settings from the environment."""
    environment = {**os.environ, "ASSAY_DATABASE": address(cluster), "ASSAY_DATA": str(root / "data")}
    done = subprocess.run([ASSAY, *words], env=environment, capture_output=True, text=True, cwd=root)
    assert PASSWORD not in done.stdout + done.stderr
    return done


def register(one, version=1):
    one.ask("PUT", f"/blobs/{DIGEST}", content=CONTENT).raise_for_status()
    files = [{"path": f"m{version}", "digest": DIGEST, "size_bytes": len(CONTENT)}]
    one.ask("POST", "/models/team/task/versions", json={"files": files}).raise_for_status()


def promote(one, stage, version=1):
    return one.ask("POST", f"/models/team/task/versions/{version}/promotions", json={"stage": stage})


def asked(one, path):
    return httpx.get(f"{one.url}{path}", timeout=30)


def resolved(one, alias):
    return one.ask("GET", f"/resolve?address=team/task@{alias}")


def connections(cluster):
    """The processes that are connected as the registry, by their number at the other end."""
    asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'assay' AND application_name = 'assay'"
    return cluster.run(asked)[0][0]


def test_a_registry_goes_on_when_its_database_was_restarted_under_it(tmp_path, cluster):
    with server(tmp_path, cluster) as one:
        one.ask("PUT", "/policies", content=json.dumps(EASY)).raise_for_status()
        register(one)
        assert promote(one, "staging").json()["state"] == "promoted"
        assert resolved(one, "staging").json()["number"] == 1
        (worker,) = one.children()
        assert "assay_database_up 1" in asked(one, "/metrics").text
        for how in (signal.SIGINT, signal.SIGQUIT):
            cluster.stop(how)
            answer = resolved(one, "staging")
            assert answer.status_code == 503
            assert PASSWORD not in answer.text
            assert [asked(one, path).status_code for path in ("/healthz", "/readyz")] == [200, 503]
            assert "assay_database_up 0" in asked(one, "/metrics").text
            cluster.start()
            assert resolved(one, "staging").json()["number"] == 1
        assert promote(one, "production").json()["state"] == "promoted"
        register(one, 2)
        assert one.ask("GET", "/audit/verify").json()["problem"] == ""
        time.sleep(2)  # the worker looks for work meanwhile
        assert one.children() == [worker], "the worker lived through it"
        assert connections(cluster) >= 2
    log = (tmp_path / "server.log").read_text()
    assert "records in postgresql://" in log
    assert PASSWORD not in log
    assert not (tmp_path / "data" / "assay.db").exists()


def test_what_is_registered_through_one_server_is_resolved_by_the_other(tmp_path, cluster):
    with server(tmp_path, cluster, "--workers", "0") as one, server(tmp_path, cluster) as other:
        one.ask("PUT", "/policies", content=json.dumps(EASY)).raise_for_status()
        register(one)
        assert resolved(other, "latest").json()["digest"] == resolved(one, "latest").json()["digest"]
        assert promote(other, "staging").json()["state"] == "promoted"
        assert resolved(one, "staging").json()["number"] == 1
        assert one.ask("GET", "/audit/verify").json()["problem"] == ""


def test_two_servers_that_start_on_an_empty_database_found_one_registry(tmp_path, cluster):
    words = [ASSAY, "serve", "--port", "0", "--workers", "0", "--data", str(tmp_path / "data")]
    environment = {**os.environ, "ASSAY_DATABASE": address(cluster)}
    started = [
        subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
        for _ in range(2)
    ]
    for process in started:
        while "assay on" not in (line := process.stderr.readline()):
            assert line, "it ended"
        process.send_signal(signal.SIGTERM)
    assert [process.wait(60) for process in started] == [0, 0]
    for process in started:
        process.stderr.close()
    assert cluster.run("SELECT count(*) FROM principals", database="assay") == [(1,)]


def test_commands_about_the_database_know_the_setting(tmp_path, cluster):
    done = assay(cluster, tmp_path, "migrate", "--json")
    said = json.loads(done.stdout)
    assert said["applied"][0] == "0001"
    assert said["database"].startswith("postgresql://")
    assert said["database"].endswith("/assay")
    assert "nothing to do" in assay(cluster, tmp_path, "migrate", "--pre").stdout
    assert "nothing to do" in assay(cluster, tmp_path, "migrate", "--post").stdout
    assert assay(cluster, tmp_path, "migrate", "--pre", "--post").returncode == 2
    assert assay(cluster, tmp_path, "worker", "--once").returncode == 0
    made = assay(cluster, tmp_path, "principal", "create", "ada", "--data", str(tmp_path / "data"))
    assert made.returncode == 0, made.stderr
    assert cluster.run("SELECT count(*) FROM principals WHERE name = 'ada'", database="assay") == [(1,)]
    symptoms = json.loads(assay(cluster, tmp_path, "doctor", "--json").stdout)
    seen = {each["what"]: each for each in symptoms}["database"]
    assert seen["state"] == "ok"
    assert "PostgreSQL" in seen["found"]
    cluster.stop()
    symptoms = json.loads(assay(cluster, tmp_path, "doctor", "--json").stdout)
    assert {each["what"]: each["state"] for each in symptoms}["database"] == "problem"
    assert Path(tmp_path / "data").exists()
