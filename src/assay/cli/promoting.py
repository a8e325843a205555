# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help is quick
"""``promote``, ``approve``, ``reject``, ``cancel``, ``promotions``: the gated way up."""

import time
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from assay.cli import patience
from assay.cli.connection import connect
from assay.cli.options import Comment, Json, ModelOption, OptionalAddress, VersionOption, one_address
from assay.cli.terminal import print_json, tell, waiting

if TYPE_CHECKING:
    from assay.client import Client
    from assay.core.promotions import Promotion

PANEL = "Promote"
promotions = typer.Typer(help="Look at promotions.", no_args_is_help=True, rich_markup_mode=None)
PromotionId = Annotated[
    str, typer.Argument(metavar="PROMOTION", help="As promote and promotions list show it.")
]


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("promote", rich_help_panel=PANEL)(promote)
    app.command("approve", rich_help_panel=PANEL)(approve)
    app.command("reject", rich_help_panel=PANEL)(reject)
    app.command("cancel", rich_help_panel=PANEL)(cancel)


def promote(  # noqa: PLR0913 - one parameter per option
    *,
    address: OptionalAddress = None,
    stage: Annotated[str, typer.Option("--stage", metavar="STAGE", help="staging or production.")] = "",
    model: ModelOption = "",
    version: VersionOption = "",
    comment: Comment = "",
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the gates have judged.")] = False,
    wait_approval: Annotated[
        bool, typer.Option("--wait-approval", help="Wait for the approval too.")
    ] = False,
    timeout_s: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", min=0, help="Give up waiting after SECONDS.")
    ] = 1800.0,
    json: Json = False,
) -> None:
    """Request a change of stage and show what every gate says of it."""
    from assay.core.errors import BadInputError

    target = one_address(address, model, version)
    if not stage:
        raise BadInputError.of("stage", "give --stage staging or --stage production")
    with connect() as registry:
        found = registry.promote(target, stage, comment)
        if wait or wait_approval:
            found = _wait(registry, found, timeout_s, for_approval=wait_approval)
    _finish(found, json=json)


def approve(
    promotion: PromotionId,
    comment: Comment = "",
    digest: Annotated[
        str, typer.Option("--digest", metavar="DIGEST", help="Only if this is still what is asked for.")
    ] = "",
    json: Json = False,
) -> None:
    """Say yes to what a promotion asks for now."""
    _decide(promotion, comment, digest, approving=True, json=json)


def reject(
    promotion: PromotionId,
    comment: Comment = "",
    digest: Annotated[
        str, typer.Option("--digest", metavar="DIGEST", help="Only if this is still what is asked for.")
    ] = "",
    json: Json = False,
) -> None:
    """Say no to a promotion."""
    _decide(promotion, comment, digest, approving=False, json=json)


def cancel(promotion: PromotionId, comment: Comment = "", json: Json = False) -> None:
    """Withdraw a promotion."""
    with connect() as registry:
        _show(registry.cancel(promotion, comment), json=json)


@promotions.command("list")
def list_promotions(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="team/task: all of its promotions; else what waits.")
    ] = "",
    only_open: Annotated[bool, typer.Option("--open", help="Only those that may still happen.")] = False,
    json: Json = False,
) -> None:
    """List the promotions of MODEL, newest first; without it those of all models that still wait."""
    from assay.cli.promotion_views import print_promotions

    with connect() as registry:
        found = registry.promotions(model, only_open=only_open)
    if json:
        print_json(found)
        return
    if model:
        print_promotions(found, "no promotion of this model waits" if only_open else "no promotions")
        return
    print_promotions(found, "no promotion waits")
    tell("of all models only what waits is listed; what has ended too: assay promotions list MODEL")


@promotions.command("show")
def show_promotion(promotion: PromotionId, json: Json = False) -> None:
    """Show a promotion with every gate and decision."""
    with connect() as registry:
        _show(registry.promotion(promotion), json=json)


def _decide(promotion_id: str, comment: str, digest: str, *, approving: bool, json: bool) -> None:
    from assay.core.digests import Digest

    with connect() as registry:
        # Without --digest the yes is bound to what is asked for at this moment, never to what comes later.
        looked_at = Digest(digest) if digest else registry.promotion(promotion_id).request_digest
        decide = registry.approve if approving else registry.reject
        found = decide(promotion_id, comment, request_digest=looked_at)
    if approving:
        _finish(found, json=json)
    else:
        _show(found, json=json)


def _wait(registry: "Client", promotion: "Promotion", timeout_s: float, *, for_approval: bool) -> "Promotion":
    """Ask again until nothing more happens by itself.

    Raises:
        UnavailableError: the time is up; the promotion goes on without us. Until then a registry that cannot
            answer is asked again.
    """
    from assay.core.errors import UnavailableError
    from assay.core.promotions import PromotionState

    deadline = time.monotonic() + timeout_s
    hint = f"it goes on; look with: assay promotions show {promotion.id}. Is a worker running?"
    with waiting(f"promotion {promotion.id}: waiting for checks"):
        while promotion.state.is_open:
            if promotion.state is PromotionState.AWAITING_APPROVAL and not for_approval:
                break
            if time.monotonic() >= deadline:
                words = f"promotion {promotion.id} is still {promotion.state.value} after {timeout_s:g} s"
                raise UnavailableError(words, hint=hint)
            time.sleep(patience.POLL_S)  # as for checks: what a promotion has become is asked
            promotion = patience.ask_until(deadline, partial(registry.promotion, promotion.id), hint)
    return promotion


def _finish(promotion: "Promotion", *, json: bool) -> None:
    from assay.cli.promotion_views import STATE_EXITS

    _show(promotion, json=json)
    code = STATE_EXITS.get(promotion.state, 0)
    if code:
        if json:
            tell(f"{promotion.state.value}: {promotion.outcome}"[:2000])
        raise typer.Exit(code)


def _show(promotion: "Promotion", *, json: bool) -> None:
    from assay.cli.promotion_views import print_promotion

    if json:
        print_json(promotion)
        return
    print_promotion(promotion)
