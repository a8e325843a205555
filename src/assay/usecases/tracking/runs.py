"""Runs: begun, written to, ended, put away, found."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from assay.core.access import Action, Caller
from assay.core.errors import BadInputError, NotFoundError, Reason
from assay.core.instants import milliseconds
from assay.core.ports import Records
from assay.core.search import Page
from assay.core.tracking.datasets import DatasetInput, DatasetSummary
from assay.core.tracking.files import run_root
from assay.core.tracking.metrics import Point
from assay.core.tracking.run_names import name_for
from assay.core.tracking.runs import (
    MAX_LINKED,
    NAME_TAG,
    Batch,
    LoggedRun,
    ModelOutput,
    Run,
    RunStatus,
    check_links,
    check_run_tags,
    check_unchanged,
)
from assay.core.tracking.searches import Search, check_count
from assay.usecases.means import Act, Means
from assay.usecases.tracking.places import (
    find_experiment,
    find_run,
    readable_experiments,
    require_active,
    require_on_models,
    require_run_active,
)


@dataclass(frozen=True, slots=True)
class NewRun:
    """What a run begins with; without a name it is given one."""

    experiment_id: int
    user: str = ""
    started_at_ms: int = 0
    name: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunChange:
    """What changes of a run; None leaves it as it is."""

    status: RunStatus | None = None
    ended_at_ms: int | None = None
    name: str | None = None


class Runs:
    """Keeps runs and what they log."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means

    def create(self, caller: Caller, wanted: NewRun) -> LoggedRun:
        """Begin a run.

        Raises:
            BadInputError: a tag breaks a rule, two names that differ, or the experiment is deleted.
            DeniedError, NotFoundError: the caller may not, or there is no such experiment.
        """
        check_run_tags(wanted.tags)
        tagged = wanted.tags.get(NAME_TAG, "")
        if wanted.name and tagged and wanted.name != tagged:
            message = (
                f"Both 'run_name' argument and '{NAME_TAG}' tag are specified, but with different values "
                f"(run_name='{wanted.name[:250]}', {NAME_TAG}='{tagged[:250]}')."
            )
            raise BadInputError(message, [Reason("run_name", f"must equal the tag {NAME_TAG}")])
        first, second = self._means.chance.token_parts()[0], self._means.chance.token_parts()[0]
        run_id = first + second
        name = wanted.name or tagged or name_for(int(second, 16))
        with self._means.database.write() as records:
            experiment = find_experiment(records, caller, wanted.experiment_id, Action.TRACK)
            require_active("experiment", experiment.id, deleted=experiment.deleted)
            run = Run(
                id=run_id,
                experiment_id=experiment.id,
                name=name,
                user=wanted.user or caller.name,
                status=RunStatus.RUNNING,
                started_at_ms=wanted.started_at_ms,
                artifact_root=run_root(experiment.artifact_root, run_id),
            )
            tags = {**wanted.tags, NAME_TAG: name}
            records.runs.add(run, tags)
        return LoggedRun(run, tags=dict(sorted(tags.items())))

    def get(self, caller: Caller, run_id: str) -> LoggedRun:
        """Show a run with all it logged, deleted or not.

        Raises:
            NotFoundError: there is none, or the caller may not know of it.
        """
        with self._means.database.read() as records:
            find_run(records, caller, run_id, Action.READ)
            return records.runs.logged([run_id])[0]

    def search(self, caller: Caller, experiment_ids: tuple[int, ...], search: Search) -> Page[LoggedRun]:
        """Look for runs of some experiments; those the caller may not know of hold none.

        Raises:
            BadInputError: the cursor is not one of ours.
        """
        with self._means.database.read() as records:
            readable = readable_experiments(records, caller, experiment_ids)
            return records.runs.search(readable, search) if readable else Page(())

    def dataset_summaries(
        self, caller: Caller, experiment_ids: tuple[int, ...], limit: int
    ) -> tuple[DatasetSummary, ...]:
        """Say which data sets the runs of some experiments used."""
        with self._means.database.read() as records:
            readable = readable_experiments(records, caller, experiment_ids)
            return records.runs.dataset_summaries(readable, limit) if readable else ()

    def update(self, caller: Caller, run_id: str, change: RunChange) -> Run:
        """Change status, end or name.

        Raises:
            BadInputError: the run is deleted.
            DeniedError, NotFoundError: the caller may not, or there is none.
        """
        with self._writing(caller, run_id) as (records, before):
            after = replace(
                before,
                status=change.status or before.status,
                ended_at_ms=before.ended_at_ms if change.ended_at_ms is None else change.ended_at_ms,
                name=change.name or before.name,
            )
            records.runs.save(after)
            if change.name:
                records.run_logs.log(run_id, Batch(tags={NAME_TAG: change.name}))
            return after

    def delete(self, caller: Caller, run_id: str) -> None:
        """Put a run away; what was registered from it stays whole. Doing it twice changes nothing.

        Raises:
            DeniedError, NotFoundError: the caller may not, or there is none.
        """
        self._put(caller, run_id, deleted=True)

    def restore(self, caller: Caller, run_id: str) -> None:
        """Bring a run back.

        Raises:
            DeniedError, NotFoundError: the caller may not, or there is none.
        """
        self._put(caller, run_id, deleted=False)

    def log(self, caller: Caller, run_id: str, batch: Batch) -> None:
        """Log points, parameters and tags: all of them or nothing.

        Sending the same again changes nothing, so that a client may repeat what it got no answer to.

        Raises:
            BadInputError: the run is deleted, or a parameter was said before with another value.
            DeniedError, NotFoundError: the caller may not, or there is no such run, or no such logged model
                as a point is about.
        """
        with self._writing(caller, run_id) as (records, run):
            about = {point.model_id for point in batch.metrics if point.model_id}
            if about:
                require_on_models(records, caller, Action.TRACK, about, run)
            if batch.params:
                check_unchanged(run_id, records.run_logs.params(run_id), batch)
            records.run_logs.log(run_id, batch)
            name = batch.tags.get(NAME_TAG)
            if name:
                records.runs.save(replace(run, name=name))

    def remove_tag(self, caller: Caller, run_id: str, key: str) -> None:
        """Take a tag away.

        Raises:
            BadInputError: the run is deleted.
            DeniedError, NotFoundError: the caller may not, there is none, or it has no such tag.
        """
        with self._writing(caller, run_id) as (records, _):
            if not records.run_logs.remove_tag(run_id, key):
                raise NotFoundError(f"No tag with name: {key[:250]} in run with id {run_id}")

    def log_inputs(
        self, caller: Caller, run_id: str, datasets: Sequence[DatasetInput], model_ids: Sequence[str] = ()
    ) -> None:
        """Note which data and models the run used.

        Of a model only the id is noted, whatever it is of: who follows it needs the right to.

        Raises:
            BadInputError: the run is deleted; or too many data sets or models, in one request or in all.
            DeniedError, NotFoundError: the caller may not, or there is none.
        """
        check_count("datasets", len(datasets), MAX_LINKED)
        check_count("models", len(model_ids), MAX_LINKED)
        with self._writing(caller, run_id) as (records, _):
            check_links(records.run_logs.add_inputs(run_id, datasets, model_ids))

    def log_outputs(self, caller: Caller, run_id: str, models: Sequence[ModelOutput]) -> None:
        """Note which models the run produced: their ids, as :meth:`log_inputs` does.

        Raises:
            BadInputError: the run is deleted; or too many models, in one request or in all.
            DeniedError, NotFoundError: the caller may not, or there is none.
        """
        check_count("models", len(models), MAX_LINKED)
        with self._writing(caller, run_id) as (records, _):
            check_links(records.run_logs.add_outputs(run_id, models))

    def history(self, caller: Caller, run_id: str, key: str, limit: int, cursor: str = "") -> Page[Point]:
        """Return a page of a metric's points by time, step and value.

        Raises:
            BadInputError: the cursor is not one of ours.
            NotFoundError: there is no such run, or the caller may not know of it.
        """
        with self._means.database.read() as records:
            find_run(records, caller, run_id, Action.READ)
            return records.run_logs.history(run_id, key, limit, cursor)

    def sampled(
        self,
        caller: Caller,
        run_ids: Sequence[str],
        key: str,
        limit: int,
        span: tuple[int, int] | None = None,
    ) -> Mapping[str, tuple[Point, ...]]:
        """Return of each run at most ``limit`` points of a metric by step, evenly chosen.

        Raises:
            NotFoundError: one of the runs does not exist, or the caller may not know of it.
        """
        with self._means.database.read() as records:
            for run_id in run_ids:
                find_run(records, caller, run_id, Action.READ)
            return records.run_logs.sampled(run_ids, key, limit, span)

    @contextmanager
    def _writing(self, caller: Caller, run_id: str) -> Iterator[tuple[Records, Run]]:
        with self._means.database.write() as records:
            run = find_run(records, caller, run_id, Action.TRACK)
            require_run_active(run)
            yield records, run

    def _put(self, caller: Caller, run_id: str, *, deleted: bool) -> None:
        with self._means.database.write() as records:
            run = find_run(records, caller, run_id, Action.TRACK)
            if (run.deleted_at_ms is not None) is deleted:
                return
            now = self._means.clock.now()
            records.runs.save(replace(run, deleted_at_ms=milliseconds(now) if deleted else None))
            verb = "run.delete" if deleted else "run.restore"
            Act(records, caller.name, now).note(verb, f"run:{run_id}")
