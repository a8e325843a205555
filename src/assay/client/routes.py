"""How the routes of the native protocol are spelled."""

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import quote

from assay.client.transport import Params
from assay.core.digests import check_path
from assay.core.names import Address, ModelName
from assay.core.search import MetricCondition, ModelQuery, VersionQuery


def part(text: str) -> str:
    """Return one segment of a route, escaped."""
    return quote(text, safe="")


def model_route(name: str) -> str:
    """Return the route of a model.

    Raises:
        BadInputError: no model name.
    """
    return f"/models/{ModelName(name)}"


def version_route(address: str | Address) -> str:
    """Return the route of a version.

    Raises:
        BadInputError: no address.
    """
    found = address if isinstance(address, Address) else Address.parse(address)
    version = f"@{found.alias}" if found.alias is not None else str(found.semver or found.number)
    return f"{model_route(found.model)}/versions/{quote(version, safe='@')}"


def file_route(address: str | Address, path: str) -> str:
    """Return the route of a file of a version.

    Raises:
        BadInputError: no address, or no safe relative path.
    """
    return f"{version_route(address)}/files/{quote(check_path(path))}"


def model_params(query: ModelQuery) -> Params:
    """Return ``query`` as the parameters of ``GET /models``."""
    found = [("limit", str(query.limit)), *_tags(query.tags)]
    return found + _given(
        {"team": query.team, "label": query.label, "text": query.text, "cursor": query.cursor}
    )


def version_params(query: VersionQuery) -> Params:
    """Return ``query`` as the parameters of ``GET /versions``."""
    found = [("limit", str(query.limit)), *_tags(query.tags)]
    found += [("metric", _condition(each)) for each in query.metrics]
    return found + _given(
        {
            "team": query.team,
            "task": query.task,
            "stage": query.stage.value if query.stage else None,
            "label": query.label,
            "text": query.text,
            "digest": query.digest,
            "registered_after": _instant(query.registered_after),
            "registered_before": _instant(query.registered_before),
            "cursor": query.cursor,
        }
    )


def _tags(tags: Mapping[str, str | None]) -> list[tuple[str, str]]:
    return [("tag", key if value is None else f"{key}={value}") for key, value in tags.items()]


def _given(values: Mapping[str, str | None]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in values.items() if value]


def _condition(condition: MetricCondition) -> str:
    return f"{condition.name}{condition.comparison.value}{condition.value!r}"


def _instant(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
