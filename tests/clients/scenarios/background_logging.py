"""What the client sends from threads of its own: asynchronous logging and the metrics of the machine."""

import time

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric
from recording import Story

CLIENTS = ("3.17", "3.18", "2.22")
story = Story("background")
client = MlflowClient()
home = story.experiment("home")
mlflow.set_experiment(experiment_id=home)

with mlflow.start_run(run_name="async") as run:
    for step in range(200):
        mlflow.log_metric("loss", 1 / (step + 1), step=step, timestamp=5000 + step, synchronous=False)
    mlflow.log_params({f"p{i}": i for i in range(20)}, synchronous=False)
    mlflow.set_tags({"a": "b"}, synchronous=False)
    client.log_batch(
        run.info.run_id, [Metric("batch", i, 1, i) for i in range(300)], synchronous=False
    ).wait()
    mlflow.flush_async_logging()
found = client.get_run(run.info.run_id)
loss = client.get_metric_history(run.info.run_id, "loss")
story.note("loss", [len(loss), [each.step for each in loss] == list(range(200))])
story.note("batch", len(client.get_metric_history(run.info.run_id, "batch")))
story.note("params", len(found.data.params))
story.note("tags", found.data.tags["a"])
refused = client.log_param(run.info.run_id, "p0", "other", synchronous=False)
story.attempt("refusal in the background", lambda: refused.wait() if refused else None)

mlflow.set_system_metrics_sampling_interval(0.1)
mlflow.set_system_metrics_samples_before_logging(1)
with mlflow.start_run(run_name="system", log_system_metrics=True) as run:
    time.sleep(1.0)
found = client.get_run(run.info.run_id).data.metrics
wanted = (
    "system/cpu_utilization_percentage",
    "system/system_memory_usage_megabytes",
    "system/disk_usage_percentage",
)
story.note("system metrics", {key: key in found for key in wanted})
history = client.get_metric_history(run.info.run_id, wanted[0])
story.note("several samples", len(history) > 1)
story.note("in order", [each.step for each in history] == list(range(len(history))))
story.tell()
