"""Routes of promotions."""

from assay.core.names import ModelName
from assay.core.promotions import Promotion
from assay.doors.native.route import Call, Created, Route
from assay.doors.native.versions import VERSION
from assay.wire.requests import NewPromotion, Statement


def request(call: Call) -> Created:
    """Ask for a change of stage."""
    return Created(call.use.promoting.request(call.caller, call.address, call.read(NewPromotion)))


def listing(call: Call) -> tuple[Promotion, ...]:
    """List promotions."""
    model = call.one("model")
    name = ModelName(model) if model else None
    return call.use.promoting.list(call.caller, name, open_only=call.flag("open"))


def show(call: Call) -> Promotion:
    """Show a promotion."""
    return call.use.promoting.get(call.caller, call.path["id"])


def approve(call: Call) -> Promotion:
    """Say yes."""
    return call.use.promoting.approve(call.caller, call.path["id"], call.read(Statement))


def reject(call: Call) -> Promotion:
    """Say no."""
    return call.use.promoting.reject(call.caller, call.path["id"], call.read(Statement))


def cancel(call: Call) -> Promotion:
    """Take it back."""
    return call.use.promoting.cancel(call.caller, call.path["id"], call.read(Statement))


ROUTES = (
    Route(
        "POST",
        f"{VERSION}/promotions",
        request,
        "Ask for a change of stage; the answer tells how far it went",
        gives=Promotion,
        takes=NewPromotion,
        status=201,
    ),
    Route(
        "GET",
        "/promotions",
        listing,
        "Promotions of a model, newest first; without one only the open ones of all models, oldest first",
        gives=tuple[Promotion, ...],
        query={
            "model": "of this model, also those that have ended; without it none that has",
            "open": "true: only those that have not ended",
        },
    ),
    Route("GET", "/promotions/{id}", show, "Show a promotion with its verdicts", gives=Promotion),
    Route("POST", "/promotions/{id}/approve", approve, "Approve", gives=Promotion, takes=Statement),
    Route("POST", "/promotions/{id}/reject", reject, "Reject", gives=Promotion, takes=Statement),
    Route(
        "POST", "/promotions/{id}/cancel", cancel, "Take the request back", gives=Promotion, takes=Statement
    ),
)
