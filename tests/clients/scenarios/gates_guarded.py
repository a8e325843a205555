"""Guarded stages: what is refused and why, what holds is moved in that call, and no way leads around."""

import time
import warnings

import mlflow
import requests
from mlflow import MlflowClient
from mlflow.models import infer_signature
from recording import SERVER, Story
from training import X_test, trained

warnings.simplefilter("ignore")
story = Story("gates-guarded")
client = MlflowClient()
mlflow.set_experiment(experiment_id=story.experiment("home"))
fitted = trained()
wanted = fitted.predict(X_test)
name, free = f"risk.{story.name}", story.name


def logged(into, *, signed):
    """Log a model and register it; return its run."""
    with mlflow.start_run() as run:
        signature = infer_signature(X_test, wanted) if signed else None
        mlflow.sklearn.log_model(
            fitted,
            "model",
            signature=signature,
            registered_model_name=into,
            pip_requirements=["scikit-learn==1.0.0"],
        )
        mlflow.log_metric("accuracy", 0.97)
    return run.info.run_id


def same(uri):
    return bool((mlflow.pyfunc.load_model(uri).predict(X_test) == wanted).all())


def promotions():
    """Return how many promotions of the model were ever asked for."""
    answer = requests.get(f"{SERVER}/api/v1/promotions?model={name.replace('.', '/')}", timeout=60)
    return len(answer.json()["items"] if isinstance(answer.json(), dict) else answer.json())


def stage(number):
    return client.get_model_version(name, number).current_stage


first = logged(name, signed=False)
REFUSED = ("staging", "Staging", "production", "PRODUCTION", "champion", "Champion")
for alias in REFUSED:
    before, began = promotions(), time.monotonic()
    story.attempt(f"bad {alias}", client.set_registered_model_alias, name, alias, "1")
    story.note(f"asked for {alias}", promotions() - before)
    story.note(f"at once {alias}", time.monotonic() - began < 60)
for wished in ("Staging", "Production"):
    story.attempt(f"bad to {wished}", client.transition_model_version_stage, name, "1", wished)
story.note("bad stays", [stage("1"), dict(client.get_registered_model(name).aliases)])

second = logged(name, signed=True)
story.attempt("good", client.set_registered_model_alias, name, "champion", "2")
story.note("good moved", [stage("2"), dict(client.get_registered_model(name).aliases)])
for key, uri in {
    "number": f"models:/{name}/2",
    "alias": f"models:/{name}@production",
    "policy's alias": f"models:/{name}@champion",
    "stage": f"models:/{name}/Production",
    "semantic version": f"models:/{name}/v2.0.0",
    "bare semantic version": f"models:/{name}/2.0.0",
}.items():
    story.attempt(f"load by {key}", same, uri)
tags = client.get_model_version(name, "2").tags
story.note("ungated", tags.get("assay.ungated"))

story.attempt("delete version", client.delete_model_version, name, "2")
story.attempt("delete model", client.delete_registered_model, name)
story.attempt("alias to the bad one", client.set_registered_model_alias, name, "production", "1")
story.attempt("retag", client.set_model_version_tag, name, "2", "assay.digest", "sha256:other")
story.attempt("own tag", client.set_model_version_tag, name, "2", "reviewed", "yes")
source = client.get_model_version(name, "2").source
with mlflow.start_run():
    mlflow.log_text("other", "other/MLmodel")
logged_model = source.rpartition("/")[2] if source.startswith("models:/m-") else ""
place = client.get_logged_model(logged_model).artifact_location if logged_model else ""
inside = (place or f"{client.get_run(second).info.artifact_uri}/model").partition("mlflow-artifacts:/")[2]
for method, data in (("PUT", b"other"), ("DELETE", None)):
    answer = requests.request(
        method,
        f"{SERVER}/api/2.0/mlflow-artifacts/artifacts/{inside.lstrip('/')}/MLmodel",
        data=data,
        timeout=60,
    )
    story.note(f"{method} of its file", [answer.status_code, answer.json().get("error_code")])
client.delete_run(second)
story.attempt("load after the run was deleted", same, f"models:/{name}@production")
copied = client.copy_model_version(f"models:/{name}/2", f"risk.{story.name}-copy")
story.note("copy", [copied.current_stage, sorted(copied.aliases)])
client.rename_registered_model(name, f"{name}-renamed")
story.attempt("rename away", client.rename_registered_model, f"{name}-renamed", free)
story.attempt("load by the new name", same, f"models:/{name}-renamed@production")
name = f"{name}-renamed"
client.delete_registered_model_alias(name, "production")
story.note("alias taken away", [stage("2"), dict(client.get_registered_model(name).aliases)])
story.tell()
