"""Experiments: made, found, renamed, tagged, deleted, restored; and every way to be refused."""

from mlflow import MlflowClient
from mlflow.entities import ViewType
from recording import Story, experiment, wait_for_tick

CLIENTS = ("3.17", "3.18", "2.22")
story = Story("experiments")
client = MlflowClient()
name = f"{story.name}-one"

made = client.create_experiment(name, tags={"team": "fraud", "übung": "ja 🎉"})
story.note("created", experiment(client.get_experiment(made)))
story.note("by name", experiment(client.get_experiment_by_name(name)))
story.note("by unknown name", client.get_experiment_by_name(f"{story.name}-none"))
client.set_experiment_tag(made, "team", "risk")
client.set_experiment_tag(made, "empty", "")
story.note("tagged", experiment(client.get_experiment(made)))
story.attempt("rename", client.rename_experiment, made, f"{name}-renamed")
story.note("renamed", experiment(client.get_experiment(made)))
wait_for_tick()
other = client.create_experiment(f"{story.name}-other")

for key, given in {
    "empty": "",
    "taken": f"{name}-renamed",
    "number": 7,
    "long": "x" * 501,
}.items():
    story.attempt(f"create {key}", client.create_experiment, given)
story.attempt("create with fragment", client.create_experiment, f"{story.name}-f", "s3://bucket/a#b")
story.attempt("create in runs", client.create_experiment, f"{story.name}-r", "runs:/abc/model")
for key, given in {"unknown": "987654321", "text": "abc", "negative": "-1", "empty": ""}.items():
    story.attempt(f"get {key}", client.get_experiment, given)
    story.attempt(f"delete {key}", client.delete_experiment, given)
    story.attempt(f"tag {key}", client.set_experiment_tag, given, "a", "b")
story.attempt("rename to taken", client.rename_experiment, other, f"{name}-renamed")
story.attempt("rename to empty", client.rename_experiment, other, "")
story.attempt("tag with long key", client.set_experiment_tag, other, "k" * 251, "v")
story.attempt("tag with path key", client.set_experiment_tag, other, "../k", "v")
story.attempt("tag with long value", client.set_experiment_tag, other, "k", "v" * 20001)

inside = client.create_run(made, run_name="inside")
client.delete_experiment(made)
story.note("deleted", experiment(client.get_experiment(made)))
story.note("deleted by name", experiment(client.get_experiment_by_name(f"{name}-renamed")))
story.note("run of the deleted", client.get_run(inside.info.run_id).info.lifecycle_stage)
story.attempt("delete again", client.delete_experiment, made)
story.attempt("run in deleted", client.create_run, made)
story.attempt("tag deleted", client.set_experiment_tag, made, "a", "b")
story.attempt("name of deleted", client.create_experiment, f"{name}-renamed")
story.attempt("rename deleted", client.rename_experiment, made, f"{name}-x")
story.attempt("restore", client.restore_experiment, made)
story.attempt("restore again", client.restore_experiment, made)
story.attempt("restore unknown", client.restore_experiment, "987654321")
story.note("restored", experiment(client.get_experiment(made)))
story.note("run of the restored", client.get_run(inside.info.run_id).info.lifecycle_stage)

client.delete_experiment(other)
mine = f"name LIKE '{story.name}%'"
for view in (ViewType.ACTIVE_ONLY, ViewType.DELETED_ONLY, ViewType.ALL):
    found = client.search_experiments(view_type=view, filter_string=mine)
    story.note(f"view {view}", [each.name for each in found])

refused = story.ask("missing name", "POST", "/api/2.0/mlflow/experiments/create", json={})
story.note("fields of an error", sorted(refused.json()))
story.ask("wrong type", "POST", "/api/2.0/mlflow/experiments/create", json={"name": 5})
story.ask("no type", "POST", "/api/2.0/mlflow/experiments/create", data="{}")
story.ask("missing id", "GET", "/api/2.0/mlflow/experiments/get")
story.ask(
    "broken",
    "POST",
    "/api/2.0/mlflow/experiments/create",
    data="{",
    headers={"Content-Type": "application/json"},
)
story.ask("camel", "GET", "/api/2.0/mlflow/experiments/get?experimentId=" + made)
body = {"experimentId": made, "key": "camel", "value": "yes"}
story.ask("camel body", "POST", "/api/2.0/mlflow/experiments/set-experiment-tag", json=body)
body = {"experiment_id": made, "key": "unknown field", "value": "yes", "colour": "red"}
story.ask("unknown field", "POST", "/api/2.0/mlflow/experiments/set-experiment-tag", json=body)
story.note("at the end", experiment(client.get_experiment(made)))
story.tell()
