"""Finding experiments, runs and logged models for a caller: what every verb of tracking begins with."""

from collections.abc import Collection

from assay.core.access import Action, Caller, may_in_team, require_in_team
from assay.core.errors import BadInputError, NotFoundError, Reason
from assay.core.outside_names import DEFAULT_TEAM
from assay.core.ports import Records
from assay.core.tracking.experiments import Experiment
from assay.core.tracking.logged_models import LoggedModel
from assay.core.tracking.runs import Run
from assay.core.tracking.searches import MAX_PLACES, check_count


def find_experiment(records: Records, caller: Caller, experiment_id: int, action: Action) -> Experiment:
    """Return an experiment, deleted or not, in which the caller may do ``action``.

    Raises:
        NotFoundError: it does not exist, or the caller may not know of it; both look the same.
        DeniedError: the caller may read, but not do this.
    """
    experiment = records.experiments.get(experiment_id)
    if experiment is None or not may_in_team(caller, Action.READ, experiment.team):
        # Where clients log when nobody chose an experiment. It is there, or will be: nothing is told by this.
        hint = f"experiment 0 is the team {DEFAULT_TEAM}'s: create one in a team of yours, and log to that"
        raise NotFoundError(
            f"No Experiment with id={experiment_id} exists", hint="" if experiment_id else hint
        )
    require_in_team(caller, action, experiment.team)
    return experiment


def find_run(records: Records, caller: Caller, run_id: str, action: Action) -> Run:
    """Return a run, deleted or not, with which the caller may do ``action``.

    Raises:
        NotFoundError: it does not exist, or the caller may not know of it.
        DeniedError: the caller may read, but not do this.
    """
    found = records.runs.find_in_team(run_id)
    if found is None or not may_in_team(caller, Action.READ, found[1]):
        raise NotFoundError(f"Run with id={run_id[:300]} not found")
    run, team = found
    require_in_team(caller, action, team)
    return run


def find_logged_model(
    records: Records, caller: Caller, model_id: str, action: Action, *, deleted: bool = False
) -> LoggedModel:
    """Return a logged model with which the caller may do ``action``; a ``deleted`` one only if wanted.

    Raises:
        NotFoundError: it does not exist, or the caller may not know of it.
        DeniedError: the caller may read, but not do this.
    """
    model = next(iter(records.logged_models.get([model_id], deleted=deleted)), None)
    experiment = None if model is None else records.experiments.get(model.experiment_id)
    if model is None or experiment is None or not may_in_team(caller, Action.READ, experiment.team):
        raise _no_logged_model(model_id)
    require_in_team(caller, action, experiment.team)
    return model


def require_on_models(
    records: Records, caller: Caller, action: Action, model_ids: Collection[str], run: Run
) -> None:
    """Let the caller do ``action`` with these logged models, also with deleted ones.

    What holds for ``run`` is known to hold for the models of its experiment.

    Raises:
        NotFoundError: one of them does not exist, or the caller may not know of it.
        DeniedError: the caller may read one of them, but not do this.
    """
    found = {each.id: each for each in records.logged_models.get([*model_ids], deleted=True, bare=True)}
    for model_id in model_ids:
        model = found.get(model_id)
        if model is not None and model.experiment_id == run.experiment_id:
            continue
        experiment = None if model is None else records.experiments.get(model.experiment_id)
        if experiment is None or not may_in_team(caller, Action.READ, experiment.team):
            raise _no_logged_model(model_id)
        require_in_team(caller, action, experiment.team)


def _no_logged_model(model_id: str) -> NotFoundError:
    return NotFoundError(f"Logged model with ID '{model_id[:300]}' not found.")


def readable_experiments(
    records: Records, caller: Caller, experiment_ids: tuple[int, ...]
) -> tuple[int, ...]:
    """Keep the experiments that exist and that the caller may read.

    Raises:
        BadInputError: more than a search may name.
    """
    check_count("experiment_ids", len(experiment_ids), MAX_PLACES)
    wanted = tuple(dict.fromkeys(experiment_ids))
    teams = records.owners.teams(wanted)
    readable = {team for team in set(teams.values()) if may_in_team(caller, Action.READ, team)}
    return tuple(each for each in wanted if teams.get(each) in readable)


def require_active(what: str, name: str | int, *, deleted: bool) -> None:
    """Refuse to write to something deleted.

    Raises:
        BadInputError: it is.
    """
    if deleted:
        message = f"The {what} {name} must be in the 'active' state. Current state is deleted."
        raise BadInputError(message, [Reason(what, "must be active; restore it first")])


def require_run_active(run: Run) -> None:
    """Refuse to write to a deleted run.

    Raises:
        BadInputError: it is deleted.
    """
    require_active("run", run.id, deleted=run.deleted_at_ms is not None)
