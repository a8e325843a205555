"""The registry: start, resolve, register, move an alias, memory, command line."""

import hashlib
import itertools
import statistics
import subprocess
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from bench.asking import Asker
from bench.measuring import Row, Sizes, durations, in_turn, rates
from bench.servers import BIN, STARTS, Server, peer_python

CONNECTIONS = 16
BLOB = b"x" * 1024
API = "/api/2.0/mlflow/registered-models"
VERSIONS = "/api/2.0/mlflow/model-versions"


def measure(folder: Path, sizes: Sizes) -> Iterator[Row]:
    """Yield the rows."""
    yield _starts(folder)
    with STARTS["assay"](folder) as a, STARTS["mlflow"](folder) as b:
        sides = {"assay": Ours(a), "mlflow": Theirs(b)}
        questions = {name: side.resolve for name, side in sides.items()}
        yield rates("resolve by alias, 1 connection", questions, 200, sizes.rounds)
        yield _parallel({"assay": (a, Ours.resolve), "mlflow": (b, Theirs.resolve)}, sizes)
        questions = {name: side.register for name, side in sides.items()}
        yield rates("register a version", questions, 20, sizes.rounds)
        questions = {name: side.move for name, side in sides.items()}
        yield rates("move an alias", questions, 40, sizes.rounds)
        yield Row("memory of all processes, after this", "MiB", a.resident_mib(), b.resident_mib())
    words = {"assay": BIN / "assay", "mlflow": peer_python().with_name("mlflow")}
    commands = {
        name: partial(subprocess.run, [str(word), "--help"], stdout=subprocess.DEVNULL, check=True)
        for name, word in words.items()
    }
    yield durations("command line --help", commands, sizes.rounds)


class Ours:
    """The questions as this registry's own interface has them."""

    def __init__(self, server: Server, prepared: bool = False) -> None:
        """Make one model with two versions and an alias."""
        self._ask = Asker(server.url)
        self._number = itertools.count(1)
        if prepared:
            return
        self._digest = "sha256:" + hashlib.sha256(BLOB).hexdigest()
        self._ask.upload(f"/api/v1/blobs/{self._digest}", [BLOB], len(BLOB))
        for _ in range(2):
            self.register()
        self.move()

    def register(self) -> None:
        """Register a version of one stored file."""
        number = next(self._number)
        files = [{"path": f"model-{number}.bin", "digest": self._digest, "size_bytes": len(BLOB)}]
        self._ask.post("/api/v1/models/team/task/versions", {"files": files, "tags": {"n": str(number)}})

    def move(self) -> None:
        """Point the alias at the other version."""
        self._ask.put("/api/v1/models/team/task/aliases/live", {"version": str(1 + next(self._number) % 2)})

    def resolve(self) -> None:
        """Ask which version the alias means."""
        self._ask.get("/api/v1/resolve", address="team/task@live")


class Theirs:
    """The questions as MLflow's interface has them."""

    def __init__(self, server: Server, prepared: bool = False) -> None:
        """Make one registered model with two versions and an alias."""
        self._ask = Asker(server.url)
        self._number = itertools.count(1)
        if prepared:
            return
        self._ask.post(f"{API}/create", {"name": "task"})
        for _ in range(2):
            self.register()
        self.move()

    def register(self) -> None:
        """Create a model version."""
        tags = [{"key": "n", "value": str(next(self._number))}]
        body = {"name": "task", "source": "runs:/abc123/model", "run_id": "abc123", "tags": tags}
        self._ask.post(f"{VERSIONS}/create", body)

    def move(self) -> None:
        """Point the alias at the other version."""
        body = {"name": "task", "alias": "live", "version": str(1 + next(self._number) % 2)}
        self._ask.post(f"{API}/alias", body)

    def resolve(self) -> None:
        """Ask which version the alias means."""
        self._ask.get(f"{API}/alias", name="task", alias="live")


def _starts(folder: Path) -> Row:
    places = itertools.count()

    def start(name: str) -> float:
        place = folder / f"start-{next(places)}"
        place.mkdir()
        with STARTS[name](place) as server:
            return server.start_s

    taken: dict[str, list[float]] = {name: [] for name in STARTS}
    for turn in range(3):
        for name in list(STARTS) if turn % 2 == 0 else reversed(list(STARTS)):
            taken[name].append(start(name))
    medians = {name: statistics.median(each) for name, each in taken.items()}
    return Row("start to first answer, fresh store", "s", medians["assay"], medians["mlflow"])


def _parallel(sides: dict[str, tuple[Server, Callable[..., None]]], sizes: Sizes) -> Row:
    """Return answers per second over sixteen connections at once."""
    each = 40

    def run(name: str) -> None:
        server, resolve = sides[name]
        kind = Ours if name == "assay" else Theirs
        askers = [kind(server, prepared=True) for _ in range(CONNECTIONS)]

        def work(asker: Ours | Theirs) -> None:
            for _ in range(each):
                resolve(asker)

        threads = [threading.Thread(target=work, args=(asker,)) for asker in askers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    what = f"resolve by alias, {CONNECTIONS} connections"
    taken = in_turn({name: partial(run, name) for name in sides}, sizes.rounds)
    count = each * CONNECTIONS
    return Row(what, "/s", count / taken["assay"], count / taken["mlflow"])
