"""Finding the route of a request, under its own path or the browser's twin of it."""

from collections.abc import Iterable

from assay.doors.mlflow.route import Route
from assay.http.paths import Paths

_PREFIXES = ("/api/", "/ajax-api/")


class RouteTable:
    """All routes with their twins."""

    def __init__(self, routes: Iterable[Route]) -> None:
        """Lay the table."""
        self._paths: Paths[Route] = Paths()
        for route in routes:
            for path in served_paths(route):
                self._paths.add(route.method, path, route)

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """Return the route and the path's parameters."""
        return self._paths.find(method, path) or self._paths.find(method, path.rstrip("/"))


def served_paths(route: Route) -> tuple[str, ...]:
    """Return every path under which a route is answered."""
    if route.path.startswith("/"):
        return (route.path,)
    return tuple(prefix + route.path for prefix in (_PREFIXES if route.ajax else _PREFIXES[:1]))
