"""Logged models: made, filled, finished, found, tagged, deleted; metrics bound to them; every refusal."""

import mlflow
from mlflow import MlflowClient
from mlflow.entities import LoggedModelParameter, Metric
from recording import Story, wait_for_tick
from training import X_test, trained

CLIENTS = ("3.17", "3.18")
story = Story("logged-models")
client = MlflowClient()
home = story.experiment("home")
mlflow.set_experiment(experiment_id=home)


def shown(found):
    return {
        "id": found.model_id,
        "name": found.name,
        "type": found.model_type,
        "status": str(found.status),
        "run": found.source_run_id,
        "location": found.artifact_location,
        "tags": {key: value for key, value in found.tags.items() if not key.startswith("mlflow.")},
        "params": found.params,
        "metrics": sorted(
            [m.key, m.value, m.step, m.dataset_name, m.dataset_digest] for m in found.metrics or []
        ),
        "created": found.creation_timestamp,
        "updated": found.last_updated_timestamp,
    }


with mlflow.start_run(run_name="train") as run:
    fitted = trained()
    info = mlflow.sklearn.log_model(
        fitted,
        name="classifier",
        input_example=X_test[:2],
        params={"C": "1.0"},
        tags={"kind": "linear"},
        model_type="classifier",
    )
    mlflow.log_metric("auc", 0.9, model_id=info.model_id, step=1)
    mlflow.log_metric("auc", 0.95, model_id=info.model_id, step=2)
    data = mlflow.data.from_pandas(X_test, name="held out", source="https://example.org/held-out.csv")
    mlflow.log_metrics({"f1": 0.5}, model_id=info.model_id, dataset=data)
story.note("logged", shown(client.get_logged_model(info.model_id)))
story.note("outputs", [each.model_id for each in client.get_run(run.info.run_id).outputs.model_outputs])
story.note("files", sorted(each.path for each in client.list_logged_model_artifacts(info.model_id)))
loaded = mlflow.sklearn.load_model(f"models:/{info.model_id}")
story.note("same predictions", bool((loaded.predict(X_test) == fitted.predict(X_test)).all()))
story.note(
    "by run", bool((mlflow.pyfunc.load_model(info.model_uri).predict(X_test) == fitted.predict(X_test)).all())
)
story.note("last", mlflow.last_logged_model().model_id == info.model_id)

external = mlflow.create_external_model(
    name="external", model_type="agent", params={"a": "1"}, tags={"kind": "far"}
)
story.note("external", shown(external))
wait_for_tick()
made = mlflow.initialize_logged_model("made", params={"depth": "3"}, tags={"kind": "tree"}, model_type="tree")
story.note("initialized", shown(made))
one = made.model_id
story.note("finished", shown(mlflow.finalize_logged_model(one, "READY")))
story.attempt("finish again", lambda: str(client.finalize_logged_model(one, "READY").status))
story.attempt("ready to failed", lambda: str(client.finalize_logged_model(one, "FAILED").status))
story.attempt("unknown status", lambda: str(client.finalize_logged_model(one, "HAPPY").status))
story.ask(
    "unknown status on the wire",
    "PATCH",
    f"/api/2.0/mlflow/logged-models/{one}",
    json={"model_id": one, "status": "HAPPY"},
)
client.finalize_logged_model(one, "READY")
client.set_logged_model_tags(one, {"kind": "forest", "übung": "ü"})
client.delete_logged_model_tag(one, "übung")
story.attempt("delete missing tag", client.delete_logged_model_tag, one, "none")
story.attempt("params", client.log_model_params, one, {"more": "4"})
story.attempt("params again", client.log_model_params, one, {"more": "4"})
story.attempt("params changed", client.log_model_params, one, {"more": "5"})
story.note("after all", shown(client.get_logged_model(one)))
for name in ("", "a/b", "a:b", "a.b", "a%b", 'a"b', "a'b", "ä b", "x" * 300, None):
    story.attempt(
        f"name {str(name)[:20]!r}", lambda name=name: bool(client.create_logged_model(home, name=name).name)
    )
story.attempt("in unknown experiment", client.create_logged_model, "987654321", "n")


def of_unknown_run():
    made = client.create_logged_model(home, "n", source_run_id="0" * 32)
    client.delete_logged_model(made.model_id)
    return made.source_run_id


story.attempt("of unknown run", of_unknown_run)
story.attempt(
    "long param", lambda: len(client.create_logged_model(home, "long", params={"p": "v" * 6001}).params["p"])
)
for key, given in {"unknown": "m-" + "0" * 32, "text": "abc"}.items():
    story.attempt(f"get {key}", client.get_logged_model, given)
    story.attempt(f"finish {key}", client.finalize_logged_model, given, "READY")
    story.attempt(f"tag {key}", client.set_logged_model_tags, given, {"a": "b"})
    story.attempt(f"delete {key}", client.delete_logged_model, given)
story.attempt(
    "param object",
    lambda: [LoggedModelParameter("a", "b").key, client.log_model_params(one, {"deep": "[1]"})],
)

other = story.experiment("search")
ids = {}
with mlflow.start_run(experiment_id=other) as source:
    for name, kind, depth, score in (
        ("a", "x", "1", 0.1),
        ("b", "x", "2", 0.9),
        ("c", "y", "3", 0.5),
        ("d", "y", "4", None),
    ):
        model = mlflow.initialize_logged_model(
            name, params={"depth": depth}, tags={"kind": kind}, model_type=kind
        )
        ids[name] = model.model_id
        if score is not None:
            mlflow.log_metric("score", score, model_id=model.model_id)
            held = mlflow.data.from_pandas(X_test, name="held", source="https://example.org/held.csv")
            mlflow.log_metric("scoped", 1 - score, model_id=model.model_id, dataset=held)
        if name != "d":
            mlflow.finalize_logged_model(model.model_id, "READY")
        wait_for_tick()


def names(where=None, order=None, **more):
    found = client.search_logged_models([other], filter_string=where, order_by=order, **more)
    return [each.name for each in found]


FILTERS = """
name = 'a'
name != 'a'
name LIKE '%'
name ILIKE 'A'
name IN ('a', 'b')
model_type = 'x'
attributes.model_type = 'x'
status = 'READY'
status = 'PENDING'
status = 'LOGGED_MODEL_READY'
model_id = '{a}'
source_run_id = '{source}'
source_run_id = 'none'
creation_timestamp > 0
creation_time > 0
last_updated_timestamp < 5
last_updated_time > 5
metrics.score > 0.3
metrics.score > 0.3 AND metrics.score < 0.8
metrics.score = 0.5
metrics.scoped > 0.3
metrics.missing > 0
params.depth = '2'
params.depth != '2'
params.depth LIKE '%'
params.depth > '2'
params.depth = 2
tags.kind = 'x'
tags.kind != 'x'
tags.kind LIKE 'y'
tags.kind IS NULL
tags.none IS NULL
tags.kind IS NOT NULL
tags.kind = 'x' AND metrics.score > 0.5
tags.kind = 'x' OR tags.kind = 'y'
(tags.kind = 'x')
experiment_id = '1'
datasets.name = 'held'
metrics.score > 'x'
name > 'a'
name = a
nonsense
""".strip("\n").split("\n")
for asked in FILTERS:
    story.attempt(
        f"filter {asked}", lambda asked=asked: sorted(names(asked.format(**ids, source=source.info.run_id)))
    )
story.ask(
    "bad key",
    "POST",
    "/api/2.0/mlflow/logged-models/search",
    json={"experiment_ids": [other], "filter": "foo = 'x'"},
)
ORDERS = (
    None,
    [{"field_name": "name"}],
    [{"field_name": "name", "ascending": False}],
    [{"field_name": "creation_timestamp"}],
    [{"field_name": "creation_time", "ascending": False}],
    [{"field_name": "metrics.score"}],
    [{"field_name": "metrics.score", "ascending": True}],
    [{"field_name": "metrics.scoped", "ascending": True, "dataset_name": "held"}],
    [{"field_name": "model_type", "ascending": False}, {"field_name": "name"}],
    [{"field_name": "params.depth"}],
    [{"field_name": "tags.kind"}],
    [{"field_name": "foo"}],
    [{"ascending": True}],
    [{}],
)
for order in ORDERS:
    story.attempt(f"order {order}", lambda order=order: names(order=order))
story.attempt(
    "scoped to a data set", lambda: names("metrics.scoped > 0.3", datasets=[{"dataset_name": "held"}])
)
digest = mlflow.data.from_pandas(X_test, name="held", source="https://example.org/held.csv").digest
only = [{"dataset_name": "held", "dataset_digest": digest}]
story.attempt("only on a data set", lambda: names(datasets=only))
story.attempt("scoped to another", lambda: names("metrics.scoped > 0.3", datasets=[{"dataset_name": "none"}]))
story.attempt("data set without name", lambda: names("metrics.scoped > 0.3", datasets=[{}]))
pages, token = [], None
for _ in range(4):
    page = client.search_logged_models(
        [other], max_results=2, page_token=token, order_by=[{"field_name": "name"}]
    )
    pages.append([each.name for each in page])
    token = page.token
    if not token:
        break
story.note("pages", pages)
for size in (0, -1, 100000):
    story.attempt(f"size {size}", lambda size=size: names(max_results=size))
story.attempt("bad token", lambda: names(page_token="nonsense"))
story.attempt("no experiment", lambda: [each.name for each in client.search_logged_models([])])
story.note(
    "frame", sorted(mlflow.search_logged_models(experiment_ids=[other], output_format="pandas")["name"])
)

client.log_batch(run.info.run_id, [Metric("late", 1.0, 1, 1, model_id=one)])
story.note("metrics of a batch", [each.key for each in client.get_logged_model(one).metrics])
client.delete_logged_model(one)
story.attempt("get deleted", client.get_logged_model, one)
story.attempt("delete again", client.delete_logged_model, one)
story.attempt("tag deleted", client.set_logged_model_tags, one, {"a": "b"})
left = sorted(each.name for each in client.search_logged_models([home]))
story.note("left", [len(left), [name for name in left if "-" not in name]])
story.tell()
