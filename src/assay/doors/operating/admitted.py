"""Who was let in to the metrics lately: while the database is away, nobody else's right can be judged."""

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from typing import Final

KEPT_S: Final = 3600.0
MOST: Final = 100


class Admitted:
    """Remembers credentials that had the right; keeps none of them, only what they are recognised by.

    What they are recognised by lasts as long as the process. Whoever is let in by it is not remembered
    anew, so that a right that was taken away while the database is away ends after an hour.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """Begin with nobody; ``now`` says how many seconds have passed since any moment."""
        self._now = now
        self._secret = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._until: dict[bytes, float] = {}

    def let_in(self, credentials: str) -> None:
        """Remember that these had the right just now; "" for who needs none at this machine."""
        mark = self._mark(credentials)
        with self._lock:
            self._until.pop(mark, None)
            self._until[mark] = self._now() + KEPT_S
            while len(self._until) > MOST:
                del self._until[next(iter(self._until))]

    def turned_away(self, credentials: str) -> None:
        """Forget them: they have no right now."""
        with self._lock:
            self._until.pop(self._mark(credentials), None)

    def lately(self, credentials: str) -> bool:
        """Tell whether these had the right within the last hour, and were not turned away since."""
        with self._lock:
            return self._until.get(self._mark(credentials), 0.0) > self._now()

    def _mark(self, credentials: str) -> bytes:
        return hashlib.blake2b(credentials.encode("utf-8", "surrogatepass"), key=self._secret).digest()
