"""Finding the route of a request: fixed paths in a dictionary, the few with parameters by pattern."""

import re
from collections.abc import Iterable

from assay.doors.mlflow.route import Route

_PREFIXES = ("/api/", "/ajax-api/")


class RouteTable:
    """All routes with their twins."""

    def __init__(self, routes: Iterable[Route]) -> None:
        """Lay the table."""
        self._fixed: dict[tuple[str, str], Route] = {}
        self._patterns: list[tuple[str, re.Pattern[str], Route]] = []
        for route in routes:
            for path in served_paths(route):
                if "{" in path:
                    self._patterns.append((route.method, _pattern(path), route))
                else:
                    self._fixed[route.method, path] = route

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """Return the route and the path's parameters."""
        route = self._fixed.get((method, path)) or self._fixed.get((method, path.rstrip("/")))
        if route is not None:
            return route, {}
        for wanted, pattern, each in self._patterns:
            if wanted == method and (match := pattern.fullmatch(path)):
                return each, match.groupdict()
        return None


def served_paths(route: Route) -> tuple[str, ...]:
    """Return every path under which a route is answered."""
    if route.path.startswith("/"):
        return (route.path,)
    return tuple(prefix + route.path for prefix in (_PREFIXES if route.ajax else _PREFIXES[:1]))


def _pattern(path: str) -> re.Pattern[str]:
    pieces = re.split(r"\{(\w+)(\*?)\}", path)
    text = ""
    for place in range(0, len(pieces) - 1, 3):
        literal, name, rest = pieces[place : place + 3]
        text += re.escape(literal) + f"(?P<{name}>{'.*' if rest else '[^/]+'})"
    return re.compile(text + re.escape(pieces[-1]), re.DOTALL)
