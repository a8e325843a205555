"""Model versions, as MLflow's protocol has them."""

from typing import Any, Final

from assay.core.errors import BadInputError, Reason
from assay.core.search import VersionSummary
from assay.core.tracking.files import SCHEME, version_path
from assay.core.tracking.filters import parse_filter, parse_order
from assay.core.tracking.searches import Search
from assay.core.tracking.vocabularies import MODEL_VERSIONS
from assay.doors.mlflow.experiments import page_size, token
from assay.doors.mlflow.model_names import asked_name, check_model_tag, meant_source, within
from assay.doors.mlflow.route import Answer, Call, Route
from assay.doors.mlflow.stage_moves import transition
from assay.doors.mlflow.versions_asked import asked_version, perhaps_version
from assay.doors.mlflow.versions_shown import LINK_TAG, shown_version
from assay.http.threads import Work
from assay.usecases.releasing import NewRelease
from assay.wire.requests import Annotation

MAX_PAGE: Final = 200_000
DEFAULT_PAGE: Final = 10_000


def create(call: Call) -> dict[str, Any]:
    """Make a version from what was tracked; its bytes are frozen on the spot."""
    fields = call.fields
    name, source, tags = asked_name(call), fields.needed("source"), fields.pairs("tags")
    for key, value in tags.items():
        check_model_tag(key, value)
    link = fields.text("run_link")
    made = call.use.releasing.release(
        call.caller,
        NewRelease(
            name,
            meant_source(call.team, source),
            fields.text("run_id"),
            fields.text("model_id"),
            fields.text("description"),
            tags | ({LINK_TAG: link} if link else {}),
        ),
    )
    return {"model_version": _show(call, name, call.use.outside.version(call.caller, name, str(made.number)))}


def get(call: Call) -> dict[str, Any]:
    """Show a version."""
    name, found = _asked(call)
    return {"model_version": _show(call, name, found)}


def search(call: Call) -> dict[str, Any]:
    """Look for versions.

    Raises:
        BadInputError: the filter, the order, the size or the token of the page breaks a rule.
    """
    fields = call.fields
    size = fields.whole("max_results", DEFAULT_PAGE) or 0
    if size < 1:
        message = f"Invalid value for max_results. It must be a positive integer, but got {size}"
        raise BadInputError(message, [Reason("max_results", "must be at least 1", str(size))])
    wanted = Search(
        condition=within(call.team, parse_filter(fields.text("filter"), MODEL_VERSIONS)),
        order=parse_order(fields.texts("order_by"), MODEL_VERSIONS),
        limit=page_size(fields, MAX_PAGE, DEFAULT_PAGE, by_type=True),
        cursor=fields.text("page_token"),
    )
    page = call.use.outside.search_versions(call.caller, wanted, call.team)
    listed = [shown_version(call.team, known_as, each) for known_as, each in page.items]
    return ({"model_versions": listed} if listed else {}) | token(page.next_cursor)


def update(call: Call) -> dict[str, Any]:
    """Describe; without a description nothing changes."""
    name, found = _asked(call)
    text = call.fields.text("description") if call.fields.has("description") else None
    call.use.outside.annotate_version(call.caller, name, found.number, Annotation(text))
    return {
        "model_version": _show(call, name, call.use.outside.version(call.caller, name, str(found.number)))
    }


def delete(call: Call) -> dict[str, Any]:
    """Delete a version; its number, evidence and history stay."""
    name, found = _asked(call)
    call.use.outside.delete_version(call.caller, name, str(found.number))
    return {}


def set_tag(call: Call) -> dict[str, Any]:
    """Set a tag."""
    name, found = _asked(call)
    key, value = check_model_tag(call.fields.needed("key"), call.fields.text("value"))
    call.use.outside.annotate_version(call.caller, name, found.number, Annotation(tags={key: value}))
    return {}


def delete_tag(call: Call) -> dict[str, Any]:
    """Take a tag away; one that is not there is gone already."""
    name, found = _asked(call)
    key = call.fields.needed("key")
    if key in found.tags:
        call.use.outside.annotate_version(call.caller, name, found.number, Annotation(tags={key: None}))
    return {}


def download_uri(call: Call) -> dict[str, Any]:
    """Say where the frozen bytes are served from."""
    found = perhaps_version(call, asked_name(call))
    if found.external:
        return {"artifact_uri": found.external}
    return {"artifact_uri": SCHEME + version_path(found.model, found.number)}


def transition_stage(call: Call) -> Answer:
    """Move to a stage: the same use cases as through every other door."""
    fields = call.fields
    archive = fields.flag("archive_existing_versions")
    return transition(call, asked_name(call), fields.needed("stage"), archive=archive)


def _asked(call: Call) -> tuple[str, VersionSummary]:
    name = asked_name(call)
    return name, asked_version(call, name)


def _show(call: Call, name: str, found: VersionSummary) -> dict[str, Any]:
    known_as = call.use.outside.model(call.caller, name).known_as
    return shown_version(call.team, known_as, found)


_BASE: Final = "2.0/mlflow/model-versions/"
ROUTES: Final = (
    Route("POST", _BASE + "create", create, does=Work.LONG),
    Route("GET", _BASE + "get", get, does=Work.LOOK),
    Route("GET", _BASE + "search", search, does=Work.SEARCH),
    Route("POST", _BASE + "search", search, does=Work.SEARCH),
    Route("PATCH", _BASE + "update", update),
    Route("DELETE", _BASE + "delete", delete),
    Route("POST", _BASE + "set-tag", set_tag),
    Route("DELETE", _BASE + "delete-tag", delete_tag),
    Route("GET", _BASE + "get-download-uri", download_uri, does=Work.LOOK),
    Route("POST", _BASE + "transition-stage", transition_stage),
)
