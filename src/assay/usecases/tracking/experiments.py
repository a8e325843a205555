"""Experiments: made, renamed, put away, found."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from assay.core.access import Action, Caller, may_in_team, require_in_team, teams_of
from assay.core.errors import BadInputError, NotFoundError, Reason
from assay.core.instants import milliseconds
from assay.core.search import Page
from assay.core.tracking.experiments import Experiment, check_experiment_name
from assay.core.tracking.files import SCHEME, check_path, experiment_root, path_of
from assay.core.tracking.keys import MAX_EXPERIMENT_TAG_LENGTH, check_key, check_value
from assay.core.tracking.searches import Search
from assay.core.tracking.uris import climbs, is_unclear
from assay.usecases.means import Act, Means
from assay.usecases.tracking.places import find_experiment, require_active

# Stores that clients reach by themselves, with credentials of their own.
EXTERNAL: Final = ("s3", "gs", "wasbs", "abfss", "dbfs", "hdfs", "r2", "b2")
_PARTS_OF_URLS: Final = re.compile(r"[#?;]")


class Experiments:
    """Keeps experiments."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means

    def create(
        self,
        caller: Caller,
        team: str,
        name: str,
        artifact_root: str = "",
        tags: Mapping[str, str] | None = None,
    ) -> Experiment:
        """Create an experiment.

        Args:
            caller: who asks.
            team: whose it will be.
            name: unique in the team.
            artifact_root: where its runs' files go; "" for this registry's own store.
            tags: set at once.

        Raises:
            BadInputError: a name, tag or place breaks a rule.
            ConflictError: the name is taken, perhaps by a deleted one.
            DeniedError: the caller may not.
        """
        check_experiment_name(name)
        check_artifact_root(artifact_root)
        check_experiment_tags(tags or {})
        require_in_team(caller, Action.TRACK, team)
        with self._means.database.write() as records:
            now = self._means.clock.now()
            at_ms = milliseconds(now)
            asked = Experiment(-1, team, name, artifact_root, at_ms, at_ms, tags=dict(tags or {}))
            made = records.experiments.add(asked)
            made = replace(made, artifact_root=_own_root(made))
            records.experiments.save(made)
            Act(records, caller.name, now).note("experiment.create", f"experiment:{made.id}", after=made)
            return made

    def get(self, caller: Caller, experiment_id: int) -> Experiment:
        """Show one, deleted or not.

        Raises:
            NotFoundError: there is none, or the caller may not know of it.
        """
        with self._means.database.read() as records:
            return find_experiment(records, caller, experiment_id, Action.READ)

    def named(self, caller: Caller, team: str, name: str) -> Experiment:
        """Show the one of that name, deleted or not.

        Raises:
            NotFoundError: there is none, or the caller may not know of it.
        """
        with self._means.database.read() as records:
            found = records.experiments.named(team, name)
        if found is None or not may_in_team(caller, Action.READ, team):
            raise NotFoundError(f"Could not find experiment with name '{name[:500]}'")
        return found

    def search(self, caller: Caller, search: Search, team: str | None = None) -> Page[Experiment]:
        """Look for experiments of one team, or of all the caller may see.

        Raises:
            BadInputError: the cursor is not one of ours.
        """
        teams = teams_of(caller, Action.READ)
        if team is not None:
            teams = (team,) if may_in_team(caller, Action.READ, team) else ()
        with self._means.database.read() as records:
            return records.experiments.search(search, teams)

    def rename(self, caller: Caller, experiment_id: int, name: str) -> None:
        """Give another name.

        Raises:
            BadInputError: the name breaks a rule, or the experiment is deleted.
            ConflictError: the name is taken.
            DeniedError, NotFoundError: the caller may not, or there is none.
        """
        check_experiment_name(name)
        with self._means.database.write() as records:
            before = find_experiment(records, caller, experiment_id, Action.TRACK)
            require_active("experiment", experiment_id, deleted=before.deleted)
            now = self._means.clock.now()
            after = replace(before, name=name, updated_at_ms=milliseconds(now))
            records.experiments.save(after)
            about = {"name": before.name}, {"name": name}
            Act(records, caller.name, now).note("experiment.rename", f"experiment:{experiment_id}", *about)

    def delete(self, caller: Caller, experiment_id: int) -> None:
        """Put an experiment with its runs away; what was registered from them stays whole.

        Raises:
            NotFoundError: there is no active one of that id, or the caller may not know of it.
            DeniedError: the caller may not.
        """
        self._put(caller, experiment_id, deleted=True)

    def restore(self, caller: Caller, experiment_id: int) -> None:
        """Bring an experiment back with all its runs.

        Raises:
            NotFoundError: there is no deleted one of that id, or the caller may not know of it.
            DeniedError: the caller may not.
        """
        self._put(caller, experiment_id, deleted=False)

    def set_tag(self, caller: Caller, experiment_id: int, key: str, value: str) -> None:
        """Set a tag.

        Raises:
            BadInputError: key or value breaks a rule, or the experiment is deleted.
            DeniedError, NotFoundError: the caller may not, or there is none.
        """
        check_experiment_tags({key: value})
        with self._means.database.write() as records:
            experiment = find_experiment(records, caller, experiment_id, Action.TRACK)
            require_active("experiment", experiment_id, deleted=experiment.deleted)
            records.experiments.set_tags(experiment_id, {key: value})

    def remove_tag(self, caller: Caller, experiment_id: int, key: str) -> None:
        """Take a tag away.

        Raises:
            BadInputError: the experiment is deleted.
            DeniedError, NotFoundError: the caller may not, there is none, or it has no such tag.
        """
        with self._means.database.write() as records:
            experiment = find_experiment(records, caller, experiment_id, Action.TRACK)
            require_active("experiment", experiment_id, deleted=experiment.deleted)
            if not records.experiments.remove_tag(experiment_id, key):
                raise NotFoundError(f"No tag with name: {key[:250]} in experiment with id {experiment_id}")

    def _put(self, caller: Caller, experiment_id: int, *, deleted: bool) -> None:
        with self._means.database.write() as records:
            before = find_experiment(records, caller, experiment_id, Action.TRACK)
            if before.deleted is deleted:
                raise NotFoundError(f"No Experiment with id={experiment_id} exists")
            now = self._means.clock.now()
            records.experiments.save(replace(before, deleted=deleted, updated_at_ms=milliseconds(now)))
            verb = "experiment.delete" if deleted else "experiment.restore"
            Act(records, caller.name, now).note(verb, f"experiment:{experiment_id}")


def check_experiment_tags(tags: Mapping[str, str]) -> None:
    """Check keys and values of an experiment's tags.

    Raises:
        BadInputError: the first that breaks a rule.
    """
    for key, value in tags.items():
        check_key(key)
        check_value(value, "value", MAX_EXPERIMENT_TAG_LENGTH)


def check_artifact_root(root: str) -> str:
    """Return ``root`` when files may lie there: this registry's own tree, or an object store.

    A path or host of the server's own side is never taken from a client.

    Raises:
        BadInputError: another kind of place, or one with ``..``, also when it is decoded, fragment or
            parameters.
    """
    if not root:
        return root
    scheme, _, rest = root.partition(":")
    if _PARTS_OF_URLS.search(root):
        message = "'artifact_location' URL can't include fragments or params."
        raise BadInputError(message, [Reason("artifact_location", "must not contain '#', '?' or ';'")])
    if climbs(root) or is_unclear(root):
        raise _bad_root(root, "must not contain '..', backslashes or control characters")
    inside = path_of(root)
    if inside is not None:
        check_path(inside, empty=True)
    elif scheme not in EXTERNAL or not urlsplit(root).netloc or not rest.startswith("//"):
        known = ", ".join(f"{each}://" for each in EXTERNAL)
        raise _bad_root(root, f"must begin with {SCHEME} or one of {known}")
    return root.rstrip("/")


def _own_root(made: Experiment) -> str:
    """Return where the experiment's files go: in this registry always below its own id."""
    inside = path_of(made.artifact_root) if made.artifact_root else ""
    if inside is None:
        return made.artifact_root.rstrip("/")
    return f"{experiment_root(made.id)}/{inside}".rstrip("/")


def _bad_root(root: str, rule: str) -> BadInputError:
    message = f"Invalid artifact location {root[:200]!r}: {rule}"
    return BadInputError(message, [Reason("artifact_location", rule)])
