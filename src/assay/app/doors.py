"""Which door a request goes to: its path tells."""

from typing import Final

from assay.http.asgi import App, Receive, Scope, Send
from assay.http.exchanges import current

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
_OPERATING: Final = ("/readyz", "/metrics")


class Doors:
    """Sends each request to the door it was meant for."""

    def __init__(self, mlflow: App, native: App, operating: App) -> None:
        """Keep the doors."""
        self._operating = operating
        self._mlflow = mlflow
        self._native = native

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        path = scope.get("path", "")
        if path in _OPERATING:
            current().door = "operating"
            await self._operating(scope, receive, send)
            return
        foreign = path.startswith(_MLFLOW) and path not in _NATIVE
        current().door = "mlflow" if foreign else "native"
        await (self._mlflow if foreign else self._native)(scope, receive, send)
