"""End to end: the real client at work, the same process for both servers."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench.measuring import Row, Sizes, durations
from bench.servers import QUIET, STARTS, peer_python

SCRIPT = Path(__file__).with_name("client_work.py")
SMALL_BYTES = 2_000


class Client:
    """The client's process."""

    def __init__(self, folder: Path) -> None:
        """Start it."""
        self._folder = folder
        self._log = (folder / "client.log").open("wb")
        self._process = subprocess.Popen(
            [str(peer_python()), str(SCRIPT)],
            env={**os.environ, **QUIET, "GIT_PYTHON_REFRESH": "quiet"},
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def work(self, url: str, work: str) -> None:
        """Let it do a piece of work."""
        asked = {"url": url, "work": work, "folder": str(self._folder)}
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        if not self._process.stdout.readline():
            raise SystemExit((self._folder / "client.log").read_text("utf-8")[-3000:])

    def stop(self) -> None:
        """Let it end."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(60)
        self._log.close()


def measure(folder: Path, sizes: Sizes) -> Iterator[Row]:
    """Yield the rows."""
    _write_files(folder, sizes)
    with ExitStack() as stack:
        servers = [stack.enter_context(start(folder)) for start in STARTS.values()]
        client = Client(folder)
        stack.callback(client.stop)
        for what, work, rounds in (
            ("a training of 100 steps", "train", sizes.models),
            ("log_model and load_model, requirements given", "model", sizes.models),
            ("log_model and load_model, requirements inferred", "model_inferring", sizes.models),
            (f"log_artifact of {sizes.file_mib} MiB", "large_file", min(3, sizes.models)),
            (f"log_artifacts of {sizes.files:,} small files", "small_files", min(3, sizes.models)),
        ):
            questions = {each.name: partial(client.work, each.url, work) for each in servers}
            yield durations(f"client: {what}", questions, rounds, goal=1.5)


def _write_files(folder: Path, sizes: Sizes) -> None:
    (folder / "large").mkdir()
    with (folder / "large" / "weights.bin").open("wb") as file:
        for _ in range(sizes.file_mib):
            file.write(os.urandom(1 << 20))
    (folder / "small").mkdir()
    for place in range(sizes.files):
        (folder / "small" / f"{place}.bin").write_bytes(os.urandom(SMALL_BYTES))
