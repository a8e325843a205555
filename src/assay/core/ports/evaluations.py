"""Ports of what answers are judged with: evaluation sets, their records, scorers."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from assay.core.search import Page
from assay.core.tracking.evaluations import EvaluationRecord, EvaluationSet, Scorer
from assay.core.tracking.searches import Search


class EvaluationSets(Protocol):
    """Evaluation sets by id."""

    def save(self, one: EvaluationSet) -> None:
        """Store a set, or replace one; its records stay as they are."""
        ...

    def get(self, set_id: str) -> EvaluationSet | None:
        """Return one."""
        ...

    def search(
        self, teams: tuple[str, ...], experiment_ids: Sequence[int] | None, search: Search
    ) -> Page[EvaluationSet]:
        """Return a page; newest first, then by id downwards, unless ordered otherwise.

        Args:
            teams: only theirs; ``("*",)`` means all.
            experiment_ids: only sets meant for one of these; None for all.
            search: what must hold, and which page.

        Raises:
            BadInputError: the cursor is not one of ours.
        """
        ...

    def delete(self, set_id: str) -> None:
        """Remove a set with its records, if it is there."""
        ...


class EvaluationRecords(Protocol):
    """Records of sets that are there."""

    def put(self, records: Sequence[EvaluationRecord]) -> None:
        """Store records, or replace those of the same id."""
        ...

    def by_inputs(self, set_id: str, digests: Sequence[str]) -> Mapping[str, EvaluationRecord]:
        """Return the records of a set with these digests of their inputs."""
        ...

    def page(self, set_id: str, limit: int, cursor: str = "") -> Page[EvaluationRecord]:
        """Return a page of the records of a set, oldest first.

        Raises:
            BadInputError: the cursor is not one of ours.
        """
        ...

    def remove(self, set_id: str, record_ids: Sequence[str]) -> int:
        """Take records away; return how many there were."""
        ...

    def count(self, set_id: str) -> int:
        """Return how many records a set has."""
        ...


class Scorers(Protocol):
    """Scorers of experiments, version by version."""

    def add(self, scorer: Scorer) -> None:
        """Store a new version."""
        ...

    def of(self, experiment_ids: Sequence[int], name: str | None = None) -> tuple[Scorer, ...]:
        """Return all versions, of one name or of all, by experiment, name and number."""
        ...

    def remove(self, experiment_id: int, name: str, number: int | None = None) -> int:
        """Take one version away, or all; return how many there were."""
        ...
