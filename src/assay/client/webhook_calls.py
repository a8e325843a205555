"""What the client can ask about webhooks."""

from collections.abc import Iterator

from assay.client.routes import part
from assay.client.transport import Transport
from assay.core.search import Page
from assay.wire.requests import HookChange, HookTrial, NewHook
from assay.wire.views import DeliveryView, HookAnswer, HookView


class WebhookCalls:
    """Webhooks, for admins. Every method raises any leaf of ``AssayError``."""

    _transport: Transport

    def create_webhook(self, wanted: NewHook) -> HookView:
        """Have somebody told of everything of these kinds that happens from now on.

        Raises:
            AssayError: BadInputError where the URL does not lead to a public address, or another leaf.
        """
        return self._transport.post("/webhooks", HookView, wanted)

    def webhooks(self, *, limit: int = 50, cursor: str = "") -> Page[HookView]:
        """Return a page of webhooks, newest first.

        Raises:
            AssayError: any leaf.
        """
        params = [("limit", str(limit))]
        params += [("cursor", cursor)] if cursor else []
        return self._transport.get("/webhooks", Page[HookView], params)

    def all_webhooks(self) -> Iterator[HookView]:
        """Yield every webhook, newest first, asking for pages as they are needed.

        Raises:
            AssayError: any leaf.
        """
        cursor = ""
        while True:
            page = self.webhooks(cursor=cursor)
            yield from page.items
            cursor = page.next_cursor
            if not cursor:
                return

    def webhook(self, webhook_id: str) -> HookView:
        """Show a webhook; its secret is never shown.

        Raises:
            AssayError: any leaf.
        """
        return self._transport.get(f"/webhooks/{part(webhook_id)}", HookView)

    def change_webhook(self, webhook_id: str, change: HookChange) -> HookView:
        """Change what is named.

        Raises:
            AssayError: any leaf.
        """
        return self._transport.change("PATCH", f"/webhooks/{part(webhook_id)}", HookView, change)

    def remove_webhook(self, webhook_id: str) -> None:
        """Take a webhook away; what still waits for it is not sent.

        Raises:
            AssayError: any leaf.
        """
        self._transport.delete(f"/webhooks/{part(webhook_id)}")

    def test_webhook(self, webhook_id: str, event: str = "") -> HookAnswer:
        """Send an example now, of one kind of event or the first that the webhook is told of.

        Raises:
            AssayError: any leaf.
        """
        return self._transport.post(f"/webhooks/{part(webhook_id)}/test", HookAnswer, HookTrial(event))

    def webhook_deliveries(self, webhook_id: str, *, limit: int = 50) -> tuple[DeliveryView, ...]:
        """List the newest messages to a webhook, and how they went.

        Raises:
            AssayError: any leaf.
        """
        route = f"/webhooks/{part(webhook_id)}/deliveries"
        return self._transport.get(route, tuple[DeliveryView, ...], [("limit", str(limit))])
