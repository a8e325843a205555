"""A version as MLflow's protocol shows it."""

from datetime import UTC, datetime
from typing import Any, Final

from assay.core.outside_names import shown_in
from assay.core.search import VersionSummary
from assay.core.stages import GUARDED
from assay.doors.mlflow.experiments import pairs
from assay.doors.mlflow.model_names import shown_stage

SEMVER_TAG: Final = "assay.semver"
DIGEST_TAG: Final = "assay.digest"
UNGATED_TAG: Final = "assay.ungated"
EXTERNAL_TAG: Final = "assay.external"
LINK_TAG: Final = "mlflow.runLink"
COMPUTED: Final = (SEMVER_TAG, DIGEST_TAG, UNGATED_TAG, EXTERNAL_TAG)
READY: Final = "READY"


def shown_version(
    team: str, known_as: str, version: VersionSummary, status: str = READY, message: str = ""
) -> dict[str, Any]:
    """Return a version.

    Args:
        team: in which the client works.
        known_as: the name of its model outside.
        version: what is shown.
        status: READY, PENDING_REGISTRATION or FAILED_REGISTRATION.
        message: why it failed.
    """
    tags = {key: value for key, value in version.tags.items() if key not in (*COMPUTED, LINK_TAG)}
    tags |= {SEMVER_TAG: str(version.semver), DIGEST_TAG: version.digest}
    if version.ungated:
        tags[UNGATED_TAG] = ", ".join(version.ungated)
    if version.external:
        tags[EXTERNAL_TAG] = "the bytes are elsewhere and nobody has read them"
    aliases = list(version.aliases)
    if version.stage in GUARDED:
        aliases.append(version.stage.value.lower())
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
        "status": status,
        **({"status_message": message} if message else {}),
        **pairs("tags", tags),
        "run_link": version.tags.get(LINK_TAG, ""),
        **({"aliases": sorted(aliases)} if aliases else {}),
        **({"model_id": source.logged_model_id} if source.logged_model_id else {}),
    }


def milliseconds(at: datetime) -> int:
    """Return an instant in milliseconds since 1970 UTC."""
    return int((at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000)
