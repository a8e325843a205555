"""A registry in a folder with one version whose checks can be run here and on a cluster."""

import os
import subprocess
import sys
from contextlib import contextmanager

import polars as pl
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from assay.app.registry import open_means
from assay.app.settings import Settings
from assay.core.digests import FileEntry, digest_of
from assay.core.names import Address, ModelName
from assay.core.provenance import Code, DataReference, DataRole, Provenance, TableFormat
from assay.core.signatures import DType, Field, Signature
from assay.runner.worker import Worker, WorkerSettings
from assay.usecases.bundle import UseCases
from assay.usecases.checking import Checking
from assay.wire.requests import NewVersion, RunCheck
from runner.ray_cluster import SOURCES

IRIS = load_iris()
NAMES = ["a", "b", "c", "d"]
MODEL = ModelName("garden/iris")
PASSING = b"def test_truth():\n    assert True\n"


def csv_of(rows, **more):
    columns = {name: IRIS.data[rows, i] for i, name in enumerate(NAMES)}
    frame = pl.DataFrame({**columns, "site": ["north", "south"] * (len(IRIS.data[rows]) // 2), **more})
    return frame.write_csv().encode()


class ClusterRegistry:
    """The registry's own use cases, without a server."""

    def __init__(self, root, frozen, pickled):
        self.data = root / "data"
        self.settings = Settings(data=self.data)
        self.means = open_means(self.settings)
        self.use = UseCases.over(self.means)
        self.local = self.use.access.local()
        self.frozen, self.pickled = frozen, pickled
        self.log = root / "worker.log"

    def store(self, content):
        return self.use.registration.store_blob(self.local, [content], digest_of(content), len(content))

    def register(self, model=None, tests=PASSING, name=MODEL, rows=150):
        """A version with a model, its tests, and tables; returns its address."""
        if model is None:
            frame = {name: IRIS.data[:, i] for i, name in enumerate(NAMES)}
            import pandas as pd

            model = LogisticRegression(max_iter=500).fit(pd.DataFrame(frame), IRIS.target)
        files = {"model.joblib": self.pickled(model), "tests/test_it.py": tests}
        entries = []
        for path, content in files.items():
            digest, size = self.store(content)
            entries.append(FileEntry(path, digest, size))
        whole = slice(0, rows)
        tables = (
            (DataRole.TRAINING, csv_of(slice(0, 100), y=IRIS.target[:100]), "y"),
            (DataRole.EVALUATION, csv_of(whole, y=IRIS.target[whole]), "y"),
            (DataRole.GOLDEN, csv_of(slice(0, 10), prediction=IRIS.target[:10]), ""),
        )
        data = tuple(
            DataReference(role, self.store(table)[0], len(table), table=TableFormat.CSV, label=label)
            for role, table, label in tables
        )
        signature = Signature(
            tuple(Field(each, DType.FLOAT64) for each in NAMES),
            (Field("y", DType.INT64, classes=(0, 1, 2)),),
        )
        provenance = Provenance(data=data, code=Code("a" * 40), environment=self.frozen)
        wanted = NewVersion(
            tuple(entries), signature=signature, provenance=provenance, entrypoint="model.joblib"
        )
        version, _ = self.use.registration.register(self.local, name, wanted)
        return Address(version.model, semver=version.semver)

    def queue(self, address, check, settings=None):
        return self.use.reporting.request_check(self.local, address, RunCheck(check, settings or {}))

    def job(self, job):
        with self.means.database.read() as records:
            return records.jobs.get(job.id)

    def evidence(self, address):
        return self.use.browsing.evidence(self.local, address)

    def work_here(self):
        """Do every job with a worker of this machine."""
        import threading

        worker = Worker(
            Checking(self.means),
            self.means.blobs,
            WorkerSettings(self.settings.environments, self.settings.scratch),
        )
        while worker.run_one(threading.Event()):
            pass

    @contextmanager
    def worker(self, address, *words):
        """``assay worker --ray`` in processes of its own; ended by its id."""
        command = [
            sys.executable,
            "-m",
            "assay.cli",
            "worker",
            "--data",
            str(self.data),
            "--ray",
            address,
            *words,
        ]
        variables = {**os.environ, "PYTHONPATH": SOURCES, "ASSAY_RAY_MEMORY_MB": "1024"}
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                command, env=variables, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(60)

    def said(self):
        return self.log.read_text()
