"""How a promotion looks to a person: every gate, what was measured, and what is in the way."""

from collections.abc import Iterable
from typing import Final

from assay.cli.terminal import cell, print_pairs, print_table, say
from assay.core.promotions import APPROVAL_GATE, Promotion, PromotionState

# Behind a promotion that was waited for: 0 done or open, 3 refused, 4 somebody else changed the state.
STATE_EXITS: Final = {
    PromotionState.REFUSED: 3,
    PromotionState.EXPIRED: 3,
    PromotionState.CANCELLED: 4,
    PromotionState.SUPERSEDED: 4,
}


def print_promotion(promotion: Promotion) -> None:
    """Print request, gates, decisions, outcome and how to go on."""
    title = f"{promotion.model}/{promotion.semver}: {promotion.source} -> {promotion.target}"
    print_pairs(
        title,
        [
            ("promotion", promotion.id),
            ("state", promotion.state.value),
            ("version digest", promotion.digest),
            ("policy", promotion.policy_name),
            ("requested", f"{cell(promotion.requested_at)} by {promotion.requested_by}"),
            ("expires", promotion.expires_at if promotion.state.is_open else None),
            ("replaces", f"number {promotion.replaces}" if promotion.replaces else None),
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


def print_promotions(found: Iterable[Promotion]) -> None:
    """Print one line for each."""
    rows = [
        (
            each.id,
            f"{each.model}/{each.semver}",
            f"{each.source} -> {each.target}",
            each.state.value,
            each.requested_by,
            each.requested_at,
        )
        for each in found
    ]
    print_table("", ("promotion", "version", "stage", "state", "requested by", "at"), rows, "no promotions")


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
        say(f"promoted: {promotion.model}/{promotion.semver} is in {promotion.target}", style="bold green")
    elif state is PromotionState.REFUSED:
        say(f"refused by {len(promotion.failing)} gates:", style="bold red")
        for verdict in promotion.failing:
            for reason in verdict.reasons:
                say(f"  - {verdict.gate}: {reason}")
    elif state is PromotionState.AWAITING_APPROVAL:
        say("awaiting approval", style="yellow")
        for verdict in promotion.verdicts:
            if verdict.gate == APPROVAL_GATE:
                for reason in verdict.reasons:
                    say(f"  - {reason}")
        who = f"who holds role approver on {promotion.model}"
        say(f"a person {who}, not {promotion.requested_by} and not who registered the version, says:")
        say(f"  assay approve {promotion.id}")
    elif state.is_open:
        say(f"{state.value}: checks are running; look again with: assay promotions show {promotion.id}")
    else:
        say(f"{state.value}: {promotion.outcome}")
