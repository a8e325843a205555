"""Experiments in SQL."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, Select, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from assay.core.errors import ConflictError
from assay.core.search import Page
from assay.core.tracking.experiments import Experiment
from assay.core.tracking.searches import Search
from assay.storage import tracking_tables as t
from assay.storage.engines import by_itself
from assay.storage.prepared import Prepared
from assay.storage.rows import chunks
from assay.storage.tracking.searching import search_experiments
from assay.storage.upserts import write_rows

e, tag = t.experiments.c, t.experiment_tags.c
_EXPERIMENTS: Final = select(t.experiments).where(e.id.in_(bindparam("ids", expanding=True)))
# Asked with nearly every request.
_COLUMNS: Final = tuple(t.experiments.c.keys())
_DELETED: Final = _COLUMNS.index("deleted")
_ONE: Final = Prepared(select(t.experiments).where(e.id == bindparam("number")))
_TAGS_OF_ONE: Final = Prepared(
    select(tag.key, tag.value).where(tag.experiment == bindparam("number")).order_by(tag.key)
)
_TEAM: Final = Prepared(select(e.id, e.team).where(e.id == bindparam("number")))
_NAMED: Final = select(t.experiments).where(e.team == bindparam("team"), e.name == bindparam("name"))
_TAGS: Final = (
    select(tag.experiment, tag.key, tag.value)
    .where(tag.experiment.in_(bindparam("ids", expanding=True)))
    .order_by(tag.key)
)


class SqlExperiments:
    """Implements ``core.ports.tracking.Experiments``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def add(self, experiment: Experiment) -> Experiment:
        """Store a new one; a negative ``id`` lets the store give the next.

        Raises:
            ConflictError: the name is taken in the team, also by a deleted one.
        """
        # The next after the greatest, as SQLite gives it, also behind one whose number was chosen.
        given_by_store = select(func.coalesce(func.max(e.id), 0) + 1).scalar_subquery()
        values: dict[str, Any] = _values(experiment)
        values["id"] = experiment.id if experiment.id >= 0 else given_by_store
        try:
            with by_itself(self._connection):
                given = self._connection.execute(
                    insert(t.experiments).values(values).returning(e.id)
                ).scalar_one()
        except IntegrityError as error:
            raise _taken(experiment) from error
        self.set_tags(given, experiment.tags)
        return replace(experiment, id=given)

    def get(self, experiment_id: int) -> Experiment | None:
        """Return one, deleted or not."""
        row = _ONE.first(self._connection, number=experiment_id)
        if row is None:
            return None
        tags = dict(_TAGS_OF_ONE.all(self._connection, number=experiment_id))
        return Experiment(
            **dict(zip(_COLUMNS, row, strict=True)) | {"deleted": bool(row[_DELETED])}, tags=tags
        )

    def named(self, team: str, name: str) -> Experiment | None:
        """Return the one of that name, deleted or not."""
        return next(iter(self._with_tags(self._rows(_NAMED, team=team, name=name))), None)

    def save(self, experiment: Experiment) -> None:
        """Replace name, artifact root, times and whether it is deleted; its runs go and come with it.

        Raises:
            ConflictError: the name is taken in the team.
        """
        before = self.get(experiment.id)
        place = e.id == experiment.id
        try:
            with by_itself(self._connection):
                self._connection.execute(update(t.experiments).where(place), _values(experiment))
        except IntegrityError as error:
            raise _taken(experiment) from error
        if before is not None and before.deleted != experiment.deleted:
            r = t.runs.c
            at_ms = experiment.updated_at_ms if experiment.deleted else None
            moved = update(t.runs).where(r.experiment == experiment.id)
            if experiment.deleted:
                moved = moved.where(r.deleted_at_ms.is_(None))
            self._connection.execute(moved, {"deleted_at_ms": at_ms})

    def set_tags(self, experiment_id: int, tags: Mapping[str, str]) -> None:
        """Set tags; others stay."""
        rows = [{"experiment": experiment_id, "key": key, "value": value} for key, value in tags.items()]
        write_rows(self._connection, t.experiment_tags, rows)

    def remove_tag(self, experiment_id: int, key: str) -> bool:
        """Take a tag away; tell whether it was there."""
        gone = delete(t.experiment_tags).where(tag.experiment == experiment_id, tag.key == key)
        return self._connection.execute(gone).rowcount > 0

    def search(self, search: Search, teams: tuple[str, ...]) -> Page[Experiment]:
        """Return a page, newest first unless ordered otherwise; ``teams`` of ``("*",)`` means all.

        Raises:
            BadInputError: the cursor is not one of ours.
        """
        found = search_experiments(self._connection, search, teams)
        rows = self._rows(_EXPERIMENTS, ids=list(found.items))
        by_id = {each.id: each for each in self._with_tags(rows)}
        return Page(tuple(by_id[each] for each in found.items), found.next_cursor)

    def _rows(self, query: Select[Any], **asked: Any) -> Sequence[RowMapping]:
        return self._connection.execute(query, asked).mappings().all()

    def _with_tags(self, rows: Sequence[RowMapping]) -> list[Experiment]:
        tags: dict[int, dict[str, str]] = {row["id"]: {} for row in rows}
        for experiment, key, value in self._connection.execute(_TAGS, {"ids": list(tags)}) if tags else ():
            tags[experiment][key] = value
        return [Experiment(**row, tags=tags[row["id"]]) for row in rows]


class SqlOwners:
    """Implements ``core.ports.tracking.Owners``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def teams(self, experiment_ids: Sequence[int]) -> Mapping[int, str]:
        """Return the team of each of these experiments that there is, deleted or not."""
        if len(experiment_ids) == 1:  # as nearly every search asks
            return dict(_TEAM.all(self._connection, number=experiment_ids[0]))
        found: dict[int, str] = {}
        for chunk in chunks(experiment_ids):
            found |= dict(self._connection.execute(select(e.id, e.team).where(e.id.in_(chunk))).all())
        return found


def _values(experiment: Experiment) -> dict[str, Any]:
    names = ("team", "name", "artifact_root", "created_at_ms", "updated_at_ms", "deleted")
    return {name: getattr(experiment, name) for name in names}


def _taken(experiment: Experiment) -> ConflictError:
    hint = "take another name, or restore the deleted one"
    return ConflictError(f"the team {experiment.team} has an experiment {experiment.name!r}", hint=hint)
