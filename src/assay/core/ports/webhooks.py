"""Ports of webhooks: who is told, what waits to be sent, how it goes out, how secrets are kept."""

from datetime import datetime
from typing import Protocol

from assay.core.deliveries import Attempt, Delivery, Letter
from assay.core.search import Page
from assay.core.webhooks import Hook


class Webhooks(Protocol):
    """Hooks by id."""

    def add(self, hook: Hook) -> None:
        """Store a new hook."""
        ...

    def get(self, hook_id: str) -> Hook | None:
        """Return one."""
        ...

    def page(self, limit: int, cursor: str = "") -> Page[Hook]:
        """Return a page of hooks, newest first.

        Raises:
            BadInputError: the cursor is not one of ours.
        """
        ...

    def active(self) -> tuple[Hook, ...]:
        """Return every hook that is to be told, oldest first."""
        ...

    def save(self, hook: Hook) -> None:
        """Replace it."""
        ...

    def remove(self, hook_id: str) -> None:
        """Forget it; its deliveries stay."""
        ...


class Deliveries(Protocol):
    """The queue of messages, and up to which audit event it was filled."""

    def cursor(self) -> int:
        """Return the seq of the last audit event that was turned into messages; 0 for none."""
        ...

    def record(self, seq: int, deliveries: tuple[Delivery, ...]) -> None:
        """Queue the messages of the events up to ``seq``; one whose id is there already stays as it is."""
        ...

    def waiting(self, now: datetime, spared: frozenset[str] = frozenset()) -> bool:
        """Tell whether there is anything to lease or to give up, but for hooks that are left alone."""
        ...

    def lease(
        self, sender: str, now: datetime, until: datetime, spared: frozenset[str] = frozenset()
    ) -> Delivery | None:
        """Take the oldest message that is due, or whose lease has run out, for ``sender``.

        Counts the attempt. One whose lease ran out in its last attempt becomes failed.

        Args:
            sender: who takes it.
            now: the present instant.
            until: end of the lease.
            spared: hooks whose messages are left alone.
        """
        ...

    def finish(self, delivery: Delivery, sender: str) -> bool:
        """Store what came of it, or a longer lease; False when the sender does not hold it any more."""
        ...

    def of_hook(self, hook_id: str, limit: int) -> tuple[Delivery, ...]:
        """Return the messages of a hook, newest event first."""
        ...

    def forget(self, before: datetime) -> int:
        """Drop those that ended before an instant; return how many."""
        ...


class Post(Protocol):
    """The way out."""

    def check(self, url: str) -> None:
        """Check that a URL may be told, and that its host means public addresses now.

        Raises:
            BadInputError: it may not, or the host does not resolve.
        """
        ...

    def send(self, letter: Letter) -> Attempt:
        """Send once: to an address that was checked, without following redirects, within 30 s."""
        ...


class Seal(Protocol):
    """Keeps secrets unreadable where they are stored."""

    def close(self, text: str) -> str:
        """Return ``text`` encrypted.

        Raises:
            UnavailableError: the key cannot be read or made.
        """
        ...

    def open(self, sealed: str) -> str:
        """Return what was encrypted.

        Raises:
            UnavailableError: the key is gone, or is another one.
        """
        ...

    def fingerprint(self, *, make: bool = False) -> str:
        """Return what tells this key from others; "" where there is none, unless one is to be made.

        Raises:
            UnavailableError: the key cannot be read or made.
        """
        ...
