r"""Promotions: a request to change stage, and everything that happens to it.

States::

    requested -> checking -> awaiting_approval -> promoted
        \___________\_____________\----------> refused | cancelled | expired | superseded

Two kinds move no stage themselves. An *observed* one follows a move that has happened already: it
tells whether the version that stands in a guarded stage may lose its mark *ungated*. One to
Development judges a registration: until it is promoted, the version can go nowhere.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final

from assay.core.canonical import canonical_digest
from assay.core.digests import Digest
from assay.core.dossier import Decision
from assay.core.errors import BadInputError, ConflictError, Reason, RefusedError
from assay.core.names import ModelName
from assay.core.semver import SemVer
from assay.core.stages import GUARDED, Stage
from assay.core.verdicts import Verdict
from assay.core.versions import Version

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
        observed: the version stood in ``target`` already, ungated, when this was asked for.
        served_before: the version had been in Production before this was asked for.
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
    observed: bool = False
    served_before: bool = False

    @property
    def address(self) -> str:
        """``team/task/vX.Y.Z`` of the version."""
        return f"{self.model}/{self.semver}"

    @property
    def registers(self) -> bool:
        """Whether it judges a registration, which is no change of stage."""
        return self.target is Stage.DEVELOPMENT

    @property
    def moves_stage(self) -> bool:
        """Whether a stage changes when it is promoted."""
        return not self.observed and not self.registers

    @property
    def expected_stage(self) -> Stage:
        """Where the version must stand for this to go on."""
        return self.target if self.observed else self.source

    @property
    def failing(self) -> tuple[Verdict, ...]:
        """Verdicts that stand in the way, approval left aside."""
        return tuple(each for each in self.verdicts if not each.holds and each.gate != APPROVAL_GATE)

    @property
    def waiting_for_approval(self) -> bool:
        """Whether nothing but an approval is missing."""
        return not self.failing and any(not each.holds for each in self.verdicts)

    @property
    def unmet(self) -> tuple[str, ...]:
        """Names of the gates that do not hold, approval among them."""
        return tuple(each.gate for each in self.verdicts if not each.holds)

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


def explain(promotion: Promotion) -> tuple[str, ...]:
    """Say why a promotion has not gone through, in sentences that any door can print.

    Returns:
        Each gate that does not hold with its reasons, then what is waited for and of whom, then how
        it ended; the last sentence is the next step. Empty when it is promoted.
    """
    state = promotion.state
    if state is PromotionState.PROMOTED:
        return ()
    told = [f"{each.gate}: {each.outcome.value}: {' / '.join(each.reasons)}" for each in promotion.failing]
    if state is PromotionState.AWAITING_APPROVAL:
        missing = [each for each in promotion.verdicts if each.gate == APPROVAL_GATE and not each.holds]
        told += [f"{each.gate}: {' / '.join(each.reasons)}" for each in missing]
        told.append(f"waiting for {approvers(promotion)}")
    elif state in (PromotionState.REQUESTED, PromotionState.CHECKING):
        told.append("the checks that the gates need are still running")
    elif not told:
        told.append(f"{state.value}: {promotion.outcome}")
    if promotion.observed and state is not PromotionState.SUPERSEDED:
        told.append(f"{promotion.address} stands in {promotion.target} all the same, marked ungated")
    elif promotion.served_before and state is not PromotionState.SUPERSEDED:
        told.append(f"{promotion.address} {way_back(promotion.model, promotion.semver)}")
    return (*told, f"next: {_next_step(promotion)}")


def way_back(model: ModelName, semver: SemVer) -> str:
    """Say how a version that was in Production before comes back there in spite of its gates."""
    command = f"assay rollback {model} --to {semver}"
    return f"was in Production before: who may roll back brings it there without its gates by {command}"


def approvers(promotion: Promotion) -> str:
    """Say who may approve a promotion."""
    who = f"a person who holds role approver on {promotion.model}"
    return f"{who}, not {promotion.requested_by} and not who registered the version"


def _next_step(promotion: Promotion) -> str:
    again = f"assay promote {promotion.address} --stage {promotion.target.value.lower()}"
    match promotion.state:
        case PromotionState.AWAITING_APPROVAL:
            return f"assay approve {promotion.id}"
        case PromotionState.REQUESTED | PromotionState.CHECKING:
            return f"look again with assay promotions show {promotion.id}"
        case PromotionState.REFUSED if promotion.failing:
            needed = f"bring what the gates ask for (assay check run {promotion.address}, assay check report)"
            return f"{needed}, then ask again with {again}"
        case _:
            return f"ask again with {again}"


class RegistrationState(Enum):
    """Whether a version has come through the gates of registration."""

    PENDING = "pending"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RegistrationResult:
    """How the registration of a version stands; ``reasons`` say what keeps it, as :func:`explain` does."""

    state: RegistrationState
    reasons: tuple[str, ...] = ()
    promotion_id: str = ""


def registration_of(promotions: Iterable[Promotion], number: int) -> RegistrationResult:
    """Tell how the registration of version ``number`` stands.

    The newest request to Development decides. A version that never had one is ready: no policy asked
    for anything when it was registered.

    Args:
        promotions: of the model or of the version, newest first.
        number: of the version.
    """
    newest = next((each for each in promotions if each.registers and each.number == number), None)
    if newest is None:
        return RegistrationResult(RegistrationState.READY)
    if newest.state is PromotionState.PROMOTED:
        return RegistrationResult(RegistrationState.READY, promotion_id=newest.id)
    state = RegistrationState.PENDING if newest.state.is_open else RegistrationState.FAILED
    return RegistrationResult(state, explain(newest), newest.id)


def check_bytes_known(version: Version, target: Stage) -> None:
    """Let no version into a guarded stage whose bytes nobody has read.

    Raises:
        RefusedError: its bytes lie elsewhere; says how to bring them in.
    """
    if version.external and target in GUARDED:
        rule = "the bytes are external and unverified: nobody has read and digested them"
        raise RefusedError(
            f"{version.address} cannot enter {target}",
            [Reason("source", rule, version.external[:200])],
            hint="register the files themselves (assay register, or log_model) and promote that version",
        )


def check_promotable(version: Version, target: Stage, registration: RegistrationResult) -> None:
    """Refuse what holds in every mode: unread bytes, a registration that is not through.

    Raises:
        RefusedError: with every reason.
    """
    check_bytes_known(version, target)
    if registration.state is not RegistrationState.READY:
        reasons = [Reason("registration", each) for each in registration.reasons]
        message = f"the registration of {version.address} is {registration.state.value}"
        raise RefusedError(message, reasons, hint=f"assay promotions show {registration.promotion_id}")


def check_registers_again(registration: RegistrationResult) -> None:
    """Allow a registration to be judged anew only where it is not through.

    Raises:
        BadInputError: it is: then a promotion to Development is none.
    """
    if registration.state is RegistrationState.READY:
        raise BadInputError.of("stage", "a promotion goes to staging or production", "use demote or restore")


@dataclass(frozen=True, slots=True)
class StageMove:
    """One change of stage that happened.

    Attributes:
        predecessor: number of the version that held Production before, on a move into it.
        verb: ``promote``, ``observe``, ``demote``, ``archive``, ``roll_back``, ``restore``, ``replaced``.
        ungated: the mark with which the version entered ``target``: gates that did not hold then.
        left_ungated: the mark with which it left ``source``.
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
    ungated: tuple[str, ...] = ()
    left_ungated: tuple[str, ...] = ()


def mark_on_return(moves: Iterable[StageMove], number: int) -> tuple[str, ...]:
    """Return the mark with which a version comes back into Production: the one with which it last left.

    A version that never passed its gates is ungated again.

    Args:
        moves: all moves of the model, oldest first.
        number: of the version.
    """
    left = [each for each in moves if each.number == number and each.source is Stage.PRODUCTION]
    return left[-1].left_ungated if left else ()


def has_passed(moves: Sequence[StageMove], number: int) -> bool:
    """Tell of a version that is not in Production whether it was there before, and its gates held.

    Such a version comes back without being judged again. One that left Production marked *ungated* has
    never passed: it is judged like every other.

    Args:
        moves: all moves of the model, oldest first.
        number: of the version.
    """
    return was_in_production(moves, number) and not mark_on_return(moves, number)


def was_in_production(moves: Iterable[StageMove], number: int) -> bool:
    """Tell whether a version ever came to Production."""
    return any(move.number == number and move.target is Stage.PRODUCTION for move in moves)


def rollback_target(
    moves: Iterable[StageMove], current: int | None, is_there: Callable[[int], bool]
) -> int | None:
    """Return the number Production can go back to (law 6).

    It is the newest version that held Production before the present one last took it, and that was not
    deleted since; that Production stood empty in between changes nothing.

    Args:
        moves: all moves of the model, oldest first.
        current: number of the version in Production; None when it is empty: then the newest that held it.
        is_there: tells of a number whether its version was not deleted.
    """
    newest_first = [move.number for move in moves if move.target is Stage.PRODUCTION][::-1]
    if current is not None and current not in newest_first:
        return None
    earlier = newest_first if current is None else newest_first[newest_first.index(current) :]
    numbers = dict.fromkeys(number for number in earlier if number != current)
    return next((number for number in numbers if is_there(number)), None)
