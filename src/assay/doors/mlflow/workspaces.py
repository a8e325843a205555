"""Workspaces, as MLflow's protocol has them: the teams of this registry."""

from typing import Any, Final

from assay.core.errors import BadInputError, ConflictError, Reason
from assay.core.outside_names import DEFAULT_TEAM
from assay.core.teams import Team
from assay.doors.mlflow.errors import already_exists
from assay.doors.mlflow.route import Call, Plain, Route
from assay.wire.codec import encode

_MODES: Final = ("RESTRICT", "SET_DEFAULT", "CASCADE")


def listed(call: Call) -> dict[str, Any]:
    """Show those in which the caller may read something."""
    return {"workspaces": [shown(each) for each in call.use.teams.all(call.caller)]}


def create(call: Call) -> Plain:
    """Create one, 201.

    Raises:
        BadInputError: a field is missing or breaks a rule, or asks for a store of its own.
        ForeignError: there is one of that name.
    """
    fields = call.fields
    name = fields.needed("name")
    _check_no_store(call)
    if name == DEFAULT_TEAM:
        message = f"The '{DEFAULT_TEAM}' workspace is reserved and cannot be created"
        raise BadInputError(message, [Reason("name", "must not be the default one")])
    try:
        made = call.use.teams.create(call.caller, name, fields.text("description"))
    except ConflictError as error:
        raise already_exists(error.message) from error
    return Plain(encode({"workspace": shown(made)}), "application/json", 201)


def get(call: Call) -> dict[str, Any]:
    """Show one."""
    return {"workspace": shown(call.use.teams.get(call.caller, call.path["workspace"]))}


def update(call: Call) -> dict[str, Any]:
    """Describe one.

    Raises:
        BadInputError: nothing to change, or a store of its own is asked for.
    """
    _check_no_store(call)
    if not call.fields.has("description"):
        message = "Workspace update must have at least one key"
        raise BadInputError(message, [Reason("description", "must be given")])
    text = call.fields.text("description")
    return {"workspace": shown(call.use.teams.describe(call.caller, call.path["workspace"], text))}


def delete(call: Call) -> Plain:
    """Take one away that holds nothing, 204.

    Raises:
        BadInputError: what it holds is to be moved or deleted on the way.
    """
    mode = call.fields.text("mode", "RESTRICT")
    if mode not in _MODES:
        message = f"Invalid deletion mode '{mode[:60]}'. Must be one of: {', '.join(_MODES)}"
        raise BadInputError(message, [Reason("mode", "must be RESTRICT")])
    if mode != "RESTRICT":
        message = f"The deletion mode {mode} is not offered: what was registered and tracked keeps its team"
        raise BadInputError(message, [Reason("mode", "must be RESTRICT", mode)])
    call.use.teams.delete(call.caller, call.path["workspace"])
    return Plain(b"", "application/json", 204)


def shown(team: Team) -> dict[str, Any]:
    """Return a team as the protocol shows a workspace."""
    return {"name": team.name, **({"description": team.description} if team.description else {})}


def _check_no_store(call: Call) -> None:
    """Refuse places of a workspace's own: all files are in this registry's store."""
    archive = call.fields.raw("trace_archival_config")
    asked = {
        "default_artifact_root": call.fields.text("default_artifact_root"),
        "trace_archival_config": archive,
    }
    for name, value in asked.items():
        if value:
            message = f"'{name}' cannot be set: the files of all workspaces are in this registry's own store"
            raise BadInputError(message, [Reason(name, "must not be given")])


_BASE: Final = "3.0/mlflow/workspaces"
ROUTES: Final = (
    Route("GET", _BASE, listed),
    Route("POST", _BASE, create),
    Route("GET", _BASE + "/{workspace}", get),
    Route("PATCH", _BASE + "/{workspace}", update),
    Route("DELETE", _BASE + "/{workspace}", delete),
)
