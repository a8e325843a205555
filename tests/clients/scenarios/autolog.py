"""Autologging of scikit-learn: a fit becomes a run with params, metrics, tags, data and a model."""

import mlflow
from mlflow import MlflowClient
from recording import Story, run
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from training import X_test, X_train, y_test, y_train

CLIENTS = ("3.17", "3.18", "2.22")
story = Story("autolog")
client = MlflowClient()
home = story.experiment("home")
mlflow.set_experiment(experiment_id=home)
mlflow.sklearn.autolog()

with mlflow.start_run(run_name="fit") as made:
    fitted = LogisticRegression(C=0.5).fit(X_train, y_train)
    fitted.score(X_test, y_test)


def rounded(document):
    document["metrics"] = {key: round(value, 6) for key, value in document["metrics"].items()}
    return document


def shown(found):
    kept = rounded(run(found))
    kept["inputs"] = sorted(
        [
            each.dataset.name,
            each.dataset.digest,
            each.dataset.source_type,
            [(t.key, t.value) for t in each.tags],
        ]
        for each in found.inputs.dataset_inputs
    )
    return kept


found = client.get_run(made.info.run_id)
story.note("run", shown(found))
story.note("files", sorted(each.path for each in client.list_artifacts(made.info.run_id)))
loaded = mlflow.pyfunc.load_model(f"runs:/{made.info.run_id}/model")
story.note("same predictions", bool((loaded.predict(X_test) == fitted.predict(X_test)).all()))
mlflow.sklearn.autolog(log_models=False, max_tuning_runs=2)
with mlflow.start_run(run_name="grid") as grid:
    GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2).fit(X_train, y_train)
story.note("grid", shown(client.get_run(grid.info.run_id)))
children = client.search_runs([home], f"tags.mlflow.parentRunId = '{grid.info.run_id}'")
story.note("children", sorted(str(sorted(rounded(run(each))["params"].items())) for each in children))
ended = LogisticRegression().fit(X_train, y_train)
story.note("without a run", [mlflow.last_active_run().info.status, mlflow.active_run()])
story.note("runs", len(client.search_runs([home])))
story.tell()
