"""Ports of moving in: another registry that is read, and the record of what was moved from it.

What a source yields comes in a stable order and in pieces, however much there is. Nothing that it says
was checked: names, paths and texts are judged by the use case, like those of any other stranger.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from assay.core.moving import (
    Finding,
    ForeignExperiment,
    ForeignFile,
    ForeignLoggedModel,
    ForeignModel,
    ForeignPlace,
    ForeignRun,
    ForeignTrace,
    ForeignVersion,
    Moved,
)
from assay.core.tracking.metrics import Point

# Where a point of a run lies: metric, time in ms, step.
Place = tuple[str, int, int]


class ForeignTracking(Protocol):
    """What was tracked there, deleted things included as far as the source shows them.

    Every method raises ``UnavailableError`` when the source cannot be read (any more), and
    ``DeniedError`` when it wants a login.
    """

    def experiments(self) -> Iterator[ForeignExperiment]:
        """Yield all experiments, oldest id first."""
        ...

    def runs(self, experiment_id: str) -> Iterator[tuple[ForeignRun, ...]]:
        """Yield the runs of an experiment, page by page."""
        ...

    def points(self, run: ForeignRun) -> Iterator[Point]:
        """Yield every point of every metric of a run."""
        ...

    def logged_models(self, experiment_id: str) -> Iterator[ForeignLoggedModel]:
        """Yield the logged models of an experiment with tags, parameters and metrics."""
        ...

    def traces(self, experiment_id: str) -> Iterator[ForeignTrace]:
        """Yield the traces of an experiment with spans and assessments."""
        ...

    def left_out(self) -> tuple[Finding, ...]:
        """Return what the source keeps and this port does not yield, each as an explained finding."""
        ...


class ForeignRegistry(Protocol):
    """What was registered there; raises as :class:`ForeignTracking` does."""

    def models(self) -> Iterator[ForeignModel]:
        """Yield all registered models, prompts among them."""
        ...

    def versions(self) -> Iterator[ForeignVersion]:
        """Yield all versions of all models, deleted numbers included where the source shows them."""
        ...


class ForeignFiles(Protocol):
    """The files over there; raises as :class:`ForeignTracking` does."""

    def reach(self, place: ForeignPlace) -> str:
        """Return "" when files of that place can be read, else why not."""
        ...

    def files(self, place: ForeignPlace) -> Iterator[ForeignFile]:
        """Yield every file below a place, by path; nothing when there is none.

        Raises:
            NotFoundError: the place cannot be read, although its source can.
        """
        ...

    def read(self, place: ForeignPlace, path: str) -> Iterator[bytes]:
        """Yield the bytes of a file that :meth:`files` named and that has no problem.

        Raises:
            NotFoundError: there is no such file, or no readable one.
        """
        ...


@dataclass(frozen=True, slots=True)
class ForeignSource:
    """One registry to move in from; ``name`` tells it from others and carries no credentials."""

    name: str
    tracking: ForeignTracking
    registry: ForeignRegistry
    files: ForeignFiles


class MovedThings(Protocol):
    """The durable record of what was moved in, and from where."""

    def get(self, source: str, kind: str, id: str) -> Moved | None:  # noqa: A002 - the foreign id
        """Return what is recorded of one thing."""
        ...

    def put(self, moved: Moved) -> None:
        """Record, or replace what was recorded."""
        ...

    def count_points(self, run_ids: Sequence[str]) -> dict[str, int]:
        """Return how many points each of these runs has here."""
        ...

    def values_at(self, run_id: str, places: Sequence[Place]) -> dict[Place, tuple[float, ...]]:
        """Return what a run has logged at each of these places, nothing for those without a point."""
        ...

    def are_all(self, experiment_id: int) -> bool:
        """Tell whether imports brought every run, logged model and trace that an experiment has here."""
        ...
