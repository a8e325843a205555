"""The same many runs in both databases, written straight into them while the servers are down.

Through its interface the peer would take hours. Ours go through our own storage, the peer's into its
tables as its schema wants them (mlflow 3.17); a curve of one metric as long as asked for comes with them.
"""

import math
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from bench.servers import our_data, their_database

from assay.app.registry import open_means
from assay.app.settings import Settings
from assay.core.tracking.metrics import Point
from assay.core.tracking.runs import Batch, Run, RunStatus

BEGAN_MS = 1_760_000_000_000
MINUTE_MS = 60_000
PORTION = 1000
CURVE = "curve"


@dataclass(frozen=True)
class Filled:
    """A run with what it logged; the time of everything is its own start."""

    id: str
    place: int
    metrics: dict[str, float]
    params: dict[str, str]
    tags: dict[str, str]

    @property
    def started_ms(self) -> int:
        """When it began."""
        return BEGAN_MS + self.place * MINUTE_MS


def filled_runs(count: int) -> Iterator[Filled]:
    """Yield runs of a search for good settings; the same ones at every call."""
    chance = random.Random(count)
    for place in range(count):
        loss = chance.lognormvariate(-1, 0.6)
        metrics = {
            "loss": loss,
            "val_loss": loss * chance.uniform(1, 1.4),
            "accuracy": 1 / (1 + loss),
            "f1": 1 / (1 + loss * chance.uniform(1, 1.2)),
            "seconds": chance.uniform(60, 600),
        }
        params = {
            "depth": str(chance.randint(2, 12)),
            "rate": f"{10 ** chance.uniform(-4, -1):.5f}",
            "optimizer": chance.choice(("adam", "sgd", "adamw")),
        }
        tags = {"mlflow.runName": f"run-{place}", "team": chance.choice(("red", "blue")), "n": str(place)}
        yield Filled(f"{chance.getrandbits(128):032x}", place, metrics, params, tags)


def curve(points: int) -> Iterator[tuple[int, int, float]]:
    """Yield (time in ms, step, value) of a long training."""
    for step in range(points):
        yield BEGAN_MS + step * 100, step, math.exp(-step / points) + 0.01 * math.sin(step)


def fill_ours(folder: Path, experiment_id: int, runs: int, points: int) -> str:
    """Write everything into our database; return the id of the run with the curve."""
    means = open_means(Settings(data=our_data(folder)))
    try:
        every = filled_runs(runs)
        while portion := list(islice(every, PORTION)):
            with means.database.write() as records:
                for each in portion:
                    records.runs.add(_our_run(each, experiment_id), each.tags)
                    logged = [Point(key, value, each.started_ms) for key, value in each.metrics.items()]
                    records.run_logs.log(each.id, Batch(tuple(logged), each.params))
        run_id = next(filled_runs(runs)).id
        line = curve(points)
        while part := [Point(CURVE, value, at_ms, step) for at_ms, step, value in islice(line, PORTION)]:
            with means.database.write() as records:
                records.run_logs.log(run_id, Batch(tuple(part)))
    finally:
        means.database.close()
    return run_id


def fill_theirs(folder: Path, experiment_id: int, runs: int, points: int) -> str:
    """Write everything into the peer's database; return the id of the run with the curve."""
    with closing(sqlite3.connect(their_database(folder))) as database, database:
        every = filled_runs(runs)
        while portion := list(islice(every, PORTION)):
            _their_runs(database, experiment_id, portion)
        run_id = next(filled_runs(runs)).id
        rows = ((CURVE, value, at_ms, run_id, step) for at_ms, step, value in curve(points))
        database.executemany(_METRIC, rows)
        at_ms, step, value = list(curve(points))[-1]
        database.execute(_LATEST, (CURVE, value, at_ms, step, run_id))
    return run_id


_RUN = (
    "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status,"
    " start_time, end_time, source_version, lifecycle_stage, artifact_uri, experiment_id)"
    " VALUES (?, ?, 'UNKNOWN', '', '', 'bench', 'FINISHED', ?, ?, '', 'active', ?, ?)"
)
_METRIC = "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES (?, ?, ?, ?, ?, 0)"
_LATEST = (
    "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) VALUES (?, ?, ?, ?, 0, ?)"
)
_WORDS = "INSERT INTO {} (key, value, run_uuid) VALUES (?, ?, ?)"


def _our_run(each: Filled, experiment_id: int) -> Run:
    root = f"mlflow-artifacts:/{experiment_id}/{each.id}/artifacts"
    return Run(
        id=each.id,
        experiment_id=experiment_id,
        name=each.tags["mlflow.runName"],
        user="bench",
        status=RunStatus.FINISHED,
        started_at_ms=each.started_ms,
        artifact_root=root,
        ended_at_ms=each.started_ms + MINUTE_MS,
    )


def _their_runs(database: sqlite3.Connection, experiment_id: int, portion: list[Filled]) -> None:
    runs, metrics, latest, params, tags = [], [], [], [], []
    for each in portion:
        root = f"mlflow-artifacts:/{experiment_id}/{each.id}/artifacts"
        times = (each.started_ms, each.started_ms + MINUTE_MS)
        runs.append((each.id, each.tags["mlflow.runName"], *times, root, experiment_id))
        for key, value in each.metrics.items():
            metrics.append((key, value, each.started_ms, each.id, 0))
            latest.append((key, value, each.started_ms, 0, each.id))
        params += [(key, value, each.id) for key, value in each.params.items()]
        tags += [(key, value, each.id) for key, value in each.tags.items()]
    database.executemany(_RUN, runs)
    database.executemany(_METRIC, metrics)
    database.executemany(_LATEST, latest)
    database.executemany(_WORDS.format("params"), params)
    database.executemany(_WORDS.format("tags"), tags)
