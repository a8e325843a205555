"""What several tables' modules need of each other: who sees what, texts by their beginning."""

from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, and_, false, or_, select, true

from assay.storage import tables as t

CHUNK: Final = 400
_Item = TypeVar("_Item")


def visible_models(patterns: tuple[str, ...]) -> ColumnElement[bool]:
    """Keep the models that one of the patterns covers; no pattern covers nothing."""
    if "*" in patterns:
        return true()
    teams = [each.removesuffix("/*") for each in patterns if each.endswith("/*")]
    names = [each for each in patterns if not each.endswith("/*")]
    return or_(false(), t.models.c.team.in_(teams), t.models.c.name.in_(names))


def visible_versions(patterns: tuple[str, ...]) -> ColumnElement[bool]:
    """Keep the versions of the models that one of the patterns covers; no pattern covers nothing."""
    if "*" in patterns:
        return true()
    return t.versions.c.model.in_(select(t.models.c.name).where(visible_models(patterns)))


def chunks(items: Iterable[_Item]) -> Iterator[list[_Item]]:
    """Cut into pieces that fit into one statement."""
    listed = list(items)
    return (listed[start : start + CHUNK] for start in range(0, len(listed), CHUNK))


def begins(column: Any, text: str) -> ColumnElement[bool]:
    """Keep the texts that begin with ``text``, with regard to case; an index can find them, unlike by LIKE.

    Args:
        column: the texts.
        text: not empty; its last character is not the last that there is.
    """
    return and_(column >= text, column < after_all(text))


def after_all(text: str) -> str:
    """Return what comes right after all texts that begin with ``text``."""
    return text[:-1] + chr(ord(text[-1]) + 1)


def like_inside(text: str) -> str:
    """Return a LIKE pattern (escape ``!``) for texts that contain ``text``."""
    return "%" + like_exact(text) + "%"


def like_exact(text: str) -> str:
    """Escape what LIKE would read as wildcards."""
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")
