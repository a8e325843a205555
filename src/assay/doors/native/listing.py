"""Routes that look across models: search, resolve, diff, who am I."""

from typing import Final

from assay.core.comparison import VersionDiff
from assay.core.digests import Digest
from assay.core.errors import BadInputError
from assay.core.names import Address
from assay.core.search import MetricCondition, Page, VersionQuery, VersionSummary
from assay.core.stages import Stage
from assay.doors.native.route import Call, Route
from assay.http.threads import Work
from assay.wire.views import Identity

PAGING: Final = {
    "text": "words that must all occur in name, description, tags or labels",
    "limit": "rows on a page, 1 to 1000",
    "cursor": "next_cursor of the page before",
}
MAX_CONDITIONS: Final = 50


def tag_conditions(call: Call) -> dict[str, str | None]:
    """Read the repeatable ``tag`` parameter: ``KEY`` or ``KEY=VALUE``.

    Raises:
        BadInputError: more than fifty, or an empty key.
    """
    found: dict[str, str | None] = {}
    for text in call.query.get("tag", []):
        key, equals, value = text.partition("=")
        if not key:
            raise BadInputError.of("tag", "must be KEY or KEY=VALUE", repr(text)[:100])
        found[key] = value if equals else None
    if len(found) > MAX_CONDITIONS:
        raise BadInputError.of("tag", f"must be given at most {MAX_CONDITIONS} times")
    return found


def versions(call: Call) -> Page[VersionSummary]:
    """Search versions.

    Raises:
        BadInputError: a parameter breaks a rule.
    """
    metrics = call.query.get("metric", [])
    if len(metrics) > MAX_CONDITIONS:
        raise BadInputError.of("metric", f"must be given at most {MAX_CONDITIONS} times")
    stage, digest = call.one("stage"), call.one("digest")
    query = VersionQuery(
        team=call.one("team") or None,
        task=call.one("task") or None,
        stage=Stage.parse(stage) if stage else None,
        tags=tag_conditions(call),
        label=call.one("label") or None,
        metrics=tuple(map(MetricCondition.parse, metrics)),
        text=call.one("text"),
        digest=Digest(digest) if digest else None,
        registered_after=call.instant("registered_after"),
        registered_before=call.instant("registered_before"),
        limit=call.whole("limit", 50),
        cursor=call.one("cursor"),
    )
    return call.use.browsing.versions(call.caller, query)


def resolve(call: Call) -> VersionSummary:
    """Say which version an address means."""
    return call.use.browsing.resolve(call.caller, Address.parse(call.needed("address")))


def diff(call: Call) -> VersionDiff:
    """Compare two versions."""
    left, right = Address.parse(call.needed("left")), Address.parse(call.needed("right"))
    return call.use.browsing.diff(call.caller, left, right)


def whoami(call: Call) -> Identity:
    """Say who the caller is."""
    return call.use.access.whoami(call.caller)


ROUTES = (
    Route("GET", "/whoami", whoami, "Who you are and what you may do", gives=Identity, does=Work.LOOK),
    Route(
        "GET",
        "/versions",
        versions,
        "Search versions, newest first",
        gives=Page[VersionSummary],
        does=Work.SEARCH,
        query={
            "team": "of this team",
            "task": "of this task",
            "stage": "in this stage",
            "tag": "KEY or KEY=VALUE; repeatable",
            "label": "with this label",
            "metric": "NAME>=NUMBER (or <=, >, <, ==); repeatable",
            "digest": "with exactly these bytes",
            "registered_after": "ISO 8601 instant, inclusive",
            "registered_before": "ISO 8601 instant, exclusive",
            **PAGING,
        },
    ),
    Route(
        "GET",
        "/resolve",
        resolve,
        "Which version an address means, and its digest",
        gives=VersionSummary,
        does=Work.LOOK,
        query={"address": "team/task/vX.Y.Z, team/task/NUMBER or team/task@alias"},
    ),
    Route(
        "GET",
        "/diff",
        diff,
        "What changed between two versions",
        gives=VersionDiff,
        query={"left": "address of the older", "right": "address of the newer"},
    ),
)
