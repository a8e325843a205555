"""Evaluating: keeping the sets of records, and the scorers, with which answers are judged.

A set belongs to a team, a scorer to an experiment; both follow the rights on the team.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from assay.core.access import Action, Caller, may_in_team, require_in_team, teams_of
from assay.core.errors import BadInputError, NotFoundError
from assay.core.instants import milliseconds
from assay.core.ports import Records
from assay.core.search import Page
from assay.core.tracking.evaluations import (
    MAX_RECORDS,
    MAX_SET_PLACES,
    USER_TAG,
    EvaluationRecord,
    EvaluationSet,
    check_evaluation_set,
    check_record,
    merged,
    wider_schema,
)
from assay.core.tracking.searches import MAX_PLACES, Search, check_count
from assay.usecases.means import Act, Means
from assay.usecases.tracking.places import find_experiment


class Evaluating:
    """Makes, shows, fills, tags, places and deletes evaluation sets."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means

    def create(
        self, caller: Caller, team: str, name: str, tags: Mapping[str, str], experiment_ids: Sequence[int]
    ) -> EvaluationSet:
        """Make a set.

        Raises:
            BadInputError: the name or a tag breaks a rule, or too many experiments.
            DeniedError, NotFoundError: the caller may not, or there is no such experiment.
        """
        require_in_team(caller, Action.TRACK, team)
        check_count("experiment_ids", len(experiment_ids), MAX_SET_PLACES)
        now, user = self._now(), tags.get(USER_TAG, "")
        made = EvaluationSet(self._id("d"), team, name, now, now, user, user, tags=dict(tags))
        with self._means.database.write() as records:
            for each in experiment_ids:
                find_experiment(records, caller, each, Action.TRACK)
            made = replace(made, experiment_ids=tuple(sorted(set(experiment_ids))))
            records.evaluation_sets.save(check_evaluation_set(made))
            return made

    def get(self, caller: Caller, set_id: str) -> EvaluationSet:
        """Return a set.

        Raises:
            NotFoundError: there is none, or the caller may not know of it.
        """
        with self._means.database.read() as records:
            return _found(records, caller, set_id, Action.READ)

    def search(
        self, caller: Caller, experiment_ids: Sequence[int] | None, search: Search
    ) -> Page[EvaluationSet]:
        """Return a page of the sets that the caller may read.

        Args:
            caller: who asks.
            experiment_ids: only sets meant for one of these; None for all.
            search: what must hold, and which page.

        Raises:
            BadInputError: the cursor is not one of ours, or more experiments than a search may name.
        """
        check_count("experiment_ids", len(experiment_ids or ()), MAX_PLACES)
        with self._means.database.read() as records:
            teams = teams_of(caller, Action.READ)
            return records.evaluation_sets.search(teams, experiment_ids, search)

    def delete(self, caller: Caller, set_id: str) -> None:
        """Delete a set with its records, if it is there.

        Raises:
            DeniedError: the caller may not.
        """
        with self._means.database.write() as records:
            one = records.evaluation_sets.get(set_id)
            if one is None or not may_in_team(caller, Action.READ, one.team):
                return
            require_in_team(caller, Action.TRACK, one.team)
            records.evaluation_sets.delete(set_id)
            act = Act(records, caller.name, self._means.clock.now())
            before = {"name": one.name, "record_count": one.record_count}
            act.note("evaluation_set.delete", f"evaluation_set:{set_id}", before)

    def tag(self, caller: Caller, set_id: str, tags: Mapping[str, str | None]) -> None:
        """Set tags; a value of None takes one away.

        Raises:
            BadInputError: a tag breaks a rule.
            DeniedError, NotFoundError: the caller may not, or there is no such set.
        """
        with self._means.database.write() as records:
            one = _found(records, caller, set_id, Action.TRACK)
            kept = {key: value for key, value in {**one.tags, **tags}.items() if value is not None}
            records.evaluation_sets.save(check_evaluation_set(replace(one, tags=kept)))

    def place(
        self, caller: Caller, set_id: str, add: Sequence[int] = (), remove: Sequence[int] = ()
    ) -> EvaluationSet:
        """Say for which experiments a set is meant, and for which not any more.

        Raises:
            BadInputError: too many experiments.
            DeniedError, NotFoundError: the caller may not, or there is no such set or experiment.
        """
        check_count("experiment_ids", len(add), MAX_SET_PLACES)
        with self._means.database.write() as records:
            one = _found(records, caller, set_id, Action.TRACK)
            for each in add:
                find_experiment(records, caller, each, Action.TRACK)
            places = tuple(sorted({*one.experiment_ids, *add} - set(remove)))
            after = replace(one, experiment_ids=places, updated_at_ms=self._now())
            records.evaluation_sets.save(after)
            return after

    def fill(self, caller: Caller, set_id: str, said: Sequence[EvaluationRecord]) -> tuple[int, int]:
        """Add records; those whose inputs are there already are merged with what is said again.

        Args:
            caller: who asks.
            set_id: whose records.
            said: with any id and times; the registry gives them.

        Returns:
            How many were added and how many merged.

        Raises:
            BadInputError: a record breaks a rule, or there are more than 10,000.
            DeniedError, NotFoundError: the caller may not, or there is no such set.
        """
        if len(said) > MAX_RECORDS:
            raise BadInputError.of("records", f"must be at most {MAX_RECORDS}")
        now = self._now()
        with self._means.database.write() as records:
            one = _found(records, caller, set_id, Action.TRACK)
            new: dict[str, EvaluationRecord] = {}
            known = records.evaluation_records.by_inputs(set_id, [each.inputs_digest for each in said])
            changed = dict(known)
            added = 0
            for each in said:
                user = check_record(each).tags.get(USER_TAG, "")
                fresh = replace(each, created_at_ms=now, updated_at_ms=now, created_by=user, updated_by=user)
                digest = fresh.inputs_digest
                before = changed.get(digest) or new.get(digest)
                if before is None:
                    outputs = {} if fresh.outputs is None else fresh.outputs
                    made = replace(fresh, id=self._id("dr"), set_id=set_id, outputs=outputs)
                    new[digest] = check_record(made)
                    added += 1
                elif digest in changed:
                    changed[digest] = check_record(merged(before, fresh))
                else:
                    new[digest] = check_record(merged(before, fresh))
            records.evaluation_records.put([*new.values(), *changed.values()])
            users = [each.tags[USER_TAG] for each in said if USER_TAG in each.tags]
            after = replace(
                one,
                updated_at_ms=now,
                updated_by=users[-1] if users else one.updated_by,
                schema=wider_schema(one.schema, said),
                record_count=records.evaluation_records.count(set_id),
            )
            records.evaluation_sets.save(after)
            return added, len(said) - added

    def records(self, caller: Caller, set_id: str, limit: int, cursor: str = "") -> Page[EvaluationRecord]:
        """Return a page of the records of a set, oldest first.

        Raises:
            BadInputError: the cursor is not one of ours.
            NotFoundError: there is no such set, or the caller may not know of it.
        """
        with self._means.database.read() as records:
            _found(records, caller, set_id, Action.READ)
            return records.evaluation_records.page(set_id, limit, cursor)

    def remove_records(self, caller: Caller, set_id: str, record_ids: Sequence[str]) -> int:
        """Take records away; return how many there were.

        Raises:
            DeniedError, NotFoundError: the caller may not, or there is no such set.
        """
        with self._means.database.write() as records:
            one = _found(records, caller, set_id, Action.TRACK)
            gone = records.evaluation_records.remove(set_id, record_ids)
            if gone:
                count = records.evaluation_records.count(set_id)
                records.evaluation_sets.save(replace(one, record_count=count, updated_at_ms=self._now()))
            return gone

    def _now(self) -> int:
        return milliseconds(self._means.clock.now())

    def _id(self, prefix: str) -> str:
        said = self._means.chance.identifier(prefix)
        return f"{prefix}-{hashlib.sha256(said.encode()).hexdigest()[:32]}"


def _found(records: Records, caller: Caller, set_id: str, action: Action) -> EvaluationSet:
    one = records.evaluation_sets.get(set_id)
    if one is None or not may_in_team(caller, Action.READ, one.team):
        raise NotFoundError(f"Evaluation dataset with id '{set_id[:100]}' not found")
    require_in_team(caller, action, one.team)
    return one
