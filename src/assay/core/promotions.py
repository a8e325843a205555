r"""Promotions: a request to change stage, and everything that happens to it.

States::

    requested -> checking -> awaiting_approval -> promoted
        \___________\_____________\----------> refused | cancelled | expired | superseded
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final

from assay.core.canonical import canonical_digest
from assay.core.digests import Digest
from assay.core.dossier import Decision
from assay.core.errors import ConflictError, Reason
from assay.core.names import ModelName
from assay.core.semver import SemVer
from assay.core.stages import Stage
from assay.core.verdicts import Verdict

LIFETIME: Final = timedelta(days=14)
APPROVAL_GATE: Final = "approval"


class PromotionState(Enum):
    """Where a promotion stands."""

    REQUESTED = "requested"
    CHECKING = "checking"
    AWAITING_APPROVAL = "awaiting_approval"
    PROMOTED = "promoted"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"

    @property
    def is_open(self) -> bool:
        """Whether something may still happen to it."""
        return self in OPEN_STATES


OPEN_STATES: Final = frozenset(
    {PromotionState.REQUESTED, PromotionState.CHECKING, PromotionState.AWAITING_APPROVAL}
)
_STEPS: Final = {
    PromotionState.REQUESTED: frozenset(PromotionState),
    PromotionState.CHECKING: frozenset(PromotionState) - {PromotionState.REQUESTED},
    PromotionState.AWAITING_APPROVAL: frozenset(PromotionState) - {PromotionState.REQUESTED},
}


@dataclass(frozen=True, slots=True)
class Promotion:
    """One request.

    Attributes:
        id: its address.
        source, target: the stages it goes between.
        policy_digest: of the policy that applied when it was asked for.
        policy_name: pattern and revision of that policy, for people.
        replaces: number of the version that held Production when it was asked for, if any.
        verdicts: every gate's answer, once judged.
        request_digest: what people approve: version, steps, policy, evidence and verdicts together.
        decisions: what people said, in order; those on another digest count for nothing.
        outcome: how it ended, in words.
    """

    id: str
    model: ModelName
    number: int
    semver: SemVer
    digest: Digest
    source: Stage
    target: Stage
    policy_digest: Digest
    policy_name: str
    replaces: int | None
    requested_by: str
    requested_at: datetime
    expires_at: datetime
    comment: str = ""
    state: PromotionState = PromotionState.REQUESTED
    verdicts: tuple[Verdict, ...] = ()
    request_digest: Digest | None = None
    decisions: tuple[Decision, ...] = ()
    outcome: str = ""
    closed_at: datetime | None = None

    @property
    def failing(self) -> tuple[Verdict, ...]:
        """Verdicts that stand in the way, approval left aside."""
        return tuple(each for each in self.verdicts if not each.holds and each.gate != APPROVAL_GATE)

    @property
    def waiting_for_approval(self) -> bool:
        """Whether nothing but an approval is missing."""
        return not self.failing and any(not each.holds for each in self.verdicts)

    def to(self, state: PromotionState, **changes: Any) -> "Promotion":
        """Return it in another state, with other fields changed along.

        Raises:
            ConflictError: it has already ended.
        """
        if state not in _STEPS.get(self.state, frozenset()):
            reason = Reason("promotion", f"is {self.state.value}", self.outcome)
            raise ConflictError(f"promotion {self.id} is already {self.state.value}", [reason])
        return replace(self, state=state, **changes)


def request_digest(promotion: Promotion, verdicts: Iterable[Verdict]) -> Digest:
    """Return the digest of what is to be approved.

    Any other version, step, policy, evidence or verdict gives another digest, so that approvals
    given before count for nothing. The approval gate's own verdict is left out.
    """
    judged = [
        {"gate": each.gate, "outcome": each.outcome, "evidence": list(each.evidence)}
        for each in sorted(verdicts, key=lambda verdict: verdict.gate)
        if each.gate != APPROVAL_GATE
    ]
    document = {
        "promotion": promotion.id,
        "model": promotion.model,
        "number": promotion.number,
        "version": promotion.digest,
        "from": promotion.source,
        "to": promotion.target,
        "replaces": promotion.replaces,
        "policy": promotion.policy_digest,
        "verdicts": judged,
    }
    return canonical_digest(document)


@dataclass(frozen=True, slots=True)
class StageMove:
    """One change of stage that happened.

    Attributes:
        predecessor: number of the version that held Production before, on a move into it.
        verb: ``promote``, ``demote``, ``archive``, ``roll_back``, ``restore`` or ``replaced``.
    """

    model: ModelName
    number: int
    semver: SemVer
    source: Stage
    target: Stage
    verb: str
    actor: str
    at: datetime
    predecessor: int | None = None
    promotion_id: str = ""
    comment: str = ""


def rollback_target(moves: Iterable[StageMove], current: int | None) -> int | None:
    """Return the number Production can go back to (law 6).

    It is the newest version that held Production before the present one last took it; that Production
    stood empty in between changes nothing.

    Args:
        moves: all moves of the model, oldest first.
        current: number of the version in Production; None when it is empty: then the newest that held it.
    """
    newest_first = [move.number for move in moves if move.target is Stage.PRODUCTION][::-1]
    if current is None:
        return next(iter(newest_first), None)
    if current not in newest_first:
        return None
    earlier = newest_first[newest_first.index(current) :]
    return next((number for number in earlier if number != current), None)
