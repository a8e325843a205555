"""Names, aliases, stages and tags of the registry as MLflow's clients write them."""

import re
from typing import Final
from urllib.parse import unquote

from assay.core.errors import BadInputError, Reason
from assay.core.semver import SemVer
from assay.core.stages import Stage
from assay.core.tracking.keys import check_key, too_long
from assay.doors.mlflow.fields import Fields

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


def asked_name(fields: Fields) -> str:
    """Return the model that a request names; ``team%2Ftask`` was encoded once more by the client.

    Raises:
        BadInputError: it names none.
    """
    return unquote(fields.needed("name"))


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
