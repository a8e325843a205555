"""Assessing: what people, programs and judges think of traces."""

from dataclasses import replace

from assay.core.access import Action, Caller
from assay.core.errors import NotFoundError
from assay.core.instants import milliseconds
from assay.core.ports import Records
from assay.core.tracking.assessments import (
    Assessment,
    AssessmentChange,
    change_assessment,
    check_assessment,
)
from assay.usecases.means import Means
from assay.usecases.tracking.traces import find_trace, keep_assessment


class Assessing:
    """Notes, shows, changes and removes assessments."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means

    def assess(self, caller: Caller, said: Assessment) -> Assessment:
        """Note an assessment; one that it overrides is not valid any more.

        Returns:
            The assessment with its id; the times are the client's, or now.

        Raises:
            BadInputError: a part breaks a rule.
            DeniedError, NotFoundError: the caller may not, or there is no such trace or overridden one.
        """
        check_assessment(said)
        with self._means.database.write() as records:
            trace = find_trace(records, caller, said.trace_id, Action.TRACK)
            if said.overrides:
                _found(records, trace.id, said.overrides)
            return keep_assessment(self._means, records, replace(said, trace_id=trace.id))

    def one(self, caller: Caller, trace_id: str, assessment_id: str) -> Assessment:
        """Return an assessment.

        Raises:
            NotFoundError: there is none, or the caller may not know of its trace.
        """
        with self._means.database.read() as records:
            trace = find_trace(records, caller, trace_id, Action.READ)
            return _found(records, trace.id, assessment_id)

    def change(
        self, caller: Caller, trace_id: str, assessment_id: str, change: AssessmentChange
    ) -> Assessment:
        """Change name, value, rationale or metadata of an assessment.

        Raises:
            BadInputError: the value is of another kind, or a part breaks a rule.
            DeniedError, NotFoundError: the caller may not, or there is no such assessment.
        """
        with self._means.database.write() as records:
            trace = find_trace(records, caller, trace_id, Action.TRACK)
            before = _found(records, trace.id, assessment_id)
            after = change_assessment(before, change, milliseconds(self._means.clock.now()))
            records.assessments.put(after)
            return after

    def remove(self, caller: Caller, trace_id: str, assessment_id: str) -> None:
        """Take an assessment away, if it is there; one that it overrode is valid again.

        Raises:
            DeniedError, NotFoundError: the caller may not, or there is no such trace.
        """
        with self._means.database.write() as records:
            trace = find_trace(records, caller, trace_id, Action.TRACK)
            before = records.assessments.get(trace.id, assessment_id)
            if before is None:
                return
            records.assessments.remove(trace.id, assessment_id)
            overridden = records.assessments.get(trace.id, before.overrides) if before.overrides else None
            if overridden is not None:
                records.assessments.put(replace(overridden, valid=True))


def _found(records: Records, trace_id: str, assessment_id: str) -> Assessment:
    found = records.assessments.get(trace_id, assessment_id)
    if found is None:
        raise NotFoundError(f"Assessment with ID '{assessment_id}' not found for trace '{trace_id}'")
    return found
