"""Evaluation sets, their records, and scorers in SQL."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, delete, exists, func, insert, select

from assay.core.search import Page
from assay.core.tracking.evaluations import EvaluationRecord, EvaluationSet, Scorer
from assay.core.tracking.searches import Comparison, Order, Search
from assay.storage import trace_tables as t
from assay.storage.keysets import Key, read_listing, read_page
from assay.storage.rows import chunks
from assay.storage.tracking.conditions import compare, compare_word, to_sql
from assay.storage.upserts import write_rows
from assay.wire.codec import decode, encode

s = t.evaluation_sets.c
r = t.evaluation_records.c
_OLDEST_FIRST: Final = (Key.of(r.created_at_ms), Key.of(r.id))
_OWN: Final = (t.evaluation_set_tags, t.evaluation_set_experiments)


class SqlEvaluationSets:
    """Implements ``core.ports.EvaluationSets``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def save(self, one: EvaluationSet) -> None:
        """Store a set, or replace one; its records stay as they are."""
        row = {
            "id": one.id,
            "team": one.team,
            "name": one.name,
            "created_at_ms": one.created_at_ms,
            "updated_at_ms": one.updated_at_ms,
            "created_by": one.created_by,
            "updated_by": one.updated_by,
            "record_count": one.record_count,
            "schema": None if one.schema is None else encode(one.schema).decode(),
        }
        write_rows(self._connection, t.evaluation_sets, [row])
        for table in _OWN:
            self._connection.execute(delete(table).where(table.c.set_id == one.id))
        tags = [{"set_id": one.id, "key": key, "value": value} for key, value in one.tags.items()]
        write_rows(self._connection, t.evaluation_set_tags, tags)
        places = [{"set_id": one.id, "experiment": each} for each in dict.fromkeys(one.experiment_ids)]
        if places:
            self._connection.execute(insert(t.evaluation_set_experiments), places)

    def get(self, set_id: str) -> EvaluationSet | None:
        """Return one."""
        rows = self._connection.execute(select(t.evaluation_sets).where(s.id == set_id)).mappings().all()
        return next(iter(self._completed(rows)), None)

    def search(
        self, teams: tuple[str, ...], experiment_ids: Sequence[int] | None, search: Search
    ) -> Page[EvaluationSet]:
        """Return a page; newest first, then by id downwards, unless ordered otherwise.

        Args:
            teams: only theirs; ``("*",)`` means all.
            experiment_ids: only sets meant for one of these; None for all.
            search: what must hold, and which page.

        Raises:
            BadInputError: the cursor is not one of ours, or another question's.
        """
        query = select(t.evaluation_sets).where(to_sql(search.condition, _test))
        if teams != ("*",):
            query = query.where(s.team.in_(teams))
        if experiment_ids is not None:
            c = t.evaluation_set_experiments.c
            query = query.where(exists().where(c.set_id == s.id, c.experiment.in_(list(experiment_ids))))
        keys = [_key(each) for each in search.order] or [Key.of(s.created_at_ms, descending=True)]
        rows, more = read_page(self._connection, query, [*keys, Key.of(s.id, descending=True)], search)
        return Page(tuple(self._completed(rows)), more)

    def delete(self, set_id: str) -> None:
        """Remove a set with its records, if it is there."""
        for table in (*_OWN, t.evaluation_records):
            self._connection.execute(delete(table).where(table.c.set_id == set_id))
        self._connection.execute(delete(t.evaluation_sets).where(s.id == set_id))

    def _completed(self, rows: Sequence[Any]) -> Iterable[EvaluationSet]:
        ids = [row["id"] for row in rows]
        tags = self._parts(t.evaluation_set_tags, ids)
        places = self._parts(t.evaluation_set_experiments, ids)
        for row in rows:
            schema = row["schema"]
            own = {column.name: row[column.name] for column in s}
            own = {**own, "schema": None if schema is None else msgspec.json.decode(schema)}
            yield EvaluationSet(
                **own,
                tags={each["key"]: each["value"] for each in tags[row["id"]]},
                experiment_ids=tuple(each["experiment"] for each in places[row["id"]]),
            )

    def _parts(self, table: Table, ids: Sequence[str]) -> Mapping[str, list[Any]]:
        found: dict[str, list[Any]] = defaultdict(list)
        for chunk in chunks(ids):
            query = select(table).where(table.c.set_id.in_(chunk)).order_by(*table.primary_key)
            for row in self._connection.execute(query).mappings():
                found[row["set_id"]].append(row)
        return found


class SqlEvaluationRecords:
    """Implements ``core.ports.EvaluationRecords``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def put(self, records: Sequence[EvaluationRecord]) -> None:
        """Store records, or replace those of the same id."""
        rows = [
            {
                "set_id": record.set_id,
                "id": record.id,
                "inputs_digest": record.inputs_digest,
                "created_at_ms": record.created_at_ms,
                "document": encode(record).decode(),
            }
            for record in records
        ]
        write_rows(self._connection, t.evaluation_records, rows)

    def by_inputs(self, set_id: str, digests: Sequence[str]) -> dict[str, EvaluationRecord]:
        """Return the records of a set with these digests of their inputs."""
        found: dict[str, EvaluationRecord] = {}
        for chunk in chunks(dict.fromkeys(digests)):
            query = select(r.inputs_digest, r.document).where(r.set_id == set_id, r.inputs_digest.in_(chunk))
            for digest, document in self._connection.execute(query):
                found[digest] = decode(document, EvaluationRecord)
        return found

    def page(self, set_id: str, limit: int, cursor: str = "") -> Page[EvaluationRecord]:
        """Return a page of the records of a set, oldest first.

        Raises:
            BadInputError: the cursor is not one of ours.
        """
        query = select(r.document).where(r.set_id == set_id)
        rows, more = read_listing(self._connection, query, _OLDEST_FIRST, limit, cursor)
        return Page(tuple(decode(row["document"], EvaluationRecord) for row in rows), more)

    def remove(self, set_id: str, record_ids: Sequence[str]) -> int:
        """Take records away; return how many there were."""
        count = 0
        for chunk in chunks(dict.fromkeys(record_ids)):
            gone = delete(t.evaluation_records).where(r.set_id == set_id, r.id.in_(chunk))
            count += self._connection.execute(gone).rowcount
        return count

    def count(self, set_id: str) -> int:
        """Return how many records a set has."""
        query = select(func.count()).select_from(t.evaluation_records).where(r.set_id == set_id)
        return self._connection.execute(query).scalar_one()


class SqlScorers:
    """Implements ``core.ports.Scorers``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def add(self, scorer: Scorer) -> None:
        """Store a new version."""
        row = {
            "experiment": scorer.experiment_id,
            "name": scorer.name,
            "number": scorer.number,
            "id": scorer.id,
            "text": scorer.text,
            "created_at_ms": scorer.created_at_ms,
        }
        self._connection.execute(insert(t.scorers), row)

    def of(self, experiment_ids: Sequence[int], name: str | None = None) -> tuple[Scorer, ...]:
        """Return all versions, of one name or of all, by experiment, name and number."""
        c = t.scorers.c
        found: list[Scorer] = []
        for chunk in chunks(sorted(set(experiment_ids))):
            query = select(t.scorers).where(c.experiment.in_(chunk))
            if name is not None:
                query = query.where(c.name == name)
            for row in self._connection.execute(query.order_by(*t.scorers.primary_key)).mappings():
                own = {key: row[key] for key in ("id", "name", "number", "text", "created_at_ms")}
                found.append(Scorer(experiment_id=row["experiment"], **own))
        return tuple(found)

    def remove(self, experiment_id: int, name: str, number: int | None = None) -> int:
        """Take one version away, or all; return how many there were."""
        c = t.scorers.c
        gone = delete(t.scorers).where(c.experiment == experiment_id, c.name == name)
        if number is not None:
            gone = gone.where(c.number == number)
        return self._connection.execute(gone).rowcount


def _test(asked: Comparison) -> ColumnElement[bool]:
    if asked.kind != "tag":
        return compare(s[asked.key], asked)
    c = t.evaluation_set_tags.c
    return compare_word(t.evaluation_set_tags, c.set_id == s.id, asked)


def _key(order: Order) -> Key:
    if order.kind == "tag":
        c = t.evaluation_set_tags.c
        mine = select(c.value).where(c.set_id == s.id, c.key == order.key)
        column: Any = mine.scalar_subquery()
    else:
        column = s[order.key]
    return Key.of(column, order.descending)
