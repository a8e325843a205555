"""A day's work in one go: train with autolog, register, name, load, search, copy, delete, restore."""

import mlflow
from mlflow import MlflowClient
from recording import Story, model, run
from sklearn.linear_model import LogisticRegression
from training import X_test, X_train, y_test, y_train

CLIENTS = ("3.17", "3.18", "2.22")
story = Story("workflow")
client = MlflowClient()
created = mlflow.set_experiment(f"{story.name}-day")
home = created.experiment_id
story.note("set twice", mlflow.set_experiment(f"{story.name}-day").experiment_id == home)
mlflow.set_experiment_tags({"owner": "ann"})
name = f"{story.name}-model"

mlflow.sklearn.autolog(log_models=False, silent=True)
with mlflow.start_run(run_name="parent", tags={"stage": "explore"}) as parent:
    for strength in (0.01, 1.0):
        with mlflow.start_run(run_name=f"C={strength}", nested=True) as child:
            fitted = LogisticRegression(C=strength).fit(X_train, y_train)
            mlflow.log_metric("test_accuracy", fitted.score(X_test, y_test))
            signature = mlflow.models.infer_signature(X_test, fitted.predict(X_test))
            mlflow.sklearn.log_model(fitted, "model", signature=signature, pip_requirements=["scikit-learn"])
best = mlflow.search_runs(
    filter_string="metrics.test_accuracy > 0.5",
    order_by=["metrics.test_accuracy DESC", "start_time"],
    max_results=1,
)
story.note("best", best["params.C"][0])
best_id = best["run_id"][0]
first = mlflow.register_model(f"runs:/{best_id}/model", name, tags={"quality": "good"})
client.update_registered_model(name, "Finds fraud.")
client.set_registered_model_alias(name, "candidate", first.version)
loaded = mlflow.pyfunc.load_model(f"models:/{name}@candidate")
story.note("predictions", [int(each) for each in loaded.predict(X_test)])
story.note("found", [each.name for each in client.search_registered_models(f"name LIKE '{story.name}%'")])
story.note("model", model(client.get_registered_model(name))["aliases"])
copied = client.copy_model_version(f"models:/{name}@candidate", f"{name}-serving")
story.note("copied", [copied.name, str(copied.version), copied.status])
story.note(
    "copy predicts",
    [int(each) for each in mlflow.pyfunc.load_model(f"models:/{copied.name}/1").predict(X_test)],
)
children = client.search_runs(
    [home], f"tags.mlflow.parentRunId = '{parent.info.run_id}'", order_by=["params.C"]
)
shown = [run(each) for each in children]
for each in shown:
    each["metrics"] = {key: round(value, 6) for key, value in each["metrics"].items()}
story.note("children", shown)
client.delete_run(best_id)
story.note("left", len(client.search_runs([home])))
client.restore_run(best_id)
story.note("restored", len(client.search_runs([home])))
client.delete_registered_model_alias(name, "candidate")
client.delete_model_version(name, first.version)
story.note("versions", len(client.search_model_versions(f"name = '{name}'")))
client.delete_registered_model(name)
client.delete_experiment(home)
story.note("gone", client.get_experiment_by_name(f"{story.name}-day").lifecycle_stage)
client.restore_experiment(home)
story.note("back", len(client.search_runs([home])))
story.tell()
