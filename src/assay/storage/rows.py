"""What several tables' modules need of each other: documents, tags, labels, and SemVer columns."""

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, delete, insert, select

from assay.storage import tables as t


def write_words(
    connection: Connection, model: str, number: int, tags: Mapping[str, str], labels: Iterable[str]
) -> None:
    """Replace the tags and labels of a model (number 0) or version."""
    for table in (t.tags, t.labels):
        connection.execute(delete(table).where(table.c.model == model, table.c.number == number))
    rows = [{"model": model, "number": number, "key": key, "value": value} for key, value in tags.items()]
    if rows:
        connection.execute(insert(t.tags), rows)
    words = [{"model": model, "number": number, "label": label} for label in sorted(set(labels))]
    if words:
        connection.execute(insert(t.labels), words)


def read_tags(connection: Connection, model: str, number: int) -> dict[str, str]:
    """Return the tags of a model (number 0) or version, by key."""
    query = (
        select(t.tags.c.key, t.tags.c.value)
        .where(t.tags.c.model == model, t.tags.c.number == number)
        .order_by(t.tags.c.key)
    )
    return dict(connection.execute(query).all())


def read_labels(connection: Connection, model: str, number: int) -> tuple[str, ...]:
    """Return the labels of a model (number 0) or version, sorted."""
    query = (
        select(t.labels.c.label)
        .where(t.labels.c.model == model, t.labels.c.number == number)
        .order_by(t.labels.c.label)
    )
    return tuple(connection.execute(query).scalars())


def like_prefix(text: str) -> str:
    """Return a LIKE pattern (escape ``!``) for texts that begin with ``text``."""
    return like_exact(text) + "%"


def like_inside(text: str) -> str:
    """Return a LIKE pattern (escape ``!``) for texts that contain ``text``."""
    return "%" + like_exact(text) + "%"


def like_exact(text: str) -> str:
    """Escape what LIKE would read as wildcards."""
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")
