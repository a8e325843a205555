"""Users, as MLflow's auth app has them: the principals of this registry who were not let go."""

from typing import Any, Final

from assay.core.errors import BadInputError, ConflictError
from assay.doors.mlflow.errors import already_exists
from assay.doors.mlflow.fields import Fields
from assay.doors.mlflow.levels import level_shown, resource_of
from assay.doors.mlflow.roles import shown_role
from assay.doors.mlflow.route import Call, Route
from assay.doors.mlflow.user_numbers import user_id
from assay.usecases.people import Person


def create(call: Call) -> dict[str, Any]:
    """Make a person known."""
    name, password = call.fields.needed("username"), _secret(call.fields, "password")
    try:
        made = call.use.people.create(call.caller, name, password)
    except ConflictError as error:
        raise already_exists(f"{error.message}. {error.hint}" if error.hint else error.message) from error
    return {"user": shown(call, made)}


def get(call: Call) -> dict[str, Any]:
    """Show one."""
    return {"user": shown(call, call.use.people.get(call.caller, call.fields.needed("username")))}


def listed(call: Call) -> dict[str, Any]:
    """Show everybody, with their roles."""
    return {
        "users": [
            {
                "id": user_id(each.name),
                "username": each.name,
                "is_admin": each.is_admin,
                "roles": [shown_role(call, group) for group in each.groups],
            }
            for each in call.use.people.all(call.caller)
        ]
    }


def current(call: Call) -> dict[str, Any]:
    """Show who asks."""
    me = call.use.people.get(call.caller, call.caller.name)
    user = {"id": user_id(me.name), "username": me.name, "is_admin": me.is_admin}
    return {"user": user, "is_basic_auth": True}


def update_password(call: Call) -> dict[str, Any]:
    """Change a password."""
    fields = call.fields
    name, password = fields.needed("username"), _secret(fields, "password")
    current = _secret(fields, "current_password") if fields.raw("current_password") else ""
    call.use.people.set_password(call.caller, name, password, current)
    return {}


def update_admin(call: Call) -> dict[str, Any]:
    """Make somebody an admin, or take that away.

    Raises:
        BadInputError: a field is missing, or somebody asks it of themselves.
    """
    name = call.fields.needed("username")
    if not call.fields.has("is_admin"):
        raise call.fields.missing("is_admin")
    call.use.people.set_admin(call.caller, name, admin=call.fields.flag("is_admin"))
    return {}


def delete(call: Call) -> dict[str, Any]:
    """Let somebody go."""
    call.use.people.remove(call.caller, call.fields.needed("username"))
    return {}


def shown(call: Call, person: Person) -> dict[str, Any]:
    """Return a person as the protocol shows a user.

    Older clients also want the permissions on single resources; single experiments have none here.
    """
    grants = [each for each in person.grants if not each.pattern.endswith("*")]
    resources = [(each, resource_of(call, each.pattern)) for each in grants]
    return {
        "id": user_id(person.name),
        "username": person.name,
        "is_admin": person.is_admin,
        "experiment_permissions": [],
        "registered_model_permissions": [
            {
                "workspace": resource["workspace"],
                "name": resource["resource_pattern"],
                "user_id": user_id(person.name),
                "permission": level_shown(grant),
            }
            for grant, resource in resources
        ],
    }


def _secret(fields: Fields, name: str) -> str:
    """Return a text that no error may repeat."""
    value = fields.raw(name)
    if value in (None, ""):
        raise fields.missing(name)
    if not isinstance(value, str):
        raise BadInputError.of(name, "must be a text")
    return value


_BASE: Final = "2.0/mlflow/users/"
ROUTES: Final = (
    Route("POST", _BASE + "create", create),
    Route("GET", _BASE + "get", get),
    Route("GET", _BASE + "list", listed),
    Route("GET", _BASE + "current", current),
    Route("PATCH", _BASE + "update-password", update_password),
    Route("PATCH", _BASE + "update-admin", update_admin),
    Route("DELETE", _BASE + "delete", delete),
)
