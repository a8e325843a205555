"""Files through the server, over the protocol that the client's ``mlflow-artifacts:`` store speaks."""

import itertools
import os
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench.asking import Asker
from bench.measuring import Question, Row, Sizes, durations
from bench.servers import STARTS, Server

API = "/api/2.0/mlflow"
FILES = "/api/2.0/mlflow-artifacts/artifacts"
PIECE_BYTES = 1 << 20
SMALL_BYTES = 2_000


class Artifacts:
    """One server with a run whose files are written and read."""

    def __init__(self, server: Server) -> None:
        """Begin the run."""
        self._asker = Asker(server.url)
        experiment = self._asker.post(f"{API}/experiments/create", {"name": "files"})["experiment_id"]
        made = self._asker.post(f"{API}/runs/create", {"experiment_id": experiment, "start_time": 1})
        self._root = f"{FILES}/{experiment}/{made['run']['info']['run_id']}/artifacts"
        self._numbers = itertools.count(1)

    def upload(self, mib: int) -> None:
        """Send a large file of bytes that were never sent before."""
        # The beginning of each piece is its own, so that no piece equals another one.
        fresh = (os.urandom(64) + _FILLING for _ in range(mib))
        self._asker.upload(f"{self._root}/large-{next(self._numbers)}", fresh, mib * PIECE_BYTES)

    def download(self) -> None:
        """Read the first large file."""
        self._asker.download(f"{self._root}/large-1")

    def upload_small(self, count: int) -> None:
        """Send small files one after another."""
        folder = next(self._numbers)
        for place in range(count):
            content = os.urandom(SMALL_BYTES)
            self._asker.upload(f"{self._root}/small-{folder}/{place}.bin", [content], SMALL_BYTES)
        self._small = folder

    def list_small(self) -> None:
        """List the folder of the small files."""
        folder = f"{self._root.removeprefix(FILES + '/')}/small-{self._small}"
        self._asker.get(FILES, path=folder)

    def download_small(self, count: int) -> None:
        """Read the small files one after another."""
        for place in range(count):
            self._asker.download(f"{self._root}/small-{self._small}/{place}.bin")


_FILLING = os.urandom(PIECE_BYTES - 64)


def measure(folder: Path, sizes: Sizes) -> Iterator[Row]:
    """Yield the rows."""
    few = max(2, sizes.rounds // 2)
    with ExitStack() as stack:
        sides = {name: Artifacts(stack.enter_context(start(folder))) for name, start in STARTS.items()}
        size, count = f"{sizes.file_mib} MiB", f"{sizes.files:,} small files"
        yield durations(f"upload {size}", _asked(sides, Artifacts.upload, sizes.file_mib), few)
        yield durations(f"download {size}", _asked(sides, Artifacts.download), few)
        yield durations(f"upload {count}", _asked(sides, Artifacts.upload_small, sizes.files), few)
        yield durations(f"list {count}", _asked(sides, Artifacts.list_small), few, unit="ms")
        yield durations(f"download {count}", _asked(sides, Artifacts.download_small, sizes.files), few)


def _asked(sides: dict[str, Artifacts], verb, *words) -> dict[str, Question]:
    return {name: partial(verb, side, *words) for name, side in sides.items()}
