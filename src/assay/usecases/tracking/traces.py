"""Tracing: taking in traces and their spans, finding them, tagging, linking and deleting them.

A trace belongs to its experiment, and so to a team: reading needs a reader's right on the team, every
change the right to track in it. What the caller may not read looks as if it did not exist.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from assay.core.access import Action, Caller
from assay.core.errors import BadInputError, NotFoundError, Reason
from assay.core.instants import milliseconds
from assay.core.ports import Records
from assay.core.ports.traces import Doomed
from assay.core.search import Page
from assay.core.tracking.assessments import Assessment, check_assessment
from assay.core.tracking.experiments import Experiment
from assay.core.tracking.searches import MAX_TRACE_PLACES, Search, check_count
from assay.core.tracking.spans import Span
from assay.core.tracking.traces import (
    FILES_TAG,
    MAX_LINKS,
    SPANS_HERE,
    SPANS_TAG,
    Trace,
    TraceState,
    check_tag_is_free,
    check_trace,
    check_trace_id,
    check_trace_tag,
    declare,
    free_tags,
    gather,
)
from assay.usecases.means import Act, Means
from assay.usecases.tracking.places import find_experiment, find_run, readable_experiments, require_active

RUN: Final = "run"
PROMPT: Final = "prompt"


class Tracing:
    """Takes in, shows, finds, tags, links and deletes traces."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means

    def declare(self, caller: Caller, said: Trace) -> Trace:
        """Take in the tracing code's summary of a trace, before or after its spans.

        Raises:
            BadInputError: a part breaks a rule, or the experiment is deleted.
            DeniedError, NotFoundError: the caller may not, or there is no such experiment.
        """
        check_trace(said)
        with self._means.database.write() as records:
            experiment = _open_experiment(records, caller, said.experiment_id)
            before = records.traces.get([said.id]).get(said.id)
            if before is not None and before.experiment_id != experiment.id:
                find_experiment(records, caller, before.experiment_id, Action.TRACK)
            after = declare(before, said, _files(experiment, said.id))
            records.traces.save(after)
            for assessment in said.assessments:
                keep_assessment(self._means, records, replace(assessment, trace_id=said.id))
            return records.traces.get([said.id])[said.id]

    def add_spans(
        self,
        caller: Caller,
        experiment_id: int,
        spans: Sequence[Span],
        tags: Mapping[str, Mapping[str, str]],
        run_id: str = "",
    ) -> None:
        """Take in spans, of one trace or several; all or none.

        Args:
            caller: who sends them.
            experiment_id: where traces go that are not known yet.
            spans: in any order; one that is known already is replaced.
            tags: by trace, what the sender said of itself.
            run_id: the run to which complete traces belong; "" for none.

        Raises:
            BadInputError: the experiment is deleted.
            DeniedError, NotFoundError: the caller may not, or there is no such experiment or run.
        """
        by_trace: dict[str, list[Span]] = defaultdict(list)
        for span in spans:
            by_trace[check_trace_id(span.trace_id)].append(span)
        with self._means.database.write() as records:
            experiment = _open_experiment(records, caller, experiment_id)
            known = records.traces.get(list(by_trace))
            for other in {trace.experiment_id for trace in known.values()} - {experiment.id}:
                find_experiment(records, caller, other, Action.TRACK)
            for trace_id, group in by_trace.items():
                before = known.get(trace_id) or _begun(experiment, trace_id, group)
                tagged = replace(before, tags={**before.tags, **tags.get(trace_id, {})})
                if trace_id not in known:
                    records.traces.save(tagged)
                records.spans.put(group)
                records.traces.save(gather(tagged, group, records.spans.spent(trace_id)))
            complete = [each for each, group in by_trace.items() if any(not span.parent_id for span in group)]
            if run_id:
                find_run(records, caller, run_id, Action.TRACK)
                records.traces.link(complete, RUN, [run_id])

    def get(
        self, caller: Caller, trace_ids: Sequence[str], experiment_ids: Sequence[int] | None = None
    ) -> tuple[Trace, ...]:
        """Return those of the traces that there are and that the caller may read, in the order asked.

        Args:
            caller: who asks.
            trace_ids: each once counts.
            experiment_ids: only those of these experiments; None for all.
        """
        with self._means.database.read() as records:
            return _readable(records, caller, trace_ids, experiment_ids)

    def one(self, caller: Caller, trace_id: str) -> Trace:
        """Return a trace.

        Raises:
            NotFoundError: there is none, or the caller may not know of it.
        """
        with self._means.database.read() as records:
            return find_trace(records, caller, trace_id, Action.READ)

    def with_spans(
        self, caller: Caller, trace_ids: Sequence[str], experiment_ids: Sequence[int] | None = None
    ) -> tuple[tuple[Trace, tuple[Span, ...]], ...]:
        """Return traces with their spans; see :meth:`get`."""
        with self._means.database.read() as records:
            traces = _readable(records, caller, trace_ids, experiment_ids)
            spans = records.spans.of([trace.id for trace in traces])
            return tuple((trace, spans.get(trace.id, ())) for trace in traces)

    def search(self, caller: Caller, experiment_ids: Sequence[int], search: Search) -> Page[Trace]:
        """Return a page of the traces of those of the experiments that the caller may read.

        Raises:
            BadInputError: the filter or the cursor is not usable, or more experiments than a search for
                traces may name.
        """
        check_count("locations", len(experiment_ids), MAX_TRACE_PLACES)
        with self._means.database.read() as records:
            allowed = readable_experiments(records, caller, tuple(experiment_ids))
            return records.traces.search(allowed, search)

    def set_tag(self, caller: Caller, trace_id: str, key: str, value: str) -> None:
        """Set a tag.

        Raises:
            BadInputError: the key or value breaks a rule, or the registry keeps this tag for itself.
            DeniedError, NotFoundError: the caller may not, or there is no such trace.
        """
        check_tag_is_free(key, "set")
        check_trace_tag(key, value)
        with self._means.database.write() as records:
            before = find_trace(records, caller, trace_id, Action.TRACK)
            records.traces.save(replace(before, tags={**before.tags, key: value}))

    def remove_tag(self, caller: Caller, trace_id: str, key: str) -> None:
        """Take a tag away.

        Raises:
            BadInputError: the registry keeps this tag for itself.
            DeniedError, NotFoundError: the caller may not, or there is no such trace or tag.
        """
        check_tag_is_free(key, "deleted")
        with self._means.database.write() as records:
            before = find_trace(records, caller, trace_id, Action.TRACK)
            if key not in before.tags:
                raise NotFoundError(f"No trace tag with key '{key}' for trace with ID '{trace_id}'")
            kept = {each: value for each, value in before.tags.items() if each != key}
            records.traces.save(replace(before, tags=kept))

    def delete(self, caller: Caller, doomed: Doomed) -> int:
        """Delete traces with their spans and assessments; return how many.

        Raises:
            BadInputError: neither ids nor an instant are given, or both, or a limit below 1.
            DeniedError: the caller may not.
        """
        _check_doomed(doomed)
        with self._means.database.write() as records:
            if not readable_experiments(records, caller, (doomed.experiment_id,)):
                return 0
            experiment = find_experiment(records, caller, doomed.experiment_id, Action.TRACK)
            count = records.traces.delete(doomed)
            if count:
                act = Act(records, caller.name, self._means.clock.now())
                rule = {"ids": doomed.trace_ids, "until_ms": doomed.until_ms}
                act.note("traces.delete", f"experiment:{experiment.id}", {**rule, "count": count})
            return count

    def link_run(self, caller: Caller, trace_ids: Sequence[str], run_id: str) -> None:
        """Note that traces belong to a run.

        Raises:
            BadInputError: more than 100 traces.
            DeniedError, NotFoundError: the caller may not, or there is no such run.
        """
        if len(trace_ids) > MAX_LINKS:
            message = (
                f"Cannot link more than {MAX_LINKS} traces to a run in a single request. "
                f"Provided {len(trace_ids)} traces."
            )
            raise BadInputError(message, [Reason("trace_ids", f"must be at most {MAX_LINKS}")])
        with self._means.database.write() as records:
            find_run(records, caller, run_id, Action.TRACK)
            found = _readable(records, caller, trace_ids, None)
            for experiment_id in {trace.experiment_id for trace in found}:
                find_experiment(records, caller, experiment_id, Action.TRACK)
            records.traces.link([trace.id for trace in found], RUN, [run_id])

    def link_prompts(self, caller: Caller, trace_id: str, prompts: Sequence[str]) -> None:
        """Note that a trace used prompts, each ``name/version``.

        Raises:
            DeniedError, NotFoundError: the caller may not, or there is no such trace.
        """
        with self._means.database.write() as records:
            trace = find_trace(records, caller, trace_id, Action.TRACK)
            records.traces.link([trace.id], PROMPT, prompts)

    def begin(self, caller: Caller, said: Trace) -> Trace:
        """Start a trace whose end will be told later (clients of version 2); the registry gives its id.

        Raises:
            BadInputError: a part breaks a rule, or the experiment is deleted.
            DeniedError, NotFoundError: the caller may not, or there is no such experiment.
        """
        trace_id = self._means.chance.identifier("tr").replace("_", "-")
        begun = check_trace(replace(said, id=trace_id, state=TraceState.IN_PROGRESS))
        with self._means.database.write() as records:
            experiment = _open_experiment(records, caller, said.experiment_id)
            tags = {**free_tags(begun.tags), FILES_TAG: _files(experiment, trace_id)}
            records.traces.save(replace(begun, tags=tags))
            return records.traces.get([trace_id])[trace_id]

    def end(self, caller: Caller, said: Trace, ended_at_ms: int) -> Trace:
        """Tell the end of a trace; tags and metadata are added to those it has.

        Raises:
            BadInputError: a part breaks a rule.
            DeniedError, NotFoundError: the caller may not, or there is no such trace.
        """
        with self._means.database.write() as records:
            before = find_trace(records, caller, said.id, Action.TRACK)
            after = replace(
                before,
                state=said.state,
                duration_ms=ended_at_ms - before.requested_at_ms,
                tags={**before.tags, **free_tags(said.tags)},
                metadata={**before.metadata, **said.metadata},
            )
            records.traces.save(check_trace(after))
            return after


def find_trace(records: Records, caller: Caller, trace_id: str, action: Action) -> Trace:
    """Return a trace for a caller who may do ``action`` with it.

    Raises:
        NotFoundError: there is none, or the caller may not know of it; both look the same.
        DeniedError: the caller lacks the right.
    """
    trace = records.traces.get([trace_id]).get(trace_id)
    if trace is None or not readable_experiments(records, caller, (trace.experiment_id,)):
        raise NotFoundError(f"Trace with ID '{trace_id[:100]}' not found.")
    find_experiment(records, caller, trace.experiment_id, action)
    return trace


def keep_assessment(means: Means, records: Records, said: Assessment) -> Assessment:
    """Store an assessment of a trace that is there; one that it overrides is not valid any more.

    Returns:
        The assessment with its id, a new one unless it was said; the times are the client's, or now.

    Raises:
        BadInputError: a part breaks a rule.
    """
    check_assessment(said)
    now = milliseconds(means.clock.now())
    before = records.assessments.get(said.trace_id, said.overrides) if said.overrides else None
    if before is not None:
        records.assessments.put(replace(before, valid=False))
    kept = replace(
        said,
        id=said.id or "a-" + hashlib.sha256(means.chance.identifier("a").encode()).hexdigest()[:32],
        created_at_ms=said.created_at_ms or now,
        updated_at_ms=said.updated_at_ms or now,
    )
    records.assessments.put(kept)
    return kept


def _open_experiment(records: Records, caller: Caller, experiment_id: int) -> Experiment:
    """Return an experiment that takes new traces."""
    found = find_experiment(records, caller, experiment_id, Action.TRACK)
    require_active("experiment", experiment_id, deleted=found.deleted)
    return found


def _readable(
    records: Records, caller: Caller, trace_ids: Iterable[str], experiment_ids: Sequence[int] | None
) -> tuple[Trace, ...]:
    wanted = list(dict.fromkeys(trace_ids))
    found = records.traces.get(wanted)
    places = {trace.experiment_id for trace in found.values()}
    if experiment_ids is not None:
        places &= set(experiment_ids)
    allowed = readable_experiments(records, caller, tuple(places))
    return tuple(found[each] for each in wanted if each in found and found[each].experiment_id in allowed)


def _begun(experiment: Experiment, trace_id: str, spans: Sequence[Span]) -> Trace:
    """Return a trace of which only spans are known."""
    start = min(span.started_ns for span in spans) // 1_000_000
    tags = {FILES_TAG: _files(experiment, trace_id), SPANS_TAG: SPANS_HERE}
    return Trace(trace_id, experiment.id, start, TraceState.IN_PROGRESS, tags=tags)


def _files(experiment: Experiment, trace_id: str) -> str:
    return f"{experiment.artifact_root}/traces/{trace_id}/artifacts"


def _check_doomed(doomed: Doomed) -> None:
    rule = ""
    if doomed.trace_ids is None and doomed.until_ms is None:
        rule = "Either `max_timestamp_millis` or `trace_ids` must be specified."
    elif doomed.trace_ids is not None and doomed.until_ms is not None:
        rule = "Only one of `max_timestamp_millis` and `trace_ids` can be specified."
    elif doomed.trace_ids is not None and doomed.limit is not None:
        rule = "`max_traces` can't be specified if `trace_ids` is specified."
    elif doomed.limit is not None and doomed.limit < 1:
        rule = f"`max_traces` must be a positive integer, received {doomed.limit}."
    if rule:
        raise BadInputError(rule, [Reason("trace_ids", rule)])
