"""Moving in: one call copies a whole registry, and may be made again at any time.

Nothing is remembered but in the database: an import that was killed at any point goes on where it was,
one that is repeated changes nothing but what has changed at the source since. Each thing is compared
with its source right after it moved; the report says what is not here as it was there, and why.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from assay.core.access import Action, Caller, require
from assay.core.errors import BadInputError
from assay.core.moving import ForeignExperiment, MoveReport
from assay.core.outside_names import DEFAULT_TEAM, check_team
from assay.core.ports.moving import ForeignSource
from assay.core.tracking.experiments import Experiment
from assay.usecases.means import Means
from assay.usecases.moving.experiments import move_experiment
from assay.usecases.moving.files import FilesIn
from assay.usecases.moving.ledger import Ledger, Move, Progress, no_progress, portions
from assay.usecases.moving.logged_models import move_logged_model, move_model_metrics
from assay.usecases.moving.registry import RegistryIn
from assay.usecases.moving.runs import RunsIn
from assay.usecases.moving.traces import move_traces

VERIFY: Final = ("sample", "all", "none")
_TRACES: Final = 50


@dataclass(frozen=True, slots=True)
class MoveOptions:
    """How to move.

    Attributes:
        team: whose the experiments become, and the models whose names say no team.
        verify: which files are read again and compared: ``sample``, ``all`` or ``none``.
        again: whether the points of runs are read that nothing tells to have changed: no server tells of
            a point that was logged later and is not the last one of its metric.
    """

    team: str = DEFAULT_TEAM
    verify: str = "sample"
    again: bool = False

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            BadInputError: no such team name, or no such way to verify.
        """
        check_team(self.team)
        if self.verify not in VERIFY:
            raise BadInputError.of("verify", "must be one of " + ", ".join(VERIFY), repr(self.verify)[:60])


class MovingIn:
    """Copies other registries into this one."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means

    def move(
        self,
        caller: Caller,
        source: ForeignSource,
        options: MoveOptions,
        progress: Progress = no_progress,
    ) -> MoveReport:
        """Copy everything that is not here yet, or not as it is there now.

        Args:
            caller: an admin: what others did elsewhere is written in their names and times.
            source: where from.
            options: how.
            progress: told after each step.

        Returns:
            What was done, and what verification found.

        Raises:
            DeniedError: the caller is no admin, or the source refuses the login.
            UnavailableError: the source, the database or the disk does not answer any more. What was
                copied until then stays; the same call goes on from there.
        """
        require(caller, Action.MANAGE_ACCESS)
        began = self._means.clock.now()
        ledger = Ledger(progress)
        move = Move(self._means, caller, source, options.team, ledger, options.again)
        files = FilesIn(move, options.verify)
        moved: list[ForeignExperiment] = []
        added = set[str]()
        for experiment in source.tracking.experiments():
            ours = move_experiment(move, experiment)
            if ours is not None:
                added |= self._fill(move, files, ours, experiment)
                moved.append(experiment)
        for experiment in moved:
            for model in source.tracking.logged_models(experiment.id):
                move_model_metrics(move, model, added=model.model.id in added)
        RegistryIn(move, files).move()
        for finding in source.tracking.left_out():
            ledger.note(finding)
        files.verify_sample()
        return self._finish(move, began)

    def _fill(self, move: Move, files: FilesIn, ours: Experiment, theirs: ForeignExperiment) -> set[str]:
        """Move all that an experiment has; return the logged models that were not here before."""
        tracking = move.source.tracking
        models = tracking.logged_models(theirs.id)
        added = {each.model.id for each in models if move_logged_model(move, files, ours, each)}
        runs = RunsIn(move, files, ours)
        for page in tracking.runs(theirs.id):
            runs.page(page)
        runs.finish()
        for portion in portions(tracking.traces(theirs.id), _TRACES):
            move_traces(move, files, ours, portion)
        return added

    def _finish(self, move: Move, began: datetime) -> MoveReport:
        ledger = move.ledger
        with self._means.database.write() as records:
            act = move.act(records)
            report = MoveReport(
                source=move.source.name,
                team=move.team,
                started_at=began,
                finished_at=act.at,
                counts=ledger.counts(),
                findings=tuple(ledger.findings),
                finding_count=ledger.finding_count,
                unexplained_count=ledger.unexplained_count,
                verified_files=ledger.verified_files,
                verified_bytes=ledger.verified_bytes,
            )
            about = {
                "team": report.team,
                "began": report.started_at,
                "counts": report.counts,
                "unexplained": report.unexplained_count,
                "complete": report.complete,
            }
            act.note("import.finish", f"import:{report.source}"[:300], after=about)
        return report
