"""Searches over models and versions in the filter language, in SQL."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    Text,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
    type_coerce,
)

from assay.core.computed_tags import (
    BETWEEN_GATES,
    DIGEST_TAG,
    EXTERNAL,
    EXTERNAL_TAG,
    SEMVER_TAG,
    UNGATED_TAG,
)
from assay.core.names import ModelName
from assay.core.prompts import PROMPT_TAG, YES
from assay.core.search import ModelOverview, Page, VersionSummary
from assay.core.stages import GUARDED, Stage
from assay.core.tracking.searches import AllOf, Comparison, Condition, Operator, Order, Search
from assay.core.versions import Model
from assay.storage import tables as t
from assay.storage.keysets import Key, read_page
from assay.storage.rarity import few, with_metric, with_tag
from assay.storage.rows import chunks, visible_models
from assay.storage.summaries import select_summaries, summaries
from assay.storage.tracking.conditions import compare, compare_word, to_sql
from assay.storage.words import read_words

m, v = t.models.c, t.versions.c
_STAGES: Final = tuple(Stage)
_CHANGED: Final = Order("attribute", "changed_at", descending=True)
_KNOWN_AS: Final = Order("attribute", "known_as")
_NUMBER: Final = Order("attribute", "number", descending=True)
# What ``computed_tags`` says of a version, as SQL; NULL where it says nothing.
_COMPUTED: Final[Mapping[str, ColumnElement[Any]]] = {
    SEMVER_TAG: literal("v")
    + cast(v.major, Text)
    + literal(".")
    + cast(v.minor, Text)
    + literal(".")
    + cast(v.patch, Text),
    DIGEST_TAG: v.digest,
    UNGATED_TAG: func.nullif(func.replace(v.ungated, ",", BETWEEN_GATES), ""),
    EXTERNAL_TAG: case((v.external != "", EXTERNAL)),
}
_TIMES: Final = frozenset({"created_at", "registered_at", "changed_at"})


class SqlRegistrySearch:
    """Implements ``core.ports.registry_search.RegistrySearch``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def models(self, search: Search, visible: tuple[str, ...]) -> Page[Model]:
        """Return a page of models, by the name they are known as unless ordered otherwise.

        Raises:
            BadInputError: the cursor is not one of ours, or another question's.
        """
        conditions = [m.deleted_at.is_(None), visible_models(visible)]
        conditions.append(to_sql(search.condition, _test_model))
        keys = [*(_key(m, each) for each in search.order), Key.of(m.known_as)]
        rows, more = read_page(self._connection, select(t.models).where(*conditions), keys, search)
        words = [read_words(self._connection, row["name"], 0) for row in rows]
        found = [
            Model(
                name=ModelName(row["name"]),
                created_at=row["created_at"],
                created_by=row["created_by"],
                description=row["description"],
                tags=each.tags,
                labels=each.labels,
                known_as=row["known_as"],
                changed_at=row["changed_at"],
            )
            for row, each in zip(rows, words, strict=True)
        ]
        return Page(tuple(found), more)

    def versions(self, search: Search, visible: tuple[str, ...]) -> Page[tuple[str, VersionSummary]]:
        """Return a page of versions, each with the name its model is known as.

        Last changed first unless ordered otherwise; what an order leaves open goes by name, then by
        number, the greatest first.

        Raises:
            BadInputError: the cursor is not one of ours, or another question's.
        """
        conditions = [visible_models(visible), to_sql(search.condition, _test_version)]
        conditions += few(self._connection, _rare(search.condition))
        columns = {**v, "known_as": m.known_as}
        order = (*(search.order or (_CHANGED,)), _KNOWN_AS, _NUMBER)
        query = select_summaries().add_columns(m.known_as).join(t.models, m.name == v.model)
        keys = [_key(columns, each) for each in order]
        rows, more = read_page(self._connection, query.where(*conditions), keys, search)
        names = [row["known_as"] for row in rows]
        return Page(tuple(zip(names, summaries(self._connection, rows), strict=True)), more)

    def overviews(self, models: Sequence[Model]) -> tuple[ModelOverview, ...]:
        """Return these models, in this order, with their newest versions and aliases."""
        names = [model.name for model in models]
        latest: dict[str, list[VersionSummary]] = defaultdict(list)
        for each in self._latest(names):
            latest[each.model].append(each)
        aliases = self._aliases(names)
        return tuple(
            ModelOverview(
                model,
                tuple(sorted(latest[model.name], key=lambda each: _STAGES.index(each.stage))),
                dict(sorted(aliases[model.name].items())),
            )
            for model in models
        )

    def latest(self, model: ModelName, stages: Sequence[Stage] = ()) -> tuple[VersionSummary, ...]:
        """Return of each stage, or of all in their order, the version with the greatest number."""
        found = {each.stage: each for each in self._latest([model])}
        return tuple(found[stage] for stage in stages or _STAGES if stage in found)

    def _latest(self, names: Sequence[str]) -> tuple[VersionSummary, ...]:
        """Return of each model and stage the version with the greatest number, in no order."""
        found: list[RowMapping] = []
        for chunk in chunks(names):
            newest = (
                select(v.model, func.max(v.number).label("number"))
                .where(v.model.in_(chunk), v.deleted_at.is_(None))
                .group_by(v.model, v.stage)
                .subquery()
            )
            same = and_(newest.c.model == v.model, newest.c.number == v.number)
            found += self._connection.execute(select_summaries().join(newest, same)).mappings()
        return summaries(self._connection, found)

    def _aliases(self, names: Sequence[str]) -> dict[str, dict[str, int]]:
        """Return the aliases of each model; a name of a stage is where it was entered last, or was set to."""
        a, found = t.aliases.c, defaultdict[str, dict[str, int]](dict)
        guarded = [stage.value for stage in GUARDED]
        for chunk in chunks(names):
            standing = (
                select(v.model, v.stage, v.number)
                .where(v.model.in_(chunk), v.stage.in_(guarded), v.deleted_at.is_(None))
                .order_by(v.stage_since, v.id)  # the last one of a stage counts
            )
            for model, stage, number in self._connection.execute(standing):
                found[model][stage.lower()] = number
            for model, alias, number in self._connection.execute(
                select(a.model, a.alias, a.number).where(a.model.in_(chunk))
            ):
                found[model][alias] = number
        return found


def _test_model(asked: Comparison) -> ColumnElement[bool]:
    if asked.kind == "tag":
        return _tag(asked, m.name, 0)
    if asked.key == "alias":
        a = t.aliases.c
        return _alias(asked, exists().where(a.model == m.name, compare(a.alias, asked)), v.model == m.name)
    return _compare(m, asked)


def _test_version(asked: Comparison) -> ColumnElement[bool]:
    if asked.kind == "tag":
        computed = _COMPUTED.get(asked.key)
        return _tag(asked, v.model, v.number) if computed is None else compare(computed, asked)
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


def _rare(condition: Condition) -> Iterator[Select[Any]]:
    """Yield what has to hold in any case and an index finds by itself."""
    parts = condition.parts if isinstance(condition, AllOf) else (condition,)
    for each in parts:
        if not isinstance(each, Comparison):
            continue
        if (
            each.kind == "tag"
            and each.operator is Operator.EQUAL
            and each.key not in (*_COMPUTED, PROMPT_TAG)
        ):
            yield with_tag(each.key, str(each.value))
        elif each.kind == "metric" and each.operator is not Operator.IS_NULL:
            yield with_metric(each.key, compare(t.metrics.c.value, each))


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
    here = and_(c.model == model, c.number == number)
    if asked.key == PROMPT_TAG and asked.operator in (Operator.EQUAL, Operator.UNEQUAL):
        # As ``core.prompts.is_prompt`` says it.
        says_yes = exists().where(here, c.key == asked.key, func.lower(c.value) == YES)
        wanted = (asked.operator is Operator.EQUAL, str(asked.value).lower())
        if wanted in ((True, YES), (False, "false")):
            return says_yes
        if wanted in ((False, YES), (True, "false")):
            return ~says_yes
    return compare_word(t.tags, here, asked)


def _key(columns: Any, order: Order) -> Key:
    column = columns[order.key]
    if order.key not in _TIMES:
        return Key.of(column, order.descending)
    return Key(type_coerce(column, BigInteger), order.descending, int, False)


def _compare(columns: Any, asked: Comparison) -> ColumnElement[bool]:
    """Compare an attribute; instants in milliseconds since 1970, as those who ask are shown them."""
    column = columns[asked.key]
    return compare(type_coerce(column, BigInteger) // 1000 if asked.key in _TIMES else column, asked)
