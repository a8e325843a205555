"""A team moves in: a stock server filled by the real client, copied live and from its files, seen again."""

import json
import os
import random
import signal
import sqlite3
import subprocess
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from clients.players import environments
from clients.stock_server import QUIET, StockServer
from journeys.live_server import ASSAY, LiveServer

STORY = Path(__file__).with_name("moving_story.py")
NEW, OLD = "mlflow-3.17.2", "mlflow-2.22.5"
LOADED = """
import json, sys, mlflow, pandas as pd
data = pd.DataFrame({"a": [0.1, 0.9], "b": [0.9, 0.1]})
print(json.dumps([mlflow.pyfunc.load_model(uri).predict(data).tolist() for uri in sys.argv[1:]]))
"""


def client(name, url, *words):
    """Run a program with a real client; return what it printed."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    environment |= {**QUIET, "MLFLOW_TRACKING_URI": url, "OMP_NUM_THREADS": "1"}
    environment["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
    done = subprocess.run(
        [str(environments.environment(name)), *words], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def told(name, url):
    """Return all that a client sees of a server."""
    return json.loads(client(name, url, str(STORY), "tell"))


class Past:
    """A stock server with a past."""

    def __init__(self, folder, name, stack):
        self.name = name
        self.artifacts = folder / "artifacts"
        self.server = StockServer(folder, environments.environment(name))
        stack.callback(self.server.stop)
        self.server.wait_until_up()
        client(name, self.server.url, str(STORY), "fill")
        self.told = told(name, self.server.url)

    @property
    def from_files(self):
        return f"sqlite:///{self.server.database}", "--artifacts", str(self.artifacts)


@pytest.fixture(scope="module", params=[NEW, OLD])
def past(request, tmp_path_factory):
    with ExitStack() as stack:
        yield Past(tmp_path_factory.mktemp(request.param), request.param, stack)


@pytest.fixture(scope="module")
def moved(past, tmp_path_factory):
    """Move in twice: live while the server here runs, and from the files; return both servers."""
    servers = {}
    with ExitStack() as stack:
        for kind, words in (("live", (past.server.url,)), ("files", past.from_files)):
            server = LiveServer(tmp_path_factory.mktemp(kind), "--workers", "0")
            stack.callback(server.stop)
            server.report = import_into(server.root / "data", *words, "--verify", "all")
            servers[kind] = server
        yield servers


def import_into(data, *words, expect=0):
    command = [ASSAY, "import", "mlflow", *words, "--data", str(data), "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == expect, f"{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout)


def as_stock_would(document):
    """Take out what is deliberately different: what the registry says of versions, and guarded stages."""
    for model in document["models"].values():
        for name in ("production", "staging"):
            model["aliases"].pop(name, None)
        for version in model["versions"].values():
            version["tags"] = {
                key: value for key, value in version["tags"].items() if not key.startswith("assay.")
            }
    return document


def expected(document):
    """Return what is to be seen here: one version in Production, the newest that was or the alias's.

    And a NaN wherever the run has logged one: of a logged model MLflow shows it as 0.
    """
    detector = json.loads(json.dumps(document))
    assert detector["models"]["fraud-detector"]["versions"]["1"]["stage"] == "Production"
    detector["models"]["fraud-detector"]["versions"]["1"]["stage"] = "Archived"
    aliased = detector["models"]["aliased"]
    assert aliased["aliases"].pop("production") == "3"
    aliased["versions"]["2"]["stage"], aliased["versions"]["3"]["stage"] = "Archived", "Production"
    for model in detector["logged models"].values():
        for metric in model["metrics"]:
            if metric[0] == "nan of the model" and metric[3] in (0, 3):
                assert metric[1] == "0.0"
                metric[1] = "nan"
        model["metrics"].sort()
    return detector


def registry(data):
    """Return what the database holds of everything that moves, but for the moments of the import."""
    questions = {
        "experiments": "select * from experiments order by id",
        "experiment tags": "select * from experiment_tags order by 1, 2",
        "runs": "select id, experiment, name, user_name, status, started_at_ms, ended_at_ms, "
        "deleted_at_ms is null, artifact_root from runs order by id",
        "points": "select runs.id, key, p.timestamp_ms, p.step, p.value, p.is_nan from "
        "(select series, timestamp_ms, step, value, is_nan from points union "
        "select series, timestamp_ms, step, value, is_nan from fresh_points) p "
        "join series on series.id = p.series join runs on runs.seq = series.run order by 1, 2, 3, 4, 5, 6",
        "params": "select id, key, value from run_params join runs on run = seq order by 1, 2",
        "tags": "select id, key, value from run_tags join runs on run = seq order by 1, 2",
        "files": "select path, digest, size_bytes from files order by path",
        "frozen": "select * from frozen_files order by path",
        "logged": "select id, experiment, name, artifact_root, created_at_ms, updated_at_ms, status, "
        "source_run_id from logged_models order by id",
        "models": "select name, created_at, description, known_as, changed_at from models order by name",
        "versions": "select model, number, major, minor, patch, digest, size_bytes, stage, ungated, "
        "registered_at, registered_by, description, source, run_id, changed_at from versions order by 1, 2",
        "words": "select * from tags order by 1, 2, 3",
        "aliases": "select * from aliases order by 1, 2",
    }
    with closing(sqlite3.connect(data / "assay.db")) as database:
        return {name: database.execute(question).fetchall() for name, question in questions.items()}


def test_nothing_is_missing_and_every_file_was_read_again(moved):
    for server in moved.values():
        report = server.report
        assert report["complete"], report["findings"]
        assert not report["unexplained_count"]
        counts = report["counts"]
        assert counts["run"]["here"] == counts["run"]["found"] == 10
        assert counts["file"]["here"] == counts["file"]["found"] == report["verified_files"] > 20


def test_live_and_from_files_make_the_same_registry(moved):
    live, files = (registry(moved[kind].root / "data") for kind in ("live", "files"))
    for name, rows in files.items():
        assert live[name] == rows, name


@pytest.mark.parametrize("kind", ["live", "files"])
def test_the_real_client_sees_the_same_past(past, moved, kind):
    seen = as_stock_would(told(past.name, moved[kind].url))
    wanted = expected(past.told)
    for part, value in wanted.items():
        assert seen[part] == value, part


def test_the_real_client_loads_what_moved_in(past, moved):
    uris = ["fraud-detector@champion", "fraud-detector/1", "fraud-detector@production", "fraud-detector/5"]
    uris.append("Copy of the detector/1")
    printed = client(past.name, moved["files"].url, "-c", LOADED, *(f"models:/{each}" for each in uris))
    assert json.loads(printed.splitlines()[-1]) == [[0, 1]] * len(uris)


def test_versions_in_production_are_ungated_until_their_gates_hold(moved):
    found = moved["files"].json("show", "default/fraud-detector@production")
    assert found["number"] == 2
    assert found["ungated"]


def test_a_second_import_changes_nothing(past, moved):
    for kind, words in (("live", (past.server.url,)), ("files", past.from_files)):
        data = moved[kind].root / "data"
        before = registry(data)
        report = import_into(data, *words)
        assert report["complete"]
        assert not any(each["added"] or each["changed"] for each in report["counts"].values())
        assert registry(data) == before


def test_an_alias_of_a_stage_names_its_version_after_every_import(past, moved):
    wanted = {"aliased": 3} | ({"farewell": 1} if past.name == NEW else {})
    for server in moved.values():
        found = {name: server.json("show", f"default/{name}@production")["number"] for name in wanted}
        assert found == wanted


def test_an_import_that_is_killed_goes_on(past, moved, tmp_path):
    data = tmp_path / "data"
    chance = random.Random(7)
    command = [ASSAY, "import", "mlflow", *past.from_files, "--data", str(data), "--json"]
    killed = 0
    for _ in range(40):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in process.stderr:  # it tells when it begins with a kind of thing
            if killed < 8 and chance.random() < 0.35:
                process.send_signal(signal.SIGKILL)
                break
        printed, _ = process.communicate()
        if process.returncode != -signal.SIGKILL:
            break
        killed += 1
    assert process.returncode == 0, printed
    assert killed >= 3
    assert json.loads(printed)["complete"]
    whole, again = registry(moved["files"].root / "data"), registry(data)
    for name, rows in whole.items():
        assert again[name] == rows, name


def test_what_comes_later_is_added(past, moved):
    client(past.name, past.server.url, str(STORY), "later")
    after = told(past.name, past.server.url)
    report = import_into(moved["files"].root / "data", *past.from_files)
    assert report["complete"], report["findings"]
    seen = as_stock_would(told(past.name, moved["files"].url))
    wanted = expected(after)
    for part in ("runs", "models"):
        assert seen[part] == wanted[part], part
    assert not moved["files"].json("audit", "verify")["problem"]
