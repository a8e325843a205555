"""Gates at registration: pending while checks run, and the client's own wait tells why one failed."""

import mlflow
from mlflow import MlflowClient
from mlflow.models import infer_signature
from recording import Story
from training import X_test, trained

story = Story("gates-registration")
client = MlflowClient()
mlflow.set_experiment(experiment_id=story.experiment("home"))
fitted = trained()
name = f"late.{story.name}"
client.create_registered_model(name)


def run(*, signed):
    with mlflow.start_run() as run:
        mlflow.sklearn.log_model(
            fitted,
            "model",
            signature=infer_signature(X_test, fitted.predict(X_test)) if signed else None,
            pip_requirements=["scikit-learn==1.0.0"],
        )
    return run.info.run_id


def register(run_id, wait_s):
    return mlflow.register_model(f"runs:/{run_id}/model", name, await_registration_for=wait_s)


good, bad = run(signed=True), run(signed=False)
made = register(good, 0)
story.note("at first", made.status)
story.attempt("waited for", lambda: client.get_model_version(name, register(good, 200).version).status)
story.attempt("waited for in vain", lambda: register(bad, 200).status)
failed = client.get_model_version(name, "3")
story.note("failed", [failed.status, failed.status_message])
story.attempt("alias of the failed", client.set_registered_model_alias, name, "staging", "3")
story.tell()
