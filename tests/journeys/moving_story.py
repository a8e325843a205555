"""Run by a real client: fill the server at MLFLOW_TRACKING_URI with a team's past, or tell what one sees.

``python moving_story.py fill`` fills; ``python moving_story.py tell`` prints everything that can be asked
for as one JSON document, in an order of its own; ``python moving_story.py later`` adds what came later.
"""

import json
import math
import os
import sys
import tempfile
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag, ViewType
from sklearn.linear_model import LogisticRegression

NEW = int(mlflow.__version__.partition(".")[0]) >= 3
PAST_MS = 1_500_000_000_000
FRAME = pd.DataFrame({"a": np.linspace(0, 1, 20), "b": np.linspace(1, 0, 20)})
TARGET = (FRAME["a"] > 0.5).astype(int)


def fill():
    client = MlflowClient()
    odd = mlflow.create_experiment("Ünusual näme / with slash", tags={"owner": "ada"})
    fraud = mlflow.create_experiment("fraud")
    gone = mlflow.create_experiment("gone")
    backdated(client, fraud)
    with mlflow.start_run(experiment_id=gone, run_name="of a deleted experiment"):
        mlflow.log_metric("m", 1.0)
    client.delete_experiment(gone)
    mlflow.set_experiment("fraud")
    with mlflow.start_run(run_name="parent") as parent:
        mlflow.log_param("depth", 3)
        for number in range(2):
            with mlflow.start_run(run_name=f"child {number}", nested=True):
                mlflow.log_metrics({"accuracy": 0.9 + number / 100, "loss": 0.1})
        data = mlflow.data.from_pandas(FRAME.assign(y=TARGET), name="cards", targets="y")
        mlflow.log_input(data, context="training")
        files(parent.info.run_id)
    deleted = client.create_run(odd, run_name="deleted run")
    client.log_metric(deleted.info.run_id, "m", 2.5)
    client.log_text(deleted.info.run_id, "of a deleted run", "note.txt")
    client.delete_run(deleted.info.run_id)
    with mlflow.start_run(experiment_id=odd, run_name="failed") as failed:
        pass
    client.set_terminated(failed.info.run_id, "FAILED", end_time=failed.info.start_time + 5)
    models(client)
    if NEW:
        prompts_and_traces()


def backdated(client, experiment):
    run = client.create_run(
        experiment, start_time=PAST_MS, run_name="backdated", tags={"mlflow.user": "grace"}
    )
    points = [Metric("loss", 1 / (step + 1), PAST_MS + step, step) for step in range(900)]
    client.log_batch(run.info.run_id, metrics=points, params=[Param("p", "x" * 5000), Param("empty", "")])
    odd = [
        Metric("odd", math.nan, PAST_MS, 0),
        Metric("odd", math.inf, PAST_MS, 1),
        Metric("odd", -math.inf, PAST_MS + 1, 1),
        Metric("odd", 3.0, PAST_MS + 1, -5),
        Metric("odd/nested name", 1e-300, PAST_MS, 2**40),
        Metric("nan at last", math.nan, PAST_MS, 3),
    ]
    client.log_batch(run.info.run_id, metrics=odd, tags=[RunTag("text", "line\nbreak \N{GRINNING FACE}")])
    client.set_terminated(run.info.run_id, end_time=PAST_MS + 86_400_000)


def files(run_id):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "deep" / "er").mkdir(parents=True)
        names = (
            "plain.txt",
            "with space.txt",
            "ünïcödé ☃.txt",
            "deep/a+b&c=d.txt",
            "deep/er/100%.txt",
            "empty",
        )
        for name in names:
            (root / name).write_bytes(b"" if name == "empty" else name.encode() * 100)
        (root / "deep" / "twin.txt").write_bytes(b"plain.txt" * 100)
        mlflow.log_artifacts(folder, run_id=run_id)


def models(client):
    model = LogisticRegression().fit(FRAME, TARGET)
    for number in range(3):
        with mlflow.start_run(run_name=f"train {number}") as run:
            mlflow.log_param("c", number)
            mlflow.log_metric("accuracy", 0.9 + number / 100)
            where = {"name": "model"} if NEW else {"artifact_path": "model"}
            signature = mlflow.models.infer_signature(FRAME, model.predict(FRAME))
            example = FRAME.head(2)
            info = mlflow.sklearn.log_model(
                model,
                **where,
                signature=signature,
                input_example=example,
                registered_model_name="fraud-detector",
            )
            if NEW:
                mlflow.log_metric("of the model", 0.5 + number, model_id=info.model_id, dataset=None)
                for step, value in enumerate((math.nan, 2.0, 0.0, math.nan)):
                    mlflow.log_metric("nan of the model", value, step=step, model_id=info.model_id)
    name = "fraud-detector"
    client.update_registered_model(name, "Finds \N{CREDIT CARD} fraud.")
    client.set_registered_model_tag(name, "domain", "cards")
    client.create_model_version(
        name, f"runs:/{run.info.run_id}/model", run.info.run_id, description="by hand"
    )
    client.create_model_version(name, f"runs:/{run.info.run_id}/model", run.info.run_id)
    client.delete_model_version(name, "4")
    client.set_model_version_tag(name, "2", "reviewed by", "ben")
    client.update_model_version(name, "2", "the second")
    client.transition_model_version_stage(name, "1", "Production")
    client.transition_model_version_stage(name, "2", "Production")
    client.transition_model_version_stage(name, "3", "Staging")
    client.set_registered_model_alias(name, "champion", "2")
    client.set_registered_model_alias(name, "challenger", "3")
    client.copy_model_version(f"models:/{name}/2", "Copy of the detector")
    client.create_registered_model("fraud.scorer", tags={"empty": ""})
    client.create_model_version("fraud.scorer", "s3://bucket/models/scorer", description="elsewhere")
    client.create_registered_model("without versions")
    client.create_registered_model("aliased")
    for _ in range(3):
        client.create_model_version("aliased", f"runs:/{run.info.run_id}/model", run.info.run_id)
    client.transition_model_version_stage("aliased", "2", "Production")
    client.set_registered_model_alias("aliased", "production", "3")


def prompts_and_traces():
    mlflow.register_prompt("greeting", "Hello {{ name }}", commit_message="first", tags={"tone": "kind"})
    mlflow.register_prompt("greeting", "Good day {{ name }}")
    mlflow.set_prompt_alias("greeting", "polite", 2)
    for words in ("Hi", "Hello again"):
        mlflow.register_prompt("farewell", words)
    mlflow.set_prompt_alias("farewell", "production", 1)
    mlflow.set_experiment("fraud")

    @mlflow.trace(name="inner", span_type="TOOL")
    def inner(x):
        return x * 2

    @mlflow.trace(name="outer")
    def outer(x):
        return {"answer": inner(x)}

    outer(21)
    mlflow.flush_trace_async_logging()
    trace_id = mlflow.get_last_active_trace_id()
    mlflow.set_trace_tag(trace_id, "kind", "example")
    mlflow.log_feedback(trace_id=trace_id, name="good", value=True, rationale="because")
    mlflow.log_expectation(trace_id=trace_id, name="answer", value=42)


def later():
    client = MlflowClient()
    mlflow.set_experiment("fraud")
    with mlflow.start_run(run_name="later"):
        mlflow.log_metric("accuracy", 0.99)
        mlflow.log_text("later", "later.txt")
    first = client.search_runs(
        [mlflow.get_experiment_by_name("fraud").experiment_id], "run_name = 'backdated'"
    )[0]
    client.log_metric(first.info.run_id, "loss", 0.5, timestamp=PAST_MS + 5000, step=5000)
    client.set_registered_model_alias("fraud-detector", "challenger", "1")
    client.create_model_version("fraud-detector", "models:/fraud-detector/2", description="again")


def tell():
    client = MlflowClient()
    experiments = client.search_experiments(view_type=ViewType.ALL)
    document = {
        "experiments": {each.name: experiment(each) for each in experiments},
        "runs": {},
        "models": {},
        "logged models": {},
        "traces": {},
    }
    for each in experiments:
        for found in client.search_runs([each.experiment_id], run_view_type=ViewType.ALL):
            document["runs"][found.info.run_id] = run(client, found)
        if NEW:
            for found in mlflow.search_logged_models([each.experiment_id], output_format="list"):
                document["logged models"][found.model_id] = logged_model(client, found)
            for found in client.search_traces([each.experiment_id]):
                document["traces"][found.info.trace_id] = trace(found)
    for each in client.search_registered_models():
        document["models"][each.name] = model(client, each)
    if NEW:
        document["prompts"] = prompts(client)
    json.dump(document, sys.stdout, sort_keys=True)


def experiment(found):
    names = ("name", "experiment_id", "lifecycle_stage", "creation_time", "last_update_time", "tags")
    return {name: getattr(found, name) for name in names}


def run(client, found):
    info = ("run_name", "experiment_id", "user_id", "status", "start_time", "end_time", "lifecycle_stage")
    inputs = found.inputs.dataset_inputs if found.inputs else []
    outputs = found.outputs.model_outputs if NEW and found.outputs else []
    return {
        **{name: getattr(found.info, name) for name in info},
        "artifacts": artifacts(client, found.info.run_id),
        "params": found.data.params,
        "tags": found.data.tags,
        "metrics": {key: repr(value) for key, value in found.data.metrics.items()},
        "histories": {
            key: [
                (repr(each.value), each.timestamp, each.step)
                for each in client.get_metric_history(found.info.run_id, key)
            ]
            for key in found.data.metrics
        },
        "inputs": [
            (each.dataset.to_dictionary(), {tag.key: tag.value for tag in each.tags}) for each in inputs
        ],
        "outputs": sorted((each.model_id, each.step) for each in outputs),
    }


def artifacts(client, run_id, path=""):
    found = {}
    for each in client.list_artifacts(run_id, path or None):
        if each.is_dir:
            found |= artifacts(client, run_id, each.path)
        else:
            found[each.path] = each.file_size
    return found


def logged_model(client, found):
    names = ("name", "experiment_id", "status", "model_type", "source_run_id", "tags", "params")
    times = ("creation_timestamp", "last_updated_timestamp")
    said = {name: str(getattr(found, name)) for name in (*names, *times)}
    metrics = sorted(
        (each.key, repr(each.value), each.timestamp, each.step, each.run_id) for each in found.metrics
    )
    with tempfile.TemporaryDirectory() as folder:
        where = mlflow.artifacts.download_artifacts(f"models:/{found.model_id}", dst_path=folder)
        files = {
            str(path.relative_to(where)): path.stat().st_size
            for path in Path(where).rglob("*")
            if path.is_file()
        }
    return {**said, "metrics": metrics, "files": files}


def trace(found):
    spans = [
        (
            each.name,
            each.span_type,
            each.start_time_ns,
            each.end_time_ns,
            str(each.status.status_code),
            each.inputs,
            each.outputs,
        )
        for each in found.data.spans
    ]
    info = found.info
    judged = sorted((each.name, str(each.value), each.rationale) for each in info.assessments)
    tags = {key: value for key, value in info.tags.items() if not key.startswith("mlflow.artifactLocation")}
    return {
        "state": str(info.state),
        "at": info.request_time,
        "took": info.execution_duration,
        "previews": [info.request_preview, info.response_preview],
        "tags": tags,
        "metadata": info.trace_metadata,
        "spans": sorted(spans, key=lambda each: each[2]),
        "assessments": judged,
    }


def model(client, found):
    versions = client.search_model_versions(f"name = '{found.name}'")
    return {
        "description": found.description,
        "tags": found.tags,
        "created": found.creation_timestamp,
        "updated": found.last_updated_timestamp,
        "aliases": dict(client.get_registered_model(found.name).aliases),
        "versions": {each.version: version(each) for each in versions},
    }


def version(found):
    names = (
        "creation_timestamp",
        "last_updated_timestamp",
        "description",
        "source",
        "run_id",
        "status",
        "tags",
    )
    return {**{name: getattr(found, name) for name in names}, "stage": found.current_stage}


def prompts(client):
    found = {}
    for each in mlflow.genai.search_prompts():
        found[each.name] = {
            number: mlflow.genai.load_prompt(f"prompts:/{each.name}/{number}").template for number in (1, 2)
        }
    return found


if __name__ == "__main__":
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    {"fill": fill, "tell": tell, "later": later}[sys.argv[1]]()
