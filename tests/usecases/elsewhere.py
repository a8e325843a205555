"""Another registry, in memory: what it keeps can be changed, and it can break off when it is told to."""

import math
from dataclasses import replace

from assay.core.errors import NotFoundError, UnavailableError
from assay.core.moving import (
    Finding,
    ForeignExperiment,
    ForeignFile,
    ForeignLoggedModel,
    ForeignModel,
    ForeignRun,
    ForeignTrace,
    ForeignVersion,
)
from assay.core.ports.moving import ForeignSource
from assay.core.tracking.datasets import Dataset, DatasetInput
from assay.core.tracking.logged_models import LoggedModel, LoggedModelStatus, ModelPoint
from assay.core.tracking.metrics import Point, newest
from assay.core.tracking.runs import ModelOutput, RunStatus
from assay.core.tracking.spans import Span
from assay.core.tracking.traces import Trace, TraceState

RUN, GONE_RUN, MODEL_ID = "a" * 32, "b" * 32, "m-" + "c" * 32
MADE = {"model/MLmodel": b"flavors: {}\n", "model/m.bin": b"bytes", "a b": b""}
LOGGED = {"MLmodel": b"flavors: {}\n", "w.bin": b"other bytes"}
OUT_OF_REACH = ("s3://", "lost:")


class Elsewhere:
    """Implements the ports of a source; ``patience`` is how many more steps it makes before it breaks off."""

    def __init__(self):
        self.patience = math.inf
        self.steps = 0
        self.kept = {}
        self.experiments_kept = [experiment("0", "Default"), experiment("7", "fraud", tags={"owner": "ada"})]
        self.runs_kept = {
            "7": [run(RUN), run(GONE_RUN, deleted=True, status=RunStatus.FAILED, ended_at_ms=None)]
        }
        self.points_kept = {RUN: points(), GONE_RUN: []}
        self.logged = {"7": [logged_model()]}
        self.traced = {"7": [trace()]}
        self.models_kept = [model("churn"), model("Big Model", aliases={"champion": 1})]
        self.versions_kept = [
            version("churn", 1, source=f"runs:/{RUN}/model"),
            version("churn", 3, source=f"models:/{MODEL_ID}", model_id=MODEL_ID, run_link="http://there/3"),
            version("Big Model", 1, source="models:/churn/3", created_at_ms=30_000),
        ]
        self.write(
            f"there:/7/{RUN}/artifacts",
            MADE,
        )
        self.write(f"there:/7/models/{MODEL_ID}/artifacts", LOGGED)

    def source(self):
        return ForeignSource("memory:", Tracking(self), Registry(self), Files(self))

    def write(self, root, files):
        self.kept.setdefault(root, {}).update(files)

    def step(self):
        self.steps += 1
        self.patience -= 1
        if self.patience < 0:
            raise UnavailableError("the other registry is gone")

    def each(self, items):
        for item in items:
            self.step()
            yield item


class Tracking:
    def __init__(self, there):
        self.there = there

    def experiments(self):
        return self.there.each(self.there.experiments_kept)

    def runs(self, experiment_id):
        yield from self.there.each([tuple(self.there.runs_kept.get(experiment_id, ()))])

    def points(self, run):
        return self.there.each(self.there.points_kept[run.id])

    def logged_models(self, experiment_id):
        return self.there.each(self.there.logged.get(experiment_id, ()))

    def traces(self, experiment_id):
        return self.there.each(self.there.traced.get(experiment_id, ()))

    def left_out(self):
        return (Finding("experiment", "webhooks", "1 are not moved", explained=True),)


class Registry:
    def __init__(self, there):
        self.there = there

    def models(self):
        return self.there.each(self.there.models_kept)

    def versions(self):
        return self.there.each(self.there.versions_kept)


class Files:
    def __init__(self, there):
        self.there = there

    def reach(self, place):
        return f"{place.root} is out of reach" if place.root.startswith(OUT_OF_REACH) else ""

    def files(self, place):
        for path, content in sorted(self.there.kept.get(place.root, {}).items()):
            self.there.step()
            problem = content if isinstance(content, str) else ""
            yield ForeignFile(path, None if problem else len(content), 5000, problem)

    def read(self, place, path):
        try:
            content = self.there.kept[place.root][path]
        except KeyError:
            raise NotFoundError("no such file") from None
        for start in range(0, len(content), 3):
            self.there.step()
            yield content[start : start + 3]


def experiment(number, name, **changes):
    made = ForeignExperiment(number, name, f"there:/{number}", 1000, 2000, deleted=False, tags={})
    return replace(made, **changes)


def run(run_id, **changes):
    data = DatasetInput(Dataset("cards", "123", "local", "{}"), {"mlflow.data.context": "training"})
    made = ForeignRun(
        id=run_id,
        experiment_id="7",
        name="first",
        user="grace",
        status=RunStatus.FINISHED,
        started_at_ms=10_000,
        ended_at_ms=20_000,
        artifact_root=f"there:/7/{run_id}/artifacts",
        deleted=False,
        params={"c": "1", "empty": ""},
        tags={"mlflow.runName": "first", "text": "line\nbreak"},
        datasets=(data,),
        model_outputs=(ModelOutput(MODEL_ID, 3),),
        latest=newest(points()) if run_id == RUN else {},
    )
    return replace(made, **changes)


def points():
    return [
        *(Point("loss", 1 / (step + 1), 10_000 + step, step) for step in range(30)),
        Point("odd", math.nan, 10_000, 0),
        Point("odd", math.inf, 10_000, 1),
        Point("odd", -math.inf, 10_001, 1),
        Point("odd", 2.0, 9_000, -4),
        Point("accuracy", 0.9, 10_000, 0),
    ]


def logged_model(**changes):
    point = Point("accuracy", 0.9, 10_000, 0, MODEL_ID, "cards", "123")
    made = LoggedModel(
        id=MODEL_ID,
        experiment_id=-1,
        name="model",
        artifact_root=f"there:/7/models/{MODEL_ID}/artifacts",
        created_at_ms=11_000,
        updated_at_ms=12_000,
        status=LoggedModelStatus.READY,
        source_run_id=RUN,
        tags={"t": "1"},
        params={"p": "2"},
        metrics=(ModelPoint(point, RUN),),
    )
    return ForeignLoggedModel(replace(made, **changes), "7")


def trace():
    made = Trace(
        "tr-" + "d" * 32,
        -1,
        15_000,
        TraceState.OK,
        250,
        tags={"mlflow.traceName": "outer", "mlflow.artifactLocation": "there:/7/traces/x"},
        metadata={"mlflow.sourceRun": RUN},
    )
    span = Span(made.id, "e" * 16, "outer", 15_000_000_000, ended_ns=15_250_000_000, state="OK")
    return ForeignTrace(made, "7", (span,), (RUN,))


def model(name, **changes):
    return replace(ForeignModel(name, 21_000, 22_000, "what it does", {"domain": "cards"}), **changes)


def version(name, number, **changes):
    made = ForeignVersion(name, number, 23_000 + number, 24_000 + number, "", run_id=RUN, tags={"k": "v"})
    return replace(made, **changes)
