"""Runs and what they log, as MLflow's protocol has them."""

import math
from functools import partial
from typing import Any, Final

import msgspec
from msgspec.structs import astuple

from assay.core.errors import BadInputError, Reason
from assay.core.tracking.datasets import Dataset, DatasetInput
from assay.core.tracking.filters import parse_filter, parse_order
from assay.core.tracking.metrics import Point
from assay.core.tracking.runs import Batch, LoggedRun, ModelOutput, Run, RunStatus
from assay.core.tracking.searches import Search
from assay.core.tracking.vocabularies import RUNS
from assay.doors.mlflow.experiments import experiment_ids, experiment_number, page_size, pairs, token, view
from assay.doors.mlflow.fields import Fields
from assay.doors.mlflow.route import Call, Route
from assay.http.threads import Work
from assay.usecases.tracking.runs import NewRun, RunChange

MAX_PAGE: Final = 50_000
MAX_BATCH_BYTES: Final = 1_000_000


class _SentPoint(msgspec.Struct, forbid_unknown_fields=True):
    """A point of a batch in the form every client sends; other forms are read field by field."""

    key: str
    value: float
    timestamp: int
    step: int = 0
    model_id: str = ""
    dataset_name: str = ""
    dataset_digest: str = ""


class _SentWord(msgspec.Struct, forbid_unknown_fields=True):
    key: str
    value: str = ""


class _SentBatch(msgspec.Struct, forbid_unknown_fields=True):
    run_id: str
    metrics: tuple[_SentPoint, ...] = ()
    params: tuple[_SentWord, ...] = ()
    tags: tuple[_SentWord, ...] = ()


# A sent point has the fields of a point in their order; made so, no line of Python is run for each.
_AS_POINT: Final = partial(tuple.__new__, Point)
_READ_BATCH: Final = msgspec.json.Decoder(_SentBatch)


def create(call: Call) -> dict[str, Any]:
    """Begin a run."""
    fields = call.fields
    run = call.use.runs.create(
        call.caller,
        NewRun(
            experiment_number(fields.needed("experiment_id")),
            fields.text("user_id"),
            fields.whole("start_time", 0) or 0,
            fields.text("run_name"),
            fields.pairs("tags"),
        ),
    )
    return {"run": shown(run)}


def get(call: Call) -> dict[str, Any]:
    """Show a run with all it logged."""
    return {"run": shown(call.use.runs.get(call.caller, run_id(call.fields)), whole=True)}


def update(call: Call) -> dict[str, Any]:
    """Change status, end or name."""
    fields = call.fields
    status = fields.raw("status")
    if isinstance(status, int) and 1 <= status <= len(RunStatus):
        status = tuple(RunStatus)[status - 1].value
    change = RunChange(
        RunStatus.parse(str(status)) if status else None,
        fields.whole("end_time"),
        fields.text("run_name") or None,
    )
    return {"run_info": info(call.use.runs.update(call.caller, run_id(fields), change))}


def delete(call: Call) -> dict[str, Any]:
    """Put away."""
    call.use.runs.delete(call.caller, run_id(call.fields))
    return {}


def restore(call: Call) -> dict[str, Any]:
    """Bring back."""
    call.use.runs.restore(call.caller, run_id(call.fields))
    return {}


def search(call: Call) -> dict[str, Any]:
    """Look for runs."""
    fields = call.fields
    wanted = Search(
        condition=parse_filter(fields.text("filter"), RUNS),
        order=parse_order(fields.texts("order_by"), RUNS),
        view=view(fields, "run_view_type"),
        limit=page_size(fields, MAX_PAGE, 1000, by_type=True),
        cursor=fields.text("page_token"),
    )
    page = call.use.runs.search(call.caller, experiment_ids(fields.texts("experiment_ids")), wanted)
    found = {"runs": [shown(each, whole=True) for each in page.items]} if page.items else {}
    return found | token(page.next_cursor)


def log_metric(call: Call) -> dict[str, Any]:
    """Log one point."""
    fields = call.fields
    run, point = run_id(fields), _point(fields)
    call.use.runs.log(call.caller, run, Batch(metrics=(point,), alone=True))
    return {}


def log_parameter(call: Call) -> dict[str, Any]:
    """Log one parameter."""
    run, key, value = run_id(call.fields), call.fields.needed("key"), call.fields.text("value")
    call.use.runs.log(call.caller, run, Batch(params={key: value}, alone=True))
    return {}


def set_tag(call: Call) -> dict[str, Any]:
    """Set a tag."""
    run, key, value = run_id(call.fields), call.fields.needed("key"), call.fields.text("value")
    call.use.runs.log(call.caller, run, Batch(tags={key: value}, alone=True))
    return {}


def delete_tag(call: Call) -> dict[str, Any]:
    """Take a tag away."""
    call.use.runs.remove_tag(call.caller, run_id(call.fields), call.fields.needed("key"))
    return {}


def log_batch(call: Call) -> dict[str, Any]:
    """Log points, parameters and tags together.

    Raises:
        BadInputError: the body is larger than 1 MB, or something in it breaks a rule.
    """
    if len(call.body) > MAX_BATCH_BYTES:
        message = (
            f"Batched logging API requests must be at most {MAX_BATCH_BYTES} bytes, "
            f"got a request of size {len(call.body)}."
        )
        raise BadInputError(message, [Reason("body", f"must be at most {MAX_BATCH_BYTES} bytes")])
    try:
        sent = _READ_BATCH.decode(call.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        run, batch = run_id(call.fields), _batch(call.fields)
    else:
        run, batch = sent.run_id or run_id(call.fields), _quick_batch(sent)
    call.use.runs.log(call.caller, run, batch)
    return {}


def log_inputs(call: Call) -> dict[str, Any]:
    """Note data and models that the run used."""
    fields = call.fields
    datasets = [_dataset(each) for each in fields.objects("datasets")]
    models = [each.needed("model_id") for each in fields.objects("models")]
    call.use.runs.log_inputs(call.caller, run_id(fields), datasets, models)
    return {}


def log_outputs(call: Call) -> dict[str, Any]:
    """Note models that the run produced."""
    models = [
        ModelOutput(each.needed("model_id"), each.whole("step", 0) or 0)
        for each in call.fields.objects("models")
    ]
    call.use.runs.log_outputs(call.caller, run_id(call.fields), models)
    return {}


def log_model(call: Call) -> dict[str, Any]:
    """Keep the note that MLflow 2 clients make about a model that they wrote among the run's files.

    Raises:
        BadInputError: a field is missing, or the note is no JSON object with the fields that it must have.
    """
    run, text = run_id(call.fields), call.fields.needed("model_json")
    try:
        said = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        message = f"Malformed model info. \n {text[:1000]} \n is not a valid JSON."
        raise BadInputError(message, [Reason("model_json", "must be a JSON object")]) from error
    missing = {"artifact_path", "flavors", "utc_time_created", "run_id"} - set(said)
    if missing:
        message = f"Model json is missing mandatory fields: {sorted(missing)}"
        raise BadInputError(
            message, [Reason(f"model_json.{each}", "must be given") for each in sorted(missing)]
        )
    tags = call.use.runs.get(call.caller, run).tags
    kept = {name: value for name, value in said.items() if name != "config"}
    history = msgspec.json.encode([*_notes(tags.get("mlflow.log-model.history", "")), kept]).decode()
    call.use.runs.log(call.caller, run, Batch(tags={"mlflow.log-model.history": history}))
    return {}


def _notes(text: str) -> list[Any]:
    """Return the notes kept so far; a tag that somebody set to something else holds none."""
    try:
        return msgspec.json.decode(text or "[]", type=list[Any])
    except (msgspec.DecodeError, RecursionError):
        return []


def shown(logged: LoggedRun, *, whole: bool = False) -> dict[str, Any]:
    """Return a run as the protocol shows it; a ``whole`` one names its outputs even when it has none."""
    metrics = [metric(point) for point in logged.metrics]
    data = (
        ({"metrics": metrics} if metrics else {})
        | pairs("params", logged.params)
        | pairs("tags", logged.tags)
    )
    inputs: dict[str, Any] = {}
    if logged.datasets:
        inputs["dataset_inputs"] = [_shown_dataset(each) for each in logged.datasets]
    if logged.model_inputs:
        inputs["model_inputs"] = [{"model_id": each} for each in logged.model_inputs]
    found = {"info": info(logged.run), "data": data, "inputs": inputs}
    outputs = [{"model_id": each.model_id, "step": each.step} for each in logged.model_outputs]
    if outputs or whole:
        found["outputs"] = {"model_outputs": outputs} if outputs else {}
    return found


def info(run: Run) -> dict[str, Any]:
    """Return what the protocol shows of a run without what it logged."""
    ended = {} if run.ended_at_ms is None else {"end_time": run.ended_at_ms}
    return {
        "run_uuid": run.id,
        "experiment_id": str(run.experiment_id),
        "user_id": run.user,
        "status": run.status.value,
        "start_time": run.started_at_ms,
        **ended,
        "artifact_uri": run.artifact_root,
        "lifecycle_stage": "active" if run.deleted_at_ms is None else "deleted",
        "run_id": run.id,
        "run_name": run.name,
    }


def metric(point: Point) -> dict[str, Any]:
    """Return a point as the protocol shows it."""
    key, value, at_ms, step, model_id, name, digest = point
    found = {"key": key, "value": number(value), "timestamp": at_ms, "step": step}
    if name:
        found |= {"dataset_name": name, "dataset_digest": digest}
    return found if not model_id else found | {"model_id": model_id}


def number(value: float) -> float | str:
    """Return a number as JSON can say it: NaN and infinities are texts (protobuf's JSON mapping)."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def run_id(fields: Fields) -> str:
    """Return the run that the request names, under its new or its old field.

    Raises:
        BadInputError: it names none.
    """
    return fields.text("run_id") or fields.text("run_uuid") or fields.needed("run_id")


def _quick_batch(sent: _SentBatch) -> Batch:
    points = tuple(map(_AS_POINT, map(astuple, sent.metrics)))
    params = {each.key: each.value for each in sent.params}
    _check_unique([each.key for each in sent.params], params)
    return Batch(points, params, {each.key: each.value for each in sent.tags})


def _batch(fields: Fields) -> Batch:
    params = fields.pairs("params")
    _check_unique([each.needed("key") for each in fields.objects("params")], params)
    return Batch(tuple(_point(each) for each in fields.objects("metrics")), params, fields.pairs("tags"))


def _check_unique(keys: list[str], params: dict[str, str]) -> None:
    if len(params) != len(keys):
        twice = sorted({key for key in keys if keys.count(key) > 1})
        message = (
            f"Duplicate parameter keys have been submitted: {twice}. Please ensure the request contains "
            "only one param value per param key."
        )
        raise BadInputError(message, [Reason("params", "each key at most once")])


def _point(fields: Fields) -> Point:
    key, value = fields.needed("key"), fields.number("value")
    at_ms = fields.whole("timestamp")
    if at_ms is None:
        raise fields.missing("timestamp")
    return Point(
        key,
        value,
        at_ms,
        fields.whole("step", 0) or 0,
        fields.text("model_id"),
        fields.text("dataset_name"),
        fields.text("dataset_digest"),
    )


def _dataset(fields: Fields) -> DatasetInput:
    each = fields.object("dataset")
    dataset = Dataset(
        each.text("name"),
        each.text("digest"),
        each.text("source_type"),
        each.text("source"),
        each.text("schema"),
        each.text("profile"),
    )
    return DatasetInput(dataset, fields.pairs("tags"))


def _shown_dataset(each: DatasetInput) -> dict[str, Any]:
    names = ("name", "digest", "source_type", "source", "schema", "profile")
    dataset = {name: getattr(each.dataset, name) for name in names if getattr(each.dataset, name)}
    return {**pairs("tags", each.tags), "dataset": dataset}


_BASE: Final = "2.0/mlflow/runs/"
ROUTES: Final = (
    Route("POST", _BASE + "create", create),
    Route("GET", _BASE + "get", get),
    Route("POST", _BASE + "update", update),
    Route("POST", _BASE + "delete", delete),
    Route("POST", _BASE + "restore", restore),
    Route("POST", _BASE + "search", search, does=Work.SEARCH),
    Route("POST", _BASE + "log-metric", log_metric),
    Route("POST", _BASE + "log-parameter", log_parameter),
    Route("POST", _BASE + "set-tag", set_tag),
    Route("POST", _BASE + "delete-tag", delete_tag),
    Route("POST", _BASE + "log-batch", log_batch),
    Route("POST", _BASE + "log-inputs", log_inputs),
    Route("POST", _BASE + "outputs", log_outputs),
    Route("POST", _BASE + "log-model", log_model),
)
