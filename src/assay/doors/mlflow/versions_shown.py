"""A version as MLflow's protocol shows it."""

from typing import Any, Final

from assay.core.computed_tags import computed_tags, without_own
from assay.core.instants import milliseconds
from assay.core.outside_names import shown_in
from assay.core.promotions import RegistrationState
from assay.core.search import VersionSummary
from assay.core.stages import GUARDED
from assay.doors.mlflow.experiments import pairs
from assay.doors.mlflow.model_names import shown_stage

LINK_TAG: Final = "mlflow.runLink"
_STATUS: Final = {
    RegistrationState.READY: "READY",
    RegistrationState.PENDING: "PENDING_REGISTRATION",
    RegistrationState.FAILED: "FAILED_REGISTRATION",
}


def shown_version(team: str, known_as: str, version: VersionSummary) -> dict[str, Any]:
    """Return a version.

    Args:
        team: in which the client works.
        known_as: the name of its model outside.
        version: what is shown.
    """
    tags = {key: value for key, value in without_own(version.tags).items() if key != LINK_TAG}
    tags |= computed_tags(version)
    reasons = "; ".join(version.registration.reasons)
    aliases = {*version.aliases, *([version.stage.value.lower()] if version.stage in GUARDED else ())}
    source = version.source
    return {
        "name": shown_in(team, known_as),
        "version": str(version.number),
        "creation_timestamp": milliseconds(version.registered_at),
        "last_updated_timestamp": milliseconds(version.changed_at or version.registered_at),
        "user_id": version.registered_by,
        "current_stage": shown_stage(version.stage),
        "description": version.description,
        "source": source.uri,
        "run_id": source.run_id,
        "status": _STATUS[version.registration.state],
        **({"status_message": reasons} if reasons else {}),
        **pairs("tags", tags),
        "run_link": version.tags.get(LINK_TAG, ""),
        **({"aliases": sorted(aliases)} if aliases else {}),
        **({"model_id": source.logged_model_id} if source.logged_model_id else {}),
    }
