"""Growth: does the rate of logging hold while the database fills with points?

Runs of three shapes are logged one after another: many metrics at each step, some, and a few with many
steps a batch. At every power of ten the grown database and an empty one take the same runs in turn.
"""

import itertools
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from bench.asking import Asker
from bench.measuring import Row, Sizes
from bench.servers import Server, ours

API = "/api/2.0/mlflow"
BATCH = 1000
# (metrics, steps in a batch, batches of a run)
SHAPES = ((1000, 1, 100), (100, 10, 100), (10, 100, 100))
CYCLE = sum(BATCH * batches for _, _, batches in SHAPES)
TURNS = 3
WARM_BATCHES = 10


class Logging:
    """Logs runs to one server."""

    def __init__(self, server: Server) -> None:
        """Make the experiment."""
        self._asker = Asker(server.url)
        made = self._asker.post(f"{API}/experiments/create", {"name": "grown"})
        self._experiment = made["experiment_id"]
        self._at_ms = itertools.count(1_760_000_000_000)
        self.points = 0

    def warm_up(self) -> None:
        """Log a few batches of each shape that do not count: the first ones of a process are slower."""
        for keys, steps, _ in SHAPES:
            self._log_run(keys, steps, WARM_BATCHES)

    def cycle(self) -> float:
        """Log a run of each shape; return the points stored in a second."""
        began = time.perf_counter()
        for keys, steps, batches in SHAPES:
            self._log_run(keys, steps, batches)
        self.points += CYCLE
        return CYCLE / (time.perf_counter() - began)

    def _log_run(self, keys: int, steps: int, batches: int) -> None:
        made = self._asker.post(f"{API}/runs/create", {"experiment_id": self._experiment, "start_time": 1})
        run_id = made["run"]["info"]["run_id"]
        for batch in range(batches):
            metrics = []
            for step in range(batch * steps, (batch + 1) * steps):
                at_ms = next(self._at_ms)
                metrics += [
                    {"key": f"metric_{key}", "value": key / (step + 1), "timestamp": at_ms, "step": step}
                    for key in range(keys)
                ]
            body = msgspec.json.encode({"run_id": run_id, "metrics": metrics})
            self._asker.send("POST", f"{API}/runs/log-batch", body)
        self._asker.post(f"{API}/runs/update", {"run_id": run_id, "status": "FINISHED", "end_time": 2})


def measure(folder: Path, sizes: Sizes) -> Iterator[Row]:
    """Yield the rows: at every power of ten up to ``sizes.points``."""
    stops = [10**power for power in range(6, 12) if 10**power < sizes.points]
    with ours(folder) as server:
        grown = Logging(server)
        for stop in [*stops, sizes.points]:
            while grown.points < stop - TURNS * CYCLE:
                grown.cycle()
            rate, fresh = _compared(grown, folder)
            megabytes = sum(each.stat().st_size for each in (folder / "assay").glob("assay.db*")) / 1e6
            at = f"at {grown.points:.1e} points ({megabytes:,.0f} MB)"
            yield Row(f"points stored {at}", "/s", rate)
            yield Row(f"rate {at} against the empty database's", "x", rate / fresh, goal=0.8)


def _compared(grown: Logging, folder: Path) -> tuple[float, float]:
    """Return the median rates of the grown database and of empty ones, measured in turn.

    Both servers are warm: a new process on a new database has logged a little before it is measured.
    """
    rates, fresh = [], []
    for _ in range(TURNS):
        rates.append(grown.cycle())
        with tempfile.TemporaryDirectory(dir=folder) as place, ours(Path(place)) as server:
            empty = Logging(server)
            empty.warm_up()
            fresh.append(empty.cycle())
    return statistics.median(rates), statistics.median(fresh)
