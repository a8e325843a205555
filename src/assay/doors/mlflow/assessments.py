"""Assessments of traces: create, get, update, delete (``handlers.py``, ``_create_assessment`` and below)."""

from typing import Any

from assay.core.tracking.assessments import AssessmentChange
from assay.doors.mlflow.fields import Fields
from assay.doors.mlflow.route import Call, Route
from assay.doors.mlflow.trace_documents import assessment_document, read_assessment, read_value

_PLACE = "3.0/mlflow/traces/{trace_id}/assessments"


def create(call: Call) -> dict[str, Any]:
    """Note an assessment.

    Raises:
        BadInputError: a field is missing or of the wrong kind.
    """
    said = read_assessment(_assessment(call.fields), call.path["trace_id"])
    return {"assessment": assessment_document(call.use.assessing.assess(call.caller, said))}


def get(call: Call) -> dict[str, Any]:
    """Return an assessment."""
    found = call.use.assessing.one(call.caller, call.path["trace_id"], call.path["assessment_id"])
    return {"assessment": assessment_document(found)}


def update(call: Call) -> dict[str, Any]:
    """Change the parts of an assessment that ``update_mask`` names, in snake_case or camelCase.

    Raises:
        BadInputError: a field is missing or of the wrong kind.
    """
    said = _assessment(call.fields)
    mask = {part.strip() for part in call.fields.needed("update_mask").split(",")}
    value = read_value(said) if mask & {"feedback", "expectation"} else None
    change = AssessmentChange(
        name=said.text("assessment_name") if mask & {"assessment_name", "assessmentName"} else None,
        kind=value[0] if value else None,
        value=value[1] if value else None,
        error=value[2] if value else None,
        rationale=said.text("rationale") if "rationale" in mask else None,
        metadata=said.mapping("metadata") if "metadata" in mask else None,
    )
    place = call.path["trace_id"], call.path["assessment_id"]
    return {"assessment": assessment_document(call.use.assessing.change(call.caller, *place, change))}


def delete(call: Call) -> dict[str, Any]:
    """Take an assessment away; one that is not there is no error."""
    call.use.assessing.remove(call.caller, call.path["trace_id"], call.path["assessment_id"])
    return {}


def _assessment(fields: Fields) -> Fields:
    if not fields.has("assessment"):
        raise fields.missing("assessment")
    return fields.object("assessment")


ROUTES = (
    Route("POST", _PLACE, create),
    Route("GET", _PLACE + "/{assessment_id}", get),
    Route("PATCH", _PLACE + "/{assessment_id}", update),
    Route("DELETE", _PLACE + "/{assessment_id}", delete),
)
