"""Ports of tracking: experiments, runs, what they logged, logged models, files."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from assay.core.digests import Digest
from assay.core.search import Page
from assay.core.tracking.datasets import DatasetInput, DatasetSummary
from assay.core.tracking.experiments import Experiment
from assay.core.tracking.files import Entry, StoredFile
from assay.core.tracking.logged_models import LoggedModel, LoggedModelStatus
from assay.core.tracking.metrics import Point
from assay.core.tracking.runs import Batch, LoggedRun, ModelOutput, Run
from assay.core.tracking.searches import Search


class Experiments(Protocol):
    """Experiments by id and by name."""

    def add(self, experiment: Experiment) -> Experiment:
        """Store a new one; a negative ``id`` lets the store give the next.

        Raises:
            ConflictError: the name is taken in the team, also by a deleted one.
        """
        ...

    def get(self, experiment_id: int) -> Experiment | None:
        """Return one, deleted or not."""
        ...

    def named(self, team: str, name: str) -> Experiment | None:
        """Return the one of that name, deleted or not."""
        ...

    def save(self, experiment: Experiment) -> None:
        """Replace name, artifact root, times and whether it is deleted.

        Raises:
            ConflictError: the name is taken in the team.
        """
        ...

    def set_tags(self, experiment_id: int, tags: Mapping[str, str]) -> None:
        """Set tags; others stay."""
        ...

    def remove_tag(self, experiment_id: int, key: str) -> bool:
        """Take a tag away; tell whether it was there."""
        ...

    def search(self, search: Search, teams: tuple[str, ...]) -> Page[Experiment]:
        """Return a page; ``teams`` of ``("*",)`` means all.

        Newest first and then by id unless ordered otherwise; what an order leaves open goes by id, the
        greatest first.

        Raises:
            BadInputError: the cursor is not one of ours.
        """
        ...


class Owners(Protocol):
    """Whose experiments are."""

    def teams(self, experiment_ids: Sequence[int]) -> Mapping[int, str]:
        """Return the team of each of these experiments that there is, deleted or not."""
        ...


class Runs(Protocol):
    """Runs by id; looking for them."""

    def add(self, run: Run, tags: Mapping[str, str]) -> None:
        """Store a new run.

        Raises:
            ConflictError: the id is taken.
        """
        ...

    def find(self, run_id: str) -> Run | None:
        """Return the run without what it logged, deleted or not."""
        ...

    def find_in_team(self, run_id: str) -> tuple[Run, str] | None:
        """Return the run as :meth:`find` does, and the team that its experiment belongs to."""
        ...

    def save(self, run: Run) -> None:
        """Replace name, status, times and whether it is deleted."""
        ...

    def logged(self, run_ids: Sequence[str]) -> tuple[LoggedRun, ...]:
        """Return runs with all they logged, in the order asked; unknown ids are left out."""
        ...

    def search(self, experiment_ids: Sequence[int], search: Search) -> Page[LoggedRun]:
        """Return a page of runs; newest start first, then by id, unless ordered otherwise.

        Raises:
            BadInputError: the cursor is not one of ours.
        """
        ...

    def dataset_summaries(self, experiment_ids: Sequence[int], limit: int) -> tuple[DatasetSummary, ...]:
        """Return which data sets the runs of these experiments used, each once."""
        ...


class RunLogs(Protocol):
    """What runs log. Everything is only added, but for tags."""

    def log(self, run_id: str, batch: Batch) -> None:
        """Store points, parameters and tags; a point that is there already is kept once.

        A parameter that is there already is left as it is: whether it may be said again is judged
        before (``core.tracking.runs.check_unchanged``).
        """
        ...

    def params(self, run_id: str) -> Mapping[str, str]:
        """Return the parameters of a run."""
        ...

    def remove_tag(self, run_id: str, key: str) -> bool:
        """Take a tag away; tell whether it was there."""
        ...

    def history(self, run_id: str, key: str, limit: int, cursor: str = "") -> Page[Point]:
        """Return a page of a metric's points by time, step and value.

        Raises:
            BadInputError: the cursor is not one of ours.
        """
        ...

    def sampled(
        self, run_ids: Sequence[str], key: str, limit: int, span: tuple[int, int] | None = None
    ) -> Mapping[str, tuple[Point, ...]]:
        """Return of each run at most ``limit`` points of a metric by step and time, evenly chosen.

        Which ones is said in ``core.tracking.sampling``.

        Args:
            run_ids: whose.
            key: which metric.
            limit: at least 1.
            span: only the steps from the first to the second, both included.
        """
        ...

    def add_inputs(self, run_id: str, datasets: Sequence[DatasetInput], model_ids: Sequence[str]) -> int:
        """Note data sets and models that the run used; those noted already are kept once.

        Returns how many data sets and models are noted with the run now.
        """
        ...

    def add_outputs(self, run_id: str, models: Sequence[ModelOutput]) -> int:
        """Note models that the run produced; those noted already are kept once.

        Returns how many data sets and models are noted with the run now.
        """
        ...


class LoggedModels(Protocol):
    """Logged models by id."""

    def add(self, model: LoggedModel) -> None:
        """Store a new one with tags and parameters.

        Raises:
            ConflictError: the id is taken.
        """
        ...

    def get(
        self, model_ids: Sequence[str], *, deleted: bool = False, bare: bool = False
    ) -> tuple[LoggedModel, ...]:
        """Return those of the ids that there are, in the order asked.

        Args:
            model_ids: of the models.
            deleted: deleted ones too.
            bare: without tags, parameters and metrics, which takes one question instead of four.
        """
        ...

    def finish(self, model_id: str, status: LoggedModelStatus, message: str, at_ms: int) -> None:
        """Set the status."""
        ...

    def annotate(self, model_id: str, tags: Mapping[str, str], params: Mapping[str, str]) -> None:
        """Set tags, add parameters; what is there and not named stays."""
        ...

    def remove_tag(self, model_id: str, key: str) -> bool:
        """Take a tag away; tell whether it was there."""
        ...

    def delete(self, model_id: str, at_ms: int) -> None:
        """Hide it for ever."""
        ...

    def search(self, experiment_ids: Sequence[int], search: Search) -> Page[LoggedModel]:
        """Return a page; newest first unless ordered otherwise.

        Raises:
            BadInputError: the cursor is not one of ours.
        """
        ...


class Files(Protocol):
    """The tree of files of runs and logged models."""

    def put(self, file: StoredFile) -> StoredFile | None:
        """Store the name; return what it named before.

        Raises:
            ConflictError: a folder has that name, or a file has the name of one of its folders.
            RefusedError: it is more than the quota of the team allows; nothing was written.
        """
        ...

    def get(self, path: str) -> StoredFile | None:
        """Return the file of that name."""
        ...

    def under(self, folder: str) -> tuple[StoredFile, ...]:
        """Return every file below a folder ("" for the root), by path."""
        ...

    def listing(self, folder: str) -> tuple[Entry, ...]:
        """Return what lies directly in a folder, by path; nothing when there is no such folder."""
        ...

    def holding(self, digests: Collection[Digest], teams: tuple[str, ...]) -> frozenset[Digest]:
        """Return those of the digests that a file of an experiment of these teams has.

        Args:
            digests: any number.
            teams: whose; ``("*",)`` means all.
        """
        ...

    def remove(self, paths: Sequence[str]) -> None:
        """Take names away; the bytes stay as long as something else names them."""
        ...


class KeptFiles(Protocol):
    """Names of files that do not change, because versions were made from them."""

    def freeze(self, paths: Mapping[str, Digest], holder: str) -> None:
        """Keep these names as they are, because ``holder`` (a version's address) was made from them.

        Several may hold the same name.
        """
        ...

    def release(self, holder: str) -> None:
        """Let go of the names that ``holder`` kept; those that another one holds stay as they are."""
        ...

    def frozen(self, path: str) -> str:
        """Return which version keeps this name, or a name below it, from changing; "" for none."""
        ...
