"""Routes of webhooks."""

from assay.core.search import Page
from assay.core.webhooks import EventKind
from assay.doors.native.route import Call, Created, Route
from assay.wire.requests import HookChange, HookTrial, NewHook
from assay.wire.views import DeliveryView, HookAnswer, HookView


def create(call: Call) -> Created:
    """Make a webhook."""
    return Created(HookView.of(call.use.webhooks.create(call.caller, call.read(NewHook))))


def listing(call: Call) -> Page[HookView]:
    """List webhooks."""
    page = call.use.webhooks.list(call.caller, call.whole("limit", 50), call.one("cursor"))
    return Page(tuple(map(HookView.of, page.items)), page.next_cursor)


def show(call: Call) -> HookView:
    """Show a webhook."""
    return HookView.of(call.use.webhooks.get(call.caller, call.path["id"]))


def change(call: Call) -> HookView:
    """Change a webhook."""
    return HookView.of(
        call.use.webhooks.change(call.caller, call.path["id"], call.read(HookChange), expected=call.expected)
    )


def remove(call: Call) -> None:
    """Take a webhook away."""
    call.use.webhooks.remove(call.caller, call.path["id"], call.expected)


def test(call: Call) -> HookAnswer:
    """Send an example."""
    event = call.read(HookTrial).event
    kind = EventKind.parse(event) if event else None
    return HookAnswer.of(call.use.webhooks.test(call.caller, call.path["id"], kind))


def deliveries(call: Call) -> tuple[DeliveryView, ...]:
    """List messages."""
    found = call.use.webhooks.deliveries(call.caller, call.path["id"], call.whole("limit", 50))
    return tuple(map(DeliveryView.of, found))


ROUTES = (
    Route(
        "POST",
        "/webhooks",
        create,
        "Have somebody told of what happens",
        gives=HookView,
        takes=NewHook,
        status=201,
    ),
    Route(
        "GET",
        "/webhooks",
        listing,
        "Webhooks, newest first",
        gives=Page[HookView],
        query={"limit": "1 to 1000", "cursor": "from the page before"},
    ),
    Route(
        "GET",
        "/webhooks/{id}",
        show,
        "Show a webhook; its secret is never shown",
        gives=HookView,
        tagged=True,
    ),
    Route(
        "PATCH",
        "/webhooks/{id}",
        change,
        "Change what is named",
        gives=HookView,
        takes=HookChange,
        tagged=True,
    ),
    Route("DELETE", "/webhooks/{id}", remove, "Take a webhook away", status=204, tagged=True),
    Route(
        "POST",
        "/webhooks/{id}/test",
        test,
        "Send an example now, and tell what came of it",
        gives=HookAnswer,
        takes=HookTrial,
    ),
    Route(
        "GET",
        "/webhooks/{id}/deliveries",
        deliveries,
        "The newest messages to a webhook, and how they went",
        gives=tuple[DeliveryView, ...],
        query={"limit": "1 to 1000"},
    ),
)
