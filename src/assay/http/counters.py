"""Counts of requests, kept in a way that costs a request next to nothing.

Kept by the event loop alone, so that nothing needs a lock. Labels are few: what no route answers is one
route, and a method that nobody has is one method.
"""

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Final

from assay.http.exchanges import Exchange

BOUNDS_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
NO_ROUTE: Final = "none"
TOO_MANY: Final = 429
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_CLASSES: Final = ("broken", "1xx", "2xx", "3xx", "4xx", "5xx")


@dataclass(slots=True)
class Latency:
    """How long requests of one kind took.

    Attributes:
        buckets: how many took at most as long as each of ``BOUNDS_S`` but longer than the one before, and
            at the end how many took longer than all.
        sum_s: all of them together.
    """

    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    sum_s: float = 0.0


@dataclass(slots=True)
class Counters:
    """What one server has counted since it was started.

    Attributes:
        answered: (door, route, method, class of status) -> how many.
        latencies: (door, route, method) -> how long they took.
        bytes_in: door -> bytes of bodies that came in.
        bytes_out: door -> bytes of bodies that went out.
        sign_ins_failed: requests with credentials that were not good.
        rate_limited: requests that came too often.
    """

    answered: dict[tuple[str, str, str, str], int] = field(default_factory=dict)
    latencies: dict[tuple[str, str, str], Latency] = field(default_factory=dict)
    bytes_in: dict[str, int] = field(default_factory=dict)
    bytes_out: dict[str, int] = field(default_factory=dict)
    sign_ins_failed: int = 0
    rate_limited: int = 0

    def add(self, exchange: Exchange) -> None:
        """Count an exchange that has ended."""
        method = exchange.method if exchange.method in _METHODS else "other"
        door, kind = exchange.door, (exchange.door, exchange.route or NO_ROUTE, method)
        answered = (*kind, _CLASSES[exchange.status // 100 % 6])
        self.answered[answered] = self.answered.get(answered, 0) + 1
        latency = self.latencies.get(kind)
        if latency is None:
            latency = self.latencies[kind] = Latency()
        latency.buckets[bisect_left(BOUNDS_S, exchange.duration_s)] += 1
        latency.sum_s += exchange.duration_s
        self.bytes_in[door] = self.bytes_in.get(door, 0) + exchange.bytes_in
        self.bytes_out[door] = self.bytes_out.get(door, 0) + exchange.bytes_out
        self.sign_ins_failed += exchange.sign_in_failed
        self.rate_limited += exchange.status == TOO_MANY
