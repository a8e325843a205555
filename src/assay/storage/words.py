"""What stands beside a model or version in tables of its own: tags, labels, aliases, metrics, requests.

Nearly every question about one version needs all of it, so for one it is asked for at once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Float,
    Integer,
    Select,
    String,
    Table,
    Text,
    bindparam,
    cast,
    delete,
    insert,
    literal_column,
    null,
    select,
    union_all,
)

from assay.core.promotions import Promotion
from assay.core.stages import Stage
from assay.storage import tables as t
from assay.storage.prepared import Prepared
from assay.wire.codec import decode, encode

_Row = tuple[int, str, str | None, float | None]
# How the document of a request reads that judges a registration; whether it does, the request says itself.
_REGISTERS: Final = f'"target":{encode(Stage.DEVELOPMENT).decode()}'
_MODEL: Final = bindparam("model", type_=String())
_NUMBER: Final = bindparam("number", type_=Integer())
_TAG, _LABEL, _ALIAS, _METRIC, _REQUEST = range(5)


@dataclass(frozen=True, slots=True)
class Words:
    """What stands beside a model (which has only tags and labels) or version.

    Attributes:
        tags, labels, aliases, metrics: each in the order of its names.
        requests: those that judge the registration of the version, newest first; most have none.
    """

    tags: Mapping[str, str]
    labels: tuple[str, ...]
    aliases: tuple[str, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    requests: tuple[Promotion, ...] = ()


def read_words(connection: Connection, model: str, number: int) -> Words:
    """Return what stands beside a model (number 0) or version."""
    found: list[list[_Row]] = [[], [], [], [], []]
    rows: Sequence[Any] = _ALL.all(connection, model=model, number=number)
    for row in sorted(rows, key=lambda each: each[1]):
        found[row[0]].append(row)
    newest_first = sorted(found[_REQUEST], key=lambda each: (each[3], each[1]), reverse=True)
    return Words(
        tags={key: value or "" for _, key, value, _ in found[_TAG]},
        labels=tuple(key for _, key, _, _ in found[_LABEL]),
        aliases=tuple(key for _, key, _, _ in found[_ALIAS]),
        metrics={key: number or 0.0 for _, key, _, number in found[_METRIC]},
        requests=tuple(decode(document or "", Promotion) for _, _, document, _ in newest_first),
    )


def registration_requests() -> Select[Any]:
    """Select (model, number, document) of the requests that judge a registration."""
    c = t.promotions.c
    return select(c.model, c.number, c.document).where(_judges_registration())


def add_words(
    connection: Connection, model: str, number: int, tags: Mapping[str, str], labels: Iterable[str]
) -> None:
    """Store the tags and labels of a model (number 0) or version that has none."""
    if tags:
        rows = [{"model": model, "number": number, "key": key, "value": value} for key, value in tags.items()]
        _ADD_TAGS.run_for(connection, rows)
    words = [{"model": model, "number": number, "label": label} for label in sorted(set(labels))]
    if words:
        _ADD_LABELS.run_for(connection, words)


def write_words(
    connection: Connection, model: str, number: int, tags: Mapping[str, str], labels: Iterable[str]
) -> None:
    """Replace the tags and labels of a model (number 0) or version."""
    for statement in _DROP:
        statement.run(connection, model=model, number=number)
    add_words(connection, model, number, tags, labels)


def add_metrics(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store metrics (all columns) that are not there yet."""
    if rows:
        _ADD_METRICS.run_for(connection, rows)


def adding(table: Table, *given_by_the_database: str) -> Prepared:
    """Return the statement that adds a row with every column but those named."""
    names = [column.name for column in table.c if column.name not in given_by_the_database]
    return Prepared(insert(table).values({name: bindparam(name) for name in names}))


def _of_one(table: Table, kind: int, key: Any, text: Any, number: Any) -> Select[Any]:
    c = table.c
    return select(literal_column(str(kind), Integer), key, text, number).where(
        c.model == _MODEL, c.number == _NUMBER
    )


def _judges_registration() -> Any:
    return t.promotions.c.document.like(literal_column(f"'%{_REGISTERS}%'", Text))


def _everything() -> Any:
    text, number = cast(null(), Text), cast(null(), Float)
    p = t.promotions.c
    return union_all(
        _of_one(t.tags, _TAG, t.tags.c.key, t.tags.c.value, number),
        _of_one(t.labels, _LABEL, t.labels.c.label, text, number),
        _of_one(t.aliases, _ALIAS, t.aliases.c.alias, text, number),
        _of_one(t.metrics, _METRIC, t.metrics.c.name, text, t.metrics.c.value),
        # Microseconds since 1970 are whole in a float until 2255.
        _of_one(t.promotions, _REQUEST, p.id, p.document, cast(p.requested_at, Float)).where(
            _judges_registration()
        ),
    )


_ALL: Final = Prepared(_everything())
_ADD_TAGS: Final = adding(t.tags)
_ADD_LABELS: Final = adding(t.labels)
_ADD_METRICS: Final = adding(t.metrics)
_DROP: Final = tuple(
    Prepared(delete(table).where(table.c.model == _MODEL, table.c.number == _NUMBER))
    for table in (t.tags, t.labels)
)
