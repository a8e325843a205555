"""Logged models: written down by training code, finished, described, found, put away."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from assay.core.access import Action, Caller
from assay.core.errors import BadInputError, NotFoundError, Reason
from assay.core.instants import milliseconds
from assay.core.search import Page
from assay.core.tracking.files import model_root
from assay.core.tracking.keys import MAX_RUN_TAG_LENGTH, check_key, check_value
from assay.core.tracking.logged_models import LoggedModel, LoggedModelStatus, check_logged_model_name
from assay.core.tracking.run_names import name_for
from assay.core.tracking.runs import check_params
from assay.core.tracking.searches import Search
from assay.usecases.means import Act, Means
from assay.usecases.tracking.places import (
    find_experiment,
    find_logged_model,
    find_run,
    readable_experiments,
    require_active,
)


@dataclass(frozen=True, slots=True)
class NewLoggedModel:
    """What a logged model begins with; without a name it is given one."""

    experiment_id: int
    name: str = ""
    source_run_id: str = ""
    model_type: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)


class LoggedModels:
    """Keeps logged models."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means

    def create(self, caller: Caller, wanted: NewLoggedModel) -> LoggedModel:
        """Write a model down; its files follow. A run that it comes from is one that the caller may read.

        Raises:
            BadInputError: a name, tag or parameter breaks a rule, or the experiment is deleted.
            DeniedError, NotFoundError: the caller may not, or there is no such experiment or run.
        """
        first, second = self._means.chance.token_parts()[0], self._means.chance.token_parts()[0]
        model_id = f"m-{first}{second}"
        name = check_logged_model_name(wanted.name) if wanted.name else name_for(int(second, 16))
        check_words(wanted.tags)
        check_params(wanted.params)
        with self._means.database.write() as records:
            experiment = find_experiment(records, caller, wanted.experiment_id, Action.TRACK)
            require_active("experiment", experiment.id, deleted=experiment.deleted)
            if wanted.source_run_id:
                find_run(records, caller, wanted.source_run_id, Action.READ)
            at_ms = milliseconds(self._means.clock.now())
            model = LoggedModel(
                id=model_id,
                experiment_id=experiment.id,
                name=name,
                artifact_root=model_root(experiment.artifact_root, model_id),
                created_at_ms=at_ms,
                updated_at_ms=at_ms,
                model_type=wanted.model_type,
                source_run_id=wanted.source_run_id,
                tags=dict(wanted.tags),
                params=dict(wanted.params),
            )
            records.logged_models.add(model)
            return model

    def get(self, caller: Caller, model_id: str) -> LoggedModel:
        """Show one.

        Raises:
            NotFoundError: there is none, or the caller may not know of it.
        """
        with self._means.database.read() as records:
            return find_logged_model(records, caller, model_id, Action.READ)

    def search(self, caller: Caller, experiment_ids: tuple[int, ...], search: Search) -> Page[LoggedModel]:
        """Look for logged models of some experiments; those the caller may not know of hold none.

        Raises:
            BadInputError: the cursor is not one of ours.
        """
        with self._means.database.read() as records:
            readable = readable_experiments(records, caller, experiment_ids)
            return records.logged_models.search(readable, search) if readable else Page(())

    def finish(
        self, caller: Caller, model_id: str, status: LoggedModelStatus, message: str = ""
    ) -> LoggedModel:
        """Say that the files are all there, or that they never will be.

        Raises:
            DeniedError, NotFoundError: the caller may not, or there is none.
        """
        check_value(message, "status_message", MAX_RUN_TAG_LENGTH)
        with self._means.database.write() as records:
            find_logged_model(records, caller, model_id, Action.TRACK)
            records.logged_models.finish(model_id, status, message, milliseconds(self._means.clock.now()))
            return find_logged_model(records, caller, model_id, Action.TRACK)

    def set_tags(self, caller: Caller, model_id: str, tags: Mapping[str, str]) -> LoggedModel:
        """Set tags; others stay.

        Raises:
            BadInputError: a key or value breaks a rule.
            DeniedError, NotFoundError: the caller may not, or there is none.
        """
        check_words(tags)
        with self._means.database.write() as records:
            find_logged_model(records, caller, model_id, Action.TRACK)
            records.logged_models.annotate(model_id, tags, {})
            return find_logged_model(records, caller, model_id, Action.TRACK)

    def remove_tag(self, caller: Caller, model_id: str, key: str) -> None:
        """Take a tag away.

        Raises:
            DeniedError, NotFoundError: the caller may not, there is none, or it has no such tag.
        """
        with self._means.database.write() as records:
            find_logged_model(records, caller, model_id, Action.TRACK)
            if not records.logged_models.remove_tag(model_id, key):
                raise NotFoundError(f"No tag with key {key[:250]!r} found for model with ID {model_id!r}.")

    def log_params(self, caller: Caller, model_id: str, params: Mapping[str, str]) -> None:
        """Add parameters; one that was said before never changes.

        Raises:
            BadInputError: a rule is broken, or a parameter would change.
            DeniedError, NotFoundError: the caller may not, or there is none.
        """
        check_params(params)
        with self._means.database.write() as records:
            model = find_logged_model(records, caller, model_id, Action.TRACK)
            changed = [key for key, value in params.items() if model.params.get(key, value) != value]
            if changed:
                message = f"Changing param values is not allowed: {changed[0]!r} of the model {model_id}"
                raise BadInputError(message, [Reason(key, "a parameter never changes") for key in changed])
            records.logged_models.annotate(model_id, {}, params)

    def delete(self, caller: Caller, model_id: str) -> None:
        """Put a logged model away for ever; versions registered from it stay whole.

        Doing it twice changes nothing.

        Raises:
            DeniedError, NotFoundError: the caller may not, or there never was one.
        """
        with self._means.database.write() as records:
            model = find_logged_model(records, caller, model_id, Action.TRACK, deleted=True)
            if model.deleted_at_ms is not None:
                return
            now = self._means.clock.now()
            records.logged_models.delete(model_id, milliseconds(now))
            Act(records, caller.name, now).note("logged_model.delete", f"logged_model:{model_id}")


def check_words(tags: Mapping[str, str]) -> None:
    """Check the tags of a logged model.

    Raises:
        BadInputError: the first that breaks a rule.
    """
    for key, value in tags.items():
        check_key(key)
        check_value(value, "value", MAX_RUN_TAG_LENGTH)
