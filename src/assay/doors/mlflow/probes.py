"""What a client asks before it begins: version, health, capabilities."""

from typing import Any, Final

from assay.doors.mlflow.route import Call, Plain, Route

# The newest protocol this door speaks; clients show it and choose features by it.
PROTOCOL_VERSION: Final = "3.18.0"


def version(_call: Call) -> Plain:
    """Say which MLflow this server speaks."""
    return Plain(PROTOCOL_VERSION.encode())


def health(_call: Call) -> Plain:
    """Say that the server answers."""
    return Plain(b"OK")


def server_info(_call: Call) -> dict[str, Any]:
    """Say what this server can do (reference: ``mlflow/server/handlers.py``, ``server-info``)."""
    return {
        "store_type": "SqlStore",
        "workspaces_enabled": True,
        "trace_archival_enabled": False,
        "multipart_uploads_enabled": True,
        "multipart_downloads_enabled": True,
        "artifact_serving_enabled": True,
        "presigned_upload_run_id_supported": False,
        "presigned_upload_model_id_supported": False,
        "model_artifact_presigned_downloads_supported": False,
        "features_enabled": {"gateway": False, "scheduled_issue_detection": False},
        "tracking_auth": "basic",
        "artifacts_presigned_only": False,
    }


ROUTES = (
    Route("GET", "/version", version, public=True, at_once=True),
    Route("GET", "/health", health, public=True, at_once=True),
    Route("GET", "3.0/mlflow/server-info", server_info, public=True, at_once=True),
)
