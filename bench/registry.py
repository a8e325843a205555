"""The registry: start, resolve, register, move an alias, search, memory, command line."""

import hashlib
import itertools
import statistics
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench.asking import Asker
from bench.databases import POSTGRESQL, SQLITE, Place, databases
from bench.measuring import Question, Row, Sizes, durations, in_turn, rates
from bench.servers import BIN, STARTS, Server, peer_python

CONNECTIONS = 16
BLOB = b"x" * 1024
API = "/api/2.0/mlflow/registered-models"
VERSIONS = "/api/2.0/mlflow/model-versions"


def measure(folder: Path, sizes: Sizes, database: str = SQLITE) -> Iterator[Row]:
    """Yield the rows, both sides over the same kind of database."""
    with databases(database) as place:
        starts = {name: partial(start, database=place(name)) for name, start in STARTS.items()}
        yield _starts(folder, place)
        with ExitStack() as stack:
            servers = {name: stack.enter_context(start(folder)) for name, start in starts.items()}
            sides: dict[str, Ours | Theirs] = {
                "assay": Ours(servers["assay"]),
                "mlflow": Theirs(servers["mlflow"]),
            }
            yield from _asked(sides, servers, sizes)
            peak = "memory of all processes, after this"
            yield Row(peak, "MiB", servers["assay"].resident_mib(), servers["mlflow"].resident_mib(), goal=8)
    if database == SQLITE:
        yield from _commands(sizes)


def measure_postgresql(folder: Path, sizes: Sizes) -> Iterator[Row]:
    """Yield the rows with PostgreSQL behind both sides."""
    yield from measure(folder, sizes, POSTGRESQL)


def _asked(sides: "dict[str, Ours | Theirs]", servers: dict[str, Server], sizes: Sizes) -> Iterator[Row]:
    def each(verb: str) -> dict[str, Question]:
        return {name: getattr(side, verb) for name, side in sides.items()}

    yield rates("resolve by alias, 1 connection", each("resolve"), 200, sizes.rounds, goal=40)
    yield _parallel(servers, sizes)
    yield rates("register a version (metadata)", each("register"), 20, sizes.rounds, goal=10)
    yield rates("move an alias", each("move"), 40, sizes.rounds, goal=10)
    for side in sides.values():
        side.fill(sizes.versions)
    what = f"search 100 of {sizes.versions:,} versions with a filter"
    yield rates(what, each("search"), 5, sizes.rounds, goal=10)


def _commands(sizes: Sizes) -> Iterator[Row]:
    words = {"assay": BIN / "assay", "mlflow": peer_python().with_name("mlflow")}
    commands = {
        name: partial(subprocess.run, [str(word), "--help"], stdout=subprocess.DEVNULL, check=True)
        for name, word in words.items()
    }
    yield durations("command line --help", commands, sizes.rounds)
    pythons = {"assay": BIN / "python", "mlflow": peer_python()}
    imports = {
        name: partial(subprocess.run, [str(python), "-c", f"import {name}"], check=True)
        for name, python in pythons.items()
    }
    yield durations("import of the client library", imports, sizes.rounds)


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

    def fill(self, count: int) -> None:
        """Register so many more, every hundredth of them with the tag that is searched for."""
        for _ in range(count):
            number = next(self._number)
            files = [{"path": f"model-{number}.bin", "digest": self._digest, "size_bytes": len(BLOB)}]
            tags = {"n": str(number), "kind": "odd" if number % 100 == 0 else "plain"}
            self._ask.post("/api/v1/models/team/task/versions", {"files": files, "tags": tags})

    def search(self) -> None:
        """Find up to a hundred by a tag."""
        found = self._ask.get("/api/v1/versions", tag="kind=odd", limit=100)
        assert found["items"]


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

    def fill(self, count: int) -> None:
        """Create so many more, every hundredth of them with the tag that is searched for."""
        for _ in range(count):
            number = next(self._number)
            kind = "odd" if number % 100 == 0 else "plain"
            tags = [{"key": "n", "value": str(number)}, {"key": "kind", "value": kind}]
            body = {"name": "task", "source": "runs:/abc123/model", "run_id": "abc123", "tags": tags}
            self._ask.post(f"{VERSIONS}/create", body)

    def search(self) -> None:
        """Find up to a hundred by a tag."""
        found = self._ask.get(f"{VERSIONS}/search", filter="tags.kind = 'odd'", max_results=100)
        assert found["model_versions"]


def _starts(folder: Path, place: Place) -> Row:
    numbers = itertools.count()

    def start(name: str) -> float:
        fresh = folder / f"start-{next(numbers)}"
        fresh.mkdir()
        with STARTS[name](fresh, database=place(f"{name}_{fresh.name.replace('-', '_')}")) as server:
            return server.start_s

    taken: dict[str, list[float]] = {name: [] for name in STARTS}
    for turn in range(3):
        for name in list(STARTS) if turn % 2 == 0 else reversed(list(STARTS)):
            taken[name].append(start(name))
    medians = {name: statistics.median(each) for name, each in taken.items()}
    return Row("start to first answer, fresh store", "s", medians["assay"], medians["mlflow"], goal=8)


def _parallel(servers: dict[str, Server], sizes: Sizes) -> Row:
    """Return answers per second over sixteen connections at once."""
    each = 40

    def run(name: str) -> None:
        kind = Ours if name == "assay" else Theirs
        askers = [kind(servers[name], prepared=True) for _ in range(CONNECTIONS)]

        def work(asker: Ours | Theirs) -> None:
            for _ in range(each):
                asker.resolve()

        threads = [threading.Thread(target=work, args=(asker,)) for asker in askers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    what = f"resolve by alias, {CONNECTIONS} connections"
    taken = in_turn({name: partial(run, name) for name in servers}, sizes.rounds)
    count = each * CONNECTIONS
    return Row(what, "/s", count / taken["assay"], count / taken["mlflow"], goal=40)
