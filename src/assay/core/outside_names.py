"""The names by which clients of other registries know a model, and how they become ``team/task``.

Such a name has no team, or writes it before a dot: ``team.task`` is ``team/task``; ``fraud-detector``
is ``default/fraud-detector``. Names that Assay's own rules do not allow (capitals, spaces, other
scripts) get a task made of their readable letters and a piece of their digest, always the same one.
The name itself is kept beside the model (``Model.known_as``) and is what those clients see. A name such
as ``team.Fraud``, which those rules do not allow, is of the default team; nobody gives it to a model while
there is a team of that name.

A client that works in one team (its *workspace*) leaves the team out: there ``fraud-detector`` is the
team's own, and so it is shown; a name that says its team means that team everywhere.
"""

import hashlib
import re
import unicodedata
from typing import Final

from assay.core.errors import BadInputError, Reason
from assay.core.names import PART, ModelName

DEFAULT_TEAM: Final = "default"
MAX_LENGTH: Final = 256
_TEAM: Final = re.compile(PART)
_SLASH: Final = re.compile("%2f", re.IGNORECASE)
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
    name = separated(unicodedata.normalize("NFC", text))
    team, slash, task = name.partition("/")
    if slash and _TEAM.fullmatch(team) and ".." not in team:
        if _TEAM.fullmatch(task) and ".." not in task:
            return known_as(ModelName(name))
        _check_characters(task, len(name))
        return task if team == DEFAULT_TEAM else name
    _check_characters(name, len(name))
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
        said, _, task = name.partition("/")
        return ModelName(name) if _TEAM.fullmatch(task) and ".." not in task else _marked(task, said)
    plain = _PLAIN.fullmatch(name)
    if plain and ".." not in name:
        return ModelName(f"{plain[1]}/{plain[2]}")
    if _TEAM.fullmatch(name) and ".." not in name and "." not in name:
        return ModelName(f"{team}/{name}")
    return _marked(name, team)


def check_new_name(name: str) -> str:
    """Return a normal name when it may be given to a model from now on.

    Raises:
        BadInputError: letters that nobody sees, or spaces at its ends: it would look like another name.
    """
    if name != name.strip():
        raise BadInputError.of("name", "must not begin or end with a space", repr(name)[:100])
    if any(unicodedata.category(letter) == "Cf" for letter in name):
        rule = "must not contain letters that nobody sees (Unicode category Cf)"
        raise BadInputError.of("name", rule, ascii(name)[:100])
    return name


def seeming_team(name: str) -> str:
    """Return the team that people take a name to be of: what stands before its first dot or slash.

    Letters that look alike or differ in case alone are taken for one; "" where no team can have that name.
    """
    alike = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    head = re.split(r"[./]", alike, maxsplit=1)
    return head[0].strip() if len(head) > 1 and _TEAM.fullmatch(head[0].strip()) else ""


def name_in(team: str, text: str) -> str:
    """Return the name, as it is kept, that a client which works in ``team`` means by ``text``.

    Raises:
        BadInputError: see :func:`normal_name`.
    """
    name = normal_name(text)
    return name if team == DEFAULT_TEAM or says_team(text) else normal_name(f"{team}/{name}")


def shown_in(team: str, name: str) -> str:
    """Return how a name that is kept is written for a client which works in ``team``.

    The client means the same by it: ``name_in(team, shown_in(team, name)) == name``, but for names of
    the default team that begin like a team and a dot and are not (``a.-b``): only it can name those.
    """
    if team == DEFAULT_TEAM:
        return name
    for head in (f"{team}/",) if "." in team else (f"{team}/", f"{team}."):
        rest = name.removeprefix(head)
        if name.startswith(head) and says_team(name) and rest and not says_team(rest):
            return rest
    # A name that reads as a task with a dot would be another model behind a slash; it stays as it is.
    return name if says_team(name) or (_TEAM.fullmatch(name) and "." in name) else f"{DEFAULT_TEAM}/{name}"


def says_team(text: str) -> bool:
    """Tell whether a name says which team's it is."""
    name = separated(text)
    return "/" in name or (bool(_PLAIN.fullmatch(name)) and ".." not in name)


def separated(text: str) -> str:
    """Return ``text`` with ``/`` for ``%2F``; every other ``%`` is a letter of the name."""
    return _SLASH.sub("/", text)


def _marked(name: str, team: str) -> ModelName:
    """Return a task of the readable letters of a name and a piece of its digest."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    readable = re.sub(r"[^a-z0-9]+", "-", letters).strip("-")[:60]
    mark = hashlib.sha256(name.encode()).hexdigest()[:10]
    return ModelName(f"{team}/{readable or 'model'}-{mark}")


def _check_characters(name: str, length: int) -> None:
    shown = repr(name)[:100]
    if length > MAX_LENGTH:
        rule = f"must be at most {MAX_LENGTH} characters"
        raise BadInputError.of("name", rule, f"{length} characters")
    if name in (".", ".."):
        message = (
            f"Invalid value \"{name}\" for parameter 'name' supplied: Names may be treated as files in "
            "certain cases, and must not resolve to other names when treated as such. This name would "
            f"resolve to '{name}'"
        )
        raise BadInputError(message, [Reason("name", "must not read as a path", shown)])
    if not name.strip() or "/" in name or ":" in name:
        message = f"Invalid model name {shown}. Names cannot contain '/' or ':'."
        raise BadInputError(message, [Reason("name", "must not contain '/' or ':'", shown)])
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name):
        raise BadInputError.of("name", "must not contain control characters", shown)
