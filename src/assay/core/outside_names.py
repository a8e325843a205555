"""The names by which clients of other registries know a model, and how they become ``team/task``.

Such a name has no team, or writes it before a dot: ``team.task`` is ``team/task``; ``fraud-detector``
is ``default/fraud-detector``. Names that Assay's own rules do not allow (capitals, spaces, other
scripts) get a task made of their readable letters and a piece of their digest, always the same one.
The name itself is kept beside the model (``Model.known_as``) and is what those clients see.
"""

import hashlib
import re
import unicodedata
from typing import Final
from urllib.parse import unquote

from assay.core.errors import BadInputError, Reason
from assay.core.names import PART, ModelName

DEFAULT_TEAM: Final = "default"
MAX_LENGTH: Final = 256
_TEAM: Final = re.compile(PART)
_PLAIN: Final = re.compile(r"([a-z0-9][a-z0-9_-]{0,95})\.([a-z0-9][a-z0-9._-]{0,95})")


def check_team(text: str) -> str:
    """Return ``text`` when it may name a team.

    Raises:
        BadInputError: it may not.
    """
    if not isinstance(text, str) or not _TEAM.fullmatch(text) or ".." in text:
        raise BadInputError.of("team", f"must match {PART}", repr(text)[:100])
    return text


def normal_name(text: str) -> str:
    """Return a name as it is kept: NFC, ``team.task`` for ``team/task`` and ``team%2Ftask``.

    Raises:
        BadInputError: empty, longer than 256 characters, or with ``/``, ``:``, control characters, or
            a form that reads as a path.
    """
    if not isinstance(text, str) or not text.strip():
        message = "Missing value for required parameter 'name'."
        raise BadInputError(message, [Reason("name", "must not be empty")])
    name = unicodedata.normalize("NFC", text)
    if "%2f" in name.lower():
        name = unquote(name)
    team, slash, task = name.partition("/")
    if slash and _TEAM.fullmatch(team) and _TEAM.fullmatch(task):
        return known_as(ModelName(name))
    _check_characters(name)
    head, dot, rest = name.partition(".")
    return rest if dot and head == DEFAULT_TEAM and _TEAM.fullmatch(rest) and "." not in rest else name


def known_as(model: ModelName) -> str:
    """Return the name by which a model made through another door is known outside."""
    if model.team == DEFAULT_TEAM and "." not in model.task:
        return model.task
    return f"{model.team}.{model.task}" if "." not in model.team else str(model)


def model_for(name: str, team: str = DEFAULT_TEAM) -> ModelName:
    """Return the ``team/task`` that a normal name stands for.

    Args:
        name: from :func:`normal_name`.
        team: of names that do not say one.
    """
    if "/" in name:
        return ModelName(name)
    plain = _PLAIN.fullmatch(name)
    if plain and ".." not in name:
        return ModelName(f"{plain[1]}/{plain[2]}")
    if _TEAM.fullmatch(name) and ".." not in name and "." not in name:
        return ModelName(f"{team}/{name}")
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    readable = re.sub(r"[^a-z0-9]+", "-", letters).strip("-")[:60]
    mark = hashlib.sha256(name.encode()).hexdigest()[:10]
    return ModelName(f"{team}/{readable or 'model'}-{mark}")


def _check_characters(name: str) -> None:
    shown = repr(name)[:100]
    if len(name) > MAX_LENGTH:
        rule = f"must be at most {MAX_LENGTH} characters"
        raise BadInputError.of("name", rule, f"{len(name)} characters")
    if "/" in name or ":" in name or name in (".", ".."):
        message = f"Invalid model name {shown}. Names cannot contain '/' or ':'."
        raise BadInputError(message, [Reason("name", "must not contain '/' or ':'", shown)])
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name):
        raise BadInputError.of("name", "must not contain control characters", shown)
