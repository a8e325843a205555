"""Names, aliases, stages and tags of the registry as MLflow's clients write them."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from assay.core.errors import BadInputError, Reason
from assay.core.names import reads_as_version
from assay.core.outside_names import DEFAULT_TEAM, name_in, says_team, separated
from assay.core.semver import SemVer
from assay.core.stages import Stage
from assay.core.tracking.keys import check_key, too_long
from assay.core.tracking.logged_models import is_model_id
from assay.core.tracking.searches import AllOf, AnyOf, Condition, Not, Operator
from assay.doors.mlflow.route import Call

MAX_TAG_LENGTH: Final = 100_000
MAX_ALIAS_LENGTH: Final = 255
_ALIAS: Final = re.compile(r"[\w][\w\-]*")
_RESERVED: Final = re.compile(r"latest|v\d+", re.IGNORECASE)
NONE: Final = "None"
_STAGES: Final = {
    "none": Stage.DEVELOPMENT,
    "development": Stage.DEVELOPMENT,
    "staging": Stage.STAGING,
    "production": Stage.PRODUCTION,
    "archived": Stage.ARCHIVED,
}


def asked_name(call: Call) -> str:
    """Return the model that a request names.

    Raises:
        BadInputError: it names none.
    """
    return meant_name(call.team, call.fields.needed("name"))


def meant_name(team: str, text: str) -> str:
    """Return the name, as the registry keeps it, that a client working in ``team`` means by ``text``.

    What is no name at all stays as it is: whoever looks for it says so.
    """
    return text if team == DEFAULT_TEAM else _kept(team, text)


def _kept(team: str, text: str) -> str:
    try:
        return name_in(team, text)
    except BadInputError:
        return text


def meant_source(team: str, source: str) -> str:
    """Return a source in which a model that is named without its team is the one of ``team``."""
    head, _, rest = source.partition(":")
    named = separated(rest.lstrip("/"))
    if team == DEFAULT_TEAM or head != "models" or is_model_id(named):
        return source
    name, at, alias = named.rpartition("@")
    if at:
        return f"models:/{meant_name(team, name)}@{alias}"
    name, slash, version = named.rpartition("/")
    return f"models:/{meant_name(team, name)}/{version}" if slash else source


def within(team: str, condition: Condition) -> Condition:
    """Return a condition in which names are as the registry keeps them.

    Names that leave the team out mean those of ``team``.
    """
    if isinstance(condition, Not):
        return Not(within(team, condition.part))
    if isinstance(condition, AllOf):
        return AllOf(tuple(within(team, each) for each in condition.parts))
    if isinstance(condition, AnyOf):
        return AnyOf(tuple(within(team, each) for each in condition.parts))
    value = condition.value
    if condition.kind != "attribute" or condition.key != "known_as":
        return condition
    if condition.operator in (Operator.LIKE, Operator.ILIKE):
        # ``_`` stands for the dot or slash behind the team
        value = value if team == DEFAULT_TEAM else f"{team}_{value}"
    elif isinstance(value, str):
        value = _kept(team, value)
    elif isinstance(value, tuple):
        value = tuple(_kept(team, each) for each in value)
    return replace(condition, value=value)


def alias_text(text: str) -> str:
    """Return ``text`` when it may be set as an alias.

    Raises:
        BadInputError: other characters than letters, digits, ``_`` and ``-``, too long, or reserved.
    """
    if not _ALIAS.fullmatch(text):
        message = (
            f"Invalid alias name: '{text[:100]}'. Names may only contain alphanumerics, underscores (_), and "
            "dashes (-)."
        )
        raise BadInputError(message, [Reason("alias", "letters, digits, _ and - only")])
    if len(text) > MAX_ALIAS_LENGTH:
        raise too_long("Registered model alias name", MAX_ALIAS_LENGTH)
    if _RESERVED.fullmatch(text):
        words = (
            "'latest' alias name (case insensitive)"
            if text.lower() == "latest"
            else f"Version alias name '{text}'"
        )
        raise BadInputError(f"{words} is reserved.", [Reason("alias", "is reserved")])
    return text


def asked_stage(text: str) -> Stage:
    """Return the stage that a request names, in any case.

    Raises:
        BadInputError: there is no such stage.
    """
    stage = _STAGES.get(text.lower())
    if stage is None:
        message = (
            f"Invalid Model Version stage: {text[:100]}. Value must be one of None, Staging, Production, "
            "Archived."
        )
        raise BadInputError(message, [Reason("stage", "must be None, Staging, Production or Archived")])
    return stage


def asked_stage_text(text: str) -> tuple[Stage | None, str]:
    """Return the stage, or else the version or ``@alias``, that a client asks for where stages go.

    ``models:/name/v2.1.0`` reaches the server as a stage, and ``models:/team/task@prod`` as the stage
    ``task@prod`` of a model ``team``.

    Raises:
        BadInputError: it is none of these.
    """
    if text.lower() in _STAGES:
        return _STAGES[text.lower()], ""
    if text.startswith("@"):
        return None, text
    try:
        SemVer.parse(text)
    except BadInputError:
        return asked_stage(text), ""
    return None, text


def slash_hint(name: str, texts: Sequence[str]) -> str:
    """Return how to write the address that has a slash between team and task; "" if there is none.

    It looks at what was asked only, never at what there is.
    """
    for text in texts:
        task, at, alias = text.partition("@")
        is_other = text.lower() in _STAGES or reads_as_version(text)
        if task and not is_other and "/" not in name and says_team(f"{name}.{task}"):
            behind = f"@{alias}" if at else "/VERSION"
            return f"in models:/ the team is written before a dot: models:/{name}.{task}{behind}"
    return ""


def shown_stage(stage: Stage) -> str:
    """Return a stage in MLflow's words: Development is ``None`` there."""
    return NONE if stage is Stage.DEVELOPMENT else stage.value


def check_model_tag(key: str, value: str) -> tuple[str, str]:
    """Return key and value of a tag when a model or version may have it.

    Raises:
        BadInputError: the key breaks a rule, or the value has more than 100,000 characters.
    """
    check_key(key)
    if len(value) > MAX_TAG_LENGTH:
        raise too_long("value", MAX_TAG_LENGTH)
    return key, value
