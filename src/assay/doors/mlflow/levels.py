"""Permissions in MLflow's words: READ, EDIT and MANAGE on a resource, and what has no counterpart here."""

from typing import Any, Final

from assay.core.access import Grant
from assay.core.errors import BadInputError, Reason
from assay.core.levels import Level, level_of
from assay.core.outside_names import known_as, model_for, shown_in
from assay.core.prompts import is_prompt
from assay.doors.mlflow.route import Call
from assay.usecases.permissions import Kind, Thing

_LEVELS: Final = {
    "NO_PERMISSIONS": Level.NONE,
    "READ": Level.READ,
    "EDIT": Level.EDIT,
    "MANAGE": Level.MANAGE,
}
_WORDS: Final = {level: word for word, level in _LEVELS.items()}
# What MLflow has and rights that only add up have not.
_NOT_HERE: Final = {
    "USE": "lies between READ and EDIT, where there is no right here: creating comes with EDIT",
    "DENY": "takes away what another grant gives; rights only add up here",
}
_MODELS: Final = ("registered_model", "prompt")
_PARTS: Final = (
    "run",
    "trace",
    "assessment",
    "logged_model",
    "registered_model_version",
    "prompt_version",
    "scorer",
    "scorer_version",
)
_TYPES: Final = ("workspace", "experiment", *_MODELS, *_PARTS)


def asked_level(text: str) -> Level:
    """Return the level that a request names.

    Raises:
        BadInputError: it is none, or one that cannot be given here.
    """
    if text in _NOT_HERE:
        message = f"The permission {text} cannot be given here: it {_NOT_HERE[text]}"
        raise BadInputError(message, [Reason("permission", "must be READ, EDIT or MANAGE", text)])
    level = _LEVELS.get(text)
    if level is None:
        message = f"Invalid permission '{text[:60]}'. Valid permissions are: {tuple(_LEVELS)}"
        raise BadInputError(message, [Reason("permission", "must be READ, EDIT or MANAGE")])
    return level


def shown_level(level: Level) -> str:
    """Return a level in MLflow's words."""
    return _WORDS[level]


def asked_thing(call: Call, kind: str, name: str) -> Thing:
    """Return what ``resource_type`` and ``resource_id`` (or pattern) stand for in the caller's team.

    Raises:
        BadInputError: there is no such type here, or it takes only ``*``.
    """
    words = f"{kind} '{name[:200]}'"
    if kind not in _TYPES:
        message = f"Invalid resource type '{kind[:60]}'. Valid resource types are: {_TYPES}"
        raise BadInputError(message, [Reason("resource_type", "must be one that this registry has")])
    if kind == "workspace":
        if name != "*":
            message = f"Invalid resource_pattern '{name[:200]}' for resource_type='workspace'."
            raise BadInputError(message, [Reason("resource_pattern", "must be *: the workspace is the team")])
        return Thing(Kind.TEAM, call.team, words=words)
    if name == "*" or kind in _PARTS:
        return Thing(Kind.PART, call.team, words=words)
    if kind in _MODELS:
        return Thing(Kind.MODEL, call.team, name, words)
    return Thing(Kind.EXPERIMENT, call.team, name, words)


def resource_of(call: Call, pattern: str) -> dict[str, Any]:
    """Return a pattern as MLflow shows what a permission is on: workspace, type, and id or ``*``."""
    team, _, task = pattern.partition("/")
    if not task or task == "*":
        return {"workspace": team, "resource_type": "workspace", "resource_pattern": "*"}
    found = call.use.permissions.known_as(call.caller, pattern)
    name = known_as(model_for(pattern)) if found is None else found.known_as
    prompt = found is not None and is_prompt(found.tags)
    return {
        "workspace": team,
        "resource_type": "prompt" if prompt else "registered_model",
        "resource_pattern": shown_in(team, name),
    }


def level_shown(grant: Grant) -> str:
    """Return a grant's role in MLflow's words."""
    return shown_level(level_of(grant.role))
