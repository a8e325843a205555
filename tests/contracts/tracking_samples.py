"""Experiments, runs and logged models to put into stores."""

import base64
import json

from assay.core.tracking.experiments import Experiment
from assay.core.tracking.logged_models import LoggedModel
from assay.core.tracking.metrics import Point
from assay.core.tracking.runs import Batch, Run, RunStatus

# Cursors that no page ever ended with: no base64, no JSON, other kinds, numbers no database knows.
FOREIGN_CURSORS = [
    "x",
    "!!",
    "é",
    *(
        base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=")
        for each in (
            [],
            {},
            ["a"],
            [1, 2, 3, 4, 5, 6, 7, 8, 9],
            [10**30],
            [-(10**30), "x"],
            ["0x1p99999"] * 4,
        )
    ),
]


def experiment(name="e", team="team", number=-1, at=1000, **more):
    more.setdefault("artifact_root", "mlflow-artifacts:/1")
    return Experiment(number, team, name, created_at_ms=at, updated_at_ms=more.pop("updated", at), **more)


def run(key, experiment_id=1, started=1000, **more):
    more.setdefault("status", RunStatus.RUNNING)
    more.setdefault("user", "ada")
    more.setdefault("artifact_root", f"mlflow-artifacts:/{experiment_id}/{key}/artifacts")
    return Run(
        id=key,
        experiment_id=experiment_id,
        name=more.pop("name", f"name of {key}"),
        started_at_ms=started,
        **more,
    )


def logged_model(number, experiment_id=1, at=None, **more):
    at = 1000 + number if at is None else at
    more.setdefault("name", f"model{number}")
    key = f"m-{number:032x}"
    root = f"mlflow-artifacts:/{experiment_id}/models/{key}/artifacts"
    return LoggedModel(key, experiment_id, artifact_root=root, created_at_ms=at, updated_at_ms=at, **more)


def points(*numbers, key="loss", at=0):
    return tuple(Point(key, float(value), at + place, place) for place, value in enumerate(numbers))


def log(database, run_id, *metrics, **more):
    with database.write() as records:
        records.run_logs.log(run_id, Batch(metrics, **more))


def all_pages(ask):
    """Everything that the pages of ``ask(cursor)`` hold; each page but the last names the next."""
    found, cursor = [], ""
    while True:
        page = ask(cursor)
        found += page.items
        cursor = page.next_cursor
        if not cursor:
            return found
        assert page.items, "a page that names another one is not empty"
