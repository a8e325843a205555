"""Searches over models and versions in the filter language, in SQL."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, Connection, and_, exists, false, or_, select, type_coerce

from assay.core.names import ModelName
from assay.core.search import Page, VersionSummary
from assay.core.stages import Stage
from assay.core.tracking.searches import Comparison, Operator, Order, Search
from assay.core.versions import Model
from assay.storage import tables as t
from assay.storage.cursors import read_cursor, write_cursor
from assay.storage.rows import read_labels, read_tags
from assay.storage.summaries import select_summaries, summaries
from assay.storage.tracking.conditions import compare, to_sql

m, v = t.models.c, t.versions.c
_PROMPT: Final = "mlflow.prompt.is_prompt"
_TIMES: Final = frozenset({"created_at", "registered_at", "changed_at"})


class SqlRegistrySearch:
    """Implements ``core.ports.registry_search.RegistrySearch``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def models(self, search: Search, visible: tuple[str, ...]) -> Page[Model]:
        """Return a page of models, by the name they are known as unless ordered otherwise.

        Raises:
            BadInputError: the cursor is not one of ours.
        """
        conditions = [m.deleted_at.is_(None), _visible(m.name, m.team, visible)]
        conditions.append(to_sql(search.condition, _test_model))
        order = [*(_ordered(m, each) for each in search.order), m.known_as]
        query = select(t.models).where(*conditions).order_by(*order)
        rows, more = self._page(query, search)
        found = [
            Model(
                name=ModelName(row["name"]),
                created_at=row["created_at"],
                created_by=row["created_by"],
                description=row["description"],
                tags=read_tags(self._connection, row["name"], 0),
                labels=read_labels(self._connection, row["name"], 0),
                known_as=row["known_as"],
                changed_at=row["changed_at"],
            )
            for row in rows
        ]
        return Page(tuple(found), more)

    def versions(self, search: Search, visible: tuple[str, ...]) -> Page[tuple[str, VersionSummary]]:
        """Return a page of versions, last changed first, each with the name its model is known as.

        Raises:
            BadInputError: the cursor is not one of ours.
        """
        conditions = [_visible(m.name, m.team, visible), to_sql(search.condition, _test_version)]
        order = [*(_ordered({**v, "known_as": m.known_as}, each) for each in search.order)]
        order += [v.changed_at.desc(), m.known_as, v.number.desc()]
        query = select_summaries().add_columns(m.known_as).join(t.models, m.name == v.model)
        rows, more = self._page(query.where(*conditions).order_by(*order), search)
        names = [row["known_as"] for row in rows]
        return Page(tuple(zip(names, summaries(self._connection, rows), strict=True)), more)

    def _page(self, query: Any, search: Search) -> tuple[Sequence[Any], str]:
        place = 0
        if search.cursor:
            (place,) = read_cursor(search.cursor, (int,))
        wanted = query.limit(search.limit + 1).offset(max(0, place))
        rows = self._connection.execute(wanted).mappings().all()
        more = write_cursor([place + search.limit]) if len(rows) > search.limit else ""
        return rows[: search.limit], more


def _test_model(asked: Comparison) -> ColumnElement[bool]:
    if asked.kind == "tag":
        return _tag(asked, m.name, 0)
    if asked.key == "alias":
        a = t.aliases.c
        return _alias(asked, exists().where(a.model == m.name, compare(a.alias, asked)), v.model == m.name)
    return _compare(m, asked)


def _test_version(asked: Comparison) -> ColumnElement[bool]:
    if asked.kind == "tag":
        return _tag(asked, v.model, v.number)
    if asked.kind == "metric":
        c = t.metrics.c
        return exists().where(
            c.model == v.model, c.number == v.number, c.name == asked.key, compare(c.value, asked)
        )
    if asked.key == "alias":
        a = t.aliases.c
        set_here = exists().where(a.model == v.model, a.number == v.number, compare(a.alias, asked))
        stage = _stage_of(asked)
        return set_here if stage is None else or_(set_here, v.stage == stage.value)
    if asked.key == "known_as":
        return compare(m.known_as, asked)
    if asked.key == "stage" and isinstance(asked.value, str):
        named = next(
            (each.value for each in Stage if each.value.lower() == str(asked.value).lower()), asked.value
        )
        named = Stage.DEVELOPMENT.value if named == "None" else named
        return compare(v.stage, Comparison(asked.kind, asked.key, asked.operator, named))
    return _compare(v, asked)


def _alias(asked: Comparison, found: Any, same: ColumnElement[bool]) -> ColumnElement[bool]:
    stage = _stage_of(asked)
    if stage is None:
        return found  # type: ignore[no-any-return]
    return or_(found, exists().where(same, v.stage == stage.value, v.deleted_at.is_(None)))


def _stage_of(asked: Comparison) -> Stage | None:
    """Return the stage that an alias asked for with ``=`` is the name of."""
    if asked.operator is not Operator.EQUAL or not isinstance(asked.value, str):
        return None
    return next((each for each in Stage if each.value.lower() == str(asked.value).lower()), None)


def _tag(asked: Comparison, model: Any, number: Any) -> ColumnElement[bool]:
    """Test a tag. ``!=`` holds for what has it; for the tag of prompts also for what does not."""
    c = t.tags.c
    there = and_(c.model == model, c.number == number, c.key == asked.key)
    if asked.operator is Operator.IS_NULL:
        return ~exists().where(there)
    if asked.operator is Operator.IS_NOT_NULL:
        return exists().where(there)
    if asked.key == _PROMPT and (asked.operator, str(asked.value).lower()) in (
        (Operator.UNEQUAL, "true"),
        (Operator.EQUAL, "false"),
    ):
        return ~exists().where(there, c.value.in_(("true", "True", "TRUE")))
    return exists().where(there, compare(c.value, asked))


def _visible(name: Any, team: Any, visible: tuple[str, ...]) -> ColumnElement[bool]:
    if "*" in visible:
        return name.is_not(None)  # type: ignore[no-any-return]
    teams = [each.removesuffix("/*") for each in visible if each.endswith("/*")]
    names = [each for each in visible if not each.endswith("/*")]
    return or_(false(), team.in_(teams), name.in_(names))


def _ordered(columns: Any, order: Order) -> Any:
    column = columns[order.key]
    return column.desc() if order.descending else column


def _compare(columns: Any, asked: Comparison) -> ColumnElement[bool]:
    """Compare an attribute; instants in milliseconds since 1970, as those who ask are shown them."""
    column = columns[asked.key]
    return compare(type_coerce(column, BigInteger) // 1000 if asked.key in _TIMES else column, asked)
