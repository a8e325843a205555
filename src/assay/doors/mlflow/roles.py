"""Roles, as MLflow's auth app has them: groups of a team, with the grants they give."""

from typing import Any, Final

from assay.core.errors import BadInputError, ConflictError, Reason
from assay.core.groups import Group, GroupGrant
from assay.core.levels import level_of
from assay.core.outside_names import check_team
from assay.doors.mlflow.errors import already_exists
from assay.doors.mlflow.fields import Fields
from assay.doors.mlflow.levels import asked_level, asked_thing, resource_of, shown_level
from assay.doors.mlflow.route import Call, Route
from assay.doors.mlflow.user_numbers import user_id


def create(call: Call) -> dict[str, Any]:
    """Found a role without permissions."""
    fields = call.fields
    name, team = fields.needed("name"), fields.needed("workspace")
    try:
        made = call.use.groups.create(call.caller, team, name, fields.text("description"))
    except ConflictError as error:
        raise already_exists(error.message) from error
    return {"role": shown_role(call, made)}


def get(call: Call) -> dict[str, Any]:
    """Show one."""
    return {"role": shown_role(call, call.use.groups.get(call.caller, _number(call.fields, "role_id")))}


def listed(call: Call) -> dict[str, Any]:
    """Show those of some workspaces, or all."""
    teams = [check_team(each) for each in call.fields.texts("workspace")]
    return {"roles": [shown_role(call, each) for each in call.use.groups.all(call.caller, teams)]}


def update(call: Call) -> dict[str, Any]:
    """Change name and description.

    Raises:
        BadInputError: neither is given.
        ForeignError: another role of the team has that name.
    """
    fields = call.fields
    name = fields.text("name") if fields.has("name") else None
    description = fields.text("description") if fields.has("description") else None
    if name is None and description is None:
        message = "At least one of 'name' or 'description' must be provided to update a role."
        raise BadInputError(message, [Reason("name", "must be given, or description")])
    try:
        after = call.use.groups.describe(call.caller, _number(fields, "role_id"), name, description)
    except ConflictError as error:
        raise already_exists(error.message) from error
    return {"role": shown_role(call, after)}


def delete(call: Call) -> dict[str, Any]:
    """Take a role away."""
    call.use.groups.delete(call.caller, _number(call.fields, "role_id"))
    return {}


def add_permission(call: Call) -> dict[str, Any]:
    """Give all who have the role a permission."""
    fields = call.fields
    group_id, level = _number(fields, "role_id"), asked_level(fields.needed("permission"))
    thing = asked_thing(call, fields.needed("resource_type"), fields.needed("resource_pattern"))
    made = call.use.groups.add_grant(call.caller, group_id, thing, level)
    return {"role_permission": shown_permission(call, call.use.groups.get(call.caller, group_id), made)}


def update_permission(call: Call) -> dict[str, Any]:
    """Change a permission."""
    level = asked_level(call.fields.needed("permission"))
    number = _number(call.fields, "role_permission_id")
    group, changed = call.use.groups.change_grant(call.caller, number, level)
    return {"role_permission": shown_permission(call, group, changed)}


def remove_permission(call: Call) -> dict[str, Any]:
    """Take a permission out of its role."""
    call.use.groups.remove_grant(call.caller, _number(call.fields, "role_permission_id"))
    return {}


def permissions(call: Call) -> dict[str, Any]:
    """Show the permissions of a role."""
    group = call.use.groups.get(call.caller, _number(call.fields, "role_id"))
    return {"role_permissions": [shown_permission(call, group, each) for each in group.grants]}


def assign(call: Call) -> dict[str, Any]:
    """Give somebody the role.

    Raises:
        BadInputError: a field is missing.
        ForeignError: they have it already.
    """
    name = call.fields.needed("username")
    try:
        group = call.use.groups.join(call.caller, _number(call.fields, "role_id"), name)
    except ConflictError as error:
        raise already_exists(error.message) from error
    return {"assignment": _assignment(group, name)}


def unassign(call: Call) -> dict[str, Any]:
    """Take the role from somebody."""
    name = call.fields.needed("username")
    call.use.groups.leave(call.caller, _number(call.fields, "role_id"), name)
    return {}


def of_user(call: Call) -> dict[str, Any]:
    """Show the roles of somebody."""
    groups = call.use.groups.of_person(call.caller, call.fields.needed("username"))
    return {"roles": [shown_role(call, each) for each in groups]}


def users(call: Call) -> dict[str, Any]:
    """Show who has a role."""
    group = call.use.groups.get(call.caller, _number(call.fields, "role_id"))
    return {"assignments": [_assignment(group, each) for each in group.members]}


def shown_role(call: Call, group: Group) -> dict[str, Any]:
    """Return a group as the protocol shows a role."""
    return {
        "id": group.id,
        "name": group.name,
        "workspace": group.team,
        "description": group.description or None,
        "permissions": [shown_permission(call, group, each) for each in group.grants],
    }


def shown_permission(call: Call, group: Group, grant: GroupGrant) -> dict[str, Any]:
    """Return a grant of a group as the protocol shows a permission of a role."""
    resource = resource_of(call, grant.pattern)
    return {
        "id": group.grant_id(grant),
        "role_id": group.id,
        "resource_type": resource["resource_type"],
        "resource_pattern": resource["resource_pattern"],
        "permission": shown_level(level_of(grant.role)),
    }


def _assignment(group: Group, name: str) -> dict[str, Any]:
    return {"id": user_id(f"{group.id}/{name}"), "user_id": user_id(name), "role_id": group.id}


def _number(fields: Fields, name: str) -> int:
    number = fields.whole(name)
    if number is None:
        raise fields.missing(name)
    return number


_BASE: Final = "3.0/mlflow/roles/"
ROUTES: Final = (
    Route("POST", _BASE + "create", create),
    Route("GET", _BASE + "get", get),
    Route("GET", _BASE + "list", listed),
    Route("PATCH", _BASE + "update", update),
    Route("DELETE", _BASE + "delete", delete),
    Route("POST", _BASE + "permissions/add", add_permission),
    Route("DELETE", _BASE + "permissions/remove", remove_permission),
    Route("GET", _BASE + "permissions/list", permissions),
    Route("PATCH", _BASE + "permissions/update", update_permission),
    Route("POST", _BASE + "assign", assign),
    Route("DELETE", _BASE + "unassign", unassign),
    Route("GET", _BASE + "users/list", users),
    Route("GET", "3.0/mlflow/users/roles/list", of_user),
)
