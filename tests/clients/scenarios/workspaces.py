"""Work in a workspace: tracking and registering with names that leave the team out.

Played against a server of ours only: a stock server is started with or without workspaces.
"""

import mlflow
from mlflow import MlflowClient
from recording import Story
from sklearn.linear_model import LogisticRegression
from training import X_test, X_train, y_train

CLIENTS = ()  # by no server but the one that `test_client_access` starts
story = Story("workspaces")
client = MlflowClient()
OWN = story.name.removeprefix("workspaces-")  # clients take turns at the same server
TEAM, MODEL = f"risk-{OWN}", f"fraud-{OWN}"
fitted = LogisticRegression().fit(X_train, y_train)
signature = mlflow.models.infer_signature(X_test, fitted.predict(X_test))


def train(name):
    """Log, register, point, load and find a model by its short name; return what was seen."""
    experiment = mlflow.set_experiment("numbers")
    with mlflow.start_run() as run:
        mlflow.log_metric("loss", 0.5)
        mlflow.log_text("x", "notes/x.txt")
        mlflow.sklearn.log_model(
            fitted,
            name="model",
            signature=signature,
            pip_requirements=["scikit-learn"],
            registered_model_name=name,
        )
    client.set_registered_model_alias(name, "best", 1)
    loaded = mlflow.pyfunc.load_model(f"models:/{name}@best")
    copied = client.copy_model_version(f"models:/{name}/1", f"{name}-copy")
    return {
        "workspace": experiment.workspace,
        "runs": [each.data.metrics for each in client.search_runs([experiment.experiment_id])],
        "files": [each.path for each in client.list_artifacts(run.info.run_id, "notes")],
        "text": mlflow.artifacts.load_text(run.info.artifact_uri + "/notes/x.txt"),
        "predictions": [int(each) for each in loaded.predict(X_test)],
        "version": [
            client.get_model_version(name, "1").name,
            client.get_model_version_by_alias(name, "best").version,
        ],
        "copied": [copied.name, str(copied.version)],
        "models": sorted(each.name for each in client.search_registered_models()),
        "versions": [each.name for each in client.search_model_versions(f"name = '{name}'")],
        "experiments": sorted(each.name for each in client.search_experiments()),
    }


story.note("made", mlflow.create_workspace(TEAM, description="of losing").to_dict()["description"])
story.attempt("made twice", mlflow.create_workspace, TEAM)
mlflow.set_workspace(TEAM)
story.note("in the workspace", train(MODEL))
mlflow.set_workspace(None)
seen = train(MODEL)
story.note("outside", {key: value for key, value in seen.items() if key not in ("models", "experiments")})
story.note("full name", client.get_registered_model(f"{TEAM}.{MODEL}").name == f"{TEAM}.{MODEL}")
story.note("loads", len(mlflow.pyfunc.load_model(f"models:/{TEAM}.{MODEL}@best").predict(X_test)))
story.note("listed", sorted(each.name for each in mlflow.list_workspaces() if each.name in (TEAM, "default")))
story.note("got", mlflow.get_workspace(TEAM).description)
story.note("described", mlflow.update_workspace(TEAM, description="of winning").description)
story.attempt("not empty", mlflow.delete_workspace, TEAM)
story.attempt("unknown", mlflow.get_workspace, "not-there")
mlflow.create_workspace(f"{TEAM}-2")
mlflow.delete_workspace(f"{TEAM}-2")
story.attempt("gone", mlflow.get_workspace, f"{TEAM}-2")
story.tell()
