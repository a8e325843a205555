"""Tracking: what training code and the people who look at it ask all day; the protocol is the same."""

import itertools
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

import msgspec
from bench.asking import Asker
from bench.filling import CURVE, fill_ours, fill_theirs
from bench.measuring import Row, Sizes, durations, rates
from bench.servers import STARTS, Server

API = "/api/2.0/mlflow"
PAGE = 25_000  # what the client asks for when it reads a history
KEYS = 1000


class Tracking:
    """One server, and what was made in it to be asked about."""

    def __init__(self, server: Server, experiment_id: str, filled_run: str) -> None:
        """Make a run with 1,000 metrics beside those that are there."""
        self.asker = Asker(server.url)
        self._experiment = experiment_id
        self._filled_run = filled_run
        self._steps = itertools.count(1)
        self._run = self._new_run()
        self._wide_run = self._new_run()
        self._send_batch(self._wide_run, KEYS)

    def create_run(self) -> None:
        """Begin a run."""
        self._new_run()

    def log_metric(self) -> None:
        """Log one point."""
        step = next(self._steps)
        point = {"key": "loss", "value": 1 / step, "timestamp": _now_ms(), "step": step}
        self._send("runs/log-metric", {"run_id": self._run, **point})

    def log_param(self) -> None:
        """Log one parameter."""
        self._send("runs/log-parameter", {"run_id": self._run, "key": f"p{next(self._steps)}", "value": "1"})

    def log_many_keys(self) -> None:
        """Log a point of each of 1,000 metrics, as after an epoch."""
        self._send_batch(self._run, KEYS)

    def log_many_steps(self) -> None:
        """Log 100 points of each of 10 metrics, as a client that gathers does."""
        self._send_batch(self._run, 10)

    def get_run(self) -> None:
        """Show a run with 1,000 metrics."""
        self.asker.send("GET", f"{API}/runs/get?run_id={self._wide_run}")

    def get_small_run(self) -> None:
        """Show one of the many runs."""
        self.asker.send("GET", f"{API}/runs/get?run_id={self._filled_run}")

    def search_by_metric(self) -> None:
        """Find the best 100 runs."""
        self._search("metrics.loss < 0.3", "metrics.loss ASC")

    def search_by_two(self) -> None:
        """Find the 100 best by another metric, with a condition on a parameter too."""
        self._search("metrics.loss < 0.6 and params.optimizer = 'adam'", "metrics.accuracy DESC")

    def search_newest(self) -> None:
        """Find the 100 newest with a good value."""
        self._search("metrics.f1 > 0.7", "attributes.start_time DESC")

    def search_unordered(self) -> None:
        """Find 100 by a tag and a metric in the usual order."""
        self._search("metrics.val_loss < 0.4 and tags.team = 'red'")

    def history(self) -> None:
        """Read the whole curve, page after page, as the client does."""
        token = ""
        while True:
            query = {"run_id": self._filled_run, "metric_key": CURVE, "max_results": PAGE}
            more = {"page_token": token} if token else {}
            page = self.asker.send("GET", f"{API}/metrics/get-history?{urlencode(query | more)}")
            token = msgspec.json.decode(page, type=_Page).next_page_token
            if not token:
                return

    def _new_run(self) -> str:
        body = {"experiment_id": self._experiment, "start_time": _now_ms(), "run_name": "a run", "tags": TAGS}
        made = self._send("runs/create", body)
        return str(msgspec.json.decode(made)["run"]["info"]["run_id"])

    def _send_batch(self, run_id: str, keys: int) -> None:
        now = _now_ms()
        metrics = []
        for _ in range(KEYS // keys):
            step = next(self._steps)
            metrics += [
                {"key": f"metric_{key}", "value": key / step, "timestamp": now, "step": step}
                for key in range(keys)
            ]
        self._send("runs/log-batch", {"run_id": run_id, "metrics": metrics})

    def _search(self, condition: str, *order: str) -> None:
        body = {"experiment_ids": [self._experiment], "filter": condition, "max_results": 100}
        found = self._send("runs/search", {**body, "order_by": list(order)})
        count = len(msgspec.json.decode(found, type=_Found).runs)
        if count != 100:
            raise SystemExit(f"{condition}: {count} runs were found")

    def _send(self, path: str, body: object) -> bytes:
        return self.asker.send("POST", f"{API}/{path}", msgspec.json.encode(body))


TAGS = [{"key": "mlflow.user", "value": "bench"}, {"key": "mlflow.source.type", "value": "LOCAL"}]


class _Page(msgspec.Struct):
    next_page_token: str = ""


class _Found(msgspec.Struct):
    runs: list[msgspec.Raw]


def measure(folder: Path, sizes: Sizes) -> Iterator[Row]:
    """Yield the rows."""
    filled = _fill(folder, sizes)
    with ExitStack() as stack:
        sides = {}
        for name, start in STARTS.items():
            server = stack.enter_context(start(folder))
            sides[name] = Tracking(server, *filled[name])
        yield from _small(sides, sizes)
        yield from _large(sides, sizes)


def _small(sides: dict[str, Tracking], sizes: Sizes) -> Iterator[Row]:
    for what, verb, count in (
        ("create run", Tracking.create_run, 50),
        ("log one metric", Tracking.log_metric, 50),
        ("log one parameter", Tracking.log_param, 50),
        ("get run", Tracking.get_small_run, 50),
        ("get run with 1,000 metrics", Tracking.get_run, 20),
    ):
        yield rates(what, _asked(sides, verb), count, sizes.rounds, goal=10)


def _large(sides: dict[str, Tracking], sizes: Sizes) -> Iterator[Row]:
    for what, verb in (
        ("log_batch, 1,000 metrics at a step", Tracking.log_many_keys),
        ("log_batch, 10 metrics at 100 steps", Tracking.log_many_steps),
    ):
        yield rates(what, _asked(sides, verb), 5, sizes.rounds, goal=20)
    of = f"100 of {sizes.runs:,} runs"
    for what, verb in (
        (f"{of} by metric, best first", Tracking.search_by_metric),
        (f"{of} by metric and parameter, by another metric", Tracking.search_by_two),
        (f"{of} by metric, newest first", Tracking.search_newest),
        (f"{of} by metric and tag", Tracking.search_unordered),
    ):
        yield durations(what, _asked(sides, verb), sizes.rounds, goal=20, unit="ms")
    what = f"history of {sizes.history_points:,} points, by pages"
    yield durations(what, _asked(sides, Tracking.history), max(1, sizes.rounds // 3), goal=10)


def _asked(sides: dict[str, Tracking], verb):
    return {name: verb.__get__(side) for name, side in sides.items()}


def _fill(folder: Path, sizes: Sizes) -> dict[str, tuple[str, str]]:
    """Let each server make its database and an experiment, then fill it while the server is down."""
    found = {}
    for name, fill in (("assay", fill_ours), ("mlflow", fill_theirs)):
        with STARTS[name](folder) as server:
            made = Asker(server.url).post(f"{API}/experiments/create", {"name": "many"})
        began = time.perf_counter()
        number = made["experiment_id"]
        run_id = fill(folder, int(number), sizes.runs, sizes.history_points)
        print(f"<!-- {name} filled in {time.perf_counter() - began:.0f} s -->", flush=True)
        found[name] = (number, run_id)
    return found


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
