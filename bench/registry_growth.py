"""Growth of the registry: do its answers hold when a thousand versions become a million?

A small registry and a large one, each behind a server of its own, are asked the same things in turn. Both
are filled through our own storage: versions with tags and metrics, aliases, audit events.
"""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from bench.asking import Asker
from bench.measuring import Question, Row, Sizes, in_turn
from bench.servers import our_data, ours

from assay.app.registry import open_means
from assay.app.settings import Settings
from assay.core.digests import FileEntry, digest_of
from assay.core.names import ModelName
from assay.core.provenance import Provenance
from assay.core.semver import SemVer
from assay.core.versions import Model, Version
from assay.usecases.means import Act, Means

SMALL = 1_000
PER_MODEL = 100
PORTION = 1_000
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
BLOB = b"x" * 1024
DIGEST = digest_of(BLOB)
TIMES = {"resolve": 200, "register": 20, "alias": 40, "search": 20}


def measure(folder: Path, sizes: Sizes) -> Iterator[Row]:
    """Yield the rates at ``sizes.registry`` versions over those at a thousand."""
    small, large = folder / "small", folder / "large"
    for place, count in ((small, SMALL), (large, sizes.registry)):
        place.mkdir()
        fill(place, count)
    with ours(small) as one, ours(large) as other:
        sides = {"small": Asking(one.url, SMALL), "large": Asking(other.url, sizes.registry)}
        for what, times in TIMES.items():
            questions = {name: partial(_often, getattr(side, what), times) for name, side in sides.items()}
            taken = in_turn(questions, sizes.rounds)
            row = f"{what} at {sizes.registry:,} versions, of the rate at {SMALL:,}"
            yield Row(row, "x", taken["small"] / taken["large"], goal=0.8)


class Asking:
    """The questions to one registry; each asks of another model than the time before."""

    def __init__(self, url: str, count: int) -> None:
        """Keep the address, and how many models there are."""
        self._ask = Asker(url)
        models = max(1, count // PER_MODEL)
        self._models = itertools.cycle(range(0, models, max(1, models // 997)))
        self._numbers = itertools.count(1)
        self._ask.upload(f"/api/v1/blobs/{DIGEST}", [BLOB], len(BLOB))

    def resolve(self) -> None:
        """Ask which version an alias means."""
        self._ask.get("/api/v1/resolve", address=f"{_name(next(self._models))}@live")

    def register(self) -> None:
        """Register a version of one stored file."""
        number = next(self._numbers)
        files = [{"path": f"model-{number}.bin", "digest": str(DIGEST), "size_bytes": len(BLOB)}]
        self._ask.post(f"/api/v1/models/{_name(next(self._models))}/versions", {"files": files})

    def alias(self) -> None:
        """Point an alias at another version."""
        number = 1 + next(self._numbers) % 2
        self._ask.put(f"/api/v1/models/{_name(next(self._models))}/aliases/live", {"version": str(number)})

    def search(self) -> None:
        """Find by a tag that ten versions have, however many there are."""
        found = self._ask.get("/api/v1/versions", tag="rare=yes", limit=100)
        assert len(found["items"]) == 10


def fill(folder: Path, count: int) -> None:
    """Write so many versions, a hundred of each model."""
    means = open_means(Settings(data=our_data(folder)))
    try:
        for start in range(0, count, PORTION):
            _write(means, range(start, min(start + PORTION, count)), max(1, count // 10))
    finally:
        means.database.close()


def _write(means: Means, places: range, rare_each: int) -> None:
    with means.database.write() as records:
        for place in places:
            model, number = place // PER_MODEL, place % PER_MODEL + 1
            name, at = ModelName(_name(model)), BEGAN + timedelta(seconds=place)
            act = Act(records, "local", at)
            if number == 1:
                records.models.add(Model(name, at, "local"))
            version = _version(name, number, at, rare=place % rare_each == 0)
            records.versions.add(version)
            act.note("version.register", version.address, after={"digest": version.digest})
            if number == 1:
                records.aliases.set(name, "live", 1)


def _version(name: ModelName, number: int, at: datetime, *, rare: bool) -> Version:
    files = (FileEntry(f"filled-{number}.bin", DIGEST, len(BLOB)),)
    return Version(
        model=name,
        number=number,
        semver=SemVer(1, number, 0),
        digest=digest_of(f"{name}{number}".encode()),
        size_bytes=len(BLOB),
        files=files,
        formats=(),
        entrypoint="",
        signature=None,
        provenance=Provenance(metrics={"accuracy": number / PER_MODEL}),
        bump_reasons=(),
        registered_at=at,
        registered_by="local",
        tags={"n": str(number), "rare": "yes"} if rare else {"n": str(number)},
    )


def _name(model: int) -> str:
    return f"team-{model % 50}/task-{model}"


def _often(question: Question, times: int) -> None:
    for _ in range(times):
        question()
