"""Registered models, as MLflow's protocol has them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from assay.core.errors import BadInputError, ConflictError, DeniedError, NotFoundError, Reason
from assay.core.instants import milliseconds
from assay.core.names import reads_as_version
from assay.core.outside_names import says_team, shown_in
from assay.core.prompts import is_prompt
from assay.core.search import ModelOverview
from assay.core.tracking.filters import parse_filter, parse_order
from assay.core.tracking.searches import Search
from assay.core.tracking.vocabularies import REGISTERED_MODELS
from assay.core.versions import Model
from assay.doors.mlflow.errors import already_exists, named, workspace_of
from assay.doors.mlflow.experiments import page_size, pairs, token
from assay.doors.mlflow.model_names import (
    alias_text,
    asked_name,
    asked_stage_text,
    check_model_tag,
    meant_name,
    slash_hint,
    within,
)
from assay.doors.mlflow.route import Answer, Call, Route
from assay.doors.mlflow.stage_moves import point_alias, remove_alias
from assay.doors.mlflow.versions_asked import named_version
from assay.doors.mlflow.versions_shown import shown_version
from assay.http.threads import Work
from assay.wire.requests import Annotation

MAX_PAGE: Final = 1000


def create(call: Call) -> dict[str, Any]:
    """Create a model.

    Raises:
        DeniedError: the caller may not; who may in another team is told how to name a model there.
        ForeignError: the name is taken.
    """
    fields = call.fields
    name, tags = fields.needed("name"), fields.pairs("tags")
    for key, value in tags.items():
        check_model_tag(key, value)
    try:
        made = call.use.outside.create(call.caller, call.team, name, fields.text("description"), tags)
    except ConflictError as error:
        raise already_exists(_taken(call, name, tags)) from error
    except DeniedError as error:
        raise _denied(name, error) from error
    return {"registered_model": shown(call.team, ModelOverview(made, (), {}))}


def get(call: Call) -> dict[str, Any]:
    """Show a model with the newest version of each stage."""
    return {"registered_model": shown(call.team, call.use.outside.overview(call.caller, asked_name(call)))}


def rename(call: Call) -> dict[str, Any]:
    """Let a model be known by another name.

    Raises:
        ForeignError: the name is taken.
    """
    name, new_name = asked_name(call), meant_name(call.team, call.fields.needed("new_name"))
    try:
        model = call.use.outside.rename(call.caller, name, new_name)
    except ConflictError as error:
        raise already_exists(error.message) from error
    return {"registered_model": _complete(call, model)}


def update(call: Call) -> dict[str, Any]:
    """Describe; without a description nothing changes."""
    change = Annotation(call.fields.text("description") if call.fields.has("description") else None)
    model = call.use.outside.annotate(call.caller, asked_name(call), change)
    return {"registered_model": _complete(call, model)}


def delete(call: Call) -> dict[str, Any]:
    """Delete a model with its versions."""
    call.use.outside.delete(call.caller, asked_name(call))
    return {}


def search(call: Call) -> dict[str, Any]:
    """Look for models."""
    fields = call.fields
    wanted = Search(
        condition=within(call.team, parse_filter(fields.text("filter"), REGISTERED_MODELS)),
        order=parse_order(fields.texts("order_by"), REGISTERED_MODELS),
        limit=page_size(fields, MAX_PAGE, 100, by_type=True),
        cursor=fields.text("page_token"),
    )
    page = call.use.outside.search_models(call.caller, wanted, call.team)
    found = {"registered_models": [shown(call.team, each) for each in page.items]} if page.items else {}
    return found | token(page.next_cursor)


def latest_versions(call: Call) -> dict[str, Any]:
    """Give the newest version of each stage asked for; a semantic version as a stage means that version.

    Raises:
        BadInputError, NotFoundError: there is no such stage or model; ``models:/team/task``, which clients
            take for a stage ``task`` of a model ``team``, is told how it is written.
    """
    name, texts = asked_name(call), call.fields.texts("stages")
    try:
        return _latest_versions(call, name, texts)
    except (BadInputError, NotFoundError) as error:
        hint = slash_hint(call.fields.text("name"), texts)
        if not hint:
            raise
        raise type(error)(error.message, error.reasons, hint=hint) from error


def _latest_versions(call: Call, name: str, texts: Sequence[str]) -> dict[str, Any]:
    model = call.use.outside.model(call.caller, name)
    stages, found = [], []
    for text in texts:
        stage, version = asked_stage_text(text)
        if stage is not None:
            stages.append(stage)
        elif version.startswith("@"):
            found.append(call.use.outside.at_alias(call.caller, name, version[1:]))
        else:
            found.append(named_version(call, name, version))
    if stages or not texts:
        found += call.use.outside.latest(call.caller, name, stages)
    listed = [shown_version(call.team, model.known_as, each) for each in found]
    return {"model_versions": listed} if listed else {}


def set_tag(call: Call) -> dict[str, Any]:
    """Set a tag."""
    key, value = check_model_tag(call.fields.needed("key"), call.fields.text("value"))
    call.use.outside.annotate(call.caller, asked_name(call), Annotation(tags={key: value}))
    return {}


def delete_tag(call: Call) -> dict[str, Any]:
    """Take a tag away; one that is not there is gone already."""
    name, key = asked_name(call), call.fields.needed("key")
    if key in call.use.outside.model(call.caller, name).tags:
        call.use.outside.annotate(call.caller, name, Annotation(tags={key: None}))
    return {}


def set_alias(call: Call) -> Answer:
    """Point an alias at a version; the name of a stage asks for a promotion."""
    alias = alias_text(call.fields.needed("alias"))
    return point_alias(call, asked_name(call), alias)


def delete_alias(call: Call) -> Answer:
    """Take an alias away; the name of a stage takes the version out of it."""
    return remove_alias(call, asked_name(call), call.fields.needed("alias"))


def get_by_alias(call: Call) -> dict[str, Any]:
    """Show the version at an alias.

    Raises:
        BadInputError: a field is missing, or the alias points nowhere.
    """
    name, alias = asked_name(call), call.fields.needed("alias")
    model = call.use.outside.model(call.caller, name)
    try:
        found = call.use.outside.at_alias(call.caller, name, alias)
    except NotFoundError as error:
        if not reads_as_version(alias):
            message = f"Registered model alias {alias[:255]} not found."
            raise BadInputError(message, [Reason("alias", "points nowhere")]) from error
        # models:/name@v2.1.0 is how the client writes a semantic version
        found = named_version(call, name, alias)
    return {"model_version": shown_version(call.team, model.known_as, found)}


def shown(team: str, overview: ModelOverview) -> dict[str, Any]:
    """Return a model as the protocol shows it to a client that works in ``team``."""
    model = overview.model
    listed = [shown_version(team, model.known_as, each) for each in overview.latest]
    pointed = [{"alias": alias, "version": str(number)} for alias, number in overview.aliases.items()]
    return {
        "name": shown_in(team, model.known_as),
        "creation_timestamp": milliseconds(model.created_at),
        "last_updated_timestamp": milliseconds(model.changed_at or model.created_at),
        **({"description": model.description} if model.description else {}),
        **({"latest_versions": listed} if listed else {}),
        **pairs("tags", model.tags),
        **({"aliases": pointed} if pointed else {}),
    }


def _taken(call: Call, name: str, tags: Mapping[str, str]) -> str:
    """Say what a name belongs to: models and prompts have theirs in common."""
    there = call.use.outside.model(call.caller, meant_name(call.team, name))
    wanted, found = ("Prompt" if is_prompt(each) else "Registered Model" for each in (tags, there.tags))
    if wanted == found:
        return f"{wanted} (name={name}) already exists."
    return (
        f"Tried to create a {wanted.lower()} with name {name!r}, but the name is already taken by a "
        f"{found.lower()}. MLflow does not allow creating a model and a prompt with the same name."
    )


def _denied(name: str, error: DeniedError) -> DeniedError:
    """Say to who may create models in other teams how they are named there."""
    if not error.teams or says_team(name):
        return DeniedError(error.message, error.reasons, hint=error.hint)
    dotted = f"{error.teams[0]}.{name}"
    called = f"call it {dotted}, or " if says_team(dotted) else ""
    hint = f"you may create models in {named(error.teams)}: {called}{workspace_of(error.teams)}"
    return DeniedError(error.message, error.reasons, hint=hint)


def _complete(call: Call, model: Model) -> dict[str, Any]:
    return shown(call.team, call.use.outside.completed(model))


_BASE: Final = "2.0/mlflow/registered-models/"
ROUTES: Final = (
    Route("POST", _BASE + "create", create),
    Route("GET", _BASE + "get", get, does=Work.LOOK),
    Route("POST", _BASE + "rename", rename),
    Route("PATCH", _BASE + "update", update),
    Route("DELETE", _BASE + "delete", delete),
    Route("GET", _BASE + "search", search, does=Work.SEARCH),
    Route("POST", _BASE + "search", search, does=Work.SEARCH),
    Route("POST", _BASE + "get-latest-versions", latest_versions),
    Route("GET", _BASE + "get-latest-versions", latest_versions),
    Route("POST", _BASE + "set-tag", set_tag),
    Route("DELETE", _BASE + "delete-tag", delete_tag),
    Route("POST", _BASE + "alias", set_alias),
    Route("GET", _BASE + "alias", get_by_alias, does=Work.LOOK),
    Route("DELETE", _BASE + "alias", delete_alias),
)
