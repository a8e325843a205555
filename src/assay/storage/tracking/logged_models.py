"""Logged models in SQL."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, RowMapping, Table, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from assay.core.errors import ConflictError
from assay.core.search import Page
from assay.core.tracking.logged_models import LoggedModel, LoggedModelStatus, ModelPoint
from assay.core.tracking.metrics import Point
from assay.core.tracking.searches import Search
from assay.storage import tracking_tables as t
from assay.storage.engines import by_itself
from assay.storage.tracking.numbers import shown
from assay.storage.tracking.searching import search_logged_models
from assay.storage.upserts import insert_missing, write_rows

m = t.logged_models.c
_NAMES = (
    "id",
    "name",
    "artifact_root",
    "created_at_ms",
    "updated_at_ms",
    "status_message",
    "model_type",
    "source_run_id",
    "deleted_at_ms",
)


class SqlLoggedModels:
    """Implements ``core.ports.tracking.LoggedModels``."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def add(self, model: LoggedModel) -> None:
        """Store a new one with tags and parameters.

        Raises:
            ConflictError: the id is taken.
        """
        values = {name: getattr(model, name) for name in _NAMES}
        values |= {"experiment": model.experiment_id, "status": model.status.value}
        try:
            with by_itself(self._connection):
                self._connection.execute(insert(t.logged_models), values)
        except IntegrityError as error:
            raise ConflictError(f"there is a logged model {model.id} already") from error
        self.annotate(model.id, model.tags, model.params)

    def get(
        self, model_ids: Sequence[str], *, deleted: bool = False, bare: bool = False
    ) -> tuple[LoggedModel, ...]:
        """Return those of the ids that there are, in the order asked.

        Args:
            model_ids: of the models.
            deleted: deleted ones too.
            bare: without tags, parameters and metrics, which takes one question instead of four.
        """
        query = select(t.logged_models).where(m.id.in_(list(model_ids)))
        if not deleted:
            query = query.where(m.deleted_at_ms.is_(None))
        rows = self._connection.execute(query).mappings().all()
        found = {each.id: each for each in self._gather(rows, bare=bare)}
        return tuple(found[each] for each in model_ids if each in found)

    def finish(self, model_id: str, status: LoggedModelStatus, message: str, at_ms: int) -> None:
        """Set the status."""
        change = {"status": status.value, "status_message": message, "updated_at_ms": at_ms}
        self._connection.execute(update(t.logged_models).where(m.id == model_id), change)

    def annotate(self, model_id: str, tags: Mapping[str, str], params: Mapping[str, str]) -> None:
        """Set tags, add parameters; what is there and not named stays."""
        seq = self._seq(model_id)
        if seq is None:
            return
        rows = [{"model": seq, "key": key, "value": value} for key, value in tags.items()]
        write_rows(self._connection, t.logged_model_tags, rows)
        rows = [{"model": seq, "key": key, "value": value} for key, value in params.items()]
        insert_missing(self._connection, t.logged_model_params, rows)

    def remove_tag(self, model_id: str, key: str) -> bool:
        """Take a tag away; tell whether it was there."""
        c = t.logged_model_tags.c
        gone = delete(t.logged_model_tags).where(c.model == self._seq(model_id), c.key == key)
        return self._connection.execute(gone).rowcount > 0

    def delete(self, model_id: str, at_ms: int) -> None:
        """Hide it for ever."""
        change = {"deleted_at_ms": at_ms, "updated_at_ms": at_ms}
        self._connection.execute(update(t.logged_models).where(m.id == model_id), change)

    def search(self, experiment_ids: Sequence[int], search: Search) -> Page[LoggedModel]:
        """Return a page; newest first unless ordered otherwise.

        Raises:
            BadInputError: the cursor is not one of ours.
        """
        found = search_logged_models(self._connection, experiment_ids, search)
        return Page(self.get(found.items), found.next_cursor)

    def _gather(self, rows: Sequence[RowMapping], *, bare: bool) -> list[LoggedModel]:
        seqs = [] if bare else [row["seq"] for row in rows]
        tags, params = self._words(t.logged_model_tags, seqs), self._words(t.logged_model_params, seqs)
        metrics = self._metrics(seqs)
        return [
            LoggedModel(
                **{name: row[name] for name in _NAMES},
                experiment_id=row["experiment"],
                status=LoggedModelStatus(row["status"]),
                tags=tags[row["seq"]],
                params=params[row["seq"]],
                metrics=tuple(metrics[row["seq"]]),
            )
            for row in rows
        ]

    def _words(self, table: Table, seqs: list[int]) -> dict[int, dict[str, str]]:
        c = table.c
        query = select(c.model, c.key, c.value).where(c.model.in_(seqs)).order_by(c.model, c.key)
        found: dict[int, dict[str, str]] = defaultdict(dict)
        if not seqs:
            return found
        for seq, key, value in self._connection.execute(query):
            found[seq][key] = value
        return found

    def _metrics(self, seqs: list[int]) -> dict[int, list[ModelPoint]]:
        c = t.logged_model_metrics.c
        names = (c.timestamp_ms, c.step, c.dataset_name, c.dataset_digest)
        query = select(c.model, c.run_id, c.value, c.is_nan, c.key, *names).where(c.model.in_(seqs))
        found: dict[int, list[ModelPoint]] = defaultdict(list)
        if not seqs:
            return found
        for row in self._connection.execute(query.order_by(c.model, c.timestamp_ms, c.step, c.key)):
            number = shown(row.value, row.is_nan)
            data = (row.dataset_name, row.dataset_digest)
            point = Point(
                row.key, number, row.timestamp_ms, row.step, dataset_name=data[0], dataset_digest=data[1]
            )
            found[row.model].append(ModelPoint(point, row.run_id))
        return found

    def _seq(self, model_id: str) -> int | None:
        return self._connection.execute(select(m.seq).where(m.id == model_id)).scalar()
