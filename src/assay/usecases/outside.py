"""The registry under the names that clients of other registries use: ``known_as`` and version numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from assay.core.access import Action, Caller, may, readable, readable_in, require, require_new
from assay.core.errors import BadInputError, ConflictError, NotFoundError
from assay.core.names import LATEST, Address, ModelName
from assay.core.outside_names import DEFAULT_TEAM, model_for, name_in, normal_name, shown_in
from assay.core.ports import Records
from assay.core.search import MAX_PAGE, ModelOverview, Page, VersionQuery, VersionSummary
from assay.core.stages import Stage
from assay.core.tracking.searches import Search
from assay.core.versions import Model, Version
from assay.usecases.annotation import Annotating, drop_alias
from assay.usecases.means import Act, Means, find, load
from assay.usecases.naming import check_renaming, keep_name
from assay.usecases.registration import create_model
from assay.usecases.stage_change import remove_all, remove_version
from assay.wire.requests import Annotation, NewModel


class Outside:
    """Models by the name they are known by."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means
        self._annotating = Annotating(means)

    def model(self, caller: Caller, name: str) -> Model:
        """Return the model known by ``name``.

        Raises:
            NotFoundError: there is none, or the caller may not know of it.
        """
        with self._means.database.read() as records:
            return known_model(records, caller, name)

    def create(
        self,
        caller: Caller,
        team: str,
        name: str,
        description: str = "",
        tags: Mapping[str, str] | None = None,
    ) -> Model:
        """Create a model; one of that name that was deleted comes back empty, its numbers go on counting.

        Args:
            caller: who asks.
            team: whose it is, where the name does not say.
            name: by which it will be known; within ``team`` it is the team's own.
            description: for people.
            tags: set at once.

        Raises:
            BadInputError: a rule is broken.
            ConflictError: a model is known by that name.
            DeniedError: the caller may not, also where an address other than the name's is what is free;
                whether there is such a model is not told.
            RefusedError: the name is kept for a model that was known by it, or has another policy.
        """
        outside_name = name_in(team, name)
        wanted = model_for(outside_name)
        with self._means.database.write() as records:
            require_new(caller, wanted)
            if records.models.known(outside_name) is not None:
                shown = shown_in(team, outside_name)
                raise ConflictError(f"Registered Model (name={shown}) already exists.")
            free = _free_name(records, wanted)
            require_new(caller, free)
            act = Act(records, caller.name, self._means.clock.now())
            return create_model(act, NewModel(free, description, tags or {}, known_as=outside_name))

    def rename(self, caller: Caller, name: str, new_name: str) -> Model:
        """Let a model be known by another name. Its address, evidence and history stay as they are.

        While a version is in Staging or Production, to rename its model is to move what people load by a
        name: it needs the right to move those stages. Names under which versions were guarded stay kept
        for the model, so that they never come to mean another one.

        Raises:
            BadInputError: the new name breaks a rule, or means another team.
            ConflictError: another model is known by it.
            DeniedError, NotFoundError: the caller may not, or there is no such model.
            RefusedError: the name is kept for another model, or has another policy.
        """
        wanted = normal_name(new_name)
        with self._means.database.write() as records:
            before = known_model(records, caller, name)
            check_renaming(records, caller, before, wanted)
            if records.models.known(wanted) is not None and wanted != before.known_as:
                raise ConflictError(f"Registered Model (name={wanted}) already exists.")
            act = Act(records, caller.name, self._means.clock.now())
            if wanted != before.known_as:
                keep_name(act, before)
            records.models.annotate(replace(before, known_as=wanted))
            records.models.touch(before.name, act.at)
            about = {"known_as": before.known_as}, {"known_as": wanted}
            act.note("model.rename", before.name, *about)
            return replace(before, known_as=wanted, changed_at=act.at)

    def annotate(self, caller: Caller, name: str, change: Annotation) -> Model:
        """Change description and tags of a model.

        Raises:
            BadInputError: a text or tag breaks a rule.
            DeniedError, NotFoundError: the caller may not, or there is no such model.
        """
        return self._annotating.annotate_model(caller, self.model(caller, name).name, change)

    def annotate_version(self, caller: Caller, name: str, number: int, change: Annotation) -> Version:
        """Change description and tags of a version.

        Raises:
            BadInputError: a text or tag breaks a rule.
            DeniedError, NotFoundError: the caller may not, or there is no such version.
        """
        address = Address(self.model(caller, name).name, number=number)
        return self._annotating.annotate_version(caller, address, change)

    def delete(self, caller: Caller, name: str) -> None:
        """Delete a model with all its versions; evidence, audit and numbers given stay for ever.

        Raises:
            RefusedError: one of its versions is in Staging or Production.
            DeniedError, NotFoundError: the caller may not, or there is no such model.
        """
        with self._means.database.write() as records:
            model = known_model(records, caller, name)
            require(caller, Action.DELETE_MODEL, model.name)
            act = Act(records, caller.name, self._means.clock.now())
            for alias in records.aliases.of_model(model.name):
                drop_alias(act, model.name, alias)
            numbers = [each.number for each in self._versions(records, model.name)]
            found = [records.versions.get(model.name, number) for number in numbers]
            remove_all(act, model.name, [each for each in found if each is not None])
            records.models.put_away(model.name, act.at)
            act.note("model.delete", model.name, {"known_as": model.known_as})

    def delete_version(self, caller: Caller, name: str, version: str) -> None:
        """Delete a version with the aliases that point at it, but for names of stages.

        Raises:
            RefusedError: it serves, is on its way, or is what Production falls back to.
            DeniedError, NotFoundError: the caller may not, or there is no such version.
        """
        with self._means.database.write() as records:
            model = known_model(records, caller, name)
            found = load(records, caller, Address.of(model.name, version), Action.DELETE)
            act = Act(records, caller.name, self._means.clock.now())
            for alias in found.aliases:
                drop_alias(act, model.name, alias)
            remove_version(act, replace(found, aliases=()))

    def version(self, caller: Caller, name: str, version: str) -> VersionSummary:
        """Return a version by number, or by semantic version as text.

        Raises:
            BadInputError: neither.
            NotFoundError: there is no such version, or the caller may not know of it.
        """
        with self._means.database.read() as records:
            model = known_model(records, caller, name)
            return find(records, caller, Address.of(model.name, version))

    def at_alias(self, caller: Caller, name: str, alias: str) -> VersionSummary:
        """Return the version that an alias points at; stage names and ``latest`` are computed.

        Raises:
            NotFoundError: there is no such model, or the alias points nowhere.
        """
        with self._means.database.read() as records:
            model = known_model(records, caller, name)
            if alias.lower() != LATEST:
                return find(records, caller, Address.of(model.name, "@" + alias))
            newest = records.registry_search.latest(model.name)
            if not newest:
                raise NotFoundError(f"there is no version {Address(model.name, alias=LATEST)}")
            return max(newest, key=lambda each: each.number)

    def latest(self, caller: Caller, name: str, stages: Sequence[Stage] = ()) -> tuple[VersionSummary, ...]:
        """Return of each stage the version with the greatest number; of all stages when none is named.

        Raises:
            NotFoundError: there is no such model, or the caller may not know of it.
        """
        with self._means.database.read() as records:
            model = known_model(records, caller, name)
            return records.registry_search.latest(model.name, stages)

    def overview(self, caller: Caller, name: str) -> ModelOverview:
        """Return the model known by ``name`` with its newest versions and aliases.

        Raises:
            NotFoundError: there is none, or the caller may not know of it.
        """
        with self._means.database.read() as records:
            return records.registry_search.overviews([known_model(records, caller, name)])[0]

    def completed(self, model: Model) -> ModelOverview:
        """Return a model that the caller was given with its newest versions and aliases.

        Unlike :meth:`overview` it cannot miss: what somebody calls it meanwhile makes no difference.
        """
        with self._means.database.read() as records:
            return records.registry_search.overviews([model])[0]

    def search_models(self, caller: Caller, search: Search, team: str = DEFAULT_TEAM) -> Page[ModelOverview]:
        """Look for models among those the caller may see; within a team only among its own.

        Each comes with its newest versions and aliases, as they are in the same view. The default team is
        where every name is written out: there it is all of them.

        Raises:
            BadInputError: the cursor is not one of ours, or another question's.
        """
        with self._means.database.read() as records:
            page = records.registry_search.models(search, _visible(caller, team))
            return Page(records.registry_search.overviews(page.items), page.next_cursor)

    def search_versions(
        self, caller: Caller, search: Search, team: str = DEFAULT_TEAM
    ) -> Page[tuple[str, VersionSummary]]:
        """Look for versions as for models, each with its model's name outside.

        Raises:
            BadInputError: the cursor is not one of ours, or another question's.
        """
        with self._means.database.read() as records:
            return records.registry_search.versions(search, _visible(caller, team))

    def _versions(self, records: Records, name: ModelName) -> tuple[VersionSummary, ...]:
        found: tuple[VersionSummary, ...] = ()
        cursor = ""
        while True:
            query = VersionQuery(team=name.team, task=name.task, limit=MAX_PAGE, cursor=cursor)
            page = records.catalogue.versions(query, (name,))
            found, cursor = found + page.items, page.next_cursor
            if not cursor:
                return found


def known_model(records: Records, caller: Caller, name: str) -> Model:
    """Return the model known by ``name``.

    Raises:
        NotFoundError: there is none, or the caller may not know of it; both look the same.
    """
    try:
        model = records.models.known(normal_name(name))
    except BadInputError:
        model = None
    if model is None or not may(caller, Action.READ, model.name):
        raise NotFoundError(f"Registered Model with name={name[:300]} not found")
    return model


def _visible(caller: Caller, team: str) -> tuple[str, ...]:
    return readable(caller) if team == DEFAULT_TEAM else readable_in(caller, team)


def _free_name(records: Records, wanted: ModelName) -> ModelName:
    """Return ``wanted``, or with a number behind it while a model that was renamed still has it."""
    name, place = wanted, 2
    while records.models.get(name) is not None:
        name = ModelName(f"{wanted.team}/{wanted.task[:90]}-{place}")
        place += 1
    return name
