"""Questions about many models or versions, and the pages that answer them.

Paging is by key: the cursor names the last row seen, so that rows added meanwhile neither shift
nor repeat a page.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Final, Generic, TypeVar

from assay.core.digests import Digest
from assay.core.errors import BadInputError
from assay.core.names import ModelName
from assay.core.promotions import RegistrationResult, RegistrationState
from assay.core.semver import SemVer
from assay.core.stages import Stage
from assay.core.versions import Model, Source

MAX_PAGE: Final = 1000
MAX_WORDS, MAX_TEXT_LENGTH, MAX_CONDITIONS = 20, 1000, 50
REGISTERED: Final = RegistrationResult(RegistrationState.READY)
T = TypeVar("T")


class Comparison(Enum):
    """How a metric is compared."""

    AT_LEAST = ">="
    AT_MOST = "<="
    ABOVE = ">"
    BELOW = "<"
    EQUAL = "=="


@dataclass(frozen=True, slots=True)
class MetricCondition:
    """``name`` compared with ``value``. A measured value is taken before a reported one."""

    name: str
    comparison: Comparison
    value: float

    @classmethod
    def parse(cls, text: str) -> "MetricCondition":
        """Read ``accuracy>=0.9``.

        Raises:
            BadInputError: no comparison, no name, or the value is no finite number.
        """
        for comparison in Comparison:
            name, found, value = text.partition(comparison.value)
            if found and name.strip():
                try:
                    number = float(value)
                except ValueError:
                    break
                if number - number == 0:
                    return cls(name.strip(), comparison, number)
        raise BadInputError.of("metric", "must be NAME>=NUMBER (or <=, >, <, ==)", repr(text)[:100])


@dataclass(frozen=True, slots=True)
class VersionQuery:
    """Which versions; every condition given must hold. Newest registration first.

    Attributes:
        tags: key -> value; a value of None asks only that the key is there.
        text: every word must occur (ignoring case) in name, description, tags or labels.
        registered_after, registered_before: aware instants, inclusive / exclusive.
        cursor: from the page before.
    """

    team: str | None = None
    task: str | None = None
    stage: Stage | None = None
    tags: Mapping[str, str | None] = field(default_factory=dict)
    label: str | None = None
    metrics: tuple[MetricCondition, ...] = ()
    text: str = ""
    digest: Digest | None = None
    registered_after: datetime | None = None
    registered_before: datetime | None = None
    limit: int = 50
    cursor: str = ""

    def __post_init__(self) -> None:
        """Check the limit, and how much is asked.

        Raises:
            BadInputError: outside 1..1000, or too much.
        """
        check_limit(self.limit)
        _check_breadth(self.text, len(self.tags) + len(self.metrics))


@dataclass(frozen=True, slots=True)
class ModelQuery:
    """Which models, by name."""

    team: str | None = None
    tags: Mapping[str, str | None] = field(default_factory=dict)
    label: str | None = None
    text: str = ""
    limit: int = 50
    cursor: str = ""

    def __post_init__(self) -> None:
        """Check the limit, and how much is asked.

        Raises:
            BadInputError: outside 1..1000, or too much.
        """
        check_limit(self.limit)
        _check_breadth(self.text, len(self.tags))


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows, and the cursor of the next page ("" at the end)."""

    items: tuple[T, ...]
    next_cursor: str = ""


@dataclass(frozen=True, slots=True)
class VersionSummary:
    """What a listing shows of a version; ``metrics`` are measured ones before reported ones.

    ``ungated`` are the gates that do not hold although the version stands in Staging or Production.
    ``registration`` tells whether it has come through the gates of registration, and what keeps it.
    """

    model: ModelName
    number: int
    semver: SemVer
    digest: Digest
    size_bytes: int
    format: str
    stage: Stage
    registered_at: datetime
    registered_by: str
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    ungated: tuple[str, ...] = ()
    source: Source = field(default_factory=Source)
    external: str = ""
    changed_at: datetime | None = None
    registration: RegistrationResult = REGISTERED

    @property
    def address(self) -> str:
        """``team/task/vX.Y.Z``."""
        return f"{self.model}/{self.semver}"


@dataclass(frozen=True, slots=True)
class ModelOverview:
    """A model with where it stands.

    Attributes:
        latest: of each stage that a version is in, in the order of stages, the one with the greatest number.
        aliases: alias -> number it points at, by alias; names of guarded stages among them.
    """

    model: Model
    latest: tuple[VersionSummary, ...]
    aliases: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """What a listing shows of a model; each version named by its semantic version, or None."""

    name: ModelName
    created_at: datetime
    created_by: str
    description: str
    tags: Mapping[str, str]
    labels: tuple[str, ...]
    version_count: int
    latest: SemVer | None
    production: SemVer | None
    staging: SemVer | None


def check_limit(limit: int) -> None:
    """Refuse page sizes outside 1..1000.

    Raises:
        BadInputError: it is.
    """
    if not 1 <= limit <= MAX_PAGE:
        raise BadInputError.of("limit", f"must be 1 to {MAX_PAGE}", str(limit))


def _check_breadth(text: str, conditions: int) -> None:
    if len(text) > MAX_TEXT_LENGTH or len(text.split()) > MAX_WORDS:
        rule = f"must have at most {MAX_WORDS} words and {MAX_TEXT_LENGTH} characters"
        raise BadInputError.of("text", rule)
    if conditions > MAX_CONDITIONS:
        raise BadInputError.of("tag", f"tags and metrics must be at most {MAX_CONDITIONS}")
