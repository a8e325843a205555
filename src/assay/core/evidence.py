"""Evidence: what a check measured, bound to the exact bytes, data and settings it speaks of."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final

from assay.core.canonical import canonical_digest, plain
from assay.core.digests import Digest
from assay.core.errors import BadInputError
from assay.core.names import ModelName, check_text

MAX_DEPTH: Final = 12
# Among the facts of a check that could not measure: what the version itself lacks for it. A version never
# changes, so that to run the check again would find the same.
LACKS: Final = "lacks"
# The setting by which the registry knows what it gathered from tracked runs itself; nobody else files it.
LOGGED: Final = "logged"
# Among facts that were gathered over time: metric -> when it was logged, in ISO 8601.
LOGGED_AT: Final = "logged_at"
# Beside it: metric -> the run that logged it; run -> the user whose run it is, as its client said.
LOGGED_IN: Final = "logged_in"
LOGGED_BY: Final = "logged_by"


class Origin(Enum):
    """Who vouches for the numbers: a check this registry ran, or somebody who sent them."""

    MEASURED = "measured"
    REPORTED = "reported"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A stored file that belongs to evidence: a report, a log, a table."""

    name: str
    digest: Digest
    size_bytes: int
    media_type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a check found.

    Attributes:
        facts: numbers, texts and tables in JSON's kinds; finite numbers only. Which names a check
            writes is said in its module and read by its gate.
        data: role of each data file looked at -> its digest.
        environment: what it ran on: python, platform, isolation, package versions.
        attachments: stored files.
        problem: why the check could not measure; empty when it could. Such evidence never passes.
    """

    facts: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Digest] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()
    problem: str = ""

    def __post_init__(self) -> None:
        """Check that every number is finite.

        Raises:
            BadInputError: NaN or infinity anywhere in facts or environment, or too deep nesting.
        """
        check_finite(self.facts, "facts")
        check_finite(self.environment, "environment")
        check_text(self.problem, "problem", limit_bytes=64 * 1024)


@dataclass(frozen=True, slots=True)
class Evidence:
    """One immutable statement: check X, run with these settings, found this about that digest.

    Attributes:
        model, number: under which version it is filed.
        subject: the version digest it speaks of.
        check: name of the check, e.g. ``metrics``.
        settings: what the check was told to do (thresholds excluded).
        origin: measured here, or reported.
        reporter: the principal who reported, or the worker that measured.
        measured_at: when the measurement ended; ``recorded_at``: when the registry stored it.
    """

    model: ModelName
    number: int
    subject: Digest
    check: str
    origin: Origin
    reporter: str
    measured_at: datetime
    recorded_at: datetime
    measurement: Measurement
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def digest(self) -> Digest:
        """Names this statement by its whole content."""
        return canonical_digest(self)


@dataclass(frozen=True, slots=True)
class Need:
    """What a gate wants to look at.

    Attributes:
        check: name of the check that feeds it.
        settings: the run must have used exactly these.
        measured: only what this registry measured counts.
        max_age: older evidence does not count; None for no limit.
        data: role -> digest the evidence must have looked at.
    """

    check: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    measured: bool = True
    max_age: timedelta | None = None
    data: Mapping[str, Digest] = field(default_factory=dict)


def check_finite(value: Any, field_name: str, depth: int = 0) -> None:
    """Walk JSON-like data and refuse what cannot be compared.

    Raises:
        BadInputError: NaN, infinity, a whole number beyond every float, or nesting deeper than 12.
    """
    if depth > MAX_DEPTH:
        raise BadInputError.of(field_name, f"must not nest deeper than {MAX_DEPTH}")
    if isinstance(value, float | int) and not _is_finite(value):
        raise BadInputError.of(field_name, "must be a finite number", repr(value)[:60])
    if isinstance(value, Mapping):
        for key, item in value.items():
            check_finite(item, f"{field_name}.{key}", depth + 1)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            check_finite(item, f"{field_name}[{index}]", depth + 1)


def _is_finite(number: float) -> bool:
    """Tell whether a number has a place among the floats; JSON's whole numbers may be greater than all."""
    try:
        return math.isfinite(number)
    except OverflowError:
        return False


def logged_at(facts: Mapping[str, Any], metric: str) -> datetime | None:
    """Return when facts say that a metric was logged; None where they name no aware instant."""
    times = facts.get(LOGGED_AT)
    said = times.get(metric) if isinstance(times, Mapping) else None
    try:
        at = datetime.fromisoformat(said) if isinstance(said, str) else None
    except ValueError:
        return None
    return at if at is not None and at.tzinfo is not None else None


def why_unusable(evidence: Evidence, need: Need, subject: Digest, now: datetime) -> str:
    """Return why this evidence does not answer the need, or "" when it does."""
    if evidence.check != need.check:
        return f"is of check {evidence.check}"
    if evidence.subject != subject:
        return f"speaks of another digest ({evidence.subject.short})"
    if need.measured and evidence.origin is not Origin.MEASURED:
        return f"was reported by {evidence.reporter}, not measured by the registry"
    if need.max_age is not None and now - evidence.measured_at > need.max_age:
        return f"expired: measured at {evidence.measured_at:%Y-%m-%d %H:%M} UTC"
    if evidence.measured_at > now + timedelta(minutes=5):
        return "was measured in the future"
    if evidence.origin is Origin.MEASURED and plain(evidence.settings) != plain(need.settings):
        return "was measured with other settings than the policy's"
    if evidence.measurement.problem:
        return ""  # it measured nothing, so what it looked at does not matter: the problem is the answer
    for role, digest in need.data.items():
        if evidence.measurement.data.get(role) != digest:
            return f"looked at another {role} table"
    return ""


def newest_usable(
    evidence: Iterable[Evidence], need: Need, subject: Digest, now: datetime
) -> tuple[Evidence | None, tuple[str, ...]]:
    """Pick the newest evidence that answers ``need``.

    Returns:
        The evidence or None, and for what was passed over the reasons, newest first.
    """
    reasons: list[str] = []
    candidates = (each for each in evidence if each.check == need.check)
    for each in sorted(candidates, key=lambda one: (one.recorded_at, one.measured_at), reverse=True):
        reason = why_unusable(each, need, subject, now)
        if not reason:
            return each, tuple(reasons)
        reasons.append(f"evidence {each.digest.short} {reason}")
    return None, tuple(reasons)
