"""How a promotion looks to a person: every gate, what was measured, and what is in the way."""

from collections.abc import Iterable
from typing import Final

from assay.cli.terminal import cell, print_pairs, print_table, say
from assay.core.promotions import APPROVAL_GATE, Promotion, PromotionState, approvers

# Behind a promotion that was waited for: 0 done or open, 3 refused, 4 somebody else changed the state.
STATE_EXITS: Final = {
    PromotionState.REFUSED: 3,
    PromotionState.EXPIRED: 3,
    PromotionState.CANCELLED: 4,
    PromotionState.SUPERSEDED: 4,
}


def print_promotion(promotion: Promotion) -> None:
    """Print request, gates, decisions, outcome and how to go on."""
    title = f"{promotion.address}: {_step(promotion)}"
    print_pairs(
        title,
        [
            ("promotion", promotion.id),
            ("state", promotion.state.value),
            ("version digest", promotion.digest),
            ("policy", promotion.policy_name),
            ("requested", f"{cell(promotion.requested_at)} by {promotion.requested_by}"),
            ("expires", promotion.expires_at if promotion.state.is_open else None),
            ("replaces", _replaces(promotion)),
            ("comment", promotion.comment),
            ("to be approved", promotion.request_digest),
        ],
    )
    _print_gates(promotion)
    if promotion.decisions:
        rows = [
            (each.person, "yes" if each.approve else "no", each.at, each.comment)
            for each in promotion.decisions
        ]
        print_table("decisions", ("who", "says", "at", "comment"), rows)
    _print_end(promotion)


def print_promotions(found: Iterable[Promotion], empty: str) -> None:
    """Print one line for each; ``empty`` where there are none."""
    rows = [
        (
            each.id,
            each.address,
            _step(each),
            each.state.value,
            each.requested_by,
            each.requested_at,
        )
        for each in found
    ]
    print_table("", ("promotion", "version", "stage", "state", "requested by", "at"), rows, empty)


def _step(promotion: Promotion) -> str:
    if promotion.registers:
        return "registration"
    if not promotion.observed:
        return f"{promotion.source} -> {promotion.target}"
    if promotion.source is promotion.target:
        return f"gates of {promotion.target}, where it stands ungated"
    return f"{promotion.source} -> {promotion.target}, observed"


def _replaces(promotion: Promotion) -> str | None:
    replaced = None if promotion.registers or promotion.source is promotion.target else promotion.replaces
    return f"number {replaced}" if replaced else None


def _print_gates(promotion: Promotion) -> None:
    rows = []
    for verdict in promotion.verdicts:
        for index, finding in enumerate(verdict.findings):
            first = index == 0
            rows.append(
                (
                    verdict.gate if first else "",
                    finding.outcome.value,
                    finding.rule,
                    finding.measured,
                    finding.detail,
                    verdict.origin if first else "",
                )
            )
    if rows:
        print_table("gates", ("gate", "outcome", "rule", "measured", "detail", "rests on"), rows)


def _print_end(promotion: Promotion) -> None:
    state = promotion.state
    if state is PromotionState.PROMOTED:
        say(f"promoted: {promotion.outcome or promotion.address}", style="bold green")
    elif state is PromotionState.REFUSED:
        _print_refusal(promotion)
    elif state is PromotionState.AWAITING_APPROVAL:
        say("awaiting approval", style="yellow")
        for verdict in promotion.verdicts:
            if verdict.gate == APPROVAL_GATE:
                for reason in verdict.reasons:
                    say(f"  - {reason}")
        say(f"{approvers(promotion)}, says:")
        say(f"  assay approve {promotion.id}")
    elif state.is_open:
        say(f"{state.value}: checks are running; look again with: assay promotions show {promotion.id}")
    else:
        say(f"{state.value}: {promotion.outcome}")
    if promotion.observed and state not in (PromotionState.PROMOTED, PromotionState.SUPERSEDED):
        amiss = f" (ungated: {', '.join(promotion.unmet)})" if promotion.unmet else ", ungated"
        say(f"{promotion.address} is in {promotion.target} all the same{amiss}", style="yellow")


def _print_refusal(promotion: Promotion) -> None:
    if not promotion.failing:
        say(f"refused: {promotion.outcome}", style="bold red")
        return
    say(f"refused by {len(promotion.failing)} gates:", style="bold red")
    for verdict in promotion.failing:
        for reason in verdict.reasons:
            say(f"  - {verdict.gate}: {reason}")
