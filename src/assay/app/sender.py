"""The sender: takes messages to webhooks from the queue and sends them, beside the server's doors.

One thread fills and looks through the queue; each message goes out in a thread of its own, a few at a
time and one per webhook, so that a slow receiver holds up nobody else. After a failure a webhook is left
alone until its message is due again. What is under way when the process dies is sent again by another.
"""

import logging
import os
import secrets
import socket
import threading
import time
from typing import Final

from assay.core.deliveries import Delivery, DeliveryState
from assay.core.errors import UnavailableError
from assay.usecases.delivering import Delivering, Outgoing

POLL_S: Final = 0.5
SWEEP_S: Final = 3600.0
MOST_AT_ONCE: Final = 8
log = logging.getLogger("assay.sender")


class Sender:
    """Runs until it is stopped."""

    def __init__(self, delivering: Delivering) -> None:
        """Prepare; :meth:`start` begins."""
        self._delivering = delivering
        self._name = f"sender:{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._under_way: dict[str, threading.Thread] = {}
        self._paused: dict[str, float] = {}
        self._swept = -SWEEP_S
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, or begin again when the thread has ended by an error of the program."""
        if not self._stop.is_set() and (self._thread is None or not self._thread.is_alive()):
            self._thread = threading.Thread(target=self._run, name="sender", daemon=True)
            self._thread.start()

    def stop(self, patience_s: float) -> None:
        """Take nothing more, and wait so long for what is under way."""
        self._stop.set()
        self._wake.set()
        end = time.monotonic() + patience_s
        with self._lock:
            threads = list(self._under_way.values())
        for thread in [*([self._thread] if self._thread else []), *threads]:
            thread.join(max(0.0, end - time.monotonic()))

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                busy = self._turn()
            except UnavailableError as error:
                log.warning("%s: %s; trying again", self._name, error)
                busy = False
            if not busy:
                self._wake.wait(POLL_S)
            self._wake.clear()

    def _turn(self) -> bool:
        """Do one thing; tell whether there may be more to do at once."""
        if time.monotonic() - self._swept >= SWEEP_S:
            self._delivering.forget()
            self._swept = time.monotonic()
        more = self._delivering.gather()
        spared = self._spared()
        if spared is None or self._stop.is_set():
            return False
        outgoing = self._delivering.take(self._name, spared)
        if outgoing is None:
            return more
        thread = threading.Thread(target=self._send, args=(outgoing,), name="sending", daemon=True)
        with self._lock:
            self._under_way[outgoing.hook.id] = thread
        thread.start()
        return True

    def _spared(self) -> frozenset[str] | None:
        """Return the webhooks to leave alone; None when as many messages as may be are under way."""
        now = time.monotonic()
        with self._lock:
            if len(self._under_way) >= MOST_AT_ONCE:
                return None
            self._paused = {hook: until for hook, until in self._paused.items() if until > now}
            return frozenset(self._under_way) | frozenset(self._paused)

    def _send(self, outgoing: Outgoing) -> None:
        hook_id = outgoing.hook.id
        try:
            sent = self._delivering.send(outgoing, self._name)
            if sent is None:
                log.warning("%s: came too late with %s; it is not sent", self._name, outgoing.delivery.id)
                return
            if sent.delivery.state is DeliveryState.WAITING:
                with self._lock:
                    self._paused[hook_id] = time.monotonic() + sent.pause_s
            _report(sent.delivery)
        except UnavailableError as error:
            log.warning("%s: %s: %s; it is sent again later", self._name, outgoing.delivery.id, error)
        finally:
            with self._lock:
                del self._under_way[hook_id]
            self._wake.set()


def _report(delivery: Delivery) -> None:
    """Say what became of a message; where it went to is never said."""
    if delivery.state is DeliveryState.DELIVERED:
        log.info("message %s delivered to webhook %s", delivery.id, delivery.hook_id)
    else:
        what = "given up" if delivery.state is DeliveryState.FAILED else "not delivered yet"
        reason = delivery.problem
        log.warning("message %s to webhook %s %s: %s", delivery.id, delivery.hook_id, what, reason)
