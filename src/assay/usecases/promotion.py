"""Promotion: asked for, approved, rejected, cancelled. Every door comes through here (law 5)."""

from collections.abc import Callable
from dataclasses import replace

from assay.core.access import Action, Caller, may, require
from assay.core.dossier import Decision
from assay.core.errors import BadInputError, ConflictError, DeniedError, NotFoundError, Reason, RefusedError
from assay.core.names import Address, ModelName, check_text
from assay.core.ports import Chance, Records
from assay.core.promotions import (
    Promotion,
    PromotionState,
    RegistrationResult,
    check_promotable,
    check_registers_again,
    registration_of,
    was_in_production,
    way_back,
)
from assay.core.stages import GUARDED, Stage, check_observed_step, check_step
from assay.core.versions import Version
from assay.usecases.judging import advance, ask, call_off, involved_people, observe
from assay.usecases.means import Act, Means, applying_policy, check_has_stages, find, load
from assay.usecases.moves import close
from assay.usecases.tracked_evidence import report_logged
from assay.wire.requests import NewPromotion, Statement

MAX_COMMENT_BYTES = 16 * 1024


class Promoting:
    """Takes requests to a guarded stage and what people say about them."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means

    def request(self, caller: Caller, address: Address, wanted: NewPromotion) -> Promotion:
        """Ask for a version to move up; missing checks are queued, valid evidence is reused.

        Asking again while the same request is open returns that one. Where the policy observes, the
        version moves at once, from any stage; the promotion follows it and stays open until the gates
        have judged. Asked for a version that stands in that stage ungated, in either mode, the same
        follows without a move. Asked for Development, a registration that failed is judged anew.

        Returns:
            The promotion as it stands now: checking, awaiting approval, promoted or refused.

        Raises:
            BadInputError: no such stage can be asked for.
            RefusedError: there is no such step from where the version stands, its registration is not
                through, or nobody has read its bytes.
            ConflictError: somebody was faster; the message names the winner.
            DeniedError, NotFoundError: the caller may not, or there is no such version.
        """
        with self._means.database.write() as records:
            act = Act(records, caller.name, self._means.clock.now())
            promotion = ask_to_promote(act, self._means.chance, caller, address, wanted)
        return or_conflict(promotion)

    def registration(self, caller: Caller, address: Address) -> RegistrationResult:
        """Tell whether a version has come through the gates of registration, and if not, why.

        Raises:
            NotFoundError: there is no such version, or the caller may not know of it.
        """
        with self._means.database.read() as records:
            found = find(records, caller, address)
            return _registration(records, found.model, found.number)

    def get(self, caller: Caller, promotion_id: str) -> Promotion:
        """Show one promotion.

        Raises:
            NotFoundError: there is none, or the caller may not know of its model.
        """
        with self._means.database.read() as records:
            return _get(records, caller, promotion_id)

    def list(
        self, caller: Caller, model: ModelName | None = None, *, open_only: bool = False
    ) -> tuple[Promotion, ...]:
        """List the promotions of a model, newest first; without a model the open ones of all, oldest first.

        Raises:
            NotFoundError: the caller may not know of the model.
        """
        with self._means.database.read() as records:
            if model is not None:
                require(caller, Action.READ, model)
                return records.promotions.of_model(model, open_only=open_only)
            found = records.promotions.open()
        return tuple(each for each in found if may(caller, Action.READ, each.model))

    def approve(self, caller: Caller, promotion_id: str, said: Statement) -> Promotion:
        """Say yes to exactly what is asked for; the last approval needed moves the stage.

        Raises:
            ConflictError: it is not awaiting approval, or what is asked for has changed.
            DeniedError: no right, or the caller requested or registered it.
            NotFoundError: there is none, or the caller may not know of its model.
        """
        return self._decide(caller, promotion_id, said, approve=True)

    def reject(self, caller: Caller, promotion_id: str, said: Statement) -> Promotion:
        """Say no; the promotion ends refused.

        Raises:
            ConflictError: it has ended already, or what is asked for has changed.
            DeniedError: no right.
            NotFoundError: there is none, or the caller may not know of its model.
        """
        return self._decide(caller, promotion_id, said, approve=False)

    def cancel(self, caller: Caller, promotion_id: str, said: Statement) -> Promotion:
        """Take a request back: its requester, or who may change stages.

        Raises:
            ConflictError: it has ended already.
            DeniedError: the caller may not.
            NotFoundError: there is none, or the caller may not know of its model.
        """

        def cancelled(act: Act, promotion: Promotion) -> Promotion:
            if caller.name == promotion.requested_by:
                require(caller, Action.REQUEST_PROMOTION, promotion.model)
            else:
                require(caller, Action.CHANGE_STAGE, promotion.model, promotion.target)
            text = f"cancelled by {caller.name}" + (f": {said.comment}" if said.comment else "")
            call_off(act, promotion, f"not run: {promotion.id}, which asked for it, was cancelled")
            return close(act, promotion, PromotionState.CANCELLED, text)

        return self._act(caller, promotion_id, said, cancelled)

    def _decide(self, caller: Caller, promotion_id: str, said: Statement, *, approve: bool) -> Promotion:
        def decided(act: Act, promotion: Promotion) -> Promotion:
            require(caller, Action.APPROVE, promotion.model, promotion.target)
            if approve:
                _check_four_eyes(act.records, caller, promotion)
                if promotion.state is not PromotionState.AWAITING_APPROVAL:
                    raise ConflictError(f"{promotion.id} is {promotion.state.value}, not awaiting approval")
            about = promotion.request_digest or promotion.digest
            decision = Decision(caller.name, approve, act.at, about, said.comment)
            after = replace(promotion, decisions=(*promotion.decisions, decision))
            verb = "approve" if approve else "reject"
            subject = f"{promotion.model}/{promotion.semver}"
            act.note(f"promotion.{verb}", subject, after={"promotion": promotion.id, "decision": decision})
            if not approve:
                text = f"rejected by {caller.name}" + (f": {said.comment}" if said.comment else "")
                return close(act, after, PromotionState.REFUSED, text, before=promotion)
            act.records.promotions.save(after, promotion.state)
            return advance(act, self._means.chance, after)

        return self._act(caller, promotion_id, said, decided)

    def _act(
        self,
        caller: Caller,
        promotion_id: str,
        said: Statement,
        step: Callable[[Act, Promotion], Promotion],
    ) -> Promotion:
        check_text(said.comment, "comment", limit_bytes=MAX_COMMENT_BYTES)
        with self._means.database.write() as records:
            promotion = _get(records, caller, promotion_id)
            if not promotion.state.is_open:
                reason = Reason("promotion", f"is {promotion.state.value}", promotion.outcome)
                raise ConflictError(f"{promotion.id} has ended: {promotion.state.value}", [reason])
            if said.request_digest is not None and said.request_digest != promotion.request_digest:
                raise ConflictError(f"what {promotion.id} asks for has changed: look at it again")
            after = step(Act(records, caller.name, self._means.clock.now()), promotion)
        return or_conflict(after)


def ask_to_promote(
    act: Act, chance: Chance, caller: Caller, address: Address, wanted: NewPromotion
) -> Promotion:
    """Ask for a version to move up, as :meth:`Promoting.request` does, within a transaction under way.

    What was logged of the model since it was last filed is filed first: the gates judge by the last
    word, whichever door asks.

    Returns:
        The promotion; :func:`or_conflict` of it is for after the transaction.

    Raises:
        BadInputError: no such stage can be asked for.
        RefusedError: there is no such step from where the version stands, its registration is not
            through, or nobody has read its bytes.
        DeniedError, NotFoundError: the caller may not, or there is no such version.
    """
    target = Stage.parse(wanted.stage)
    check_text(wanted.comment, "comment", limit_bytes=MAX_COMMENT_BYTES)
    if target is Stage.ARCHIVED:
        raise BadInputError.of("stage", "a promotion goes to staging or production", "use demote or archive")
    guarded = target if target in GUARDED else None
    version = load(act.records, caller, address, Action.REQUEST_PROMOTION, guarded)
    if guarded is not None:
        check_has_stages(act.records, version.model)
    under_way = _open_one(act, version, target)
    report_logged(act, chance, caller, version)
    if under_way is not None:
        under_way = act.records.promotions.get(under_way.id) or under_way
        if not under_way.state.is_open:  # what was filed has decided it
            return under_way
    # What was waited for may have moved it; by an address that names a stage another one would be found.
    version = act.records.versions.get(version.model, version.number) or version
    registration = _registration(act.records, version.model, version.number)
    if target is Stage.DEVELOPMENT:
        check_registers_again(registration)
    else:
        check_promotable(version, target, registration)
    return advance(act, chance, under_way or _ask(act, chance, caller, version, wanted))


def or_conflict(promotion: Promotion) -> Promotion:
    """Return a promotion once its transaction is through.

    Raises:
        ConflictError: it lost a race; the message names the winner.
    """
    if promotion.state is PromotionState.SUPERSEDED:
        reason = Reason("promotion", "was superseded", promotion.outcome)
        raise ConflictError(
            f"{promotion.id}: {promotion.outcome}", [reason], hint="look again, then request anew"
        )
    return promotion


def _ask(act: Act, chance: Chance, caller: Caller, version: Version, wanted: NewPromotion) -> Promotion:
    """Open a request; where the policy observes, the version moves along with it."""
    target = Stage.parse(wanted.stage)
    marked = version.stage is target and bool(version.ungated)
    observes = applying_policy(act.records, version.model).policy.observes
    follows = target in GUARDED and (observes or marked)
    if observes and target in GUARDED and not marked:
        check_observed_step(version.stage, target)
        if version.stage is Stage.PRODUCTION:  # to empty Production takes the right to, in any mode
            require(caller, Action.CHANGE_STAGE, version.model, version.stage)
    elif target in GUARDED and not marked:
        _check_step(act.records, version, target)
    promotion = ask(act, chance, version, target, wanted.comment, observed=follows)
    if follows and not marked:
        observe(act, version, promotion)
    return promotion


def _check_step(records: Records, version: Version, target: Stage) -> None:
    """Allow a step up; who came from Production is told of the way back besides.

    Raises:
        RefusedError: there is no such step.
    """
    try:
        check_step(version.stage, target, version.address)
    except RefusedError as error:
        history = records.stages.history(version.model)
        if target is not Stage.PRODUCTION or not was_in_production(history, version.number):
            raise
        hint = f"{error.hint}; {version.address} {way_back(version.model, version.semver)}"
        raise RefusedError(error.message, error.reasons, hint=hint) from error


def _get(records: Records, caller: Caller, promotion_id: str) -> Promotion:
    promotion = records.promotions.get(promotion_id)
    if promotion is None or not may(caller, Action.READ, promotion.model):
        raise NotFoundError(f"there is no promotion {promotion_id[:60]!r}", hint="assay promotions list")
    return promotion


def _registration(records: Records, model: ModelName, number: int) -> RegistrationResult:
    return registration_of(records.promotions.of_version(model, number), number)


def _open_one(act: Act, version: Version, target: Stage) -> Promotion | None:
    """Return the open request for the same version and stage; one under an older policy ends."""
    stored = applying_policy(act.records, version.model)
    for each in act.records.promotions.of_version(version.model, version.number):
        if not each.state.is_open or each.target is not target:
            continue
        if not each.moves_stage or each.policy_digest == stored.digest:
            return each
        close(act, each, PromotionState.SUPERSEDED, "the policy changed; asked for again")
    return None


def _check_four_eyes(records: Records, caller: Caller, promotion: Promotion) -> None:
    involved = involved_people(records, promotion)
    if caller.name in involved:
        rule = "an approval is a second person's"
        reason = Reason("approver", rule, f"{caller.name} {involved[caller.name]}")
        raise DeniedError("nobody approves their own work", [reason], hint="ask another approver")
