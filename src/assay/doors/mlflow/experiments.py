"""Experiments, as MLflow's protocol has them."""

import re
from collections.abc import Sequence
from typing import Any, Final

from assay.core.errors import BadInputError, ConflictError, Reason
from assay.core.tracking.experiments import Experiment, View
from assay.core.tracking.filters import parse_filter, parse_order
from assay.core.tracking.searches import Search
from assay.core.tracking.vocabularies import EXPERIMENTS
from assay.doors.mlflow.errors import already_exists
from assay.doors.mlflow.fields import Fields
from assay.doors.mlflow.route import Call, Route
from assay.http.threads import Work

MAX_PAGE: Final = 50_000
MAX_SEARCHED: Final = 20
NO_EXPERIMENT: Final = -1
_NUMBER: Final = re.compile(r"[-+]?[0-9]{1,4000}")
_VIEWS: Final = {"ACTIVE_ONLY": View.ACTIVE, "DELETED_ONLY": View.DELETED, "ALL": View.ALL}


def create(call: Call) -> dict[str, Any]:
    """Create an experiment."""
    fields = call.fields
    name, root = fields.needed("name"), fields.text("artifact_location")
    try:
        made = call.use.experiments.create(call.caller, call.team, name, root, fields.pairs("tags"))
    except ConflictError as error:
        raise already_exists(f"Experiment(name={name}) already exists. {_hint(error)}") from error
    return {"experiment_id": str(made.id)}


def get(call: Call) -> dict[str, Any]:
    """Show one by id."""
    return {"experiment": shown(call.use.experiments.get(call.caller, experiment_id(call.fields)))}


def get_by_name(call: Call) -> dict[str, Any]:
    """Show one by name."""
    name = call.fields.needed("experiment_name")
    return {"experiment": shown(call.use.experiments.named(call.caller, call.team, name))}


def search(call: Call) -> dict[str, Any]:
    """Look for experiments."""
    fields = call.fields
    wanted = Search(
        condition=parse_filter(fields.text("filter"), EXPERIMENTS),
        order=parse_order(fields.texts("order_by"), EXPERIMENTS),
        view=view(fields),
        limit=page_size(fields, MAX_PAGE, 0),
        cursor=fields.text("page_token"),
    )
    page = call.use.experiments.search(call.caller, wanted, call.team)
    found = {"experiments": [shown(each) for each in page.items]} if page.items else {}
    return found | token(page.next_cursor)


def update(call: Call) -> dict[str, Any]:
    """Rename."""
    wanted, name = experiment_id(call.fields), call.fields.needed("new_name")
    try:
        call.use.experiments.rename(call.caller, wanted, name)
    except ConflictError as error:
        raise already_exists(f"Experiment(name={name}) already exists. {_hint(error)}") from error
    return {}


def delete(call: Call) -> dict[str, Any]:
    """Put away."""
    call.use.experiments.delete(call.caller, experiment_id(call.fields))
    return {}


def restore(call: Call) -> dict[str, Any]:
    """Bring back."""
    call.use.experiments.restore(call.caller, experiment_id(call.fields))
    return {}


def set_tag(call: Call) -> dict[str, Any]:
    """Set a tag."""
    key, value = call.fields.needed("key"), call.fields.text("value")
    call.use.experiments.set_tag(call.caller, experiment_id(call.fields), key, value)
    return {}


def delete_tag(call: Call) -> dict[str, Any]:
    """Take a tag away."""
    call.use.experiments.remove_tag(call.caller, experiment_id(call.fields), call.fields.needed("key"))
    return {}


def search_datasets(call: Call) -> dict[str, Any]:
    """Say which data sets the runs of some experiments used.

    Raises:
        BadInputError: an id is no whole number, there is none, or there are more than 20.
    """
    named = call.fields.named("experiment_ids", "SearchDatasets", "experiment_id", MAX_SEARCHED)
    wanted = experiment_ids(named)
    found = call.use.runs.dataset_summaries(call.caller, wanted, 1000)
    listed = [
        {
            "experiment_id": str(each.experiment_id),
            "name": each.name,
            "digest": each.digest,
            **({"context": each.context} if each.context else {}),
        }
        for each in found
    ]
    return {"dataset_summaries": listed} if listed else {}


def shown(experiment: Experiment) -> dict[str, Any]:
    """Return an experiment as the protocol shows it."""
    return {
        "experiment_id": str(experiment.id),
        "name": experiment.name,
        "artifact_location": experiment.artifact_root,
        "lifecycle_stage": "deleted" if experiment.deleted else "active",
        "last_update_time": experiment.updated_at_ms,
        "creation_time": experiment.created_at_ms,
        "workspace": experiment.team,
        **pairs("tags", experiment.tags),
    }


def pairs(name: str, words: Any) -> dict[str, Any]:
    """Return a mapping as a list of ``{key, value}`` under ``name``; nothing when it is empty."""
    listed = [{"key": key, "value": value} for key, value in words.items()]
    return {name: listed} if listed else {}


def token(cursor: str) -> dict[str, str]:
    """Return the token of the next page, nothing at the end."""
    return {"next_page_token": cursor} if cursor else {}


def view(fields: Fields, name: str = "view_type") -> View:
    """Return which things are asked for: active ones unless the request says otherwise.

    Raises:
        BadInputError: there is no such view.
    """
    text = fields.raw(name)
    if isinstance(text, int) and 1 <= text <= 3:
        return tuple(_VIEWS.values())[text - 1]
    if text and (not isinstance(text, str) or text not in _VIEWS):
        known, shown = ", ".join(_VIEWS), repr(text)[:200]
        message = f"Invalid value {shown} for parameter '{name}'. Valid values are {known}"
        raise BadInputError(message, [Reason(name, f"must be one of {known}", shown)])
    return _VIEWS[text] if text else View.ACTIVE


def page_size(fields: Fields, limit: int, default: int, *, by_type: bool = False) -> int:
    """Return how many things a page may have.

    Args:
        fields: of the request.
        limit: at most so many.
        default: when it is not said; 0 where it must be.
        by_type: too many are refused in the words for a wrong type, as MLflow has them in some places.

    Raises:
        BadInputError: below 1 or above ``limit``.
    """
    name = "max_results"
    size = fields.whole(name, default) or 0
    if size > limit and by_type:
        raise fields.wrong(name)
    if not 1 <= size <= limit:
        rule = "a positive integer" if size < 1 else f"at most {limit}"
        message = f"Invalid value {size} for parameter '{name}' supplied. It must be {rule}"
        raise BadInputError(message, [Reason(name, f"must be 1 to {limit}", str(size))])
    return size


def experiment_id(fields: Fields) -> int:
    """Return the experiment that the request names.

    Raises:
        BadInputError: it is missing or no whole number.
    """
    return experiment_number(fields.needed("experiment_id"))


def experiment_ids(texts: Sequence[str]) -> tuple[int, ...]:
    """Return several experiments.

    Raises:
        BadInputError: one is no whole number.
    """
    return tuple(experiment_number(each) for each in texts)


def experiment_number(text: str) -> int:
    """Return the number that an experiment id is; one that is too great for any is that of none.

    Raises:
        BadInputError: it is none.
    """
    if not _NUMBER.fullmatch(text):
        message = f"Invalid experiment ID '{text[:100]}'. Experiment ID must be a valid integer."
        raise BadInputError(message, [Reason("experiment_id", "must be a whole number")])
    return int(text) if len(text) <= 18 else NO_EXPERIMENT


def _hint(error: ConflictError) -> str:
    return error.hint[:1].upper() + error.hint[1:]


_BASE: Final = "2.0/mlflow/experiments/"
ROUTES: Final = (
    Route("POST", _BASE + "create", create),
    Route("GET", _BASE + "get", get),
    Route("GET", _BASE + "get-by-name", get_by_name),
    Route("POST", _BASE + "search", search, does=Work.SEARCH),
    Route("GET", _BASE + "search", search, does=Work.SEARCH),
    Route("POST", _BASE + "update", update),
    Route("POST", _BASE + "delete", delete),
    Route("POST", _BASE + "restore", restore),
    Route("POST", _BASE + "set-experiment-tag", set_tag),
    Route("POST", _BASE + "delete-experiment-tag", delete_tag),
    Route("POST", _BASE + "search-datasets", search_datasets, does=Work.SEARCH),
)
