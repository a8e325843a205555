"""Runs: made, ended, tagged, renamed, deleted, restored; params that stay; and every way to be refused."""

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag, ViewType
from recording import Story, run

CLIENTS = ("3.17", "3.18", "2.22")
story = Story("runs")
client = MlflowClient()
home = story.experiment("home")

made = client.create_run(home, start_time=1234, tags={"a": "1", "übung": "ü"}, run_name="first")
one = made.info.run_id
story.note("created", run(made, system_tags=True))
story.note("got", run(client.get_run(one), system_tags=True))
unnamed = client.create_run(home, start_time=0)
story.note("unnamed", run(unnamed))
tagged = client.create_run(home, start_time=5, tags={"mlflow.runName": "by tag"})
story.note("named by tag", run(tagged, system_tags=True))
story.attempt("two names", client.create_run, home, tags={"mlflow.runName": "x"}, run_name="y")
with mlflow.start_run(
    experiment_id=home, run_name="fluent", description="a *run*", tags={"t": "v"}
) as fluent:
    mlflow.log_params({"lr": 0.1, "deep": {"a": [1, 2]}, "none": None, "empty": ""})
    mlflow.log_metrics({"loss": 0.5, "acc": 1})
    mlflow.set_tags({"t": "w", "number": 5})
fluent_run = run(client.get_run(fluent.info.run_id), system_tags=True)
story.note("fluent", fluent_run)
try:
    with mlflow.start_run(experiment_id=home, run_name="broken"):
        raise RuntimeError("on purpose")
except RuntimeError:
    story.note("broken", mlflow.last_active_run().info.status)

client.log_param(one, "p", "1")
story.attempt("param again", client.log_param, one, "p", "1")
story.attempt("param changed", client.log_param, one, "p", "2")
story.attempt("param empty", client.log_param, one, "q", "")
story.attempt("param changed to empty", client.log_param, one, "p", "")
story.attempt("param long key", client.log_param, one, "k" * 251, "v")
story.attempt("param 250 key", client.log_param, one, "k" * 250, "v")
for key in ("../x", "a//b", "/a", "a/", ".", "a\nb", "a;b", "ä", "a b", "a.b-c_d:e/f", "a%", "", " "):
    story.attempt(f"param key {key!r}", client.log_param, one, key, "v")
    story.attempt(f"tag key {key!r}", client.set_tag, one, key, "v")
    story.attempt(f"metric key {key!r}", client.log_metric, one, key, 1.0, 1, 1)
story.attempt("long param", client.log_param, one, "long", "v" * 6001)
story.attempt("long tag", client.set_tag, one, "long", "v" * 8001)
story.note(
    "length of long ones",
    [
        len(client.get_run(one).data.params.get("long", "")),
        len(client.get_run(one).data.tags.get("long", "")),
    ],
)

client.set_tag(one, "a", "2")
client.set_tag(one, "gone", "x")
client.delete_tag(one, "gone")
story.attempt("delete missing tag", client.delete_tag, one, "gone")
story.attempt("delete tag of unknown", client.delete_tag, "0" * 32, "gone")
story.note("tags", dict(client.get_run(one).data.tags.items() - {("long", "v" * 8001), ("long", "v" * 8000)}))

for status in ("RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED", "RUNNING"):
    client.set_terminated(one, status, end_time=99)
    info = client.get_run(one).info
    story.note(f"status {len(story._results)} {status}", [info.status, info.end_time])
story.attempt("unknown status", client.set_terminated, one, "HAPPY", 100)
story.attempt("update name", client.update_run, one, None, "renamed")
story.note("renamed", [client.get_run(one).info.run_name, client.get_run(one).data.tags["mlflow.runName"]])
client.set_tag(one, "mlflow.runName", "by tag")
story.note("renamed by tag", client.get_run(one).info.run_name)
story.attempt("update status", client.update_run, one, "FINISHED")
story.ask("bad status", "POST", "/api/2.0/mlflow/runs/update", json={"run_id": one, "status": "HAPPY"})
story.ask("number status", "POST", "/api/2.0/mlflow/runs/update", json={"run_id": one, "status": 3})
story.attempt("log after the end", client.log_metric, one, "late", 1.0, 1, 1)

client.delete_run(one)
story.note("deleted", client.get_run(one).info.lifecycle_stage)
for key, call in {
    "metric": lambda: client.log_metric(one, "x", 1.0, 1, 1),
    "param": lambda: client.log_param(one, "x", "1"),
    "tag": lambda: client.set_tag(one, "x", "1"),
    "delete tag": lambda: client.delete_tag(one, "a"),
    "batch": lambda: client.log_batch(one, [Metric("x", 1, 1, 1)], [Param("x", "1")], [RunTag("x", "1")]),
    "end": lambda: client.set_terminated(one),
    "delete": lambda: client.delete_run(one),
}.items():
    story.attempt(f"deleted: {key}", call)
for view in (ViewType.ACTIVE_ONLY, ViewType.DELETED_ONLY, ViewType.ALL):
    found = client.search_runs([home], run_view_type=view, order_by=["attribute.start_time"])
    story.note(f"view {view}", [each.info.run_id for each in found])
story.attempt("restore", client.restore_run, one)
story.attempt("restore again", client.restore_run, one)
story.note("restored", client.get_run(one).info.lifecycle_stage)

for key, given in {"of unknown": "0" * 32, "of odd": "../etc", "of empty": ""}.items():
    story.attempt(f"get {key}", client.get_run, given)
    story.attempt(f"delete {key}", client.delete_run, given)
    story.attempt(f"restore {key}", client.restore_run, given)
    story.attempt(f"end {key}", client.set_terminated, given)
    story.attempt(f"metric {key}", client.log_metric, given, "m", 1.0, 1, 1)
    story.attempt(f"param {key}", client.log_param, given, "p", "1")
    story.attempt(f"tag {key}", client.set_tag, given, "t", "1")
story.attempt("run in unknown", client.create_run, "987654321")
story.attempt("run in text", client.create_run, "abc")
RUNS = "/api/2.0/mlflow/runs/"
story.ask("by uuid", "GET", f"{RUNS}get?run_uuid={tagged.info.run_id}")
story.ask("no id", "GET", f"{RUNS}get")
story.ask(
    "start as text",
    "POST",
    f"{RUNS}create",
    json={"experiment_id": home, "start_time": "77", "run_name": "n"},
)
story.ask("start as word", "POST", f"{RUNS}create", json={"experiment_id": home, "start_time": "soon"})
story.ask("tag without value", "POST", f"{RUNS}set-tag", json={"run_id": one, "key": "k"})
story.ask("param without value", "POST", f"{RUNS}log-parameter", json={"run_id": one, "key": "nov"})
story.ask("no key", "POST", f"{RUNS}set-tag", json={"run_id": one, "value": "v"})
parent = client.create_run(home, run_name="parent")
child = client.create_run(home, run_name="child", tags={"mlflow.parentRunId": parent.info.run_id})
story.note("parent of child", client.get_parent_run(child.info.run_id).info.run_id == parent.info.run_id)
story.note("parent of parent", client.get_parent_run(parent.info.run_id))
story.ask("no experiment", "POST", f"{RUNS}create", json={})
story.tell()
