"""Evaluation datasets (``3.0/mlflow/datasets``): in Assay's words, evaluation sets.

Tags, records, schema and profile travel as JSON texts inside the JSON (``datasets.proto``).
"""

import json
from typing import Any, Final

from assay.core.errors import BadInputError, Reason
from assay.core.tracking.evaluations import EVALUATION_SETS, EvaluationRecord, EvaluationSet
from assay.core.tracking.filters import parse_filter, parse_order
from assay.core.tracking.searches import Search
from assay.doors.mlflow.experiments import experiment_number
from assay.doors.mlflow.fields import Fields, json_inside
from assay.doors.mlflow.route import Call, Route
from assay.http.threads import Work

PAGE: Final = 1000
MAX_PAGE: Final = 10_000
_SOURCES: Final = frozenset({"TRACE", "HUMAN", "DOCUMENT", "CODE"})


def create(call: Call) -> dict[str, Any]:
    """Make a dataset.

    Raises:
        BadInputError: a field is missing or of the wrong kind.
    """
    name, tags = call.fields.needed("name"), _texts(call.fields, "tags")
    places = [experiment_number(each) for each in call.fields.texts("experiment_ids")]
    made = call.use.evaluating.create(call.caller, call.team, name, tags, places)
    return {"dataset": _dataset(made)}


def get(call: Call) -> dict[str, Any]:
    """Return a dataset without its records."""
    return {"dataset": _dataset(call.use.evaluating.get(call.caller, call.path["dataset_id"]))}


def delete(call: Call) -> dict[str, Any]:
    """Delete a dataset; one that is not there is no error."""
    call.use.evaluating.delete(call.caller, call.path["dataset_id"])
    return {}


def search(call: Call) -> dict[str, Any]:
    """Find datasets.

    Raises:
        BadInputError: a field is of the wrong kind, or the filter is not readable.
    """
    fields = call.fields
    wanted = Search(
        condition=parse_filter(fields.text("filter_string"), EVALUATION_SETS),
        order=parse_order(fields.texts("order_by"), EVALUATION_SETS),
        limit=_limit(fields),
        cursor=fields.text("page_token"),
    )
    places = [experiment_number(each) for each in fields.texts("experiment_ids")]
    page = call.use.evaluating.search(call.caller, places or None, wanted)
    found = {"datasets": [_dataset(each) for each in page.items]} if page.items else {}
    return {**found, **({"next_page_token": page.next_cursor} if page.next_cursor else {})}


def set_tags(call: Call) -> dict[str, Any]:
    """Set tags; others stay.

    Raises:
        BadInputError: a field is missing or of the wrong kind.
    """
    call.fields.needed("tags")
    call.use.evaluating.tag(call.caller, call.path["dataset_id"], _texts(call.fields, "tags"))
    return {}


def delete_tag(call: Call) -> dict[str, Any]:
    """Take a tag away; one that is not there is no error."""
    call.use.evaluating.tag(call.caller, call.path["dataset_id"], {call.path["key"]: None})
    return {}


def upsert_records(call: Call) -> dict[str, Any]:
    """Add records, or merge them with those of the same inputs.

    Raises:
        BadInputError: a field is missing or of the wrong kind.
    """
    said = json_inside(call.fields, "records")
    if not isinstance(said, list) or not all(isinstance(each, dict) for each in said):
        raise BadInputError.of("records", "must be a JSON list of objects")
    records = [_read_record(Fields(each, f"records[{at}].")) for at, each in enumerate(said)]
    added, changed = call.use.evaluating.fill(call.caller, call.path["dataset_id"], records)
    return {"inserted_count": added, "updated_count": changed}


def get_records(call: Call) -> dict[str, Any]:
    """Return a page of records.

    Raises:
        BadInputError: a field is of the wrong kind.
    """
    limit, cursor = _limit(call.fields), call.fields.text("page_token")
    page = call.use.evaluating.records(call.caller, call.path["dataset_id"], limit, cursor)
    found = {"records": json.dumps([_record(each) for each in page.items])}
    return {**found, **({"next_page_token": page.next_cursor} if page.next_cursor else {})}


def delete_records(call: Call) -> dict[str, Any]:
    """Take records away.

    Raises:
        BadInputError: a field is of the wrong kind.
    """
    ids = call.fields.texts("dataset_record_ids")
    return {"deleted_count": call.use.evaluating.remove_records(call.caller, call.path["dataset_id"], ids)}


def get_experiment_ids(call: Call) -> dict[str, Any]:
    """Return the experiments that a dataset is meant for."""
    found = call.use.evaluating.get(call.caller, call.path["dataset_id"])
    return {"experiment_ids": [str(each) for each in found.experiment_ids]} if found.experiment_ids else {}


def add_experiments(call: Call) -> dict[str, Any]:
    """Say that a dataset is meant for experiments.

    Raises:
        BadInputError: a field is of the wrong kind.
    """
    places = [experiment_number(each) for each in call.fields.texts("experiment_ids")]
    return {"dataset": _dataset(call.use.evaluating.place(call.caller, call.path["dataset_id"], add=places))}


def remove_experiments(call: Call) -> dict[str, Any]:
    """Say that a dataset is not meant for experiments any more.

    Raises:
        BadInputError: a field is of the wrong kind.
    """
    places = [experiment_number(each) for each in call.fields.texts("experiment_ids")]
    after = call.use.evaluating.place(call.caller, call.path["dataset_id"], remove=places)
    return {"dataset": _dataset(after)}


def _dataset(one: EvaluationSet) -> dict[str, Any]:
    document: dict[str, Any] = {
        "dataset_id": one.id,
        "name": one.name,
        "tags": json.dumps(one.tags),
        "digest": one.digest,
        "created_time": one.created_at_ms,
        "last_update_time": one.updated_at_ms,
    }
    optional = {
        "schema": None if one.schema is None else json.dumps(one.schema),
        "profile": json.dumps({"num_records": one.record_count}) if one.record_count else None,
        "created_by": one.created_by or None,
        "last_updated_by": one.updated_by or None,
        "experiment_ids": [str(each) for each in one.experiment_ids] or None,
    }
    return {**document, **{key: value for key, value in optional.items() if value is not None}}


def _record(record: EvaluationRecord) -> dict[str, Any]:
    source = record.source or {}
    document: dict[str, Any] = {
        "dataset_record_id": record.id,
        "dataset_id": record.set_id,
        "inputs": record.inputs,
        "created_time": record.created_at_ms,
        "last_update_time": record.updated_at_ms,
        "tags": record.tags,
    }
    data = source.get("source_data")
    data = data if isinstance(data, dict) else {}  # what an earlier version of this program let in, or null
    optional = {
        "outputs": record.outputs,
        "expectations": record.expectations,
        "source": record.source,
        "source_id": data.get("trace_id") or data.get("source_id"),
        "source_type": source.get("source_type"),
        "created_by": record.created_by or None,
        "last_updated_by": record.updated_by or None,
    }
    return {**document, **{key: value for key, value in optional.items() if value is not None}}


def _read_record(said: Fields) -> EvaluationRecord:
    source = said.object("source")
    kind, data = source.text("source_type").upper(), source.raw("source_data")
    if source.has("source_type") and kind not in _SOURCES:
        kind = "UNSPECIFIED"
    return EvaluationRecord(
        id="",
        set_id="",
        inputs={} if said.raw("inputs") is None else said.raw("inputs"),
        created_at_ms=0,
        updated_at_ms=0,
        outputs=said.raw("outputs"),
        expectations=said.raw("expectations"),
        tags=said.mapping("tags"),
        source={"source_type": kind, "source_data": {} if data is None else data} if kind else None,
    )


def _texts(fields: Fields, name: str) -> dict[str, str]:
    """Read a JSON object of texts inside a text; other kinds of values become their JSON."""
    if not fields.text(name):
        return {}
    found = json_inside(fields, name)
    if not isinstance(found, dict):
        raise BadInputError.of(name, "must be a JSON object")
    return {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in found.items()
        if value is not None
    }


def _limit(fields: Fields) -> int:
    limit = fields.whole("max_results", PAGE) or 0
    if not 1 <= limit <= MAX_PAGE:
        message = f"Invalid value {limit} for parameter 'max_results' supplied. It must be 1 to {MAX_PAGE}"
        raise BadInputError(message, [Reason("max_results", f"must be 1 to {MAX_PAGE}")])
    return limit


_BASE: Final = "3.0/mlflow/datasets"
_ONE: Final = _BASE + "/{dataset_id}"

ROUTES = (
    Route("POST", f"{_BASE}/create", create),
    Route("POST", f"{_BASE}/search", search, does=Work.SEARCH),
    Route("GET", f"{_BASE}/search", search, does=Work.SEARCH),
    Route("GET", _ONE, get),
    Route("DELETE", _ONE, delete),
    Route("PATCH", f"{_ONE}/tags", set_tags),
    Route("DELETE", f"{_ONE}/tags/{{key}}", delete_tag),
    Route("POST", f"{_ONE}/records", upsert_records),
    Route("GET", f"{_ONE}/records", get_records),
    Route("DELETE", f"{_ONE}/records", delete_records),
    Route("GET", f"{_ONE}/experiment-ids", get_experiment_ids),
    Route("POST", f"{_ONE}/add-experiments", add_experiments),
    Route("POST", f"{_ONE}/remove-experiments", remove_experiments),
)
