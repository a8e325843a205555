"""Policies: set, switched, shown, remembered."""

from dataclasses import replace
from typing import Any

from assay.core.access import Action, Caller, may_anywhere, require
from assay.core.errors import DeniedError, NotFoundError, Reason
from assay.core.names import ModelName, check_text
from assay.core.policies import Policy, PolicyMode, StoredPolicy, check_pattern
from assay.core.ports import Records
from assay.core.preconditions import ANYTHING, Precondition
from assay.gates import check_policy
from assay.usecases.means import Act, Means, applying_policy
from assay.wire.codec import tag_of
from assay.wire.views import PolicyView

MAX_SOURCE_BYTES = 1024 * 1024


class PolicyBook:
    """Every policy with all its revisions."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means

    def set(
        self, caller: Caller, source: str, document: Any, expected: Precondition = ANYTHING
    ) -> StoredPolicy:
        """Store a policy as the next revision for its pattern.

        Setting what applies already changes nothing.

        Args:
            caller: who asks; needs to be admin of the models it covers.
            source: the text as written, kept for people.
            document: the same text taken apart.
            expected: of the policy for that pattern now.

        Raises:
            ConflictError: it is another one.
            BadInputError: with every broken rule: unknown gates, settings, empty gate lists.
            DeniedError: the caller may not.
        """
        policy = Policy.parse(document)
        _require_on_pattern(caller, policy.applies_to)
        check_text(source, "policy", limit_bytes=MAX_SOURCE_BYTES)
        check_policy(policy)
        with self._means.database.write() as records:
            if expected:
                history = records.policies.history(policy.applies_to)
                tag = tag_of(PolicyView.of(history[-1])) if history else None
                expected.check(tag, f"the policy for {policy.applies_to}")
            return self._store(records, caller, policy, source)

    def switch(self, caller: Caller, pattern: str, mode: PolicyMode) -> StoredPolicy:
        """Put the policy for ``pattern`` into another mode, as its next revision.

        Switching to the mode it is in changes nothing. No version moves: what was let in ungated
        stays where it is, marked, and can be asked for again. The new revision has no text as written,
        for that would say another mode; the one before keeps it.

        Raises:
            BadInputError: no such pattern can be.
            NotFoundError: no policy was ever set for exactly that pattern.
            DeniedError: the caller may not.
        """
        check_pattern(pattern, "pattern")
        _require_on_pattern(caller, pattern)
        with self._means.database.write() as records:
            history = records.policies.history(pattern)
            if not history:
                hint = "assay policy list shows for which there is one; set one with: assay policy set FILE"
                raise NotFoundError(f"no policy is set for {pattern}", hint=hint)
            return self._store(records, caller, replace(history[-1].policy, mode=mode), "")

    def list(self, caller: Caller) -> tuple[StoredPolicy, ...]:
        """Return the current policy of every pattern; rules are no secret to those who can read.

        Raises:
            DeniedError: the caller can read nothing.
        """
        _require_reader(caller)
        with self._means.database.read() as records:
            return records.policies.current()

    def current(self, caller: Caller, pattern: str) -> StoredPolicy:
        """Return the policy that is set for exactly this pattern.

        Raises:
            BadInputError: no such pattern can be.
            NotFoundError: none is set.
            DeniedError: the caller can read nothing.
        """
        history = self.history(caller, pattern)
        if not history:
            raise NotFoundError(f"no policy is set for {pattern}", hint="assay policy list")
        return history[-1]

    def applying(self, caller: Caller, model: ModelName) -> StoredPolicy:
        """Return the policy that guards a model, which need not exist yet.

        Raises:
            NotFoundError: the caller may not know of the model, or no policy applies.
        """
        require(caller, Action.READ, model)
        with self._means.database.read() as records:
            return applying_policy(records, model)

    def history(self, caller: Caller, pattern: str) -> tuple[StoredPolicy, ...]:
        """Return all revisions for a pattern, oldest first.

        Raises:
            BadInputError: no such pattern can be.
            DeniedError: the caller can read nothing.
        """
        _require_reader(caller)
        check_pattern(pattern, "pattern")
        with self._means.database.read() as records:
            return records.policies.history(pattern)

    def _store(self, records: Records, caller: Caller, policy: Policy, source: str) -> StoredPolicy:
        history = records.policies.history(policy.applies_to)
        before = history[-1] if history else None
        if before is not None and before.digest == policy.digest:
            return before
        now = self._means.clock.now()
        revision = before.revision + 1 if before else 1
        stored = StoredPolicy(policy, revision, policy.digest, now, caller.name, source)
        records.policies.add(stored)
        Act(records, caller.name, now).note(
            "policy.set", f"policy/{policy.applies_to}", _essence(before), _essence(stored)
        )
        return stored


def _require_reader(caller: Caller) -> None:
    if not may_anywhere(caller, Action.READ):
        reason = Reason("access", "needs role reader on some model and scope read")
        raise DeniedError(f"{caller.name} may not read policies", [reason])


def _require_on_pattern(caller: Caller, pattern: str) -> None:
    """A policy for ``team/*`` needs a grant that covers all of the team."""
    if pattern == "*":
        require(caller, Action.SET_POLICY)
        return
    if not pattern.endswith("/*"):
        require(caller, Action.SET_POLICY, ModelName(pattern))
        return
    scoped = Action.SET_POLICY.scope in caller.scopes and caller.pattern in ("*", pattern)
    ranked = any(
        grant.pattern in ("*", pattern) and grant.role.rank >= Action.SET_POLICY.role.rank
        for grant in caller.grants
    )
    if not scoped or not ranked or caller.principal.disabled:
        reason = Reason("access", f"needs role admin on {pattern} and scope admin", f"as {caller.name}")
        raise DeniedError(f"{caller.name} may not set policies on {pattern}", [reason])


def _essence(stored: StoredPolicy | None) -> dict[str, object] | None:
    if stored is None:
        return None
    return {"revision": stored.revision, "digest": stored.digest, "document": stored.policy.document()}
