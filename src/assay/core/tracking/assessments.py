"""Assessments: what a person, a program or a judge thought of a trace or of one of its spans."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Final

from assay.core.errors import BadInputError, Reason
from assay.core.tracking.keys import check_value

MAX_NAME_LENGTH: Final = 250
MAX_RATIONALE_LENGTH: Final = 100_000
MAX_METADATA: Final = 200


class AssessmentKind(Enum):
    """What is said: an opinion of the answer, the right answer, or an issue it belongs to."""

    FEEDBACK = "feedback"
    EXPECTATION = "expectation"
    ISSUE = "issue"


@dataclass(frozen=True, slots=True)
class Assessment:
    """One judgement.

    Attributes:
        id: ``a-`` and 32 hex digits.
        value: JSON.
        error: why there is no value: ``error_code``, ``error_message``, ``stack_trace``.
        source_type: ``HUMAN``, ``LLM_JUDGE``, ``CODE`` or what the client said.
        overrides: the id of the assessment that this one replaces; "" for none.
        valid: False once another one replaced it.
    """

    id: str
    trace_id: str
    name: str
    kind: AssessmentKind
    source_type: str
    source_id: str
    created_at_ms: int
    updated_at_ms: int
    value: Any = None
    error: Mapping[str, str] | None = None
    rationale: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    span_id: str = ""
    overrides: str = ""
    valid: bool = True

    @property
    def number(self) -> float | None:
        """The value when it is a number, for comparing."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            return None
        return float(self.value) if abs(self.value) < 2.0**1000 else None


@dataclass(frozen=True, slots=True)
class AssessmentChange:
    """What is to become of an assessment; None leaves a part as it is.

    Attributes:
        kind: of the value given, None when none is.
        value, error: taken together when ``kind`` is given.
        metadata: added to what is there.
    """

    name: str | None = None
    kind: AssessmentKind | None = None
    value: Any = None
    error: Mapping[str, str] | None = None
    rationale: str | None = None
    metadata: Mapping[str, str] | None = None


def check_assessment(assessment: Assessment) -> Assessment:
    """Return the assessment when it may be stored.

    Raises:
        BadInputError: no name, a text that is too long, or an expectation without a value.
    """
    if not assessment.name:
        message = "Missing value for required parameter 'assessment.assessment_name'."
        raise BadInputError(message, [Reason("assessment_name", "must be given")])
    check_value(assessment.name, "assessment_name", MAX_NAME_LENGTH)
    check_value(assessment.rationale or "", "rationale", MAX_RATIONALE_LENGTH)
    if assessment.kind is AssessmentKind.EXPECTATION and assessment.value is None:
        message = "The `value` field must be specified."
        raise BadInputError(message, [Reason("value", "must be given")])
    if len(assessment.metadata) > MAX_METADATA:
        raise BadInputError.of("metadata", f"must have at most {MAX_METADATA} entries")
    for value in (*assessment.metadata, *assessment.metadata.values()):
        check_value(value, "metadata", MAX_RATIONALE_LENGTH)
    return assessment


def change_assessment(before: Assessment, change: AssessmentChange, at_ms: int) -> Assessment:
    """Return the assessment after a change; its source and span never change.

    Raises:
        BadInputError: a value of another kind than the assessment's, or a broken rule.
    """
    if change.kind is not None and change.kind is not before.kind:
        message = f"Cannot update {change.kind.value} value on a {before.kind.value.capitalize()} assessment."
        raise BadInputError(message, [Reason(change.kind.value, "must be of the assessment's kind")])
    given = change.kind is not None
    return check_assessment(
        replace(
            before,
            name=before.name if change.name is None else change.name,
            value=change.value if given else before.value,
            error=change.error if given else before.error,
            rationale=before.rationale if change.rationale is None else change.rationale,
            metadata={**before.metadata, **(change.metadata or {})},
            updated_at_ms=at_ms,
        )
    )
