"""Listings in SQL: filters, and pages by key."""

from collections.abc import Iterator, Mapping
from operator import eq, ge, gt, le, lt
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, exists, func, or_, select, type_coerce

from assay.core.names import ModelName
from assay.core.search import (
    Comparison,
    ModelQuery,
    ModelSummary,
    Page,
    VersionQuery,
    VersionSummary,
)
from assay.core.semver import SemVer
from assay.core.stages import Stage
from assay.storage import tables as t
from assay.storage.cursors import read_cursor, write_cursor
from assay.storage.deadlines import SEARCH_S, within
from assay.storage.keysets import Key, ask, read_listing
from assay.storage.rarity import few, with_label, with_metric, with_tag
from assay.storage.rows import (
    begins,
    like_exact,
    like_inside,
    visible_models,
    visible_versions,
)
from assay.storage.summaries import select_summaries, summaries
from assay.storage.tracking.conditions import Lowered, beginning
from assay.storage.words import read_words

v = t.versions.c
m = t.models.c
_NEWEST_FIRST: Final = (
    Key(type_coerce(v.registered_at, BigInteger), descending=True, kind=int, nullable=False),
    Key.of(v.id, descending=True),
)
# Listings with more conditions are rarely asked for twice.
_FEW: Final = 8
_OPERATORS: Final = {
    Comparison.AT_LEAST: ge,
    Comparison.AT_MOST: le,
    Comparison.ABOVE: gt,
    Comparison.BELOW: lt,
    Comparison.EQUAL: eq,
}


class SqlCatalogue:
    """Implements ``core.ports.Catalogue``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def models(self, query: ModelQuery, visible: tuple[str, ...]) -> Page[ModelSummary]:
        """Return a page of models, by name.

        Raises:
            BadInputError: the cursor is not one of ours, or it took too long.
        """
        wanted = [m.deleted_at.is_(None), visible_models(visible)]
        wanted += _words(m.name, 0, query.tags, query.label)
        if query.team is not None:
            wanted.append(m.team == query.team)
        wanted += [_mentions(word, m.name, m.description, m.name, 0) for word in query.text.split()]
        if query.cursor:
            (last,) = read_cursor(query.cursor, (str,))
            wanted.append(m.name > last)
        statement = select(t.models).where(*wanted).order_by(m.name).limit(query.limit + 1)
        with within(self._connection, SEARCH_S):
            rows = ask(self._connection, statement, len(wanted) > _FEW).mappings().all()
        items = tuple(self._model(row) for row in rows[: query.limit])
        more = len(rows) > query.limit
        return Page(items, write_cursor([items[-1].name]) if more else "")

    def versions(self, query: VersionQuery, visible: tuple[str, ...]) -> Page[VersionSummary]:
        """Return a page of versions, newest registration first.

        Raises:
            BadInputError: the cursor is not one of ours, or it took too long.
        """
        wanted = _conditions(query)
        begun = few(self._connection, _rare(query))
        statement = select_summaries().where(visible_versions(visible), *wanted, *begun)
        rows, more = read_listing(
            self._connection, statement, _NEWEST_FIRST, query.limit, query.cursor, len(wanted) > _FEW
        )
        return Page(summaries(self._connection, rows), more)

    def _model(self, row: Any) -> ModelSummary:
        name = ModelName(row["name"])
        words = read_words(self._connection, name, 0)
        counted = select(func.count()).where(v.model == name, v.deleted_at.is_(None))
        return ModelSummary(
            name=name,
            created_at=row["created_at"],
            created_by=row["created_by"],
            description=row["description"],
            tags=words.tags,
            labels=words.labels,
            version_count=self._connection.execute(counted).scalar() or 0,
            latest=self._semver(name, v.major.desc(), v.minor.desc(), v.patch.desc()),
            production=self._semver(name, v.id.desc(), stage=Stage.PRODUCTION),
            staging=self._semver(name, v.stage_since.desc(), v.id.desc(), stage=Stage.STAGING),
        )

    def _semver(self, model: ModelName, *order: Any, stage: Stage | None = None) -> SemVer | None:
        query = select(v.major, v.minor, v.patch).where(v.model == model, v.deleted_at.is_(None))
        if stage is not None:
            query = query.where(v.stage == stage.value)
        row = self._connection.execute(query.order_by(*order).limit(1)).first()
        return None if row is None else SemVer(*row)


def _conditions(query: VersionQuery) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if query.team is not None and query.task is not None:
        wanted.append(v.model == f"{query.team}/{query.task}")
    elif query.team is not None:
        wanted.append(begins(v.model, f"{query.team}/"))
    elif query.task is not None:
        wanted.append(v.model.like(f"%/{like_exact(query.task)}", escape="!"))
    if query.stage is not None:
        wanted.append(v.stage == query.stage.value)
    if query.digest is not None:
        wanted.append(v.digest == query.digest)
    if query.registered_after is not None:
        wanted.append(v.registered_at >= query.registered_after)
    if query.registered_before is not None:
        wanted.append(v.registered_at < query.registered_before)
    for metric in query.metrics:
        c = t.metrics.c
        holds = _OPERATORS[metric.comparison](c.value, metric.value)
        wanted.append(exists().where(c.model == v.model, c.number == v.number, c.name == metric.name, holds))
    wanted += _words(v.model, v.number, query.tags, query.label)
    wanted += [_mentions(word, v.model, v.description, v.model, v.number) for word in query.text.split()]
    return wanted


def _rare(query: VersionQuery) -> Iterator[Select[Any]]:
    """Yield what is asked for that an index finds by itself."""
    if query.label is not None:
        yield with_label(query.label)
    for key, value in query.tags.items():
        yield with_tag(key, value)
    for metric in query.metrics:
        yield with_metric(metric.name, _OPERATORS[metric.comparison](t.metrics.c.value, metric.value))


def _words(
    model: Any, number: Any, tags: Mapping[str, str | None], label: str | None
) -> list[ColumnElement[bool]]:
    c, d = t.tags.c, t.labels.c
    wanted: list[ColumnElement[bool]] = []
    for key, value in tags.items():
        same = [] if value is None else [c.value == value]
        wanted.append(exists().where(c.model == model, c.number == number, c.key == key, *same))
    if label is not None:
        wanted.append(exists().where(d.model == model, d.number == number, d.label == label))
    return wanted


def _mentions(word: str, name: Any, description: Any, model: Any, number: Any) -> ColumnElement[bool]:
    """Tell whether a word occurs, ignoring case, in name, description, tags or labels."""
    pattern = like_inside(word.lower())
    c, d = t.tags.c, t.labels.c

    def said(column: Any) -> ColumnElement[bool]:
        return Lowered(beginning(column)).like(pattern, escape="!")

    in_tags = exists().where(c.model == model, c.number == number, or_(said(c.key), said(c.value)))
    in_labels = exists().where(d.model == model, d.number == number, said(d.label))
    return or_(said(name), said(description), in_tags, in_labels)
