"""Annotation: what people say about models and versions, and the aliases they move."""

from dataclasses import replace
from typing import TypeVar

from assay.core.access import Action, Caller, require
from assay.core.errors import BadInputError, NotFoundError
from assay.core.names import Address, ModelName, check_alias
from assay.core.ports import Records
from assay.core.preconditions import ANYTHING, Precondition
from assay.core.prompts import check_kind_stays, is_prompt
from assay.core.versions import Model, Version
from assay.usecases.means import Act, Means, find, holds_prompts, load, stage_named
from assay.usecases.prompts import leave_stages
from assay.usecases.registration import check_annotations
from assay.wire.codec import tag_of
from assay.wire.requests import AliasTarget, Annotation
from assay.wire.views import AliasView

Annotated = TypeVar("Annotated", Model, Version)


class Annotating:
    """Describes, tags, labels; sets and removes aliases."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means

    def annotate_model(
        self, caller: Caller, name: ModelName, change: Annotation, expected: Precondition = ANYTHING
    ) -> Model:
        """Change description, tags, labels of a model that is as ``expected``.

        Raises:
            ConflictError: it is not.
            BadInputError: a text, tag or label breaks a rule, or would make a prompt of a model or the
                other way round.
            DeniedError, NotFoundError: the caller may not, or there is no such model.
        """
        require(caller, Action.ANNOTATE, name)
        with self._means.database.write() as records:
            before = records.models.get(name)
            if before is None:
                raise NotFoundError(f"there is no model {name}")
            if expected:
                expected.check(tag_of(before), f"the model {name}")
            after = _annotated(before, change)
            if is_prompt(before.tags) != is_prompt(after.tags):
                _check_kind(records, before, after)
            records.models.annotate(after)
            act = Act(records, caller.name, self._means.clock.now())
            if change.description is not None:
                records.models.touch(name, act.at)
                after = replace(after, changed_at=act.at)
            act.note("model.annotate", name, _words(before), _words(after))
            return after

    def annotate_version(
        self, caller: Caller, address: Address, change: Annotation, expected: Precondition = ANYTHING
    ) -> Version:
        """Change description, tags, labels of a version that is as ``expected``, and nothing else of it.

        Raises:
            ConflictError: it is not.
            BadInputError: a text, tag or label breaks a rule, or says of a version what its model is not.
            DeniedError, NotFoundError: the caller may not, or there is no such version.
        """
        with self._means.database.write() as records:
            before = load(records, caller, address, Action.ANNOTATE)
            if expected:
                expected.check(tag_of(before), f"the version {before.address}")
            act = Act(records, caller.name, self._means.clock.now())
            after = _annotated(before, change)
            if is_prompt(before.tags) != is_prompt(after.tags):
                model = records.models.get(before.model)
                check_kind_stays(model.tags if model else {}, after.tags)
            if change.description is not None:
                after = replace(after, changed_at=act.at)
            records.versions.annotate(after)
            act.note("version.annotate", before.address, _words(before), _words(after))
            return after

    def alias(self, caller: Caller, model: ModelName, alias: str) -> Address:
        """Return the address of the version that an alias points at.

        Raises:
            NotFoundError: there is no such alias, or the caller may not know of the model.
        """
        with self._means.database.read() as records:
            summary = find(records, caller, Address.of(model, f"@{alias}"))
            return Address(model, semver=summary.semver)

    def set_alias(
        self,
        caller: Caller,
        model: ModelName,
        alias: str,
        target: AliasTarget,
        expected: Precondition = ANYTHING,
    ) -> Address:
        """Point an alias, which points where ``expected``, at a version.

        Of a prompt every alias moves so, also ``production`` and what else is elsewhere the name of a
        stage: who may write its versions may move it.

        Returns:
            The address of the version it points at now.

        Raises:
            ConflictError: it points elsewhere.
            BadInputError: the alias is reserved or malformed; stage names move by promotion only, and
                so do the names that the policy makes names of a stage.
            DeniedError, NotFoundError: the caller may not, or there is no such version.
        """
        alias = check_alias(alias, of_prompt=True)
        with self._means.database.write() as records:
            summary = find(records, caller, Address.of(model, target.version))
            require(caller, Action.SET_ALIAS, model)
            stage = stage_named(records, model, alias)
            act = Act(records, caller.name, self._means.clock.now())
            if stage is not None and holds_prompts(records, model):
                leave_stages(act, model)
            elif stage is not None:
                check_alias(alias)
                rule = f"the policy makes it a name of {stage}: moving it is a promotion"
                hint = f"request one with: assay promote ... --stage {stage.value.lower()}"
                raise BadInputError.of("alias", rule, hint)
            _check_alias_is(records, model, alias, expected)
            before = records.aliases.set(model, alias, summary.number)
            act.note("alias.set", f"{model}@{alias}", {"number": before}, {"number": summary.number})
            return Address(model, semver=summary.semver)

    def remove_alias(
        self, caller: Caller, model: ModelName, alias: str, expected: Precondition = ANYTHING
    ) -> None:
        """Take an alias away that points where ``expected``.

        Raises:
            ConflictError: it points elsewhere.
            BadInputError: the alias is reserved or malformed, or names a stage of a model that has them.
            DeniedError, NotFoundError: the caller may not, or there is no such alias.
        """
        alias = check_alias(alias, of_prompt=True)
        require(caller, Action.SET_ALIAS, model)
        with self._means.database.write() as records:
            _check_alias_is(records, model, alias, expected)
            act = Act(records, caller.name, self._means.clock.now())
            if stage_named(records, model, alias) is not None and holds_prompts(records, model):
                leave_stages(act, model)
            else:
                check_alias(alias)
            if not drop_alias(act, model, alias):
                raise NotFoundError(f"there is no alias {model}@{alias}")


def drop_alias(act: Act, model: ModelName, alias: str) -> bool:
    """Take an alias away within a transaction under way, with its event; tell whether it was there."""
    before = act.records.aliases.remove(model, alias)
    if before is not None:
        act.note("alias.remove", f"{model}@{alias}", {"number": before})
    return before is not None


def _check_alias_is(records: Records, model: ModelName, alias: str, expected: Precondition) -> None:
    """Hold an alias against what is expected of it; its state is the version that it points at.

    Raises:
        ConflictError: it points elsewhere.
    """
    if not expected:
        return
    number = records.aliases.of_model(model).get(alias)
    version = None if number is None else records.versions.get(model, number)
    tag = None if version is None else tag_of(AliasView(str(Address(model, semver=version.semver))))
    expected.check(tag, f"the alias {model}@{alias}")


def _check_kind(records: Records, before: Model, after: Model) -> None:
    """Let a model stay what it is; a tag that is not true of it may go.

    Raises:
        BadInputError: the tags after would make a prompt of a model, or a model of a prompt.
    """
    if is_prompt(after.tags) or holds_prompts(records, before.name):
        check_kind_stays(before.tags, after.tags)


def _annotated(before: Annotated, change: Annotation) -> Annotated:
    tags = {**before.tags, **change.tags}
    kept = {key: value for key, value in tags.items() if value is not None}
    labels = tuple(sorted({*before.labels, *change.add_labels} - set(change.remove_labels)))
    description = before.description if change.description is None else change.description
    check_annotations(description, kept, labels, there=before.tags.keys() - change.tags.keys())
    return replace(before, description=description, tags=kept, labels=labels)


def _words(thing: Model | Version) -> dict[str, object]:
    return {"description": thing.description, "tags": thing.tags, "labels": thing.labels}
