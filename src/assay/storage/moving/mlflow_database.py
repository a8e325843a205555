"""The tracking part of a MLflow database (2.22 to 3.18), read page by page."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import RowMapping, func

from assay.core.moving import Finding, ForeignExperiment, ForeignLoggedModel, ForeignRun, ForeignTrace
from assay.core.ports.moving import ForeignFiles
from assay.core.tracking.datasets import DatasetInput
from assay.core.tracking.logged_models import LoggedModel, ModelPoint
from assay.core.tracking.metrics import Point
from assay.core.tracking.runs import NAME_TAG, ModelOutput
from assay.storage.moving.mlflow_database_traces import DatabaseTraces
from assay.storage.moving.mlflow_tables import MlflowTables
from assay.storage.moving.mlflow_words import (
    dataset_input,
    logged_model_status,
    number,
    run_status,
    text,
    whole,
)

PAGE: Final = 200
_DELETED: Final = "deleted"
_USER_TAG: Final = "mlflow.user"
# Kept by MLflow, asked for by nobody who moves models: what is left out is said in the report.
_LEFT_OUT: Final = {
    "webhooks": "webhooks",
    "evaluation_datasets": "evaluation data sets",
    "scorers": "scorers",
    "issues": "issues",
    "label_schemas": "label schemas",
    "review_queues": "review queues",
    "endpoints": "gateway endpoints",
    "mcp_servers": "MCP servers",
}


class DatabaseTracking:
    """Implements ``core.ports.moving.ForeignTracking`` over a database."""

    def __init__(self, tables: MlflowTables, files: ForeignFiles) -> None:
        """Keep the tables, and where files are read."""
        self._tables = tables
        self._traces = DatabaseTraces(tables, files)

    def experiments(self) -> Iterator[ForeignExperiment]:
        """Yield all experiments, oldest id first."""
        names = ("experiment_id", "name", "artifact_location", "lifecycle_stage")
        times = ("creation_time", "last_update_time")
        query = self._tables.select("experiments", *names, *times)
        tags = self._words("experiment_tags", "experiment_id", None)
        for row in self._tables.rows(query.order_by(self._tables.column("experiments", "experiment_id"))):
            created = whole(row["creation_time"])
            yield ForeignExperiment(
                id=str(row["experiment_id"]),
                name=text(row["name"]),
                artifact_root=text(row["artifact_location"]),
                created_at_ms=created,
                updated_at_ms=whole(row["last_update_time"], created),
                deleted=row["lifecycle_stage"] == _DELETED,
                tags=tags[str(row["experiment_id"])],
            )

    def runs(self, experiment_id: str) -> Iterator[tuple[ForeignRun, ...]]:
        """Yield the runs of an experiment, page by page."""
        names = ("run_uuid", "name", "user_id", "status", "start_time", "end_time")
        further = ("lifecycle_stage", "artifact_uri", "deleted_time")
        key = self._tables.column("runs", "run_uuid")
        query = self._tables.select("runs", *names, *further).order_by(key).limit(PAGE)
        query = query.where(self._tables.column("runs", "experiment_id") == int(experiment_id))
        last = ""
        while True:
            rows = self._tables.rows(query.where(key > last))
            if not rows:
                return
            last = rows[-1]["run_uuid"]
            yield tuple(self._runs(experiment_id, rows))

    def points(self, run: ForeignRun) -> Iterator[Point]:
        """Yield every point of every metric of a run."""
        query = self._tables.select("metrics", "key", "value", "is_nan", "timestamp", "step")
        column = self._tables.column
        query = query.where(column("metrics", "run_uuid") == run.id)
        order = ("key", "timestamp", "step", "value")
        for row in self._tables.stream(query.order_by(*(column("metrics", name) for name in order))):
            yield _point(*row)

    def logged_models(self, experiment_id: str) -> Iterator[ForeignLoggedModel]:
        """Yield the logged models of an experiment with tags, parameters and metrics."""
        if not self._tables.has("logged_models"):
            return
        names = ("model_id", "name", "artifact_location", "creation_timestamp_ms", "status", "model_type")
        further = ("last_updated_timestamp_ms", "status_message", "source_run_id", "lifecycle_stage")
        key = self._tables.column("logged_models", "model_id")
        query = self._tables.select("logged_models", *names, *further).order_by(key).limit(PAGE)
        query = query.where(self._tables.column("logged_models", "experiment_id") == int(experiment_id))
        last = ""
        while True:
            rows = self._tables.rows(query.where(key > last))
            if not rows:
                return
            last = rows[-1]["model_id"]
            ids = [row["model_id"] for row in rows]
            tags = self._words("logged_model_tags", "model_id", ids, ("tag_key", "tag_value"))
            params = self._words("logged_model_params", "model_id", ids, ("param_key", "param_value"))
            metrics = self._model_points(ids)
            for row in rows:
                model_id = row["model_id"]
                model = _logged_model(row, tags[model_id], params[model_id])
                yield ForeignLoggedModel(replace(model, metrics=tuple(metrics[model_id])), experiment_id)

    def traces(self, experiment_id: str) -> Iterator[ForeignTrace]:
        """Yield the traces of an experiment with spans and assessments."""
        return self._traces.of(experiment_id)

    def left_out(self) -> tuple[Finding, ...]:
        """Return what the database keeps and what is not moved."""
        counts = {words: self._tables.count(table) for table, words in _LEFT_OUT.items()}
        found = [
            Finding("experiment", words, f"{count} are not moved", explained=True)
            for words, count in counts.items()
            if count
        ]
        for table, kind in (("experiments", "experiment"), ("registered_models", "model")):
            count = self._tables.count(table, elsewhere=True)
            if count:
                what = f"{count} of other workspaces than the default one are not moved"
                found.append(Finding(kind, table.replace("_", " "), what, explained=True))
        return tuple(found)

    def _runs(self, experiment_id: str, rows: Sequence[RowMapping]) -> Iterator[ForeignRun]:
        ids = [row["run_uuid"] for row in rows]
        tags, params = self._words("tags", "run_uuid", ids), self._words("params", "run_uuid", ids)
        latest, counts = self._latest(ids), self._point_counts(ids)
        datasets, models = self._datasets(ids), self._models(ids)
        for row in rows:
            run_id = row["run_uuid"]
            yield ForeignRun(
                id=run_id,
                experiment_id=experiment_id,
                name=text(row["name"]) or tags[run_id].get(NAME_TAG, ""),
                user=text(row["user_id"]) or tags[run_id].get(_USER_TAG, ""),
                status=run_status(row["status"]),
                started_at_ms=whole(row["start_time"]),
                ended_at_ms=None if row["end_time"] is None else int(row["end_time"]),
                artifact_root=text(row["artifact_uri"]),
                deleted=row["lifecycle_stage"] == _DELETED,
                deleted_at_ms=None if row["deleted_time"] is None else int(row["deleted_time"]),
                params=params[run_id],
                tags=tags[run_id],
                datasets=tuple(datasets[run_id]),
                model_inputs=tuple(model.model_id for output, model in models[run_id] if not output),
                model_outputs=tuple(model for output, model in models[run_id] if output),
                latest=latest[run_id],
                point_count=counts.get(run_id, 0),
            )

    def _words(
        self, table: str, owner: str, ids: Sequence[str] | None, names: tuple[str, str] = ("key", "value")
    ) -> dict[str, dict[str, str]]:
        """Return tags or parameters by whose they are; of all owners without ``ids``."""
        found: dict[str, dict[str, str]] = defaultdict(dict)
        if not self._tables.has(table):
            return found
        query = self._tables.select(table, owner, *names)
        if ids is not None:
            query = query.where(self._tables.column(table, owner).in_(ids))
        for each, key, value in self._tables.stream(query.order_by(self._tables.column(table, names[0]))):
            found[str(each)][text(key)] = text(value)
        return found

    def _latest(self, ids: Sequence[str]) -> dict[str, dict[str, Point]]:
        found: dict[str, dict[str, Point]] = defaultdict(dict)
        names = ("run_uuid", "key", "value", "is_nan", "timestamp", "step")
        owner = self._tables.column("latest_metrics", "run_uuid")
        query = self._tables.select("latest_metrics", *names).where(owner.in_(ids))
        ordered = query.order_by(self._tables.column("latest_metrics", "key"))
        for run_id, *rest in self._tables.stream(ordered):
            point = _point(*rest)
            found[run_id][point.key] = point
        return found

    def _point_counts(self, ids: Sequence[str]) -> dict[str, int]:
        owner = self._tables.column("metrics", "run_uuid")
        query = self._tables.select("metrics").with_only_columns(owner, func.count())
        rows = self._tables.stream(query.where(owner.in_(ids)).group_by(owner))
        return {run_id: int(count) for run_id, count in rows}

    def _datasets(self, ids: Sequence[str]) -> dict[str, list[DatasetInput]]:
        found: dict[str, list[DatasetInput]] = defaultdict(list)
        if not self._tables.has("inputs"):
            return found
        inputs = self._inputs(ids, "DATASET", "destination_id")
        uuids = sorted({row["source_id"] for row in inputs})
        names = ("dataset_uuid", "name", "digest", "dataset_schema", "dataset_profile")
        query = self._tables.select("datasets", *names, "dataset_source_type", "dataset_source")
        rows = self._tables.rows(query.where(self._tables.column("datasets", "dataset_uuid").in_(uuids)))
        said = {
            row["dataset_uuid"]: {name.removeprefix("dataset_"): row[name] for name in row} for row in rows
        }
        uses = [row["input_uuid"] for row in inputs]
        tags = self._words("input_tags", "input_uuid", uses, ("name", "value"))
        for row in inputs:
            dataset = dataset_input(said.get(row["source_id"], {}), tags[row["input_uuid"]])
            if dataset is not None:
                found[row["destination_id"]].append(dataset)
        return found

    def _models(self, ids: Sequence[str]) -> dict[str, list[tuple[bool, ModelOutput]]]:
        found: dict[str, list[tuple[bool, ModelOutput]]] = defaultdict(list)
        if not self._tables.has("inputs"):
            return found
        for kind in ("RUN_INPUT", "RUN_OUTPUT"):
            for row in self._inputs(ids, kind, "source_id"):
                model = ModelOutput(row["destination_id"], whole(row["step"]))
                found[row["source_id"]].append((kind == "RUN_OUTPUT", model))
        return found

    def _inputs(self, ids: Sequence[str], kind: str, owner: str) -> list[RowMapping]:
        column = self._tables.column
        names = ("input_uuid", "source_type", "source_id", "destination_type", "destination_id", "step")
        query = self._tables.select("inputs", *names)
        query = query.where(column("inputs", "source_type") == kind, column("inputs", owner).in_(ids))
        order = (column("inputs", "destination_id"), column("inputs", "source_id"))
        return self._tables.rows(query.order_by(*order))

    def _model_points(self, ids: Sequence[str]) -> dict[str, list[ModelPoint]]:
        found: dict[str, list[ModelPoint]] = defaultdict(list)
        names = ("model_id", "metric_name", "metric_value", "metric_timestamp_ms", "metric_step", "run_id")
        query = self._tables.select("logged_model_metrics", *names, "dataset_name", "dataset_digest")
        owner = self._tables.column("logged_model_metrics", "model_id")
        order = ("model_id", "metric_name", "metric_timestamp_ms", "metric_step", "run_id")
        ordered = query.where(owner.in_(ids)).order_by(
            *(self._tables.column("logged_model_metrics", name) for name in order)
        )
        for model_id, key, value, at_ms, step, run_id, data, digest in self._tables.stream(ordered):
            point = Point(key, number(value), int(at_ms), int(step), model_id, text(data), text(digest))
            found[model_id].append(ModelPoint(point, run_id))
        return found


def _point(key: str, value: Any, is_nan: Any, at_ms: Any, step: Any) -> Point:
    return Point(key, number(None if is_nan else value), whole(at_ms), whole(step))


def _logged_model(row: RowMapping, tags: dict[str, str], params: dict[str, str]) -> LoggedModel:
    updated = whole(row["last_updated_timestamp_ms"])
    return LoggedModel(
        id=row["model_id"],
        experiment_id=-1,
        name=text(row["name"]),
        artifact_root=text(row["artifact_location"]),
        created_at_ms=whole(row["creation_timestamp_ms"]),
        updated_at_ms=updated,
        status=logged_model_status(row["status"]),
        status_message=text(row["status_message"]),
        model_type=text(row["model_type"]),
        source_run_id=text(row["source_run_id"]),
        deleted_at_ms=updated if row["lifecycle_stage"] == _DELETED else None,
        tags=tags,
        params=params,
    )
