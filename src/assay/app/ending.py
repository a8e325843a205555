"""How the server ends: nothing new is let in, what is under way may finish, and nobody can hold it for ever.

::

    first SIGTERM or SIGINT
      at once           /readyz says 503; workers take no new job; answers tell connections to close
      after drain_s     nobody new can connect
      + shutdown_s      what is still under way is broken off
      + STOP_S          the server stops waiting for connections on which nothing is under way;
                        earlier when nothing was under way for so long
      + LAST_S          the process ends, whatever its threads do
    second one          the process ends at once
"""

import asyncio
import logging
import os
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from assay.http.exchanges import Exchanges

STOP_S: float = 5.0
LAST_S: float = 20.0
LOOK_S: Final = 0.1
KILLED: Final = 1
Worker = subprocess.Popen[bytes]
log = logging.getLogger("assay.server")


class Ending:
    """What is done when the server is told to stop."""

    def __init__(
        self,
        requests: Exchanges,
        refuse: Callable[[], Any],
        serving: "asyncio.Future[Any]",
        workers: list[Worker],
    ) -> None:
        """Keep what has to end.

        Args:
            requests: what is under way.
            refuse: lets nobody connect any more, and ends the server when the connections have ended.
            serving: is done when the server has ended.
            workers: end when their standard input does.
        """
        self._requests = requests
        self._refuse = refuse
        self._serving = serving
        self._workers = workers

    @property
    def begun(self) -> bool:
        """Whether the server was told to stop."""
        return self._requests.closing

    def begin(self, drain_s: float, shutdown_s: float) -> None:
        """Begin to end; when that has begun already, end at once. To be called in the event loop.

        Args:
            drain_s: so long everybody is still answered, while those who ask are told to go elsewhere.
            shutdown_s: so long after that, what is under way may take.
        """
        if self.begun:
            end_at_once(self._workers, "told a second time to stop")
        self._requests.closing = True
        under_way = len(self._requests)
        log.info("stopping; %s requests under way have %g s to end", under_way, drain_s + shutdown_s)
        let_go(self._workers)
        loop = asyncio.get_running_loop()
        loop.call_later(drain_s, self._refuse)
        loop.call_later(drain_s, self._look, 0.0)
        loop.call_later(drain_s + shutdown_s, self._break_off)
        loop.call_later(drain_s + shutdown_s + STOP_S, self._serving.cancel)
        self._end_at_last(drain_s + shutdown_s + LAST_S)

    def _break_off(self) -> None:
        count = self._requests.end()
        if count:
            log.warning("%s requests did not end in time; they are broken off", count)

    def _look(self, idle_s: float) -> None:
        """Give up who holds a connection and asks nothing by it."""
        if idle_s >= STOP_S:
            self._serving.cancel()
        elif not self._serving.done():
            next_idle_s = 0.0 if len(self._requests) else idle_s + LOOK_S
            asyncio.get_running_loop().call_later(LOOK_S, self._look, next_idle_s)

    def _end_at_last(self, after_s: float) -> None:
        """End the process in a while: nobody can break off what one of its threads is at.

        Nothing is lost by it: what was not committed is as if it had never been asked for.
        """
        words = f"not everything ended in {after_s:g} s"
        timer = threading.Timer(after_s, end_at_once, (self._workers, words, 0))
        timer.daemon = True
        timer.start()


def let_go(workers: list[Worker]) -> None:
    """Tell workers to end after the job that they are at."""
    for worker in workers:
        if worker.stdin:
            with suppress(BrokenPipeError):
                worker.stdin.close()


def end_at_once(workers: list[Worker], why: str, status: int = KILLED) -> None:
    """End the process and its workers now."""
    log.warning("%s; the server ends without waiting", why)
    for worker in workers:
        worker.kill()
    os._exit(status)
