"""Which door a request goes to: its path tells."""

from typing import Final

from assay.http.asgi import App, Receive, Scope, Send

# Everything below these, and nothing else, speaks MLflow.
_MLFLOW: Final = (
    "/api/2.0/",
    "/api/3.0/",
    "/ajax-api/",
    "/v1/traces",
    "/graphql",
    "/get-artifact",
    "/model-versions/get-artifact",
    "/version",
    "/health",
)
_NATIVE: Final = ("/healthz",)


class Doors:
    """Sends each request to the door it was meant for."""

    def __init__(self, mlflow: App, native: App) -> None:
        """Keep the doors."""
        self._mlflow = mlflow
        self._native = native

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        path = scope.get("path", "")
        foreign = path.startswith(_MLFLOW) and path not in _NATIVE
        await (self._mlflow if foreign else self._native)(scope, receive, send)
