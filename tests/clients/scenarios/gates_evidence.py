"""What a run knows of its model feeds the gates: all of it arrives with the version."""

import mlflow
import mlflow.data
import requests
from mlflow import MlflowClient
from mlflow.models import infer_signature
from recording import SERVER, Story
from training import X_test, trained, y_test

story = Story("gates-evidence")
client = MlflowClient()
mlflow.set_experiment(experiment_id=story.experiment("home"))
fitted = trained()
name = f"known.{story.name}"
table = X_test.assign(label=y_test)
CONFIG = {"log_explainer": False, "log_model_explainability": False, "log_plots": False}
with mlflow.start_run() as run:
    mlflow.set_tag("mlflow.source.git.commit", "0123456789abcdef0123456789abcdef01234567")
    mlflow.log_param("C", 1.0)
    held_out = mlflow.data.from_pandas(
        table, source="https://example.org/held.csv", name="held out", targets="label"
    )
    mlflow.log_input(held_out, context="evaluation")
    mlflow.log_metric("early", 0.5)
    info = mlflow.sklearn.log_model(
        fitted,
        "model",
        signature=infer_signature(X_test, fitted.predict(X_test)),
        input_example=X_test[:2],
        registered_model_name=name,
        pip_requirements=["scikit-learn==1.0.0", "numpy==1.26.0"],
    )
    mlflow.models.evaluate(info.model_uri, held_out, model_type="classifier", evaluator_config=CONFIG)
place = f"{SERVER}/api/v1/models/{name.replace('.', '/')}/versions/1"
version = requests.get(place, timeout=60).json()
provenance = version["provenance"]
story.note("signature", [each["name"] for each in version["signature"]["inputs"]])
story.note("code", provenance["code"]["commit"])
story.note("hyperparameters", provenance["hyperparameters"])
story.note("packages", provenance["environment"]["packages"])
story.note("data", [[each["role"], each["name"].partition(" (")[0]] for each in provenance["data"]])
story.note("metrics", provenance["metrics"])
story.attempt("staging", client.set_registered_model_alias, name, "staging", "1")
listed = [each["evidence"] for each in requests.get(f"{place}/evidence", timeout=60).json()]
told = [each["measurement"]["facts"] for each in listed if each["check"] == "metrics"]
story.note("origins", sorted({each["origin"] for each in listed if each["check"] == "metrics"}))
story.note("rows", max(each.get("rows", 0) for each in told))
story.note("evaluated", any("accuracy_score" in each["metrics"] for each in told))
story.note("stage", client.get_model_version(name, "1").current_stage)
story.tell()
