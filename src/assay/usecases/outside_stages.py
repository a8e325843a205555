"""Stages as clients of other registries move them: by setting an alias, or by naming a stage.

Whatever they call it, it is one of the registry's own acts: a promotion that its gates decide, a
rollback, an archiving, a step back. None of it goes around a gate.
"""

from contextlib import suppress
from dataclasses import replace
from typing import Final

from assay.core.access import Action, Caller, require
from assay.core.errors import BadInputError, NotFoundError, Reason
from assay.core.names import Address
from assay.core.ports import Records
from assay.core.promotions import Promotion, PromotionState, has_passed
from assay.core.search import MAX_PAGE, VersionQuery, VersionSummary
from assay.core.stages import GUARDED, Stage
from assay.usecases.annotation import Annotating
from assay.usecases.means import Act, Means, applying_policy, find, stage_moved, stage_named
from assay.usecases.outside import known_model
from assay.usecases.promotion import ask_to_promote, or_conflict
from assay.usecases.stage_change import StageChange, change_stage
from assay.wire.requests import AliasTarget, NewPromotion, Rollback

PASSING: Final = "on the way to "  # begins the comment of a promotion that was not itself asked for


class OutsideStages:
    """Moves aliases and stages of models by the names they are known by."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means
        self._annotating = Annotating(means)
        self._changing = StageChange(means)

    def point(self, caller: Caller, name: str, alias: str, version: str) -> Promotion | None:
        """Point an alias at a version; one that names a stage moves the version there, but for prompts.

        Returns:
            None when it is done; else the promotion that stands between. When that one has gone
            through, asking again takes what steps are left.

        Raises:
            BadInputError, ConflictError, DeniedError, NotFoundError, RefusedError: see the act it is.
        """
        with self._means.database.read() as records:
            model = known_model(records, caller, name).name
            found = find(records, caller, Address.of(model, version))
            stage = stage_moved(records, model, alias)
        if stage is not None:
            return self._to(caller, Address(model, number=found.number), stage)
        self._annotating.set_alias(caller, model, alias, AliasTarget(str(found.number)))
        return None

    def remove(self, caller: Caller, name: str, alias: str) -> None:
        """Take an alias away; one that names a stage takes the version out of it. None there is fine.

        Raises:
            DeniedError, NotFoundError: the caller may not, or there is no such model.
        """
        with self._means.database.read() as records:
            model = known_model(records, caller, name).name
            named, stage = stage_named(records, model, alias), stage_moved(records, model, alias)
            there = named is not stage or alias in records.aliases.of_model(model)
        if stage is None:
            if there:
                with suppress(NotFoundError):  # a prompt that no stage had to be left for
                    self._annotating.remove_alias(caller, model, alias)
        elif stage in GUARDED:
            with self._means.database.write() as records:
                held = records.versions.resolve(Address(model, alias=stage.value.lower()))
                if held is not None:
                    out = Stage.ARCHIVED if stage is Stage.PRODUCTION else Stage.DEVELOPMENT
                    _down(self._act(records, caller), caller, held, out)

    def transition(
        self, caller: Caller, name: str, version: str, stage: Stage, *, archive_existing: bool
    ) -> Promotion | None:
        """Move a version to a stage.

        Args:
            caller: who asks.
            name: of the model.
            version: number or semantic version.
            stage: where to.
            archive_existing: other versions in that stage go to Archived; in Production they always do.

        Returns:
            None when it is done; else the promotion that stands between. When that one has gone
            through, asking again takes what steps are left.

        Raises:
            BadInputError, ConflictError, DeniedError, NotFoundError, RefusedError: see the act it is.
        """
        if archive_existing and stage not in GUARDED:
            message = (
                "Model version transition cannot archive existing model versions because "
                f"'{stage}' is not an Active stage. Valid stages are Staging, Production"
            )
            raise BadInputError(
                message, [Reason("archive_existing_versions", "only for Staging and Production")]
            )
        with self._means.database.read() as records:
            model = known_model(records, caller, name).name
            found = find(records, caller, Address.of(model, version))
        return self._to(caller, Address(model, number=found.number), stage, archive_existing=archive_existing)

    def _to(
        self, caller: Caller, address: Address, stage: Stage, *, archive_existing: bool = False
    ) -> Promotion | None:
        """Take every step that can be taken now in one transaction: all of them, or none."""
        if stage is Stage.PRODUCTION and self._comes_back(caller, address):
            self._changing.roll_back(caller, address.model, Rollback(str(address.number)))
            return None
        with self._means.database.write() as records:
            act = self._act(records, caller)
            found = find(records, caller, address)
            if stage not in GUARDED:
                _down(act, caller, found, stage)
                return None
            # In Production one version is replaced by the other in any case.
            archived = archive_existing and stage is Stage.STAGING
            others = _others_in_staging(records, found) if archived else ()
            if others:  # asked before anything moves, and before anything is waited for
                require(caller, Action.CHANGE_STAGE, found.model, stage)
            waiting = self._up(act, caller, found, stage)
            for each in others if waiting is None else ():
                change_stage(act, caller, each, ("archive", Stage.ARCHIVED))
        return None if waiting is None else or_conflict(waiting)

    def _up(self, act: Act, caller: Caller, found: VersionSummary, stage: Stage) -> Promotion | None:
        """Ask for a guarded stage, and for the one on the way to it; return what stands between."""
        require(caller, Action.REQUEST_PROMOTION, found.model, stage)
        address = Address(found.model, number=found.number)
        for step in _steps(act.records, found, stage):
            wanted = NewPromotion(step.value, "" if step is stage else f"{PASSING}{stage}")
            promotion = ask_to_promote(act, self._means.chance, caller, address, wanted)
            if promotion.state is PromotionState.SUPERSEDED:
                return promotion
            if not promotion.observed and promotion.state is not PromotionState.PROMOTED:
                return promotion
        return None

    def _comes_back(self, caller: Caller, address: Address) -> bool:
        """Tell whether the version comes back to Production by the right to roll back, and by no gate.

        It has been there, and its gates held; what left it ungated is judged like every other.
        """
        with self._means.database.read() as records:
            found = find(records, caller, address)
            history = records.stages.history(found.model)
        return found.stage is not Stage.PRODUCTION and has_passed(history, found.number)

    def _act(self, records: Records, caller: Caller) -> Act:
        return Act(records, caller.name, self._means.clock.now())


def _steps(records: Records, found: VersionSummary, wanted: Stage) -> tuple[Stage, ...]:
    """Return the stages to ask for in turn: unless the policy observes, the way to Production is by Staging.

    Clients that know no such order ask for Production at once; the gates of both stages decide.
    """
    if found.stage is wanted:
        return ()
    observes = applying_policy(records, found.model).policy.observes
    skips = wanted is Stage.PRODUCTION and found.stage is Stage.DEVELOPMENT and not observes
    return (Stage.STAGING, wanted) if skips else (wanted,)


def _down(act: Act, caller: Caller, found: VersionSummary, stage: Stage) -> None:
    """Take a version to Development or Archived; out of Production the way leads through Archived."""
    if found.stage is stage:
        return
    address = Address(found.model, number=found.number)
    if stage is Stage.DEVELOPMENT and found.stage is Stage.STAGING:
        change_stage(act, caller, address, ("demote", stage))
        return
    if found.stage is not Stage.ARCHIVED:
        change_stage(act, caller, address, ("archive", Stage.ARCHIVED))
    if stage is Stage.DEVELOPMENT:
        change_stage(act, caller, address, ("restore", stage))


def _others_in_staging(records: Records, found: VersionSummary) -> tuple[Address, ...]:
    others: list[Address] = []
    query = VersionQuery(team=found.model.team, task=found.model.task, stage=Stage.STAGING, limit=MAX_PAGE)
    while True:
        page = records.catalogue.versions(query, (found.model,))
        others += [
            Address(each.model, number=each.number) for each in page.items if each.number != found.number
        ]
        if not page.next_cursor:
            return tuple(others)
        query = replace(query, cursor=page.next_cursor)
