"""Webhooks, as MLflow's protocol has them (``handlers.py``, ``_create_webhook`` and below).

Clients know only some kinds of events, and refuse a whole list for one that they do not know. So a
webhook shows them the kinds they know; what it is told of besides stays when they change the others, and
one that is told of nothing they know is not there for them.
"""

from typing import Any, Final

from assay.core.errors import BadInputError, NotFoundError, Reason
from assay.core.instants import milliseconds
from assay.core.webhooks import MLFLOW_ACTIONS, EventKind, Hook
from assay.doors.mlflow.fields import Fields
from assay.doors.mlflow.route import Call, Route
from assay.wire.requests import HookChange, NewHook

MAX_PAGE: Final = 1000
# The numbers of ``WebhookEntity`` and ``WebhookAction`` in webhooks.proto; 0 is no value of either.
_ENTITIES: Final = ("", *MLFLOW_ACTIONS)
_ACTIONS: Final = ("", "created", "updated", "deleted", "set", "exceeded")


def create(call: Call) -> dict[str, Any]:
    """Make a webhook.

    Raises:
        BadInputError: a field is missing or of the wrong kind.
    """
    fields = call.fields
    name, url, kinds = fields.needed("name"), fields.needed("url"), asked_kinds(fields)
    if not kinds:
        raise fields.missing("events")
    wanted = NewHook(
        name,
        url,
        tuple(map(str, kinds)),
        fields.text("description"),
        fields.text("secret"),
        fields.text("status") or "ACTIVE",
    )
    return {"webhook": shown(call.use.webhooks.create(call.caller, wanted))}


def list_all(call: Call) -> dict[str, Any]:
    """List webhooks, newest first.

    Raises:
        BadInputError: the page size is out of range.
    """
    size = call.fields.whole("max_results") or 100
    if not 1 <= size <= MAX_PAGE:
        message = f"max_results must be between 1 and {MAX_PAGE}."
        raise BadInputError(message, [Reason("max_results", f"must be 1 to {MAX_PAGE}", str(size))])
    token = call.fields.text("page_token")
    page = call.use.webhooks.list(call.caller, size, token, mlflow_only=True)
    found: dict[str, Any] = {"webhooks": [shown(each) for each in page.items]} if page.items else {}
    return found | ({"next_page_token": page.next_cursor} if page.next_cursor else {})


def get(call: Call) -> dict[str, Any]:
    """Show a webhook."""
    return {"webhook": shown(_asked(call))}


def update(call: Call) -> dict[str, Any]:
    """Change a webhook; an empty name, URL or list of events leaves what is there."""
    fields, kinds = call.fields, asked_kinds(call.fields)
    change = HookChange(
        fields.text("name") or None,
        fields.text("url") or None,
        tuple(map(str, kinds)) or None,
        fields.text("description") if fields.has("description") else None,
        fields.text("secret") if fields.has("secret") else None,
        fields.text("status") if fields.has("status") else None,
    )
    changed = call.use.webhooks.change(call.caller, call.path["webhook_id"], change, mlflow_only=True)
    return {"webhook": shown(changed)}


def delete(call: Call) -> dict[str, Any]:
    """Take a webhook away."""
    call.use.webhooks.remove(call.caller, _asked(call).id)
    return {}


def test(call: Call) -> dict[str, Any]:
    """Send an example, of the event asked for or the first that the webhook is told of."""
    hook = _asked(call)
    kind = _kind(call.fields.object("event")) if call.fields.has("event") else hook.mlflow_kinds[0]
    attempt = call.use.webhooks.test(call.caller, hook.id, kind)
    result: dict[str, Any] = {"success": attempt.arrived}
    if attempt.status is None:
        result["error_message"] = f"Failed to test webhook: {attempt.in_words}"
    else:
        result |= {"response_status": attempt.status, "response_body": attempt.text}
    return {"result": result}


def shown(hook: Hook) -> dict[str, Any]:
    """Return a webhook as clients read it; its secret never comes back."""
    events = [{"entity": each.entity.upper(), "action": each.action.upper()} for each in hook.mlflow_kinds]
    return {
        "webhook_id": hook.id,
        "name": hook.name,
        **({"description": hook.description} if hook.description else {}),
        "url": hook.url,
        "events": events,
        "status": hook.status.value,
        "creation_timestamp": milliseconds(hook.created_at),
        "last_updated_timestamp": milliseconds(hook.changed_at),
    }


def asked_kinds(fields: Fields) -> tuple[EventKind, ...]:
    """Return the kinds of events that a request names.

    Raises:
        BadInputError: MLflow knows no such entity, or not that action of it.
    """
    return tuple(map(_kind, fields.objects("events")))


def _kind(event: Fields) -> EventKind:
    return EventKind.of(_word(event, "entity", _ENTITIES), _word(event, "action", _ACTIONS))


def _word(event: Fields, name: str, numbered: tuple[str, ...]) -> str:
    """Return the value of an enumeration, given by its name or its number, in lower case."""
    value = event.raw(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return numbered[value] if 0 <= value < len(numbered) else str(value)
    return event.needed(name).lower()


def _asked(call: Call) -> Hook:
    hook_id = call.path["webhook_id"]
    hook = call.use.webhooks.get(call.caller, hook_id)
    if not hook.mlflow_kinds:
        raise NotFoundError(f"Webhook with ID {hook_id[:100]} not found.")
    return hook


_BASE: Final = "2.0/mlflow/webhooks"

ROUTES: Final = (
    Route("POST", _BASE, create),
    Route("GET", _BASE, list_all),
    Route("GET", f"{_BASE}/{{webhook_id}}", get),
    Route("PATCH", f"{_BASE}/{{webhook_id}}", update),
    Route("DELETE", f"{_BASE}/{{webhook_id}}", delete),
    Route("POST", f"{_BASE}/{{webhook_id}}/test", test),
)
