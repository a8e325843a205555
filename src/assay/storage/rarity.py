"""Searches that begin with what few versions have, rather than look at all of them in turn.

The newest hundred of many are found soonest by walking from the newest on; the few that have a rare tag, by
asking the index for them. Which it is, the database does not know, so it is asked: whether there are more
than a few is told after reading a few rows of an index.
"""

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, literal_column, select, tuple_

from assay.storage import tables as t

FEW: Final = 1_000
v = t.versions.c
Clause = ColumnElement[bool]


def with_tag(key: str, value: str | None) -> Select[Any]:
    """Select (model, number) of the versions with a tag, whatever it says when ``value`` is None."""
    c = t.tags.c
    found = select(c.model, c.number).where(c.key == key, c.number > 0)
    if value is None:
        return found
    return found.where(t.tag_begins_as(value), c.value == value)


def with_label(label: str) -> Select[Any]:
    """Select (model, number) of the versions with a label."""
    c = t.labels.c
    return select(c.model, c.number).where(c.label == label, c.number > 0)


def with_metric(name: str, holds: Clause) -> Select[Any]:
    """Select (model, number) of the versions with a metric of which something holds."""
    c = t.metrics.c
    return select(c.model, c.number).where(c.name == name, holds, c.number > 0)


def few(connection: Connection, wanted: Iterable[Select[Any]]) -> list[Clause]:
    """Return what keeps the versions that a rare one of the selections has; nothing when none is rare."""
    for each in wanted:
        bounded: Select[Any] = select(literal_column("1")).select_from(each.limit(FEW + 1).subquery())
        if len(connection.execute(bounded).all()) <= FEW:
            return [tuple_(v.model, v.number).in_(each)]
    return []
