"""A model logged once and loaded by every address that MLflow knows, with equal predictions."""

from pathlib import Path

import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.models import infer_signature
from recording import Story
from training import X_test, trained

CLIENTS = ("3.17", "3.18", "2.22")
story = Story("loading")
client = MlflowClient()
home = story.experiment("home")
mlflow.set_experiment(experiment_id=home)
one = f"{story.name} möd.el"
fitted = trained()
wanted = fitted.predict(X_test)
with mlflow.start_run() as run:
    signature = infer_signature(X_test, wanted)
    info = mlflow.sklearn.log_model(
        fitted,
        "model",
        signature=signature,
        input_example=X_test[:2],
        registered_model_name=one,
        metadata={"team": "fraud"},
        pip_requirements=["scikit-learn"],
    )
run_id = run.info.run_id


class Doubling(mlflow.pyfunc.PythonModel):
    """A model of the user's own."""

    def load_context(self, context):
        """Read the factor."""
        with Path(context.artifacts["factor"]).open() as file:
            self.factor = float(file.read())

    def predict(self, context, model_input: pd.DataFrame, params=None):
        """Multiply."""
        return model_input * self.factor


def same(uri, flavour=mlflow.pyfunc):
    return bool((flavour.load_model(uri).predict(X_test) == wanted).all())


client.set_registered_model_alias(one, "champ", "1")
registered = client.get_model_version(one, "1")
story.note("registered", [registered.version, registered.status, registered.run_id == run_id])
for key, uri in {
    "by run": f"runs:/{run_id}/model",
    "by number": f"models:/{one}/1",
    "by alias": f"models:/{one}@champ",
    "by latest": f"models:/{one}/latest",
    "by Latest": f"models:/{one}/LATEST",
    "by info": info.model_uri,
}.items():
    story.attempt(key, same, uri)
    story.attempt(f"{key} as sklearn", same, uri, mlflow.sklearn)
for key, uri in {
    "by unknown number": f"models:/{one}/9",
    "by unknown alias": f"models:/{one}@none",
    "by unknown model": "models:/none such/1",
    "by unknown run": "runs:/" + "0" * 32 + "/model",
    "by unknown path": f"runs:/{run_id}/none",
    "by semver": f"models:/{one}/v1.0.0",
    "by bare semver": f"models:/{one}/1.0.0",
    "by three parts": f"models:/{one}/1/x",
}.items():
    story.attempt(key, same, uri)
found = mlflow.models.get_model_info(f"models:/{one}@champ")
story.note("signature", found.signature.to_dict())
story.note("metadata", found.metadata)
story.note("example", mlflow.pyfunc.load_model(f"models:/{one}/1").input_example.shape)
again = mlflow.register_model(f"runs:/{run_id}/model", one, tags={"by": "register"})
story.note("registered again", [again.version, again.status, again.tags])
story.attempt("again by number", same, f"models:/{one}/2")
copied = client.copy_model_version(f"models:/{one}/1", f"{story.name}-copy")
story.attempt("copy by number", same, f"models:/{copied.name}/{copied.version}")
Path("factor.txt").write_text("2.0")
with mlflow.start_run():
    mlflow.pyfunc.log_model(
        "own",
        python_model=Doubling(),
        artifacts={"factor": "factor.txt"},
        registered_model_name=f"{story.name}-own",
        pip_requirements=["pandas"],
    )
doubled = mlflow.pyfunc.load_model(f"models:/{story.name}-own/1").predict(X_test)
story.note("own model", bool((doubled == X_test * 2).to_numpy().all()))
story.attempt(
    "register unknown run", mlflow.register_model, "runs:/" + "0" * 32 + "/model", f"{story.name}-bad"
)
story.attempt(
    "requirements",
    lambda: mlflow.pyfunc.get_model_dependencies(f"models:/{one}/1").endswith("requirements.txt"),
)
story.tell()
