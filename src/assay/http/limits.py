"""How often one may ask: token buckets, kept by this server alone and never more than so many of them.

Each server counts for itself: what all of them let through together is at most as many times the rate as
there are servers. Counting together would cost every request a word with the database.

Sources: Hypertext Transfer Protocol status 429 (RFC 6585, section 4); RateLimit header fields for HTTP
(draft-ietf-httpapi-ratelimit-headers-10).
"""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from assay.core.errors import Reason, UnavailableError

MAX_BUCKETS: Final = 10_000
# Who mistypes is not stopped; who guesses is: ten at once, then one in five seconds.
SIGN_IN_PER_S: Final = 0.2
SIGN_IN_BURST: Final = 10


@dataclass(frozen=True, slots=True)
class Level:
    """How full a bucket is.

    Attributes:
        left: so many more may come at once.
        wait_s: so long until the next may come; 0 when one may now.
        full_s: so long until it is full.
    """

    left: int
    wait_s: float
    full_s: float


class Buckets:
    """One bucket for each key; each fills at the same rate up to the same height."""

    def __init__(self, per_s: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with all of them full.

        Args:
            per_s: so many drops a second come in.
            burst: so many find room.
            clock: tells seconds.
        """
        self._per_s = per_s
        self._burst = burst
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        """Return how many are remembered."""
        return len(self._buckets)

    def look(self, key: str) -> Level:
        """Return how full the bucket is."""
        return self._pour(key, 0)

    def take(self, key: str) -> Level:
        """Take a drop out, if there is one; ``wait_s`` says whether there was."""
        return self._pour(key, 1)

    def _pour(self, key: str, drops: int) -> Level:
        now = self._clock()
        with self._lock:
            height, at = self._buckets.get(key, (float(self._burst), now))
            height = min(float(self._burst), height + (now - at) * self._per_s)
            short = height < 1
            if drops:
                height -= 0 if short else drops
                self._buckets[key] = (height, now)
                self._buckets.move_to_end(key)
                # The one that was used longest ago has most likely filled up meanwhile.
                while len(self._buckets) > MAX_BUCKETS:
                    self._buckets.popitem(last=False)
        wait_s = (1 - height) / self._per_s if short else 0.0
        return Level(int(height), wait_s, (self._burst - height) / self._per_s)


class Tried(Enum):
    """What somebody signs in with."""

    PASSWORD = "password"
    TOKEN = "token"


class Limits:
    """How often a caller may ask, and how often credentials may be wrong."""

    def __init__(self, per_s: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Set the limits.

        Args:
            per_s: requests a second of one caller in the long run; 0 for any number.
            burst: requests at once.
            clock: tells seconds.
        """
        self._requests = Buckets(per_s, burst, clock) if per_s else None
        # Whoever makes up tokens, of which there is no end, must not push out who guesses a password.
        self._sign_ins = {
            kind: Buckets(SIGN_IN_PER_S, SIGN_IN_BURST, clock) for kind in (Tried.PASSWORD, Tried.TOKEN)
        }
        self._window_s = math.ceil(burst / per_s) if per_s else 0
        self._burst = burst

    def request(self, who: str) -> Level | None:
        """Count a request and return how the caller stands; None where nothing is limited."""
        return None if self._requests is None else self._requests.take(who)

    def refusal(self, level: Level) -> UnavailableError:
        """Return what is said to a caller who has to wait."""
        rule = f"at most {self._burst} at once, and {self._burst} in {self._window_s} s"
        return _too_many("you ask too often", rule, level.wait_s)

    def sign_in(self, kind: Tried, who: str) -> None:
        """Let somebody try to sign in.

        Raises:
            UnavailableError: too many tries failed.
        """
        level = self._sign_ins[kind].look(who)
        if level.wait_s:
            rule = f"at most {SIGN_IN_BURST} at once, and one in {1 / SIGN_IN_PER_S:g} s, may be wrong"
            raise _too_many("these credentials were wrong too often", rule, level.wait_s)

    def sign_in_failed(self, kind: Tried, who: str) -> None:
        """Count a failure."""
        self._sign_ins[kind].take(who)

    def headers(self, level: Level) -> list[tuple[bytes, bytes]]:
        """Return the fields that tell a client how it stands."""
        return [
            (b"ratelimit-policy", f'"caller";q={self._burst};w={self._window_s}'.encode()),
            (b"ratelimit", f'"caller";r={level.left};t={math.ceil(level.full_s)}'.encode()),
        ]


def _too_many(message: str, rule: str, wait_s: float) -> UnavailableError:
    seconds = max(1, math.ceil(wait_s))
    return UnavailableError(
        message,
        [Reason("requests", rule)],
        hint=f"ask again in {seconds} s",
        retry_after_s=seconds,
        too_many=True,
    )
