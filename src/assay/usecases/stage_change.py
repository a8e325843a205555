"""Stage changes that need no gates: demote, archive, restore, roll back; and deletion.

A version that leaves Staging or Production loses its mark *ungated* with the stage it was about.
"""

from collections.abc import Sequence
from dataclasses import replace

from assay.core.access import Action, Caller, require
from assay.core.errors import NotFoundError, Reason, RefusedError, UnavailableError
from assay.core.names import Address, ModelName, check_text
from assay.core.ports import Records
from assay.core.promotions import StageMove, mark_on_return, rollback_target, was_in_production
from assay.core.stages import GUARDED, Stage, check_step
from assay.core.versions import Version
from assay.usecases.means import Act, Means, check_has_stages, load
from assay.usecases.moves import carry_out, end_requests, plan_move, supersede_others
from assay.usecases.promotion import MAX_COMMENT_BYTES
from assay.wire.requests import Rollback, Statement


class StageChange:
    """Moves versions down, out and back."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means

    def demote(self, caller: Caller, address: Address, said: Statement) -> StageMove:
        """Send a version from Staging back to Development.

        Raises:
            RefusedError: it is not in Staging.
            DeniedError, NotFoundError: the caller may not, or there is no such version.
        """
        return self._move(caller, address, Stage.DEVELOPMENT, "demote", said)

    def restore(self, caller: Caller, address: Address, said: Statement) -> StageMove:
        """Bring a version from Archived to Development.

        Raises:
            RefusedError: it is not archived.
            DeniedError, NotFoundError: the caller may not, or there is no such version.
        """
        return self._move(caller, address, Stage.DEVELOPMENT, "restore", said)

    def archive(self, caller: Caller, address: Address, said: Statement) -> StageMove:
        """Retire a version from any stage; out of Production it leaves nobody serving.

        Raises:
            RefusedError: it is archived already.
            DeniedError, NotFoundError: the caller may not, or there is no such version.
        """
        return self._move(caller, address, Stage.ARCHIVED, "archive", said)

    def roll_back(self, caller: Caller, model: ModelName, wanted: Rollback) -> StageMove:
        """Bring the predecessor back into Production, or a former Production version by name.

        No gate stands in the way back. Its bytes are verified. A version that came to Production by
        observation and never passed its gates comes back too, in either mode of the policy: the move
        and its event say so, and it is marked ungated again with the gates that did not hold when it
        left.

        Raises:
            RefusedError: Production has no predecessor, ``to`` was never there, or the model holds prompts.
            UnavailableError: the bytes of the version to bring back are damaged or gone.
            DeniedError, NotFoundError: the caller may not, or there is no such version.
        """
        check_text(wanted.comment, "comment", limit_bytes=MAX_COMMENT_BYTES)
        with self._means.database.read() as records:
            self._verify_bytes(_rollback_version(records, caller, model, wanted))
        with self._means.database.write() as records:
            version = _rollback_version(records, caller, model, wanted)
            act = Act(records, caller.name, self._means.clock.now())
            mark = mark_on_return(records.stages.history(model), version.number)
            move = plan_move(act, version, Stage.PRODUCTION, "roll_back")
            move = carry_out(act, replace(move, comment=wanted.comment, ungated=mark))
            supersede_others(act, model, f"{version.address} (rolled back by {caller.name})")
            end_requests(act, version, f"{version.address} was rolled back to by {caller.name}")
            return move

    def delete_version(self, caller: Caller, address: Address) -> None:
        """Delete a version for ever; its number is never given again, its evidence and audit stay.

        Raises:
            RefusedError: it serves, is on its way, is what Production falls back to, or has an alias.
            DeniedError, NotFoundError: the caller may not, or there is no such version.
        """
        with self._means.database.write() as records:
            version = load(records, caller, address, Action.DELETE)
            remove_version(Act(records, caller.name, self._means.clock.now()), version)

    def _move(self, caller: Caller, address: Address, target: Stage, verb: str, said: Statement) -> StageMove:
        check_text(said.comment, "comment", limit_bytes=MAX_COMMENT_BYTES)
        with self._means.database.write() as records:
            act = Act(records, caller.name, self._means.clock.now())
            return change_stage(act, caller, address, (verb, target), said.comment)

    def _verify_bytes(self, version: Version) -> None:
        for entry in version.files:
            if self._means.blobs.size(entry.digest) != entry.size_bytes:
                raise UnavailableError(f"{version.address}: the bytes of {entry.path!r} are not there")
            for _ in self._means.blobs.read(entry.digest):
                pass


def change_stage(
    act: Act, caller: Caller, address: Address, step: tuple[str, Stage], comment: str = ""
) -> StageMove:
    """Take a version down or out within a transaction under way.

    Args:
        act: of the caller.
        caller: who asks.
        address: of the version.
        step: the verb (``demote``, ``restore``, ``archive``) and where it leads.
        comment: for people.

    Raises:
        RefusedError: there is no such step from where the version stands.
        DeniedError, NotFoundError: the caller may not, or there is no such version.
    """
    verb, target = step
    version = load(act.records, caller, address, Action.CHANGE_STAGE)
    require(caller, Action.CHANGE_STAGE, version.model, version.stage)
    check_step(version.stage, target, version.address)
    if verb == "demote" and version.stage is not Stage.STAGING:
        raise RefusedError(
            f"only a version in Staging can be demoted; {version.address} is in {version.stage}"
        )
    if verb == "restore" and version.stage is not Stage.ARCHIVED:
        raise RefusedError(
            f"only an archived version can be restored; {version.address} is in {version.stage}"
        )
    move = carry_out(act, replace(plan_move(act, version, target, verb), comment=comment))
    end_requests(act, version, f"{version.address} went to {target} meanwhile")
    return move


def _rollback_version(records: Records, caller: Caller, model: ModelName, wanted: Rollback) -> Version:
    require(caller, Action.CHANGE_STAGE, model, Stage.PRODUCTION)
    if records.models.get(model) is None:
        raise NotFoundError(f"there is no model {model}")
    check_has_stages(records, model)
    history, holder = records.stages.history(model), records.stages.holder(model)
    if wanted.to:
        version = load(records, caller, Address.of(model, wanted.to), Action.CHANGE_STAGE, Stage.PRODUCTION)
        if not was_in_production(history, version.number) or version.number == holder:
            rule = "must have been in Production before, and not be there now"
            raise RefusedError(f"{version.address} is no rollback target", [Reason("to", rule)])
        return version
    number = rollback_target(history, holder, lambda each: _is_there(records, model, each))
    found = records.versions.get(model, number) if number is not None else None
    if found is None:
        hint = "promote another version, or archive the one that serves"
        raise RefusedError(f"{model} has no previous Production version to go back to", hint=hint)
    return found


def remove_all(act: Act, model: ModelName, versions: Sequence[Version]) -> None:
    """Delete all versions of a model that is given up, within a transaction under way.

    Raises:
        RefusedError: one of them is in Staging or Production.
    """
    in_use = [each.address for each in versions if each.stage in GUARDED]
    if in_use:
        rule = "must be neither in Staging nor in Production"
        reasons = [Reason(str(address), rule, "archive it first") for address in in_use]
        raise RefusedError(f"{model} cannot be deleted", reasons)
    for version in versions:
        _remove(act, version)


def remove_version(act: Act, version: Version) -> None:
    """Delete a version within a transaction under way.

    The tracked files that it was made from may change again, unless evidence about it was filed, which
    speaks of them for ever, or another version was made from them too.

    Raises:
        RefusedError: it serves, is on its way, is what Production falls back to, or has an alias.
    """
    _check_deletable(act.records, version)
    _remove(act, version)


def _remove(act: Act, version: Version) -> None:
    end_requests(act, version, "the version was deleted", deleted=True)
    act.records.versions.delete(version.model, version.number, act.at)
    if not act.records.evidence.of_version(version.model, version.number):
        act.records.kept_files.release(version.address)
    act.records.models.touch(version.model, act.at)
    act.note("version.delete", version.address, {"number": version.number, "digest": version.digest})


def _check_deletable(records: Records, version: Version) -> None:
    reasons = []
    if version.stage in (Stage.STAGING, Stage.PRODUCTION):
        reasons.append(Reason("stage", f"a version in {version.stage} cannot be deleted", "archive it first"))
    if version.number in _kept(records, version.model):
        rule = "is what Production falls back to"
        advice = "promote a newer one first; or delete the model as a whole, once nothing of it is in use"
        reasons.append(Reason("version", rule, advice))
    if version.aliases:
        reasons.append(Reason("aliases", "still point here", ", ".join(version.aliases)))
    if reasons:
        raise RefusedError(f"{version.address} cannot be deleted", reasons)


def _kept(records: Records, model: ModelName) -> set[int | None]:
    """Return which versions stay for Production to fall back to, as long as the model lives."""
    history, holder = records.stages.history(model), records.stages.holder(model)

    def is_there(number: int) -> bool:
        return _is_there(records, model, number)

    target = rollback_target(history, holder, is_there)
    # With Production empty the newest holder comes back first, and needs a way back of its own (law 6).
    return {target} if holder is not None else {target, rollback_target(history, target, is_there)}


def _is_there(records: Records, model: ModelName, number: int) -> bool:
    return records.versions.get(model, number) is not None
