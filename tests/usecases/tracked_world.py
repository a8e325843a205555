"""A world in which things are tracked: an experiment, runs with files, logged models."""

import json

from assay.core.tracking.logged_models import LoggedModelStatus
from assay.core.tracking.runs import Batch, ModelOutput
from assay.usecases.releasing import NewRelease
from assay.usecases.tracking.logged_models import NewLoggedModel
from assay.usecases.tracking.runs import NewRun

COMMIT = "c" * 40
MLMODEL = f"""
flavors:
  python_function:
    loader_module: mlflow.sklearn
    python_version: 3.11.7
  sklearn:
    pickled_model: model.pkl
signature:
  inputs: '{json.dumps([{"name": "x", "type": "double", "required": True}])}'
  outputs: '{json.dumps([{"type": "long", "required": True}])}'
""".encode()
FILES = {
    "MLmodel": MLMODEL,
    "model.pkl": b"bytes of a model",
    "requirements.txt": b"numpy==2.0.0\nscikit-learn==1.5.0\n",
    "data/a b.bin": b"more",
}
PROMPT = {"mlflow.prompt.is_prompt": "true", "mlflow.prompt.text": "Say {{it}}"}


class Tracked:
    """A world with an experiment, a model known as ``fraud``, and runs made on the way."""

    def __init__(self, world):
        self.world, self.use, self.ada = world, world.use, world.ada
        self.experiment = self.use.experiments.create(self.ada, "team", "numbers")
        self.use.outside.create(self.ada, "team", "team.fraud")

    def run(self, files=FILES, path="model", **logged):
        run = self.use.runs.create(self.ada, NewRun(self.experiment.id, started_at_ms=5)).run
        if logged:
            self.use.runs.log(self.ada, run.id, Batch(**logged))
        for name, content in files.items():
            self.store(f"{self.inside(run.artifact_root)}/{path}/{name}", content)
        return run

    def logged_model(self, run, name="model", files=FILES, output=True):
        model = self.use.logged_models.create(self.ada, NewLoggedModel(self.experiment.id, name, run.id))
        for path, content in files.items():
            self.store(f"{self.inside(model.artifact_root)}/{path}", content)
        if output:
            self.use.runs.log_outputs(self.ada, run.id, [ModelOutput(model.id)])
        return self.use.logged_models.finish(self.ada, model.id, LoggedModelStatus.READY)

    def store(self, path, content):
        return self.use.artifacts.store(self.ada, path, [content])

    def release(self, source, run_id="", caller=None, name="team.fraud", **more):
        return self.use.releasing.release(caller or self.ada, NewRelease(name, source, run_id, **more))

    def versions(self):
        return self.use.outside.latest(self.ada, "team.fraud")

    @staticmethod
    def inside(root):
        return root.removeprefix("mlflow-artifacts:/")
