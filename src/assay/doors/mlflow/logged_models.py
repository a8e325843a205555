"""Logged models, as MLflow's protocol has them (since MLflow 3)."""

from typing import Any, Final

from assay.core.errors import BadInputError, Reason
from assay.core.tracking.filters import parse_filter, parse_order
from assay.core.tracking.logged_models import LoggedModel, LoggedModelStatus, ModelPoint
from assay.core.tracking.searches import Order, Search
from assay.core.tracking.vocabularies import LOGGED_MODELS
from assay.doors.mlflow.experiments import experiment_ids, experiment_number, page_size, pairs, token
from assay.doors.mlflow.fields import Fields
from assay.doors.mlflow.route import Call, Route
from assay.doors.mlflow.runs import metric
from assay.http.threads import Work
from assay.usecases.tracking.logged_models import NewLoggedModel

MAX_PAGE: Final = 50_000


def create(call: Call) -> dict[str, Any]:
    """Write a model down."""
    fields = call.fields
    made = call.use.logged_models.create(
        call.caller,
        NewLoggedModel(
            experiment_number(fields.needed("experiment_id")),
            fields.text("name"),
            fields.text("source_run_id"),
            fields.text("model_type"),
            fields.pairs("tags"),
            fields.pairs("params"),
        ),
    )
    return {"model": shown(made)}


def get(call: Call) -> dict[str, Any]:
    """Show one."""
    return {"model": shown(call.use.logged_models.get(call.caller, call.path["model_id"]))}


def finish(call: Call) -> dict[str, Any]:
    """Say that the files are all there, or that they never will be."""
    status = call.fields.raw("status")
    if isinstance(status, int) and 1 <= status <= len(LoggedModelStatus):
        status = tuple(LoggedModelStatus)[status - 1].value
    if not status:
        raise call.fields.missing("status")
    wanted = LoggedModelStatus.parse(str(status))
    model = call.use.logged_models.finish(
        call.caller, call.path["model_id"], wanted, call.fields.text("status_message")
    )
    return {"model": shown(model)}


def delete(call: Call) -> dict[str, Any]:
    """Put away."""
    call.use.logged_models.delete(call.caller, call.path["model_id"])
    return {}


def set_tags(call: Call) -> dict[str, Any]:
    """Set tags."""
    model = call.use.logged_models.set_tags(call.caller, call.path["model_id"], call.fields.pairs("tags"))
    return {"model": shown(model)}


def delete_tag(call: Call) -> dict[str, Any]:
    """Take a tag away."""
    call.use.logged_models.remove_tag(call.caller, call.path["model_id"], call.path["key"])
    return {}


def log_params(call: Call) -> dict[str, Any]:
    """Add parameters."""
    call.use.logged_models.log_params(call.caller, call.path["model_id"], call.fields.pairs("params"))
    return {}


def search(call: Call) -> dict[str, Any]:
    """Look for logged models.

    Raises:
        BadInputError: a field is missing or of the wrong kind, or the filter is not readable.
    """
    fields = call.fields
    if not fields.has("experiment_ids"):
        raise fields.missing("experiment_ids")
    wanted = Search(
        condition=parse_filter(fields.text("filter"), LOGGED_MODELS),
        order=tuple(_order(each) for each in fields.objects("order_by")),
        limit=page_size(fields, MAX_PAGE, 50),
        cursor=fields.text("page_token"),
        datasets=tuple(
            (each.needed("dataset_name"), each.text("dataset_digest")) for each in fields.objects("datasets")
        ),
    )
    ids = experiment_ids(fields.texts("experiment_ids"))
    page = call.use.logged_models.search(call.caller, ids, wanted)
    found = {"models": [shown(each) for each in page.items]} if page.items else {}
    return found | token(page.next_cursor)


def shown(model: LoggedModel) -> dict[str, Any]:
    """Return a logged model as the protocol shows it."""
    optional = {
        "model_type": model.model_type,
        "source_run_id": model.source_run_id,
        "status_message": model.status_message,
    }
    said = {
        "model_id": model.id,
        "experiment_id": str(model.experiment_id),
        "name": model.name,
        "creation_timestamp_ms": model.created_at_ms,
        "last_updated_timestamp_ms": model.updated_at_ms,
        "artifact_uri": model.artifact_root,
        "status": model.status.value,
        **{name: value for name, value in optional.items() if value},
        **pairs("tags", model.tags),
    }
    metrics = [_metric(model.id, each) for each in model.metrics]
    return {"info": said, "data": pairs("params", model.params) | ({"metrics": metrics} if metrics else {})}


def _metric(model_id: str, each: ModelPoint) -> dict[str, Any]:
    return {**metric(each.point), "model_id": model_id, "run_id": each.run_id}


def _order(fields: Fields) -> Order:
    """Read ``{field_name, ascending, dataset_name, dataset_digest}``."""
    ascending = fields.flag("ascending", default=True)
    name, digest = fields.text("dataset_name"), fields.text("dataset_digest")
    (order,) = parse_order((fields.needed("field_name"),), LOGGED_MODELS)
    if digest and not name:
        message = "`dataset_name` must be specified with `dataset_digest`"
        raise BadInputError(message, [Reason("order_by", "dataset_digest needs dataset_name")])
    return Order(order.kind, order.key, not ascending, name, digest)


_BASE: Final = "2.0/mlflow/logged-models"
ROUTES: Final = (
    Route("POST", _BASE, create),
    Route("POST", _BASE + "/search", search, does=Work.SEARCH),
    Route("GET", _BASE + "/{model_id}", get),
    Route("PATCH", _BASE + "/{model_id}", finish),
    Route("DELETE", _BASE + "/{model_id}", delete),
    Route("PATCH", _BASE + "/{model_id}/tags", set_tags),
    Route("DELETE", _BASE + "/{model_id}/tags/{key}", delete_tag),
    Route("POST", _BASE + "/{model_id}/params", log_params),
)
