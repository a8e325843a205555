"""Day one: names without a team move at once, marked; the guide's snippet, with a run that there is."""

import os
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from recording import Story
from training import X_test, trained

story = Story("gates-observed")
client = MlflowClient()
mlflow.set_experiment(experiment_id=story.experiment(os.environ["STORY_PART"]))
SNIPPET = (Path(__file__).parents[1] / "guide" / "promotion.txt").read_text("utf-8")
NAME = "fraud-detector"
fitted = trained()
with mlflow.start_run() as run:
    mlflow.sklearn.log_model(fitted, "model")
if not client.search_registered_models(f"name = '{NAME}'"):
    client.create_registered_model(NAME)


def snippet():
    exec(compile(SNIPPET.replace("abc123", run.info.run_id), "promotion.txt", "exec"), {})


def same(uri):
    return bool((mlflow.pyfunc.load_model(uri).predict(X_test) == fitted.predict(X_test)).all())


story.attempt("snippet", snippet)
made = max(client.search_model_versions(f"name = '{NAME}'"), key=lambda each: int(each.version))
story.note("stage", made.current_stage)
story.note("ungated", made.tags.get("assay.ungated", "").split(", "))
story.note("aliases", sorted(made.aliases))
story.attempt("load by alias", same, f"models:/{NAME}@production")
story.tell()
