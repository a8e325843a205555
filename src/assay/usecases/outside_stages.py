"""Stages as clients of other registries move them: by setting an alias, or by naming a stage.

Whatever they call it, it is one of the registry's own acts: a promotion that its gates decide, a
rollback, an archiving, a step back. None of it goes around a gate.
"""

from dataclasses import replace
from typing import Final

from assay.core.access import Action, Caller
from assay.core.errors import BadInputError, Reason
from assay.core.names import STAGE_ALIASES, Address, ModelName
from assay.core.promotions import Promotion, PromotionState
from assay.core.search import MAX_PAGE, VersionQuery, VersionSummary
from assay.core.stages import GUARDED, Stage
from assay.usecases.annotation import Annotating
from assay.usecases.means import Act, Means, applying_policy, find, load, stage_meant
from assay.usecases.outside import known_model
from assay.usecases.promotion import Promoting
from assay.usecases.stage_change import StageChange
from assay.usecases.tracked_evidence import report_logged
from assay.wire.requests import AliasTarget, NewPromotion, Rollback, Statement

PASSING: Final = "on the way to "  # begins the comment of a promotion that was not itself asked for


class OutsideStages:
    """Moves aliases and stages of models by the names they are known by."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means
        self._annotating = Annotating(means)
        self._promoting = Promoting(means)
        self._changing = StageChange(means)

    def point(self, caller: Caller, name: str, alias: str, version: str) -> Promotion | None:
        """Point an alias at a version; one that names a stage moves the version there.

        Returns:
            None when it is done; else the promotion that stands between. When that one has gone
            through, asking again takes what steps are left.

        Raises:
            BadInputError, ConflictError, DeniedError, NotFoundError, RefusedError: see the act it is.
        """
        with self._means.database.read() as records:
            model = known_model(records, caller, name).name
            found = find(records, caller, Address.of(model, version))
            stage = stage_meant(records, model, alias) or STAGE_ALIASES.get(alias.lower())
        if stage is not None:
            return self._to(caller, found, stage)
        self._annotating.set_alias(caller, model, alias, AliasTarget(str(found.number)))
        return None

    def remove(self, caller: Caller, name: str, alias: str) -> None:
        """Take an alias away; one that names a stage takes the version out of it. None there is fine.

        Raises:
            DeniedError, NotFoundError: the caller may not, or there is no such model.
        """
        with self._means.database.read() as records:
            model = known_model(records, caller, name).name
            stage = stage_meant(records, model, alias) or STAGE_ALIASES.get(alias.lower())
            there = alias in records.aliases.of_model(model)
            held = (
                None if stage is None else records.versions.resolve(Address(model, alias=stage.value.lower()))
            )
        if stage is None:
            if there:
                self._annotating.remove_alias(caller, model, alias)
        elif held is not None and stage in GUARDED:
            self._to(caller, held, Stage.ARCHIVED if stage is Stage.PRODUCTION else Stage.DEVELOPMENT)

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
        waiting = self._to(caller, found, stage)
        if waiting is None and archive_existing and stage is Stage.STAGING:
            self._archive_others(caller, model, found.number)
        return waiting

    def _to(self, caller: Caller, found: VersionSummary, stage: Stage) -> Promotion | None:
        if found.stage is stage:
            return None
        address = Address(found.model, number=found.number)
        if stage in GUARDED:
            return self._up(caller, found, address, stage)
        said = Statement()
        if stage is Stage.ARCHIVED:
            self._changing.archive(caller, address, said)
        elif found.stage is Stage.STAGING:
            self._changing.demote(caller, address, said)
        else:
            if found.stage is Stage.PRODUCTION:
                self._changing.archive(caller, address, said)
            self._changing.restore(caller, address, said)
        return None

    def _up(self, caller: Caller, found: VersionSummary, address: Address, stage: Stage) -> Promotion | None:
        if stage is Stage.PRODUCTION and self._served(found.model, found.number):
            self._changing.roll_back(caller, found.model, Rollback(str(found.number)))
            return None
        step = self._next_step(found, stage)
        with self._means.database.write() as records:
            version = load(records, caller, address, Action.REQUEST_PROMOTION, step)
            act = Act(records, caller.name, self._means.clock.now())
            report_logged(act, self._means.chance, version, act.at)
        comment = "" if step is stage else f"{PASSING}{stage}"
        promotion = self._promoting.request(caller, address, NewPromotion(step.value, comment))
        if not promotion.observed and promotion.state is not PromotionState.PROMOTED:
            return promotion
        return None if step is stage else self._up(caller, replace(found, stage=step), address, stage)

    def _next_step(self, found: VersionSummary, wanted: Stage) -> Stage:
        """Return where to go first: unless the policy observes, the way to Production is by Staging.

        Clients that know no such order ask for Production at once; the gates of both stages decide.
        """
        with self._means.database.read() as records:
            observes = applying_policy(records, found.model).policy.observes
        skips = wanted is Stage.PRODUCTION and found.stage is Stage.DEVELOPMENT and not observes
        return Stage.STAGING if skips else wanted

    def _served(self, model: ModelName, number: int) -> bool:
        """Tell whether the version was in Production before and left it: then it comes back as it was."""
        with self._means.database.read() as records:
            history = records.stages.history(model)
        return any(move.number == number and move.target is Stage.PRODUCTION for move in history)

    def _archive_others(self, caller: Caller, model: ModelName, number: int) -> None:
        query = VersionQuery(team=model.team, task=model.task, stage=Stage.STAGING, limit=MAX_PAGE)
        with self._means.database.read() as records:
            others = records.catalogue.versions(query, (model,)).items
        for each in others:
            if each.number != number:
                self._changing.archive(caller, Address(model, number=each.number), Statement())
