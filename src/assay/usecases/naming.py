"""Which model a name outside may come to mean, and who may change that.

Whoever loads ``models:/team.task@production`` says a name, so a name must not come to lead around a
gate. While a model lives, the names by which it was known since one of its versions was in a guarded
stage are kept for it; no model that was guarded comes under another policy by a new name; and a name is
taken by who has the right on the address that it stands for.
"""

from typing import Final

from assay.core.access import Action, Caller, require
from assay.core.errors import BadInputError, Reason, RefusedError
from assay.core.names import Address, ModelName
from assay.core.outside_names import check_new_name, model_for, seeming_team
from assay.core.policies import StoredPolicy
from assay.core.ports import Records
from assay.core.stages import GUARDED
from assay.core.teams import teams_in
from assay.core.versions import Model
from assay.usecases.means import Act, policy_of
from assay.usecases.teams import known_teams

_KEEP: Final = "name.keep"


def check_taking(records: Records, model: ModelName, name: str) -> None:
    """Check that the model at an address, which may be new, may be known by ``name``.

    Raises:
        BadInputError: the name would look like another one.
        RefusedError: the name is kept for another model, looks like one of another team, or one policy
            speaks of just the address and another of just the name.
    """
    check_new_name(name)
    _check_team(records, model, name)
    if is_kept(records, name, model):
        rule = "is kept for a model that was known by it and has been in Staging or Production"
        hint = "take another name, or rename that model back; the name is free when it is deleted"
        raise RefusedError(f"the name {name} is kept", [Reason("name", rule, name)], hint=hint)
    meant = model_for(name)
    exact = {each.policy.applies_to for each in records.policies.current()} & {meant, model}
    if len(exact) > 1:
        rule = f"has a policy of its own, and so has {model}, the address of the model"
        hint = "take another name, or let an admin set one policy for both"
        raise RefusedError(f"{model} cannot be known as {name}", [Reason("name", rule)], hint=hint)


def _check_team(records: Records, model: ModelName, name: str) -> None:
    team = seeming_team(name)
    if team in ("", model.team):
        return
    patterns = [each.policy.applies_to for each in records.policies.current()]
    if team in known_teams(records) or team in teams_in(patterns):
        rule = f"begins with the name of a team, {team}, and would be a model of {model.team}"
        hint = f"write {team}/ before the name for a model of {team}, or take a name without a dot there"
        raise RefusedError(f"{name} would be taken for a model of {team}", [Reason("name", rule)], hint=hint)


def is_kept(records: Records, name: str, model: ModelName | None = None) -> bool:
    """Tell whether a name is kept for a model that lives, other than the one at ``model``."""
    return any(kept != model and records.models.get(kept) is not None for kept in _kept_for(records, name))


def check_renaming(records: Records, caller: Caller, model: Model, name: str) -> None:
    """Check that the caller may let ``model`` be known by ``name`` from now on.

    Raises:
        BadInputError: the name means another team, or would look like another one.
        DeniedError, NotFoundError: the caller may not describe the model, create one of the new name,
            or move the stages that versions of the model stand in, under both names.
        RefusedError: see :func:`check_taking`; or the model was guarded, and another policy would.
    """
    require(caller, Action.ANNOTATE, model.name)
    meant = model_for(name)
    if meant.team != model.name.team:
        rule = f"must stay in the team {model.name.team}: rights and policies are the team's"
        raise BadInputError.of("new_name", rule, repr(name)[:100])
    if name == model.known_as:
        return
    if meant != model.name:
        require(caller, Action.CREATE_MODEL, meant)
    for stage in GUARDED:
        held = records.versions.resolve(Address(model.name, alias=stage.value.lower()))
        if held is not None and held.stage is stage:
            require(caller, Action.CHANGE_STAGE, model.name, stage)
            require(caller, Action.CHANGE_STAGE, meant, stage)
    check_taking(records, model.name, name)
    before, after = policy_of(records, model.name), policy_of(records, model.name, name)
    if _pattern(before) != _pattern(after) and _was_guarded(records, model.name):
        rule = f"comes under the policy {_pattern(after)}; the model was judged by {_pattern(before)}"
        hint = "take a name that the same policy speaks of"
        raise RefusedError(
            f"{model.known_as} cannot be known as {name}: the policy would be another",
            [Reason("new_name", rule)],
            hint=hint,
        )


def keep_name(act: Act, model: Model) -> None:
    """Keep the name that a model is about to lose for it, where versions under it were guarded."""
    if _was_guarded(act.records, model.name):
        act.note(_KEEP, _subject(model.known_as), after={"model": model.name})


def _kept_for(records: Records, name: str) -> set[ModelName]:
    """Return the models that a name was taken from after they were guarded, as the log has it."""
    subject, found, after_seq = _subject(name), set[ModelName](), 0
    while page := records.audit.read(after_seq, subject=subject):
        after_seq = page[-1].seq
        found |= {
            ModelName((each.after or {})["model"])
            for each in page
            if each.verb == _KEEP and each.subject == subject
        }
    return found


def _subject(name: str) -> str:
    return f"name:{name}"


def _was_guarded(records: Records, model: ModelName) -> bool:
    return any(move.target in GUARDED for move in records.stages.history(model))


def _pattern(stored: StoredPolicy | None) -> str:
    return stored.policy.applies_to if stored else ""
