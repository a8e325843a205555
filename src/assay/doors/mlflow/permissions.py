"""Permissions of users on resources: the per-user routes of 3.x, and the per-resource ones of 2.x."""

from typing import Any, Final

from assay.core.errors import ConflictError
from assay.core.levels import Level
from assay.core.outside_names import shown_in
from assay.doors.mlflow.errors import already_exists
from assay.doors.mlflow.experiments import experiment_number
from assay.doors.mlflow.levels import asked_level, asked_thing, level_shown, resource_of, shown_level
from assay.doors.mlflow.model_names import asked_name
from assay.doors.mlflow.roles import shown_permission
from assay.doors.mlflow.route import Call, Route
from assay.doors.mlflow.user_numbers import user_id
from assay.usecases.permissions import Kind, Thing


def grant(call: Call) -> dict[str, Any]:
    """Let a user have a permission on a resource."""
    fields = call.fields
    name, level = fields.needed("username"), asked_level(fields.needed("permission"))
    call.use.permissions.give(call.caller, name, _resource(call), level)
    return {}


def revoke(call: Call) -> dict[str, Any]:
    """Take away what a user was granted on just this resource."""
    call.use.permissions.take(call.caller, call.fields.needed("username"), _resource(call))
    return {}


def get(call: Call) -> dict[str, Any]:
    """Say what a user may do with a resource, whatever it comes from."""
    level = call.use.permissions.level(call.caller, call.fields.needed("username"), _resource(call))
    return {"allowed": level in (Level.EDIT, Level.MANAGE), "permission": shown_level(level)}


def listed(call: Call) -> dict[str, Any]:
    """Show every permission of a user."""
    return _all(call, call.fields.needed("username"))


def current(call: Call) -> dict[str, Any]:
    """Show every permission of who asks."""
    return _all(call, call.caller.name)


def create_on_experiment(call: Call) -> dict[str, Any]:
    """Answer for an experiment: what its team gives already is there, and no more can be given."""
    name, thing = _user_and_experiment(call)
    level = asked_level(call.fields.needed("permission"))
    call.use.permissions.give(call.caller, name, thing, level, again=False)
    return {"experiment_permission": _on_experiment(name, thing, level)}


def get_on_experiment(call: Call) -> dict[str, Any]:
    """Show what a user may do with an experiment."""
    name, thing = _user_and_experiment(call)
    level = call.use.permissions.own(call.caller, name, thing)
    return {"experiment_permission": _on_experiment(name, thing, level)}


def update_on_experiment(call: Call) -> dict[str, Any]:
    """As for creating."""
    name, thing = _user_and_experiment(call)
    level = asked_level(call.fields.needed("permission"))
    call.use.permissions.give(call.caller, name, thing, level, again=True)
    return {}


def delete_on_experiment(call: Call) -> dict[str, Any]:
    """Say that there is none, or that it comes with the team."""
    call.use.permissions.take(call.caller, *_user_and_experiment(call))
    return {}


def create_on_model(call: Call) -> dict[str, Any]:
    """Grant on a model for the first time.

    Raises:
        BadInputError: a field is missing or wrong.
        ForeignError: there is a permission already.
    """
    name, thing = _user_and_model(call)
    level = asked_level(call.fields.needed("permission"))
    try:
        call.use.permissions.give(call.caller, name, thing, level, again=False)
    except ConflictError as error:
        raise already_exists(error.message) from error
    return {"registered_model_permission": _on_model(call, name, thing, level)}


def get_on_model(call: Call) -> dict[str, Any]:
    """Show what a user was granted on a model."""
    name, thing = _user_and_model(call)
    level = call.use.permissions.own(call.caller, name, thing)
    return {"registered_model_permission": _on_model(call, name, thing, level)}


def update_on_model(call: Call) -> dict[str, Any]:
    """Change what was granted."""
    name, thing = _user_and_model(call)
    level = asked_level(call.fields.needed("permission"))
    call.use.permissions.give(call.caller, name, thing, level, again=True)
    return {}


def delete_on_model(call: Call) -> dict[str, Any]:
    """Take away what was granted."""
    call.use.permissions.take(call.caller, *_user_and_model(call))
    return {}


def _resource(call: Call) -> Thing:
    return asked_thing(call, call.fields.needed("resource_type"), call.fields.needed("resource_id"))


def _all(call: Call, name: str) -> dict[str, Any]:
    person = call.use.people.get(call.caller, name)
    number = user_id(name)
    own = [
        {
            "role_id": number,
            "role_name": f"__user_{number}__",
            **resource_of(call, each.pattern),
            "permission": level_shown(each),
        }
        for each in person.grants
    ]
    through = [
        {
            "role_name": group.name,
            "workspace": group.team,
            **{key: value for key, value in shown_permission(call, group, each).items() if key != "id"},
        }
        for group in person.groups
        for each in group.grants
    ]
    return {"is_admin": person.is_admin, "permissions": [*own, *through]}


def _user_and_experiment(call: Call) -> tuple[str, Thing]:
    name, number = call.fields.needed("username"), experiment_number(call.fields.needed("experiment_id"))
    return name, Thing(Kind.EXPERIMENT, call.team, str(number), f"experiment '{number}'")


def _user_and_model(call: Call) -> tuple[str, Thing]:
    model = asked_name(call)
    words = f"registered_model '{shown_in(call.team, model)[:200]}'"
    return call.fields.needed("username"), Thing(Kind.MODEL, call.team, model, words)


def _on_experiment(name: str, thing: Thing, level: Level) -> dict[str, Any]:
    return {"experiment_id": thing.name, "user_id": user_id(name), "permission": shown_level(level)}


def _on_model(call: Call, name: str, thing: Thing, level: Level) -> dict[str, Any]:
    return {
        "workspace": call.team,
        "name": shown_in(call.team, thing.name),
        "user_id": user_id(name),
        "permission": shown_level(level),
    }


_USERS: Final = "3.0/mlflow/users/"
_EXPERIMENTS: Final = "2.0/mlflow/experiments/permissions/"
_MODELS: Final = "2.0/mlflow/registered-models/permissions/"
ROUTES: Final = (
    Route("POST", _USERS + "permissions/grant", grant),
    Route("POST", _USERS + "permissions/revoke", revoke),
    Route("GET", _USERS + "permissions/get", get),
    Route("GET", _USERS + "permissions/list", listed),
    Route("GET", _USERS + "current/permissions", current),
    Route("POST", _EXPERIMENTS + "create", create_on_experiment),
    Route("GET", _EXPERIMENTS + "get", get_on_experiment),
    Route("PATCH", _EXPERIMENTS + "update", update_on_experiment),
    Route("DELETE", _EXPERIMENTS + "delete", delete_on_experiment),
    Route("POST", _MODELS + "create", create_on_model),
    Route("GET", _MODELS + "get", get_on_model),
    Route("PATCH", _MODELS + "update", update_on_model),
    Route("DELETE", _MODELS + "delete", delete_on_model),
)
