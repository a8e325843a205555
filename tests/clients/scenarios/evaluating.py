"""Evaluation results: metrics, tables and the data's name are logged by the client's own evaluator."""

import mlflow
import mlflow.data
from mlflow import MlflowClient
from recording import Story
from training import X_test, trained, y_test

CLIENTS = ("3.17", "3.18", "2.22")
story = Story("evaluating")
client = MlflowClient()
home = story.experiment("home")
mlflow.set_experiment(experiment_id=home)
fitted = trained()
table = X_test.assign(label=y_test)
CONFIG = {"log_explainer": False, "log_model_explainability": False, "log_plots": False}
with mlflow.start_run(run_name="evaluate") as run:
    info = mlflow.sklearn.log_model(
        fitted, "model", pip_requirements=["scikit-learn"], input_example=X_test[:2]
    )
    data = mlflow.data.from_pandas(
        table, source="https://example.org/held-out.csv", name="held out", targets="label"
    )
    result = mlflow.models.evaluate(info.model_uri, data, model_type="classifier", evaluator_config=CONFIG)
found = client.get_run(run.info.run_id)
story.note("metrics", {key: round(value, 6) for key, value in found.data.metrics.items()})
story.note("same as told", sorted(result.metrics) == sorted(found.data.metrics))
story.note(
    "inputs",
    sorted(
        [each.dataset.name, sorted((tag.key, tag.value) for tag in each.tags if tag.key != "mlflow.datasets")]
        for each in found.inputs.dataset_inputs
    ),
)
story.note("tags", sorted(key for key in found.data.tags if "dataset" in key or "evaluat" in key))
with mlflow.start_run(run_name="static") as run:
    predicted = table.assign(predicted=fitted.predict(X_test))
    mlflow.models.evaluate(
        data=predicted,
        targets="label",
        predictions="predicted",
        model_type="classifier",
        evaluator_config=CONFIG,
    )
found = client.get_run(run.info.run_id)
story.note("static metrics", {key: round(value, 6) for key, value in found.data.metrics.items()})
story.note("files", sorted(each.path for each in client.list_artifacts(run.info.run_id)))
story.tell()
