"""Whole stories through real processes."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import joblib
import numpy as np
import pytest
import skops.io
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from journeys.live_server import LiveServer

EASY = {
    "applies_to": "race/*",
    "gates": {"staging": ["size_budget"], "production": ["size_budget", "approval"]},
}
CONTENT = b"weights"
DIGEST = "sha256:" + hashlib.sha256(CONTENT).hexdigest()


@contextmanager
def server(root, *words):
    one = LiveServer(root, *words)
    try:
        yield one
    finally:
        one.stop()


def lives(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def test_a_server_starts_answers_and_ends_with_its_worker(tmp_path):
    one = LiveServer(tmp_path)
    children = one.children()
    assert len(children) == 1
    modules = Path(f"/proc/{one.process.pid}/maps").read_text()
    assert not any(name in modules for name in ("numpy", "polars", "sklearn", "pyarrow"))
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    assert one.stop() == 0
    assert not any(map(lives, children))


def test_a_killed_server_leaves_no_worker_and_loses_nothing(tmp_path):
    one = LiveServer(tmp_path)
    one.ask("POST", "/models", json={"name": "a/b"}).raise_for_status()
    children = one.children()
    one.stop(signal.SIGKILL)
    for _ in range(200):
        if not any(map(lives, children)):
            break
        time.sleep(0.05)  # a poll, bounded above
    assert not any(map(lives, children))
    with server(tmp_path) as again:
        assert again.ask("GET", "/models/a/b").status_code == 200
        assert again.ask("GET", "/audit/verify").json()["problem"] == ""


def test_a_bind_that_others_can_reach_needs_tokens(tmp_path):
    command = [sys.executable, "-m", "assay.cli", "serve", "--host", "0.0.0.0", "--data", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--auth required" in done.stderr
    with server(tmp_path, "--auth", "required", "--workers", "0") as one:
        assert one.ask("GET", "/models").status_code == 401
        words = (
            "token",
            "create",
            "--principal",
            "local",
            "--scope",
            "read",
            "--data",
            str(tmp_path / "data"),
        )
        made = one.json(*words)
        assert one.ask("GET", "/models", made["text"]).status_code == 200


def prepare_race(one, count):
    """Stage versions of one model; return their promotions to Production."""
    one.ask("PUT", "/policies", content=json.dumps(EASY)).raise_for_status()
    one.ask("PUT", f"/blobs/{DIGEST}", content=CONTENT).raise_for_status()
    promotions = []
    for number in range(1, count + 1):
        files = [{"path": f"m{number}", "digest": DIGEST, "size_bytes": len(CONTENT)}]
        one.ask("POST", "/models/race/car/versions", json={"files": files}).raise_for_status()
        path = f"/models/race/car/versions/{number}/promotions"
        assert one.ask("POST", path, json={"stage": "staging"}).json()["state"] == "promoted"
        promotions.append(one.ask("POST", path, json={"stage": "production"}).json())
    assert {each["state"] for each in promotions} == {"awaiting_approval"}
    return [each["id"] for each in promotions]


def check_race(one, answers):
    """Exactly one won; every loser was told who; the log is whole."""
    statuses = Counter(status for status, _ in answers)
    assert statuses == {200: 1, 409: len(answers) - 1}
    serving = one.ask("GET", "/resolve?address=race/car@production").json()
    assert all(serving["semver"] in text for status, text in answers if status == 409)
    staged = one.ask("GET", "/versions?stage=production").json()["items"]
    assert [each["number"] for each in staged] == [serving["number"]]
    assert one.ask("GET", "/audit/verify").json()["problem"] == ""


def test_threads_that_race_for_production_have_one_winner(tmp_path):
    with server(tmp_path, "--workers", "0") as one:
        grace = one.person("grace")
        promotions = prepare_race(one, 8)
        answers = []
        start = threading.Barrier(len(promotions))

        def approve(promotion):
            start.wait()
            done = one.ask("POST", f"/promotions/{promotion}/approve", grace, json={})
            answers.append((done.status_code, done.text))

        threads = [threading.Thread(target=approve, args=(each,)) for each in promotions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        check_race(one, answers)


def test_processes_that_race_for_production_have_one_winner(tmp_path):
    """Two servers over one data folder, and a client process at each."""
    script = (
        "import sys, httpx\n"
        "url, token, promotion = sys.argv[1:]\n"
        "sys.stdin.read()\n"
        "done = httpx.post(f'{url}/api/v1/promotions/{promotion}/approve', json={}, timeout=60,\n"
        "                  headers={'Authorization': f'Bearer {token}'})\n"
        "print(done.status_code, done.text)\n"
    )
    with server(tmp_path, "--workers", "0") as one, server(tmp_path, "--workers", "0") as two:
        grace = one.person("grace")
        promotions = prepare_race(one, 4)
        clients = [
            subprocess.Popen(
                [sys.executable, "-c", script, (one, two)[index % 2].url, grace, promotion],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for index, promotion in enumerate(promotions)
        ]
        for client in clients:
            client.stdin.close()
        answers = []
        for client in clients:
            status, _, text = client.stdout.read().partition(" ")
            client.stdout.close()
            client.wait()
            answers.append((int(status), text))
        check_race(two, answers)


def test_a_job_whose_worker_is_killed_is_finished_by_another(tmp_path):
    with server(tmp_path, "--workers", "0") as one:
        one.ask("PUT", f"/blobs/{DIGEST}", content=CONTENT).raise_for_status()
        files = [{"path": "m", "digest": DIGEST, "size_bytes": len(CONTENT)}]
        one.ask("POST", "/models/a/b/versions", json={"files": files}).raise_for_status()
        one.ask("POST", "/models/a/b/versions/1/checks", json={"check": "scan"}).raise_for_status()
        database = tmp_path / "data" / "assay.db"
        command = [str(Path(sys.executable).with_name("assay")), "worker", "--data", str(tmp_path / "data")]
        first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: job_processes(tmp_path))
        (measuring,) = job_processes(tmp_path)
        os.kill(measuring, signal.SIGSTOP)  # so that it is certainly in the middle of its work
        first.kill()
        first.wait()
        (job,) = checks(one)
        assert (job["state"], job["attempts"]) == ("leased", 1)
        os.kill(measuring, signal.SIGCONT)
        wait_for(lambda: not lives(measuring))
        assert one.ask("GET", "/models/a/b/versions/1/evidence").json() == []
        expire_leases(database)
        second = subprocess.Popen([*command, "--once"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert second.wait() == 0
        (job,) = checks(one)
        assert (job["state"], job["attempts"]) == ("done", 2)
        (filed,) = one.ask("GET", "/models/a/b/versions/1/evidence").json()
        assert filed["evidence"]["check"] == "scan"
        assert f":{second.pid}:" in filed["evidence"]["reporter"]


def job_processes(root):
    """Ids of the processes that measure for a worker whose data is under ``root``."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if b"assay.runner.job" in words and any(bytes(root) in word for word in words):
            found.append(int(path.parent.name))
    return found


def checks(one):
    return one.ask("GET", "/models/a/b/versions/1/checks").json()


def wait_for(condition):
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)  # a poll, bounded above
    raise AssertionError("it did not happen")


def expire_leases(database):
    """Let the time of a lease pass without waiting for it."""
    import sqlite3

    connection = sqlite3.connect(database)
    connection.execute("UPDATE jobs SET lease_until = 0")
    connection.commit()
    connection.close()


def wine(root, name, rows, dump):
    """A stranger's model: mixed columns, text labels, missing values; returns its folder and tables."""
    table = load_wine(as_frame=True).frame
    table["target"] = table["target"].map({0: "barolo", 1: "grignolino", 2: "barbera"})
    table["shade"] = np.where(table["hue"] > 1, "dark", "light").astype(object)
    table.loc[table.index % 17 == 0, "ash"] = np.nan
    table.loc[table.index % 23 == 0, "shade"] = None
    training, evaluation = train_test_split(table, test_size=0.4, random_state=1, stratify=table["target"])
    training = training.iloc[:rows]
    numbers = [each for each in table if each not in ("target", "shade")]
    encoder = OneHotEncoder(handle_unknown="ignore")
    columns = make_column_transformer((SimpleImputer(), numbers), (encoder, ["shade"]))
    model = make_pipeline(columns, RandomForestClassifier(30, random_state=1))
    model.fit(training.drop(columns="target"), training["target"])
    folder = root / name
    folder.mkdir()
    if dump is skops.io.dump:
        dump(model, folder / "model.skops")
    else:
        dump(model, folder / "model.joblib")
    training.to_csv(root / f"{name}-training.csv", index=False)
    evaluation.to_parquet(root / f"{name}-evaluation.parquet", index=False)
    return folder, root / f"{name}-training.csv", root / f"{name}-evaluation.parquet"


POLICY = """
applies_to: cellar/*
gates:
  staging:
    - metrics: {minimum: {accuracy: 0.9, f1_macro: 0.9}}
    - leakage
    - provenance: {allow_dirty: true}
    - signature
    - environment
    - file_security
  production:
    - metrics: {minimum: {accuracy: 0.9}}
    - leakage
    - bias: {groups: [[shade]], favourable: barolo, max_disparity: 0.9, min_group_count: 5}
    - integration
    - load: {rate_per_s: 40, duration_s: 20, bound_ms: 2000}
    - file_security
    - approval
"""


@pytest.fixture(scope="module")
def cellar(tmp_path_factory):
    root = tmp_path_factory.mktemp("cellar")
    with server(root) as one:
        (root / "policy.yaml").write_text(POLICY)
        one.run("policy", "set", root / "policy.yaml")
        yield one


def register(one, made, *words, expect=0):
    folder, training, evaluation = made
    shared = (
        "--training-data",
        training,
        "--evaluation-data",
        evaluation,
        "--label",
        "target",
        "--sample",
        evaluation,
    )
    return one.json(
        "register", "cellar/cultivar", folder, *shared, "--metric", "accuracy=0.95",
        "--commit", "c" * 40, *words,
        expect=expect,
    )  # fmt: skip


@pytest.mark.alone
def test_a_strangers_model_goes_all_the_way_and_back(cellar, tmp_path):
    one = cellar
    grace = one.person("grace", "cellar/*")
    for name, rows, version in (("first", 60, "v1.0.0"), ("second", 200, "v1.1.0")):
        registered = register(one, wine(tmp_path, name, rows, skops.io.dump))
        assert registered["semver"] == version
        address = f"cellar/cultivar/{version}"
        assert one.json("promote", address, "--stage", "staging", "--wait")["state"] == "promoted"
        promotion = one.json("promote", address, "--stage", "production", "--wait")
        assert promotion["state"] == "awaiting_approval", promotion["outcome"]
        one.run("approve", promotion["id"], expect=6)
        assert one.json("approve", promotion["id"], token=grace)["state"] == "promoted"
    assert one.json("resolve", "cellar/cultivar@production")["semver"] == "v1.1.0"
    one.run("rollback", "cellar/cultivar")
    assert one.json("resolve", "cellar/cultivar@production")["semver"] == "v1.0.0"
    found = one.json("search", "--metric", "accuracy>=0.9")
    assert {each["semver"] for each in found["items"]} == {"v1.0.0", "v1.1.0"}
    one.run("download", "cellar/cultivar@production", "--output", tmp_path / "serving")
    assert (tmp_path / "serving" / "model.skops").read_bytes() == (
        tmp_path / "first" / "model.skops"
    ).read_bytes()
    one.run("audit", "verify")


def test_joblib_is_refused_unless_the_policy_names_it(cellar, tmp_path):
    made = wine(tmp_path, "pickled", 150, joblib.dump)
    registered = register(cellar, made)
    address = f"cellar/cultivar/{registered['semver']}"
    refused = cellar.json("promote", address, "--stage", "staging", "--wait", expect=3)
    assert [each["gate"] for each in refused["verdicts"] if each["outcome"] == "fail"] == ["file_security"]
    assert "executes code on load" in refused["outcome"]
    allowing = POLICY.replace("- file_security", "- file_security: {allowed_code_formats: [joblib]}")
    (tmp_path / "policy.yaml").write_text(allowing)
    cellar.run("policy", "set", tmp_path / "policy.yaml")
    assert cellar.json("promote", address, "--stage", "staging", "--wait")["state"] == "promoted"


class Payload:
    """Pickles into a call that would leave a mark."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.system, (f"touch {self.mark}",)


def test_a_pickle_that_would_run_code_is_refused_and_never_runs(cellar, tmp_path):
    mark = tmp_path / "it-ran"
    joblib.dump(Payload(mark), tmp_path / "model.joblib")
    evaluation = wine(tmp_path, "table", 50, skops.io.dump)[2]
    words = ("--evaluation-data", evaluation, "--label", "target", "--commit", "d" * 40)
    registered = cellar.json("register", "cellar/trap", tmp_path / "model.joblib", *words)
    refused = cellar.json(
        "promote", f"cellar/trap/{registered['semver']}", "--stage", "staging", "--wait", expect=3
    )
    assert "system" in refused["outcome"]
    assert not mark.exists()
