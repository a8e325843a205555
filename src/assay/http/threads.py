"""Where the work of requests is done: what may take long in threads of its own, where it stops nothing else.

A look at a few rows of an embedded database is done at once, where it was asked for: it takes less time
than to hand it to a thread and back. What reads more than that, but not for long, shares the event loop's own
threads. Writers queue for the database, so they have threads where nobody waits behind them who only reads;
what reads or writes whole files has others, where no writer waits behind it. Searches, and working out
passwords, have a few for themselves. Waiting for a search or for long work costs no thread at all.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeVar

from assay.core.errors import UnavailableError
from assay.http.turns import Turns
from assay.usecases.passwords import UnprovenError

T = TypeVar("T")
WRITERS: Final = 8
SEARCHES: Final = 4
LONG: Final = 8
PROOFS: Final = 2
# Whoever signs in waits some seconds at most behind so many from the same address.
PROOFS_WAITING: Final = 32


class Work(Enum):
    """What kind of work a request is.

    A LOOK finds a few rows by their keys and never writes. READ and WRITE wait for the database at most.
    SEARCH may keep it busy for seconds; LONG reads or writes whole files, or takes many away, which may last
    minutes.
    """

    LOOK = "look"
    READ = "read"
    WRITE = "write"
    SEARCH = "search"
    LONG = "long"


def usual_work(method: str) -> Work:
    """Return what kind of work requests of a method are, as a rule."""
    return Work.READ if method == "GET" else Work.WRITE


@dataclass(frozen=True, slots=True)
class Sender:
    """Who seems to send a request, before it is known.

    Attributes:
        address: of the peer; "" when it is not known.
        credentials: as they were sent; "" for none.
        browses: a cookie came along; a session may have to be prolonged for it.
    """

    address: str
    credentials: str
    browses: bool = False

    @classmethod
    def of(cls, headers: Mapping[str, str], address: str | None) -> "Sender":
        """Return the sender of a request with these headers, named in lower case."""
        return cls(address or "", headers.get("authorization", ""), "cookie" in headers)

    def work(self, asked: Work) -> Work:
        """Return what a request comes to, whose route asks for this kind of work."""
        return Work.READ if asked is Work.LOOK and self.browses else asked


class Threads:
    """Runs the work of one door."""

    def __init__(self, searches: int = SEARCHES, proofs: int = PROOFS, *, embedded: bool = False) -> None:
        """Make room for so many searches and so many passwords at once; threads are started when needed.

        ``embedded``: the database is a file of this machine, whose rows come without waiting for anybody.
        """
        self._embedded = embedded
        self._writing = ThreadPoolExecutor(WRITERS, "assay-write")
        self._searching = ThreadPoolExecutor(searches, "assay-search")
        self._lasting = ThreadPoolExecutor(LONG, "assay-long")
        self._proving = ThreadPoolExecutor(proofs, "assay-password")
        self._searches = Turns(searches, max(1, searches // 2))
        self._long = Turns(LONG, LONG // 2)
        self._proofs = Turns(proofs, proofs, PROOFS_WAITING)

    async def run(self, sender: Sender, act: Callable[[], T], work: Work = Work.READ) -> T:
        """Do ``act`` and return what it returns.

        When it needs a password that was not worked out yet, that is done first, and ``act`` anew.

        Raises:
            UnavailableError: too many from the same address sign in; and whatever else ``act`` raises.
        """
        try:
            return await self._run(sender, act, work)
        except UnprovenError as unproven:
            async with self._proofs.of(sender.address):
                await asyncio.get_running_loop().run_in_executor(
                    self._proving, copy_context().run, unproven.prove
                )
        try:
            return await self._run(sender, act, work)
        except UnprovenError as unproven:
            raise UnavailableError("many are signing in at this moment; try again") from unproven

    async def _run(self, sender: Sender, act: Callable[[], T], work: Work) -> T:
        if work is Work.LOOK and self._embedded:
            return act()
        if work in (Work.LOOK, Work.READ):
            return await asyncio.to_thread(act)
        loop, within = asyncio.get_running_loop(), copy_context().run
        if work is Work.WRITE:
            return await loop.run_in_executor(self._writing, within, act)
        is_search = work is Work.SEARCH
        turns, threads = (self._searches, self._searching) if is_search else (self._long, self._lasting)
        async with turns.of(sender.credentials or sender.address):
            return await loop.run_in_executor(threads, within, act)
