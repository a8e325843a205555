"""A live MLflow server (2.22 to 3.18), read over its own REST protocol."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from assay.core.errors import DeniedError, NotFoundError, UnavailableError
from assay.core.moving import (
    Finding,
    ForeignExperiment,
    ForeignLoggedModel,
    ForeignModel,
    ForeignRun,
    ForeignTrace,
    ForeignVersion,
)
from assay.core.ports.moving import ForeignFiles
from assay.core.tracking.datasets import DatasetInput
from assay.core.tracking.logged_models import LoggedModel, ModelPoint
from assay.core.tracking.metrics import Point
from assay.core.tracking.runs import NAME_TAG, ModelOutput
from assay.storage.moving.mlflow_calls import MlflowCalls, first_page
from assay.storage.moving.mlflow_server_traces import ServerTraces
from assay.storage.moving.mlflow_words import (
    dataset_input,
    logged_model_status,
    number,
    pairs,
    run_status,
    text,
    whole,
)

API: Final = "api/2.0/mlflow/"
_DELETED: Final = "deleted"
_RUNS: Final = 200
_POINTS: Final = 25_000
_MODELS: Final = 100
_VERSIONS: Final = 10_000
_PROMPTS: Final = "tags.`mlflow.prompt.is_prompt` = 'true'"


class ServerTracking:
    """Implements ``core.ports.moving.ForeignTracking`` over a server."""

    def __init__(self, calls: MlflowCalls, files: ForeignFiles) -> None:
        """Keep the way to the server, and where files are read."""
        self._calls = calls
        self._traces = ServerTraces(calls, files)

    def experiments(self) -> Iterator[ForeignExperiment]:
        """Yield all experiments, oldest id first."""
        asked = {"max_results": 1000, "view_type": "ALL"}
        pages = self._calls.pages("POST", f"{API}experiments/search", "experiments", **asked)
        found = [each for page in pages for each in page]
        read = self._calls.each(found, _experiment)
        yield from sorted(read, key=lambda each: (len(each.id), each.id))

    def runs(self, experiment_id: str) -> Iterator[tuple[ForeignRun, ...]]:
        """Yield the runs of an experiment, page by page, oldest first: new ones come behind."""
        asked = {"experiment_ids": [experiment_id], "run_view_type": "ALL", "max_results": _RUNS}
        order = ["attributes.start_time ASC"]
        for page in self._calls.pages("POST", f"{API}runs/search", "runs", order_by=order, **asked):
            yield tuple(self._calls.each(page, _run))

    def points(self, run: ForeignRun) -> Iterator[Point]:
        """Yield every point of every metric of a run."""
        for key in run.latest:
            asked = {"run_id": run.id, "metric_key": key, "max_results": _POINTS}
            for page in self._calls.pages("GET", f"{API}metrics/get-history", "metrics", **asked):
                yield from self._calls.each(page, _point)

    def logged_models(self, experiment_id: str) -> Iterator[ForeignLoggedModel]:
        """Yield the logged models of an experiment; a server before version 3 has none."""
        asked = {"experiment_ids": [experiment_id], "max_results": 50}
        order = [{"field_name": "creation_timestamp", "ascending": True}]
        path = f"{API}logged-models/search"
        pages = first_page(self._calls.pages("POST", path, "models", order_by=order, **asked))
        for page in pages or ():
            read = self._calls.each(page, _logged_model)
            yield from (ForeignLoggedModel(each, experiment_id) for each in read)

    def traces(self, experiment_id: str) -> Iterator[ForeignTrace]:
        """Yield the traces of an experiment with spans and assessments."""
        return self._traces.of(experiment_id)

    def left_out(self) -> tuple[Finding, ...]:
        """Return what no client can see over this protocol."""
        what = "a server does not show deleted logged models and deleted version numbers"
        advice = "move in from the database and the artifact root, if they are to come too"
        gone = Finding("logged_model", "deleted ones", what, explained=True, advice=advice)
        webhooks = self._calls.pages("GET", f"{API}webhooks", "webhooks", max_results=100)
        sets = self._calls.pages("POST", "api/3.0/mlflow/datasets/search", "datasets", max_results=100)
        counts = {"webhooks": _count(webhooks), "evaluation data sets": _count(sets)}
        found = [
            Finding("experiment", words, f"{count} are not moved", explained=True)
            for words, count in counts.items()
            if count
        ]
        what = "scorers, issues, label schemas, review queues and what belongs to a gateway are not moved"
        return (gone, *found, Finding("experiment", "other things", what, explained=True))


class ServerRegistry:
    """Implements ``core.ports.moving.ForeignRegistry`` over a server."""

    def __init__(self, calls: MlflowCalls) -> None:
        """Keep the way to the server."""
        self._calls = calls

    def models(self) -> Iterator[ForeignModel]:
        """Yield all registered models, prompts among them: those only come when they are asked for."""
        path, seen = f"{API}registered-models/search", set[str]()
        for condition in (None, _PROMPTS):
            asked = {"filter": condition, "max_results": _MODELS}
            for page in self._calls.pages("GET", path, "registered_models", **asked):
                for each in self._calls.each(page, _model):
                    if each.name not in seen:
                        seen.add(each.name)
                        yield each

    def versions(self) -> Iterator[ForeignVersion]:
        """Yield all versions of all models and prompts."""
        path, seen = f"{API}model-versions/search", set[tuple[str, int]]()
        order = ["name ASC", "version_number ASC"]
        for condition in (None, _PROMPTS):
            asked = {"filter": condition, "order_by": order, "max_results": _VERSIONS}
            for page in self._calls.pages("GET", path, "model_versions", **asked):
                for each in self._calls.each(page, self._version):
                    if (each.name, each.number) not in seen:
                        seen.add((each.name, each.number))
                        yield each

    def _version(self, said: Mapping[str, Any]) -> ForeignVersion:
        created = whole(said.get("creation_timestamp"))
        return ForeignVersion(
            name=text(said.get("name")),
            number=whole(said.get("version")),
            created_at_ms=created,
            updated_at_ms=whole(said.get("last_updated_timestamp"), created),
            source=text(said.get("source")),
            place=self._place(said),
            run_id=text(said.get("run_id")),
            model_id=text(said.get("model_id")),
            user=text(said.get("user_id")),
            stage=text(said.get("current_stage")) or "None",
            description=text(said.get("description")),
            tags=dict(sorted(pairs(said.get("tags")).items())),
            run_link=text(said.get("run_link")),
        )

    def _place(self, said: Mapping[str, Any]) -> str:
        asked = {"name": said.get("name"), "version": said.get("version")}
        try:
            return text(self._calls.get(f"{API}model-versions/get-download-uri", **asked).get("artifact_uri"))
        except NotFoundError:
            return ""


def _count(pages: Iterator[list[dict[str, Any]]]) -> str:
    """Return how many things a server has; "" for none, and where it has no such things."""
    try:
        count = sum(map(len, first_page(pages) or ()))
    except (DeniedError, UnavailableError):
        return "an unknown number of them"
    return str(count) if count else ""


def _experiment(said: Mapping[str, Any]) -> ForeignExperiment:
    created = whole(said.get("creation_time"))
    return ForeignExperiment(
        id=said["experiment_id"],
        name=text(said.get("name")),
        artifact_root=text(said.get("artifact_location")),
        created_at_ms=created,
        updated_at_ms=whole(said.get("last_update_time"), created),
        deleted=said.get("lifecycle_stage") == _DELETED,
        tags=pairs(said.get("tags")),
    )


def _model(said: Mapping[str, Any]) -> ForeignModel:
    created = whole(said.get("creation_timestamp"))
    return ForeignModel(
        name=said["name"],
        created_at_ms=created,
        updated_at_ms=whole(said.get("last_updated_timestamp"), created),
        description=text(said.get("description")),
        tags=dict(sorted(pairs(said.get("tags")).items())),
        aliases={text(each["alias"]): whole(each["version"]) for each in said.get("aliases") or ()},
    )


def _run(said: Mapping[str, Any]) -> ForeignRun:
    info, data = said["info"], said.get("data") or {}
    inputs, outputs = said.get("inputs") or {}, said.get("outputs") or {}
    tags = pairs(data.get("tags"))
    end = info.get("end_time")
    return ForeignRun(
        id=text(info.get("run_id") or info.get("run_uuid")),
        experiment_id=text(info.get("experiment_id")),
        name=text(info.get("run_name")) or tags.get(NAME_TAG, ""),
        user=text(info.get("user_id")) or tags.get("mlflow.user", ""),
        status=run_status(info.get("status")),
        started_at_ms=whole(info.get("start_time")),
        ended_at_ms=None if end is None else int(end),
        artifact_root=text(info.get("artifact_uri")),
        deleted=info.get("lifecycle_stage") == _DELETED,
        params=pairs(data.get("params")),
        tags=tags,
        datasets=tuple(_datasets(inputs)),
        model_inputs=tuple(sorted(text(each.get("model_id")) for each in inputs.get("model_inputs") or ())),
        model_outputs=tuple(
            ModelOutput(text(each.get("model_id")), whole(each.get("step")))
            for each in outputs.get("model_outputs") or ()
        ),
        latest={point.key: point for point in map(_point, data.get("metrics") or ())},
    )


def _datasets(inputs: Mapping[str, Any]) -> Iterator[DatasetInput]:
    for each in inputs.get("dataset_inputs") or ():
        found = dataset_input(each.get("dataset") or {}, pairs(each.get("tags")))
        if found is not None:
            yield found


def _point(said: Mapping[str, Any]) -> Point:
    value = number(said.get("value"))
    return Point(text(said.get("key")), value, whole(said.get("timestamp")), whole(said.get("step")))


def _logged_model(said: Mapping[str, Any]) -> LoggedModel:
    info, data = said["info"], said.get("data") or {}
    created = whole(info.get("creation_timestamp_ms"))
    model_id = text(info.get("model_id"))
    return LoggedModel(
        id=model_id,
        experiment_id=-1,
        name=text(info.get("name")),
        artifact_root=text(info.get("artifact_uri")),
        created_at_ms=created,
        updated_at_ms=whole(info.get("last_updated_timestamp_ms"), created),
        status=logged_model_status(info.get("status")),
        status_message=text(info.get("status_message")),
        model_type=text(info.get("model_type")),
        source_run_id=text(info.get("source_run_id")),
        tags=pairs(info.get("tags")),
        params=pairs(data.get("params")),
        metrics=tuple(_model_point(each, model_id) for each in data.get("metrics") or ()),
    )


def _model_point(said: Mapping[str, Any], model_id: str) -> ModelPoint:
    point = Point(
        text(said.get("key")),
        number(said.get("value")),
        whole(said.get("timestamp")),
        whole(said.get("step")),
        model_id,
        text(said.get("dataset_name")),
        text(said.get("dataset_digest")),
    )
    return ModelPoint(point, text(said.get("run_id")))
