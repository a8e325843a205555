"""Scoring: keeping the scorers of experiments, version by version. The registry never runs one."""

import hashlib
from collections.abc import Sequence

from assay.core.access import Action, Caller
from assay.core.errors import NotFoundError
from assay.core.instants import milliseconds
from assay.core.tracking.evaluations import Scorer, check_scorer, newest_of_each
from assay.usecases.means import Act, Means
from assay.usecases.tracking.places import find_experiment, readable_experiments, require_active


class Scoring:
    """Registers, lists, shows and deletes scorers."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means

    def register(self, caller: Caller, experiment_id: int, name: str, text: str) -> Scorer:
        """Keep the next version of a scorer.

        Raises:
            BadInputError: the name or text breaks a rule, or the experiment is deleted.
            DeniedError, NotFoundError: the caller may not, or there is no such experiment.
        """
        with self._means.database.write() as records:
            experiment = find_experiment(records, caller, experiment_id, Action.TRACK)
            require_active("experiment", experiment_id, deleted=experiment.deleted)
            before = records.scorers.of([experiment_id], name)
            said = self._means.chance.identifier("s")
            scorer = Scorer(
                id=before[0].id if before else hashlib.sha256(said.encode()).hexdigest()[:32],
                experiment_id=experiment_id,
                name=name,
                number=before[-1].number + 1 if before else 1,
                text=text,
                created_at_ms=milliseconds(self._means.clock.now()),
            )
            records.scorers.add(check_scorer(scorer))
            return scorer

    def newest(self, caller: Caller, experiment_ids: Sequence[int]) -> tuple[Scorer, ...]:
        """Return the newest version of each scorer of the experiments that the caller may read."""
        with self._means.database.read() as records:
            allowed = readable_experiments(records, caller, tuple(experiment_ids))
            return newest_of_each(records.scorers.of(allowed))

    def versions(self, caller: Caller, experiment_id: int, name: str) -> tuple[Scorer, ...]:
        """Return all versions of a scorer, oldest first.

        Raises:
            NotFoundError: there is no such experiment or scorer, or the caller may not know of it.
        """
        with self._means.database.read() as records:
            find_experiment(records, caller, experiment_id, Action.READ)
            found = records.scorers.of([experiment_id], name)
        if not found:
            raise NotFoundError(_missing(experiment_id, name))
        return found

    def get(self, caller: Caller, experiment_id: int, name: str, number: int | None = None) -> Scorer:
        """Return one version of a scorer, the newest by default.

        Raises:
            NotFoundError: there is no such experiment or version, or the caller may not know of it.
        """
        found = self.versions(caller, experiment_id, name)
        wanted = [scorer for scorer in found if number in (None, scorer.number)]
        if not wanted:
            raise NotFoundError(_missing(experiment_id, name, number))
        return wanted[-1]

    def delete(self, caller: Caller, experiment_id: int, name: str, number: int | None = None) -> None:
        """Delete one version of a scorer, or all.

        Raises:
            DeniedError, NotFoundError: the caller may not, or there is no such experiment or version.
        """
        with self._means.database.write() as records:
            find_experiment(records, caller, experiment_id, Action.TRACK)
            if not records.scorers.remove(experiment_id, name, number):
                raise NotFoundError(_missing(experiment_id, name, number))
            act = Act(records, caller.name, self._means.clock.now())
            act.note("scorer.delete", f"experiment:{experiment_id}", {"name": name, "number": number})


def _missing(experiment_id: int, name: str, number: int | None = None) -> str:
    version = "" if number is None else f" and version {number}"
    return f"Scorer with name '{name[:100]}'{version} not found for experiment {experiment_id}."
