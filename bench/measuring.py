"""How things are measured: both sides in turn, A B A B ..., and medians of what came out.

A machine that slows down meanwhile slows both sides; so ratios count, absolute figures do not travel.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Question = Callable[[], object]
SIDES = ("assay", "mlflow")
PATIENCE_S = 60


@dataclass(frozen=True)
class Sizes:
    """How much of everything.

    Attributes:
        rounds: how often each side is asked; the first time, which warms up, does not count.
        runs: among which is searched.
        history_points: of one metric.
        file_mib: size of the large file.
        files: how many small ones.
        points: up to which the store grows.
        models: how often a model is logged and loaded.
        versions: of one model, among which is searched.
        registry: versions of all models, up to which the registry grows.
    """

    rounds: int = 7
    runs: int = 100_000
    history_points: int = 1_000_000
    file_mib: int = 1024
    files: int = 1000
    points: int = 100_000_000
    models: int = 5
    versions: int = 10_000
    registry: int = 1_000_000


QUICK = Sizes(
    rounds=3,
    runs=2_000,
    history_points=20_000,
    file_mib=32,
    files=100,
    points=1_000_000,
    models=1,
    versions=300,
    registry=5_000,
)


@dataclass(frozen=True)
class Row:
    """One line of the result.

    Attributes:
        what: the question.
        unit: ``/s`` is better when greater, ``x`` is a ratio in itself, everything else better when smaller.
        assay, mlflow: the medians; None where a side was not asked.
        goal: what the ratio should reach at least.
    """

    what: str
    unit: str
    assay: float
    mlflow: float | None = None
    goal: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times better this registry is."""
        if self.unit == "x":
            return self.assay
        if self.mlflow is None:
            return None
        return self.assay / self.mlflow if self.unit == "/s" else self.mlflow / self.assay


def rates(
    what: str, questions: Mapping[str, Question], count: int, rounds: int, goal: float | None = None
) -> Row:
    """Return how many questions a second each side answers, asked one after another."""
    seconds = in_turn({name: _repeated(each, count) for name, each in questions.items()}, rounds)
    return Row(what, "/s", count / seconds["assay"], count / seconds["mlflow"], goal)


def durations(
    what: str, questions: Mapping[str, Question], rounds: int, goal: float | None = None, unit: str = "s"
) -> Row:
    """Return how long one question takes each side."""
    factor = {"s": 1, "ms": 1000}[unit]
    seconds = in_turn(questions, rounds)
    return Row(what, unit, factor * seconds["assay"], factor * seconds["mlflow"], goal)


def in_turn(questions: Mapping[str, Question], rounds: int) -> dict[str, float]:
    """Return the median seconds of each side, without the first round.

    A side that took longer than :data:`PATIENCE_S` at first is not asked again: what a warm cache saves
    does not matter then, and the first figure counts.
    """
    taken: dict[str, list[float]] = {name: [timed(question)] for name, question in questions.items()}
    patient = {name: question for name, question in questions.items() if taken[name][0] < PATIENCE_S}
    for _ in range(rounds):
        for name, question in patient.items():
            taken[name].append(timed(question))
    return {name: statistics.median(each[1:] or each) for name, each in taken.items()}


def timed(question: Question) -> float:
    """Return how many seconds it took."""
    began = time.perf_counter()
    question()
    return time.perf_counter() - began


def _repeated(question: Question, count: int) -> Question:
    def ask() -> None:
        for _ in range(count):
            question()

    return ask
