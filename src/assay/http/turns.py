"""Turns: a few work at once, the others wait, which costs no thread; nobody takes all the turns alone."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from assay.core.errors import UnavailableError


class Turns:
    """Gives turns to those who wait, one after the other: who asks for many waits, and others do not.

    For use in one event loop.
    """

    def __init__(self, limit: int, share: int, room: int = 0) -> None:
        """Begin with nobody in.

        Args:
            limit: so many work at once.
            share: so many of them for the same one.
            room: so many of the same one work or wait; 0 for any number.
        """
        self._limit = limit
        self._share = share
        self._room = room
        self._busy: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def of(self, who: str) -> AsyncIterator[None]:
        """Wait for a turn and hold it.

        Raises:
            UnavailableError: there is no room for more of the same one.
        """
        if self._room and self._busy[who] + len(self._waiting.get(who, ())) >= self._room:
            raise UnavailableError("too many of your requests wait for the same; try again")
        if self._may(who):
            self._busy[who] += 1
        else:
            await self._wait(who)
        try:
            yield
        finally:
            self._leave(who)

    def _may(self, who: str) -> bool:
        return self._busy.total() < self._limit and self._busy[who] < self._share

    async def _wait(self, who: str) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(who, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._forget(who, turn)
            else:
                self._leave(who)  # the turn had come already
            raise

    def _forget(self, who: str, turn: "asyncio.Future[None]") -> None:
        queue = self._waiting.get(who, deque())
        if turn in queue:
            queue.remove(turn)
        if not queue:
            self._waiting.pop(who, None)

    def _leave(self, who: str) -> None:
        self._busy[who] -= 1
        if not self._busy[who]:
            del self._busy[who]
        for each, queue in list(self._waiting.items()):
            while queue and queue[0].done():
                queue.popleft()
            if queue and self._may(each):
                self._busy[each] += 1
                queue.popleft().set_result(None)
                self._waiting[each] = self._waiting.pop(each)  # behind the others now
            if not queue:
                del self._waiting[each]
