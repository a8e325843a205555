"""Stages as MLflow had them first: moved, archived with their predecessors, asked for, loaded by."""

import warnings

import mlflow
from mlflow import MlflowClient
from recording import Story, version
from training import X_test, trained

CLIENTS = ("3.17", "3.18", "2.22")
warnings.simplefilter("ignore")
story = Story("stages")
client = MlflowClient()
home = story.experiment("home")
mlflow.set_experiment(experiment_id=home)
one = f"{story.name}-one"
fitted = {}
for number, strength in enumerate((0.01, 1.0, 100.0), 1):
    with mlflow.start_run():
        fitted[number] = trained(strength)
        mlflow.sklearn.log_model(
            fitted[number],
            "model",
            registered_model_name=one,
            input_example=X_test[:2],
            pip_requirements=["scikit-learn"],
        )


def stages():
    found = client.search_model_versions(f"name = '{one}'", order_by=["version_number"])
    return [[str(each.version), each.current_stage] for each in found]


def latest(*asked):
    found = client.get_latest_versions(one, list(asked) or None)
    return sorted([str(each.version), each.current_stage] for each in found)


def move(number, stage, archive=False):
    return version(
        client.transition_model_version_stage(one, number, stage, archive_existing_versions=archive)
    )


story.note("at first", [stages(), latest()])
story.note("valid", client.get_model_version_stages(one, "1"))
story.attempt("to staging", move, "1", "Staging")
story.attempt("to staging again", move, "1", "Staging")
story.attempt("small letters", move, "2", "staging")
story.note(
    "two in staging", [stages(), latest(), latest("Staging"), latest("None", "Staging"), latest("Production")]
)
story.attempt("to production", move, "1", "Production", True)
story.note("one in production", [stages(), latest()])
loaded = mlflow.pyfunc.load_model(f"models:/{one}/Production")
story.note("loads production", bool((loaded.predict(X_test) == fitted[1].predict(X_test)).all()))
story.attempt("second to production", move, "2", "production", True)
story.note("first was archived", stages())
loaded = mlflow.sklearn.load_model(f"models:/{one}/Production")
story.note("loads the second", bool((loaded.predict(X_test) == fitted[2].predict(X_test)).all()))
loaded = mlflow.sklearn.load_model(f"models:/{one}/latest")
story.note("loads the latest", bool((loaded.predict(X_test) == fitted[3].predict(X_test)).all()))
story.attempt("to archived", move, "1", "Archived")
story.attempt("back to none", move, "1", "None")
story.note("back", stages())
story.attempt("archive with archived", move, "1", "Archived", True)
story.attempt("archive with none", move, "1", "None", True)
for stage in ("Happy", "", "Development"):
    story.attempt(f"to {stage!r}", move, "3", stage)
story.attempt("of unknown version", move, "99", "Staging")
story.attempt("of no number", move, "abc", "Staging")
story.attempt("latest of a wrong stage", latest, "Happy")
story.attempt("latest of small letters", latest, "production")
story.attempt("latest of unknown", client.get_latest_versions, f"{story.name}-none")
story.attempt("load by empty stage", lambda: bool(mlflow.pyfunc.load_model(f"models:/{one}/Staging")))
model = client.get_registered_model(one)
story.note(
    "latest of the model", sorted([each.version, each.current_stage] for each in model.latest_versions)
)
renamed = f"{one}-renamed"
client.rename_registered_model(one, renamed)
story.attempt("take the name of one that serves", lambda: client.create_registered_model(one).name)
one = renamed
story.note("renamed serves", stages())
story.attempt("delete in production", client.delete_model_version, one, "2")
story.attempt("delete the model", client.delete_registered_model, one)
story.ask(
    "no stage", "POST", "/api/2.0/mlflow/model-versions/transition-stage", json={"name": one, "version": "1"}
)
story.tell()
