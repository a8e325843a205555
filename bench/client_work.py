"""What the real client does end to end; runs in the client's own environment, for both servers in turn.

Reads one line of JSON for each piece of work, ``{"url": ..., "work": ..., "folder": ...}``, does it, and
answers with the seconds it took.
"""

import json
import logging
import sys
import time
from pathlib import Path

import mlflow
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

REQUIREMENTS = ["scikit-learn", "cloudpickle"]
X, Y = load_iris(return_X_y=True, as_frame=True)
MODEL = LogisticRegression(max_iter=500).fit(X, Y)


def train(_):
    """Log what a training of a hundred steps says."""
    with mlflow.start_run():
        mlflow.log_params({f"p{number}": number for number in range(20)})
        for step in range(100):
            mlflow.log_metrics({"loss": 1 / (step + 1), "accuracy": step / 100}, step=step)
        mlflow.set_tags({"kind": "bench", "team": "red"})


def model(_):
    """Log a model and load it."""
    _log_and_load(pip_requirements=REQUIREMENTS)


def model_inferring(_):
    """Log a model, with its requirements found out by the client, and load it."""
    _log_and_load()


def _log_and_load(**more):
    with mlflow.start_run():
        mlflow.log_params(MODEL.get_params())
        mlflow.log_metric("accuracy", float(MODEL.score(X, Y)))
        logged = mlflow.sklearn.log_model(
            MODEL, name="model", input_example=X.head(3), serialization_format="cloudpickle", **more
        )
    loaded = mlflow.pyfunc.load_model(logged.model_uri)
    assert len(loaded.predict(X)) == len(X)


def large_file(folder):
    """Log a large file."""
    with mlflow.start_run():
        mlflow.log_artifact(str(next(Path(folder, "large").iterdir())))


def small_files(folder):
    """Log many small files."""
    with mlflow.start_run():
        mlflow.log_artifacts(str(Path(folder, "small")))


WORKS = {each.__name__: each for each in (train, model, model_inferring, large_file, small_files)}


def main():
    """Do what standard input says until it ends."""
    logging.disable(logging.WARNING)
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        asked = json.loads(line)
        mlflow.set_tracking_uri(asked["url"])
        mlflow.set_experiment("end to end")
        began = time.perf_counter()
        WORKS[asked["work"]](asked["folder"])
        print(json.dumps(time.perf_counter() - began), file=answers, flush=True)


if __name__ == "__main__":
    main()
