"""Webhooks: who is told of what happens. Only admins of the whole registry make, see and change them.

What is written to the audit log names a hook's host and the digest of its URL, never the URL or the
secret: either may open somebody else's door.
"""

from dataclasses import replace
from typing import Any

from assay.core.access import Action, Caller, require
from assay.core.deliveries import Attempt, Delivery, Letter
from assay.core.digests import digest_of
from assay.core.errors import NotFoundError
from assay.core.ports import Records
from assay.core.preconditions import ANYTHING, Precondition
from assay.core.search import Page, check_limit
from assay.core.webhook_payloads import example, message
from assay.core.webhooks import (
    EventKind,
    Hook,
    HookStatus,
    check_hook_description,
    check_hook_name,
    check_kinds,
    check_secret,
    headers,
    stable_id,
)
from assay.usecases.means import Act, Means
from assay.wire.codec import tag_of
from assay.wire.requests import HookChange, NewHook
from assay.wire.views import HookView


class HookBook:
    """Every webhook."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means

    def create(self, caller: Caller, wanted: NewHook) -> Hook:
        """Have somebody told of everything of these kinds that happens from now on.

        Raises:
            BadInputError: a field breaks a rule, or the URL does not lead to a public address.
            DeniedError: the caller may not.
            UnavailableError: the secret cannot be kept.
        """
        require(caller, Action.MANAGE_WEBHOOKS)
        checked = self._checked(
            HookChange(
                wanted.name, wanted.url, wanted.events, wanted.description, wanted.secret, wanted.status
            )
        )
        with self._means.database.write() as records:
            now = self._means.clock.now()
            hook_id = stable_id("webhook", self._means.chance.identifier("wh"))
            hook = Hook(id=hook_id, created_at=now, changed_at=now, since_seq=0, **checked)
            made = Act(records, caller.name, now).note("webhook.create", _subject(hook), after=_shown(hook))
            hook = replace(hook, since_seq=made.seq)
            records.webhooks.add(hook)
            return hook

    def get(self, caller: Caller, hook_id: str) -> Hook:
        """Show one.

        Raises:
            DeniedError, NotFoundError: the caller may not, or there is no such webhook.
        """
        require(caller, Action.MANAGE_WEBHOOKS)
        with self._means.database.read() as records:
            return _known(records, hook_id)

    def list(self, caller: Caller, limit: int, cursor: str = "", *, mlflow_only: bool = False) -> Page[Hook]:
        """Return a page of webhooks, newest first.

        Args:
            caller: who asks.
            limit: 1 to 1000.
            cursor: from the page before.
            mlflow_only: pass over those that are told of nothing that MLflow's clients know.

        Raises:
            BadInputError: the limit is out of range, or the cursor is not one of ours.
            DeniedError: the caller may not.
        """
        require(caller, Action.MANAGE_WEBHOOKS)
        check_limit(limit)
        found: tuple[Hook, ...] = ()
        with self._means.database.read() as records:
            while True:
                page = records.webhooks.page(limit - len(found), cursor)
                found += tuple(each for each in page.items if each.mlflow_kinds or not mlflow_only)
                cursor = page.next_cursor
                if not cursor or len(found) == limit:
                    return Page(found, cursor)

    def change(
        self,
        caller: Caller,
        hook_id: str,
        change: HookChange,
        *,
        mlflow_only: bool = False,
        expected: Precondition = ANYTHING,
    ) -> Hook:
        """Change what is named; a webhook that is enabled again is told nothing of the time between.

        Args:
            caller: who asks.
            hook_id: of the webhook.
            change: what to change.
            mlflow_only: in the view of MLflow's clients: the kinds of events that they do not know stay,
                and a webhook that is told of nothing else is not there.
            expected: of the webhook now.

        Raises:
            ConflictError: it is another one.
            BadInputError: a field breaks a rule, or the URL does not lead to a public address.
            DeniedError, NotFoundError: the caller may not, or there is no such webhook.
            UnavailableError: the secret cannot be kept.
        """
        self.get(caller, hook_id)
        checked = self._checked(change)
        with self._means.database.write() as records:
            before = _known(records, hook_id)
            if expected:
                expected.check(tag_of(HookView.of(before)), f"the webhook {hook_id}")
            if mlflow_only and not before.mlflow_kinds:
                raise _unknown(hook_id)
            if mlflow_only and "kinds" in checked:
                unseen = (kind for kind in before.kinds if not kind.is_mlflow)
                checked["kinds"] = check_kinds((*checked["kinds"], *unseen))
            now = self._means.clock.now()
            after = replace(before, changed_at=now, **checked)
            act = Act(records, caller.name, now)
            changed = act.note("webhook.change", _subject(after), _shown(before), _shown(after))
            if before.status is not after.status:
                after = replace(after, since_seq=changed.seq)
            records.webhooks.save(after)
            return after

    def remove(self, caller: Caller, hook_id: str, expected: Precondition = ANYTHING) -> None:
        """Take a webhook away that is as ``expected``; what still waits for it is not sent.

        Raises:
            ConflictError: it is not.
            DeniedError, NotFoundError: the caller may not, or there is no such webhook.
        """
        require(caller, Action.MANAGE_WEBHOOKS)
        with self._means.database.write() as records:
            before = _known(records, hook_id)
            if expected:
                expected.check(tag_of(HookView.of(before)), f"the webhook {hook_id}")
            records.webhooks.remove(hook_id)
            act = Act(records, caller.name, self._means.clock.now())
            act.note("webhook.remove", _subject(before), _shown(before))

    def test(self, caller: Caller, hook_id: str, kind: EventKind | None = None) -> Attempt:
        """Send an example once, whether the webhook is active or not, and say what came of it.

        Args:
            caller: who asks.
            hook_id: of the webhook.
            kind: of what; the first kind that the webhook is told of when left out.

        Raises:
            DeniedError, NotFoundError: the caller may not, or there is no such webhook.
            UnavailableError: the secret cannot be read.
        """
        hook = self.get(caller, hook_id)
        kind = kind or hook.kinds[0]
        at = self._means.clock.now()
        body = message(kind, at, example(kind))
        delivery_id = stable_id("test", self._means.chance.identifier("wh"))
        secret = self._means.seal.open(hook.sealed_secret) if hook.is_signed else ""
        attempt = self._means.post.send(Letter(hook.url, headers(delivery_id, at, body, secret), body))
        with self._means.database.write() as records:
            about = {"kind": str(kind), "status": attempt.status, "problem": attempt.in_words}
            Act(records, caller.name, self._means.clock.now()).note(
                "webhook.test", _subject(hook), after=about
            )
        return attempt

    def deliveries(self, caller: Caller, hook_id: str, limit: int) -> tuple[Delivery, ...]:
        """List the newest messages of a webhook, also of one that was removed since.

        Raises:
            BadInputError: the limit is out of range.
            DeniedError, NotFoundError: the caller may not, or there never was such a webhook.
        """
        require(caller, Action.MANAGE_WEBHOOKS)
        check_limit(limit)
        with self._means.database.read() as records:
            found = records.deliveries.of_hook(hook_id, limit)
            if not found:
                _known(records, hook_id)
            return found

    def _checked(self, change: HookChange) -> dict[str, Any]:
        """Return the fields of a hook that a change sets."""
        fields: dict[str, Any] = {}
        if change.name is not None:
            fields["name"] = check_hook_name(change.name)
        if change.url is not None:
            self._means.post.check(change.url)
            fields["url"] = change.url
        if change.events is not None:
            fields["kinds"] = check_kinds(map(EventKind.parse, change.events))
        if change.description is not None:
            fields["description"] = check_hook_description(change.description)
        if change.status is not None:
            fields["status"] = HookStatus.parse(change.status)
        if change.secret is not None:
            secret = check_secret(change.secret)
            fields["sealed_secret"] = self._means.seal.close(secret) if secret else ""
        return fields


def _known(records: Records, hook_id: str) -> Hook:
    hook = records.webhooks.get(hook_id)
    if hook is None:
        raise _unknown(hook_id)
    return hook


def _unknown(hook_id: str) -> NotFoundError:
    return NotFoundError(f"Webhook with ID {hook_id[:100]} not found.")


def _subject(hook: Hook) -> str:
    return f"webhook:{hook.id}"


def _shown(hook: Hook) -> dict[str, object]:
    return {
        "name": hook.name,
        "host": hook.host,
        "url_digest": digest_of(hook.url.encode()),
        "events": list(map(str, hook.kinds)),
        "status": hook.status,
        "signed": hook.is_signed,
        "description": hook.description,
    }
