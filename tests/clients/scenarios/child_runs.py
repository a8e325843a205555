"""Nested runs, runs in threads and in processes: each with its own parent, none lost."""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor

import mlflow
from mlflow import MlflowClient
from recording import Story

CLIENTS = ("3.17", "3.18", "2.22")
story = Story("child-runs")
client = MlflowClient()
home = story.experiment("home")
mlflow.set_experiment(experiment_id=home)


def child(parent, index):
    """Log one child run from wherever this runs."""
    own = MlflowClient()
    tags = {"mlflow.parentRunId": parent, "index": str(index)}
    made = own.create_run(home, run_name=f"child {index}", tags=tags)
    for step in range(5):
        own.log_metric(made.info.run_id, "loss", index + step / 10, step=step, timestamp=1000 + step)
    own.log_param(made.info.run_id, "index", index)
    own.set_terminated(made.info.run_id)
    return made.info.run_id


def shown(parent):
    found = client.search_runs([home], f"tags.mlflow.parentRunId = '{parent}'", order_by=["run_name"])
    return [
        [
            each.info.run_name,
            each.info.status,
            each.data.params,
            [m.value for m in client.get_metric_history(each.info.run_id, "loss")],
        ]
        for each in found
    ]


with mlflow.start_run(run_name="outer") as outer:
    mlflow.log_param("level", 0)
    with mlflow.start_run(run_name="inner", nested=True) as inner:
        mlflow.log_param("level", 1)
        with mlflow.start_run(run_name="innermost", nested=True) as innermost:
            mlflow.log_param("level", 2)
story.note(
    "levels",
    [
        client.get_run(each.info.run_id).data.tags.get("mlflow.parentRunId")
        for each in (outer, inner, innermost)
    ],
)
story.note("parent", client.get_parent_run(innermost.info.run_id).info.run_name)
with mlflow.start_run(run_name="again", parent_run_id=outer.info.run_id) as again:
    pass
story.note("given parent", client.get_parent_run(again.info.run_id).info.run_id == outer.info.run_id)
with mlflow.start_run(run_id=inner.info.run_id):
    mlflow.log_param("resumed", True)
story.note("resumed", client.get_run(inner.info.run_id).data.params)

threads = client.create_run(home, run_name="threads").info.run_id
with ThreadPoolExecutor(8) as pool:
    list(pool.map(lambda index: child(threads, index), range(8)))
story.note("threads", shown(threads))
processes = client.create_run(home, run_name="processes").info.run_id
with multiprocessing.get_context("fork").Pool(3) as pool:
    pool.starmap(child, [(processes, index) for index in range(6)])
story.note("processes", shown(processes))
client.delete_run(processes)
story.note("children of a deleted parent", len(shown(processes)))
story.tell()
