"""Bytes up: from the async server into synchronous stores, with flat memory and back pressure.

Storing runs in threads of its own: whoever sends slowly holds up other senders at most, never those
who only ask. Waiting for room costs no thread at all.
"""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Final, TypeVar

from assay.core.errors import BadInputError
from assay.http.bodies import IDLE_S, LEAST_BYTES_PER_S, TooLargeError, prompt
from assay.http.turns import Turns

T = TypeVar("T")
PIECE_BYTES: Final = 1 << 20
MAX_WAITING_BYTES: Final = 4 << 20
MAX_UPLOADS: Final = 32
MAX_OF_ONE: Final = 8
_BROKEN: Final = "the connection broke before all bytes had come"


class Feed:
    """Carries chunks from the event loop to one reading thread, a few MiB at most in between."""

    def __init__(self, idle_s: float = IDLE_S) -> None:
        """Begin empty and open; must be made in the event loop that fills it."""
        self._loop = asyncio.get_running_loop()
        self._idle_s = idle_s
        self._chunks: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._changed = threading.Condition()
        self._room = asyncio.Event()
        self._wanted = asyncio.Event()
        self._ended = False
        self._problem = ""

    async def fill(self, source: AsyncIterator[bytes]) -> None:
        """Pass on everything from ``source``; an interrupted or silent one makes the reader raise.

        Nothing is read before the reader wants something: by then it has looked at all that it knew without,
        and who asks before sending (``Expect: 100-continue``) is told of what is wrong before sending.
        """
        gathered = bytearray()
        problem = _BROKEN
        try:
            await self._wanted.wait()
            async for chunk in prompt(source, self._idle_s, LEAST_BYTES_PER_S):
                gathered += chunk
                if len(gathered) >= PIECE_BYTES:
                    await self._pass(bytes(gathered))
                    gathered.clear()
            if gathered:
                await self._pass(bytes(gathered))
            problem = ""
        except TimeoutError as error:
            problem = str(error)
        finally:
            self._end(problem)

    def __iter__(self) -> Iterator[bytes]:
        """Yield the chunks in the reading thread.

        Raises:
            BadInputError: the sender went away in the middle.
        """
        self._loop.call_soon_threadsafe(self._wanted.set)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._chunks or self._ended)
                if not self._chunks:
                    if self._problem:
                        raise BadInputError.of("body", self._problem)
                    return
                chunk = self._chunks.popleft()
                self._waiting_bytes -= len(chunk)
            self._loop.call_soon_threadsafe(self._room.set)
            yield chunk

    def abandon(self) -> None:
        """End it from the outside: what waits is dropped, and a reader that still reads raises."""
        with self._changed:
            self._chunks.clear()
            self._waiting_bytes = 0
        self._end(_BROKEN)
        self._room.set()

    async def _pass(self, chunk: bytes) -> None:
        while not self._put(chunk):
            await self._room.wait()

    def _put(self, chunk: bytes) -> bool:
        with self._changed:
            if self._ended:
                return True
            if self._waiting_bytes >= MAX_WAITING_BYTES:
                self._room.clear()  # under the lock: the reader's next set comes after it
                return False
            self._chunks.append(chunk)
            self._waiting_bytes += len(chunk)
            self._changed.notify_all()
            return True

    def _end(self, problem: str) -> None:
        with self._changed:
            if not self._ended:
                self._ended = True
                self._problem = problem
            self._changed.notify_all()


class Uploads:
    """Lets a limited number of uploads be stored at once, fewer of one caller; the others wait their turn."""

    def __init__(self, limit: int = MAX_UPLOADS, of_one: int = MAX_OF_ONE, *, most_bytes: int = 0) -> None:
        """Make room for uploads; threads are started when needed.

        Args:
            limit: at once.
            of_one: of them of one caller.
            most_bytes: none may be larger; 0 for any size.
        """
        self._most_bytes = most_bytes
        self._threads = ThreadPoolExecutor(limit, "assay-upload")
        self._turns = Turns(limit, of_one)

    async def store(
        self,
        who: str,
        source: AsyncIterator[bytes],
        put: Callable[[Feed], T],
        size_bytes: int | None = None,
    ) -> T:
        """Run ``put`` in a thread over the bytes of ``source`` and return what it returns.

        Args:
            who: whose upload it is.
            source: the bytes.
            put: what takes them.
            size_bytes: how many there will be, if the sender says so.

        Raises:
            TooLargeError: there are, or will be, more than may be.
            BadInputError: ``put`` saw the bytes break off; and whatever else ``put`` raises.
        """
        if self._most_bytes and (size_bytes or 0) > self._most_bytes:
            raise TooLargeError(self._most_bytes)
        async with self._turns.of(who):
            feed = Feed(IDLE_S)
            bounded = _bounded(source, self._most_bytes) if self._most_bytes else source
            filling = asyncio.ensure_future(feed.fill(bounded))
            try:
                # The thread's log lines belong to the request as well.
                run = copy_context().run
                return await asyncio.get_running_loop().run_in_executor(self._threads, run, put, feed)
            except BadInputError:
                if filling.done() and isinstance(filling.exception(), TooLargeError):
                    raise TooLargeError(self._most_bytes) from None
                raise
            finally:
                feed.abandon()
                filling.cancel()
                # A sender that went away is an error of its own, which the reader was told in our words.
                await asyncio.gather(filling, return_exceptions=True)


async def _bounded(source: AsyncIterator[bytes], most_bytes: int) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in source:
        size += len(chunk)
        if size > most_bytes:
            raise TooLargeError(most_bytes)
        yield chunk
